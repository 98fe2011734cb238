//! Restoring sessions: the changelog partitions of the same numbers, read from their beginning.
//!
//! Invariant: a restore ends only when every record is seen that was written before it began, committed or
//! aborted. So the end is asked for with uncommitted records; then the last stable offset is waited for, until it
//! has passed that end; then the partition is read to its end. Transaction markers take offsets too, so a
//! position is never compared with an end. An end is believed the second time: a leader just made knows for a moment
//! less than it has, and tells an end too early; it does not answer where the stable end is until it knows (KIP-207), so
//! after that answer the reader looks again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};

use super::bus::{Changelog, Logged};
use crate::engine::session::Sessions;
use crate::engine::settings::Settings;
use crate::state::decode_session;

/// The newest record of every session of one partition.
type Newest = HashMap<Vec<u8>, Vec<u8>>;

/// A restore under way.
#[derive(Debug)]
pub struct Restore<C> {
    log: C,
    /// Partitions whose end has yet to be asked for.
    unknown: Vec<i32>,
    /// Partitions whose last stable offset has yet to pass this end.
    unstable: BTreeMap<i32, i64>,
    /// Those where it has.
    stable: BTreeMap<i32, i64>,
    reading: Reading,
}

/// What is read of the partitions.
#[derive(Debug, Default)]
struct Reading {
    under_way: BTreeMap<i32, (Newest, Ends)>,
    done: BTreeMap<i32, Newest>,
    /// Partitions with a record, of a session that may be over.
    written: BTreeSet<i32>,
    records: u64,
}

/// How often a partition's end was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ends {
    /// Not yet.
    #[default]
    None,
    /// Once, by whom it may be too early for.
    Told,
    /// Once, and whoever leads the partition knows its end since.
    Known,
}

impl<C: Changelog> Restore<C> {
    /// Starts to restore these partitions.
    #[must_use]
    pub fn new(log: C, partitions: &[i32]) -> Self {
        Self { log, unknown: partitions.to_vec(), unstable: BTreeMap::new(), stable: BTreeMap::new(), reading: Reading::default() }
    }

    /// Makes one step; returns whether all is restored.
    ///
    /// # Errors
    /// The changelog can't be read.
    pub fn step(&mut self) -> Result<bool> {
        // All ends first: what is written to a partition while another is waited for is of no interest.
        if let Some(partition) = self.unknown.last().copied() {
            if let Some(end) = self.log.end(partition)? {
                self.unknown.pop();
                self.unstable.insert(partition, end);
            }
        } else if let Some((partition, end)) = self.unstable.first_key_value().map(|(partition, end)| (*partition, *end)) {
            // Where somebody's transaction is open, the broker ends it within its time-out.
            if self.log.stable_end(partition)?.is_some_and(|stable| stable >= end) {
                self.unstable.remove(&partition);
                self.stable.insert(partition, end);
                if self.unstable.is_empty() {
                    self.start_reading()?;
                }
            }
        } else if let Some(partition) = self.reading.told_once() {
            let end = self.stable.get(&partition).copied().unwrap_or_default();
            if self.log.stable_end(partition)?.is_some_and(|stable| stable >= end) {
                self.log.read_on(partition)?;
                self.reading.end_is_known(partition);
            }
        } else if !self.reading.under_way.is_empty() {
            let Self { log, reading, .. } = self;
            log.poll(|logged| reading.take(logged))?;
        }
        Ok(self.unknown.is_empty() && self.unstable.is_empty() && self.reading.under_way.is_empty())
    }

    /// How far it is: records read, partitions done, partitions in all.
    #[must_use]
    pub fn progress(&self) -> (u64, usize, usize) {
        let done = self.reading.done.len();
        (self.reading.records, done, self.stable.len() + self.unstable.len() + self.unknown.len())
    }

    /// The partitions that something was committed to, whatever became of it.
    #[must_use]
    pub fn written(&self) -> &BTreeSet<i32> {
        &self.reading.written
    }

    /// The sessions restored, by partition.
    ///
    /// # Errors
    /// A record can't be read.
    pub fn sessions(self, settings: &Settings) -> Result<BTreeMap<i32, Sessions>> {
        let mut restored = BTreeMap::new();
        for (partition, newest) in self.reading.done {
            let mut sessions = Sessions::new(settings);
            for (key, value) in newest {
                let key = String::from_utf8_lossy(&key).into_owned();
                let session = decode_session(&value)
                    .with_context(|| format!("session {key:?} in {}, partition {partition}, can't be restored", self.log.topic()))?;
                sessions.restore(key.into(), session);
            }
            restored.insert(partition, sessions);
        }
        Ok(restored)
    }

    fn start_reading(&mut self) -> Result<()> {
        let partitions: Vec<i32> = self.stable.keys().copied().collect();
        self.log.read(&partitions)?;
        self.reading.under_way = partitions.into_iter().map(|partition| (partition, Default::default())).collect();
        Ok(())
    }
}

impl Reading {
    /// A partition whose end was told, by whom it may be too early for.
    fn told_once(&self) -> Option<i32> {
        self.under_way.iter().find(|(_, (_, ends))| *ends == Ends::Told).map(|(partition, _)| *partition)
    }

    fn end_is_known(&mut self, partition: i32) {
        if let Some((_, ends)) = self.under_way.get_mut(&partition) {
            *ends = Ends::Known;
        }
    }

    fn take(&mut self, logged: Logged<'_>) {
        match logged {
            Logged::Record(partition, key, value) => {
                let Some((newest, _)) = self.under_way.get_mut(&partition) else { return };
                self.records += 1;
                self.written.insert(partition);
                match value {
                    Some(value) => newest.insert(key.to_vec(), value.to_vec()),
                    None => newest.remove(key),
                };
            }
            Logged::End(partition) => match self.under_way.get_mut(&partition) {
                Some((_, ends @ Ends::None)) => *ends = Ends::Told,
                Some((newest, Ends::Known)) => {
                    self.done.insert(partition, std::mem::take(newest));
                    self.under_way.remove(&partition);
                }
                Some((_, Ends::Told)) | None => {}
            },
        }
    }
}
