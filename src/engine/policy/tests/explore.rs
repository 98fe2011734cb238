//! Exploration: a small share of offers for new items.

use super::*;

/// The phone's shop, where the last place of every offer may go to a new case.
fn shop() -> World {
    let mut world = phone_shop();
    world.settings.rules.exploration_ratio = 1.0;
    world.settings.rules.new_item_baskets_max = 3;
    give(&world, "sleeve", product(15, "cases"));
    world
}

#[test]
fn a_new_item_takes_the_last_place_where_it_may() {
    const NEW: Said<'_> = Ok(&["case", "film", "sleeve"]);
    const OLD: Said<'_> = Ok(&["case", "film", "charger"]);
    check(
        shop,
        put_phone,
        &[
            ("a new one of a category that goes with the basket", |_| {}, NEW),
            ("nothing is explored", |w| w.settings.rules.exploration_ratio = 0.0, OLD),
            ("sold as often as what is no longer new", |w| w.baskets(3, &["sleeve"]), OLD),
            ("sold not so often", |w| w.baskets(2, &["sleeve"]), NEW),
            ("of a category that nothing is known of", |w| give(w, "sleeve", product(15, "hats")), OLD),
            ("a rule speaks against it", |w| alter(w, "sleeve", |product| product.in_stock = Some(false)), OLD),
            ("one place there is", |w| cart(w).items_max = 1, Ok(&["sleeve"])),
            ("two places there are", |w| cart(w).items_max = 2, Ok(&["case", "sleeve"])),
            (
                "a place is free",
                |w| {
                    cart(w).items_max = 3;
                    cart(w).baskets_together_min = 4;
                },
                NEW,
            ),
            (
                "the last place is a pinned companion's",
                |w| {
                    cart(w).items_max = 1;
                    alter(w, "phone", |product| product.pinned = vec!["strap".into()]);
                },
                Ok(&["strap"]),
            ),
            (
                "no place for companions",
                |w| {
                    cart(w).kinds = vec![OfferKind::Upsell];
                    give(w, "pro", Product { upgrade_of: Some("phone".into()), ..product(1_200, "phones") });
                },
                Ok(&["pro upsell"]),
            ),
            (
                "the last place is an upgrade's",
                |w| {
                    cart(w).kinds = vec![OfferKind::Upsell, OfferKind::CrossSell];
                    cart(w).items_max = 1;
                    give(w, "pro", Product { upgrade_of: Some("phone".into()), ..product(1_200, "phones") });
                },
                Ok(&["pro upsell"]),
            ),
            (
                "the last place is a bundle's",
                |w| {
                    cart(w).kinds = vec![OfferKind::Bundle, OfferKind::CrossSell];
                    cart(w).items_max = 2;
                    w.settings.discounts.bundle_ratio = 0.1;
                    ["case", "film"].iter().for_each(|item| alter(w, item, |product| product.margin_ppm = Some(400_000)));
                },
                Ok(&["case bundle", "film bundle"]),
            ),
            ("nothing else is there", |w| cart(w).baskets_together_min = 9, Err(Outcome::TooLittleEvidence)),
            (
                "a new one of the basket's own category",
                |w| {
                    cart(w).baskets_together_min = 9;
                    give(w, "fold", product(700, "phones"));
                },
                Ok(&["fold"]),
            ),
        ],
    );
}

#[test]
fn the_share_of_offers_explored_is_the_one_published() {
    let mut world = shop();
    world.settings.rules.exploration_ratio = 0.2;
    let mut explored = 0;
    for n in 0..1_000 {
        let effects = put(&mut world, 0, &format!("s{n}"), "phone");
        let (offer, with_new) = (json(&effects), said(&effects).unwrap().contains(&"sleeve".to_owned()));
        let expected = if with_new { ("explore", "0.200000") } else { ("default", "0.800000") };
        assert_eq!((offer["variant"].as_str(), offer["propensity"].as_str()), (Some(expected.0), Some(expected.1)));
        explored += u32::from(with_new);
    }
    assert!((160..240).contains(&explored), "{explored} of 1,000");
}

#[test]
fn every_new_item_has_its_chance() {
    let mut world = shop();
    for n in 0..4 {
        give(&world, &format!("new{n}"), product(15, "cases"));
    }
    let mut explored: Vec<String> = (0..100).filter_map(|n| said(&put(&mut world, 0, &format!("s{n}"), "phone")).unwrap().pop()).collect();
    explored.sort();
    explored.dedup();
    assert_eq!(explored, ["new0", "new1", "new2", "new3", "sleeve"]);
}
