//! What a shopkeeper who reads the offers would find odd.

use super::*;
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::ItemStep;

#[test]
fn what_is_bought_together_says_so_wherever_it_was_ranked() {
    let mut world = World::new();
    for (item, price, category) in [("phone", 800, "phones"), ("film", 10, "films"), ("tea", 5, "teas"), ("lamp", 20, "lamps")] {
        give(&world, item, product(price, category));
    }
    world.baskets(2, &["phone", "film"]);
    world.baskets(30, &["tea", "x"]);
    put_phone(&mut world);
    let offer = json(&put(&mut world, 1, "s", "lamp"));
    assert_eq!(offer["items"][0]["item_id"], "film");
    assert_eq!((&offer["items"][0]["evidence"]["step"], &offer["items"][0]["evidence"]["with"]), (&"pair".into(), &"phone".into()));
    assert_eq!(offer["items"][1]["evidence"]["step"], "popular", "tea was ranked before it");
}

#[test]
fn who_took_the_better_one_is_not_asked_for_one_better_still() {
    let mut world = World::new();
    for placement in [Placement::ProductPage, Placement::Cart] {
        let policy = policy(&mut world, placement);
        (policy.enabled, policy.kinds) = (true, vec![OfferKind::Upsell]);
    }
    for (item, price, than) in [("phone", 800, None), ("plus", 900, Some("phone")), ("ultra", 1_000, Some("plus"))] {
        give(&world, item, Product { upgrade_of: than.map(Into::into), ..product(price, "phones") });
    }
    assert_eq!(said(&put(&mut world, 0, "other", "plus")), Ok(vec!["ultra upsell".to_owned()]), "of their own accord");
    let offer = view(&mut world, 1, "s", "phone");
    assert_eq!(said(&offer), Ok(vec!["plus upsell".to_owned()]));
    respond(&mut world, "offer_shown", 2, "s", &offer);
    assert!(said(&put(&mut world, 3, "s", "plus")).is_err());
}

#[test]
fn only_what_nobody_bought_or_rated_is_called_new() {
    let reason = |change: fn(&mut World)| {
        let mut world = phone_shop();
        world.settings.rules.exploration_ratio = 1.0;
        give(&world, "pouch", product(15, "cases"));
        change(&mut world);
        let offer = json(&put_phone(&mut world));
        assert_eq!((&offer["variant"], &offer["items"][2]["item_id"]), (&"explore".into(), &"pouch".into()));
        offer["items"][2]["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason(|_| {}), "New in cases");
    assert_eq!(reason(|world| world.baskets(1, &["pouch", "x"])), "Our suggestion from cases");
    let rated = reason(|world| alter(world, "pouch", |product| (product.rating_centi, product.rating_count) = (Some(460), Some(212))));
    assert_eq!(rated, "Our suggestion from cases. 4.6 of 5 from 212 ratings");
}

#[test]
fn what_was_seen_weeks_ago_may_be_in_the_mail_that_follows_the_order() {
    let mut world = phone_shop();
    let follow_up = policy(&mut world, Placement::FollowUp);
    (follow_up.enabled, follow_up.kinds) = (true, vec![OfferKind::CrossSell]);
    let offer = put_phone(&mut world);
    respond(&mut world, "offer_shown", 1, "s", &offer);
    let all = said(&offer);
    buy(&mut world, 2, "s", &["phone"]);
    let mails = wait(&mut world, 22 * DAY_MS);
    assert_eq!(said(mails.last().unwrap()), all);
}

#[test]
fn what_is_left_out_is_named_once_for_each_rule() {
    let mut world = phone_shop();
    world.settings.rules.excluded_items = vec!["case".into()];
    let mut dropped = put_phone(&mut world).dropped;
    assert!(dropped.contains(&("case".into(), Outcome::Excluded)));
    let all = dropped.len();
    dropped.sort();
    dropped.dedup();
    assert_eq!(dropped.len(), all);
}

#[test]
fn who_takes_the_pages_own_item_from_a_ladder_was_not_sold_more() {
    for (taken, extra) in [("phone", 0), ("plus", 100_000_000)] {
        let mut world = World::new();
        let page = policy(&mut world, Placement::ProductPage);
        (page.enabled, page.ladder) = (true, true);
        for (item, price, than) in [("phone", 800, None), ("plus", 900, Some("phone")), ("ultra", 1_000, Some("plus"))] {
            give(&world, item, Product { upgrade_of: than.map(Into::into), ..product(price, "phones") });
        }
        let offer = view(&mut world, 0, "s", "phone");
        assert_eq!(said(&offer), Ok(vec!["phone upsell".to_owned(), "plus upsell".to_owned(), "ultra upsell".to_owned()]));
        respond(&mut world, "offer_shown", 1, "s", &offer);
        put(&mut world, 2, "s", taken);
        buy(&mut world, 3, "s", &[taken]);
        let totals = world.shop.totals();
        assert_eq!(totals.sum(|key| matches!(key, TotalKey::OfferItems { step: ItemStep::Paid, .. })), 1, "{taken}");
        assert_eq!(totals.sum(|key| matches!(key, TotalKey::ExtraRevenue { .. })), extra, "{taken}");
    }
}

#[test]
fn the_levels_of_a_ladder_may_be_variants_at_near_prices() {
    let mut world = World::new();
    let page = policy(&mut world, Placement::ProductPage);
    (page.enabled, page.ladder) = (true, true);
    for (item, price, of) in [("128", 800, None), ("256", 850, Some("128")), ("512", 900, Some("128"))] {
        give(&world, item, Product { variant_of: of.map(Into::into), ..product(price, "phones") });
    }
    assert_eq!(said(&view(&mut world, 0, "s", "128")), Ok(["128", "256", "512"].map(|item| format!("{item} upsell")).to_vec()));
}

#[test]
fn what_is_only_popular_is_offered_where_it_has_to_do_with_the_basket_or_nobody_can_tell() {
    let shop = |tea: Option<&str>, together: bool| {
        let mut world = World::new();
        give(&world, "phone", product(800, "phones"));
        give(&world, "tea", tea.map_or_else(Product::default, |category| product(5, category)));
        world.baskets(30, &["tea"]);
        if together {
            give(&world, "kettle", product(60, "kettles"));
            for (category, times) in [("teas", 2), ("kettles", 0)] {
                let other = if category == "teas" { "pekoe" } else { "kettle" };
                give(&world, other, product(20, category));
                world.baskets(times, &["phone", other]);
            }
        }
        said(&put_phone(&mut world)).map(|items| items.iter().any(|item| item == "tea"))
    };
    assert_eq!(shop(Some("teas"), false), Err(Outcome::TooLittleEvidence), "tea beside a phone");
    assert_eq!(shop(None, false), Ok(true), "nobody knows what it is");
    assert_eq!(shop(Some("phones"), false), Ok(true), "another one of the kind");
    assert_eq!(shop(Some("teas"), true), Ok(true), "teas are bought with phones here");
}
