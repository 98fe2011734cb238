//! A short list of the heaviest, kept in order.
//!
//! Invariant: heaviest first, ties by item id, so the list is a function of its members and not of the order
//! in which they came.

use std::cmp::Ordering;
use std::sync::Arc;

use super::row::PairCount;
use super::slot::Slot;

/// An item in the list.
#[derive(Clone, Debug)]
pub struct BestEntry {
    /// What the list is ordered by.
    pub weight: u64,
    /// The number of purchased baskets behind it.
    pub together: u32,
    /// In pairs: how soon it came after the other, as [`PairCount`] says.
    pub follows: u32,
    /// The item's number, here too: looking for it in the slots would fetch each of them.
    number: u32,
    /// The item.
    pub slot: Arc<Slot>,
}

impl BestEntry {
    /// An item with these figures.
    #[must_use]
    pub fn new(count: PairCount, slot: Arc<Slot>) -> Self {
        let PairCount { weight, together, follows } = count;
        Self { weight, together, follows, number: slot.number, slot }
    }

    /// The item's number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

/// The list, of a fixed length at most.
#[derive(Clone, Debug)]
pub struct Best {
    entries: Vec<BestEntry>,
    length_max: usize,
}

impl Best {
    /// An empty list that will hold `length_max` entries at most.
    #[must_use]
    pub fn new(length_max: usize) -> Self {
        Self { entries: Vec::new(), length_max }
    }

    /// Heaviest first.
    #[must_use]
    pub fn entries(&self) -> &[BestEntry] {
        &self.entries
    }

    /// Whether the item of that number is in the list.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        self.entries.iter().any(|entry| entry.number == number)
    }

    /// Puts an item in its place, in place of its old one; drops the lightest where there are too many.
    pub fn update(&mut self, count: PairCount, slot: &Arc<Slot>) {
        self.remove(slot.number);
        self.insert(count, slot);
    }

    /// Puts an item that is not in the list in its place, as [`Best::update`] does.
    pub fn insert(&mut self, count: PairCount, slot: &Arc<Slot>) {
        let weight = count.weight;
        // Most are too light: telling that first makes building a list cheap.
        if weight == 0 || weight < self.lightest() {
            return;
        }
        let is_before = |other: &BestEntry| order((other.weight, &other.slot), (weight, slot)) == Ordering::Less;
        let at = self.entries.partition_point(is_before);
        if at >= self.length_max {
            return;
        }
        self.entries.truncate(self.length_max - 1);
        self.entries.insert(at, BestEntry::new(count, Arc::clone(slot)));
    }

    /// What an entry has to weigh to have a chance: the lightest one's weight once the list is full, else 0.
    #[must_use]
    pub fn lightest(&self) -> u64 {
        if self.entries.len() < self.length_max { 0 } else { self.entries.last().map_or(0, |last| last.weight) }
    }

    /// Takes the item of that number out.
    pub fn remove(&mut self, number: u32) {
        if let Some(at) = self.entries.iter().position(|entry| entry.number == number) {
            self.entries.remove(at);
        }
    }

    /// A list that was kept, as it was.
    pub(super) fn of(entries: Vec<BestEntry>, length_max: usize) -> Self {
        Self { entries, length_max }
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

fn order(a: (u64, &Arc<Slot>), b: (u64, &Arc<Slot>)) -> Ordering {
    b.0.cmp(&a.0).then_with(|| a.1.item.cmp(&b.1.item))
}
