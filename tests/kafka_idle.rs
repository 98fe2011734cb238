//! `run` against a real Kafka where no events come: baskets left behind are answered all the same, once.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use support::events::Event;
use support::instance::Instance;
use support::scene::await_all;
use support::topics::Topics;
use support::wait_until;

/// A minute is the least that may be configured; the events lie most of it back.
const SETTINGS: [(&str, &str); 2] = [("placements.abandoned_cart.after", "60s"), ("experiment.holdout_ratio", "0")];

fn events(now_ms: i64) -> Vec<Event> {
    let items = json!([{"item_id":"phone","price":300}, {"item_id":"case","price":20}]);
    let purchase = |n: i64| {
        let fields = json!({"type":"purchase","session_id":format!("buyer-{n}"),"order_id":format!("o{n}"),"items":items.clone()});
        Event::new(now_ms - 3_600_000 + n, fields)
    };
    let left = json!({"type":"cart_add","session_id":"left","event_id":"e1","item_id":"phone","price":300});
    (0..6).map(purchase).chain([Event::new(now_ms - 50_000, left)]).collect()
}

fn abandoned(topics: &Topics) -> Vec<Value> {
    topics.read("offers").into_iter().map(|record| record.json().clone()).filter(|offer| offer["placement"] == "abandoned_cart").collect()
}

#[test]
fn a_basket_left_behind_in_an_idle_partition_is_answered_once_though_the_instance_was_killed_before() {
    let test = "a_basket_left_behind_in_an_idle_partition_is_answered_once_though_the_instance_was_killed_before";
    let Some(brokers) = support::brokers(test) else { return };
    let topics = Topics::create(&brokers, "idle", 2);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let instance = Instance::ready(&topics, "one", &SETTINGS);
    topics.feed(&events(now_ms));
    await_all(&topics, &[&instance]);
    instance.kill();
    let instance = Instance::ready(&topics, "one", &SETTINGS);
    wait_until("an offer for the basket", Duration::from_secs(120), || !abandoned(&topics).is_empty(), || instance.log());
    // Long enough for it to be made again, were it not known that it was.
    std::thread::sleep(Duration::from_secs(15));
    instance.drained();
    let offers = abandoned(&topics);
    assert_eq!(offers.len(), 1, "{offers:?}");
    let offer = &offers[0];
    assert_eq!((&offer["session_id"], &offer["items"][0]["item_id"]), (&json!("left"), &json!("case")));
    // It is of the time at which it was due, whenever it was made, and names the event it derives from.
    let due = support::events::rfc3339(now_ms - 50_000 + 60_000);
    assert_eq!((offer["ts"].as_str().unwrap(), &offer["cause"]), (due.as_str(), &json!({"type":"cart_add","event_id":"e1"})));
    assert!(topics.read("dlq").is_empty());
}
