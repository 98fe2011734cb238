//! The topics that Offerstream needs, and what is wrong with those it finds. Pure: no client, no broker.
//!
//! Invariant: a finding names the topic, the value found and the remedy. It is an error exactly where events,
//! offers or state would be lost or the stream would stop; where only time or comfort is lost it is a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::config::{KafkaConfig, StateConfig};

/// Partitions of the events topics and of those that go with them, unless told otherwise.
pub const PARTITIONS_DEFAULT: i32 = 12;

const DAY_MS: i64 = 86_400_000;

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub topic: String,
    /// The setting it is named by.
    pub setting: &'static str,
    /// What it is for.
    pub role: Role,
    /// How many partitions it needs.
    pub partitions: i32,
    /// How long the shop log keeps its records, in milliseconds; no limit unless there are snapshots.
    pub log_retention_ms: Option<i64>,
}

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Events come in.
    Events,
    /// Events come in that are keyed otherwise.
    Source,
    /// They are republished to.
    Repartitioned,
    /// The shop's products.
    Catalogue,
    /// Offers made.
    Offers,
    /// Offers kept back.
    Withheld,
    /// Records that can't be used.
    DeadLetters,
    /// The changelog of sessions.
    Sessions,
    /// The shop log.
    Shop,
}

/// A topic as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas its partitions have, at least.
    pub replication: i32,
    /// How many of its partitions have no leader at the moment.
    pub leaderless: i32,
    /// Its settings; none where they may not be read.
    pub settings: Option<BTreeMap<String, String>>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, and could be better.
    Warn,
    /// It can't serve.
    Error,
}

/// What is wrong with a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The topic.
    pub topic: String,
    /// Whether it is that the topic is not there, which creating it mends.
    pub is_missing: bool,
    /// One line: the topic, the value, the remedy.
    pub line: String,
}

/// Every topic, with `partitions` for the events topics and those that go with them.
#[must_use]
pub fn plan(config: &KafkaConfig, partitions: i32) -> Vec<Wanted> {
    let wanted =
        |topic: &str, setting, role, partitions| Wanted { topic: topic.to_owned(), setting, role, partitions, log_retention_ms: None };
    let role = if config.repartition { Role::Source } else { Role::Events };
    let mut plan: Vec<_> = config.events_topics.iter().map(|topic| wanted(topic, "kafka.events_topics", role, partitions)).collect();
    if config.repartition {
        plan.push(wanted(&config.repartition_topic, "kafka.repartition_topic", Role::Repartitioned, partitions));
    }
    plan.extend([
        wanted(&config.catalogue_topic, "kafka.catalogue_topic", Role::Catalogue, partitions),
        wanted(&config.offers_topic, "kafka.offers_topic", Role::Offers, partitions),
        wanted(&config.withheld_topic, "kafka.withheld_topic", Role::Withheld, partitions),
        wanted(&config.dlq_topic, "kafka.dlq_topic", Role::DeadLetters, partitions),
        wanted(&config.sessions_topic, "kafka.sessions_topic", Role::Sessions, partitions),
        wanted(&config.shop_topic, "kafka.shop_topic", Role::Shop, 1),
    ]);
    plan
}

/// The plan for a shop of which snapshots are kept, so that its log needs to reach back behind them only.
#[must_use]
pub fn with_retention(mut plan: Vec<Wanted>, state: &StateConfig) -> Vec<Wanted> {
    let of_shop = plan.iter_mut().filter(|wanted| wanted.role == Role::Shop);
    of_shop.for_each(|wanted| wanted.log_retention_ms = state.shop_log_retention_ms());
    plan
}

/// How many partitions the topics have that events are processed from, by the first that is there.
#[must_use]
pub fn events_partitions(config: &KafkaConfig, found: &BTreeMap<String, Found>) -> Option<i32> {
    config.processed_topics().iter().find_map(|topic| found.get(topic)).map(|found| found.partitions)
}

/// How many they are to have: as many as they have, else as many as the shop's own, else 12.
#[must_use]
pub fn partitions_unless_told(config: &KafkaConfig, found: &BTreeMap<String, Found>) -> i32 {
    let of_source = || config.events_topics.iter().find_map(|topic| found.get(topic)).map(|found| found.partitions);
    events_partitions(config, found).or_else(of_source).unwrap_or(PARTITIONS_DEFAULT)
}

/// What is wrong, topic by topic, in the plan's order; `brokers` is how many there are.
#[must_use]
pub fn compare(plan: &[Wanted], found: &BTreeMap<String, Found>, brokers: usize) -> Vec<Finding> {
    let mut findings = named_twice(plan);
    for wanted in plan {
        match found.get(&wanted.topic) {
            Some(found) => findings.extend(compare_one(wanted, found, brokers)),
            None if wanted.role.is_needed() => findings.push(missing(wanted)),
            None => {}
        }
    }
    findings
}

impl Role {
    /// Whether nothing goes without it.
    #[must_use]
    pub fn is_needed(self) -> bool {
        self != Self::Catalogue
    }

    /// The rights that are needed on it; each of them lets its holder see the topic besides.
    #[must_use]
    pub fn rights(self) -> &'static str {
        match self {
            Self::Events | Self::Source | Self::Catalogue => "Read",
            Self::Offers | Self::Withheld | Self::DeadLetters => "Write",
            Self::Repartitioned | Self::Sessions | Self::Shop => "Read and Write",
        }
    }

    /// What it is for, in few words.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Events => "events come in",
            Self::Source => "events come in, keyed otherwise",
            Self::Repartitioned => "events under the right key",
            Self::Catalogue => "the shop's products (optional)",
            Self::Offers => "offers made",
            Self::Withheld => "offers kept back",
            Self::DeadLetters => "records that can't be used",
            Self::Sessions => "state: sessions",
            Self::Shop => "state: the shop",
        }
    }

    /// The settings it should have; what is not here is the broker's default.
    #[must_use]
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Events | Self::Source => &[("cleanup.policy", "delete")],
            // Records keep the time they had: retention by age would take those away that come late.
            Self::Repartitioned => &[
                ("cleanup.policy", "delete"),
                ("retention.ms", "-1"),
                ("max.message.bytes", super::clients::OWN_RECORD_BYTES_MAX),
                ("message.timestamp.type", "CreateTime"),
                ("message.timestamp.after.max.ms", "9223372036854775807"),
            ],
            Self::Catalogue => &[("cleanup.policy", "compact")],
            Self::Offers | Self::Withheld => &[("cleanup.policy", "delete"), ("retention.ms", "604800000")],
            Self::DeadLetters => &[("cleanup.policy", "delete"), ("retention.ms", "1209600000")],
            Self::Sessions => &[
                ("cleanup.policy", "compact"),
                ("segment.ms", "86400000"),
                ("max.compaction.lag.ms", "86400000"),
                ("max.message.bytes", super::clients::OWN_RECORD_BYTES_MAX),
            ],
            // Unlimited unless there are snapshots to restore from: see `with_retention`.
            Self::Shop => &[
                ("cleanup.policy", "delete"),
                ("retention.ms", "-1"),
                ("retention.bytes", "-1"),
                ("max.message.bytes", super::clients::OWN_RECORD_BYTES_MAX),
            ],
        }
    }

    /// Whether another number of partitions than wanted can serve.
    fn takes(self, found: i32, wanted: i32) -> bool {
        match self {
            Self::Catalogue | Self::Source => true,
            // Dead letters go to the partition of their event; more than those do no harm.
            Self::DeadLetters => found >= wanted,
            _ => found == wanted,
        }
    }
}

fn named_twice(plan: &[Wanted]) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let twice = plan.iter().filter(|wanted| !seen.insert(&wanted.topic));
    twice
        .map(|wanted| {
            let line = format!("{} is named for two purposes, the second by {}: give each its own topic", wanted.topic, wanted.setting);
            wanted.finding(Severity::Error, line)
        })
        .collect()
}

fn missing(wanted: &Wanted) -> Finding {
    let line = format!(
        "{} is missing, or this user has no right to see it: run `offerstream topics create`, or grant {} on topic {}",
        wanted.topic,
        wanted.role.rights(),
        wanted.topic
    );
    Finding { is_missing: true, ..wanted.finding(Severity::Error, line) }
}

fn compare_one(wanted: &Wanted, found: &Found, brokers: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !wanted.role.takes(found.partitions, wanted.partitions) {
        findings.push(wanted.finding(Severity::Error, wrong_partitions(wanted, found.partitions)));
    }
    if found.leaderless > 0 {
        let (topic, partitions) = (&wanted.topic, count(found.leaderless, "partition"));
        let line = format!("{topic} has {partitions} without a leader: start the brokers that are down");
        findings.push(wanted.finding(Severity::Error, line));
    }
    if found.replication == 1 && brokers > 1 {
        let line = format!(
            "{} has 1 replica on {brokers} brokers, and is lost with one of them: raise it with kafka-reassign-partitions.sh",
            wanted.topic
        );
        findings.push(wanted.finding(Severity::Warn, line));
    }
    findings.extend(compare_settings(wanted, found.settings.as_ref()));
    findings
}

fn wrong_partitions(wanted: &Wanted, found: i32) -> String {
    let Wanted { topic, setting, partitions, .. } = wanted;
    let has = format!("{topic} has {}", count(found, "partition"));
    match wanted.role {
        Role::Shop => format!(
            "{has}, and exactly 1 puts what all instances learn in one order: delete it if it is empty and run `offerstream topics create`, \
             or name another in {setting}"
        ),
        Role::Events => format!("{has}, and the first of kafka.events_topics {partitions}: give all of them the same number"),
        _ if found < *partitions => format!(
            "{has}, and the events topics {partitions}: raise it with `kafka-topics.sh --alter --topic {topic} --partitions {partitions}`"
        ),
        _ => format!(
            "{has}, and the events topics {partitions}: none can be taken away, so delete it if nothing is lost by that and run \
             `offerstream topics create --partitions {partitions}`, or name another in {setting}"
        ),
    }
}

fn compare_settings(wanted: &Wanted, found: Option<&BTreeMap<String, String>>) -> Vec<Finding> {
    let topic = &wanted.topic;
    let Some(found) = found else {
        let line = format!("{topic}: its retention and compaction can't be read: grant DescribeConfigs on it to have them checked");
        return vec![wanted.finding(Severity::Warn, line)];
    };
    let mut findings = Vec::new();
    for (name, value) in wanted.settings() {
        let Some(is) = found.get(name) else { continue };
        if let Some((severity, why)) = judge(wanted, name, &value, is) {
            let remedy = format!("kafka-configs.sh --alter --topic {topic} --add-config {name}={value}");
            findings.push(wanted.finding(severity, format!("{topic} has {name}={is}, {why}: set it with `{remedy}`")));
        }
    }
    findings
}

/// How bad it is that a setting is `is` and not `wants`, and why.
fn judge(wanted: &Wanted, name: &str, wants: &str, is: &str) -> Option<(Severity, String)> {
    if wants == is {
        return None;
    }
    let number = |text: &str| text.parse::<i64>().ok().filter(|n| *n >= 0).unwrap_or(i64::MAX);
    let (is_number, wanted_number) = (number(is), number(wants));
    match (wanted.role, name) {
        (Role::Catalogue, "cleanup.policy") => Some((Severity::Warn, "so products not written for a while would be forgotten".to_owned())),
        (Role::Sessions, "cleanup.policy") => Some((Severity::Error, "so open baskets would be deleted".to_owned())),
        (_, "cleanup.policy") => Some((Severity::Error, "so records would replace each other by key".to_owned())),
        (Role::Repartitioned, "retention.ms") => {
            Some((Severity::Error, "so events that are as old when they come would be gone before they are processed".to_owned()))
        }
        (Role::Repartitioned, "message.timestamp.type") => Some((Severity::Error, "so events would lose the time they came at".to_owned())),
        (Role::Repartitioned, "message.timestamp.after.max.ms") if is_number < wanted_number => {
            Some((Severity::Error, "so an event that is ahead of the clock would stop the stream".to_owned()))
        }
        (Role::Shop, "retention.ms") if wanted.log_retention_ms.is_some() => (is_number < wanted_number).then(|| {
            let (is, wants) = (duration(is_number), duration(wanted_number));
            (Severity::Warn, format!("{is}, shorter than {wants}: should snapshots fail for that long, the shop can't be restored"))
        }),
        (Role::Shop, "retention.bytes") if wanted.log_retention_ms.is_some() => {
            Some((Severity::Warn, "so what no snapshot holds yet may be gone".to_owned()))
        }
        (Role::Shop, "retention.ms" | "retention.bytes") => Some((
            Severity::Error,
            "and without snapshots (state.snapshot_url) what was learned is restored from its very beginning".to_owned(),
        )),
        (_, "retention.ms") if is_number < wanted_number => {
            Some((Severity::Warn, format!("{}, shorter than {}", duration(is_number), duration(wanted_number))))
        }
        (_, "segment.ms" | "max.compaction.lag.ms") if is_number > wanted_number => {
            Some((Severity::Warn, "so a restart would read sessions that ended long ago".to_owned()))
        }
        (Role::Repartitioned, "max.message.bytes") if is_number < wanted_number => {
            Some((Severity::Error, "so an event of more would stop the stream".to_owned()))
        }
        (Role::Sessions, "max.message.bytes") if is_number < wanted_number => {
            Some((Severity::Error, "so a basket of some thousand lines would stop the stream".to_owned()))
        }
        (_, "max.message.bytes") if is_number < wanted_number => {
            Some((Severity::Warn, format!("less than the {wants} that a client may send")))
        }
        _ => None,
    }
}

impl Wanted {
    /// The settings it should have.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let retention = self.log_retention_ms.map(|ms| ms.to_string());
        let value = |name, value: &str| retention.clone().filter(|_| name == "retention.ms").unwrap_or_else(|| value.to_owned());
        self.role.settings().iter().map(|(name, default)| (*name, value(*name, default))).collect()
    }

    fn finding(&self, severity: Severity, line: String) -> Finding {
        Finding { severity, topic: self.topic.clone(), is_missing: false, line }
    }
}

/// A number of milliseconds as a person says it; [`i64::MAX`] and below zero are unlimited.
#[must_use]
pub fn duration(ms: i64) -> String {
    match ms {
        i64::MIN..=-1 | i64::MAX => "unlimited".to_owned(),
        ms if ms >= DAY_MS && ms % DAY_MS == 0 => format!("{} d", ms / DAY_MS),
        ms if ms >= 3_600_000 && ms % 3_600_000 == 0 => format!("{} h", ms / 3_600_000),
        ms if ms >= 1_000 && ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

/// A number of things, in the singular where it is one.
#[must_use]
pub fn count(n: impl Display, thing: &str) -> String {
    let n = n.to_string();
    let plural = if n == "1" { "" } else { "s" };
    format!("{n} {thing}{plural}")
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
