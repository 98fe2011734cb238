//! What known customers bought, saw and sent away before: a bounded history each.
//!
//! Invariant: a pure function of the facts folded. Limits: customers, and entries a customer; where they are
//! met, the customer longest without an order, or the item rarest and then first by id, makes room.

use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::facts::Sale;
use super::rebuys::Rebuys;
use super::vocabulary::Placement;
use crate::event::{Id, ItemId, Timestamp};

/// Most items remembered of one customer.
const HISTORY_ITEMS_MAX: usize = 512;
/// Most items sent away that are remembered of one customer.
const DECLINED_MAX: usize = 64;
/// Most categories with stamps of one customer.
const STAMPS_MAX: usize = 128;

/// What one customer bought. Copied when it changes while a frozen shop still holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// How many baskets.
    pub baskets: u32,
    /// What of each item.
    pub items: BTreeMap<ItemId, Bought>,
    /// The net value of all orders in the shop's currency, in millionths.
    pub spent_micros: i128,
    /// When the newest order was placed.
    pub last_order_at: Timestamp,
    /// Units bought of each category.
    pub stamps: BTreeMap<Id, u32>,
    declined: Vec<(ItemId, Timestamp)>,
    seen_day: i32,
    seen: [u32; Placement::ALL.len()],
    last_fact: u64,
}

/// What one customer bought of one item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bought {
    /// In how many orders.
    pub orders: u32,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
}

impl Bought {
    /// The mean time between two orders with it; `None` before the second.
    #[must_use]
    pub fn gap_ms(&self) -> Option<i64> {
        let gaps = i64::from(self.orders).checked_sub(1).filter(|gaps| *gaps > 0)?;
        Some((self.last_at.0 - self.first_at.0) / gaps)
    }
}

/// The histories of all customers.
#[derive(Debug)]
pub struct Customers {
    customers_max: usize,
    histories: DashMap<Id, Arc<History>, FixedState>,
    /// What is bought again, by whom it may be.
    pub rebuys: Rebuys,
    evicted: std::sync::atomic::AtomicU64,
    facts: std::sync::atomic::AtomicU64,
}

impl Customers {
    /// No customers yet; at most `customers_max`, and figures of `items_max` items that are bought again.
    #[must_use]
    pub fn new(customers_max: usize, items_max: usize) -> Self {
        Self {
            customers_max,
            histories: DashMap::with_hasher(FixedState::default()),
            rebuys: Rebuys::new(items_max),
            evicted: std::sync::atomic::AtomicU64::new(0),
            facts: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Looks at a customer's history; `None` if nothing is known.
    pub fn with<T>(&self, customer: &str, look: impl FnOnce(&History) -> T) -> Option<T> {
        self.histories.get(customer).map(|history| look(&history))
    }

    /// What a customer bought of an item, if they are known and did.
    #[must_use]
    pub fn bought_by(&self, customer: Option<&Id>, item: &str) -> Option<Bought> {
        self.with(customer?, |history| history.items.get(item).copied()).flatten()
    }

    /// A customer's order: see [`super::facts::Fact::Sale`].
    pub fn sale(&self, customer: &Id, sale: &Sale) {
        self.change(sale.add, customer, |history| {
            let (sign, add) = if sale.add { (1, true) } else { (-1, false) };
            history.baskets = if sale.first { step(history.baskets, add) } else { history.baskets };
            history.spent_micros = (history.spent_micros.saturating_add(sign * sale.net_micros)).max(0);
            if add {
                history.last_order_at = history.last_order_at.max(sale.ts);
            }
            for line in &sale.lines {
                let before = history.items.get(&line.item).copied();
                history.count(&line.item, add, sale.ts);
                if add {
                    self.rebuys.bought(&line.item, before, sale.ts);
                }
                if let Some(category) = &line.category {
                    history.stamp(category, line.units, add);
                }
            }
        });
    }

    /// A customer saw an offer: see [`super::facts::Fact::Seen`].
    pub fn saw(&self, customer: &Id, day: i32, placement: Placement) {
        self.change(true, customer, |history| {
            if day > history.seen_day {
                (history.seen_day, history.seen) = (day, Default::default());
            }
            if day == history.seen_day {
                history.seen[placement as usize] = history.seen[placement as usize].saturating_add(1);
            }
        });
    }

    /// A customer sent an item away: see [`super::facts::Fact::Declined`].
    pub fn declined(&self, customer: &Id, item: &ItemId, ts: Timestamp) {
        self.change(true, customer, |history| {
            history.declined.retain(|(other, _)| other != item);
            if history.declined.len() >= DECLINED_MAX {
                history.declined.remove(0);
            }
            history.declined.push((item.clone(), ts));
        });
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

    /// Changes a history; what is taken back from a customer who is not known changes nothing.
    fn change(&self, make: bool, customer: &Id, change: impl FnOnce(&mut History)) {
        let fact = self.facts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if !make && !self.histories.contains_key(customer) {
            return;
        }
        let mut entry = self.histories.entry(customer.clone()).or_default();
        let history = Arc::make_mut(&mut entry);
        history.last_fact = fact;
        change(history);
        drop(entry);
        self.keep_limit();
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
    /// When the customer last sent the item away.
    #[must_use]
    pub fn declined_at(&self, item: &str) -> Option<Timestamp> {
        self.declined.iter().find(|(other, _)| other == item).map(|(_, ts)| *ts)
    }

    /// How many offers the customer saw on a day at a placement; at all of them where none is named.
    #[must_use]
    pub fn seen_on(&self, day: i32, placement: Option<Placement>) -> u32 {
        if day != self.seen_day {
            return 0;
        }
        placement.map_or_else(|| self.seen.iter().sum(), |placement| self.seen[placement as usize])
    }

    fn count(&mut self, item: &ItemId, add: bool, ts: Timestamp) {
        if !add && !self.items.contains_key(item) {
            return;
        }
        let bought = self.items.entry(item.clone()).or_default();
        if add {
            bought.first_at = if bought.orders == 0 { ts } else { bought.first_at.min(ts) };
            bought.last_at = bought.last_at.max(ts);
        }
        bought.orders = step(bought.orders, add);
        if bought.orders == 0 {
            self.items.remove(item);
        }
        if self.items.len() > HISTORY_ITEMS_MAX {
            let rarest = self.items.iter().filter(|(other, _)| *other != item).min_by_key(|(_, bought)| bought.orders);
            if let Some(rarest) = rarest.map(|(item, _)| item.clone()) {
                self.items.remove(&rarest);
            }
        }
    }

    fn stamp(&mut self, category: &Id, units: u32, add: bool) {
        if self.stamps.len() >= STAMPS_MAX && !self.stamps.contains_key(category) {
            return;
        }
        let stamps = self.stamps.entry(category.clone()).or_default();
        *stamps = if add { stamps.saturating_add(units) } else { stamps.saturating_sub(units) };
    }
}

fn step(count: u32, add: bool) -> u32 {
    if add { count.saturating_add(1) } else { count.saturating_sub(1) }
}

#[path = "frozen/customers.rs"]
pub mod frozen;
#[cfg(test)]
#[path = "customers_tests.rs"]
mod tests;
