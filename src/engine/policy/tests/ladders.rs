//! The ladder of three price levels of the page's item.

use super::upsells::{PRO, shop, upgrade_of, variant_of};
use super::*;
use crate::engine::totals::TotalKey;

/// A shop whose pages show ladders: `phone`, `pro` and `max`, each an upgrade of the one before.
fn ladder_shop() -> World {
    let mut world = shop();
    let page = policy(&mut world, Placement::ProductPage);
    (page.enabled, page.ladder, page.kinds) = (true, true, vec![OfferKind::Upsell]);
    give(&world, "max", product(1_800, "phones"));
    upgrade_of(&world, "pro", "phone");
    upgrade_of(&world, "max", "pro");
    world
}

#[test]
fn a_ladder_has_three_price_levels_or_is_none() {
    const LADDER: Said<'_> = Ok(&["phone upsell", "pro upsell", "max upsell"]);
    check(
        ladder_shop,
        |w| view(w, 0, "s", "phone"),
        &[
            ("three levels", |_| {}, LADDER),
            ("none is asked for", |w| policy(w, Placement::ProductPage).ladder = false, PRO),
            ("two levels", |w| upgrade_of(w, "max", "x"), PRO),
            ("the highest is too dear", |w| alter(w, "max", |product| product.price = Some(money(2_401))), PRO),
            ("the page's item is out of stock", |w| alter(w, "phone", |product| product.in_stock = Some(false)), PRO),
            (
                "the page's item is in the basket",
                |w| {
                    put(w, -1, "s", "phone");
                },
                PRO,
            ),
            (
                "three variants of one item",
                |w| {
                    for variant in ["pro", "max"] {
                        alter(w, variant, |product| (product.upgrade_of, product.variant_of) = (None, Some("phone".into())));
                    }
                },
                LADDER,
            ),
            (
                "three of one brand at like prices",
                |w| {
                    alter(w, "pro", |product| product.price = Some(money(880)));
                    alter(w, "max", |product| product.price = Some(money(980)));
                },
                LADDER,
            ),
            (
                "another variant is in the basket",
                |w| {
                    give(w, "mini", product(700, "phones"));
                    ["mini", "pro", "max"].iter().for_each(|item| variant_of(w, item, "phone"));
                    put(w, -1, "s", "mini");
                },
                Err(Outcome::VariantThere),
            ),
        ],
    );
}

#[test]
fn the_pages_own_item_is_no_extra_revenue_and_a_better_level_is_by_the_difference() {
    for (bought, extra) in [("phone", 0), ("pro", 400_000_000), ("max", 1_000_000_000)] {
        let mut world = ladder_shop();
        let offer = view(&mut world, 0, "s", "phone");
        respond(&mut world, "offer_shown", 1, "s", &offer);
        buy(&mut world, 2, "s", &[bought]);
        let sum = world.sum(|key| matches!(key, TotalKey::ExtraRevenue { .. }));
        assert_eq!(sum, extra, "{bought}");
    }
}

#[test]
fn each_level_of_a_ladder_replaces_the_item_of_the_page() {
    let offer = json(&view(&mut ladder_shop(), 0, "s", "phone"));
    let replaced: Vec<_> = offer["items"].as_array().unwrap().iter().map(|item| item["replaces"].as_str()).collect();
    assert_eq!(replaced, [None, Some("phone"), Some("phone")]);
}
