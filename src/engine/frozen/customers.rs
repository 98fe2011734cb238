//! Customers, frozen and thawed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Customers, History};
use crate::engine::bounded::frozen::FrozenEntries;
use crate::engine::memory::{self, Heap};
use crate::engine::rebuys::Rebuy;
use crate::event::{Id, ItemId};

/// Histories by customer.
pub type Histories = Vec<(Id, Arc<History>)>;

/// The customers at one moment.
#[derive(Debug)]
pub struct FrozenCustomers {
    histories: Histories,
    /// What is bought again.
    pub rebuys: FrozenEntries<Rebuy>,
    /// How many facts told of customers: tells who was longest without one.
    pub facts: u64,
    /// How many made room.
    pub evicted: u64,
}

impl FrozenCustomers {
    /// What is bought again, sorted by item, and the histories, sorted by customer.
    #[must_use]
    pub fn sorted(mut self) -> (Vec<(ItemId, Rebuy)>, Histories) {
        self.histories.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        (self.rebuys.sorted(), self.histories)
    }
}

impl Customers {
    /// The customers as they are now.
    #[must_use]
    pub fn freeze(&self) -> FrozenCustomers {
        let mut histories = Vec::with_capacity(self.histories.len());
        histories.extend(self.histories.iter().map(|history| (history.key().clone(), Arc::clone(&history))));
        let (facts, evicted) = (self.facts.load(Ordering::Relaxed), self.evicted());
        FrozenCustomers { histories, rebuys: self.rebuys.entries().freeze(), facts, evicted }
    }

    /// Puts a history back; `false` if it was there already.
    pub(in crate::engine) fn thaw(&self, customer: Id, history: Arc<History>) -> bool {
        self.histories.insert(customer, history).is_none()
    }

    /// All histories are back: those beyond the limit make room.
    pub(in crate::engine) fn thawed(&self, facts: u64, evicted: u64, rebuys_refused: u64) {
        self.facts.store(facts, Ordering::Relaxed);
        self.evicted.store(evicted, Ordering::Relaxed);
        self.rebuys.entries().thawed(rebuys_refused);
        self.recount();
        while self.len() > self.customers_max {
            self.evict();
        }
    }

    /// Counts anew what was put back.
    fn recount(&self) {
        let heap = self.histories.iter().map(|entry| memory::text(entry.key()) + entry.heap()).sum();
        self.count.store(self.histories.len(), Ordering::Relaxed);
        self.heap.store(heap, Ordering::Relaxed);
    }

    /// Forgets everybody.
    pub(in crate::engine) fn clear(&self) {
        self.histories.clear();
        self.recount();
        self.rebuys.entries().clear();
        self.facts.store(0, Ordering::Relaxed);
        self.evicted.store(0, Ordering::Relaxed);
    }
}
