//! The catalogue's topic: read whole at every start, then followed for ever.
//!
//! Invariant: of two records of one item the later counts; one that can't be used changes nothing and stops
//! nothing. A topic that is not there is no error, and is looked for from time to time, as new partitions are.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{LogContext, is_passing, log_consumer, retrying};
use super::service::Service;
use crate::catalogue::{BadRow, Row, from_record};
use crate::clock;
use crate::config::Config;
use crate::engine::catalogue::Warning;
use crate::engine::shop::Shop;
use crate::health::{Health, Phase};
use crate::metrics::Metrics;

const POLL: Duration = Duration::from_millis(100);
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the topic is there, or has more partitions.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How soon after an update relations are looked at again.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// So many lines are written of the records of the start, and of those that come later.
const LINES_AT_START: usize = 20;
const LINES_LATER: usize = 1_000;

/// Reads the catalogue's topic.
pub struct CatalogueLog {
    consumer: BaseConsumer<LogContext>,
    config: Arc<Config>,
    shop: Arc<Shop>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    /// How many partitions are read.
    partitions: i32,
    /// Those whose end was not reached yet.
    reading: BTreeSet<i32>,
    looked_at: Instant,
    checked_at: Instant,
    lines: Lines,
}

impl CatalogueLog {
    /// Opens the topic at its beginning, if it is there; waits for a broker while `go_on` says so.
    ///
    /// # Errors
    /// The client's settings can't be used, or no broker answers.
    pub fn open(service: &Service, go_on: impl Fn() -> bool) -> Result<Self> {
        let consumer: BaseConsumer<LogContext> =
            BaseConsumer::from_config_and_context(&log_consumer(&service.config.kafka), LogContext).context("the catalogue's consumer")?;
        let mut log = Self {
            consumer,
            config: Arc::clone(&service.config),
            shop: Arc::clone(&service.shop),
            metrics: Arc::clone(&service.metrics),
            health: Arc::clone(&service.health),
            partitions: 0,
            reading: BTreeSet::new(),
            looked_at: clock::now(),
            checked_at: clock::now(),
            lines: Lines::new(LINES_AT_START),
        };
        let found = retrying("looking for the catalogue's topic", go_on, || log.count_partitions())
            .with_context(|| format!("the topic {} can't be looked for", log.topic()))?;
        log.read_from_start(found)?;
        if found == 0 {
            let (topic, seconds) = (log.topic(), LOOK_EVERY.as_secs());
            tracing::info!(
                "topic {topic} does not exist, or this user has no right to see it (grant Read on topic {topic}): products are known from \
                 events alone; it is looked for every {seconds} s"
            );
        }
        Ok(log)
    }

    /// Takes in all that is there now; stops early once `go_on` says no.
    ///
    /// # Errors
    /// The topic can't be read.
    pub fn read_to_end(&mut self, go_on: impl Fn() -> bool) -> Result<()> {
        let (mut records, started, mut said_at) = (0_u64, clock::now(), None::<Instant>);
        while !self.reading.is_empty() && go_on() {
            records += u64::from(self.next()?);
            if said_at.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY) {
                said_at = Some(clock::now());
                self.health.set(Phase::Restoring(format!("catalogue: {records} records read")));
            }
        }
        if self.partitions > 0 {
            self.check_relations();
            self.lines.close();
            let (products, seconds) = (self.shop.catalogue.len(), started.elapsed().as_secs_f32());
            tracing::info!("the catalogue is read: {records} records of {}, {products} products, {seconds:.1} s", self.topic());
            if self.shop.catalogue.refused() > 0 {
                tracing::warn!("{} products are left out, since limits.items is reached", self.shop.catalogue.refused());
            }
        }
        self.lines = Lines::new(LINES_LATER);
        Ok(())
    }

    /// Follows the topic until told to stop; where there is none, looks for it.
    ///
    /// # Errors
    /// The topic can't be read.
    pub fn follow(mut self, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.next()?;
            if self.checked_at.elapsed() >= CHECK_EVERY {
                self.check_relations();
            }
            if self.looked_at.elapsed() >= LOOK_EVERY {
                self.look_again()?;
            }
        }
        Ok(())
    }

    fn topic(&self) -> &str {
        &self.config.kafka.catalogue_topic
    }

    /// How many partitions the topic has; 0 where it is not there. All topics are asked for, since asking for one
    /// by name could create it.
    fn count_partitions(&self) -> KafkaResult<i32> {
        let metadata = self.consumer.fetch_metadata(None, ASK_TIMEOUT)?;
        let found = metadata.topics().iter().find(|found| found.name() == self.topic());
        Ok(found.map_or(0, |found| i32::try_from(found.partitions().len()).unwrap_or(i32::MAX)))
    }

    /// Looks for partitions that are not read yet. A broker that does not answer is asked again a minute later:
    /// what is read already goes on by itself.
    fn look_again(&mut self) -> Result<()> {
        self.looked_at = clock::now();
        match self.count_partitions() {
            Ok(found) => self.read_from_start(found),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(anyhow!("the topic {} can't be looked for: {error}", self.topic())),
        }
    }

    /// Reads partitions that are not read yet from their beginning.
    fn read_from_start(&mut self, found: i32) -> Result<()> {
        if found <= self.partitions {
            return Ok(());
        }
        let mut new = TopicPartitionList::new();
        for partition in self.partitions..found {
            new.add_partition_offset(self.topic(), partition, Offset::Beginning).context("the catalogue's start")?;
            self.reading.insert(partition);
        }
        self.consumer.incremental_assign(&new).context("the catalogue's start")?;
        tracing::info!("topic {} is read, {found} partitions", self.topic());
        self.partitions = found;
        Ok(())
    }

    /// Waits a moment for the next record; whether there was one.
    fn next(&mut self) -> Result<bool> {
        match self.consumer.poll(POLL) {
            None => Ok(false),
            Some(Ok(message)) => {
                take(&self.shop, &self.metrics, &mut self.lines, &message);
                Ok(true)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.reading.remove(&partition);
                Ok(false)
            }
            Some(Err(error)) if is_passing(&error) => Ok(false),
            Some(Err(error)) => Err(anyhow!("{} can't be read: {error}", self.config.kafka.catalogue_topic)),
        }
    }

    fn check_relations(&mut self) {
        self.checked_at = clock::now();
        for warning in self.shop.catalogue.check_relations() {
            self.lines.warn(&self.config.kafka.catalogue_topic, &warning);
        }
    }
}

/// Takes one record in.
fn take(shop: &Shop, metrics: &Metrics, lines: &mut Lines, message: &BorrowedMessage<'_>) {
    match from_record(message.key(), message.payload()) {
        Ok(Row { item, product, warnings }) => {
            metrics.catalogue_record();
            match product {
                Some(product) => _ = shop.catalogue.give(item, product),
                None => shop.catalogue.withdraw(&item),
            }
            warnings.iter().for_each(|warning| lines.warn(message.topic(), warning));
        }
        Err(bad) => {
            metrics.catalogue_rejected(bad.reason);
            lines.reject(message, &bad);
        }
    }
}

/// What is written of records that can't be used, in full or in part: a line an item, and so many lines in all.
struct Lines {
    /// The keys a line was written for.
    said: HashSet<Vec<u8>>,
    most: usize,
    unsaid: u64,
}

impl Lines {
    fn new(most: usize) -> Self {
        Self { said: HashSet::new(), most, unsaid: 0 }
    }

    fn reject(&mut self, message: &BorrowedMessage<'_>, bad: &BadRow) {
        let key = message.key().unwrap_or_default();
        if self.may_say(key) {
            let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
            let key = String::from_utf8_lossy(&key[..key.len().min(64)]);
            tracing::warn!("{topic}, partition {partition}, offset {offset}, key {key:?}: the record is ignored: {bad}");
        }
    }

    fn warn(&mut self, topic: &str, warning: &Warning) {
        if self.may_say(warning.item.as_bytes()) {
            tracing::warn!("{topic}: {warning}");
        }
    }

    /// Whether there is room for a line on that item, and none was written yet.
    fn may_say(&mut self, key: &[u8]) -> bool {
        let is_new = self.said.len() < self.most && self.said.insert(key[..key.len().min(256)].to_vec());
        self.unsaid += u64::from(!is_new);
        is_new
    }

    /// Says how much was not said.
    fn close(&self) {
        if self.unsaid > 0 {
            tracing::warn!("the catalogue has {} more records or fields like these, which are ignored", self.unsaid);
        }
    }
}
