//! What survives a restart, and what is let go, against a real Kafka.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use support::events::{Event, START_MS};
use support::instance::Instance;
use support::scene::{SOON, await_all, check, dump_lines};
use support::topics::{Rec, Topics};

const DAY_MS: i64 = 86_400_000;
/// Nobody is held out, so that every offer can be read.
const ALL_TREATED: [(&str, &str); 1] = [("experiment.holdout_ratio", "0")];

/// Orders that make `a`, `b`, `c` and `d` companions.
fn companions() -> Vec<Event> {
    let items: Value = ["a", "b", "c", "d"].iter().map(|item| json!({"item_id": item, "price": "2", "quantity": 1})).collect();
    let order = |n: i64| json!({"type": "purchase", "session_id": format!("buyer-{n}"), "order_id": format!("order-{n}"), "items": items});
    (0..12).map(|n| Event::new(START_MS + n * 1_000, order(n))).collect()
}

fn add(session: &str, item: &str, at_ms: i64) -> Event {
    Event::new(at_ms, json!({"type": "cart_add", "session_id": session, "item_id": item, "price": "2"}))
}

/// Feeds and waits until it is committed, and folded.
fn feed(topics: &Topics, instance: &Instance, events: &[Event]) {
    topics.feed(events);
    await_all(topics, &[instance]);
    topics.settle();
    std::thread::sleep(Duration::from_millis(300));
}

fn items_of(offer: &Rec) -> Vec<String> {
    let items = offer.json()["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["item_id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The newest record of every session in the changelog: whether it is a tombstone.
fn newest(topics: &Topics) -> BTreeMap<String, bool> {
    topics.read("sessions").iter().map(|rec| (rec.key_text(), rec.value.is_none())).collect()
}

#[test]
fn an_open_basket_survives_a_kill_and_a_drain() {
    let Some(brokers) = support::brokers("an_open_basket_survives_a_kill_and_a_drain") else { return };
    let topics = Topics::create(&brokers, "basket", 4);
    let mut events = companions();
    let instance = Instance::ready(&topics, "one", &ALL_TREATED);
    feed(&topics, &instance, &events);
    let adds = [add("x", "a", START_MS + 60_000), add("x", "b", START_MS + 61_000), add("x", "c", START_MS + 62_000)];
    feed(&topics, &instance, &adds[..1]);
    instance.kill();
    let instance = Instance::ready(&topics, "one", &ALL_TREATED);
    feed(&topics, &instance, &adds[1..2]);
    instance.drained();
    let before = dump_lines(&topics, "--sessions");
    let instance = Instance::ready(&topics, "one", &ALL_TREATED);
    assert_eq!(dump_lines(&topics, "--sessions"), before, "a restart alone changes sessions");
    feed(&topics, &instance, &adds[2..]);
    instance.drained();

    let offers = topics.read("offers");
    let mut offered: Vec<Vec<String>> = offers.iter().map(items_of).collect();
    offered.iter_mut().for_each(|items| items.sort());
    assert_eq!(offered, [vec!["b", "c", "d"], vec!["c", "d"], vec!["d"]], "what is offered after a, then b, then c");
    let supersedes: Vec<Value> = offers.iter().map(|offer| offer.json()["supersedes"].clone()).collect();
    let ids: Vec<Value> = offers.iter().map(|offer| offer.json()["offer_id"].clone()).collect();
    assert_eq!(supersedes[1..], ids[..2], "each offer supersedes the one before, across restarts");
    events.extend(adds);
    check(&topics, &events);
}

#[test]
fn a_session_that_is_over_leaves_a_tombstone_and_is_not_restored() {
    let Some(brokers) = support::brokers("a_session_that_is_over_leaves_a_tombstone_and_is_not_restored") else { return };
    let topics = Topics::create(&brokers, "tombstones", 4);
    let early: Vec<Event> = companions().into_iter().chain([add("x", "a", START_MS + 60_000)]).collect();
    let instance = Instance::ready(&topics, "one", &ALL_TREATED);
    feed(&topics, &instance, &early);
    let open = newest(&topics);
    assert_eq!(open.len(), 13, "{open:?}");
    assert!(open.values().all(|is_tombstone| !is_tombstone), "sessions ended before their time: {open:?}");

    // Six days on, idle baskets are over, and so are the offers that were made for leaving them; orders can still be refunded.
    let later = |days: i64| -> Vec<Event> { (0..40).map(|n| add(&format!("later-{days}-{n}"), "a", START_MS + days * DAY_MS)).collect() };
    feed(&topics, &instance, &later(6));
    let six_days = newest(&topics);
    assert!(six_days["s:x"], "the idle basket has no tombstone: {six_days:?}");
    assert!((0..12).all(|n| !six_days[&format!("s:buyer-{n}")]), "orders were forgotten within their refund window: {six_days:?}");

    instance.drained();
    let instance = Instance::ready(&topics, "one", &ALL_TREATED);
    feed(&topics, &instance, &later(40));
    let forty_days = newest(&topics);
    let early_and_idle = forty_days.iter().filter(|(key, _)| !key.starts_with("s:later-40"));
    let left: Vec<&String> = early_and_idle.filter(|(_, is_tombstone)| !**is_tombstone).map(|(key, _)| key).collect();
    assert!(left.is_empty(), "sessions that are over and have no tombstone: {left:?}");
    instance.drained();
    let restored = dump_lines(&topics, "--sessions");
    assert_eq!(restored.len(), 40, "only the sessions of the last day are open");
    assert!(restored.iter().all(|session| session["session"].as_str().is_some_and(|key| key.starts_with("s:later-40"))), "{restored:?}");
    let events: Vec<Event> = early.into_iter().chain(later(6)).chain(later(40)).collect();
    check(&topics, &events);
}

#[test]
fn offsets_that_are_gone_end_it_with_a_line_and_nothing_is_counted_twice() {
    let Some(brokers) = support::brokers("offsets_that_are_gone_end_it_with_a_line_and_nothing_is_counted_twice") else { return };
    let topics = Topics::create(&brokers, "gone", 2);
    let settings: Vec<(&str, &str)> = ALL_TREATED.into_iter().chain(SOON).collect();
    let instance = Instance::ready(&topics, "one", &settings);
    feed(&topics, &instance, &companions());
    instance.drained();
    topics.settle();
    let counted = dump_lines(&topics, "--counts");
    topics.forget_group();
    let (status, log) = Instance::start(&topics, "one", &settings).ended();
    let words: Vec<&str> = log.lines().filter(|line| line.starts_with("offerstream: ")).collect();
    assert!(!status.success() && words.len() == 1, "{status}:\n{log}");
    assert!(words[0].contains("has no offset for partition") && words[0].contains("--reset-offsets"), "{}", words[0]);
    assert_eq!(dump_lines(&topics, "--counts"), counted);
}
