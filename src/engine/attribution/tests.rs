use super::*;
use crate::engine::local_time::weekday_and_hour;
use crate::engine::offer::Offer;
use crate::engine::settings::AttributionTrigger;
use crate::engine::settings::{DurationMs, Zone};
use crate::engine::test_support::{HOUR_MS, SECOND_MS, START, World, event, item, items_of, order};
use crate::engine::vocabulary::FeedbackIgnored;
use crate::engine::vocabulary::{OfferKind, Placement};
use crate::event::{Currency, Id};

/// A shop in which a phone is bought with a case, and an hour's window.
pub(super) fn world() -> World {
    let mut settings = World::new().settings;
    settings.attribution.window = DurationMs(HOUR_MS);
    with(settings)
}

pub(super) fn with(settings: Settings) -> World {
    let mut world = World::with(settings);
    world.baskets(3, &["phone", "case"]);
    world
}

/// Adds a phone; returns the offer of a case it makes, shown to the shopper.
pub(super) fn shown(world: &mut World, at_ms: i64, session: &str) -> Offer {
    let offer = world.add(at_ms, session, "phone").unwrap();
    assert_eq!(items_of(Some(&offer)), ["case"]);
    world.feedback("offer_shown", at_ms, session, &offer);
    offer
}

pub(super) fn buy(world: &mut World, at_ms: i64, session: &str, fields: &str) {
    world.take(&event("purchase", at_ms, session, fields));
}

pub(super) fn funnel(world: &World) -> [i128; 6] {
    use ItemStep::{Accepted, Clicked, Dismissed, Emitted, Paid, Shown};
    [Emitted, Shown, Clicked, Dismissed, Accepted, Paid].map(|step| world.steps(step))
}

fn ignored(world: &World) -> i128 {
    FeedbackIgnored::ALL.iter().map(|reason| world.total(&TotalKey::FeedbackIgnored(*reason))).sum()
}

pub(super) fn extra(world: &World) -> (i128, i128) {
    let (placement, kind, currency) = (Placement::Cart, OfferKind::CrossSell, Currency::USD);
    let refunded = TotalKey::ExtraRevenueRefunded { placement, kind, currency };
    (world.total(&TotalKey::ExtraRevenue { placement, kind, currency }), world.total(&refunded))
}

#[test]
fn an_offered_item_goes_its_way_step_by_step() {
    let mut world = world();
    let offer = world.add(0, "s", "phone").unwrap();
    assert_eq!(funnel(&world), [1, 0, 0, 0, 0, 0]);
    for (kind, after) in [
        ("offer_shown", [1, 1, 0, 0, 0, 0]),
        ("offer_shown", [1, 1, 0, 0, 0, 0]),
        ("offer_clicked", [1, 1, 1, 0, 0, 0]),
        ("offer_dismissed", [1, 1, 1, 1, 0, 0]),
    ] {
        world.feedback(kind, SECOND_MS, "s", &offer);
        assert_eq!(funnel(&world), after, "{kind}");
    }
    world.add(2 * SECOND_MS, "s", "case");
    assert_eq!(funnel(&world), [1, 1, 1, 1, 1, 0]);
    buy(&mut world, 3 * SECOND_MS, "s", &order("o", &["phone", "case"]));
    assert_eq!(funnel(&world), [1, 1, 1, 1, 1, 1]);
    assert_eq!((extra(&world), world.steps(ItemStep::Matched)), ((10_000_000, 0), 1));
}

#[test]
fn what_nobody_saw_is_matched_but_not_accepted_unless_sending_is_enough() {
    for (trigger, accepted) in [(AttributionTrigger::Shown, 0), (AttributionTrigger::Emitted, 1)] {
        let mut settings = World::new().settings;
        settings.attribution.trigger = trigger;
        let mut world = with(settings);
        world.add(0, "s", "phone");
        buy(&mut world, 1, "s", &order("o", &["phone", "case"]));
        assert_eq!((world.steps(ItemStep::Accepted), world.steps(ItemStep::Paid)), (accepted, accepted));
        assert_eq!((world.steps(ItemStep::Matched), extra(&world).0), (1, accepted * 10_000_000));
    }
}

#[test]
fn the_window_ends_with_its_last_millisecond() {
    for (after_ms, accepted) in [(0, 1), (HOUR_MS, 1), (HOUR_MS + 1, 0)] {
        let mut world = world();
        shown(&mut world, 0, "s");
        world.add(after_ms, "s", "case");
        assert_eq!(world.steps(ItemStep::Accepted), accepted, "{after_ms} ms after it was shown");
    }
}

#[test]
fn accepted_in_time_and_bought_too_late_is_not_paid() {
    for (after_ms, paid) in [(HOUR_MS, 1), (HOUR_MS + 1, 0)] {
        let mut world = world();
        shown(&mut world, 0, "s");
        world.add(1, "s", "case");
        buy(&mut world, after_ms, "s", &order("o", &["phone", "case"]));
        assert_eq!((world.steps(ItemStep::Accepted), world.steps(ItemStep::Paid)), (1, paid));
        assert_eq!(extra(&world).0, paid * 10_000_000);
    }
}

#[test]
fn what_was_added_before_it_was_shown_is_not_the_offers_doing() {
    let mut world = world();
    let offer = world.add(0, "s", "phone").unwrap();
    world.add(5, "s", "case");
    world.feedback("offer_shown", 9, "s", &offer);
    assert_eq!(funnel(&world), [1, 1, 0, 0, 0, 0]);
}

#[test]
fn an_item_enters_the_basket_once_however_often_it_was_offered() {
    let mut world = world();
    shown(&mut world, 0, "s");
    let again = world.add(1, "s", "unknown").unwrap();
    world.feedback("offer_shown", 1, "s", &again);
    world.add(2, "s", "case");
    assert_eq!(funnel(&world), [2, 2, 0, 0, 1, 0]);
    world.add(3, "s", "case");
    buy(&mut world, 4, "s", &order("o", &["phone", "case"]));
    buy(&mut world, 5, "s", &order("p", &["case"]));
    assert_eq!(funnel(&world), [2, 2, 0, 0, 1, 1]);
    // Both orders are of the window, and each unit counts.
    assert_eq!(extra(&world).0, 20_000_000);
}

#[test]
fn the_newest_offer_of_the_item_gets_the_credit() {
    let mut world = world();
    shown(&mut world, 0, "s");
    let newest = world.take(&event("checkout", 1, "s", "")).offer.unwrap();
    world.feedback("offer_shown", 1, "s", &newest);
    buy(&mut world, 2, "s", &order("o", &["phone", "case"]));
    let paid =
        |at: Placement| world.sum(|key| matches!(key, TotalKey::OfferItems { step: ItemStep::Paid, placement, .. } if *placement == at));
    assert_eq!((paid(Placement::Cart), paid(Placement::Checkout)), (0, 1));
}

#[test]
fn an_older_offer_that_was_seen_is_credited_before_a_newer_one_that_was_not() {
    let mut world = world();
    shown(&mut world, 0, "s");
    assert!(world.take(&event("checkout", 1, "s", "")).offer.is_some());
    world.add(2, "s", "case");
    let accepted = |key: &TotalKey| matches!(key, TotalKey::OfferItems { step: ItemStep::Accepted, placement: Placement::Cart, .. });
    assert_eq!(world.sum(accepted), 1);
}

#[test]
fn held_out_shoppers_are_counted_nowhere() {
    let mut settings = World::new().settings;
    settings.experiment.holdout_ratio = 1.0;
    settings.attribution.trigger = AttributionTrigger::Emitted;
    let mut world = with(settings);
    let offer = world.add(0, "s", "phone").unwrap();
    world.feedback("offer_shown", 1, "s", &offer);
    let marked = format!(r#"{},"offer_id":"{}""#, item("case"), offer.offer_id);
    world.take(&event("cart_add", 2, "s", &marked));
    buy(&mut world, 3, "s", &order("o", &["phone", "case"]));
    assert_eq!((funnel(&world), world.steps(ItemStep::Matched), extra(&world)), ([0; 6], 0, (0, 0)));
    assert_eq!(world.sum(|key| matches!(key, TotalKey::ShoppersOffered(_) | TotalKey::ShoppersAccepted(_))), 0);
    assert_eq!(world.triggers(Placement::Cart, crate::engine::vocabulary::Outcome::Withheld), 1);
}

#[test]
fn a_one_click_add_was_seen_even_if_nobody_said_so() {
    let mut world = world();
    let offer = world.add(0, "s", "phone").unwrap();
    let marked = format!(r#"{},"offer_id":"{}""#, item("case"), offer.offer_id);
    world.take(&event("cart_add", 1, "s", &marked));
    assert_eq!(funnel(&world), [1, 1, 0, 0, 1, 0]);
}

#[test]
fn feedback_may_be_on_one_item_of_the_offer() {
    let mut world = world();
    world.baskets(3, &["phone", "film"]);
    let offer = world.add(0, "s", "phone").unwrap();
    assert_eq!(offer.items.len(), 2);
    let fields = |item: &str| format!(r#""offer_id":"{}","item_id":"{item}""#, offer.offer_id);
    world.take(&event("offer_shown", 1, "s", &fields("film")));
    world.add(2, "s", "case");
    assert_eq!((world.steps(ItemStep::Shown), world.steps(ItemStep::Accepted)), (1, 0));
    world.take(&event("offer_shown", 3, "s", &fields("somewhere else")));
    assert_eq!(ignored(&world), 1);
}

#[test]
fn feedback_on_an_offer_that_is_not_this_sessions_is_counted_apart() {
    let mut world = world();
    let offer = world.add(0, "s", "phone").unwrap();
    world.feedback("offer_shown", 1, "thief", &offer);
    world.take(&event("offer_shown", 1, "s", r#""offer_id":"none of ours""#));
    assert_eq!((world.steps(ItemStep::Shown), ignored(&world)), (0, 2));
}

#[test]
fn an_order_without_cart_adds_accepts_and_pays() {
    let mut world = world();
    shown(&mut world, 0, "s");
    buy(&mut world, 2, "s", &order("o", &["phone", "case"]));
    assert_eq!(funnel(&world), [1, 1, 0, 0, 1, 1]);
}

#[test]
fn extra_revenue_is_net_of_its_share_of_the_discount() {
    let mut world = world();
    shown(&mut world, 0, "s");
    let fields = r#""order_id":"o","discount":3,"tax":6,"items":[{"item_id":"phone","price":50},{"item_id":"case","price":10}]"#;
    buy(&mut world, 1, "s", fields);
    // A sixth of the order's value bears a sixth of its discount; tax is on top of these prices.
    assert_eq!(extra(&world).0, 9_500_000);
    assert_eq!(world.total(&TotalKey::OrderRevenue(Currency::USD)), 3 * 20_000_000 + 57_000_000);
}

#[test]
fn tax_is_left_out_where_prices_include_it() {
    let mut settings = World::new().settings;
    settings.money.prices_include_tax = true;
    let mut world = with(settings);
    shown(&mut world, 0, "s");
    let fields = r#""order_id":"o","tax":6,"shipping":9,"items":[{"item_id":"phone","price":50},{"item_id":"case","price":10}]"#;
    buy(&mut world, 1, "s", fields);
    assert_eq!(extra(&world).0, 9_000_000);
}

#[test]
fn all_units_of_the_item_are_credited_on_however_many_lines_and_what_goes_back_is_taken_off() {
    let mut world = world();
    shown(&mut world, 0, "s");
    buy(
        &mut world,
        1,
        "s",
        r#""order_id":"o","items":[{"item_id":"case","price":10},{"item_id":"phone","price":50},{"item_id":"case","price":8,"quantity":2}]"#,
    );
    assert_eq!((world.steps(ItemStep::Paid), extra(&world)), (1, (26_000_000, 0)));
    world.take(&event("refund", 2, "s", r#""order_id":"o","items":[{"item_id":"case"}]"#));
    assert_eq!(extra(&world), (26_000_000, 8_666_666));
    world.take(&event("refund", 3, "s", r#""order_id":"o""#));
    assert_eq!(extra(&world), (26_000_000, 26_000_000));
    assert_eq!(world.total(&TotalKey::OrderRevenueRefunded(Currency::USD)), 76_000_000);
    let combinations = world.shop.combinations();
    assert!(combinations.by_revenue(Currency::USD, 9, 1).is_empty(), "what was earned went back");
}

#[test]
fn a_refund_of_what_no_offer_brought_is_no_extra_revenue_lost() {
    let mut world = world();
    shown(&mut world, 0, "s");
    buy(&mut world, 1, "s", &order("o", &["phone", "case"]));
    world.take(&event("refund", 2, "s", r#""order_id":"o","items":[{"item_id":"phone"}]"#));
    assert_eq!(extra(&world), (10_000_000, 0));
}

#[test]
fn a_combination_tells_shown_accepted_and_earned() {
    let mut world = world();
    shown(&mut world, 0, "s");
    buy(&mut world, 1, "s", &order("o", &["phone", "case"]));
    let combinations = world.shop.combinations();
    let (pair, figures) = combinations.by_revenue(Currency::USD, 1, 1)[0];
    assert_eq!((pair.0.as_str(), pair.1.as_str()), ("phone", "case"));
    assert_eq!((figures.shown, figures.accepted, figures.earned[&Currency::USD]), (1, 1, 10_000_000));
}

#[test]
fn a_session_is_one_shopper_offered_and_one_accepting_at_each_placement() {
    let mut world = world();
    world.baskets(3, &["phone", "film"]);
    let offer = world.add(0, "s", "phone").unwrap();
    world.feedback("offer_shown", 0, "s", &offer);
    world.add(1, "s", "case");
    world.add(2, "s", "film");
    let shoppers = |key: TotalKey| world.total(&key);
    assert_eq!(world.steps(ItemStep::Accepted), 2);
    assert_eq!((shoppers(TotalKey::ShoppersOffered(Placement::Cart)), shoppers(TotalKey::ShoppersAccepted(Placement::Cart))), (1, 1));
}

#[test]
fn hours_are_the_shops_and_ages_the_baskets() {
    let mut settings = World::new().settings;
    settings.time_zone = Zone(jiff::tz::TimeZoneDatabase::bundled().get("Asia/Tashkent").unwrap());
    let mut world = with(settings);
    // Sunday evening in UTC, Monday morning in Tashkent.
    let offer = world.add(-HOUR_MS, "s", "phone").unwrap();
    world.feedback("offer_shown", -HOUR_MS, "s", &offer);
    world.add(-HOUR_MS + 90 * SECOND_MS, "s", "case");
    let (placement, weekday, hour) = (Placement::Cart, 1, 4);
    for step in [ItemStep::Emitted, ItemStep::Accepted] {
        assert_eq!(world.total(&TotalKey::ItemsByHour { step, placement, weekday, hour }), 1, "{step:?}");
    }
    assert_eq!(world.total(&TotalKey::BasketAge { placement, bucket: 3 }), 1);
    assert_eq!(world.total(&TotalKey::BasketAgeSumMs(placement)), 90_000);
    assert_eq!(weekday_and_hour(START, &jiff::tz::TimeZone::UTC), (1, 0));
}

#[test]
fn a_channel_that_is_not_configured_is_other() {
    let settings = Settings::default();
    let label = |channel: Option<&str>| channel_label(channel.map(Id::new).as_ref(), &settings);
    assert_eq!([label(Some("app")), label(Some("fax")), label(None)], ["app", "other", "other"]);
}
