//! Restoring sessions: the changelog partitions of the same numbers, read from their beginning.
//!
//! Invariant: a restore ends only when every record is seen that was written before it began, committed or
//! aborted. So the end is asked for with uncommitted records; then the last stable offset is waited for, until it
//! has passed that end; then the partition is read to its end. Transaction markers take offsets too, so a
//! position is never compared with an end.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{LogContext, end_consumer, is_passing, log_consumer, retrying};
use crate::clock;
use crate::config::{Config, KafkaConfig};
use crate::engine::session::Sessions;
use crate::state::decode_session;

const ASK_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
/// One step works at most this long, so that the group's consumer is polled in between.
const STEP: Duration = Duration::from_millis(100);

/// The newest record of every session of one partition.
type Newest = HashMap<Vec<u8>, Vec<u8>>;

/// A restore under way.
pub struct Restore {
    topic: String,
    log: BaseConsumer<LogContext>,
    /// Partitions whose last stable offset has yet to pass this end.
    unstable: BTreeMap<i32, i64>,
    stable: Vec<i32>,
    /// Partitions that are being read.
    reading: BTreeMap<i32, Newest>,
    done: BTreeMap<i32, Newest>,
    records: u64,
}

/// Reads the sessions of all partitions once, as far as they are committed.
///
/// # Errors
/// The broker does not answer, or a record can't be read.
pub fn read_sessions(config: &Config) -> Result<BTreeMap<i32, Sessions>> {
    let client = log_consumer(&config.kafka);
    let consumer: BaseConsumer = rdkafka::config::FromClientConfig::from_config(&client).context("the changelog's consumer")?;
    let topic = &config.kafka.sessions_topic;
    let metadata = consumer
        .fetch_metadata(Some(topic), ASK_TIMEOUT)
        .map_err(|error| anyhow!("kafka.brokers = {}: {topic} can't be described ({error})", config.kafka.brokers))?;
    let partitions: Vec<i32> = metadata.topics().iter().flat_map(|topic| topic.partitions().iter().map(|p| p.id())).collect();
    if partitions.is_empty() {
        bail!("topic {topic} does not exist; create what is missing by: offerstream topics create");
    }
    let mut restore = Restore::start(&config.kafka, &partitions, || true)?;
    while !restore.step()? {}
    restore.sessions(config)
}

impl Restore {
    /// Starts to restore these partitions; waits for a broker while `go_on` says so.
    ///
    /// # Errors
    /// The changelog's end can't be asked for.
    pub fn start(config: &KafkaConfig, partitions: &[i32], go_on: impl Fn() -> bool) -> Result<Self> {
        let topic = config.sessions_topic.clone();
        let ends: BaseConsumer<LogContext> =
            BaseConsumer::from_config_and_context(&end_consumer(config), LogContext).context("the changelog's consumer")?;
        let log = BaseConsumer::from_config_and_context(&log_consumer(config), LogContext).context("the changelog's consumer")?;
        let mut unstable = BTreeMap::new();
        for partition in partitions {
            let ask = || ends.fetch_watermarks(&topic, *partition, ASK_TIMEOUT);
            let (_, end) = retrying("asking for the changelog's end", &go_on, ask)
                .with_context(|| format!("the end of {topic}, partition {partition}, can't be asked for"))?;
            unstable.insert(*partition, end);
        }
        Ok(Self { topic, log, unstable, stable: Vec::new(), reading: BTreeMap::new(), done: BTreeMap::new(), records: 0 })
    }

    /// Goes on for a short while; returns whether all is restored.
    ///
    /// # Errors
    /// The changelog can't be read.
    pub fn step(&mut self) -> Result<bool> {
        let started = clock::now();
        while started.elapsed() < STEP && !(self.unstable.is_empty() && self.reading.is_empty()) {
            if self.unstable.is_empty() { self.poll()? } else { self.await_stable()? }
        }
        Ok(self.unstable.is_empty() && self.reading.is_empty())
    }

    /// How far it is: records read, partitions done, partitions in all.
    #[must_use]
    pub fn progress(&self) -> (u64, usize, usize) {
        (self.records, self.done.len(), self.done.len() + self.reading.len() + self.stable.len() + self.unstable.len())
    }

    /// The sessions restored, by partition.
    ///
    /// # Errors
    /// A record can't be read.
    pub fn sessions(self, config: &Config) -> Result<BTreeMap<i32, Sessions>> {
        let mut restored = BTreeMap::new();
        for (partition, newest) in self.done {
            let mut sessions = Sessions::new(&config.engine);
            for (key, value) in newest {
                let key = String::from_utf8_lossy(&key).into_owned();
                let session = decode_session(&value)
                    .with_context(|| format!("session {key:?} in {}, partition {partition}, can't be restored", self.topic))?;
                sessions.restore(key.into(), session);
            }
            restored.insert(partition, sessions);
        }
        Ok(restored)
    }

    /// Waits for the last stable offsets to pass the ends, then starts to read.
    fn await_stable(&mut self) -> Result<()> {
        let Some((partition, end)) = self.unstable.first_key_value().map(|(partition, end)| (*partition, *end)) else { return Ok(()) };
        match self.log.fetch_watermarks(&self.topic, partition, ASK_TIMEOUT) {
            Ok((_, last_stable)) if last_stable >= end => self.stable.push(partition),
            // Somebody's transaction is open: the broker ends it within its time-out.
            Ok(_) => {
                std::thread::sleep(POLL);
                return Ok(());
            }
            Err(error) if is_passing(&error) => return Ok(()),
            Err(error) => return Err(anyhow!("{}, partition {partition}, can't be read: {error}", self.topic)),
        }
        self.unstable.remove(&partition);
        if self.unstable.is_empty() { self.start_reading() } else { Ok(()) }
    }

    fn start_reading(&mut self) -> Result<()> {
        let mut start = TopicPartitionList::new();
        for partition in std::mem::take(&mut self.stable) {
            self.reading.insert(partition, Newest::new());
            start.add_partition_offset(&self.topic, partition, Offset::Beginning).context("the changelog's start")?;
        }
        self.log.assign(&start).context("the changelog's start")
    }

    fn poll(&mut self) -> Result<()> {
        match self.log.poll(POLL) {
            None => Ok(()),
            Some(Ok(message)) => {
                let (Some(key), Some(newest)) = (message.key(), self.reading.get_mut(&message.partition())) else { return Ok(()) };
                self.records += 1;
                match message.payload() {
                    Some(value) => newest.insert(key.to_vec(), value.to_vec()),
                    None => newest.remove(key),
                };
                Ok(())
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                if let Some(newest) = self.reading.remove(&partition) {
                    self.done.insert(partition, newest);
                }
                Ok(())
            }
            Some(Err(error)) if is_passing(&error) => Ok(()),
            Some(Err(error)) => Err(anyhow!("{} can't be read: {error}", self.topic)),
        }
    }
}
