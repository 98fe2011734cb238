use std::sync::Arc;

use super::super::off_policy::Said;
use super::*;
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::pipeline::{Envelope, Learning, Processor, Record};

fn offer(id: u32, variant: &str, propensity: &str, arm: &str) -> String {
    format!(
        r#"{{"type":"offer","offer_id":"{id:032x}","ts":"2026-01-01T10:00:00Z","placement":"cart","session_id":"s{id}","arm":"{arm}",
            "variant":"{variant}","propensity":"{propensity}","items":[{{"item_id":"case"}},{{"item_id":"film"}}]}}"#
    )
}

fn event(kind: &str, hour: u32, id: u32, more: &str) -> String {
    format!(r#"{{"type":"{kind}","ts":"2026-01-{:02}T{:02}:00:00Z","session_id":"s{id}"{more}}}"#, 1 + hour / 24, hour % 24)
}

fn shown(id: u32) -> String {
    event("offer_shown", 10, id, &format!(r#","offer_id":"{id:032x}""#))
}

fn observed(offers: &[String], events: &[String], attribution: Attribution) -> LoggedOffers {
    let mut logged = LoggedOffers::new(attribution);
    offers.iter().for_each(|offer| logged.take(offer.as_bytes()).unwrap());
    let settings = Arc::new(Settings::default());
    let shop = Arc::new(Shop::new(&settings.limits));
    let mut processor = Processor::new(settings, shop, Learning::AtOnce);
    for event in events {
        let record = Record { partition: 0, key: None, payload: event.as_bytes(), payload_bytes: event.len(), record_time: None };
        processor.process_observed(&record, Envelope::default(), |applied| logged.observe(applied)).unwrap();
    }
    logged
}

/// Which of the offers were accepted, of those that could be.
fn accepted(logged: &LoggedOffers) -> Vec<(u128, bool)> {
    logged.offers.iter().filter(|(_, offer)| offer.open_from.is_some()).map(|(id, offer)| (*id, offer.accepted)).collect()
}

#[test]
fn an_offer_is_accepted_by_its_own_session_once_it_was_shown_and_within_the_window() {
    let add = |hour, id| event("cart_add", hour, id, r#","item_id":"case""#);
    let offers: Vec<String> = (1..=5).map(|id| offer(id, "default", "0.5", "treatment")).collect();
    // 1 takes it; 2 took it before; 3 a day too late; 4 was never shown; 5 takes something else.
    let events = [
        add(9, 2),
        shown(1),
        shown(2),
        shown(3),
        shown(5),
        add(11, 1),
        add(11, 4),
        event("cart_add", 11, 5, r#","item_id":"tea""#),
        add(36, 3),
    ];
    let logged = observed(&offers, &events, Attribution::default());
    assert_eq!(accepted(&logged), [(1, true), (2, false), (3, false), (5, false)]);
}

#[test]
fn a_purchase_accepts_what_it_brings_and_the_newest_offer_of_an_item_gets_it() {
    let newer = offer(2, "default", "0.5", "treatment").replace("T10:00", "T10:30").replace("\"s2\"", "\"s1\"");
    let bought = event("purchase", 12, 1, r#","order_id":"o","items":[{"item_id":"film","price":1}]"#);
    let second = shown(2).replace("\"s2\"", "\"s1\"");
    let logged = observed(&[offer(1, "default", "0.5", "treatment"), newer], &[shown(1), second, bought], Attribution::default());
    assert_eq!(accepted(&logged), [(1, false), (2, true)]);
    let shoppers: Vec<u64> = logged.offers.values().map(|offer| offer.shopper).collect();
    assert_eq!(shoppers, [1, 1], "both are the same shopper's");
}

#[test]
fn where_nobody_tells_what_was_shown_an_offer_counts_from_when_it_was_sent() {
    let attribution = Attribution { trigger: AttributionTrigger::Emitted, ..Attribution::default() };
    let logged = observed(&[offer(1, "default", "0.5", "treatment")], &[event("cart_add", 11, 1, r#","item_id":"case""#)], attribution);
    assert_eq!(accepted(&logged), [(1, true)]);
}

#[test]
fn held_out_offers_and_repetitions_are_left_out_and_what_is_no_offer_is_refused() {
    let mut logged = LoggedOffers::new(Attribution::default());
    logged.take(offer(1, "default", "0.5", "holdout").as_bytes()).unwrap();
    assert!(logged.is_empty());
    logged.take(offer(1, "short", "0.5", "treatment").as_bytes()).unwrap();
    logged.take(offer(1, "default", "0.5", "treatment").as_bytes()).unwrap();
    assert_eq!(logged.offers[&1].variant, "short");
    for (bad, why) in [
        (offer(2, "default", "0", "treatment"), "propensity is \"0\""),
        (offer(2, "default", "1.1", "treatment"), "propensity is \"1.1\""),
        (offer(2, "default", "0.5", "treatment").replace("\"offer\"", "\"purchase\""), "type is \"purchase\""),
        ("{}".to_owned(), "missing field"),
    ] {
        let said = logged.take(bad.as_bytes()).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_share_that_a_variant_would_have_had_accepted_is_found() {
    // A third of the offers is "short", of which one in two is accepted; of the others one in four.
    let of = |id: u32| if id.is_multiple_of(3) { ("short", 2) } else { ("default", 4) };
    let offers: Vec<String> = (1..=900).map(|id| offer(id, of(id).0, "0.5", "treatment")).collect();
    let taken = (1..=900_u32).filter(|id| (id / 3).is_multiple_of(of(*id).1));
    let events: Vec<String> = (1..=900).map(shown).chain(taken.map(|id| event("cart_add", 11, id, r#","item_id":"case""#))).collect();
    let figures = observed(&offers, &events, Attribution::default()).figures();
    let shares: Vec<f64> = figures[0]
        .variants
        .iter()
        .map(|variant| match variant.said {
            Said::Acceptance { acceptance, .. } => acceptance,
            Said::Refused { .. } => f64::NAN,
        })
        .collect();
    assert!((shares[0] - 0.25).abs() < 0.01 && (shares[1] - 0.5).abs() < 0.01, "{figures:?}");
}
