//! `kafka.repartition` against a real Kafka: events keyed at random come out as if they had been keyed by session.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use support::checker::Outcome;
use support::events::{Event, log};
use support::instance::{Instance, program};
use support::scene::{LOG_LIMIT, await_all, check_outcome, dump, outcome, replayed_counts};
use support::topics::{Rec, Topics};
use support::{Dice, wait_until};

const PARTITIONS: i32 = 4;
const REPARTITION: (&str, &str) = ("kafka.repartition", "true");

/// The same events under keys that say nothing of their sessions.
fn keyed_at_random(events: &[Event], seed: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed);
    events.iter().map(|event| Event { key: format!("key-{}", dice.below(1_000)), ..event.clone() }).collect()
}

fn with_topics(brokers: &str, test: &str) -> Topics {
    let topics = Topics::create(brokers, test, PARTITIONS);
    topics.make(&["repartitioned"]);
    topics
}

/// Waits until all events are republished, and all that are republished are processed.
fn await_processed(topics: &Topics, fed: usize, instance: &Instance) {
    let group = |name: &str| -> BaseConsumer {
        ClientConfig::new().set("bootstrap.servers", &topics.brokers).set("group.id", name).create().unwrap()
    };
    let (republishing, processing) = (group(&format!("{}-repartition", topics.prefix)), group(&topics.prefix));
    let committed = |group: &BaseConsumer, which: &str| {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&topics.name(which), 0, PARTITIONS - 1);
        group.committed_offsets(asked, Duration::from_secs(10)).map(|committed| committed.to_topic_map()).unwrap_or_default()
    };
    let is_done = || {
        std::thread::sleep(Duration::from_millis(200));
        let offsets = committed(&republishing, "events");
        // The shop's own topic has no markers of transactions, so its offsets count records.
        let republished: i64 = offsets.values().map(|offset| if let Offset::Offset(next) = offset { *next } else { 0 }).sum();
        if republished < fed as i64 {
            return false;
        }
        let records = topics.read("repartitioned");
        let mut last: BTreeMap<i32, i64> = BTreeMap::new();
        records.iter().for_each(|record| _ = last.insert(record.partition, record.offset));
        let committed = committed(&processing, "repartitioned");
        let of = |partition: &i32| committed.get(&(topics.name("repartitioned"), *partition));
        let is_processed = last.iter().all(|(partition, last)| matches!(of(partition), Some(Offset::Offset(next)) if next > last));
        assert!(records.len() <= fed, "{} records came of {fed}: {:?}\n{}", records.len(), twice(&records), instance.log());
        records.len() == fed && is_processed
    };
    wait_until("processing what was republished", LOG_LIMIT, is_done, || instance.log());
}

/// The records that came more than once: where each came from, and where it is.
fn twice(records: &[Rec]) -> Vec<String> {
    let mut places: BTreeMap<(i64, i64), Vec<(i32, i64)>> = BTreeMap::new();
    for record in records {
        let number = |header: &str| record.headers[header].parse::<i64>().unwrap();
        places.entry((number("offerstream-partition"), number("offerstream-offset"))).or_default().push((record.partition, record.offset));
    }
    places.into_iter().filter(|(_, at)| at.len() > 1).map(|(from, at)| format!("{from:?} at {at:?}")).collect()
}

/// What came out, seen from the topic that was processed: dead letters name the shop's own records, which are looked up.
fn republished(topics: &Topics, fed: &[Event]) -> Outcome {
    let sources = topics.read("events");
    assert_eq!(sources.len(), fed.len());
    let outcome = Outcome { events: topics.read("repartitioned"), events_topic: topics.name("repartitioned"), ..outcome(topics) };
    let mut places: HashMap<(i32, i64), &Rec> = HashMap::new();
    for record in &outcome.events {
        assert_eq!(record.headers["offerstream-topic"], topics.name("events"));
        let number = |header: &str| record.headers[header].parse::<i64>().unwrap();
        let place = (number("offerstream-partition") as i32, number("offerstream-offset"));
        assert!(places.insert(place, record).is_none(), "{place:?} was republished twice");
    }
    for source in &sources {
        let record = places[&(source.partition, source.offset)];
        assert_eq!(record.value, source.value, "the value is another");
        assert_eq!(record.expect(), source.expect(), "a header is lost");
    }
    let dead_letters = outcome.dead_letters.iter().map(|letter| {
        let mut letter = letter.clone();
        assert_eq!(letter.headers["topic"], topics.name("events"), "a dead letter does not name the shop's own topic");
        let number = |header: &str| letter.headers[header].parse::<i64>().unwrap();
        let record = places[&(number("partition") as i32, number("offset"))];
        letter.headers.insert("topic".into(), topics.name("repartitioned"));
        letter.headers.insert("partition".into(), record.partition.to_string());
        letter.headers.insert("offset".into(), record.offset.to_string());
        letter
    });
    let dead_letters = dead_letters.collect();
    Outcome { dead_letters, ..outcome }
}

#[test]
fn events_keyed_at_random_come_out_as_a_replay_of_them_and_without_repartition_they_do_not() {
    let Some(brokers) = support::brokers("events_keyed_at_random_come_out_as_a_replay_of_them_and_without_repartition_they_do_not") else {
        return;
    };
    let events = keyed_at_random(&log(21, 8_000, true), 21);
    let topics = with_topics(&brokers, "repartition");
    // All of it is there before anything is read: the order then rests on the records' times alone.
    topics.feed(&events);
    let instance = Instance::ready(&topics, "one", &[REPARTITION]);
    await_processed(&topics, events.len(), &instance);
    instance.drained();
    let found = check_outcome(&topics, &events, republished(&topics, &events));
    assert!(found.offers.len() > 300 && found.dead_letters.len() > 500, "this log proves little");
    let checked = program(&topics, &[REPARTITION]).arg("check").output().unwrap();
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{text}");
    assert!(text.contains(&format!("kafka.repartition brings each together in {}", topics.name("repartitioned"))), "{text}");

    let torn = Topics::create(&brokers, "torn", PARTITIONS);
    torn.feed(&events);
    let instance = Instance::ready(&torn, "one", &[]);
    await_all(&torn, &[&instance]);
    instance.drained();
    assert_ne!(dump(&torn, "--counts"), replayed_counts(&torn, &events), "keys at random do no harm: this test proves nothing");
    let checked = program(&torn, &[]).arg("check").output().unwrap();
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(!checked.status.success() && text.contains("set kafka.repartition = true"), "{text}");
}

#[test]
fn killed_while_it_republishes_nothing_is_lost_and_nothing_comes_twice() {
    let Some(brokers) = support::brokers("killed_while_it_republishes_nothing_is_lost_and_nothing_comes_twice") else { return };
    let events = keyed_at_random(&log(22, 12_000, true), 22);
    let topics = with_topics(&brokers, "repartition-killed");
    topics.feed(&events);
    let settings = [REPARTITION, ("kafka.commit_records_max", "200")];
    let mut dice = Dice::new(22);
    for part in 0..3_u64 {
        let instance = Instance::start(&topics, "one", &settings);
        let at_least = (events.len() as u64 * (15 + 25 * part) / 100) as i64;
        let is_there = || ends(&topics) >= at_least;
        wait_until("republishing", LOG_LIMIT, is_there, || instance.log());
        std::thread::sleep(Duration::from_millis(dice.below(150)));
        instance.kill();
        assert!(ends(&topics) < events.len() as i64, "it was killed too late to prove anything");
    }
    let instance = Instance::ready(&topics, "one", &settings);
    await_processed(&topics, events.len(), &instance);
    instance.drained();
    check_outcome(&topics, &events, republished(&topics, &events));
}

/// How far the republished events reach, in records and markers.
fn ends(topics: &Topics) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &topics.brokers).create().unwrap();
    let topic = topics.name("repartitioned");
    (0..PARTITIONS).map(|partition| consumer.fetch_watermarks(&topic, partition, Duration::from_secs(10)).unwrap().1).sum()
}
