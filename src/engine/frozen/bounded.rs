//! Bounded entries, frozen and thawed.

use std::sync::atomic::Ordering;

use super::Bounded;
use crate::engine::memory::{self, Heap};
use crate::event::Id;

/// Bounded entries at one moment, in no order until they are handed out.
#[derive(Debug)]
pub struct FrozenEntries<V> {
    entries: Vec<(Id, V)>,
    /// How many times one found no room.
    pub refused: u64,
}

impl<V> FrozenEntries<V> {
    /// The entries, sorted by key.
    #[must_use]
    pub fn sorted(mut self) -> Vec<(Id, V)> {
        self.entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.entries
    }
}

impl<V: Clone + Default + Heap> Bounded<V> {
    /// The entries as they are now.
    #[must_use]
    pub fn freeze(&self) -> FrozenEntries<V> {
        let mut entries = Vec::with_capacity(self.entries.len());
        entries.extend(self.entries.iter().map(|entry| (entry.key().clone(), entry.value().clone())));
        FrozenEntries { entries, refused: self.evicted() }
    }

    /// Puts an entry back; `false` if it was there already.
    pub(in crate::engine) fn thaw(&self, key: Id, value: V) -> bool {
        self.entries.insert(key, value).is_none()
    }

    /// All are back: those beyond the limit, the last by key, are refused. `refused` is how many were before.
    pub(in crate::engine) fn thawed(&self, refused: u64) {
        let over = self.entries.len().saturating_sub(self.entries_max);
        self.evicted.store(refused.saturating_add(over as u64), Ordering::Relaxed);
        if over > 0 {
            self.drop_last(over);
        }
        self.recount();
    }

    fn drop_last(&self, mut over: usize) {
        let mut keys: Vec<Id> = self.entries.iter().map(|entry| entry.key().clone()).collect();
        keys.sort_unstable();
        while let (Some(key), true) = (keys.pop(), over > 0) {
            self.entries.remove(&key);
            over -= 1;
        }
    }

    /// Counts anew what was put back.
    fn recount(&self) {
        let heap = self.entries.iter().map(|entry| memory::text(entry.key()) + entry.heap()).sum();
        self.count.store(self.entries.len(), Ordering::Relaxed);
        self.heap.store(heap, Ordering::Relaxed);
    }

    /// Drops everything.
    pub(in crate::engine) fn clear(&self) {
        self.entries.clear();
        self.evicted.store(0, Ordering::Relaxed);
        self.recount();
    }
}
