//! The sessions' changelog, as restoring reads it.
//!
//! Invariant: two consumers outside any group: one that sees what is not committed is asked where the log ends, the
//! other reads what is committed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::bus::answered;
use super::clients::{LogContext, end_consumer, is_passing, log_consumer};
use crate::config::{Config, KafkaConfig};
use crate::engine::session::Sessions;
use crate::exact::{Changelog, Logged, Restore};

const ASK_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// A reader of the changelog.
pub struct SessionsLog {
    topic: String,
    ends: BaseConsumer<LogContext>,
    log: BaseConsumer<LogContext>,
    /// One behind the last record read of each partition.
    read: BTreeMap<i32, i64>,
}

/// Reads the sessions of all partitions once, as far as they are committed.
///
/// # Errors
/// The broker does not answer, or a record can't be read.
pub fn read_sessions(config: &Config) -> Result<BTreeMap<i32, Sessions>> {
    let changelog = SessionsLog::open(&config.kafka)?;
    let topic = &config.kafka.sessions_topic;
    let metadata = changelog
        .log
        .fetch_metadata(Some(topic), ASK_TIMEOUT)
        .map_err(|error| anyhow!("kafka.brokers = {}: {topic} can't be described ({error})", config.kafka.brokers))?;
    let partitions: Vec<i32> = metadata.topics().iter().flat_map(|topic| topic.partitions().iter().map(|p| p.id())).collect();
    if partitions.is_empty() {
        bail!("topic {topic} does not exist; create what is missing by: offerstream topics create");
    }
    let mut restore = Restore::new(changelog, &partitions);
    while !restore.step()? {}
    restore.sessions(&config.engine)
}

impl SessionsLog {
    /// Opens the changelog; nothing is read yet.
    ///
    /// # Errors
    /// The client's settings can't be used.
    pub fn open(config: &KafkaConfig) -> Result<Self> {
        let consumer = |client| BaseConsumer::from_config_and_context(&client, LogContext).context("the changelog's consumer");
        let (ends, log) = (consumer(end_consumer(config))?, consumer(log_consumer(config))?);
        Ok(Self { topic: config.sessions_topic.clone(), ends, log, read: BTreeMap::new() })
    }
}

impl Changelog for SessionsLog {
    fn topic(&self) -> &str {
        &self.topic
    }

    fn end(&mut self, partition: i32) -> Result<Option<i64>> {
        let answer = self.ends.fetch_watermarks(&self.topic, partition, ASK_TIMEOUT);
        let ends = answered("asking for the changelog's end", answer);
        let ends = ends.with_context(|| format!("the end of {}, partition {partition}, can't be asked for", self.topic))?;
        Ok(ends.map(|(_, end)| end))
    }

    fn stable_end(&mut self, partition: i32) -> Result<Option<i64>> {
        match self.log.fetch_watermarks(&self.topic, partition, ASK_TIMEOUT) {
            Ok((_, stable)) => Ok(Some(stable)),
            Err(error) if is_passing(&error) => Ok(None),
            Err(error) => Err(anyhow!("{}, partition {partition}, can't be read: {error}", self.topic)),
        }
    }

    fn read(&mut self, partitions: &[i32]) -> Result<()> {
        self.read.clear();
        let mut start = TopicPartitionList::new();
        for partition in partitions {
            start.add_partition_offset(&self.topic, *partition, Offset::Beginning).context("the changelog's start")?;
        }
        self.log.assign(&start).context("the changelog's start")
    }

    fn read_on(&mut self, partition: i32) -> Result<()> {
        let from = self.read.get(&partition).map_or(Offset::Beginning, |next| Offset::Offset(*next));
        self.log
            .seek(&self.topic, partition, from, ASK_TIMEOUT)
            .with_context(|| format!("{}, partition {partition}: reading on", self.topic))
    }

    fn poll(&mut self, take: impl FnOnce(Logged<'_>)) -> Result<()> {
        match self.log.poll(POLL) {
            None => Ok(()),
            Some(Ok(message)) => {
                self.read.insert(message.partition(), message.offset() + 1);
                if let Some(key) = message.key() {
                    take(Logged::Record(message.partition(), key, message.payload()));
                }
                Ok(())
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                take(Logged::End(partition));
                Ok(())
            }
            Some(Err(error)) if is_passing(&error) => Ok(()),
            Some(Err(error)) => Err(anyhow!("{} can't be read: {error}", self.topic)),
        }
    }
}
