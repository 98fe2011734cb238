//! What is heard late, what is refused, and what other sessions and settings make of it.

use super::tests::{buy, extra, funnel, shown, with, world};
use super::*;
use crate::engine::settings::{AttributionScope, AttributionTrigger};
use crate::engine::test_support::{HOUR_MS, World, event, item, order};
use crate::engine::totals::Totals;
use crate::engine::vocabulary::{AmountIgnored, FeedbackIgnored, OfferKind, Outcome};
use crate::event::{Currency, RejectReason};

/// The totals that tell what offers did; how many events there were, and how old baskets seemed, is another matter.
fn figures(world: &World) -> Vec<(TotalKey, i128)> {
    let is_figure = |key: &TotalKey| {
        !matches!(key, TotalKey::Events(_) | TotalKey::BasketAge { .. } | TotalKey::BasketAgeSumMs(_) | TotalKey::Triggers(..))
            && !matches!(key, TotalKey::OrdersUnmatched)
    };
    let totals: Totals = world.shop.totals().clone();
    totals.sorted().into_iter().filter(|(key, sum)| is_figure(key) && *sum != 0).map(|(key, sum)| (key.clone(), sum)).collect()
}

#[test]
fn whatever_order_events_are_heard_in_the_figures_are_the_same() {
    let told = |offer: &str| {
        [
            event("offer_shown", 1_000, "s", &format!(r#""offer_id":"{offer}""#)),
            event("cart_add", 2_000, "s", &item("case")),
            event("cart_remove", 3_000, "s", r#""item_id":"case""#),
            event("cart_add", 4_000, "s", &format!("{},\"quantity\":2", item("case"))),
            event("purchase", 5_000, "s", &order("o", &["phone", "case"])),
            event("purchase", 5_500, "s", &order("p", &["case"])),
        ]
    };
    let figures_of = |places: &[usize]| {
        let mut world = world();
        let offer = world.add(0, "s", "phone").unwrap().offer_id;
        let events = told(&offer);
        places.iter().for_each(|at| drop(world.take(&events[*at])));
        figures(&world)
    };
    let expected = figures_of(&[0, 1, 2, 3, 4, 5]);
    assert!(expected.iter().any(|(key, sum)| matches!(key, TotalKey::ExtraRevenue { .. }) && *sum == 20_000_000));
    for places in [[4, 0, 1, 2, 3, 5], [5, 4, 3, 2, 1, 0], [1, 2, 3, 4, 5, 0], [3, 0, 5, 2, 4, 1]] {
        assert_eq!(figures_of(&places), expected, "{places:?}");
    }
}

#[test]
fn an_offer_that_expired_is_not_shown_any_more_and_can_be_sent_away() {
    let mut world = world();
    let offer = world.add(0, "s", "phone").unwrap();
    let expires_ms = world.settings.placements.get(Placement::Cart).expires_after.0;
    world.feedback("offer_shown", expires_ms + 1, "s", &offer);
    world.feedback("offer_clicked", expires_ms + 1, "s", &offer);
    world.feedback("offer_dismissed", expires_ms + 1, "s", &offer);
    assert_eq!(funnel(&world), [1, 0, 0, 1, 0, 0]);
    assert_eq!(world.total(&TotalKey::FeedbackIgnored(FeedbackIgnored::Expired)), 2);
}

#[test]
fn clicked_and_added_wait_for_the_shoppers_own_hand() {
    use AttributionTrigger::{Added, Clicked};
    for (trigger, clicks, marked, accepted) in
        [(Clicked, false, false, 0), (Clicked, true, false, 1), (Clicked, false, true, 1), (Added, true, false, 0), (Added, false, true, 1)]
    {
        let mut settings = World::new().settings;
        settings.attribution.trigger = trigger;
        let mut world = with(settings);
        let offer = shown(&mut world, 0, "s");
        if clicks {
            world.feedback("offer_clicked", 1, "s", &offer);
        }
        let mark = if marked { format!(r#","offer_id":"{}""#, offer.offer_id) } else { String::new() };
        world.take(&event("cart_add", 2, "s", &format!("{}{mark}", item("case"))));
        buy(&mut world, 3, "s", &order("o", &["phone", "case"]));
        assert_eq!((world.steps(ItemStep::Accepted), extra(&world).0), (accepted, accepted * 10_000_000), "{trigger:?} {clicks} {marked}");
    }
}

#[test]
fn a_whole_order_is_credited_where_that_is_asked_for_and_goes_back_as_one() {
    let mut settings = World::new().settings;
    settings.attribution.scope = AttributionScope::Order;
    let mut world = with(settings);
    shown(&mut world, 0, "s");
    buy(&mut world, 1, "s", &order("o", &["phone", "case"]));
    assert_eq!(extra(&world), (20_000_000, 0));
    world.take(&event("refund", 2, "s", r#""order_id":"o","items":[{"item_id":"phone"}]"#));
    assert_eq!(extra(&world), (20_000_000, 10_000_000));
    buy(&mut world, 3, "s", &order("p", &["phone"]));
    assert_eq!(extra(&world).0, 20_000_000, "an order without the item is nobody's doing");
}

#[test]
fn more_than_was_bought_does_not_go_back_whatever_is_asked() {
    let mut world = world();
    shown(&mut world, 0, "s");
    buy(&mut world, 1, "s", &order("o", &["phone", "case"]));
    let refund = |world: &mut World, at_ms, items: &str| {
        world.take(&event("refund", at_ms, "s", &format!(r#""order_id":"o","items":[{items}]"#)));
    };
    refund(&mut world, 2, r#"{"item_id":"case","quantity":7},{"item_id":"lamp"}"#);
    refund(&mut world, 3, r#"{"item_id":"case"}"#);
    world.take(&event("refund", 4, "s", r#""order_id":"o","currency":"EUR","items":[{"item_id":"phone"}]"#));
    world.take(&event("order_cancelled", 5, "s", r#""order_id":"o""#));
    let again = world.try_take(&event("refund", 6, "s", r#""order_id":"o""#));
    assert_eq!(again.unwrap_err().reason, RejectReason::UnknownOrder, "what was called off is no order any more");
    let ignored = |reason| world.total(&TotalKey::AmountsIgnored(reason));
    assert_eq!((extra(&world), world.total(&TotalKey::OrderRevenueRefunded(Currency::USD))), ((10_000_000, 10_000_000), 20_000_000));
    assert_eq!(ignored(AmountIgnored::RefundTooLarge), 3);
    assert_eq!((ignored(AmountIgnored::RefundOfUnknownItem), ignored(AmountIgnored::RefundInOtherCurrency)), (1, 1));
}

#[test]
fn an_order_in_another_currency_earns_in_its_own() {
    let mut world = world();
    shown(&mut world, 0, "s");
    buy(&mut world, 1, "s", &format!(r#"{},"currency":"EUR""#, order("o", &["phone", "case"])));
    let (placement, kind) = (Placement::Cart, OfferKind::CrossSell);
    let earned = |currency| world.total(&TotalKey::ExtraRevenue { placement, kind, currency });
    assert_eq!((earned(Currency::parse("EUR").unwrap()), earned(Currency::USD)), (10_000_000, 0));
}

#[test]
fn orders_with_an_offer_are_told_apart_with_all_of_their_revenue() {
    let mut world = world();
    let offer = world.add(0, "s", "phone").unwrap();
    buy(&mut world, 2, "s", &order("o", &["phone", "case"]));
    let with_offer =
        |world: &World| (world.total(&TotalKey::OrdersWithOffer), world.total(&TotalKey::OrderRevenueWithOffer(Currency::USD)));
    assert_eq!(with_offer(&world), (0, 0));
    // That it was shown is heard after the purchase.
    world.feedback("offer_shown", 1, "s", &offer);
    assert_eq!(with_offer(&world), (1, 20_000_000));
    buy(&mut world, 3, "s", &order("o", &["lamp"]));
    assert_eq!(with_offer(&world), (1, 30_000_000));
}

#[test]
fn a_known_customer_is_credited_in_another_session_once() {
    let customer = r#""customer_id":"u""#;
    let mut world = world();
    let offer = world.take(&event("cart_add", 0, "phone-app", &format!("{},{customer}", item("phone")))).offer.unwrap();
    world.feedback("offer_shown", 1, "phone-app", &offer);
    assert_eq!(world.shop.usage(&world.settings.limits)["customer_offers"].entries, 1);
    buy(&mut world, 2, "laptop", &format!("{},{customer}", order("o", &["phone", "case"])));
    assert_eq!((funnel(&world), extra(&world).0), ([1, 1, 0, 0, 1, 1], 10_000_000));
    buy(&mut world, 3, "tablet", &format!("{},{customer}", order("p", &["case"])));
    assert_eq!((funnel(&world), extra(&world).0), ([1, 1, 0, 0, 1, 1], 10_000_000));
    world.take(&event("refund", 4, "laptop", r#""order_id":"o""#));
    assert_eq!(extra(&world), (10_000_000, 10_000_000));
}

#[test]
fn in_another_session_it_is_too_late_after_the_window_and_nothing_for_strangers() {
    for (after_ms, customer, accepted) in [(HOUR_MS, "u", 1), (HOUR_MS + 1, "u", 0), (1, "v", 0)] {
        let mut world = world();
        let offer = world.take(&event("cart_add", 0, "a", &format!(r#"{},"customer_id":"u""#, item("phone")))).offer.unwrap();
        world.feedback("offer_shown", 0, "a", &offer);
        buy(&mut world, after_ms, "b", &format!(r#"{},"customer_id":"{customer}""#, order("o", &["phone", "case"])));
        assert_eq!(world.steps(ItemStep::Accepted), accepted, "{after_ms} {customer}");
    }
}

#[test]
fn a_cart_add_that_is_older_than_the_order_with_its_item_does_not_open_the_basket_again() {
    let mut world = world();
    world.add(0, "s", "phone");
    buy(&mut world, 10, "s", &order("o", &["phone", "case"]));
    let late = world.take(&event("cart_add", 5, "s", &item("case")));
    assert!(late.offer.is_none() && world.sessions.get("s:s").unwrap().basket.lines.is_empty());
    assert_eq!(late.ended.map(|ended| ended.outcome), Some(Outcome::TooLate));
    world.add(5, "s", "lamp");
    assert_eq!(world.sessions.get("s:s").unwrap().basket.lines.len(), 1);
}

#[test]
fn what_went_back_is_what_it_was_worth_whenever_its_other_units_are_heard_of() {
    let parts = [
        event("purchase", 1, "s", r#""order_id":"o","items":[{"item_id":"case","price":100}]"#),
        event("refund", 3, "s", r#""order_id":"o","items":[{"item_id":"case"}]"#),
        event("purchase", 2, "s", r#""order_id":"o","items":[{"item_id":"case","price":50}]"#),
        event("refund", 4, "s", r#""order_id":"o","items":[{"item_id":"case"}],"event_id":"second""#),
    ];
    for places in [[0, 1, 2, 3], [0, 2, 1, 3]] {
        let mut world = world();
        shown(&mut world, 0, "s");
        places.iter().for_each(|at| drop(world.take(&parts[*at])));
        let refunded = world.total(&TotalKey::OrderRevenueRefunded(Currency::USD));
        assert_eq!((extra(&world), refunded), ((150_000_000, 150_000_000), 150_000_000), "{places:?}");
    }
}

#[test]
fn an_order_has_one_currency_and_a_part_in_another_adds_no_money() {
    let mut world = world();
    let before = world.total(&TotalKey::OrderRevenue(Currency::USD));
    buy(&mut world, 1, "s", &order("o", &["lamp"]));
    buy(&mut world, 2, "s", &format!(r#"{},"currency":"EUR""#, order("o", &["bulb"])));
    world.take(&event("refund", 3, "s", r#""order_id":"o""#));
    assert_eq!(world.total(&TotalKey::OrderRevenue(Currency::USD)) - before, 10_000_000);
    assert_eq!(world.total(&TotalKey::OrderRevenueRefunded(Currency::USD)), 10_000_000);
    assert_eq!(world.total(&TotalKey::AmountsIgnored(AmountIgnored::OrderInOtherCurrency)), 1);
}

#[test]
fn a_part_of_an_order_that_is_heard_after_it_was_called_off_was_called_off_too() {
    let parts = [
        event("purchase", 1, "s", &order("o", &["phone"])),
        event("purchase", 2, "s", &order("o", &["case"])),
        event("order_cancelled", 9, "s", r#""order_id":"o""#),
    ];
    let figures_of = |places: [usize; 3]| {
        let mut world = world();
        shown(&mut world, 0, "s");
        places.iter().for_each(|at| drop(world.take(&parts[*at])));
        assert_eq!(extra(&world), (10_000_000, 10_000_000), "{places:?}");
        let counts = world.counts();
        (figures(&world), counts)
    };
    assert_eq!(figures_of([0, 2, 1]), figures_of([0, 1, 2]));
}

#[test]
fn an_item_is_accepted_once_in_whichever_session_it_was_first() {
    let customer = r#""customer_id":"u""#;
    let mut world = world();
    let offer = world.take(&event("cart_add", 0, "a", &format!("{},{customer}", item("phone")))).offer.unwrap();
    world.feedback("offer_shown", 1, "a", &offer);
    buy(&mut world, 2, "b", &format!("{},{customer}", order("o", &["case"])));
    world.take(&event("cart_add", 3, "a", &item("case")));
    buy(&mut world, 4, "a", &order("p", &["case"]));
    // Both were bought of the same offer; it was accepted and paid once.
    assert_eq!((funnel(&world), extra(&world).0), ([1, 1, 0, 0, 1, 1], 20_000_000));
}

#[test]
fn what_was_in_the_basket_before_an_offer_elsewhere_is_nobodys_doing() {
    let customer = r#""customer_id":"u""#;
    let mut world = world();
    world.take(&event("cart_add", 0, "b", &format!("{},{customer}", item("case"))));
    let offer = world.take(&event("cart_add", 1, "a", &format!("{},{customer}", item("phone")))).offer.unwrap();
    world.feedback("offer_shown", 2, "a", &offer);
    world.take(&event("checkout", 3, "b", ""));
    buy(&mut world, 4, "b", &order("o", &["case"]));
    assert_eq!((funnel(&world), extra(&world).0), ([3, 1, 0, 0, 0, 0], 0));
}

#[test]
fn an_acceptance_that_moves_to_a_later_offer_takes_its_age_and_its_variant_along() {
    let told = |world: &World, wanted: &str| {
        (world.shop.optimiser.stats(Placement::Cart, wanted).accepted, world.sum(|key| matches!(key, TotalKey::BasketAge { .. })))
    };
    let mut world = world();
    shown(&mut world, 0, "s");
    let second = world.add(1, "s", "unknown").unwrap();
    world.add(3, "s", "case");
    assert_eq!(told(&world, "default"), (1, 1));
    world.feedback("offer_shown", 2, "s", &second);
    assert_eq!((told(&world, "default"), world.steps(ItemStep::Accepted)), ((1, 1), 1));
}

#[test]
fn a_variants_offer_is_told_with_all_that_it_earned_and_in_the_shops_currency_alone() {
    let mut world = world();
    world.baskets(3, &["phone", "film"]);
    let offer = world.add(0, "s", "phone").unwrap();
    world.feedback("offer_shown", 1, "s", &offer);
    let fields = format!(r#"{},"items":[{{{}}},{{{}}}]"#, r#""order_id":"o""#, item("case"), item("film"));
    let earned = |effects: &crate::engine::Effects| -> Vec<(i128, i128)> {
        let tried = effects.facts.iter().filter_map(|fact| match fact {
            Fact::Tried { step: TriedStep::Earned { before_micros, after_micros }, .. } => Some((*before_micros, *after_micros)),
            _ => None,
        });
        tried.collect()
    };
    let bought = world.take(&event("purchase", 2, "s", &fields));
    assert_eq!(earned(&bought), [(0, 10_000_000), (10_000_000, 20_000_000)]);
    let foreign = world.take(&event("purchase", 3, "s", &format!(r#"{},"currency":"EUR""#, order("p", &["case"]))));
    assert_eq!(earned(&foreign), []);
}

#[test]
fn an_offer_that_follows_an_order_has_nothing_of_its_further_lines() {
    let mut settings = World::new().settings;
    settings.attribution.trigger = AttributionTrigger::Emitted;
    settings.placements.get_mut(Placement::PostPurchase).enabled = true;
    settings.placements.get_mut(Placement::Cart).enabled = false;
    let mut world = with(settings);
    let before = world.steps(ItemStep::Accepted);
    let offer = world.take(&event("purchase", 1, "s", &order("o", &["phone"]))).offer.unwrap();
    assert_eq!(offer.items[0].item_id, "case");
    buy(&mut world, 1, "s", &order("o", &["case"]));
    assert_eq!((world.steps(ItemStep::Accepted) - before, world.steps(ItemStep::Matched)), (0, 0));
    buy(&mut world, 2, "s", &order("p", &["case"]));
    assert_eq!(world.steps(ItemStep::Accepted) - before, 1);
}
