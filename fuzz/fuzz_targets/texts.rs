//! A file of texts: what passes can say every reason without failing; the locale is hostile, too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::engine::texts::{Basis, Proof, Said, Texts};
use offerstream::engine::vocabulary::{OfferKind, Placement};
use offerstream::event::{Currency, Money};

fuzz_target!(|text: &str| {
    let (locale, source) = text.split_once('\n').unwrap_or(("en", text));
    let mut texts = Texts::built_in();
    let _ = texts.add(locale, "fuzz.ftl", source);
    let money = Some((Money(2_500_000), Currency::USD));
    for (at, basis) in Basis::ALL.into_iter().enumerate() {
        let said = Said {
            placement: Placement::ALL[at % Placement::ALL.len()],
            kind: OfferKind::CrossSell,
            basis,
            with: Some("a thing"),
            category: Some("things"),
            together: 42,
            baskets: 100,
            difference: money,
            saving: money,
            days: Some(3),
            number: Some(2),
        };
        let _ = texts.reason(locale, &said, &Proof::default());
        let bare = Said { with: None, category: None, together: 0, baskets: 0, difference: None, saving: None, days: None, number: None, ..said };
        let _ = texts.reason(locale, &bare, &Proof::default());
    }
});
