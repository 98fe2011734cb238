//! Idle partitions: where no events come, time still passes, and baskets are left behind.
//!
//! Invariant: a partition's time is let on only while everything in it was read and nothing came for a while; then it
//! is the newest event's time and what has passed since that event's record was written. Nothing but timers depends
//! on it: what is counted does not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::event::Timestamp;

/// A partition without a record for so long is idle.
pub const IDLE_AFTER: Duration = Duration::from_secs(10);

/// When each partition was last heard of.
#[derive(Debug, Default)]
pub struct Quiet {
    partitions: BTreeMap<i32, Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    /// Since when it has been quiet, or its time was last let on; not yet looked at since it was heard of.
    since: Option<Instant>,
    /// When the record of its newest event was written, or its sessions restored, in milliseconds since the epoch.
    record_ms: i64,
    /// The time of that event.
    newest: Timestamp,
}

impl Quiet {
    /// A record of the partition was taken, and its newest event is this one now. What is late, or no event, says
    /// nothing of the time.
    pub fn heard(&mut self, partition: i32, record_time: Option<Timestamp>, newest: Timestamp, now_ms: impl FnOnce() -> i64) {
        if self.partitions.get(&partition).is_none_or(|heard| newest > heard.newest) {
            let record_ms = record_time.map_or_else(now_ms, |time| time.0);
            // No other clock is asked here, since this is called for every record.
            self.partitions.insert(partition, Heard { since: None, record_ms, newest });
        }
    }

    /// The assignment changed.
    pub fn forget(&mut self) {
        self.partitions.clear();
    }

    /// The partitions that have been idle, each with the time it has come to, never later than now; each is named again
    /// only after it was idle for as long again.
    pub fn idle(&mut self, now: Instant, now_ms: i64) -> Vec<(i32, Timestamp)> {
        let mut idle = Vec::new();
        for (partition, heard) in &mut self.partitions {
            if *heard.since.get_or_insert(now) + IDLE_AFTER <= now {
                heard.since = Some(now);
                let until = heard.newest.plus_ms((now_ms - heard.record_ms).max(0));
                idle.push((*partition, until.min(Timestamp(now_ms))));
            }
        }
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn idle(quiet: &mut Quiet) -> Vec<(i32, Timestamp)> {
        quiet.idle(clock::now(), clock::unix_ms())
    }

    #[test]
    fn a_partition_just_heard_of_is_not_idle_and_late_records_say_nothing_of_its_time() {
        let mut quiet = Quiet::default();
        let now_ms = clock::unix_ms();
        // An hour behind the clock, its record written a minute ago.
        let newest = Timestamp(now_ms - 3_600_000);
        quiet.heard(0, Some(Timestamp(now_ms - 60_000)), newest, clock::unix_ms);
        assert!(idle(&mut quiet).is_empty());
        quiet.heard(0, Some(Timestamp(now_ms - 3_000_000)), newest, clock::unix_ms);
        let wait = |quiet: &mut Quiet| {
            if let Some(heard) = quiet.partitions.get_mut(&0) {
                heard.since = heard.since.map(|since| since - IDLE_AFTER);
            }
        };
        wait(&mut quiet);
        let found = idle(&mut quiet);
        let passed_ms = found[0].1.0 - newest.0;
        assert!(found.len() == 1 && found[0].0 == 0 && (60_000..70_000).contains(&passed_ms), "{found:?}");
        assert!(idle(&mut quiet).is_empty());
    }

    #[test]
    fn no_partition_comes_to_a_time_that_is_not_yet() {
        let mut quiet = Quiet::default();
        quiet.heard(0, Some(Timestamp(0)), Timestamp(clock::unix_ms() - 1), clock::unix_ms);
        assert!(idle(&mut quiet).is_empty());
        if let Some(heard) = quiet.partitions.get_mut(&0) {
            heard.since = heard.since.map(|since| since - IDLE_AFTER);
        }
        assert!(idle(&mut quiet)[0].1.0 <= clock::unix_ms());
    }
}
