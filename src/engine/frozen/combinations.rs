//! Combinations, frozen and thawed.

use serde::{Deserialize, Serialize};

use super::{Combination, Combinations, heap_of};
use crate::event::ItemId;

/// Figures beside the combinations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CombinationsHead {
    evicted: u64,
    shown: u64,
    accepted: u64,
}

impl Combinations {
    /// The figures beside them.
    #[must_use]
    pub fn head(&self) -> CombinationsHead {
        CombinationsHead { evicted: self.evicted, shown: self.shown, accepted: self.accepted }
    }

    /// All of them, sorted by anchor and companion.
    #[must_use]
    pub fn into_sorted(self) -> Vec<((ItemId, ItemId), Combination)> {
        let mut all: Vec<_> = self.combinations.into_iter().collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Puts one back; `false` if it was there already.
    pub(in crate::engine) fn thaw(&mut self, items: (ItemId, ItemId), combination: Combination) -> bool {
        self.heap += heap_of(&items.0, &items.1);
        self.combinations.insert(items, combination).is_none()
    }

    /// All are back: those beyond the limit make room.
    pub(in crate::engine) fn thawed(&mut self, head: CombinationsHead) {
        CombinationsHead { evicted: self.evicted, shown: self.shown, accepted: self.accepted } = head;
        while self.combinations.len() > self.limit {
            self.evict();
        }
    }

    /// Forgets everything.
    pub(in crate::engine) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }
}
