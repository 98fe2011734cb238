//! `kafka.delivery = "at_least_once"` against a real Kafka: offers leave before their commit, and none is missing.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use support::events::log;
use support::instance::Instance;
use support::scene::{await_all, await_records, outcome};
use support::topics::Topics;
use support::{Dice, checker, left};

const AT_ONCE: (&str, &str) = ("kafka.delivery", "at_least_once");

#[test]
fn killed_three_times_every_offer_that_is_committed_has_left() {
    let Some(brokers) = support::brokers("killed_three_times_every_offer_that_is_committed_has_left") else { return };
    let topics = Topics::create(&brokers, "atleast", 4);
    let settings = [AT_ONCE, ("kafka.commit_records_max", "200")];
    let events = log(21, 8_000, true);
    topics.feed(&events);
    let mut dice = Dice::new(21);
    for part in 0..3 {
        let instance = Instance::start(&topics, "one", &settings);
        await_records(&topics, events.len() as i64 * (part * 25 + 10) / 100, &instance);
        std::thread::sleep(Duration::from_millis(dice.below(120)));
        instance.kill();
        assert!(topics.progress().committed() < events.len() as i64, "it was killed too late to prove anything");
    }
    let instance = Instance::ready(&topics, "one", &settings);
    await_all(&topics, &[&instance]);
    instance.drained();
    let mut outcome = outcome(&topics);
    let sent = outcome.offers.len();
    assert_eq!(left::two_ids_of_one_cause(&outcome.offers), [""; 0]);
    left::first_of_each(&mut outcome.offers);
    let (committed, missing) = left::missing(&topics.read("sessions"), &outcome.offers);
    assert!(committed > 500, "only {committed} offers are remembered: this log proves little");
    assert_eq!(missing, [""; 0], "of {committed} offers");
    println!("{sent} offers left, {} of them repeated; {committed} are remembered", sent - outcome.offers.len());
    // What left, and was decided otherwise after a crash, is more than the totals know of.
    let is_promised = |line: &String| !line.starts_with("offers at") && !line.starts_with("offered items");
    let problems: Vec<String> = checker::problems(&outcome).into_iter().filter(is_promised).collect();
    assert_eq!(problems, [""; 0]);
}

/// Feeds events as of now, a few at a time, and reads how long they took to become offers: the mean in seconds, and the
/// share within 25 ms.
fn latency(topics: &Topics, settings: &[(&str, &str)]) -> (f64, f64) {
    let instance = Instance::ready(topics, "one", settings);
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &topics.brokers).set("partitioner", "murmur2_random").set("linger.ms", "0");
    let producer: ThreadedProducer<DefaultProducerContext> = client.create().unwrap();
    let topic = topics.name("events");
    for event in log(22, 3_000, false) {
        // The record's time, which is measured from, is now; the event keeps its own.
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        producer.send(BaseRecord::to(&topic).key(&event.key).payload(&event.value).timestamp(now_ms)).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    await_all(topics, &[&instance]);
    let metrics = instance.get("/metrics").unwrap().1;
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let name = "offerstream_event_to_offer_seconds";
    let count = value(&format!("{name}_count"));
    assert!(count > 100.0, "only {count} offers");
    instance.drained();
    (value(&format!("{name}_sum")) / count, value(&format!("{name}_bucket{{le=\"0.025\"}}")) / count)
}

#[test]
fn an_offer_that_does_not_wait_for_its_commit_is_there_sooner() {
    let Some(brokers) = support::brokers("an_offer_that_does_not_wait_for_its_commit_is_there_sooner") else { return };
    // So long that no machine is too busy to see the difference.
    let interval = ("kafka.commit_interval_ms", "3000");
    let exactly = latency(&Topics::create(&brokers, "exactly", 4), &[interval]);
    let at_least = latency(&Topics::create(&brokers, "sooner", 4), &[AT_ONCE, interval]);
    let told = |(mean, share): (f64, f64)| format!("{:.1} ms on average, {:.0} % within 25 ms", mean * 1_000.0, share * 100.0);
    println!("exactly_once: {}; at_least_once: {}", told(exactly), told(at_least));
    assert!(at_least.0 < exactly.0, "exactly_once {exactly:?}, at_least_once {at_least:?}");
}
