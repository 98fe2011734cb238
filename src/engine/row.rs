//! One item's row: its own count, and its pairs with the items it is bought with.
//!
//! Invariant: `best` are the heaviest of the neighbours, but where one of them made room for a newcomer: that leaves a gap
//! until the list is made anew.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::best::{Best, BestEntry};
use super::rising::Rising;
use super::slot::Slot;
use crate::event::ItemId;

/// Figures of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairCount {
    /// The decayed fixed-point weight of all evidence for the pair.
    pub weight: u64,
    /// The number of purchased baskets with both.
    pub together: u32,
    /// How soon the neighbour came after the row's own item in those, in 64ths of a basket: see
    /// [`super::basket_change::FOLLOWS`].
    pub follows: u32,
}

/// One item's row. Copied when it changes while a frozen shop still holds it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The item's own count.
    pub slot: Arc<Slot>,
    pub(super) neighbours: HashMap<u32, Neighbour, FixedState>,
    pub(super) best: Best,
    pub(super) rising: Rising,
}

/// An item that is bought with the row's own.
#[derive(Clone, Debug)]
pub(super) struct Neighbour {
    pub(super) slot: Arc<Slot>,
    pub(super) count: PairCount,
}

impl Row {
    /// The heaviest neighbours, heaviest first, ties by item id.
    #[must_use]
    pub fn best(&self) -> &[BestEntry] {
        self.best.entries()
    }

    /// The neighbours that rose of late, with the least that their share of the row's last baskets is.
    pub fn risen(&self) -> impl Iterator<Item = (&Arc<Slot>, PairCount, f64)> {
        self.rising.risen().filter_map(|(number, share)| self.neighbours.get(&number).map(|found| (&found.slot, found.count, share)))
    }

    /// How many neighbours are followed since they may rise.
    pub fn followed(&self) -> usize {
        self.rising.all().len()
    }

    /// All neighbours with their figures, in no order: nothing may depend on it.
    pub fn neighbours(&self) -> impl Iterator<Item = (&Arc<Slot>, PairCount)> {
        self.neighbours.values().map(|neighbour| (&neighbour.slot, neighbour.count))
    }

    /// All neighbours with their figures, sorted by item id.
    #[must_use]
    pub fn neighbours_sorted(&self) -> Vec<(&ItemId, PairCount)> {
        let mut all: Vec<_> = self.neighbours.values().map(|n| (&n.slot.item, n.count)).collect();
        all.sort_unstable_by_key(|(item, _)| *item);
        all
    }

    /// One more purchased basket, its own with these companions.
    pub(super) fn bought(&mut self, companions: &[u32]) {
        let neighbours = &self.neighbours;
        let together = |number| neighbours.get(&number).map_or(0, |neighbour| neighbour.count.together);
        self.rising.bought(self.slot.baskets(), companions, together);
    }

    /// Drops a neighbour from all but the list of the heaviest; whether it was there.
    pub(super) fn drop_neighbour(&mut self, number: u32) -> bool {
        self.rising.forget(number);
        self.neighbours.remove(&number).is_some()
    }

    /// Makes the list of the heaviest anew.
    pub(super) fn rebuild_best(&mut self) {
        self.best.clear();
        let mut lightest = 0;
        for neighbour in self.neighbours.values() {
            if neighbour.count.weight >= lightest {
                self.best.insert(neighbour.count, &neighbour.slot);
                lightest = self.best.lightest();
            }
        }
    }
}
