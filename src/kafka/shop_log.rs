//! The shop log: the thread that folds it, for ever.
//!
//! Invariant: shop state is the fold of the committed records, in order, and of nothing else. A record that
//! can't be read ends the process: skipping it would make this instance differ from the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{LogContext, is_passing, log_consumer};
use super::freezes::{Answering, Frozen};
use crate::clock;
use crate::config::Config;
use crate::engine::shop::Shop;
use crate::metrics::Metrics;
use crate::state::ShopRecord;

const POLL: Duration = Duration::from_millis(100);

/// Reads the shop log.
pub struct ShopLog {
    consumer: BaseConsumer<LogContext>,
    topic: String,
    half_life_ms: i64,
    shop: Arc<Shop>,
    at: Position,
    metrics: Option<Arc<Metrics>>,
}

/// How far the fold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first offset that is not folded.
    pub next_offset: i64,
    /// The last record folded: its offset and the CRC-32 of its value.
    pub last_record: Option<(i64, u32)>,
}

impl ShopLog {
    /// Opens the log where what `shop` holds ends.
    ///
    /// # Errors
    /// The client's settings can't be used.
    pub fn open(config: &Config, shop: Arc<Shop>, at: Position) -> Result<Self> {
        let topic = config.kafka.shop_topic.clone();
        let consumer: BaseConsumer<LogContext> =
            BaseConsumer::from_config_and_context(&log_consumer(&config.kafka), LogContext).context("the shop log's consumer")?;
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(&topic, 0, Offset::Offset(at.next_offset)).context("the shop log's start")?;
        consumer.assign(&start).context("the shop log's start")?;
        Ok(Self { consumer, topic, half_life_ms: config.engine.ranking.half_life.0, shop, at, metrics: None })
    }

    /// Counts what it folds from now on.
    #[must_use]
    pub fn counting(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Folds all that is committed now; stops early once `go_on` says no. `say` is told the position now and then.
    ///
    /// # Errors
    /// A record can't be read.
    pub fn read_to_end(&mut self, go_on: &dyn Fn() -> bool, say: &mut dyn FnMut(Position)) -> Result<()> {
        while go_on() {
            match self.next()? {
                Next::Folded | Next::Nothing => say(self.at),
                Next::End => return Ok(()),
            }
        }
        Ok(())
    }

    /// Follows the log until told to stop; between two records, answers whoever asks for the shop as it is.
    ///
    /// # Errors
    /// A record can't be read.
    pub fn follow(mut self, stop: &AtomicBool, answering: &Answering) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.next()?;
            answering.serve(|| self.freeze());
        }
        Ok(())
    }

    fn freeze(&self) -> Frozen {
        let started: Instant = clock::now();
        let shop = self.shop.freeze();
        Frozen { shop, at: self.at, took: started.elapsed() }
    }

    fn next(&mut self) -> Result<Next> {
        match self.consumer.poll(POLL) {
            None => Ok(Next::Nothing),
            Some(Ok(message)) => {
                let (offset, value) = (message.offset(), message.payload().unwrap_or_default());
                crate::panics::taken(&self.topic, 0, offset);
                let facts = fold(&self.shop, self.half_life_ms, value)
                    .with_context(|| format!("the record at offset {offset} of {} can't be folded", self.topic))?;
                if let Some(metrics) = &self.metrics {
                    metrics.folded(facts);
                }
                self.at = Position { next_offset: offset + 1, last_record: Some((offset, crc32fast::hash(value))) };
                Ok(Next::Folded)
            }
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Next::End),
            Some(Err(error)) if is_passing(&error) => Ok(Next::Nothing),
            Some(Err(error)) => Err(anyhow!("{} can't be read: {error}", self.topic)),
        }
    }
}

/// Folds a record; returns how many facts it had.
fn fold(shop: &Shop, half_life_ms: i64, value: &[u8]) -> Result<usize> {
    let record = ShopRecord::decode(value)?;
    if let Some(decay) = record.header.decay {
        check_half_life(half_life_ms, decay.half_life_ms)?;
        shop.set_decay(decay);
    }
    record.facts.iter().for_each(|fact| shop.fold(fact));
    Ok(record.facts.len())
}

fn check_half_life(set: i64, written_with: i64) -> Result<()> {
    if written_with != set {
        bail!(
            "it was written with ranking.half_life = {written_with} ms, and the setting is {set} ms; counts of two half-lives can't be \
             added, so set it back, or start with new topics"
        );
    }
    Ok(())
}

enum Next {
    Folded,
    End,
    Nothing,
}
