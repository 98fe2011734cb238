//! What known customers bought before: a bounded history each.
//!
//! Invariant: a pure function of the facts folded. Limits: customers, and items a customer; where they are
//! met, the customer longest without an order, or the item rarest and then first by id, makes room.

use std::collections::BTreeMap;

use dashmap::DashMap;
use foldhash::fast::FixedState;

use crate::event::{Id, ItemId};

/// Most items remembered of one customer.
const HISTORY_ITEMS_MAX: usize = 512;

/// What one customer bought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// How many baskets.
    pub baskets: u32,
    /// In how many of them each item was.
    pub items: BTreeMap<ItemId, u32>,
    last_fact: u64,
}

/// The histories of all customers.
#[derive(Debug)]
pub struct Customers {
    customers_max: usize,
    histories: DashMap<Id, History, FixedState>,
    evicted: std::sync::atomic::AtomicU64,
    facts: std::sync::atomic::AtomicU64,
}

impl Customers {
    /// No customers yet; at most `customers_max`.
    #[must_use]
    pub fn new(customers_max: usize) -> Self {
        Self {
            customers_max,
            histories: DashMap::with_hasher(FixedState::default()),
            evicted: std::sync::atomic::AtomicU64::new(0),
            facts: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Looks at a customer's history; `None` if nothing is known.
    pub fn with<T>(&self, customer: &str, look: impl FnOnce(&History) -> T) -> Option<T> {
        self.histories.get(customer).map(|history| look(&history))
    }

    /// A customer bought items: see [`super::facts::Fact::Bought`].
    pub fn bought(&self, add: bool, first: bool, customer: &Id, items: &[ItemId]) {
        let fact = self.facts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if !add && !self.histories.contains_key(customer) {
            return;
        }
        let mut history = self.histories.entry(customer.clone()).or_default();
        history.last_fact = fact;
        if first {
            history.baskets = step(history.baskets, add);
        }
        for item in items {
            history.count(item, add);
        }
        drop(history);
        self.keep_limit();
    }

    /// Forgets a customer.
    pub fn erase(&self, customer: &str) {
        self.histories.remove(customer);
    }

    /// How many customers are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.histories.len()
    }

    /// Whether no customer is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.histories.is_empty()
    }

    /// How many were evicted since the start of the fold.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Once there are too many: the hundredth that is longest without an order goes.
    fn keep_limit(&self) {
        if self.histories.len() <= self.customers_max {
            return;
        }
        let mut by_age: Vec<(u64, Id)> = self.histories.iter().map(|entry| (entry.last_fact, entry.key().clone())).collect();
        by_age.sort_unstable();
        by_age.truncate((by_age.len() / 100).max(1));
        for (_, customer) in by_age {
            self.histories.remove(&customer);
            self.evicted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

impl History {
    fn count(&mut self, item: &ItemId, add: bool) {
        if !add && !self.items.contains_key(item) {
            return;
        }
        let count = self.items.entry(item.clone()).or_default();
        *count = step(*count, add);
        if *count == 0 {
            self.items.remove(item);
        }
        if self.items.len() > HISTORY_ITEMS_MAX {
            let rarest = self.items.iter().filter(|(other, _)| *other != item).min_by_key(|(_, count)| **count);
            if let Some(rarest) = rarest.map(|(item, _)| item.clone()) {
                self.items.remove(&rarest);
            }
        }
    }
}

fn step(count: u32, add: bool) -> u32 {
    if add { count.saturating_add(1) } else { count.saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(items: &[&str]) -> Vec<ItemId> {
        items.iter().map(ItemId::new).collect()
    }

    #[test]
    fn a_cancelled_order_leaves_no_trace_in_the_history() {
        let customers = Customers::new(10);
        let customer = Id::new("c");
        customers.bought(true, true, &customer, &ids(&["a", "b"]));
        customers.bought(true, true, &customer, &ids(&["b"]));
        customers.bought(false, true, &customer, &ids(&["a", "b"]));
        let history = customers.with("c", Clone::clone).unwrap();
        assert_eq!((history.baskets, history.items), (1, BTreeMap::from([(ItemId::new("b"), 1)])));
    }

    #[test]
    fn the_customer_longest_without_an_order_makes_room() {
        let customers = Customers::new(2);
        for customer in ["a", "b", "a", "c"] {
            customers.bought(true, true, &Id::new(customer), &ids(&["x"]));
        }
        assert!(customers.with("b", |_| ()).is_none() && customers.with("a", |_| ()).is_some());
        assert_eq!(customers.evicted(), 1);
    }

    #[test]
    fn a_history_keeps_its_limit_by_forgetting_the_rarest() {
        let customers = Customers::new(2);
        let many: Vec<ItemId> = (0..HISTORY_ITEMS_MAX + 5).map(|n| ItemId::from(format!("i{n:04}"))).collect();
        customers.bought(true, true, &Id::new("c"), &ids(&["i0000"]));
        customers.bought(true, true, &Id::new("c"), &many);
        let history = customers.with("c", Clone::clone).unwrap();
        assert_eq!(history.items.len(), HISTORY_ITEMS_MAX);
        assert_eq!(history.items.get("i0000"), Some(&2));
    }
}
