//! What known customers were offered lately: for what they buy in other sessions.
//!
//! Invariant: written by the fold alone. An entry is gone when its window is over by the newest time the fold has seen,
//! when it was taken, or when there are more than the limit; then the oldest goes first, and that is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::memory::{self, Heap};
use super::source::Source;
use crate::event::{Id, ItemId, Timestamp};

/// Offered items by customer.
#[derive(Debug)]
pub struct OfferedLately {
    entries_max: usize,
    /// Copied when they change while a frozen shop still holds them.
    customers: DashMap<Id, Arc<Vec<Entry>>, FixedState>,
    entries: AtomicUsize,
    heap: AtomicUsize,
    /// Customers and offers in the order in which they came; some of them may be gone already.
    queue: Mutex<VecDeque<(Id, u128)>>,
    newest: Mutex<Timestamp>,
    evicted: AtomicU64,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    item: ItemId,
    from: Timestamp,
    until: Timestamp,
    source: Source,
    /// It was accepted, in whatever session: it stays known so that it is not accepted twice.
    is_taken: bool,
}

impl OfferedLately {
    /// None yet; at most `entries_max`.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self {
            entries_max,
            customers: DashMap::with_hasher(FixedState::default()),
            entries: AtomicUsize::new(0),
            heap: AtomicUsize::new(0),
            queue: Mutex::default(),
            newest: Mutex::new(Timestamp::MIN),
            evicted: AtomicU64::new(0),
        }
    }

    /// Whether anything is known of a customer.
    #[must_use]
    pub fn knows(&self, customer: &str) -> bool {
        self.customers.contains_key(customer)
    }

    /// The newest offer of an item that came into a basket at `entered_at` and was bought at `bought_at`, of those that
    /// are not the session's own.
    #[must_use]
    pub fn newest(
        &self,
        customer: &str,
        item: &str,
        entered_at: Timestamp,
        bought_at: Timestamp,
        is_own: impl Fn(u128) -> bool,
    ) -> Option<Source> {
        let entries = self.customers.get(customer)?;
        let is_open = |entry: &&Entry| {
            let is_in_time = entry.from <= entered_at && bought_at <= entry.until;
            entry.item == item && is_in_time && !entry.is_taken && !is_own(entry.source.offer)
        };
        let open = entries.iter().filter(is_open);
        open.max_by_key(|entry| (entry.source.ts, entry.source.offer)).map(|entry| entry.source.clone())
    }

    /// A customer was offered an item.
    pub fn add(&self, customer: &Id, item: &ItemId, from: Timestamp, until: Timestamp, source: &Source) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { item: item.clone(), from, until, source: source.clone(), is_taken: false };
        let mut known = self.customers.entry(customer.clone()).or_default();
        let entries = Arc::make_mut(&mut known);
        // Told again: what had been taken turned out to be another offer's doing.
        match entries.iter_mut().find(|known| known.item == *item && known.source.offer == source.offer) {
            Some(known) => {
                self.heap.fetch_add(entry.heap(), Ordering::Relaxed);
                self.heap.fetch_sub(known.heap(), Ordering::Relaxed);
                *known = entry;
            }
            None => {
                self.heap.fetch_add(customer_bytes(customer) + entry.heap(), Ordering::Relaxed);
                entries.push(entry);
                self.entries.fetch_add(1, Ordering::Relaxed);
                queue.push_back((customer.clone(), source.offer));
            }
        }
        drop(known);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = (*newest).max(from);
        self.make_room(&mut queue, *newest);
    }

    /// What was offered was taken, in whatever session.
    pub fn taken(&self, customer: &str, item: &str, offer: u128) {
        if let Some(mut entries) = self.customers.get_mut(customer) {
            let its = Arc::make_mut(&mut entries).iter_mut().filter(|entry| entry.item == item && entry.source.offer == offer);
            its.for_each(|entry| entry.is_taken = true);
        }
    }

    /// Whether what was offered was taken, in whatever session.
    #[must_use]
    pub fn is_taken(&self, customer: &str, item: &str, offer: u128) -> bool {
        let is_it = |entry: &Entry| entry.item == item && entry.source.offer == offer && entry.is_taken;
        self.customers.get(customer).is_some_and(|entries| entries.iter().any(is_it))
    }

    /// The customer is to be forgotten.
    pub fn erase(&self, customer: &str) {
        self.drop_of(customer, |_| true);
        // Nor does the queue name them, which is what a snapshot is made of, too.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).retain(|(queued, _)| queued != customer);
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many had to go before their window was over.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// How many bytes they take: see [`super::memory`]. An entry is reckoned with as a customer's only one.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.heap.load(Ordering::Relaxed)
    }

    /// Drops the oldest hundredth; whether there was any.
    pub fn evict(&self) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let goal = self.len() - memory::hundredth(self.len()).min(self.len());
        let before = self.len();
        while self.len() > goal
            && let Some((customer, offer)) = queue.pop_front()
        {
            let dropped = self.drop_of(&customer, |entry| entry.source.offer == offer);
            self.evicted.fetch_add(dropped as u64, Ordering::Relaxed);
        }
        self.len() < before
    }

    fn make_room(&self, queue: &mut VecDeque<(Id, u128)>, now: Timestamp) {
        while let Some((customer, offer)) = queue.front().cloned() {
            let is_over = self
                .customers
                .get(&customer)
                .is_none_or(|entries| entries.iter().filter(|entry| entry.source.offer == offer).all(|entry| entry.until < now));
            let is_full = self.len() > self.entries_max;
            if !is_over && !is_full {
                return;
            }
            queue.pop_front();
            let dropped = self.drop_of(&customer, |entry| entry.source.offer == offer);
            self.evicted.fetch_add(if is_over { 0 } else { dropped as u64 }, Ordering::Relaxed);
        }
    }

    fn drop_of(&self, customer: &str, is_gone: impl Fn(&Entry) -> bool) -> usize {
        let Some(mut entries) = self.customers.get_mut(customer) else { return 0 };
        let before = entries.len();
        Arc::make_mut(&mut entries).retain(|entry| {
            let goes = is_gone(entry);
            if goes {
                self.heap.fetch_sub(customer_bytes(customer) + entry.heap(), Ordering::Relaxed);
            }
            !goes
        });
        let (dropped, is_empty) = (before - entries.len(), entries.is_empty());
        drop(entries);
        if is_empty {
            self.customers.remove(customer);
        }
        self.entries.fetch_sub(dropped, Ordering::Relaxed);
        dropped
    }
}

impl Heap for Entry {
    fn heap(&self) -> usize {
        memory::text(&self.item) + self.source.heap()
    }
}

/// What an entry takes by itself, the customer's place and the one in the queue included.
fn customer_bytes(customer: &str) -> usize {
    let places = memory::table(1, size_of::<(Id, Arc<Vec<Entry>>)>()) + size_of::<(Id, u128)>() * 3 / 2;
    // Most customers have one offer of three items.
    memory::list::<Entry>(4) / 3 + (places + memory::block(size_of::<Vec<Entry>>() + 16) + 2 * memory::text(customer)) / 3
}

#[path = "frozen/offered.rs"]
pub mod frozen;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::vocabulary::{OfferKind, Placement};

    fn source(offer: u128) -> Source {
        Source {
            offer,
            ts: Timestamp(offer as i64),
            placement: Placement::Cart,
            kind: OfferKind::CrossSell,
            channel: "web".into(),
            anchor: None,
            replaces: None,
            basket_age: 0,
            variant: None,
        }
    }

    fn add(lately: &OfferedLately, customer: &str, item: &str, offer: u128, until: i64) {
        lately.add(&customer.into(), &item.into(), Timestamp(offer as i64), Timestamp(until), &source(offer));
    }

    fn newest(lately: &OfferedLately, item: &str, ts: i64) -> Option<u128> {
        lately.newest("c", item, Timestamp(ts), Timestamp(ts), |_| false).map(|source| source.offer)
    }

    #[test]
    fn the_newest_offer_in_its_window_is_found_until_it_was_taken() {
        let lately = OfferedLately::new(10);
        add(&lately, "c", "a", 1, 100);
        add(&lately, "c", "a", 2, 100);
        add(&lately, "c", "b", 2, 100);
        assert_eq!((newest(&lately, "a", 50), newest(&lately, "a", 1), newest(&lately, "a", 101)), (Some(2), Some(1), None));
        lately.taken("c", "a", 2);
        assert_eq!((newest(&lately, "a", 50), newest(&lately, "b", 50), lately.len()), (Some(1), Some(2), 3));
        assert!(lately.is_taken("c", "a", 2) && !lately.is_taken("c", "a", 1));
        lately.erase("c");
        assert!(lately.is_empty() && !lately.knows("c"));
    }

    #[test]
    fn what_is_over_goes_uncounted_and_what_finds_no_room_is_counted() {
        let lately = OfferedLately::new(2);
        add(&lately, "c", "a", 1, 5);
        add(&lately, "c", "a", 10, 100);
        assert_eq!((lately.len(), lately.evicted()), (1, 0));
        add(&lately, "d", "a", 11, 100);
        add(&lately, "e", "a", 12, 100);
        assert_eq!((lately.len(), lately.evicted(), lately.knows("c")), (2, 1, false));
    }
}
