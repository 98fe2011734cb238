use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::engine::facts::{CombinationStep, Fact, TriedStep};
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::{AmountIgnored, FeedbackIgnored, ItemStep, OfferKind, Outcome, Placement};
use crate::event::{EventType, RejectReason};

/// The families of the contract with their kinds and labels, and ours beside them.
const FAMILIES: &str = "
offerstream_acceptance_ratio gauge kind placement
offerstream_amounts_ignored_total counter reason
offerstream_basket_age_at_acceptance_seconds histogram placement
offerstream_build_info gauge revision version
offerstream_catalogue_records_rejected_total counter reason
offerstream_catalogue_records_total counter
offerstream_commit_seconds histogram
offerstream_consumer_lag_records gauge partition topic
offerstream_event_to_offer_seconds histogram
offerstream_events_rejected_total counter reason
offerstream_events_total counter type
offerstream_extra_revenue_by_basket_age_total counter age currency placement
offerstream_extra_revenue_by_channel_total counter channel currency placement
offerstream_extra_revenue_by_hour_total counter currency hour placement weekday
offerstream_extra_revenue_refunded_total counter currency kind placement
offerstream_extra_revenue_total counter currency kind placement
offerstream_facts_folded_total counter
offerstream_feedback_ignored_total counter reason
offerstream_http_offers_total counter outcome placement
offerstream_http_refused_total counter reason
offerstream_lines_not_paired_total counter
offerstream_lines_unpriced_total counter
offerstream_offer_items_accepted_by_basket_age_total counter age placement
offerstream_offer_items_accepted_by_hour_total counter hour placement weekday
offerstream_offer_items_accepted_total counter channel kind placement
offerstream_offer_items_clicked_total counter channel kind placement
offerstream_offer_items_dismissed_total counter channel kind placement
offerstream_offer_items_emitted_by_basket_age_total counter age placement
offerstream_offer_items_emitted_by_hour_total counter hour placement weekday
offerstream_offer_items_emitted_total counter channel kind placement
offerstream_offer_items_matched_total counter channel kind placement
offerstream_offer_items_paid_total counter channel kind placement
offerstream_offer_items_shown_by_basket_age_total counter age placement
offerstream_offer_items_shown_by_hour_total counter hour placement weekday
offerstream_offer_items_shown_total counter channel kind placement
offerstream_offer_triggers_total counter outcome placement
offerstream_order_revenue_refunded_total counter currency
offerstream_order_revenue_total counter currency
offerstream_order_revenue_with_offer_total counter currency
offerstream_orders_total counter
offerstream_orders_unmatched_total counter
offerstream_orders_with_offer_total counter
offerstream_restore_seconds histogram
offerstream_shop_combination_acceptance_ratio gauge anchor companion rank
offerstream_shop_combination_accepted gauge anchor companion
offerstream_shop_combination_revenue gauge anchor companion currency rank
offerstream_shop_combination_shown gauge anchor companion
offerstream_shop_experiment_crossovers gauge
offerstream_shop_experiment_holdout_ratio gauge of
offerstream_shop_experiment_open_shoppers gauge arm
offerstream_shop_experiment_revenue gauge arm currency
offerstream_shop_experiment_sample_ratio_p_value gauge
offerstream_shop_experiment_shoppers gauge arm
offerstream_shop_experiment_state gauge state
offerstream_shop_extra_revenue gauge currency kind placement
offerstream_shop_extra_revenue_refunded gauge currency kind placement
offerstream_shop_offer_items_accepted gauge channel kind placement
offerstream_shop_offer_items_clicked gauge channel kind placement
offerstream_shop_offer_items_dismissed gauge channel kind placement
offerstream_shop_offer_items_emitted gauge channel kind placement
offerstream_shop_offer_items_matched gauge channel kind placement
offerstream_shop_offer_items_paid gauge channel kind placement
offerstream_shop_offer_items_shown gauge channel kind placement
offerstream_shop_order_revenue gauge currency
offerstream_shop_order_revenue_refunded gauge currency
offerstream_shop_order_revenue_with_offer gauge currency
offerstream_shop_orders gauge
offerstream_shop_orders_with_offer gauge
offerstream_shop_placement_throttled gauge placement reason
offerstream_shop_ranking_in_use gauge way
offerstream_shop_shoppers_accepted gauge placement
offerstream_shop_shoppers_accepted_anywhere gauge
offerstream_shop_shoppers_offered gauge placement
offerstream_shop_shoppers_offered_anywhere gauge
offerstream_shop_variant_extra_revenue gauge currency placement variant
offerstream_shop_variant_offers_accepted gauge placement variant
offerstream_shop_variant_offers_shown gauge placement variant
offerstream_shop_variant_probability gauge placement variant
offerstream_shoppers_accepted_total counter placement
offerstream_shoppers_offered_total counter placement
offerstream_state_bytes gauge state
offerstream_state_entries gauge state
offerstream_state_evictions_total counter state
offerstream_state_limit gauge state
";

fn metrics() -> Metrics {
    Metrics::new(&Settings::default()).unwrap()
}

pub(super) fn text(metrics: &Metrics) -> String {
    String::from_utf8(metrics.text().unwrap()).unwrap()
}

/// The value of a series; `None` where it is not there.
pub(super) fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    text(metrics).lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Name, kind and labels of every family that has a series.
fn families(metrics: &Metrics) -> BTreeSet<String> {
    let text = text(metrics);
    let kinds: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series);
    series
        .map(|series| {
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end).filter(|name| kinds.contains_key(name)));
            let family = family.unwrap_or(name);
            let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once('=')).map(|(label, _)| label);
            let labels: BTreeSet<&str> = labels.filter(|label| *label != "le").collect();
            [vec![family, kinds[family]], labels.into_iter().collect()].concat().join(" ")
        })
        .collect()
}

/// A total of every kind there is.
fn every_total() -> Vec<TotalKey> {
    let (placement, kind, currency) = (Placement::Cart, OfferKind::CrossSell, Currency::USD);
    let (weekday, hour) = (1, 8);
    let mut keys = vec![
        TotalKey::Events(EventType::CartAdd),
        TotalKey::Rejected(RejectReason::NotJson),
        TotalKey::Orders,
        TotalKey::OrdersUnmatched,
        TotalKey::OrderRevenue(currency),
        TotalKey::OrderRevenueRefunded(currency),
        TotalKey::Triggers(placement, Outcome::Offered),
        TotalKey::ShoppersOffered(placement),
        TotalKey::ShoppersAccepted(placement),
        TotalKey::ExtraRevenue { placement, kind, currency },
        TotalKey::ExtraRevenueRefunded { placement, kind, currency },
        TotalKey::RevenueByHour { placement, weekday, hour, currency },
        TotalKey::BasketAge { placement, bucket: 2 },
        TotalKey::BasketAgeSumMs(placement),
        TotalKey::FeedbackIgnored(FeedbackIgnored::Expired),
        TotalKey::AmountsIgnored(AmountIgnored::RefundTooLarge),
        TotalKey::OrdersWithOffer,
        TotalKey::OrderRevenueWithOffer(currency),
        TotalKey::RevenueByChannel { placement, channel: "web".into(), currency },
        TotalKey::RevenueByBasketAge { placement, bucket: 3, currency },
        TotalKey::ShoppersOfferedAnywhere,
        TotalKey::ShoppersAcceptedAnywhere,
        TotalKey::Unpriced,
        TotalKey::LinesNotPaired,
    ];
    for step in ItemStep::ALL.iter().copied() {
        keys.push(TotalKey::OfferItems { step, placement, kind, channel: "web".into() });
    }
    for step in [ItemStep::Emitted, ItemStep::Shown, ItemStep::Accepted] {
        keys.push(TotalKey::ItemsByHour { step, placement, weekday, hour });
        keys.push(TotalKey::ItemsByBasketAge { step, placement, bucket: 3 });
        keys.push(TotalKey::Recent { hour: 9, step, placement, kind });
    }
    keys
}

/// A shop of which every total is two whole units, with one combination shown ten times.
fn shop() -> Shop {
    let shop = Shop::new(&Settings::default().limits);
    every_total().into_iter().for_each(|key| shop.fold(&Fact::Total(key, 2_000_000)));
    let combination = |step| Fact::Combination { anchor: "phone".into(), companion: "case".into(), step };
    (0..10).for_each(|_| shop.fold(&combination(CombinationStep::Shown(1))));
    (0..4).for_each(|_| shop.fold(&combination(CombinationStep::Accepted(1))));
    shop.fold(&combination(CombinationStep::Earned(Currency::USD, 12_500_000)));
    shop
}

#[test]
fn names_kinds_and_labels_are_the_contracts() {
    let (metrics, shop) = (metrics(), shop());
    metrics.committed(&shop.totals());
    metrics.observe_shop(&shop, &Settings::default().limits);
    metrics.observe_sessions(std::iter::empty(), &Settings::default().limits);
    metrics.lag("shop.events", 0, 7);
    let expected: BTreeSet<String> = FAMILIES.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect();
    assert_eq!(families(&metrics), expected);
}

#[test]
fn every_counter_of_a_closed_set_is_there_from_the_start_at_zero() {
    let metrics = metrics();
    let text = text(&metrics);
    let counters = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("offerstream_build_info"));
    for line in counters {
        assert!(line.ends_with(" 0"), "{line}");
    }
    let there = families(&metrics);
    let from_start = FAMILIES.lines().filter(|line| line.contains("_total counter") && !line.contains("state_evictions"));
    for family in from_start {
        assert!(there.contains(family), "{family}");
    }
    let mut closed: Vec<String> = Vec::new();
    closed.extend(EventType::ALL.iter().map(|kind| format!(r#"offerstream_events_total{{type="{}"}}"#, kind.as_str())));
    closed.extend(RejectReason::ALL.iter().map(|reason| format!(r#"offerstream_events_rejected_total{{reason="{}"}}"#, reason.as_str())));
    for outcome in Outcome::ALL.iter().map(|outcome| outcome.as_str()) {
        let series = |placement| format!(r#"offerstream_offer_triggers_total{{outcome="{outcome}",placement="{placement}"}}"#);
        closed.extend(["cart", "checkout"].map(series));
    }
    for series in closed {
        assert_eq!(value(&metrics, &series), Some(0.0), "{series}");
    }
    for series in [
        r#"offerstream_offer_items_paid_total{channel="other",kind="cross_sell",placement="cart"}"#,
        r#"offerstream_offer_items_accepted_by_hour_total{hour="23",placement="cart",weekday="7"}"#,
        r#"offerstream_extra_revenue_by_hour_total{currency="USD",hour="0",placement="checkout",weekday="1"}"#,
        r#"offerstream_basket_age_at_acceptance_seconds_count{placement="cart"}"#,
        "offerstream_orders_total",
    ] {
        assert_eq!(value(&metrics, series), Some(0.0), "{series}");
    }
}

#[test]
fn a_commit_raises_the_counters_by_what_it_carried_money_in_whole_units() {
    let metrics = metrics();
    let mut totals = Totals::default();
    totals.add(TotalKey::Events(EventType::Purchase), 3);
    totals.add(TotalKey::OrderRevenue(Currency::USD), 2_550_000);
    totals.add(TotalKey::ItemsByHour { step: ItemStep::Accepted, placement: Placement::Cart, weekday: 2, hour: 7 }, 1);
    metrics.committed(&totals);
    metrics.committed(&totals);
    for (series, expected) in [
        (r#"offerstream_events_total{type="purchase"}"#, 6.0),
        (r#"offerstream_order_revenue_total{currency="USD"}"#, 5.1),
        (r#"offerstream_offer_items_accepted_by_hour_total{hour="7",placement="cart",weekday="2"}"#, 2.0),
        (r#"offerstream_offer_items_emitted_by_hour_total{hour="7",placement="cart",weekday="2"}"#, 0.0),
    ] {
        assert_eq!(value(&metrics, series), Some(expected), "{series}");
    }
}

#[test]
fn the_age_of_baskets_is_a_histogram_with_its_exact_sum() {
    let metrics = metrics();
    let mut totals = Totals::default();
    for (bucket, age_ms) in [(0, 4_000), (2, 40_500), (10, 90_000_000)] {
        totals.add(TotalKey::BasketAge { placement: Placement::Cart, bucket }, 1);
        totals.add(TotalKey::BasketAgeSumMs(Placement::Cart), age_ms);
    }
    metrics.committed(&totals);
    let name = "offerstream_basket_age_at_acceptance_seconds";
    for (series, expected) in [
        (format!(r#"{name}_bucket{{placement="cart",le="10"}}"#), 1.0),
        (format!(r#"{name}_bucket{{placement="cart",le="30"}}"#), 1.0),
        (format!(r#"{name}_bucket{{placement="cart",le="60"}}"#), 2.0),
        (format!(r#"{name}_bucket{{placement="cart",le="86400"}}"#), 2.0),
        (format!(r#"{name}_bucket{{placement="cart",le="+Inf"}}"#), 3.0),
        (format!(r#"{name}_sum{{placement="cart"}}"#), 90_044.5),
        (format!(r#"{name}_count{{placement="cart"}}"#), 3.0),
    ] {
        assert_eq!(value(&metrics, &series), Some(expected), "{series}");
    }
}

#[test]
fn the_shops_figures_are_set_not_added() {
    let (metrics, shop) = (metrics(), shop());
    shop.fold(&Fact::Combination { anchor: "phone".into(), companion: "film".into(), step: CombinationStep::Shown(30) });
    let tried = |step| shop.fold(&Fact::Tried { placement: Placement::Cart, variant: "default".into(), step });
    (0..150).for_each(|_| tried(TriedStep::Shown));
    (0..50).for_each(|_| tried(TriedStep::Dismissed));
    tried(TriedStep::Accepted);
    tried(TriedStep::Earned { before_micros: 1_500_000, after_micros: 4_000_000 });
    for _ in 0..2 {
        metrics.observe_shop(&shop, &Settings::default().limits);
    }
    for (series, expected) in [
        ("offerstream_shop_orders", 2_000_000.0),
        (r#"offerstream_shop_order_revenue{currency="USD"}"#, 2.0),
        (r#"offerstream_acceptance_ratio{kind="cross_sell",placement="cart"}"#, 1.0),
        (r#"offerstream_shop_combination_revenue{anchor="phone",companion="case",currency="USD",rank="top-01"}"#, 12.5),
        (r#"offerstream_shop_combination_acceptance_ratio{anchor="phone",companion="case",rank="top-01"}"#, 0.2),
        (r#"offerstream_shop_combination_acceptance_ratio{anchor="phone",companion="film",rank="bottom-01"}"#, 0.04),
        (r#"offerstream_shop_variant_probability{placement="cart",variant="default"}"#, 1.0),
        (r#"offerstream_shop_variant_offers_shown{placement="cart",variant="default"}"#, 150.0),
        (r#"offerstream_shop_variant_offers_accepted{placement="cart",variant="default"}"#, 1.0),
        (r#"offerstream_shop_variant_extra_revenue{currency="USD",placement="cart",variant="default"}"#, 2.5),
        (r#"offerstream_shop_placement_throttled{placement="cart",reason="dismissals"}"#, 1.0),
        (r#"offerstream_shop_placement_throttled{placement="cart",reason="loses_money"}"#, 0.0),
        (r#"offerstream_shop_placement_throttled{placement="checkout",reason="dismissals"}"#, 0.0),
        (r#"offerstream_state_limit{state="items"}"#, 1_000_000.0),
        (r#"offerstream_state_entries{state="combinations"}"#, 2.0),
        (r#"offerstream_state_evictions_total{state="pairs"}"#, 0.0),
    ] {
        assert_eq!(value(&metrics, series), Some(expected), "{series}");
    }
}

#[test]
fn the_acceptance_ratio_is_absent_while_nothing_was_shown() {
    let metrics = metrics();
    metrics.observe_shop(&Shop::new(&Settings::default().limits), &Settings::default().limits);
    assert!(!text(&metrics).contains("offerstream_acceptance_ratio{"));
}

#[test]
fn evictions_only_ever_rise() {
    let metrics = metrics();
    let usage = |evictions| Usage { entries: 1, limit: 2, evictions, bytes: 0 };
    for (seen, raised) in [(3, 3.0), (5, 5.0), (1, 5.0)] {
        metrics.observe_usage("pairs", usage(seen));
        assert_eq!(value(&metrics, r#"offerstream_state_evictions_total{state="pairs"}"#), Some(raised));
    }
}

#[test]
fn the_lag_of_a_partition_that_was_given_up_is_gone() {
    let metrics = metrics();
    let series = r#"offerstream_consumer_lag_records{partition="3",topic="shop.events"}"#;
    metrics.lag("shop.events", 3, 9);
    assert_eq!(value(&metrics, series), Some(9.0));
    metrics.forget_lag();
    assert_eq!(value(&metrics, series), None);
}
