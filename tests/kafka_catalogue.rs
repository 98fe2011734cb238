//! The catalogue's topic against a real Kafka: read before `run` is ready, followed, never in its way.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::events::{Event, START_MS};
use support::instance::Instance;
use support::scene::await_all;
use support::topics::Topics;
use support::wait_until;

const PARTITIONS: i32 = 4;
const SOON: Duration = Duration::from_secs(30);
/// Offers from the first basket on, so that a handful of events makes some; nobody is kept from them.
const AT_ONCE: [(&str, &str); 3] =
    [("experiment.holdout_ratio", "0"), ("placements.cart.baskets_together_min", "1"), ("placements.cart.popular_baskets_min", "1")];

/// Ten baskets with a phone and a case.
fn bought_together() -> Vec<Event> {
    let visit = |n: i64| {
        let session = format!("buyer-{n}");
        let lines = json!([{"item_id": "phone", "price": 300}, {"item_id": "case", "price": 20}]);
        Event::new(
            START_MS + n * 1_000,
            json!({"type": "purchase", "session_id": session, "order_id": format!("order-{n}"), "items": lines}),
        )
    };
    (0..10).map(visit).collect()
}

/// A phone is put into a basket.
fn wants_phone(n: i64) -> Event {
    Event::new(
        START_MS + 3_600_000 + n * 60_000,
        json!({"type": "cart_add", "session_id": format!("shopper-{n}"), "item_id": "phone", "price": 300}),
    )
}

/// What the shopper is offered for the phone: the case as it is known.
fn offered_case(topics: &Topics, instance: &Instance, n: i64) -> Value {
    let event = wants_phone(n);
    topics.feed(std::slice::from_ref(&event));
    await_all(topics, &[instance]);
    let offers = topics.read("offers");
    let offer = offers.iter().find(|offer| offer.key_text() == event.key).unwrap_or_else(|| panic!("no offer for {}", event.key));
    let items = offer.json()["items"].clone();
    items.as_array().unwrap().iter().find(|item| item["item_id"] == "case").unwrap_or_else(|| panic!("no case in {items}")).clone()
}

/// A series of `/metrics`; 0 where it is not there.
fn metric(instance: &Instance, series: &str) -> f64 {
    let (_, text) = instance.get("/metrics").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

/// Starts `run` and waits until it has learned what ten buyers bought.
fn learned(topics: &Topics) -> Instance {
    topics.feed(&bought_together());
    let instance = Instance::ready(topics, "one", &AT_ONCE);
    await_metric(&instance, "offerstream_shop_orders", 10.0);
    instance
}

fn await_metric(instance: &Instance, series: &str, value: f64) {
    wait_until(&format!("{series} {value}"), SOON, || metric(instance, series) >= value, || instance.log());
    assert!((metric(instance, series) - value).abs() < f64::EPSILON, "{series} is {}", metric(instance, series));
}

#[test]
fn the_catalogue_is_read_before_run_is_ready_and_updates_apply_at_once() {
    let Some(brokers) = support::brokers("the_catalogue_is_read_before_run_is_ready_and_updates_apply_at_once") else { return };
    let topics = Topics::create(&brokers, "catalogue", PARTITIONS);
    topics.make(&["catalogue"]);
    let products: Vec<(String, Option<String>)> =
        (0..2_000).map(|n| (format!("item-{n}"), Some(json!({"title": format!("Item {n}"), "price": n}).to_string()))).collect();
    topics.put("catalogue", &products);
    topics.put(
        "catalogue",
        &[
            ("case".into(), Some("{\"title\":\"Old\"}".into())),
            ("case".into(), Some(r#"{"title":"Clear case","url":"https://shop.example/case"}"#.into())),
        ],
    );
    let instance = learned(&topics);
    assert!(metric(&instance, "offerstream_catalogue_records_total") >= 2_002.0, "it was ready before the catalogue was read");
    assert!(instance.log().contains("the catalogue is read: 2002 records"), "{}", instance.log());
    let case = offered_case(&topics, &instance, 1);
    assert_eq!((&case["title"], &case["url"], &case["price"]), (&json!("Clear case"), &json!("https://shop.example/case"), &json!("20")));

    let update = r#"{"item_id":"case","title":"Clear case, new","price":"17.50","in_stock":false}"#;
    topics.put("catalogue", &[("case".into(), Some(update.into()))]);
    await_metric(&instance, "offerstream_catalogue_records_total", 2_003.0);
    // What becomes of an item that is out of stock is the rules' affair; that it is known is what matters here.
    instance.drained();
    let instance = Instance::ready(&topics, "one", &AT_ONCE);
    let back = r#"{"item_id":"case","title":"Clear case, new","price":"17.50","in_stock":true}"#;
    topics.put("catalogue", &[("case".into(), Some(back.into()))]);
    await_metric(&instance, "offerstream_catalogue_records_total", 2_004.0);
    let case = offered_case(&topics, &instance, 2);
    assert_eq!((&case["title"], &case["price"]), (&json!("Clear case, new"), &json!("17.5")));
    instance.drained();
}

#[test]
fn a_tombstone_takes_a_product_out_and_what_events_told_is_left() {
    let Some(brokers) = support::brokers("a_tombstone_takes_a_product_out_and_what_events_told_is_left") else { return };
    let topics = Topics::create(&brokers, "tombstone", PARTITIONS);
    topics.make(&["catalogue"]);
    let both = [("case", Some(r#"{"title":"Clear case","price":5}"#.to_owned())), ("never-sold", Some("{}".to_owned()))];
    topics.put("catalogue", &both.map(|(key, value)| (key.to_owned(), value)));
    let instance = learned(&topics);
    let case = offered_case(&topics, &instance, 1);
    assert_eq!((&case["title"], &case["price"]), (&json!("Clear case"), &json!("5")));
    let products = metric(&instance, "offerstream_state_entries{state=\"products\"}");
    topics.put("catalogue", &[("case".into(), None), ("never-sold".into(), None)]);
    await_metric(&instance, "offerstream_catalogue_records_total", 4.0);
    let case = offered_case(&topics, &instance, 2);
    assert_eq!((&case["title"], &case["price"]), (&Value::Null, &json!("20")));
    await_metric(&instance, "offerstream_state_entries{state=\"products\"}", products - 1.0);
    instance.drained();
}

#[test]
fn a_record_that_cannot_be_used_stops_nothing_and_the_old_row_stays() {
    let Some(brokers) = support::brokers("a_record_that_cannot_be_used_stops_nothing_and_the_old_row_stays") else { return };
    let topics = Topics::create(&brokers, "bad-row", PARTITIONS);
    topics.make(&["catalogue"]);
    topics.put("catalogue", &[("case".into(), Some(r#"{"title":"Clear case"}"#.into()))]);
    let instance = learned(&topics);
    let bad = ["{", r#"{"title":"Other","price":"12,50"}"#, r#"{"item_id":"cover"}"#, r#"{"title":"Other","price":-1}"#];
    topics.put("catalogue", &bad.map(|value| ("case".to_owned(), Some(value.to_owned()))));
    topics.put("catalogue", &[("phone".into(), Some(r#"{"title":"Aster 5","pinned":["phone"]}"#.into()))]);
    await_metric(&instance, "offerstream_catalogue_records_rejected_total{reason=\"bad_price\"}", 2.0);
    await_metric(&instance, "offerstream_catalogue_records_rejected_total{reason=\"other_key\"}", 1.0);
    await_metric(&instance, "offerstream_catalogue_records_rejected_total{reason=\"not_json\"}", 1.0);
    await_metric(&instance, "offerstream_catalogue_records_total", 2.0);
    let case = offered_case(&topics, &instance, 1);
    assert_eq!(
        (&case["title"], &case["reason"]),
        (&json!("Clear case"), &json!("10 of 10 baskets with Aster 5 had it too. In 10 baskets this week"))
    );
    let log = instance.drained();
    assert_eq!(log.matches("the record is ignored").count(), 1, "one line an item:\n{log}");
    assert!(log.contains(r#"pinned of "phone" is ignored: it names the item itself"#), "{log}");
}

#[test]
fn without_its_topic_run_goes_on_and_says_so_once() {
    let Some(brokers) = support::brokers("without_its_topic_run_goes_on_and_says_so_once") else { return };
    let topics = Topics::create(&brokers, "no-catalogue", PARTITIONS);
    let instance = learned(&topics);
    assert_eq!(offered_case(&topics, &instance, 1)["price"], json!("20"));
    assert!(metric(&instance, "offerstream_catalogue_records_total") < 0.5);
    let log = instance.drained();
    let line = format!("topic {} does not exist, or this user has no right to see it", topics.name("catalogue"));
    assert_eq!(log.matches(&line).count(), 1, "{log}");
}
