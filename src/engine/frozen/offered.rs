//! What customers were offered, frozen and thawed.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{Entry, OfferedLately, customer_bytes};
use crate::engine::memory::Heap;
use crate::event::{Id, Timestamp};

/// What customers were offered, at one moment.
#[derive(Debug)]
pub struct FrozenOffered {
    customers: Vec<(Id, Arc<Vec<Entry>>)>,
    /// Customers and offers in the order in which they came.
    pub queue: VecDeque<(Id, u128)>,
    /// The newest time.
    pub newest: Timestamp,
    /// How many had to go before their time.
    pub evicted: u64,
}

impl FrozenOffered {
    /// What each was offered, sorted by customer.
    #[must_use]
    pub fn sorted(mut self) -> Vec<(Id, Arc<Vec<Entry>>)> {
        self.customers.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.customers
    }
}

impl OfferedLately {
    /// What customers were offered up to now.
    #[must_use]
    pub fn freeze(&self) -> FrozenOffered {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut customers = Vec::with_capacity(self.customers.len());
        customers.extend(self.customers.iter().map(|entry| (entry.key().clone(), Arc::clone(&entry))));
        let newest = *self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        FrozenOffered { customers, queue, newest, evicted: self.evicted() }
    }

    /// Puts back what a customer was offered, after what is there already.
    pub(in crate::engine) fn thaw(&self, customer: Id, entries: Vec<Entry>) {
        self.entries.fetch_add(entries.len(), Ordering::Relaxed);
        let heap = entries.iter().map(|entry| customer_bytes(&customer) + entry.heap()).sum::<usize>();
        self.heap.fetch_add(heap, Ordering::Relaxed);
        Arc::make_mut(&mut self.customers.entry(customer).or_default()).extend(entries);
    }

    /// All are back: those beyond the limit make room, the oldest first.
    pub(in crate::engine) fn thawed(&self, queued: VecDeque<(Id, u128)>, newest: Timestamp, evicted: u64) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        *queue = queued;
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = newest;
        self.evicted.store(evicted, Ordering::Relaxed);
        if self.len() > self.entries_max {
            self.make_room(&mut queue, newest);
        }
    }

    /// Forgets everything.
    pub(in crate::engine) fn clear(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.clear();
        self.customers.clear();
        self.entries.store(0, Ordering::Relaxed);
        self.heap.store(0, Ordering::Relaxed);
        self.evicted.store(0, Ordering::Relaxed);
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Timestamp::MIN;
    }
}
