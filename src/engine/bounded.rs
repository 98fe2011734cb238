//! Entries that grow up to a limit: beyond it the least useful make room, and that is counted.
//!
//! Invariant: only the fold writes. Who owns the entries says which are the least useful: a newcomer comes in at any
//! rate, else nothing new would ever be learned where everything is full.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use foldhash::fast::FixedState;

use super::memory::{self, Heap};
use crate::event::Id;

/// Entries by item or category.
#[derive(Debug)]
pub struct Bounded<V> {
    entries_max: usize,
    entries: DashMap<Id, V, FixedState>,
    /// How many there are: the map itself would have to lock all its parts to tell.
    count: AtomicUsize,
    heap: AtomicUsize,
    evicted: AtomicU64,
}

impl<V: Default + Heap> Bounded<V> {
    /// No entries yet; at most `entries_max` once [`Bounded::keep_limit`] was called.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self {
            entries_max,
            entries: DashMap::with_hasher(FixedState::default()),
            count: AtomicUsize::new(0),
            heap: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Changes an entry, made if there is none.
    pub fn change(&self, key: &Id, change: impl FnOnce(&mut V)) {
        let mut entry = self.entries.entry(key.clone()).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            let new = V::default();
            self.heap.fetch_add(memory::text(key) + new.heap(), Ordering::Relaxed);
            new
        });
        let before = entry.heap();
        change(&mut entry);
        self.heap.fetch_add(entry.heap(), Ordering::Relaxed);
        self.heap.fetch_sub(before, Ordering::Relaxed);
    }

    /// Looks at an entry.
    pub fn with<T>(&self, key: &str, look: impl FnOnce(&V) -> T) -> Option<T> {
        self.entries.get(key).map(|entry| look(&entry))
    }

    /// Drops the entries that are not to be kept.
    pub fn keep(&self, is_kept: impl Fn(&V) -> bool) {
        self.entries.retain(|key, entry| {
            let stays = is_kept(entry);
            if !stays {
                self.forget(key, entry);
            }
            stays
        });
    }

    /// While there are too many: the hundredth of least `rank` goes, ties by key.
    pub fn keep_limit<K: Ord + Copy>(&self, rank: impl Fn(&Id, &V) -> K) {
        while self.len() > self.entries_max && self.evict(&rank) {}
    }

    /// Drops the hundredth of least `rank`; whether there was any.
    pub fn evict<K: Ord + Copy>(&self, rank: impl Fn(&Id, &V) -> K) -> bool {
        let all = |tell: &mut dyn FnMut(K, &Id)| self.entries.iter().for_each(|entry| tell(rank(entry.key(), entry.value()), entry.key()));
        let gone = memory::least(memory::hundredth(self.len()), all);
        for key in &gone {
            if let Some((key, entry)) = self.entries.remove(key) {
                self.forget(&key, &entry);
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
        !gone.is_empty()
    }

    fn forget(&self, key: &Id, entry: &V) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.heap.fetch_sub(memory::text(key) + entry.heap(), Ordering::Relaxed);
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes they take: see [`super::memory`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        memory::table(self.len(), size_of::<Id>() + size_of::<V>()) + self.heap.load(Ordering::Relaxed)
    }

    /// How many made room for others.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

#[path = "frozen/bounded.rs"]
pub mod frozen;
