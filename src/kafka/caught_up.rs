//! Which partitions are read to their end, as the client's statistics say.
//!
//! Invariant: what was not heard of is not read to its end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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
}
