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

#[test]
fn what_is_bought_together_less_often_than_by_chance_is_no_companion() {
    let offered = |tea_alone: usize| {
        let mut world = World::new();
        world.baskets(20, &["phone"]);
        world.baskets(4, &["phone", "tea"]);
        world.baskets(tea_alone, &["tea"]);
        said(&put_phone(&mut world)).is_ok()
    };
    // 4 of 24 baskets with a phone; of all 26 baskets, 6 have tea: 4 * 26 is less than 24 * 6. With 5 of 25 they are even less.
    assert_eq!((offered(0), offered(2)), (true, false));
}

#[test]
fn an_excluded_category_covers_what_lies_within_it() {
    for (category, expected) in
        [("Drinks > Wine", Err(Outcome::Excluded)), ("Drinks", Err(Outcome::Excluded)), ("Drinksware", Ok(vec!["case".to_owned()]))]
    {
        let mut world = pinned_shop();
        world.settings.rules.excluded_categories = vec!["Drinks".into()];
        give(&world, "case", product(20, category));
        assert_eq!(said(&put_phone(&mut world)), expected, "{category}");
    }
}

#[test]
fn a_variant_of_what_was_just_bought_is_not_offered() {
    let mut world = pinned_shop();
    alter(&world, "case", |product| product.variant_of = Some("cases".into()));
    give(&world, "sleeve", Product { variant_of: Some("cases".into()), ..product(20, "sleeves") });
    buy(&mut world, -1, "s", &["sleeve"]);
    assert_eq!(said(&put_phone(&mut world)), Err(Outcome::VariantThere));
}

#[test]
fn on_a_products_page_no_upgrade_of_something_else_is_offered() {
    let mut world = World::new();
    let page = policy(&mut world, Placement::ProductPage);
    (page.enabled, page.kinds) = (true, vec![OfferKind::Upsell]);
    give(&world, "phone", product(300, "phones"));
    give(&world, "plus", Product { upgrade_of: Some("phone".into()), ..product(400, "phones") });
    give(&world, "max", product(520, "phones"));
    put_phone(&mut world);
    assert_eq!(said(&view(&mut world, 1, "s", "phone")), Ok(vec!["plus upsell".to_owned()]));
    assert!(said(&view(&mut world, 2, "s", "max")).is_err(), "who looks at the best is not shown the second best");
}

#[test]
fn each_item_of_an_order_is_followed_up_when_it_runs_out() {
    let mut settings = World::new().settings;
    let policy = settings.placements.get_mut(Placement::FollowUp);
    policy.enabled = true;
    policy.session_max = 0;
    let mut world = World::with(settings);
    for (item, days) in [("coffee", 30), ("filter", 90)] {
        give(&world, item, Product { replenish_days: Some(days), ..product(10, item) });
    }
    buy(&mut world, 0, "s", &["coffee", "filter"]);
    let made: Vec<_> = (0..100).flat_map(|day| wait(&mut world, day * DAY_MS)).map(|effects| said(&effects)).collect();
    assert_eq!(made, [Ok(vec!["coffee".to_owned()]), Ok(vec!["coffee".to_owned(), "filter".to_owned()])]);
}

#[test]
fn of_those_who_considered_an_item_who_bought_it_counts_too() {
    let mut world = World::new();
    give(&world, "a", product(300, "phones"));
    give(&world, "b", product(400, "phones"));
    for (n, bought) in ["a", "a", "a", "b", "b", "case"].into_iter().enumerate() {
        let session = format!("s{n}");
        view(&mut world, 0, &session, "a");
        buy(&mut world, 1, &session, &[bought]);
    }
    assert_eq!(world.shop.passed_over.of("a"), (6, vec![("b".into(), 2)]));
}
