//! `topics create`, `topics describe` and `check` against a real broker, named by `OFFERSTREAM_TEST_BROKERS`.
//! Every test has topics, a group and ids of its own, so that tests may share a broker.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use offerstream::config::{Config, KafkaConfig};
use offerstream::kafka::{admin, check};
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const TIMEOUT: Duration = Duration::from_secs(20);
const CART_ADD: &str = r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":"SESSION","item_id":"phone-1"}"#;

/// A configuration whose topics go when the test does.
struct Shop {
    config: Config,
}

impl Shop {
    /// `None`, and a line that says so, where there is no broker.
    fn new(test: &str) -> Option<Self> {
        let Ok(brokers) = std::env::var("OFFERSTREAM_TEST_BROKERS") else {
            assert!(
                std::env::var("OFFERSTREAM_REQUIRE_BROKER").is_err(),
                "OFFERSTREAM_REQUIRE_BROKER is set, OFFERSTREAM_TEST_BROKERS is not"
            );
            println!("SKIPPED: set OFFERSTREAM_TEST_BROKERS to a broker's address, such as 127.0.0.1:19092, to run this test");
            return None;
        };
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let prefix = format!("{test}-{}-{now_us}", std::process::id());
        let kafka = KafkaConfig {
            brokers,
            events_topics: vec![format!("{prefix}.events")],
            catalogue_topic: format!("{prefix}.catalogue"),
            offers_topic: format!("{prefix}.offers"),
            withheld_topic: format!("{prefix}.withheld"),
            dlq_topic: format!("{prefix}.dlq"),
            sessions_topic: format!("{prefix}.sessions"),
            shop_topic: format!("{prefix}.shop"),
            group_id: prefix,
            instance_id: "one".into(),
            ..KafkaConfig::default()
        };
        Some(Self { config: Config { kafka, ..Config::default() } })
    }

    /// With its topics, of three partitions.
    fn with_topics(test: &str) -> Option<Self> {
        let shop = Self::new(test)?;
        shop.create(3).unwrap();
        Some(shop)
    }

    fn create(&self, partitions: i32) -> Result<String, String> {
        said(|out| admin::create(&self.config, Some(partitions), None, out))
    }

    fn describe(&self) -> String {
        said(|out| admin::describe(&self.config, out)).unwrap()
    }

    /// What the check says, and whether it passed.
    fn check(&self) -> (String, bool) {
        let mut out = Vec::new();
        let passed = check::check(&self.config, &mut out).is_ok();
        (String::from_utf8(out).unwrap(), passed)
    }

    fn topics(&self) -> Vec<&str> {
        let kafka = &self.config.kafka;
        let others = [&kafka.offers_topic, &kafka.withheld_topic, &kafka.dlq_topic, &kafka.sessions_topic, &kafka.shop_topic];
        kafka.events_topics.iter().chain(others).map(String::as_str).collect()
    }

    fn events(&self) -> &str {
        &self.config.kafka.events_topics[0]
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.config.kafka.brokers);
        client
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().unwrap()
    }

    fn delete(&self, topics: &[&str]) {
        wait(self.admin().delete_topics(topics, &AdminOptions::new())).unwrap();
    }

    fn create_other(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let made = wait(self.admin().create_topics([&new], &AdminOptions::new())).unwrap();
        assert!(made[0].is_ok(), "{made:?}");
    }

    /// Sends payloads to partitions of the events topic.
    fn send(&self, records: impl IntoIterator<Item = (i32, String)>) {
        let producer: BaseProducer = self.client().create().unwrap();
        for (partition, payload) in records {
            producer.send(BaseRecord::<str, str>::to(self.events()).partition(partition).payload(&payload)).unwrap();
        }
        producer.flush(TIMEOUT).unwrap();
    }

    /// How many committed records a topic of three partitions or fewer holds.
    fn committed_records(&self, topic: &str) -> usize {
        let mut client = self.client();
        client.set("group.id", format!("{}-test", self.config.kafka.group_id)).set("enable.partition.eof", "true");
        let consumer: BaseConsumer = client.create().unwrap();
        let partitions = consumer.fetch_metadata(Some(topic), TIMEOUT).unwrap().topics()[0].partitions().len() as i32;
        let mut all = TopicPartitionList::new();
        (0..partitions).for_each(|partition| all.add_partition_offset(topic, partition, Offset::Beginning).unwrap());
        consumer.assign(&all).unwrap();
        let (mut records, mut ended) = (0, 0);
        while ended < partitions {
            match next(&consumer) {
                Ok(record) => records += usize::from(record.payload().is_some()),
                Err(KafkaError::PartitionEOF(_)) => ended += 1,
                Err(error) => panic!("{topic} can't be read: {error}"),
            }
        }
        records
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let all = [self.topics(), vec![&self.config.kafka.catalogue_topic]].concat();
        let _ = wait(self.admin().delete_topics(&all, &AdminOptions::new()));
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The next thing a consumer has to say; a poll may come back without any, as while a group settles.
fn next(consumer: &BaseConsumer) -> Result<BorrowedMessage<'_>, KafkaError> {
    let started = Instant::now();
    loop {
        if let Some(said) = consumer.poll(Duration::from_millis(100)) {
            return said;
        }
        assert!(started.elapsed() < TIMEOUT, "nothing came for {TIMEOUT:?}");
    }
}

fn said(command: impl FnOnce(&mut Vec<u8>) -> anyhow::Result<()>) -> Result<String, String> {
    let mut out = Vec::new();
    command(&mut out).map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(out).unwrap())
}

fn cart_add(session: &str) -> String {
    CART_ADD.replace("SESSION", session)
}

/// The line that begins with `state` and names all of `words`.
fn has_line(text: &str, state: &str, words: &[&str]) -> bool {
    text.lines().any(|line| line.starts_with(state) && words.iter().all(|word| line.contains(word)))
}

#[test]
fn creating_topics_twice_leaves_them_as_they_are_and_succeeds() {
    let Some(shop) = Shop::new("creating-twice") else { return };
    let first = shop.create(3).unwrap();
    assert_eq!(first.matches("created ").count(), 7, "{first}");
    let second = shop.create(3).unwrap();
    assert_eq!(second.matches("exists ").count(), 7, "{second}");
    assert!(!second.contains("created "), "{second}");
}

#[test]
fn created_topics_are_described_as_ok_with_their_settings() {
    let Some(shop) = Shop::with_topics("described") else { return };
    let table = shop.describe();
    let row = |topic: &str| {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(topic)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let kafka = &shop.config.kafka;
    assert_eq!(row(&kafka.shop_topic)[1..5], ["1", "1", "delete", "unlimited"], "{table}");
    assert_eq!(row(&kafka.sessions_topic)[1..4], ["3", "1", "compact"], "{table}");
    assert_eq!(row(&kafka.catalogue_topic)[1..4], ["3", "1", "compact"], "{table}");
    assert_eq!(row(&kafka.dlq_topic)[1..6], ["3", "1", "delete", "14", "d"], "{table}");
    assert_eq!(row(&kafka.offers_topic)[1..6], ["3", "1", "delete", "7", "d"], "{table}");
    assert!(shop.topics().into_iter().all(|topic| row(topic).last().unwrap() == "ok"), "{table}");
}

#[test]
fn another_number_of_partitions_than_the_events_have_is_refused_and_nothing_is_created() {
    let Some(shop) = Shop::new("other-count") else { return };
    shop.create_other(shop.events(), 6, &[]);
    let error = shop.create(12).unwrap_err();
    assert!(error.contains("has 6 partitions, not 12") && error.contains("--partitions 6"), "{error}");
    assert_eq!(shop.describe().matches(" missing\n").count(), 5);
    shop.create(6).unwrap();
}

#[test]
fn unless_told_otherwise_topics_get_as_many_partitions_as_the_events_have() {
    let Some(shop) = Shop::new("as-events") else { return };
    shop.create_other(shop.events(), 5, &[]);
    let said = said(|out| admin::create(&shop.config, None, None, out)).unwrap();
    assert!(said.lines().filter(|line| line.contains("5 partitions")).count() >= 5, "{said}");
}

#[test]
fn a_topic_that_cannot_serve_is_named_and_nothing_is_created() {
    let Some(shop) = Shop::new("cannot-serve") else { return };
    shop.create_other(&shop.config.kafka.shop_topic, 3, &[("retention.ms", "-1")]);
    let error = shop.create(3).unwrap_err();
    assert!(error.starts_with("nothing was created: ") && error.contains("has 3 partitions, and exactly 1"), "{error}");
    assert_eq!(shop.describe().matches(" missing\n").count(), 5);
}

#[test]
fn more_replicas_than_brokers_are_refused() {
    let Some(shop) = Shop::new("replicas") else { return };
    let error = said(|out| admin::create(&shop.config, Some(3), Some(99), out)).unwrap_err();
    assert!(error.starts_with("--replication is 99; at least 1 is needed, and at most "), "{error}");
}

#[test]
fn a_check_of_fresh_topics_passes() {
    let Some(shop) = Shop::with_topics("fresh") else { return };
    let (text, passed) = shop.check();
    assert!(passed, "{text}");
    assert!(!text.contains("FAIL") && !text.contains("warn"), "{text}");
    for topic in &shop.topics()[1..] {
        assert!(has_line(&text, "ok", &["rights:", topic, "can be written"]), "{topic}: {text}");
    }
}

#[test]
fn a_check_leaves_no_record_and_no_offset_behind() {
    let Some(shop) = Shop::with_topics("no-trace") else { return };
    assert!(shop.check().1);
    for topic in shop.topics() {
        assert_eq!(shop.committed_records(topic), 0, "{topic}");
    }
    let (text, _) = shop.check();
    assert!(has_line(&text, "ok", &["offsets of 0 of 3 partitions"]), "{text}");
}

#[test]
fn a_check_beside_a_running_instance_neither_fences_it_nor_takes_its_place_in_the_group() {
    let Some(shop) = Shop::with_topics("beside") else { return };
    let kafka = &shop.config.kafka;
    shop.send([(0, cart_add("s1"))]);
    let mut member = shop.client();
    member.set("group.id", &kafka.group_id).set("group.instance.id", &kafka.instance_id).set("auto.offset.reset", "earliest");
    member.set("enable.auto.commit", "false");
    let member: BaseConsumer = member.create().unwrap();
    member.subscribe(&[shop.events()]).unwrap();
    let record = next(&member).unwrap();
    let id = format!("{}-{}", kafka.group_id, kafka.instance_id);
    let producer: BaseProducer = shop.client().set("transactional.id", id).create().unwrap();
    producer.init_transactions(TIMEOUT).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<str, str>::to(&kafka.offers_topic).partition(0).payload("{}")).unwrap();

    let (text, passed) = shop.check();

    assert!(passed, "{text}");
    producer.commit_transaction(TIMEOUT).unwrap();
    member.commit_message(&record, CommitMode::Sync).unwrap();
    assert_eq!(shop.committed_records(&kafka.offers_topic), 1);
    assert!(has_line(&shop.check().0, "ok", &["offsets of 1 of 3 partitions"]));
}

#[test]
fn a_check_names_the_topic_that_is_missing() {
    let Some(shop) = Shop::with_topics("missing") else { return };
    let dlq = &shop.config.kafka.dlq_topic;
    shop.delete(&[dlq]);
    let (text, passed) = shop.check();
    assert!(!passed, "{text}");
    assert!(has_line(&text, "FAIL", &["topics:", dlq, "is missing", "`offerstream topics create`"]), "{text}");
    assert_eq!(text.matches("FAIL").count(), 1, "{text}");
}

#[test]
fn a_check_names_a_wrong_partition_count_and_a_wrong_retention_with_their_remedies() {
    let Some(shop) = Shop::with_topics("wrong") else { return };
    let kafka = &shop.config.kafka;
    let (sessions, log) = (&kafka.sessions_topic, &kafka.shop_topic);
    shop.delete(&[sessions, log]);
    shop.create_other(sessions, 2, &[("cleanup.policy", "compact"), ("max.message.bytes", "8388608")]);
    shop.create_other(log, 1, &[("retention.ms", "604800000"), ("max.message.bytes", "8388608")]);
    let (text, passed) = shop.check();
    assert!(!passed, "{text}");
    assert!(has_line(&text, "FAIL", &["topics:", sessions, "has 2 partitions", "--partitions 3"]), "{text}");
    assert!(has_line(&text, "FAIL", &["topics:", log, "retention.ms=604800000", "--add-config retention.ms=-1"]), "{text}");
    assert!(has_line(&text, "warn", &["topics:", sessions, "max.compaction.lag.ms"]), "{text}");
}

#[test]
fn a_check_of_events_keyed_by_session_passes() {
    let Some(shop) = Shop::with_topics("keyed") else { return };
    shop.send((0..300).map(|n| (n % 3, cart_add(&format!("s{}", n % 30)))));
    let (text, passed) = shop.check();
    assert!(passed, "{text}");
    assert!(has_line(&text, "ok", &["keys: each of 30 sessions"]), "{text}");
    assert!(has_line(&text, "ok", &["events: all of the 300 newest records"]), "{text}");
}

#[test]
fn a_check_of_events_keyed_otherwise_fails_with_the_share_of_sessions_torn_apart() {
    let Some(shop) = Shop::with_topics("mis-keyed") else { return };
    // Forty sessions, ten of them on two partitions, none with a key.
    shop.send((0..80).map(|n| (if n % 40 < 10 { n / 40 } else { 2 }, cart_add(&format!("s{}", n % 40)))));
    let (text, passed) = shop.check();
    assert!(!passed, "{text}");
    assert!(has_line(&text, "FAIL", &["keys: 10 of 40 sessions", "(25.0 %)", "80 of 80 records have no key", "murmur2"]), "{text}");
}

#[test]
fn a_check_counts_records_that_cannot_be_used_by_reason() {
    let Some(shop) = Shop::with_topics("unusable") else { return };
    let junk = ["{", r#"{"ts":"2026-01-01T00:00:00Z","session_id":"s","item_id":"a"}"#, "{"];
    shop.send((0..17).map(|_| (0, cart_add("s1"))).chain(junk.map(|payload| (1, payload.to_owned()))));
    let (text, passed) = shop.check();
    assert!(passed, "{text}");
    assert!(has_line(&text, "warn", &["events: 3 of the 20 newest records", "(15.0 %)", "not_json 2, missing_type 1"]), "{text}");
}

#[test]
fn a_check_does_without_a_catalogue_and_looks_at_one_that_is_there() {
    let Some(shop) = Shop::with_topics("catalogue") else { return };
    let catalogue = &shop.config.kafka.catalogue_topic;
    let text = shop.check().0;
    assert!(has_line(&text, "ok", &["rights:", catalogue, "can be read"]), "{text}");
    assert!(has_line(&text, "ok", &["catalogue: no products to judge by"]), "{text}");
    let producer: BaseProducer = shop.client().create().unwrap();
    for (key, value) in [("a", r#"{"item_id":"a","price":5}"#), ("b", r#"{"price":"5,00"}"#)] {
        producer.send(BaseRecord::to(catalogue).key(key).payload(value)).unwrap();
    }
    producer.flush(TIMEOUT).unwrap();
    let (text, passed) = shop.check();
    assert!(passed, "{text}");
    assert!(has_line(&text, "warn", &["catalogue: 1 of the 2 newest records", "(bad_price 1)", "price is \"5,00\""]), "{text}");
    shop.delete(&[catalogue]);
    let (text, passed) = shop.check();
    assert!(passed, "{text}");
    assert!(has_line(&text, "ok", &["catalogue:", catalogue, "is not there, and need not be"]), "{text}");
}

#[test]
fn without_a_broker_the_line_names_the_setting_and_its_value() {
    let kafka = KafkaConfig { brokers: "127.0.0.1:1".into(), ..KafkaConfig::default() };
    let config = Config { kafka, ..Config::default() };
    let mut out = Vec::new();
    assert!(check::check(&config, &mut out).is_err());
    let text = String::from_utf8(out).unwrap();
    assert!(has_line(&text, "FAIL", &["connection:", "kafka.brokers is 127.0.0.1:1", "within 10 s"]), "{text}");
}
