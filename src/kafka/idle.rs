//! Idle partitions: where no events come, time still passes, and baskets are left behind.
//!
//! Invariant: a partition's time is let on only while everything in it was read and nothing came for a while; then it
//! is the newest event's time and what has passed since that event's record was written. Nothing but timers depends
//! on it: what is counted does not.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::event::Timestamp;

/// A partition without a record for so long is idle.
pub const IDLE_AFTER: Duration = Duration::from_secs(10);

/// Which partitions are read to their end, as the client's statistics say.
#[derive(Debug, Default)]
pub struct CaughtUp(Mutex<BTreeMap<(String, i32), bool>>);

impl CaughtUp {
    /// Says whether a partition is read to its end.
    pub fn set(&self, topic: &str, partition: i32, is_caught_up: bool) {
        self.lock().insert((topic.to_owned(), partition), is_caught_up);
    }

    /// Whether the partition of that number is read to its end in each of the topics.
    pub fn all(&self, topics: &[String], partition: i32) -> bool {
        let known = self.lock();
        topics.iter().all(|topic| known.get(&(topic.clone(), partition)) == Some(&true))
    }

    /// The assignment changed.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, i32), bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    pub fn heard(&mut self, partition: i32, record_time: Option<Timestamp>, newest: Timestamp) {
        if self.partitions.get(&partition).is_none_or(|heard| newest > heard.newest) {
            let record_ms = record_time.map_or_else(clock::unix_ms, |time| time.0);
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
    pub fn idle(&mut self) -> Vec<(i32, Timestamp)> {
        let (now, now_ms) = (clock::now(), clock::unix_ms());
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

    #[test]
    fn a_partition_is_caught_up_only_if_it_is_in_every_topic() {
        let caught_up = CaughtUp::default();
        let topics = ["a".to_owned(), "b".to_owned()];
        caught_up.set("a", 0, true);
        assert!(!caught_up.all(&topics, 0));
        caught_up.set("b", 0, true);
        assert!(caught_up.all(&topics, 0) && !caught_up.all(&topics, 1));
        caught_up.set("b", 0, false);
        assert!(!caught_up.all(&topics, 0));
    }

    #[test]
    fn a_partition_just_heard_of_is_not_idle_and_late_records_say_nothing_of_its_time() {
        let mut quiet = Quiet::default();
        let now_ms = clock::unix_ms();
        // An hour behind the clock, its record written a minute ago.
        let newest = Timestamp(now_ms - 3_600_000);
        quiet.heard(0, Some(Timestamp(now_ms - 60_000)), newest);
        assert!(quiet.idle().is_empty());
        quiet.heard(0, Some(Timestamp(now_ms - 3_000_000)), newest);
        let wait = |quiet: &mut Quiet| {
            if let Some(heard) = quiet.partitions.get_mut(&0) {
                heard.since = heard.since.map(|since| since - IDLE_AFTER);
            }
        };
        wait(&mut quiet);
        let idle = quiet.idle();
        let passed_ms = idle[0].1.0 - newest.0;
        assert!(idle.len() == 1 && idle[0].0 == 0 && (60_000..70_000).contains(&passed_ms), "{idle:?}");
        assert!(quiet.idle().is_empty());
    }

    #[test]
    fn no_partition_comes_to_a_time_that_is_not_yet() {
        let mut quiet = Quiet::default();
        quiet.heard(0, Some(Timestamp(0)), Timestamp(clock::unix_ms() - 1));
        assert!(quiet.idle().is_empty());
        if let Some(heard) = quiet.partitions.get_mut(&0) {
            heard.since = heard.since.map(|since| since - IDLE_AFTER);
        }
        assert!(quiet.idle()[0].1.0 <= clock::unix_ms());
    }
}
