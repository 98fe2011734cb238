//! A batch on its way: from the records at hand to the transaction, and what became of it.
//!
//! Invariant: one batch commits at a time, and a batch that follows one that failed never overtakes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::link::{Commit, Outcome};
use super::outgoing::{Outgoing, dead_letter, records_of};
use super::stream::{Durability, State, Stream};
use crate::clock;
use crate::engine::totals::Totals;
use crate::event::Timestamp;
use crate::health::Phase;
use crate::pipeline::{Processor, Record};
use crate::state::Header;

/// How long the last batch may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// The batch at hand, beside what the processor holds.
#[derive(Default)]
pub(super) struct AtHand {
    pub(super) dead_letters: Vec<Outgoing>,
    /// One past the last record taken, by topic and partition.
    pub(super) offsets: BTreeMap<(String, i32), i64>,
    pub(super) since: Option<Instant>,
}

/// What is known of the commit under way.
pub(super) struct Pending {
    totals: Totals,
    offered_at: Vec<Timestamp>,
    /// When its first record was taken.
    since: Option<Instant>,
    /// When it was handed over.
    pub(super) handed_over: Instant,
}

impl Stream {
    /// Hands the batch at hand to the transaction thread.
    pub(super) fn hand_over(&mut self, at_hand: &mut AtHand, number: u64, group: Arc<ConsumerGroupMetadata>) -> Result<Pending> {
        let AtHand { dead_letters, offsets, since } = std::mem::take(at_hand);
        let mut batch = self.processor.take_batch();
        let offered_at = batch.offers.iter().filter_map(|offer| offer.record_time).collect();
        let header = Header { incarnation: self.incarnation, commit: number, decay: self.processor.decay() };
        let mut records = records_of(&mut batch, &self.processor, header);
        records.extend(dead_letters);
        let mut list = TopicPartitionList::new();
        for ((topic, partition), offset) in offsets {
            self.next_offsets.insert((topic.clone(), partition), offset);
            list.add_partition_offset(&topic, partition, Offset::Offset(offset)).context("the offsets to commit")?;
        }
        self.in_flight.set(true);
        self.commits.send(Commit { records, offsets: list, group }).map_err(|_| anyhow!("the transaction thread has ended"))?;
        self.observe();
        Ok(Pending { totals: batch.totals, offered_at, since, handed_over: clock::now() })
    }

    fn observe(&self) {
        self.metrics.observe_sessions(self.processor.partitions().values(), &self.config.engine.limits);
    }

    /// Looks whether the commit under way has ended; returns why, if it was aborted.
    pub(super) fn take_outcome(&mut self, pending: &mut Option<Pending>, wait: Duration) -> Result<Option<String>> {
        if pending.is_none() {
            return Ok(None);
        }
        let outcome = if wait.is_zero() {
            self.outcomes.try_recv().map_err(|error| error == TryRecvError::Empty)
        } else {
            self.outcomes.recv_timeout(wait).map_err(|error| error == RecvTimeoutError::Timeout)
        };
        match outcome {
            Err(true) => Ok(None),
            Err(false) => bail!("the transaction thread has ended"),
            Ok(Outcome::Committed(took)) => {
                if let Some(committed) = pending.take() {
                    self.committed(&committed, took);
                }
                Ok(None)
            }
            Ok(Outcome::Aborted(reason)) => {
                pending.take();
                Ok(Some(reason))
            }
            Ok(Outcome::Fatal(error)) => Err(error),
        }
    }

    fn committed(&mut self, committed: &Pending, took: Duration) {
        self.aborts_in_a_row = 0;
        if !self.stop.load(Ordering::Relaxed) {
            self.health.set(Phase::Running);
        }
        self.metrics.committed(&committed.totals);
        self.metrics.commit_seconds.observe(took.as_secs_f64());
        let now_ms = clock::unix_ms();
        for at in &committed.offered_at {
            let seconds = match (self.durability, committed.since) {
                // Records of a simulated clock say nothing of the time they took.
                (Durability::Memory, Some(since)) => since.elapsed().as_secs_f64(),
                _ => (now_ms - at.0).max(0) as f64 / 1_000.0,
            };
            self.metrics.event_to_offer_seconds.observe(seconds);
        }
    }

    /// Commits what is at hand, then gives up.
    pub(super) fn drain(&mut self, at_hand: &mut AtHand, mut pending: Option<Pending>, number: u64, state: &State) -> Result<()> {
        self.health.set(Phase::Draining);
        if let Some(failed) = self.take_outcome(&mut pending, DRAIN_LIMIT)? {
            // What is at hand follows the batch that failed, and must not overtake it.
            tracing::warn!("the commit under way was aborted, and is done again at the next start: {failed}");
            return Ok(());
        }
        if let (None, true, State::Running { group, .. }) = (&pending, at_hand.since.is_some(), state) {
            pending = Some(self.hand_over(at_hand, number + 1, Arc::clone(group))?);
            if let Some(failed) = self.take_outcome(&mut pending, DRAIN_LIMIT)? {
                tracing::warn!("the last commit was aborted, and is done again at the next start: {failed}");
            }
        }
        if pending.is_some() {
            bail!("the last commit did not end within {} s; it is done again at the next start", DRAIN_LIMIT.as_secs());
        }
        Ok(())
    }
}

/// Takes one record into the batch.
pub(super) fn take(
    processor: &mut Processor,
    at_hand: &mut AtHand,
    message: &rdkafka::message::BorrowedMessage<'_>,
    partition_count: i32,
) -> Result<()> {
    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
    if partition >= partition_count {
        bail!("partition {partition} of {topic} is new: there were {partition_count} at the start");
    }
    let payload = message.payload().unwrap_or_default();
    let record_time = message.timestamp().to_millis().map(Timestamp);
    let record = Record { partition, key: message.key(), payload, payload_bytes: payload.len(), record_time };
    if let Err(reject) = processor.process(&record) {
        at_hand.dead_letters.push(dead_letter(topic, partition, offset, message.key(), payload, &reject));
    }
    at_hand.since.get_or_insert_with(clock::now);
    match at_hand.offsets.iter_mut().find(|((known, number), _)| *number == partition && known == topic) {
        Some((_, next)) => *next = offset + 1,
        None => {
            at_hand.offsets.insert((topic.to_owned(), partition), offset + 1);
        }
    }
    Ok(())
}
