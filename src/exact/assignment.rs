//! From an assignment to events: sessions are restored, the committed offsets are asked for, then reading begins there.
//!
//! Invariant: nothing is read before its sessions are restored, and nothing is restored from state that has no offsets, or
//! read from offsets that have no state. Each step returns soon, so that the group is polled in between.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::bus::{Bus, Place, Rebalanced};
use super::restore::Restore;
use super::stream::{Durability, State, Stream};
use crate::config::KafkaConfig;
use crate::engine::session::Sessions;
use crate::health::Phase;
use crate::state::encode_session;

/// A restore works at most this long at a time, so that the group is polled in between.
const RESTORE_SLICE: Duration = Duration::from_millis(100);

impl<B: Bus> Stream<B> {
    /// The assignment changed.
    pub(super) fn rebalanced(&mut self, rebalanced: Rebalanced) -> Result<()> {
        match rebalanced {
            Rebalanced::Revoked => {
                self.parts.health.set(Phase::Restoring("waiting for an assignment".into()));
                self.state = State::Idle;
                Ok(())
            }
            Rebalanced::Assigned(partitions) => self.assigned(partitions),
        }
    }

    fn assigned(&mut self, partitions: Vec<Place>) -> Result<()> {
        let since = self.bus.now();
        if partitions.is_empty() {
            tracing::info!("no partition is assigned: there are as many instances as partitions, or more");
            self.parts.health.set(Phase::Running);
            self.state = State::Running { partitions, membership: self.bus.membership()? };
            return Ok(());
        }
        let (numbers, known) = (numbers_of(&partitions), self.parts.partition_count);
        if let Some(unknown) = numbers.iter().find(|number| **number >= known) {
            bail!(
                "partition {unknown} of the events is new: there were {known} at the start; give {} as many partitions and start again",
                self.parts.config.kafka.sessions_topic
            );
        }
        tracing::info!("assigned partitions {numbers:?}");
        self.state = match self.parts.durability {
            Durability::Memory => State::Locating { partitions, since },
            Durability::Logs => State::Restoring { partitions, restore: Restore::new(self.bus.changelog()?, &numbers), since },
        };
        Ok(())
    }

    /// Starts again from what is committed.
    pub(super) fn restart(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => Ok(()),
            State::Restoring { partitions, .. } | State::Locating { partitions, .. } | State::Running { partitions, .. } => {
                self.bus.stop_reading()?;
                self.assigned(partitions)
            }
        }
    }

    /// Goes on with a restore; once it is done, reading starts at the committed offsets.
    pub(super) fn restore_step(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Restoring { partitions, restore, since } => self.restore(partitions, restore, since),
            State::Locating { partitions, since } => self.locate(partitions, since),
            other => {
                self.state = other;
                Ok(())
            }
        }
    }

    fn restore(&mut self, partitions: Vec<Place>, mut restore: Restore<B::Changelog>, since: Instant) -> Result<()> {
        let started = self.bus.now();
        while !restore.step()? {
            if self.since(started) >= RESTORE_SLICE {
                let (records, done, all) = restore.progress();
                self.parts.health.set(Phase::Restoring(format!("sessions of {done} of {all} partitions, {records} records read")));
                self.state = State::Restoring { partitions, restore, since };
                return Ok(());
            }
        }
        self.written.clone_from(restore.written());
        for (partition, sessions) in restore.sessions(&self.parts.config.engine)? {
            self.show_restored(&sessions);
            *self.processor.sessions_mut(partition) = sessions;
        }
        self.locate(partitions, since)
    }

    /// Restored sessions are committed ones.
    fn show_restored(&self, sessions: &Sessions) {
        if self.parts.live.keeps_sessions() {
            self.parts
                .live
                .changed(sessions.sorted().into_iter().map(|(key, session)| (key.clone(), Some(encode_session(session).into()))));
        }
    }

    /// Asks for the committed offsets, and reads on from there.
    fn locate(&mut self, partitions: Vec<Place>, since: Instant) -> Result<()> {
        let Some(committed) = self.bus.committed(&partitions)? else {
            self.state = State::Locating { partitions, since };
            return Ok(());
        };
        self.refuse_lost_offsets(&partitions, &committed)?;
        self.next_offsets.clear();
        self.quiet.forget();
        for (place, next) in partitions.iter().zip(&committed) {
            self.next_offsets.extend(next.map(|next| (place.clone(), next)));
            if let Some(newest) = self.processor.newest_of(place.1) {
                self.quiet.heard(place.1, None, newest, || self.bus.unix_ms());
            }
        }
        let start: Vec<(Place, Option<i64>)> = partitions.iter().cloned().zip(committed).collect();
        self.bus.read_from(&start)?;
        self.started(partitions, since)
    }

    /// State and offsets are committed together. Where there is the one without the other, all events would be taken from
    /// their beginning and counted once more.
    fn refuse_lost_offsets(&self, partitions: &[Place], committed: &[Option<i64>]) -> Result<()> {
        let known: BTreeSet<i32> = partitions.iter().zip(committed).filter_map(|((_, number), next)| next.map(|_| *number)).collect();
        let Some(lost) = numbers_of(partitions).into_iter().find(|number| self.written.contains(number) && !known.contains(number)) else {
            return Ok(());
        };
        let KafkaConfig { group_id, sessions_topic, shop_topic, .. } = &self.parts.config.kafka;
        bail!(
            "group {group_id} has no offset for partition {lost} of the events, but {sessions_topic} knows its sessions: the offsets were \
             deleted, or are older than the brokers' offsets.retention.minutes, and what was counted would be counted again; choose where \
             to go on by kafka-consumer-groups --reset-offsets, or begin anew with other names for {sessions_topic} and {shop_topic}"
        )
    }

    fn started(&mut self, partitions: Vec<Place>, since: Instant) -> Result<()> {
        if self.parts.durability == Durability::Logs {
            let open: usize = self.processor.partitions().values().map(Sessions::len).sum();
            let taken = self.since(since);
            tracing::info!("{open} sessions restored in {:.1} s", taken.as_secs_f32());
            self.parts.metrics.restore_seconds.observe(taken.as_secs_f64());
        }
        // One abort is no trouble, and where nothing comes, nothing is committed that could end it.
        if self.aborts_in_a_row <= 1 {
            self.parts.health.set(Phase::Running);
        }
        // What is polled from now on is committed under this membership.
        self.state = State::Running { partitions, membership: self.bus.membership()? };
        Ok(())
    }
}

/// The partition numbers of an assignment, each once.
fn numbers_of(partitions: &[Place]) -> Vec<i32> {
    let mut numbers: Vec<i32> = partitions.iter().map(|(_, partition)| *partition).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
