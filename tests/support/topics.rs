//! A test's own topics on the broker: making, feeding and reading them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::events::Event;
use super::wait_until;

const CALL: Duration = Duration::from_secs(20);
/// The header by which a fed record says why it is to be refused.
const EXPECT: &str = "test-expect";

/// The topics of one test, under a prefix of its own; they go when it is dropped.
pub struct Topics {
    pub brokers: String,
    pub prefix: String,
    pub partitions: i32,
    /// How many brokers have each of them.
    pub replicas: i32,
    made: std::cell::Cell<bool>,
}

/// A record as it was read back.
#[derive(Debug, Default)]
pub struct Rec {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: BTreeMap<String, String>,
    /// Its value as JSON, once it was asked for.
    pub parsed: OnceLock<serde_json::Value>,
}

impl Clone for Rec {
    /// A copy may be given another value: it is parsed anew.
    fn clone(&self) -> Self {
        let Self { partition, offset, key, value, headers, .. } = self;
        let (key, value, headers) = (key.clone(), value.clone(), headers.clone());
        Self { partition: *partition, offset: *offset, key, value, headers, parsed: OnceLock::new() }
    }
}

impl Rec {
    /// Its value as JSON; null where it is none.
    pub fn json(&self) -> &serde_json::Value {
        self.parsed.get_or_init(|| serde_json::from_slice(self.value.as_deref().unwrap_or_default()).unwrap_or_default())
    }

    /// Its key as text.
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// Why it is to be refused, where it is.
    pub fn expect(&self) -> Option<&str> {
        self.headers.get(EXPECT).map(String::as_str)
    }
}

impl Topics {
    /// Names only: nothing is made.
    pub fn named(brokers: &str, test: &str, partitions: i32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("test-{since_epoch:x}-{}-{number}-{test}", std::process::id());
        Self { brokers: brokers.to_owned(), prefix, partitions, replicas: 1, made: false.into() }
    }

    /// Makes all topics that `run` needs.
    pub fn create(brokers: &str, test: &str, partitions: i32) -> Self {
        Self::create_replicated(brokers, test, partitions, 1)
    }

    /// Makes all topics that `run` needs, on so many brokers each.
    pub fn create_replicated(brokers: &str, test: &str, partitions: i32, replicas: i32) -> Self {
        let mut topics = Self::named(brokers, test, partitions);
        topics.replicas = replicas;
        topics.make(&["events", "offers", "withheld", "dlq", "sessions", "shop"]);
        topics
    }

    /// Makes these topics.
    pub fn make(&self, which: &[&str]) {
        self.made.set(true);
        let names: Vec<String> = which.iter().map(|which| self.name(which)).collect();
        let new: Vec<NewTopic<'_>> = which.iter().zip(&names).map(|(which, name)| self.new_topic(which, name)).collect();
        let made = block_on(self.admin().create_topics(&new, &AdminOptions::new().operation_timeout(Some(CALL))));
        for result in made.expect("topics can't be made") {
            result.expect("a topic can't be made");
        }
        self.await_known(&names);
    }

    /// A topic that was made is known to every listener a moment later only.
    fn await_known(&self, names: &[String]) {
        let consumer = self.consumer("read_committed");
        let known = || {
            let Ok(metadata) = consumer.fetch_metadata(None, CALL) else { return false };
            names.iter().all(|name| metadata.topics().iter().any(|topic| topic.name() == name && !topic.partitions().is_empty()))
        };
        wait_until("making topics", CALL, known, || format!("{names:?}"));
    }

    fn new_topic<'a>(&self, which: &str, name: &'a str) -> NewTopic<'a> {
        let partitions = if which == "shop" { 1 } else { self.partitions };
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(self.replicas)).set("retention.ms", "-1");
        match which {
            "catalogue" => topic.set("cleanup.policy", "compact"),
            "sessions" => topic.set("cleanup.policy", "compact").set("max.message.bytes", "8388608"),
            "shop" | "events" | "repartitioned" => {
                topic.set("max.message.bytes", "8388608").set("message.timestamp.after.max.ms", "9223372036854775807")
            }
            _ => topic,
        }
    }

    /// A topic's full name.
    pub fn name(&self, which: &str) -> String {
        format!("{}.{which}", self.prefix)
    }

    /// Forgets the group and all that it has committed, once it has no members left.
    pub fn forget_group(&self) {
        let admin = self.admin();
        let is_gone = || {
            let deleted = block_on(admin.delete_groups(&[&self.prefix], &AdminOptions::new()));
            deleted.is_ok_and(|groups| groups.iter().all(Result::is_ok))
        };
        wait_until("the group to be deleted", Duration::from_secs(60), is_gone, String::new);
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("message.max.bytes", "8388608")
            .set_log_level(rdkafka::config::RDKafkaLogLevel::Error);
        client
    }

    /// A consumer that sees what it is allowed to, outside of any assignment.
    pub fn consumer(&self, isolation: &str) -> BaseConsumer {
        let mut client = self.client();
        client.set("group.id", &self.prefix).set("isolation.level", isolation).set("enable.partition.eof", "true");
        client.set("enable.auto.commit", "false").set("auto.offset.reset", "error").set("fetch.wait.max.ms", "20");
        client.create().expect("a consumer")
    }

    /// Sends events in their order, and waits until they are there.
    pub fn feed(&self, events: &[Event]) {
        let feeder = self.feeder();
        feeder.send(events);
        feeder.finish();
    }

    /// Someone who sends events, keyed and partitioned as a shop's Java producers do it.
    pub fn feeder(&self) -> Feeder {
        let mut client = self.client();
        client.set("partitioner", "murmur2_random").set("enable.idempotence", "true").set("linger.ms", "5");
        client.set("compression.type", "lz4");
        Feeder { topic: self.name("events"), producer: client.create().expect("a producer") }
    }

    /// Writes records by key, one after the other, and waits until they are there; no value deletes.
    pub fn put(&self, which: &str, records: &[(String, Option<String>)]) {
        let mut client = self.client();
        client.set("partitioner", "murmur2_random").set("enable.idempotence", "true").set("linger.ms", "5");
        let producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext> = client.create().expect("a producer");
        let topic = self.name(which);
        for (key, value) in records {
            let record = BaseRecord::to(&topic).key(key);
            let record = if let Some(value) = value { record.payload(value) } else { record };
            producer.send(record).map_err(|(error, _)| error).expect("a record can't be sent");
        }
        producer.flush(CALL).expect("records can't be sent");
    }

    /// How many records of the events are covered by commits, and how many there are.
    pub fn progress(&self) -> Progress<'_> {
        Progress { topics: self, consumer: self.consumer("read_uncommitted") }
    }

    /// The committed records of a topic, to its end: by partition, then offset. Transactions that are being ended
    /// are waited for.
    pub fn read(&self, which: &str) -> Vec<Rec> {
        let topic = self.name(which);
        let partitions: Vec<i32> = (0..if which == "shop" { 1 } else { self.partitions }).collect();
        self.await_stable(&topic, partitions.len() as i32);
        self.read_from(&topic, &partitions, "read_committed")
    }

    /// The places of a topic's records that were aborted.
    pub fn aborted(&self, which: &str) -> BTreeSet<(i32, i64)> {
        let partitions: Vec<i32> = (0..self.partitions).collect();
        let places = |records: Vec<Rec>| records.into_iter().map(|record| (record.partition, record.offset)).collect::<BTreeSet<_>>();
        let all = places(self.read_from(&self.name(which), &partitions, "read_uncommitted"));
        &all - &places(self.read(which))
    }

    /// Where the group's committed offsets stood, one commit after the other, by partition of the events. Read from the
    /// broker's own log of them.
    pub fn commits(&self) -> BTreeMap<i32, Vec<i64>> {
        let log = "__consumer_offsets";
        let consumer = self.consumer("read_committed");
        let metadata = consumer.fetch_metadata(Some(log), CALL).expect("the log of offsets");
        let keeps_us = partition_of(&self.prefix, metadata.topics()[0].partitions().len());
        let topic = self.name("events");
        let mut commits: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for record in self.read_from(log, &[keeps_us], "read_committed") {
            let key = record.key.as_deref().and_then(offset_key);
            let Some((partition, value)) =
                key.filter(|(group, of, _)| *group == self.prefix && *of == topic).map(|k| k.2).zip(record.value)
            else {
                continue;
            };
            // A version, then the offset.
            commits.entry(partition).or_default().push(i64::from_be_bytes(value[2..10].try_into().unwrap()));
        }
        commits
    }

    fn read_from(&self, topic: &str, partitions: &[i32], isolation: &str) -> Vec<Rec> {
        let consumer = self.consumer(isolation);
        let mut start = TopicPartitionList::new();
        partitions.iter().for_each(|p| start.add_partition_offset(topic, *p, Offset::Beginning).unwrap());
        consumer.assign(&start).unwrap();
        let (mut records, mut open): (Vec<Rec>, BTreeSet<i32>) = (Vec::new(), partitions.iter().copied().collect());
        wait_until(
            &format!("reading {topic}"),
            CALL * 3,
            || {
                while let Some(polled) = (!open.is_empty()).then(|| consumer.poll(Duration::from_millis(100))).flatten() {
                    match polled {
                        Ok(message) => records.push(rec(&message)),
                        Err(KafkaError::PartitionEOF(partition)) => _ = open.remove(&partition),
                        Err(error) => panic!("{topic} can't be read: {error}"),
                    }
                }
                open.is_empty()
            },
            String::new,
        );
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// Waits until no transaction is open on our own topics.
    pub fn settle(&self) {
        ["offers", "withheld", "dlq", "sessions", "shop"]
            .into_iter()
            .for_each(|which| self.await_stable(&self.name(which), if which == "shop" { 1 } else { self.partitions }));
    }

    fn await_stable(&self, topic: &str, partitions: i32) {
        let (all, committed) = (self.consumer("read_uncommitted"), self.consumer("read_committed"));
        for partition in 0..partitions {
            let end = end_of(&all, topic, partition);
            let stable = || committed.fetch_watermarks(topic, partition, CALL).is_ok_and(|(_, stable)| stable >= end);
            wait_until(&format!("{topic}, partition {partition}: an open transaction"), CALL * 2, stable, || "It stays open.".into());
        }
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        if !self.made.get() || std::env::var_os("OFFERSTREAM_KEEP_TOPICS").is_some() {
            return;
        }
        let names = ["events", "catalogue", "offers", "withheld", "dlq", "sessions", "shop", "repartitioned"].map(|which| self.name(which));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // What was never made can't be deleted, and a broker that is gone has nothing.
        let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(5)));
        let _ = block_on(self.admin().delete_topics(&names, &options));
    }
}

/// Sends events in their order; brokers may come and go meanwhile.
pub struct Feeder {
    topic: String,
    producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext>,
}

impl Feeder {
    /// Sends events; they may not be there yet.
    pub fn send(&self, events: &[Event]) {
        for event in events {
            let mut next = BaseRecord::to(&self.topic).key(&event.key).payload(&event.value).timestamp(event.ts_ms);
            if let Some(reason) = event.expect {
                next = next.headers(OwnedHeaders::new().insert(Header { key: EXPECT, value: Some(reason) }));
            }
            while let Err((error, back)) = self.producer.send(next) {
                assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "an event can't be sent: {error}");
                next = back;
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Waits until all that was sent is there.
    pub fn finish(&self) {
        self.producer.flush(CALL * 3).expect("events can't be sent");
    }
}

/// How far the group is.
pub struct Progress<'a> {
    topics: &'a Topics,
    consumer: BaseConsumer,
}

impl Progress<'_> {
    /// Records that commits cover.
    pub fn committed(&self) -> i64 {
        let mut ask = TopicPartitionList::new();
        ask.add_partition_range(&self.topics.name("events"), 0, self.topics.partitions - 1);
        let Ok(committed) = self.consumer.committed_offsets(ask, CALL) else { return 0 };
        committed.elements().iter().map(|element| if let Offset::Offset(offset) = element.offset() { offset } else { 0 }).sum()
    }

    /// Records there are.
    pub fn fed(&self) -> i64 {
        let topic = self.topics.name("events");
        (0..self.topics.partitions).map(|partition| end_of(&self.consumer, &topic, partition)).sum()
    }
}

/// Where a partition ends, as that consumer sees it. Who leads it may be about to change.
fn end_of(consumer: &BaseConsumer, topic: &str, partition: i32) -> i64 {
    let mut end = None;
    let ask = || {
        end = consumer.fetch_watermarks(topic, partition, CALL).ok().map(|(_, end)| end);
        end.is_some()
    };
    wait_until(&format!("the end of {topic}, partition {partition}"), CALL * 2, ask, String::new);
    end.unwrap_or_default()
}

fn rec(message: &rdkafka::message::BorrowedMessage<'_>) -> Rec {
    let headers = message.headers().map(|headers| {
        let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
    });
    Rec {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        parsed: OnceLock::new(),
    }
}

/// Which partition of a log that Kafka keeps by name has this name: of groups, and of transactional ids. As Java does it.
pub fn partition_of(name: &str, partitions: usize) -> i32 {
    let hash = name.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % partitions as i32
}

/// Group, topic and partition that a record of the log of offsets is about; nothing where it is about something else.
fn offset_key(key: &[u8]) -> Option<(&str, &str, i32)> {
    let text = |from: usize| {
        let length = usize::from(u16::from_be_bytes(key.get(from..from + 2)?.try_into().ok()?));
        Some((std::str::from_utf8(key.get(from + 2..from + 2 + length)?).ok()?, from + 2 + length))
    };
    // Versions 0 and 1 are of offsets, 2 is of the group itself.
    if !matches!(key.get(..2)?, [0, 0 | 1]) {
        return None;
    }
    let (group, at) = text(2)?;
    let (topic, at) = text(at)?;
    Some((group, topic, i32::from_be_bytes(key.get(at..at + 4)?.try_into().ok()?)))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
