//! A record of the catalogue's topic, key and value: a row that the catalogue takes and gives back, or a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::catalogue::{DESCRIPTION_BYTES_MAX, LIST_MAX, URL_BYTES_MAX, from_record};
use offerstream::engine::catalogue::Catalogue;
use offerstream::event::{Currency, ID_BYTES_MAX, Money, TEXT_BYTES_MAX};

fuzz_target!(|bytes: &[u8]| {
    // The key, a line feed, the value; without the line feed there is no key.
    let (key, value) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (Some(&bytes[..at]), &bytes[at + 1..]),
        None => (None, bytes),
    };
    let Ok(row) = from_record(key, Some(value)) else { return };
    assert!((1..=ID_BYTES_MAX).contains(&row.item.len()));
    let catalogue = Catalogue::new(10);
    let Some(product) = row.product else { return catalogue.withdraw(&row.item) };
    assert!(product.title.iter().chain(&product.category).chain(&product.brand).all(|text| text.len() <= TEXT_BYTES_MAX));
    assert!(product.description.as_ref().is_none_or(|text| text.len() <= DESCRIPTION_BYTES_MAX));
    assert!(product.image_url.iter().chain(&product.url).chain(&product.add_url).all(|url| url.len() <= URL_BYTES_MAX));
    assert!(product.pinned.len() <= LIST_MAX && product.excluded.len() <= LIST_MAX);
    assert!(product.price.is_none_or(|price| (Money::ZERO..=Money::MAX).contains(&price)));
    let title = product.title.clone();
    assert!(catalogue.give(row.item.clone(), product));
    catalogue.check_relations();
    assert_eq!(catalogue.get(&row.item).title, title);
    let _ = catalogue.facets(&row.item, Currency::USD);
});
