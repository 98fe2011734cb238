//! Entries that grow up to a limit: beyond it no new one is taken in, and that is counted.
//!
//! Invariant: what is in stays in until it is dropped on purpose; only the fold writes.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use foldhash::fast::FixedState;

use crate::event::Id;

/// Entries by item or category.
#[derive(Debug)]
pub struct Bounded<V> {
    entries_max: usize,
    entries: DashMap<Id, V, FixedState>,
    refused: AtomicU64,
}

impl<V: Default> Bounded<V> {
    /// No entries yet; at most `entries_max`.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self { entries_max, entries: DashMap::with_hasher(FixedState::default()), refused: AtomicU64::new(0) }
    }

    /// Changes an entry, made if there is room for it.
    pub fn change(&self, key: &Id, change: impl FnOnce(&mut V)) {
        if self.entries.len() >= self.entries_max && !self.entries.contains_key(key) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        change(&mut self.entries.entry(key.clone()).or_default());
    }

    /// Looks at an entry.
    pub fn with<T>(&self, key: &str, look: impl FnOnce(&V) -> T) -> Option<T> {
        self.entries.get(key).map(|entry| look(&entry))
    }

    /// Drops the entries that are not to be kept.
    pub fn keep(&self, is_kept: impl Fn(&V) -> bool) {
        self.entries.retain(|_, entry| is_kept(entry));
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many times one found no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[path = "frozen/bounded.rs"]
pub mod frozen;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_none_is_taken_in_until_one_goes() {
        let bounded: Bounded<u32> = Bounded::new(1);
        for key in ["a", "b", "a"] {
            bounded.change(&key.into(), |count| *count += 1);
        }
        assert_eq!((bounded.with("a", |count| *count), bounded.with("b", |count| *count)), (Some(2), None));
        assert_eq!((bounded.len(), bounded.is_empty(), bounded.refused()), (1, false, 1));
        bounded.keep(|count| *count > 2);
        bounded.change(&"b".into(), |count| *count += 1);
        assert_eq!((bounded.with("a", |_| ()), bounded.with("b", |count| *count)), (None, Some(1)));
    }
}
