//! Bundles: the item in view and its companions, cheaper together.

use super::*;
use crate::engine::settings::Amount;

const BOTH: Said<'_> = Ok(&["case bundle", "film bundle"]);

/// The phone's shop, which sells bundles alone: companions a tenth cheaper.
fn shop() -> World {
    let mut world = phone_shop();
    cart(&mut world).kinds = vec![OfferKind::Bundle];
    world.settings.discounts.bundle_ratio = 0.1;
    world.settings.discounts.margin_ratio_min = 0.1;
    for item in ["case", "film", "charger", "phone"] {
        alter(&world, item, |product| product.margin_ppm = Some(400_000));
    }
    world
}

fn margin(world: &World, item: &str, ppm: Option<u32>) {
    alter(world, item, |product| product.margin_ppm = ppm);
}

#[test]
fn a_bundle_has_two_companions_at_most_each_bought_with_the_item_in_view() {
    check(
        shop,
        put_phone,
        &[
            ("three there are", |_| {}, BOTH),
            ("one place there is", |w| cart(w).items_max = 1, Ok(&["case bundle"])),
            ("two places there are", |w| cart(w).items_max = 2, BOTH),
            ("one is out of stock", |w| alter(w, "case", |p| p.in_stock = Some(false)), Ok(&["film bundle", "charger bundle"])),
            (
                "one is dearer than the item in view",
                |w| alter(w, "case", |p| p.price = Some(money(801))),
                Ok(&["film bundle", "charger bundle"]),
            ),
            (
                "one has a price in another currency, and what was paid for it is known",
                |w| alter(w, "case", |p| (p.price, p.currency) = (Some(money(5)), crate::event::Currency::parse("EUR"))),
                BOTH,
            ),
            ("one has no known margin", |w| margin(w, "case", None), Ok(&["film bundle", "charger bundle"])),
            ("one has no margin to give", |w| margin(w, "case", Some(100_000)), Ok(&["film bundle", "charger bundle"])),
            ("one has little margin to give", |w| margin(w, "case", Some(101_000)), BOTH),
            ("pairs are too few", |w| cart(w).baskets_together_min = 5, Ok(&["case bundle"])),
            ("all pairs are too few", |w| cart(w).baskets_together_min = 6, Err(Outcome::TooLittleEvidence)),
            (
                "what is bought with another item in the basket",
                |w| {
                    give(w, "tv", product(900, "tvs"));
                    give(w, "cable", Product { margin_ppm: Some(400_000), ..product(9, "cables") });
                    w.baskets(9, &["tv", "cable"]);
                    put(w, -1, "s", "tv");
                },
                BOTH,
            ),
            (
                "what is merely popular",
                |w| {
                    give(w, "cable", Product { margin_ppm: Some(400_000), ..product(9, "cables") });
                    w.baskets(50, &["cable"]);
                },
                BOTH,
            ),
            (
                "the item in view has a price in another currency, and 10 was paid for it, which is too little for all but the film",
                |w| alter(w, "phone", |p| (p.price, p.currency) = (Some(money(5)), crate::event::Currency::parse("EUR"))),
                Ok(&["film bundle"]),
            ),
            ("the item in view can't be had", |w| alter(w, "phone", |p| p.in_stock = Some(false)), Err(Outcome::TooLittleEvidence)),
            ("no discount, no bundle", |w| w.settings.discounts.bundle_ratio = 0.0, Err(Outcome::TooLittleEvidence)),
        ],
    );
}

#[test]
fn a_bundle_says_its_code_its_expiry_and_its_price_before_and_after() {
    let mut world = shop();
    world.settings.discounts.code_prefix = "PAIR".into();
    let offer = json(&put_phone(&mut world));
    let code = offer["bundle"]["code"].as_str().unwrap();
    assert_eq!((code.len(), &code[..5]), (15, "PAIR-"));
    assert!(code[5..].bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{code}");
    // 800 + 20 + 10, and a tenth off the companions.
    assert_eq!((&offer["bundle"]["price_before"], &offer["bundle"]["price"]), (&"830".into(), &"827".into()));
    assert_eq!((&offer["items"][0]["price_before"], &offer["items"][0]["price"]), (&"20".into(), &"18".into()));
    assert_eq!((&offer["items"][1]["price_before"], &offer["items"][1]["price"]), (&"10".into(), &"9".into()));
    assert_eq!((&offer["ts"], &offer["expires_at"]), (&"2026-03-02T00:00:00.000Z".into(), &"2026-03-03T00:00:00.000Z".into()));
    let other = json(&put(&mut world, 0, "t", "phone"));
    assert_ne!(code, other["bundle"]["code"]);
}

#[test]
fn a_bundles_discount_is_that_of_the_segment_within_the_margin_in_steps() {
    let price_of = |given: Given| {
        let mut world = shop();
        tell(&mut world, -1, "s", r#""segment":"vip""#);
        given(&mut world);
        json(&put_phone(&mut world))["items"][0]["price"].clone()
    };
    let cases: [(&str, Given, &str); 5] = [
        ("the discount of all", |w| w.settings.discounts.bundle_ratio_by_segment = [("new".into(), 0.5)].into(), "18"),
        ("the segment's own", |w| w.settings.discounts.bundle_ratio_by_segment = [("vip".into(), 0.25)].into(), "15"),
        (
            "the floor: 12 / 0.75",
            |w| {
                w.settings.discounts.bundle_ratio = 0.5;
                w.settings.discounts.margin_ratio_min = 0.25;
            },
            "16",
        ),
        ("up to the next whole", |w| w.settings.discounts.price_step = Amount(money(1)), "18"),
        ("up to the next three", |w| w.settings.discounts.price_step = Amount(money(3)), "18"),
    ];
    for (what, given, expected) in cases {
        assert_eq!(price_of(given), expected, "{what}");
    }
    let mut world = shop();
    world.settings.discounts.bundle_ratio_by_segment = [("new".into(), 0.0)].into();
    assert_eq!(said(&put_phone(&mut world)), Err(Outcome::TooLittleEvidence), "a segment without a discount has no bundle");
}

#[test]
fn a_bundle_leaves_the_other_places_to_the_other_kinds() {
    let mut world = shop();
    cart(&mut world).kinds = vec![OfferKind::CrossSell, OfferKind::Bundle];
    assert_eq!(said(&put_phone(&mut world)).unwrap(), ["charger", "case bundle", "film bundle"]);
    cart(&mut world).kinds = vec![OfferKind::Bundle, OfferKind::CrossSell];
    assert_eq!(said(&put(&mut world, 0, "t", "phone")).unwrap(), ["case bundle", "film bundle", "charger"]);
    ["case", "film", "charger"].iter().for_each(|item| margin(&world, item, None));
    let none = json(&put(&mut world, 0, "v", "phone"));
    assert_eq!((none["items"].as_array().unwrap().len(), &none["bundle"]), (3, &serde_json::Value::Null), "no companion, no bundle");
    cart(&mut world).kinds = vec![OfferKind::CrossSell];
    let offer = json(&put(&mut world, 0, "u", "phone"));
    assert!(offer.get("bundle").is_none() && offer["items"][0].get("price_before").is_none());
}

#[test]
fn without_an_item_in_view_the_dearest_is_the_bundles_own() {
    let mut world = shop();
    let checkout = policy(&mut world, Placement::Checkout);
    checkout.kinds = vec![OfferKind::Bundle];
    give(&world, "tv", product(700, "tvs"));
    give(&world, "cable", Product { margin_ppm: Some(400_000), ..product(9, "cables") });
    world.baskets(9, &["tv", "cable"]);
    put(&mut world, 0, "s", "phone");
    put(&mut world, 0, "s", "tv");
    let offer = json(&world.take(&event("checkout", 1, "s", "")));
    assert_eq!(offer["items"][0]["item_id"], "case");
    assert_eq!(offer["bundle"]["price_before"], "830");
}
