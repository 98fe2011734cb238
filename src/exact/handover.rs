//! A batch on its way: from the records at hand to the transaction, and what became of it.
//!
//! Invariant: one batch commits at a time, and a batch that follows one that failed never overtakes it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::bus::{Bus, Commit, Incoming, Outcome, Place};
use super::outgoing::{Outgoing, Target, dead_letter, records_of};
use super::stream::{Durability, Next, Parts, State, Stream};
use crate::config::Delivery;
use crate::engine::totals::Totals;
use crate::engine::vocabulary::Arm;
use crate::event::{Id, Timestamp};
use crate::health::Phase;
use crate::live::{Change, NEWEST_MAX};
use crate::panics;
use crate::pipeline::{Envelope, OfferOut, Processor, Record};
use crate::state::Header;

/// How long a commit may take at the end.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How long its outcome is waited for at a time.
const DRAIN_SLICE: Duration = Duration::from_millis(100);

/// The batch at hand, beside what the processor holds.
#[derive(Default)]
pub(super) struct AtHand {
    pub(super) dead_letters: Vec<Outgoing>,
    /// One past the last record taken, by topic and partition.
    pub(super) offsets: BTreeMap<Place, i64>,
    pub(super) since: Option<Instant>,
}

/// What is known of the commit under way.
pub(super) struct Pending {
    totals: Totals,
    offered_at: Vec<Timestamp>,
    /// What whoever asks is to see of it.
    sessions: Vec<Change>,
    offers: Vec<(Option<Id>, Vec<u8>)>,
    /// When its first record was taken.
    since: Option<Instant>,
    /// When it was handed over.
    pub(super) handed_over: Instant,
}

impl<B: Bus> Stream<B> {
    /// Hands the batch at hand over to whoever commits.
    pub(super) fn hand_over(&mut self) -> Result<()> {
        let State::Running { membership, .. } = &self.state else { return Ok(()) };
        let membership = membership.clone();
        let AtHand { dead_letters, offsets, since } = std::mem::take(&mut self.at_hand);
        let mut batch = self.processor.take_batch();
        // Of offers that left at once, their delivery was measured.
        let offered_at = match self.parts.config.kafka.delivery {
            Delivery::ExactlyOnce => batch.offers.iter().filter_map(|offer| offer.record_time).collect(),
            Delivery::AtLeastOnce => Vec::new(),
        };
        let offers = made_of(&batch.offers, self.parts.live.listeners().0 > 0);
        self.commit_number += 1;
        let number = self.commit_number;
        let header = Header { incarnation: self.parts.incarnation, commit: number, decay: self.processor.decay() };
        let mut records = records_of(&mut batch, &self.processor, header);
        let sessions = if self.parts.live.keeps_sessions() { changes_of(&records) } else { Vec::new() };
        records.extend(dead_letters);
        for (place, next) in &offsets {
            self.next_offsets.insert(place.clone(), *next);
        }
        self.bus.hand_over(Commit { number, records, offsets: offsets.into_iter().collect(), membership })?;
        self.parts.metrics.observe_sessions(self.processor.partitions().values(), &self.parts.config.engine.limits);
        self.pending = Some(Pending { totals: batch.totals, offered_at, sessions, offers, since, handed_over: self.bus.now() });
        Ok(())
    }

    /// Looks whether the commit under way has ended; returns why, if it was aborted.
    pub(super) fn take_outcome(&mut self, wait: Duration) -> Result<Option<String>> {
        if self.pending.is_none() {
            return Ok(None);
        }
        match self.bus.outcome(wait)? {
            None => Ok(None),
            Some(Outcome::Committed(took)) => {
                if let Some(mut committed) = self.pending.take() {
                    self.show(&mut committed);
                    self.committed(&committed, took);
                }
                Ok(None)
            }
            Some(Outcome::Aborted(reason)) => {
                self.pending = None;
                Ok(Some(reason))
            }
            Some(Outcome::Fatal(error)) => Err(error),
        }
    }

    /// Shows what is committed to whoever asks. Sessions of partitions that went meanwhile are somebody else's.
    fn show(&self, committed: &mut Pending) {
        let live = &self.parts.live;
        if self.is_running() {
            live.changed(std::mem::take(&mut committed.sessions));
        }
        live.offered(committed.offers.iter().map(|(session_id, json)| (session_id.as_ref(), json.as_slice())));
    }

    fn committed(&mut self, committed: &Pending, took: Duration) {
        self.aborts_in_a_row = 0;
        // Its partitions may have been given back meanwhile.
        if self.is_running() && !self.is_told_to_stop() {
            self.parts.health.set(Phase::Running);
        }
        let metrics = &self.parts.metrics;
        metrics.committed(&committed.totals);
        metrics.commit_seconds.observe(took.as_secs_f64());
        let now_ms = self.bus.unix_ms();
        for at in &committed.offered_at {
            let seconds = match (self.parts.durability, committed.since) {
                // Records of a simulated clock say nothing of the time they took.
                (Durability::Memory, Some(since)) => self.since(since).as_secs_f64(),
                _ => (now_ms - at.0).max(0) as f64 / 1_000.0,
            };
            metrics.event_to_offer_seconds.observe(seconds);
        }
    }

    /// Commits what is at hand, then gives up.
    pub(super) fn drain_step(&mut self) -> Result<Next> {
        self.parts.health.set(Phase::Draining);
        let until = *self.drain_until.get_or_insert(self.bus.now() + DRAIN_LIMIT);
        if let Some(failed) = self.take_outcome(DRAIN_SLICE)? {
            // What is at hand follows the batch that failed, and must not overtake it.
            tracing::warn!("the commit under way was aborted, and is done again at the next start: {failed}");
            return Ok(Next::Done);
        }
        if self.pending.is_some() {
            if self.bus.now() >= until {
                bail!("the last commit did not end within {} s; it is done again at the next start", DRAIN_LIMIT.as_secs());
            }
            return Ok(Next::On);
        }
        if self.at_hand.since.is_none() || !self.is_running() || self.bus.assignment_lost() {
            return Ok(Next::Done);
        }
        self.drain_until = None;
        self.hand_over()?;
        Ok(Next::On)
    }
}

/// The sessions of a batch, as their changelog gets them.
fn changes_of(records: &[Outgoing]) -> Vec<Change> {
    let of_sessions = records.iter().filter(|record| record.target == Target::Sessions);
    let change = |record: &Outgoing| {
        let key = std::str::from_utf8(record.key.as_deref()?).ok()?;
        Some((key.into(), record.payload.as_deref().map(Into::into)))
    };
    of_sessions.filter_map(change).collect()
}

/// The offers of a batch that shoppers may see; the newest of them, where nobody listens to single sessions.
fn made_of(offers: &[OfferOut], is_heard: bool) -> Vec<(Option<Id>, Vec<u8>)> {
    let made = offers.iter().rev().filter(|offer| offer.arm == Arm::Treatment).take(if is_heard { usize::MAX } else { NEWEST_MAX });
    let mut made: Vec<_> = made.map(|offer| (offer.session_id.clone(), offer.json.clone())).collect();
    made.reverse();
    made
}

/// Takes one record into the batch.
pub(super) fn take(
    processor: &mut Processor,
    at_hand: &mut AtHand,
    before: &BTreeMap<Place, i64>,
    incoming: &Incoming<'_>,
    parts: &Parts,
) -> Result<()> {
    let Incoming { topic, partition, offset, key, payload, time, headers } = *incoming;
    let partition_count = parts.partition_count;
    if partition >= partition_count {
        bail!("partition {partition} of {topic} is new: there were {partition_count} at the start");
    }
    // librdkafka may still hand out what it had fetched before it was told where to read from.
    if next_of(&at_hand.offsets, topic, partition).or_else(|| next_of(before, topic, partition)).is_some_and(|next| offset < next) {
        return Ok(());
    }
    panics::taken(topic, partition, offset);
    let record = Record { partition, key, payload, payload_bytes: payload.len(), record_time: time };
    let envelope = Envelope { headers, reading: parts.config.reading_of(topic, headers) };
    if let Err(reject) = processor.process_in(&record, envelope) {
        at_hand.dead_letters.push(dead_letter(topic, partition, offset, key, payload, &reject));
    }
    match at_hand.offsets.iter_mut().find(|((known, number), _)| *number == partition && known == topic) {
        Some((_, next)) => *next = offset + 1,
        None => {
            at_hand.offsets.insert((topic.to_owned(), partition), offset + 1);
        }
    }
    Ok(())
}

/// The offset that comes next; `None` where none is known. Few partitions are at hand at a time: looking through them costs
/// less than a name to look one up by.
fn next_of(offsets: &BTreeMap<Place, i64>, topic: &str, partition: i32) -> Option<i64> {
    offsets.iter().find(|((known, number), _)| *number == partition && known == topic).map(|(_, next)| *next)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::settings::Settings;
    use crate::engine::shop::Shop;
    use crate::metrics::Metrics;
    use crate::pipeline::Learning;

    #[test]
    fn what_was_fetched_before_it_was_told_where_to_read_from_is_taken_by_nobody() {
        let settings = Arc::new(Settings::default());
        let shop = Arc::new(Shop::new(&settings.limits));
        let mut processor = Processor::new(Arc::clone(&settings), Arc::clone(&shop), Learning::FromLog);
        let parts = Parts {
            config: Arc::default(),
            shop,
            metrics: Arc::new(Metrics::new(&settings).unwrap()),
            health: Arc::default(),
            stop: Arc::default(),
            partition_count: 2,
            incarnation: 1,
            durability: Durability::Logs,
            live: Arc::new(crate::live::Live::new(false)),
        };
        let (mut at_hand, before) = (AtHand::default(), BTreeMap::from([(("events".to_owned(), 0), 6)]));
        let mut taken = |topic: &str, partition: i32, offset: i64| {
            let incoming = Incoming { topic, partition, offset, key: None, payload: b"junk", time: None, headers: None };
            take(&mut processor, &mut at_hand, &before, &incoming, &parts).unwrap();
            processor.batch().records
        };
        assert_eq!([taken("events", 0, 0), taken("events", 0, 5)], [0, 0], "committed before");
        assert_eq!([taken("events", 0, 6), taken("events", 0, 6)], [1, 1], "at hand already");
        assert_eq!([taken("events", 1, 0), taken("others", 0, 0)], [2, 3], "of these nothing was committed");
    }
}
