//! `check`: configuration, connection, topics, rights, snapshots, catalogue and keys; what is wrong and how to mend it.
//!
//! Invariant: nothing stays behind. Records are written in transactions that are aborted, under a transactional
//! id of its own, so that an instance that runs is not fenced; no group is joined and no offset committed.

mod catalogue;
mod keys;
mod newest;
mod rights;
mod snapshots;

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result, bail};

use super::admin::{Cluster, look};
use super::topics::{Found, Role, Severity, Wanted, compare, count};
use crate::config::Config;

/// Checks one thing after the other and prints a line for each: `ok`, `warn` or `FAIL`, what, how to mend it.
/// Must not be called from within a runtime.
///
/// # Errors
/// How many checks failed.
pub fn check(config: &Config, out: &mut impl Write) -> Result<()> {
    let mut report = Report { out, failed: 0 };
    run(config, &mut report)?;
    report.end()
}

fn run(config: &Config, report: &mut Report<'_, impl Write>) -> Result<()> {
    let kafka = &config.kafka;
    if let Err(bad) = kafka.brokers() {
        return report.fail("configuration", &bad.to_string());
    }
    let (group, instance) = (&kafka.group_id, &kafka.instance_id);
    report.ok("configuration", &format!("group {group}, instance {instance}, transactional id {}", kafka.transactional_id()))?;
    if kafka.repartition {
        let (group, id, topic) = (kafka.repartition_group(), kafka.repartition_id(), &kafka.repartition_topic);
        report.ok("configuration", &format!("events are republished to {topic} first: group {group}, transactional id {id}"))?;
    }
    for line in config.engine.advice() {
        report.warn("policy", &line)?;
    }
    let cluster = match Cluster::connect(config) {
        Ok(cluster) => cluster,
        Err(error) => return report.fail("connection", &format!("{error:#}")),
    };
    report.ok("connection", &format!("{} at {}", count(cluster.brokers(), "broker"), kafka.brokers))?;

    let (plan, found) = look(config, &cluster);
    check_topics(&plan, &found, cluster.brokers(), report)?;
    let there: Vec<_> = plan.iter().filter(|wanted| found.contains_key(&wanted.topic)).collect();
    rights::check(kafka, &there, report)?;
    snapshots::check(config, there.iter().any(|wanted| wanted.role == Role::Shop), report)?;
    catalogue::check(kafka, found.get(&kafka.catalogue_topic).map(|found| found.partitions), report)?;
    let events = there.iter().filter(|wanted| matches!(wanted.role, Role::Events | Role::Source));
    let events: Vec<_> = events.filter_map(|wanted| Some((wanted.topic.as_str(), found.get(&wanted.topic)?.partitions))).collect();
    if events.is_empty() { Ok(()) } else { keys::check(config, &events, report) }
}

/// The rights that are missing, a line each that names what for and which to grant; what else is wrong is not told.
#[must_use]
pub(in crate::kafka) fn missing_rights(config: &Config) -> Vec<String> {
    let mut out = Vec::new();
    let mut report = Report { out: &mut out, failed: 0 };
    if let Ok(cluster) = Cluster::connect(config) {
        let (plan, found) = look(config, &cluster);
        let there: Vec<_> = plan.iter().filter(|wanted| found.contains_key(&wanted.topic)).collect();
        // Nothing can go wrong with writing to memory.
        let _ = rights::check(&config.kafka, &there, &mut report);
    }
    let text = String::from_utf8_lossy(&out).into_owned();
    text.lines().filter_map(|line| line.strip_prefix("FAIL  rights: ")).map(str::to_owned).collect()
}

fn check_topics(plan: &[Wanted], found: &BTreeMap<String, Found>, brokers: usize, report: &mut Report<'_, impl Write>) -> Result<()> {
    let findings = compare(plan, found, brokers);
    for finding in &findings {
        match finding.severity {
            Severity::Error => report.fail("topics", &finding.line)?,
            Severity::Warn => report.warn("topics", &finding.line)?,
        }
    }
    let faultless = |wanted: &&Wanted| found.contains_key(&wanted.topic) && findings.iter().all(|one| one.topic != wanted.topic);
    match plan.iter().filter(faultless).map(|wanted| wanted.topic.as_str()).collect::<Vec<_>>() {
        topics if topics.is_empty() => Ok(()),
        topics => report.ok("topics", &format!("as they should be: {}", topics.join(", "))),
    }
}

/// Prints lines and counts them.
struct Report<'a, W: Write> {
    out: &'a mut W,
    failed: usize,
}

impl<W: Write> Report<'_, W> {
    fn ok(&mut self, what: &str, line: &str) -> Result<()> {
        self.line("ok  ", what, line)
    }

    fn warn(&mut self, what: &str, line: &str) -> Result<()> {
        self.line("warn", what, line)
    }

    fn fail(&mut self, what: &str, line: &str) -> Result<()> {
        self.failed += 1;
        self.line("FAIL", what, line)
    }

    fn line(&mut self, state: &str, what: &str, line: &str) -> Result<()> {
        writeln!(self.out, "{state}  {what}: {line}").and_then(|()| self.out.flush()).context("standard output can't be written")
    }

    fn end(self) -> Result<()> {
        if self.failed > 0 {
            bail!("{} failed: each line that begins with FAIL says how to mend it", count(self.failed, "check"));
        }
        Ok(())
    }
}
