//! A customer asks to be forgotten: what instances and topics still know, against a real Kafka.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use support::events::{Event, START_MS, rfc3339};
use support::instance::{Instance, output, program};
use support::scene::await_all;
use support::topics::{Rec, Topics};
use support::wait_until;

/// Long enough to stand nowhere by chance.
const CUSTOMER: &str = "customer-4711-of-the-shop";
const HOUR_MS: i64 = 3_600_000;
/// How long everybody may take to hear of it.
const HEARD: Duration = Duration::from_secs(60);
/// Nobody is held out; orders are followed up the day after.
const SETTINGS: [(&str, &str); 3] =
    [("experiment.holdout_ratio", "0"), ("placements.follow_up.enabled", "true"), ("placements.follow_up.after", "24h")];

fn has(bytes: &[u8]) -> bool {
    bytes.windows(CUSTOMER.len()).any(|window| window == CUSTOMER.as_bytes())
}

fn event(at_ms: i64, fields: Value) -> Event {
    Event::new(START_MS + at_ms, fields)
}

fn add(at_ms: i64, session: &str, item: &str) -> Event {
    event(at_ms, json!({"type": "cart_add", "session_id": session, "customer_id": CUSTOMER, "item_id": item, "price": "2"}))
}

/// Other shoppers' orders, which make companions; then the customer's: open sessions on many partitions, an order to be followed
/// up, and a session that has no other id.
fn before() -> Vec<Event> {
    let items: Value = ["a", "b", "c", "d"].iter().map(|item| json!({"item_id": item, "price": "2"})).collect();
    let order = |n: i64| json!({"type": "purchase", "session_id": format!("buyer-{n}"), "order_id": format!("order-{n}"), "items": items});
    let mut events: Vec<Event> = (0..12).map(|n| event(n * 1_000, order(n))).collect();
    events.extend((0..12).map(|n| add(60_000 + n, &format!("open-{n}"), "a")));
    let two: Value = ["a", "b"].iter().map(|item| json!({"item_id": item, "price": "2"})).collect();
    let bought = json!({"type": "purchase", "session_id": "bought", "customer_id": CUSTOMER, "order_id": "the-order", "items": two});
    events.push(event(70_000, bought));
    events.push(event(71_000, json!({"type": "cart_add", "customer_id": CUSTOMER, "item_id": "a", "price": "2"})));
    events
}

fn erased() -> Event {
    event(80_000, json!({"type": "customer_erased", "customer_id": CUSTOMER}))
}

/// The newest value of every key of the changelog.
fn newest(topics: &Topics) -> BTreeMap<String, Option<Vec<u8>>> {
    topics.read("sessions").into_iter().map(|rec| (rec.key_text(), rec.value)).collect()
}

/// Keys whose newest value names the customer, or that do themselves and have a value.
fn naming(topics: &Topics) -> Vec<String> {
    let is_naming = |(key, value): &(String, Option<Vec<u8>>)| value.as_ref().is_some_and(|value| has(value) || has(key.as_bytes()));
    newest(topics).into_iter().filter(is_naming).map(|(key, _)| key).collect()
}

fn await_forgotten(topics: &Topics) {
    wait_until("forgetting the customer", HEARD, || naming(topics).is_empty(), || format!("left: {:?}", naming(topics)));
}

fn check_forgotten(topics: &Topics) {
    let own = newest(topics).remove(&format!("u:{CUSTOMER}"));
    assert_eq!(own, Some(None), "the session that went by the customer's id has no tombstone");
    for what in ["--sessions", "--totals", "--counts"] {
        assert!(!has(&output(program(topics, &SETTINGS).args(["state", "dump", what]))), "{what} names the customer");
    }
}

/// All offers, made and kept back.
fn offers(topics: &Topics) -> Vec<Rec> {
    ["offers", "withheld"].into_iter().flat_map(|which| topics.read(which)).collect()
}

#[test]
fn an_erased_customer_is_gone_from_every_instance() {
    let Some(brokers) = support::brokers("an_erased_customer_is_gone_from_every_instance") else { return };
    let topics = Topics::create(&brokers, "erasure", 6);
    let one = Instance::ready(&topics, "one", &SETTINGS);
    let two = Instance::ready(&topics, "two", &SETTINGS);
    topics.feed(&before());
    await_all(&topics, &[&one, &two]);
    topics.settle();
    let known = naming(&topics);
    assert_eq!(known.len(), 14, "sessions that name the customer: {known:?}");
    let partitions: std::collections::BTreeSet<i32> =
        topics.read("sessions").iter().filter(|rec| rec.key_text().contains("open-")).map(|rec| rec.partition).collect();
    assert!(partitions.len() > 2, "sessions lie on {partitions:?} alone");

    topics.feed(&[erased()]);
    await_all(&topics, &[&one, &two]);
    await_forgotten(&topics);
    let before = offers(&topics).len();
    // The sessions go on without a name; the order is followed up; others go on, so that time does.
    let later: Vec<Event> = (0..12)
        .map(|n| event(90_000 + n, json!({"type": "cart_add", "session_id": format!("open-{n}"), "item_id": "b", "price": "2"})))
        .chain(
            (0..40).map(|n| event(26 * HOUR_MS + n, json!({"type": "product_viewed", "session_id": format!("later-{n}"), "item_id": "a"}))),
        )
        .collect();
    topics.feed(&later);
    await_all(&topics, &[&one, &two]);
    topics.settle();
    let after = offers(&topics);
    assert!(after.len() > before, "nothing was offered later");
    let follow_up = after.iter().find(|offer| offer.json()["placement"] == "follow_up");
    assert!(follow_up.is_some_and(|offer| !has(offer.value.as_deref().unwrap())), "the order's follow-up: {follow_up:?}");
    let is_later = |offer: &&Rec| offer.json()["ts"].as_str().is_some_and(|ts| ts > rfc3339(START_MS + 80_000).as_str());
    let naming_offers = after.iter().filter(is_later).filter(|offer| has(offer.value.as_deref().unwrap_or_default()));
    assert_eq!(naming_offers.count(), 0, "offers made afterwards name the customer");
    assert!(naming(&topics).is_empty());
    check_forgotten(&topics);
    one.drained();
    two.drained();
}

#[test]
fn a_kill_between_the_erasure_and_the_scrubbing_changes_nothing() {
    let Some(brokers) = support::brokers("a_kill_between_the_erasure_and_the_scrubbing_changes_nothing") else { return };
    let topics = Topics::create(&brokers, "erasure-kill", 6);
    let one = Instance::ready(&topics, "one", &SETTINGS);
    topics.feed(&before());
    await_all(&topics, &[&one]);
    one.drained();
    // What the shop has heard of is written into sessions by the next commit: that is seconds away.
    let slow = [SETTINGS.as_slice(), &[("kafka.commit_interval_ms", "5000")]].concat();
    let one = Instance::ready(&topics, "one", &slow);
    topics.feed(&[erased()]);
    await_all(&topics, &[&one]);
    one.kill();
    assert!(naming(&topics).len() > 2, "it was killed too late to tell");
    // Nobody sends anything; the restored sessions are looked through all the same.
    let one = Instance::ready(&topics, "one", &SETTINGS);
    await_forgotten(&topics);
    check_forgotten(&topics);
    one.drained();
}
