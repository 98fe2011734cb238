//! A record of the shop log: refused, or folded into a shop. As with sessions, also as the body of a frame that fits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::dump;
use offerstream::engine::settings::Limits;
use offerstream::engine::shop::Shop;
use offerstream::state::{Header, ShopRecord, encode_records};

fuzz_target!(|bytes: &[u8]| {
    let _ = ShopRecord::decode(bytes);
    let version = encode_records(Header { incarnation: 0, commit: 0, decay: None }, &[])[0][0];
    let Ok(record) = ShopRecord::decode(&framed(version, bytes)) else { return };
    let written = encode_records(record.header, &record.facts);
    let read: Vec<_> = written.iter().flat_map(|bytes| ShopRecord::decode(bytes).unwrap().facts).collect();
    assert_eq!(read, record.facts);
    let limits = Limits { items: 50, customers: 10, customer_offers: 10, combinations: 10, experiment_shoppers: 10, ..Limits::default() };
    let shop = Shop::new(&limits);
    if let Some(decay) = record.header.decay {
        shop.set_decay(decay);
    }
    record.facts.iter().for_each(|fact| shop.fold(fact));
    dump::counts(&shop, &mut Vec::new()).unwrap();
    dump::totals(&shop, &mut Vec::new()).unwrap();
    shop.usage(&limits);
});

fn framed(version: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![version];
    frame.extend(crc32fast::hash(body).to_le_bytes());
    frame.extend(body);
    frame
}
