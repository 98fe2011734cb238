//! `topics create` and `topics describe`: making the topics that are missing, and showing those that are there.
//!
//! Invariant: a topic that is there is never changed. Either all that are there can serve and those missing are
//! made, or nothing is made and the one that can't serve is named.

mod cluster;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

pub(in crate::kafka) use cluster::{ANSWER_TIMEOUT, Cluster, Quiet, create as create_client, reason};

use super::topics::{
    Finding, Found, PARTITIONS_DEFAULT, Severity, Wanted, compare, count, duration, events_partitions, partitions_unless_told, plan,
    with_retention,
};
use crate::config::{Config, KafkaConfig};

/// The most partitions a topic is made with.
const PARTITIONS_MAX: i32 = 10_000;
/// Replicas, where there are brokers enough.
const REPLICATION_DEFAULT: i32 = 3;
/// How often it is looked whether new topics are there, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: u32 = 100;

/// Makes the topics that are missing, `partitions` in each but the shop log: as many as the events have unless
/// told, 12 where there are none yet. `replication` is the smaller of 3 and the number of brokers unless told. Must not be called from within a runtime.
///
/// # Errors
/// No broker answers, a topic that is there can't serve, or one can't be made.
pub fn create(config: &Config, partitions: Option<i32>, replication: Option<i32>, out: &mut impl Write) -> Result<()> {
    if let Some(told) = partitions.filter(|told| !(1..=PARTITIONS_MAX).contains(told)) {
        bail!("--partitions is {told}; 1 to {PARTITIONS_MAX} is allowed");
    }
    let mut cluster = Cluster::connect(config)?;
    let replication = replication_of(replication, cluster.brokers())?;
    let (as_found, found) = look(config, &cluster);
    let (plan, partitions) = match partitions {
        Some(told) => (with_retention(plan(&config.kafka, told), &config.state), told),
        None => (as_found, partitions_unless_told(&config.kafka, &found)),
    };
    check_found(&config.kafka, partitions, &compare(&plan, &found, cluster.brokers()), &found, out)?;
    for wanted in &plan {
        match found.get(&wanted.topic) {
            Some(found) => say(out, "exists", &wanted.topic, found.partitions, found.replication, wanted)?,
            None => {
                let is = create_one(&cluster, wanted, replication)?;
                say(out, is, &wanted.topic, wanted.partitions, replication, wanted)?;
            }
        }
    }
    let names: Vec<_> = plan.iter().map(|wanted| wanted.topic.as_str()).collect();
    await_topics(&mut cluster, &config.kafka, &names)
}

/// Shows the topics as they are, and what is wrong with them. Must not be called from within a runtime.
///
/// # Errors
/// No broker answers.
pub fn describe(config: &Config, out: &mut impl Write) -> Result<()> {
    let cluster = Cluster::connect(config)?;
    let (plan, found) = look(config, &cluster);
    let findings = compare(&plan, &found, cluster.brokers());
    let mut rows = vec![["topic", "partitions", "replication", "cleanup", "retention", "what for", "state"].map(str::to_owned)];
    rows.extend(plan.iter().map(|wanted| row(wanted, found.get(&wanted.topic), &findings)));
    write_table(&rows, out)?;
    if !findings.is_empty() {
        writeln!(out)?;
    }
    for finding in &findings {
        writeln!(out, "{}: {}", if finding.severity == Severity::Error { "wrong" } else { "warning" }, finding.line)?;
    }
    Ok(())
}

/// The plan that goes with the events topics as they are, and what is there of it.
pub(in crate::kafka) fn look(config: &Config, cluster: &Cluster) -> (Vec<Wanted>, BTreeMap<String, Found>) {
    let found = cluster.find(&plan(&config.kafka, PARTITIONS_DEFAULT));
    let partitions = partitions_unless_told(&config.kafka, &found);
    (with_retention(plan(&config.kafka, partitions), &config.state), found)
}

fn replication_of(told: Option<i32>, brokers: usize) -> Result<i32> {
    let brokers = i32::try_from(brokers).unwrap_or(i32::MAX);
    match told {
        None => Ok(REPLICATION_DEFAULT.min(brokers).max(1)),
        Some(told) if (1..=brokers).contains(&told) => Ok(told),
        Some(told) => bail!("--replication is {told}; at least 1 is needed, and at most {brokers} is allowed: one for each broker"),
    }
}

/// Fails if what is there can't serve; what could be better is only said.
fn check_found(
    config: &KafkaConfig,
    partitions: i32,
    findings: &[Finding],
    found: &BTreeMap<String, Found>,
    out: &mut impl Write,
) -> Result<()> {
    if let Some(is) = events_partitions(config, found).filter(|is| *is != partitions) {
        let processed = config.processed_topics();
        let topic = processed.iter().find(|topic| found.contains_key(*topic)).map_or("", String::as_str);
        bail!(
            "{topic} has {}, not {partitions}, and the other topics need the same number: give --partitions {is}",
            count(is, "partition")
        );
    }
    let there = findings.iter().filter(|finding| !finding.is_missing);
    let (wrong, warnings): (Vec<_>, Vec<_>) = there.partition(|finding| finding.severity == Severity::Error);
    for warning in warnings {
        writeln!(out, "warning: {}", warning.line)?;
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = wrong.into_iter().map(|finding| finding.line.as_str()).collect();
    Err(anyhow!("nothing was created: {}", lines.join("; ")))
}

/// Makes a topic; one that another made meanwhile is there.
fn create_one(cluster: &Cluster, wanted: &Wanted, replication: i32) -> Result<&'static str> {
    let mut topic = NewTopic::new(&wanted.topic, wanted.partitions, TopicReplication::Fixed(replication));
    let settings = wanted.settings();
    for (name, value) in &settings {
        topic = topic.set(name, value);
    }
    let (client, runtime) = cluster.client();
    let answer = runtime.block_on(client.create_topics([&topic], &cluster::options()));
    let results = answer.map_err(|error| anyhow!("{} can't be created: {}", wanted.topic, reason(&error)))?;
    match results.into_iter().next() {
        None | Some(Ok(_)) => Ok("created"),
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok("exists"),
        Some(Err((topic, code))) => {
            let replicas = count(replication, "replica");
            bail!("{topic} can't be created with {replicas} ({}): {}", cluster::words(code), remedy(code))
        }
    }
}

fn remedy(code: RDKafkaErrorCode) -> &'static str {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, InvalidReplicationFactor, PolicyViolation, TopicAuthorizationFailed};
    match code {
        TopicAuthorizationFailed | ClusterAuthorizationFailed => {
            "grant Create on it, or have one who may create it run `offerstream topics create`"
        }
        InvalidReplicationFactor => "give a smaller --replication, or start the brokers that are down",
        PolicyViolation => "the cluster's policy forbids it; ask who runs it",
        _ => "the broker's log says more; run `offerstream topics create` again, it goes on where it was",
    }
}

/// A topic is there a moment after it was made: whoever starts next shall find it.
fn await_topics(cluster: &mut Cluster, config: &KafkaConfig, names: &[&str]) -> Result<()> {
    for _ in 0..LOOKS_MAX {
        cluster.refresh(config)?;
        if cluster.has_all(names) {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    bail!("the topics were created, but not all are to be seen after {} s: run `offerstream topics describe`", LOOKS_MAX / 10)
}

fn say(out: &mut impl Write, is: &str, topic: &str, partitions: i32, replication: i32, wanted: &Wanted) -> Result<()> {
    let (partitions, replicas) = (count(partitions, "partition"), count(replication, "replica"));
    writeln!(out, "{is:<8} {topic}: {partitions}, {replicas}, {}", wanted.role.purpose()).context("standard output can't be written")
}

fn row(wanted: &Wanted, found: Option<&Found>, findings: &[Finding]) -> [String; 7] {
    let about = findings.iter().filter(|finding| finding.topic == wanted.topic);
    let state = match (found, about.map(|finding| finding.severity).max()) {
        (None, Some(_)) => "missing",
        (None, None) => "absent",
        (Some(_), Some(Severity::Error)) => "wrong",
        (Some(_), Some(Severity::Warn)) => "warning",
        (Some(_), None) => "ok",
    };
    let setting = |name: &str| found.and_then(|found| found.settings.as_ref()?.get(name)).map_or("-", String::as_str);
    let cleanup = setting("cleanup.policy");
    let retention = match (cleanup.contains("delete"), setting("retention.ms").parse()) {
        (true, Ok(ms)) => duration(ms),
        (false, Ok(_)) => "newest of a key".to_owned(),
        _ => "-".to_owned(),
    };
    let number = |n: Option<i32>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let (partitions, replication) = (number(found.map(|found| found.partitions)), number(found.map(|found| found.replication)));
    [wanted.topic.clone(), partitions, replication, cleanup.to_owned(), retention, wanted.role.purpose().to_owned(), state.to_owned()]
}

fn write_table(rows: &[[String; 7]], out: &mut impl Write) -> Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..7).map(width).collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end()).context("standard output can't be written")?;
    }
    Ok(())
}
