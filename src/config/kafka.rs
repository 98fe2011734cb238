//! Settings of the broker's side: brokers, topics, guarantees.
//!
//! Invariant: settings of librdkafka that the guarantees rest on can't be passed through.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::list::list;
use super::secret::{Secret, is_secret};
use crate::engine::settings::BadSetting;

/// Brokers, topics, guarantees.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port`, several joined by commas. The only setting without a default.
    pub brokers: String,
    /// The topics events come from; of equal partition counts where there are several.
    #[serde(deserialize_with = "list")]
    pub events_topics: Vec<String>,
    /// The shop's catalogue, if it has one in Kafka.
    pub catalogue_topic: String,
    /// Where offers go.
    pub offers_topic: String,
    /// Where offers go that are kept back.
    pub withheld_topic: String,
    /// Where records go that can't be used.
    pub dlq_topic: String,
    /// The changelog of sessions.
    pub sessions_topic: String,
    /// The shop log.
    pub shop_topic: String,
    /// The consumer group.
    pub group_id: String,
    /// This instance's name, stable over restarts: static membership and transactional id.
    pub instance_id: String,
    /// What delivery is promised.
    pub delivery: Delivery,
    /// Time between commits.
    pub commit_interval_ms: u64,
    /// Records a commit covers at most.
    pub commit_records_max: u64,
    /// A record not delivered by then fails its transaction.
    pub message_timeout_ms: u64,
    /// A transaction not ended by then is aborted by the broker.
    pub transaction_timeout_ms: u64,
    /// An instance not heard of by then loses its partitions.
    pub session_timeout_ms: u64,
    /// Whether events are first republished under the key they should have had.
    pub repartition: bool,
    /// Where they are republished to.
    pub repartition_topic: String,
    /// Settings passed on to librdkafka.
    pub client: BTreeMap<String, Secret>,
    /// The same from files, whose text is the value.
    pub client_files: BTreeMap<String, PathBuf>,
}

/// What delivery is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Delivery {
    /// Offers, state and offsets move in one transaction.
    ExactlyOnce,
    /// State and offsets move in one transaction; offers leave before it, and may be repeated after a crash.
    AtLeastOnce,
}

impl TryFrom<String> for Delivery {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "exactly_once" => Ok(Self::ExactlyOnce),
            "at_least_once" => Ok(Self::AtLeastOnce),
            _ => Err(format!("{text:?} is not allowed (exactly_once and at_least_once are)")),
        }
    }
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            events_topics: vec!["shop.events".into()],
            catalogue_topic: "shop.catalogue".into(),
            offers_topic: "shop.offers".into(),
            withheld_topic: "shop.offers.withheld".into(),
            dlq_topic: "shop.events.dlq".into(),
            sessions_topic: "offerstream.sessions".into(),
            shop_topic: "offerstream.shop".into(),
            group_id: "offerstream".into(),
            instance_id: gethostname::gethostname().to_string_lossy().into_owned(),
            delivery: Delivery::ExactlyOnce,
            commit_interval_ms: 100,
            commit_records_max: 10_000,
            message_timeout_ms: 10_000,
            transaction_timeout_ms: 15_000,
            session_timeout_ms: 20_000,
            repartition: false,
            repartition_topic: "offerstream.events".into(),
            client: BTreeMap::new(),
            client_files: BTreeMap::new(),
        }
    }
}

/// librdkafka settings that the guarantees rest on, or that have a setting of their own.
const REFUSED: [&str; 20] = [
    "delivery.report.only.error",
    "message.max.bytes",
    "transactional.id",
    "isolation.level",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "partition.assignment.strategy",
    "group.protocol",
    "group.remote.assignor",
    "auto.offset.reset",
    "partitioner",
    "acks",
    "request.required.acks",
    "transaction.timeout.ms",
    "session.timeout.ms",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "max.in.flight.requests.per.connection",
];
/// librdkafka settings that are ours under another name.
const RENAMED: [(&str, &str); 5] = [
    ("bootstrap.servers", "kafka.brokers"),
    ("metadata.broker.list", "kafka.brokers"),
    ("group.id", "kafka.group_id"),
    ("group.instance.id", "kafka.instance_id"),
    ("max.poll.interval.ms", "kafka.session_timeout_ms"),
];

/// What the group and the transactional id of the repartitioning end with.
const REPARTITION: &str = "-repartition";

/// What the instance is preceded by in the transactional id of `offerstream check`.
const CHECK: &str = "check-";

impl KafkaConfig {
    /// The topics that events are processed from: the shop's own, or the one they are republished to.
    #[must_use]
    pub fn processed_topics(&self) -> Vec<String> {
        if self.repartition { vec![self.repartition_topic.clone()] } else { self.events_topics.clone() }
    }

    /// The group that reads what is to be republished.
    #[must_use]
    pub fn repartition_group(&self) -> String {
        format!("{}{REPARTITION}", self.group_id)
    }

    /// The transactional id of whoever republishes.
    #[must_use]
    pub fn repartition_id(&self) -> String {
        format!("{}-{}{REPARTITION}", self.group_id, self.instance_id)
    }

    /// The transactional id by which `offerstream check` tries its rights: the instance's own would fence it.
    #[must_use]
    pub fn check_id(&self) -> String {
        format!("{}-{CHECK}{}", self.group_id, self.instance_id)
    }

    /// The transactional id of this instance.
    #[must_use]
    pub fn transactional_id(&self) -> String {
        format!("{}-{}", self.group_id, self.instance_id)
    }

    /// The brokers, which commands that need some ask for.
    ///
    /// # Errors
    /// They are not set.
    pub fn brokers(&self) -> Result<&str, BadSetting> {
        match self.brokers.trim() {
            "" => Err(BadSetting::new("kafka.brokers", "not set", "host:port is needed, such as 127.0.0.1:9092")),
            brokers => Ok(brokers),
        }
    }

    /// Bounds what each client reads ahead, where nothing else is asked for.
    pub(super) fn read_ahead_at_most(&mut self, kilobytes: u64) {
        self.client.entry("queued.max.messages.kbytes".to_owned()).or_insert_with(|| kilobytes.to_string().into());
    }

    pub(super) fn check(&self) -> Result<(), BadSetting> {
        if self.events_topics.is_empty() {
            return Err(BadSetting::new("kafka.events_topics", "empty", "one topic or more is needed"));
        }
        self.check_names()?;
        in_range("kafka.commit_interval_ms", self.commit_interval_ms, 5, 60_000)?;
        in_range("kafka.commit_records_max", self.commit_records_max, 1, 1_000_000)?;
        in_range("kafka.message_timeout_ms", self.message_timeout_ms, 1_000, 300_000)?;
        in_range("kafka.transaction_timeout_ms", self.transaction_timeout_ms, self.message_timeout_ms + 1, 900_000)?;
        in_range("kafka.session_timeout_ms", self.session_timeout_ms, self.transaction_timeout_ms + 1, 1_800_000)?;
        self.check_client()
    }

    fn check_names(&self) -> Result<(), BadSetting> {
        let own = [&self.offers_topic, &self.withheld_topic, &self.dlq_topic, &self.sessions_topic, &self.shop_topic];
        let own = own.into_iter().chain(self.repartition.then_some(&self.repartition_topic));
        let topics: Vec<&String> = [&self.catalogue_topic].into_iter().chain(own).collect();
        for topic in self.events_topics.iter().chain(topics.iter().copied()) {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if topic.is_empty() || topic.len() > 249 || !topic.chars().all(fits) {
                let allowed = "a topic's name is 1 to 249 letters, digits, dots, dashes or underscores";
                return Err(BadSetting::new("kafka.…_topic", format!("{topic:?}"), allowed));
            }
        }
        let mut names: Vec<&String> = self.events_topics.iter().chain(topics).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(BadSetting::new("kafka.…_topic", twice[0], "each topic has one purpose, and this one is named for two"));
        }
        for (name, value) in [("kafka.group_id", &self.group_id), ("kafka.instance_id", &self.instance_id)] {
            if value.is_empty() || value.len() > 200 {
                return Err(BadSetting::new(name, format!("{value:?}"), "1 to 200 characters are allowed"));
            }
        }
        if self.instance_id.starts_with(CHECK) {
            let allowed = "another beginning is needed, since offerstream check tries its rights as <group>-check-<instance>";
            return Err(BadSetting::new("kafka.instance_id", &self.instance_id, allowed));
        }
        if self.repartition && self.instance_id.ends_with(REPARTITION) {
            let allowed = "another ending is needed, since the repartitioning of an instance commits as <group>-<instance>-repartition";
            return Err(BadSetting::new("kafka.instance_id", &self.instance_id, allowed));
        }
        Ok(())
    }

    fn check_client(&self) -> Result<(), BadSetting> {
        for (name, value) in &self.client {
            let value = if is_secret(name) { "set" } else { value.expose() };
            if let Some((_, ours)) = RENAMED.iter().find(|(theirs, _)| theirs == name) {
                return Err(BadSetting::new(format!("kafka.client.{name}"), value, format!("set {ours} instead")));
            }
            if REFUSED.contains(&name.as_str()) {
                let allowed = "it is not allowed, since exactly-once rests on it";
                return Err(BadSetting::new(format!("kafka.client.{name}"), value, allowed));
            }
        }
        Ok(())
    }
}

fn in_range(name: &str, value: u64, low: u64, high: u64) -> Result<(), BadSetting> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(BadSetting::new(name, value, format!("{low} to {high} is allowed"))) }
}
