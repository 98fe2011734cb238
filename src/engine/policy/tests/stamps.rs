//! Stamp cards: buy two coffees, and the third is half as dear.

use super::personal::known;
use super::*;
use crate::engine::settings::StampCard;

/// A shop where every third coffee is half as dear.
fn stamp_shop() -> World {
    let mut world = pinned_shop();
    world.settings.rules.pinned.clear();
    world.settings.stamp_cards = vec![StampCard { category: "coffees".into(), buy: 2, discount_ratio: 0.5 }];
    for item in ["arabica", "robusta", "liberica"] {
        give(&world, item, Product { margin_ppm: Some(800_000), ..product(10, "coffees") });
    }
    world
}

#[test]
fn a_full_stamp_card_makes_the_next_one_cheaper() {
    const NONE: Said<'_> = Err(Outcome::TooLittleEvidence);
    fn coffees(world: &mut World, items: &[&str]) {
        for (n, item) in items.iter().enumerate() {
            buy_as(world, (n as i64 - 50) * DAY_MS, "u", &[item]);
        }
    }
    fn buy_in(world: &mut World, session: &str, item: &str) {
        world.take(&purchase(-3 + i64::from(item == "robusta"), session, &[item], r#","customer_id":"u""#));
    }
    check(
        stamp_shop,
        known,
        &[
            ("one of two", |w| coffees(w, &["arabica"]), NONE),
            ("two of two", |w| coffees(w, &["arabica", "arabica"]), Ok(&["arabica"])),
            (
                "two of two, what was bought most often first",
                |w| coffees(w, &["robusta", "arabica", "robusta", "x", "robusta", "robusta"]),
                Ok(&["robusta"]),
            ),
            ("three: the card begins anew", |w| coffees(w, &["arabica", "robusta", "liberica"]), NONE),
            ("five: full again", |w| coffees(w, &["arabica", "arabica", "arabica", "arabica", "arabica"]), Ok(&["arabica"])),
            ("others' stamps", |w| buy_as(w, -9, "v", &["arabica", "robusta"]), Err(Outcome::TooLittleEvidence)),
            (
                "the favourite can't be had",
                |w| {
                    coffees(w, &["arabica", "arabica"]);
                    buy_as(w, -9, "v", &["robusta"]);
                    alter(w, "arabica", |product| product.in_stock = Some(false));
                },
                Ok(&["robusta"]),
            ),
            (
                "nothing of it can be cheaper",
                |w| {
                    coffees(w, &["arabica", "robusta"]);
                    ["arabica", "robusta", "liberica"].iter().for_each(|item| alter(w, item, |product| product.margin_ppm = None));
                },
                Err(Outcome::NoMargin),
            ),
            (
                "all that could be cheaper was just bought",
                |w| {
                    buy_in(w, "s", "arabica");
                    buy_in(w, "s", "robusta");
                },
                NONE,
            ),
            (
                "what this customer bought, whatever sells best",
                |w| {
                    coffees(w, &["robusta", "robusta"]);
                    (0..5).for_each(|n| buy_as(w, -9, &format!("v{n}"), &["arabica"]));
                    buy_as(w, -8, "u", &["a drink of another kind"]);
                },
                Ok(&["robusta"]),
            ),
            (
                "where add-ons alone are made, it is one",
                |w| {
                    coffees(w, &["arabica", "robusta"]);
                    cart(w).kinds = vec![OfferKind::AddOn];
                },
                Ok(&["arabica add_on"]),
            ),
            (
                "what was earned may be dearer than what is there",
                |w| {
                    coffees(w, &["arabica", "arabica"]);
                    alter(w, "arabica", |product| product.price = Some(money(900)));
                },
                Ok(&["arabica"]),
            ),
            (
                "no room for companions",
                |w| {
                    coffees(w, &["arabica", "arabica"]);
                    cart(w).kinds = vec![OfferKind::Upsell];
                },
                NONE,
            ),
        ],
    );
}

#[test]
fn what_a_stamp_card_makes_cheaper_comes_first_and_says_so() {
    let mut world = stamp_shop();
    world.settings.rules.pinned = vec!["case".into()];
    buy_as(&mut world, -9 * DAY_MS, "u", &["arabica", "robusta"]);
    let offer = json(&known(&mut world));
    let first = &offer["items"][0];
    assert_eq!((&first["item_id"], &first["price"], &first["price_before"]), (&"arabica".into(), &"5".into(), &"10".into()));
    assert_eq!((&first["evidence"]["step"], &first["evidence"]["together"]), (&"history".into(), &3.into()));
    assert_eq!(offer["items"][1]["item_id"], "case");
}

#[test]
fn units_make_stamps_and_a_cancelled_order_takes_them_back() {
    let mut world = stamp_shop();
    let two = r#""customer_id":"u","order_id":"o","items":[{"item_id":"arabica","quantity":2}]"#;
    world.take(&event("purchase", -9 * DAY_MS, "before", two));
    let stamps = |world: &World| world.shop.customers.with("u", |history| history.stamps.get("coffees").copied()).flatten();
    assert_eq!(stamps(&world), Some(2));
    assert_eq!(said(&known(&mut world)), Ok(vec!["arabica".to_owned()]));
    world.take(&event("order_cancelled", 1, "before", r#""order_id":"o""#));
    assert_eq!(stamps(&world), Some(0));
}

#[test]
fn a_stamp_card_is_used_once_a_visit() {
    let mut world = stamp_shop();
    policy(&mut world, Placement::PostPurchase).enabled = true;
    buy_as(&mut world, -9 * DAY_MS, "u", &["arabica", "robusta"]);
    assert_eq!(said(&known(&mut world)), Ok(vec!["arabica".to_owned()]));
    let bought = world.take(&purchase(60_000, "s", &["phone", "arabica"], r#","customer_id":"u""#));
    assert_eq!(said(&bought), Err(Outcome::TooLittleEvidence));
}
