//! Configuration: a TOML file, then the environment, then flags; checked before any port opens.
//!
//! Invariant: a value that can't be used ends the program with one line that names the setting, the value and
//! what is allowed. Settings that would break a guarantee are refused.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use compact_str::CompactString;
use config::{Environment, File, FileFormat};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config_line::line_of;
use crate::engine::settings::{
    Attribution, BadSetting, Discounts, Experiment, Limits, MoneySettings, OptimiserSettings, Placements, Ranking, Rules, Segments,
    SessionSettings, Settings, StampCard, Zone,
};
use crate::engine::texts::Texts;
use crate::event::Currency;

/// Everything the program can be told.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Brokers, topics, guarantees.
    pub kafka: KafkaConfig,
    /// Where it listens.
    pub http: HttpConfig,
    /// What the engine can be told.
    pub engine: Settings,
}

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
    /// Settings passed on to librdkafka.
    pub client: BTreeMap<String, String>,
}

/// What delivery is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Delivery {
    /// Offers, state and offsets move in one transaction.
    ExactlyOnce,
}

impl TryFrom<String> for Delivery {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "exactly_once" => Ok(Self::ExactlyOnce),
            _ => Err(format!("{text:?} is not allowed (exactly_once is)")),
        }
    }
}

/// Where it listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: SocketAddr,
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
            client: BTreeMap::new(),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    kafka: KafkaConfig,
    http: HttpConfig,
    currency: Currency,
    time_zone: Zone,
    locale: CompactString,
    #[serde(deserialize_with = "list")]
    channels: Vec<CompactString>,
    money: MoneySettings,
    ranking: Ranking,
    placements: Placements,
    rules: Rules,
    discounts: Discounts,
    stamp_cards: Vec<StampCard>,
    segments: Segments,
    attribution: Attribution,
    experiment: Experiment,
    optimiser: OptimiserSettings,
    session: SessionSettings,
    limits: Limits,
    /// Files with more texts, by locale.
    texts: BTreeMap<String, PathBuf>,
}

impl Default for Raw {
    fn default() -> Self {
        let Settings {
            currency,
            time_zone,
            locale,
            channels,
            money,
            ranking,
            placements,
            rules,
            discounts,
            stamp_cards,
            segments,
            attribution,
            experiment,
            optimiser,
            session,
            limits,
            texts: _,
        } = Settings::default();
        Self {
            kafka: KafkaConfig::default(),
            http: HttpConfig::default(),
            currency,
            time_zone,
            locale,
            channels,
            money,
            ranking,
            placements,
            rules,
            discounts,
            stamp_cards,
            segments,
            attribution,
            experiment,
            optimiser,
            session,
            limits,
            texts: BTreeMap::new(),
        }
    }
}

/// The prefix of environment variables that are settings: `OFFERSTREAM_KAFKA__BROKERS`.
const PREFIX: &str = "OFFERSTREAM";
/// Settings of the top level, which have no `__` in their variable's name.
const TOP_LEVEL: [&str; 4] = ["CURRENCY", "TIME_ZONE", "LOCALE", "CHANNELS"];

impl Config {
    /// Reads the file, if there is one, then the environment, and checks every value.
    ///
    /// # Errors
    /// One line that names the setting, the value and what is allowed.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut builder = config::Config::builder();
        let mut text = String::new();
        if let Some(path) = file {
            text = std::fs::read_to_string(path).with_context(|| format!("configuration {} can't be read", path.display()))?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        let variables = settings_of(environment);
        let source = Environment::with_prefix(PREFIX).prefix_separator("_").separator("__").source(Some(variables));
        let raw: Raw = builder
            .add_source(source)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| anyhow!("configuration{}: {}", named(file), one_line(&error.to_string())))?;
        let texts = read_texts(&raw.texts, file, &raw.locale)?;
        let mut config = Self::from(raw);
        config.engine.texts = Arc::new(texts);
        config.check().map_err(|bad| anyhow!("configuration{}{}: {bad}", named(file), line_of(&text, &bad.name)))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), BadSetting> {
        self.kafka.check()?;
        self.engine.check()
    }
}

impl From<Raw> for Config {
    fn from(raw: Raw) -> Self {
        let engine = Settings {
            currency: raw.currency,
            time_zone: raw.time_zone,
            locale: raw.locale,
            channels: raw.channels,
            money: raw.money,
            ranking: raw.ranking,
            placements: raw.placements,
            rules: raw.rules,
            discounts: raw.discounts,
            stamp_cards: raw.stamp_cards,
            segments: raw.segments,
            attribution: raw.attribution,
            experiment: raw.experiment,
            optimiser: raw.optimiser,
            session: raw.session,
            limits: raw.limits,
            texts: Arc::default(),
        };
        Self { kafka: raw.kafka, http: raw.http, engine }
    }
}

/// The built-in texts with those of the files, which lie beside the configuration unless their paths say otherwise.
fn read_texts(files: &BTreeMap<String, PathBuf>, config: Option<&Path>, locale: &str) -> Result<Texts> {
    let mut texts = Texts::built_in();
    for (locale, path) in files {
        let path = config.and_then(Path::parent).map_or_else(|| path.clone(), |folder| folder.join(path));
        let name = path.display().to_string();
        let source = std::fs::read_to_string(&path).with_context(|| format!("texts.{locale}: {name} can't be read"))?;
        texts.add(locale, &name, &source).with_context(|| format!("texts.{locale}"))?;
    }
    Ok(texts.with_default(locale))
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

impl KafkaConfig {
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

    fn check(&self) -> Result<(), BadSetting> {
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
        Ok(())
    }

    fn check_client(&self) -> Result<(), BadSetting> {
        for (name, value) in &self.client {
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

/// The variables that are settings; others of the same prefix (for tests, say) are none.
fn settings_of(environment: impl Iterator<Item = (String, String)>) -> HashMap<String, String> {
    environment
        .filter(|(name, _)| {
            let setting = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_'));
            setting.is_some_and(|setting| setting.contains("__") || TOP_LEVEL.contains(&setting))
        })
        .collect()
}

fn named(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |path| format!(" {}", path.display()))
}

/// The first line of a TOML error, and the line it points at.
fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A list, or the same as text with commas, as the environment has it.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de> + From<String>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct ListVisitor<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de> + From<String>> Visitor<'de> for ListVisitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, or text with commas")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Ok(parts.map(|part| T::from(part.to_owned())).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = list.next_element()? {
                values.push(value);
            }
            Ok(values)
        }
    }

    deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
