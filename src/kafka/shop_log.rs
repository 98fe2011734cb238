//! The shop log: the thread that reads it from its beginning and folds it, for ever.
//!
//! Invariant: shop state is the fold of the committed records, in order, and of nothing else. A record that
//! can't be read ends the process: skipping it would make this instance differ from the others.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{LogContext, end_consumer, is_passing, log_consumer, retrying};
use crate::clock;
use crate::config::Config;
use crate::engine::shop::Shop;
use crate::state::ShopRecord;

const POLL: Duration = Duration::from_millis(100);
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// The broker ends an open transaction within its own time-out, and a sweep.
const STABLE_LIMIT: Duration = Duration::from_secs(30);

/// Reads the shop log.
pub struct ShopLog {
    consumer: BaseConsumer<LogContext>,
    topic: String,
    half_life_ms: i64,
    shop: Arc<Shop>,
}

/// Reads the whole shop log once, as far as it is committed.
///
/// # Errors
/// The broker does not answer, or a record can't be read.
pub fn read_shop(config: &Config) -> Result<Arc<Shop>> {
    let shop = Arc::new(Shop::new(&config.engine.limits));
    let log = ShopLog::open(config, Arc::clone(&shop))?;
    log.await_stable(config)?;
    log.read_to_end(|| true)?;
    Ok(shop)
}

impl ShopLog {
    /// Opens the log at its beginning.
    ///
    /// # Errors
    /// The client's settings can't be used.
    pub fn open(config: &Config, shop: Arc<Shop>) -> Result<Self> {
        let topic = config.kafka.shop_topic.clone();
        let consumer: BaseConsumer<LogContext> =
            BaseConsumer::from_config_and_context(&log_consumer(&config.kafka), LogContext).context("the shop log's consumer")?;
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(&topic, 0, Offset::Beginning).context("the shop log's start")?;
        consumer.assign(&start).context("the shop log's start")?;
        Ok(Self { consumer, topic, half_life_ms: config.engine.ranking.half_life.0, shop })
    }

    /// Waits, within a bound, until what is written now is committed or aborted: a commit is acknowledged a moment
    /// before its records can be read.
    fn await_stable(&self, config: &Config) -> Result<()> {
        let ends: BaseConsumer<LogContext> =
            BaseConsumer::from_config_and_context(&end_consumer(&config.kafka), LogContext).context("the shop log's consumer")?;
        let end_of = |consumer: &BaseConsumer<LogContext>| {
            let ask = || consumer.fetch_watermarks(&self.topic, 0, ASK_TIMEOUT);
            let tries_left = Cell::new(1);
            retrying("asking for the shop log's end", || tries_left.replace(tries_left.get() - 1) > 0, ask).map(|(_, end)| end).map_err(
                |error| {
                    let remedy = "create missing topics by: offerstream topics create";
                    anyhow!("kafka.brokers = {}: the end of {} can't be asked for ({error}); {remedy}", config.kafka.brokers, self.topic)
                },
            )
        };
        let (end, started) = (end_of(&ends)?, clock::now());
        while end_of(&self.consumer)? < end {
            if started.elapsed() > STABLE_LIMIT {
                bail!("a transaction on {} stays open, so what follows it can't be read yet; try again in a minute", self.topic);
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Folds all that is committed now; stops early once `go_on` says no.
    ///
    /// # Errors
    /// A record can't be read.
    pub fn read_to_end(&self, go_on: impl Fn() -> bool) -> Result<()> {
        let (mut records, mut last_line) = (0_u64, clock::now());
        while go_on() {
            match self.next()? {
                Next::Folded => records += 1,
                Next::End => return Ok(()),
                Next::Nothing => {}
            }
            if last_line.elapsed() >= PROGRESS_EVERY {
                last_line = clock::now();
                tracing::info!("restoring the shop: {records} records of {} read", self.topic);
            }
        }
        Ok(())
    }

    /// Follows the log until told to stop.
    ///
    /// # Errors
    /// A record can't be read.
    pub fn follow(&self, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.next()?;
        }
        Ok(())
    }

    fn next(&self) -> Result<Next> {
        match self.consumer.poll(POLL) {
            None => Ok(Next::Nothing),
            Some(Ok(message)) => {
                let offset = message.offset();
                self.fold(message.payload().unwrap_or_default())
                    .with_context(|| format!("the record at offset {offset} of {} can't be folded", self.topic))?;
                Ok(Next::Folded)
            }
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Next::End),
            Some(Err(error)) if is_passing(&error) => Ok(Next::Nothing),
            Some(Err(error)) => Err(anyhow!("{} can't be read: {error}", self.topic)),
        }
    }

    fn fold(&self, value: &[u8]) -> Result<()> {
        let record = ShopRecord::decode(value)?;
        if let Some(decay) = record.header.decay {
            self.check_half_life(decay.half_life_ms)?;
            self.shop.set_decay(decay);
        }
        record.facts.iter().for_each(|fact| self.shop.fold(fact));
        Ok(())
    }

    fn check_half_life(&self, written_with: i64) -> Result<()> {
        if written_with != self.half_life_ms {
            bail!(
                "it was written with ranking.half_life = {written_with} ms, and the setting is {} ms; counts of two half-lives can't be \
                 added, so set it back, or start with new topics",
                self.half_life_ms
            );
        }
        Ok(())
    }
}

enum Next {
    Folded,
    End,
    Nothing,
}
