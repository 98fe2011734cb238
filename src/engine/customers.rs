//! What known customers bought, saw and sent away before: a bounded history each.
//!
//! Invariant: a pure function of the facts folded. Limits: customers, and entries a customer; where they are
//! met, the customer longest without an order, or the item rarest and then first by id, makes room.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::facts::Sale;
use super::memory::{self, Heap};
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
    /// The newest of the customer's baskets with it, counted from 0,
    pub last_basket: u32,
    /// and which of the 32 up to that one had it: a bit each, the newest the lowest.
    pub baskets: u32,
}

impl Bought {
    /// It is in the customer's basket of that number, the newest.
    fn is_in(&mut self, basket: u32) {
        let later = basket.saturating_sub(self.last_basket);
        self.baskets = self.baskets.checked_shl(later).unwrap_or(0) | 1;
        self.last_basket = self.last_basket.max(basket);
    }

    /// How many baskets ago the customer bought it, where they have so many: 0 for the newest; at most 32 back.
    pub fn baskets_ago(self, baskets: u32) -> impl Iterator<Item = usize> {
        let newest = baskets.saturating_sub(self.last_basket + 1);
        let told = (0..32).filter(move |bit| self.baskets >> bit & 1 == 1).map(move |bit| bit + newest);
        told.take_while(|ago| *ago < 32).map(|ago| ago as usize)
    }

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
    count: AtomicUsize,
    heap: AtomicUsize,
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
            count: AtomicUsize::new(0),
            heap: AtomicUsize::new(0),
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
        self.remove(customer);
    }

    /// How many customers are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How many bytes they take: see [`super::memory`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        memory::table(self.len(), size_of::<(Id, Arc<History>)>()) + self.heap.load(Ordering::Relaxed)
    }

    /// Whether no customer is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let mut entry = self.histories.entry(customer.clone()).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            self.heap.fetch_add(memory::text(customer) + Arc::<History>::default().heap(), Ordering::Relaxed);
            Arc::default()
        });
        let history = Arc::make_mut(&mut entry);
        let before = history.heap();
        history.last_fact = fact;
        change(history);
        self.heap.fetch_add(history.heap(), Ordering::Relaxed);
        self.heap.fetch_sub(before, Ordering::Relaxed);
        drop(entry);
        if self.len() > self.customers_max {
            self.evict();
        }
    }

    /// Drops the hundredth of whom nothing was heard for longest; whether there was any.
    pub fn evict(&self) -> bool {
        let all = |tell: &mut dyn FnMut(u64, &Id)| self.histories.iter().for_each(|entry| tell(entry.last_fact, entry.key()));
        let longest = memory::least(memory::hundredth(self.len()), all);
        longest.iter().for_each(|customer| self.remove(customer));
        self.evicted.fetch_add(longest.len() as u64, Ordering::Relaxed);
        !longest.is_empty()
    }

    fn remove(&self, customer: &str) {
        if let Some((customer, history)) = self.histories.remove(customer) {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.heap.fetch_sub(memory::text(&customer) + history.heap(), Ordering::Relaxed);
        }
    }
}

impl Heap for History {
    fn heap(&self) -> usize {
        let texts = self.items.keys().chain(self.stamps.keys()).chain(self.declined.iter().map(|(item, _)| item));
        memory::block(size_of::<Self>() + 16)
            + memory::tree(self.items.len(), size_of::<(ItemId, Bought)>())
            + memory::tree(self.stamps.len(), size_of::<(Id, u32)>())
            + memory::list::<(ItemId, Timestamp)>(self.declined.len())
            + texts.map(|text| memory::text(text)).sum::<usize>()
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
        let basket = self.baskets.saturating_sub(1);
        let bought = self.items.entry(item.clone()).or_default();
        if add {
            bought.is_in(basket);
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
