use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::engine::catalogue::Product;
use crate::engine::offer::id_text;
use crate::engine::test_support::{DAY_MS, HOUR_MS, START, World, event, item, items_of, order, raw, totals_of};
use crate::engine::vocabulary::{Arm, Outcome};
use crate::event::EventType;
use crate::event::{Currency, Money};

/// All sessions of the world's partition, as the changelog has them.
fn sessions(world: &World) -> Vec<(SessionKey, Session)> {
    world.sessions.sorted().into_iter().map(|(key, session)| (key.clone(), session.clone())).collect()
}

fn basket_of(world: &World, session: &str) -> Vec<(String, u32)> {
    let lines = |session: &Session| session.basket.lines.iter().map(|line| (line.item.to_string(), line.quantity.0 / 1_000)).collect();
    world.sessions.get(&format!("s:{session}")).map(lines).unwrap_or_default()
}

#[test]
fn an_event_says_which_session_changed_and_that_it_was_used() {
    let mut world = World::new();
    let effects = world.take(&event("product_viewed", 0, "s", &item("a")));
    assert_eq!((effects.session.as_str(), effects.offer.is_none()), ("s:s", true));
    assert_eq!(totals_of(&effects.facts), [(&TotalKey::Events(EventType::ProductViewed), 1)]);
}

#[test]
fn a_purchase_closes_the_basket_of_the_cart_it_names() {
    let mut world = World::new();
    world.take(&event("cart_add", 0, "s", &format!(r#"{},"cart_id":"k""#, item("a"))));
    world.take(&raw("purchase", 1, &format!(r#""cart_id":"k",{}"#, order("o", &["a", "b"]))));
    assert_eq!(basket_of(&world, "s"), []);
    assert_eq!((world.total(&TotalKey::Orders), world.total(&TotalKey::OrdersUnmatched)), (1, 0));
    // The order links on: its refund needs no more than its own id.
    assert!(world.try_take(&raw("refund", 2, r#""order_id":"o""#)).is_ok());
}

#[test]
fn what_was_in_the_basket_and_not_bought_leaves_no_evidence() {
    let mut world = World::new();
    let mut bought_only = World::new();
    for name in ["a", "left behind", "b"] {
        world.add(0, "s", name);
    }
    world.take(&event("checkout", 1, "s", ""));
    for world in [&mut world, &mut bought_only] {
        world.take(&event("purchase", 2, "s", &order("o", &["a", "b"])));
    }
    assert_eq!(world.counts(), bought_only.counts());
    assert_eq!((world.own("a").0, world.own("left behind")), (1, (0, 0)));
}

#[test]
fn a_line_gives_a_fifth_in_the_basket_half_at_the_checkout_and_one_once_bought() {
    let mut world = World::new();
    let weight = |world: &World| world.own("a").1 as f64 / world.shop.decay().unwrap().whole_at(START);
    for (kind, fields, worth) in [("cart_add", item("a"), 0.2), ("checkout", String::new(), 0.5), ("purchase", order("o", &["a"]), 1.0)] {
        world.take(&event(kind, 0, "s", &fields));
        assert!((weight(&world) - worth).abs() < 1e-6, "{kind}: {}", weight(&world));
    }
}

#[test]
fn a_removed_line_leaves_no_evidence() {
    let mut world = World::new();
    world.add(0, "s", "a");
    let before = world.counts();
    for name in ["b", "c"] {
        world.add(1, "s", name);
    }
    for name in ["b", "c"] {
        world.take(&event("cart_remove", 2, "s", &format!(r#""item_id":"{name}""#)));
    }
    assert_eq!(world.counts(), before);
}

#[test]
fn a_purchase_an_event_an_item_counts_as_one_with_all_items() {
    let mut whole = World::new();
    let mut flat = World::new();
    for world in [&mut whole, &mut flat] {
        world.add(0, "s", "a");
    }
    whole.take(&event("purchase", 1, "s", &format!(r#"{},"customer_id":"u""#, order("o", &["a", "b", "c"]))));
    for (n, name) in ["a", "b", "c"].into_iter().enumerate() {
        let fields = format!(r#""order_id":"o","customer_id":"u",{}"#, item(name));
        flat.take(&event("purchase", 1 + n as i64 * 1_000, "s", &fields));
    }
    assert_eq!(whole.counts(), flat.counts());
    assert_eq!((flat.total(&TotalKey::Orders), flat.total(&TotalKey::OrderRevenue(Currency::USD))), (1, 30_000_000));
    let history = |world: &World| world.shop.customers.with("u", |history| (history.baskets, history.items.clone()));
    assert_eq!(history(&whole), history(&flat));
}

#[test]
fn a_cancelled_order_takes_all_its_evidence_back() {
    let mut world = World::new();
    world.baskets(2, &["a", "b"]);
    let before = world.counts();
    let ids = r#""order_id":"o","customer_id":"u""#;
    world.take(&event("purchase", 0, "s", &format!(r#"{},"customer_id":"u""#, order("o", &["a", "c"]))));
    assert_ne!(world.counts(), before);
    world.take(&event("order_cancelled", 1, "s", ids));
    assert_eq!(world.counts(), before);
    assert_eq!(world.shop.customers.with("u", |history| (history.baskets, history.items.len())), Some((0, 0)));
    let revenue = [TotalKey::OrderRevenue(Currency::USD), TotalKey::OrderRevenueRefunded(Currency::USD)].map(|key| world.total(&key));
    assert_eq!(revenue, [2 * 20_000_000 + 20_000_000, 20_000_000]);
}

#[test]
fn a_refund_of_an_order_that_is_not_known_is_rejected_and_changes_nothing() {
    let mut world = World::new();
    world.take(&event("purchase", 0, "s", &order("o", &["a"])));
    let before = (sessions(&world), world.counts(), world.shop.totals().clone());
    for (kind, session, fields) in [
        ("refund", "s", r#""order_id":"other""#),
        ("refund", "new", r#""order_id":"other""#),
        ("order_cancelled", "s", r#""order_id":"other""#),
    ] {
        let reject = world.try_take(&event(kind, 1, session, fields)).unwrap_err();
        assert_eq!(reject.reason, RejectReason::UnknownOrder);
        assert!(reject.detail.contains("\"other\""), "{}", reject.detail);
        assert_eq!((sessions(&world), world.counts(), world.shop.totals().clone()), before);
    }
}

#[test]
fn a_refund_is_taken_until_its_window_ends_and_rejected_afterwards() {
    for (after_ms, taken) in [(30 * DAY_MS, true), (30 * DAY_MS + 1, false)] {
        let mut world = World::new();
        world.take(&event("purchase", 0, "s", &order("o", &["a"])));
        assert_eq!(world.try_take(&event("refund", after_ms, "s", r#""order_id":"o""#)).is_ok(), taken);
        assert_eq!(world.total(&TotalKey::OrderRevenueRefunded(Currency::USD)) > 0, taken);
    }
}

#[test]
fn a_repeated_event_changes_nothing_a_second_time() {
    let mut world = World::new();
    for (kind, fields) in [
        ("cart_add", format!(r#"{},"event_id":"1""#, item("a"))),
        ("cart_remove", r#""item_id":"a","quantity":0.5,"event_id":"2""#.into()),
        ("purchase", order("o", &["a", "b"])),
        ("refund", r#""order_id":"o","items":[{"item_id":"b","quantity":0.5}]"#.into()),
        ("order_cancelled", r#""order_id":"o""#.into()),
    ] {
        let event = event(kind, 0, "s", &fields);
        world.take(&event);
        let (counts, sum) = (world.counts(), world.sum(|key| !matches!(key, TotalKey::Events(_) | TotalKey::Triggers(..))));
        let lines = basket_of(&world, "s");
        world.take(&event);
        assert_eq!((world.counts(), basket_of(&world, "s")), (counts, lines), "{kind}");
        assert_eq!(world.sum(|key| !matches!(key, TotalKey::Events(_) | TotalKey::Triggers(..))), sum, "{kind}");
    }
}

#[test]
fn a_purchase_that_comes_again_days_later_is_still_known() {
    let mut world = World::new();
    world.take(&event("purchase", 0, "s", &order("o", &["a", "b"])));
    let counts = world.counts();
    world.take(&event("purchase", 3 * DAY_MS, "s", &order("o", &["a", "b"])));
    assert_eq!((world.counts(), world.total(&TotalKey::OrderRevenue(Currency::USD))), (counts, 20_000_000));
}

#[test]
fn the_same_id_in_another_session_is_another_event() {
    let mut world = World::new();
    for session in ["s", "t"] {
        world.take(&event("cart_add", 0, session, &format!(r#"{},"event_id":"1""#, item("a"))));
        assert_eq!(basket_of(&world, session), [("a".into(), 1)]);
    }
}

#[test]
fn an_erased_customer_is_forgotten_in_history_session_and_offers() {
    let mut world = World::new();
    world.baskets(3, &["x", "y"]);
    for n in 0..2 {
        world.take(&event("purchase", n, "s", &format!(r#"{},"customer_id":"u""#, order(&format!("o{n}"), &["milk"]))));
    }
    assert!(world.shop.customers.with("u", |_| ()).is_some());
    world.take(&event("customer_erased", 2, "s", r#""customer_id":"u""#));
    assert!(world.shop.customers.with("u", |_| ()).is_none());
    let session = world.sessions.get("s:s").unwrap();
    assert!(session.customer.is_none() && session.orders.iter().all(|order| order.customer.is_none()));
    let offer = world.add(3, "s", "x").unwrap();
    assert!(!serde_json::to_string(&offer).unwrap().contains("customer_id"));
    // Cancelling what he bought finds nothing to take back, and brings nothing up again.
    world.take(&event("order_cancelled", 4, "s", r#""order_id":"o0""#));
    assert!(world.shop.customers.with("u", |_| ()).is_none());
}

#[test]
fn checkout_lines_replace_the_basket_that_was_known() {
    let mut world = World::new();
    world.add(0, "s", "a");
    world.take(&event("checkout", 1, "s", r#""items":[{"item_id":"b"},{"item_id":"c","quantity":2}]"#));
    assert_eq!(basket_of(&world, "s"), [("b".into(), 1), ("c".into(), 2)]);
    assert_eq!(world.own("a"), (0, 0));
}

#[test]
fn a_price_that_is_missing_is_the_catalogues_then_the_carts_then_counted() {
    let mut world = World::new();
    let price = |micros| Product { price: Some(Money(micros)), ..Product::default() };
    world.shop.catalogue.give("known".into(), price(7_000_000));
    // What is learned from other sessions is not asked: when it is learned depends on the commits.
    world.take(&event("product_viewed", 0, "t", r#""item_id":"unknown","price":3"#));
    world.add(0, "s", "carted");
    let fresh = crate::engine::shop::Shop::new(&world.settings.limits);
    let bought = event("purchase", 1, "s", r#""order_id":"o","items":[{"item_id":"known"},{"item_id":"carted"},{"item_id":"unknown"}]"#);
    let revenue = |facts: &[Fact]| {
        totals_of(facts).into_iter().filter(|(key, _)| matches!(key, TotalKey::OrderRevenue(_))).map(|(_, sum)| sum).collect::<Vec<_>>()
    };
    let cart_only = apply(&world.settings, &mut Sessions::new(&world.settings), &bought, &fresh).unwrap();
    assert!(revenue(&cart_only.facts).is_empty());
    let effects = world.take(&bought);
    // In the order of the basket.
    assert_eq!(revenue(&effects.facts), [10_000_000, 7_000_000]);
    assert_eq!(world.total(&TotalKey::Unpriced), 1);
}

#[test]
fn a_price_in_another_currency_never_stands_in() {
    let mut world = World::new();
    world.shop.catalogue.give("dollars".into(), Product { price: Some(Money(7_000_000)), ..Product::default() });
    world.take(&event("cart_add", 0, "s", r#""item_id":"sum","price":9,"currency":"UZS""#));
    world.take(&event("purchase", 1, "s", r#""order_id":"o","currency":"EUR","items":[{"item_id":"dollars"},{"item_id":"sum"}]"#));
    world.take(&event("purchase", 2, "s", r#""order_id":"p","items":[{"item_id":"sum"}]"#));
    assert_eq!(world.sum(|key| matches!(key, TotalKey::OrderRevenue(_))), 0);
    assert_eq!(world.total(&TotalKey::Unpriced), 3);
}

#[test]
fn an_item_that_finds_no_room_in_the_basket_is_not_offered_and_its_trigger_says_so() {
    let mut settings = World::new().settings.clone();
    settings.limits.basket_lines = 1;
    let mut world = World::with(settings);
    world.baskets(5, &["phone", "case"]);
    world.add(0, "s", "phone");
    assert!(world.add(1, "s", "case").is_none());
    assert_eq!(world.triggers(Placement::Cart, Outcome::BasketFull), 1);
}

#[test]
fn a_session_remembers_no_more_order_lines_than_its_limit_and_the_newest_order_longest() {
    let mut settings = World::new().settings.clone();
    settings.limits.order_lines_per_session = 3;
    let mut world = World::with(settings);
    let buy = |order: &str, items: &[&str]| {
        let lines: Vec<String> = items.iter().map(|item| format!(r#"{{"item_id":"{item}"}}"#)).collect();
        event("purchase", 1, "s", &format!(r#""order_id":"{order}","items":[{}]"#, lines.join(",")))
    };
    for (order, items) in [("o1", &["a", "b"][..]), ("o2", &["c"]), ("o3", &["d", "e"]), ("o4", &["f", "g", "h", "i"])] {
        world.take(&buy(order, items));
        let session = world.sessions.get("s:s").unwrap();
        assert!(session.orders.iter().map(|order| order.lines.len()).sum::<usize>() <= 3, "after {order}");
        assert_eq!(session.orders.back().unwrap().id, order);
    }
}

#[test]
fn the_price_in_the_basket_stands_in_where_the_shop_knows_none() {
    let mut world = World::new();
    let known_nothing = crate::engine::shop::Shop::new(&world.settings.limits);
    let add = event("cart_add", 0, "s", &item("a"));
    apply(&world.settings, &mut world.sessions, &add, &known_nothing).unwrap();
    let bought = event("purchase", 1, "s", r#""order_id":"o","items":[{"item_id":"a","quantity":2}]"#);
    let effects = apply(&world.settings, &mut world.sessions, &bought, &known_nothing).unwrap();
    assert!(totals_of(&effects.facts).contains(&(&TotalKey::OrderRevenue(Currency::USD), 20_000_000)));
}

#[test]
fn an_order_of_which_no_basket_was_known_is_counted_as_unmatched() {
    let mut world = World::new();
    world.take(&event("purchase", 0, "s", &order("o", &["a"])));
    assert_eq!((world.total(&TotalKey::Orders), world.total(&TotalKey::OrdersUnmatched)), (1, 1));
}

#[test]
fn an_offer_names_its_cause_and_the_one_it_supersedes() {
    let mut world = World::new();
    world.baskets(3, &["x", "y"]);
    let first = world.add(0, "s", "x").unwrap();
    let fields = format!(r#"{},"event_id":"e","cart_id":"k","channel":"fax","customer_id":"u","locale":"uz""#, item("z"));
    let second = world.take(&event("cart_add", 1_000, "s", &fields)).offer.unwrap();
    let json: serde_json::Value = serde_json::to_value(&second).unwrap();
    assert_ne!(first.offer_id, second.offer_id);
    for (pointer, value) in [
        ("/type", "offer"),
        ("/ts", "2026-03-02T00:00:01.000Z"),
        ("/placement", "cart"),
        ("/session_id", "s"),
        ("/cart_id", "k"),
        ("/customer_id", "u"),
        ("/channel", "fax"),
        ("/locale", "uz"),
        ("/cause/type", "cart_add"),
        ("/cause/event_id", "e"),
        ("/cause/item_id", "z"),
        ("/arm", "treatment"),
        ("/propensity", "1.000000"),
        ("/expires_at", "2026-03-03T00:00:01.000Z"),
        ("/supersedes", &first.offer_id),
        ("/items/0/item_id", "y"),
        ("/items/0/kind", "cross_sell"),
        ("/items/0/price", "10"),
        ("/items/0/currency", "USD"),
        ("/items/0/evidence/with", "x"),
        ("/items/0/evidence/step", "pair"),
    ] {
        assert_eq!(json.pointer(pointer).and_then(|found| found.as_str()), Some(value), "{pointer}");
    }
    assert_eq!(json.pointer("/items/0/evidence/together"), Some(&3.into()));
    assert!(json.get("order_id").is_none());
    let newest = &world.sessions.get("s:s").unwrap().newest_offers;
    assert_eq!(newest.iter().map(|(at, id)| (*at, id_text(*id))).collect::<Vec<_>>(), [(Placement::Cart, second.offer_id)]);
}

#[test]
fn the_same_events_make_the_same_offer_ids_and_other_events_others() {
    let offers = |session: &str, at_ms: i64| {
        let mut world = World::new();
        world.baskets(3, &["x", "y"]);
        [0, 0].map(|_| world.add(at_ms, session, "x").unwrap().offer_id)
    };
    assert_eq!(offers("s", 0), offers("s", 0));
    let all: BTreeSet<String> = [offers("s", 0), offers("t", 0), offers("s", 1)].concat().into_iter().collect();
    assert_eq!(all.len(), 6, "two events of one millisecond are two causes");
}

#[test]
fn lines_past_the_limit_make_no_pairs_and_are_counted() {
    let mut settings = World::new().settings;
    settings.limits.pairs_per_basket = 3;
    let mut world = World::with(settings);
    world.take(&event("purchase", 0, "s", &order("o", &["a", "b", "c", "d", "e"])));
    assert_eq!((world.total(&TotalKey::LinesNotPaired), world.shop.counts.pairs(), world.shop.counts.items()), (2, 3, 5));
}

#[test]
fn only_so_many_offers_and_orders_are_remembered() {
    let mut settings = World::new().settings;
    (settings.limits.offers_per_session, settings.limits.orders_per_session) = (2, 2);
    let mut world = World::with(settings);
    world.baskets(3, &["x", "y"]);
    for n in 0..4 {
        world.add(n, "s", &format!("i{n}"));
        world.add(n, "s", "x");
    }
    assert_eq!(world.sessions.get("s:s").unwrap().offers.len(), 2);
    for n in 0..3 {
        world.take(&event("purchase", 9 + n, "s", &order(&format!("o{n}"), &["a"])));
    }
    assert!(world.try_take(&event("refund", 20, "s", r#""order_id":"o0""#)).is_err());
    assert!(world.try_take(&event("refund", 20, "s", r#""order_id":"o2""#)).is_ok());
}

/// Any event of few sessions and items, some of them repeated word for word.
fn events() -> impl Strategy<Value = Vec<ShopEvent>> {
    let name = || proptest::sample::select(vec!["a", "b", "c", "d", "e"]);
    let fields = prop_oneof![
        6 => name().prop_map(|name| ("cart_add", item(name))),
        1 => name().prop_map(|name| ("cart_remove", format!(r#""item_id":"{name}""#))),
        2 => Just(("checkout", String::new())),
        1 => (0..6_u8, proptest::sample::subsequence(vec!["a", "b", "c", "d"], 1..=3))
            .prop_map(|(n, items)| ("purchase", order(&format!("o{n}"), &items))),
        1 => (0..6_u8).prop_map(|n| ("refund", format!(r#""order_id":"o{n}""#))),
        1 => name().prop_map(|name| ("product_viewed", item(name))),
    ];
    let one = (fields, 0..4_u8, 0..3 * HOUR_MS, proptest::option::of(0..9_u8));
    proptest::collection::vec(one, 1..60).prop_map(|steps| {
        let mut at_ms = 0;
        let event = |((kind, mut fields), session, step_ms, id): ((&str, String), u8, i64, Option<u8>)| {
            at_ms += step_ms;
            if let Some(id) = id {
                fields += &format!(r#"{}"event_id":"{id}""#, if fields.is_empty() { "" } else { "," });
            }
            event(kind, at_ms, &format!("s{session}"), &fields)
        };
        steps.into_iter().map(event).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_trigger_ends_as_exactly_one_of_offer_withheld_and_suppressed(events in events(), held_out in any::<bool>(), salt in "[a-z]{4}") {
        let mut settings = World::new().settings;
        settings.placements.get_mut(Placement::Cart).baskets_together_min = 1;
        settings.placements.get_mut(Placement::Cart).popular_baskets_min = 2;
        settings.experiment.holdout_ratio = if held_out { 0.5 } else { 0.0 };
        settings.experiment.salt = salt.into();
        let mut world = World::with(settings);
        let (mut triggers, mut made, mut ids) = (0, [0, 0], BTreeSet::new());
        for event in &events {
            let Ok(effects) = world.try_take(event) else { continue };
            let is_trigger = matches!(event.kind, EventKind::CartAdd { .. } | EventKind::Checkout(_));
            let outcomes: Vec<Outcome> = totals_of(&effects.facts)
                .into_iter()
                .filter_map(|(key, delta)| if let TotalKey::Triggers(_, outcome) = key { Some((*outcome, delta)) } else { None })
                .map(|(outcome, delta)| { assert_eq!(delta, 1); outcome })
                .collect();
            prop_assert_eq!(outcomes.len(), usize::from(is_trigger));
            triggers += outcomes.len() as i128;
            let Some(offer) = effects.offer else {
                prop_assert!(outcomes.iter().all(|outcome| outcome.is_suppressed()));
                continue;
            };
            made[usize::from(offer.arm == Arm::Holdout)] += 1;
            prop_assert_eq!(outcomes, [if offer.arm == Arm::Holdout { Outcome::Withheld } else { Outcome::Offered }]);
            let basket: Vec<String> = basket_of(&world, event.session_id.as_deref().unwrap()).into_iter().map(|(name, _)| name).collect();
            let items = items_of(Some(&offer));
            prop_assert!((1..=3).contains(&items.len()) && items.iter().all(|name| !basket.contains(&(*name).to_owned())));
            prop_assert!(ids.insert(offer.offer_id), "an offer id twice");
        }
        let outcome = |wanted: Outcome| world.sum(|key| matches!(key, TotalKey::Triggers(_, outcome) if *outcome == wanted));
        prop_assert_eq!(Outcome::ALL.iter().map(|wanted| outcome(*wanted)).sum::<i128>(), triggers);
        prop_assert_eq!([outcome(Outcome::Offered), outcome(Outcome::Withheld)], made);
        prop_assert_eq!(world.sum(|key| matches!(key, TotalKey::Events(EventType::CartAdd | EventType::Checkout))), triggers);
    }

    #[test]
    fn an_event_changes_no_session_but_its_own(events in events()) {
        let mut world = World::new();
        for event in &events {
            let before = sessions(&world);
            let changed = world.try_take(event).map(|effects| effects.session).unwrap_or_default();
            let others = |all: Vec<(SessionKey, Session)>| all.into_iter().filter(|(key, _)| *key != changed).collect::<Vec<_>>();
            prop_assert_eq!(others(before), others(sessions(&world)));
        }
    }
}
