//! Looking at the shop log without following it: where it begins and ends, and single records.
//!
//! Invariant: nothing here moves the fold.

use std::cell::Cell;
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
use crate::snapshots::LogRange;

const POLL: Duration = Duration::from_millis(100);
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long single records are waited for.
const READ_LIMIT: Duration = Duration::from_secs(15);
/// The broker ends an open transaction within its own time-out, and a sweep.
const STABLE_LIMIT: Duration = Duration::from_secs(30);
/// The last record is looked for among so many offsets before the end, first; markers and aborted ones lie there too.
const LOOK_BACK: i64 = 1_000;

/// Two consumers that look: one sees all, one what is committed.
pub struct Peek {
    all: BaseConsumer<LogContext>,
    committed: BaseConsumer<LogContext>,
    brokers: String,
    topic: String,
    half_life_ms: i64,
}

/// What is found at a place of the log.
enum Seen {
    Record { offset: i64, checksum: u32 },
    End,
}

impl Peek {
    /// Consumers of the shop log that have not read anything.
    ///
    /// # Errors
    /// The clients' settings can't be used.
    pub fn open(config: &Config) -> Result<Self> {
        let (all, committed) = (end_consumer(&config.kafka), log_consumer(&config.kafka));
        Ok(Self {
            all: BaseConsumer::from_config_and_context(&all, LogContext).context("the shop log's consumer")?,
            committed: BaseConsumer::from_config_and_context(&committed, LogContext).context("the shop log's consumer")?,
            brokers: config.kafka.brokers.clone(),
            topic: config.kafka.shop_topic.clone(),
            half_life_ms: config.engine.ranking.half_life.0,
        })
    }

    /// Where the log begins and ends.
    ///
    /// # Errors
    /// No broker answers while `go_on` says so.
    pub fn range(&self, go_on: impl Fn() -> bool) -> Result<LogRange> {
        let (start, end) = self.watermarks(&self.all, go_on)?;
        Ok(LogRange { topic: self.topic.clone(), half_life_ms: self.half_life_ms, start, end })
    }

    /// One past what is committed or aborted, so that everything before it can be read.
    ///
    /// # Errors
    /// No broker answers.
    pub fn stable_end(&self) -> Result<i64> {
        Ok(self.watermarks(&self.committed, tries(1))?.1)
    }

    /// Waits, within a bound, until what is written now is committed or aborted: a commit is acknowledged a moment
    /// before its records can be read. Returns the end.
    ///
    /// # Errors
    /// No broker answers, or a transaction stays open.
    pub fn await_stable(&self) -> Result<i64> {
        let (end, started) = (self.watermarks(&self.all, tries(1))?.1, clock::now());
        while self.stable_end()? < end {
            if started.elapsed() > STABLE_LIMIT {
                bail!("a transaction on {} stays open, so what follows it can't be read yet; try again in a minute", self.topic);
            }
            std::thread::sleep(POLL);
        }
        Ok(end)
    }

    /// The checksum of the record at an offset; none where there is no committed one.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn checksum_at(&self, offset: i64) -> Result<Option<u32>> {
        match self.seen_from(offset)? {
            Seen::Record { offset: at, checksum } if at == offset => Ok(Some(checksum)),
            _ => Ok(None),
        }
    }

    /// The end, if no committed record lies between an offset and it: what is there are transactions' markers.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn end_if_nothing_follows(&self, from: i64) -> Result<Option<i64>> {
        // Asked first: what is written after that is not claimed to be known.
        let end = self.stable_end()?;
        if end <= from {
            return Ok(None);
        }
        Ok(matches!(self.seen_from(from)?, Seen::End).then_some(end))
    }

    /// The last committed record before the end, by its offset and checksum, where there is one still.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn last_record(&self, start: i64, end: i64) -> Result<Option<(i64, u32)>> {
        let mut from = (end - LOOK_BACK).max(start);
        loop {
            let mut last = None;
            self.read_from(from, &mut |offset, value| {
                if offset < end {
                    last = Some((offset, crc32fast::hash(value)));
                }
                offset < end
            })?;
            if last.is_some() || from <= start {
                return Ok(last);
            }
            from = start;
        }
    }

    fn seen_from(&self, offset: i64) -> Result<Seen> {
        let mut seen = Seen::End;
        self.read_from(offset, &mut |offset, value| {
            seen = Seen::Record { offset, checksum: crc32fast::hash(value) };
            false
        })?;
        Ok(seen)
    }

    /// Hands out committed records up to the end, or until `take` says no.
    fn read_from(&self, offset: i64, take: &mut dyn FnMut(i64, &[u8]) -> bool) -> Result<()> {
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(&self.topic, 0, Offset::Offset(offset)).context("a place in the shop log")?;
        self.committed.assign(&start).context("a place in the shop log")?;
        let started = clock::now();
        let read = loop {
            match self.committed.poll(POLL) {
                Some(Ok(message)) if !take(message.offset(), message.payload().unwrap_or_default()) => break Ok(()),
                Some(Err(KafkaError::PartitionEOF(_))) => break Ok(()),
                Some(Err(error)) if !is_passing(&error) => break Err(anyhow!("{} can't be read: {error}", self.topic)),
                Some(Ok(_)) => {}
                _ if started.elapsed() > READ_LIMIT => break Err(anyhow!("{} can't be read in time", self.topic)),
                _ => {}
            }
        };
        self.committed.unassign().context("a place in the shop log")?;
        read
    }

    fn watermarks(&self, consumer: &BaseConsumer<LogContext>, go_on: impl Fn() -> bool) -> Result<(i64, i64)> {
        let ask = || consumer.fetch_watermarks(&self.topic, 0, ASK_TIMEOUT);
        retrying("asking for the shop log's end", go_on, ask).map_err(|error| {
            let remedy = "create missing topics by: offerstream topics create";
            anyhow!("kafka.brokers = {}: the end of {} can't be asked for ({error}); {remedy}", self.brokers, self.topic)
        })
    }
}

/// Says yes so many times.
pub fn tries(times: u32) -> impl Fn() -> bool {
    let left = Cell::new(times);
    move || left.replace(left.get().saturating_sub(1)) > 0
}
