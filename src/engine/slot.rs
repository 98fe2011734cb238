//! An item's own count.
//!
//! Invariant: only the fold writes it, under the lock of the item's row.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::row::PairCount;
use crate::event::ItemId;

/// An item's own count, shared with the rows it is a neighbour in.
#[derive(Debug)]
pub struct Slot {
    /// A number of its own while it is counted; never compared, never written.
    pub number: u32,
    /// The item.
    pub item: ItemId,
    weight: AtomicU64,
    baskets: AtomicU32,
    /// The bits of [`Self::worth`].
    worth: [AtomicU32; 2],
}

/// What a line earned moves the item's worth by one over this.
const WORTH_LINES: f32 = 16.0;

impl Slot {
    /// A slot of an item that was not counted yet.
    #[must_use]
    pub fn new(number: u32, item: ItemId) -> Self {
        Self { number, item, weight: AtomicU64::new(0), baskets: AtomicU32::new(0), worth: Default::default() }
    }

    /// The decayed fixed-point weight of all evidence for the item.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight.load(Ordering::Relaxed)
    }

    /// In how many purchased baskets the item was.
    #[must_use]
    pub fn baskets(&self) -> u32 {
        self.baskets.load(Ordering::Relaxed)
    }

    /// What a line of the item earns, in units of the shop's currency: revenue and margin. 0 where nobody bought it yet.
    #[must_use]
    pub fn worth(&self) -> [f32; 2] {
        [0, 1].map(|at| f32::from_bits(self.worth[at].load(Ordering::Relaxed)))
    }

    /// A line of it was bought that earned so much; the fold alone tells.
    pub(super) fn earned(&self, worth: [f32; 2]) {
        let known = self.worth();
        let share = if known[0] == 0.0 { 1.0 } else { 1.0 / WORTH_LINES };
        self.set_worth(std::array::from_fn(|at| known[at] + share * (worth[at] - known[at])));
    }

    /// Sets what a line of it earns; the fold alone does.
    pub(super) fn set_worth(&self, worth: [f32; 2]) {
        self.worth.iter().zip(worth).for_each(|(at, worth)| at.store(worth.to_bits(), Ordering::Relaxed));
    }

    /// Both figures, as a list of the best takes them.
    #[must_use]
    pub fn count(&self) -> PairCount {
        PairCount { weight: self.weight(), together: self.baskets(), follows: 0 }
    }

    /// Sets both figures; the fold alone does.
    pub(super) fn set(&self, weight: u64, baskets: u32) {
        self.weight.store(weight, Ordering::Relaxed);
        self.baskets.store(baskets, Ordering::Relaxed);
    }
}
