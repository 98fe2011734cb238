//! What a merchant would find wrong if it were otherwise.

use super::*;
use crate::engine::settings::StampCard;

#[test]
fn a_counted_pair_comes_before_what_is_merely_popular_or_of_its_category() {
    let mut world = World::new();
    world.baskets(2, &["phone", "film"]);
    world.baskets(60, &["bag"]);
    cart(&mut world).items_max = 1;
    put(&mut world, 0, "s", "phone");
    assert_eq!(said(&put(&mut world, 1, "s", "unknown")).unwrap(), ["film"]);
}

#[test]
fn the_purchase_that_uses_a_full_card_up_is_not_offered_the_next_one_cheaper() {
    let mut world = World::new();
    policy(&mut world, Placement::PostPurchase).enabled = true;
    world.settings.stamp_cards = vec![StampCard { category: "coffees".into(), buy: 2, discount_ratio: 0.5 }];
    for item in ["arabica", "robusta", "liberica"] {
        give(&world, item, Product { margin_ppm: Some(800_000), ..product(10, "coffees") });
    }
    buy_as(&mut world, -9 * DAY_MS, "u", &["arabica", "robusta"]);
    let effects = world.take(&purchase(0, "s", &["liberica"], r#","customer_id":"u""#));
    assert!(effects.offer.is_none(), "{:?}", said(&effects));
}

#[test]
fn a_full_card_is_not_offered_for_a_second_coffee_beside_the_one_in_the_basket() {
    let mut world = World::new();
    world.settings.stamp_cards = vec![StampCard { category: "coffees".into(), buy: 2, discount_ratio: 0.5 }];
    for item in ["arabica", "robusta", "liberica"] {
        give(&world, item, Product { margin_ppm: Some(800_000), ..product(10, "coffees") });
    }
    buy_as(&mut world, -9 * DAY_MS, "u", &["arabica", "robusta"]);
    tell(&mut world, -1, "s", r#""customer_id":"u""#);
    let effects = put(&mut world, 0, "s", "liberica");
    assert!(effects.offer.is_none(), "{:?}", said(&effects));
}

#[test]
fn what_was_bought_in_this_visit_is_known_without_a_refund_window() {
    let mut world = pinned_shop();
    let mut settings = world.settings.clone();
    settings.attribution.refund_window = crate::engine::settings::DurationMs(0);
    world = World::with(settings);
    buy(&mut world, -1, "s", &["case"]);
    assert_eq!(said(&put_phone(&mut world)), Err(Outcome::JustBought));
}

#[test]
fn one_person_who_bought_two_is_no_proof_that_phones_are_bought_again() {
    let mut world = pinned_shop();
    for (day, customer) in [(-90, "v"), (-80, "v"), (-90, "w"), (-30, "u")] {
        buy_as(&mut world, day * DAY_MS, customer, &["case"]);
    }
    tell(&mut world, -1, "s", r#""customer_id":"u""#);
    assert_eq!(said(&put_phone(&mut world)), Err(Outcome::Owned));
}

#[test]
fn refunded_coffees_make_no_stamps() {
    let mut world = World::new();
    let two = r#""customer_id":"u","order_id":"o","items":[{"item_id":"arabica","quantity":2,"category":"coffees"}]"#;
    world.take(&event("purchase", -9 * DAY_MS, "before", two));
    world.take(&event("refund", -8 * DAY_MS, "before", r#""order_id":"o""#));
    assert_eq!(world.shop.customers.with("u", |history| history.stamps.get("coffees").copied()).flatten(), Some(0));
}

#[test]
fn a_pinned_companion_may_be_dearer() {
    let mut world = World::new();
    give(&world, "phone", Product { pinned: vec!["tv".into()], ..product(800, "phones") });
    give(&world, "tv", product(900, "tvs"));
    assert_eq!(said(&put_phone(&mut world)).unwrap(), ["tv"]);
}

#[test]
fn a_bundle_that_has_no_margin_says_so() {
    let mut world = phone_shop();
    cart(&mut world).kinds = vec![OfferKind::Bundle];
    world.settings.discounts.bundle_ratio = 0.1;
    assert_ne!(said(&put_phone(&mut world)), Err(Outcome::TooLittleEvidence));
}

#[test]
fn a_basket_left_a_second_time_is_asked_for_again() {
    let mut settings = World::new().settings;
    settings.placements.get_mut(Placement::AbandonedCart).enabled = true;
    settings.rules.pinned = vec!["case".into()];
    settings.rules.repeat_shown = true;
    let mut world = World::with(settings);
    put_phone(&mut world);
    assert_eq!(wait(&mut world, 31 * 60_000).len(), 1);
    put(&mut world, 60 * 60_000, "s", "tv");
    assert_eq!(wait(&mut world, 120 * 60_000).len(), 1);
}
