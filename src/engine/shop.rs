//! Shop state: what every instance knows alike. The fold of the shop log, and of nothing else.
//!
//! Invariant: only [`Shop::fold`] and [`Shop::set_decay`] change it, called by one thread in log order;
//! any thread may read at any time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::bounded::Bounded;
use super::catalogue::Catalogue;
use super::combinations::Combinations;
use super::counts::{CountLimits, Counts};
use super::customers::Customers;
use super::decay::Decay;
use super::erased::Erased;
use super::experiment::ledger::Ledger;
use super::facts::{Fact, Sale};
use super::offered::OfferedLately;
use super::optimiser::{NAMES_MAX, Optimiser};
use super::passed_over::PassedOver;
use super::settings::{AttributionTrigger, Limits};
use super::shelves::Shelves;
use super::totals::{TotalKey, Totals};
use super::vocabulary::ItemStep;
use super::weekly::Weekly;

/// The state of a shop.
#[derive(Debug)]
pub struct Shop {
    /// What is bought together.
    pub counts: Counts,
    /// Who bought what before.
    pub customers: Customers,
    /// What is known of products.
    pub catalogue: Catalogue,
    /// Which categories are bought together.
    pub categories: Counts,
    /// What sells best of each category.
    pub shelves: Shelves,
    /// What is bought instead of what.
    pub passed_over: PassedOver,
    /// What was sold this week.
    pub weekly: Weekly,
    /// What known customers were offered lately.
    pub offered: OfferedLately,
    /// Which customers were erased.
    pub erased: Erased,
    /// What the variants of policies did.
    pub optimiser: Optimiser,
    totals: Mutex<Totals>,
    combinations: Mutex<Combinations>,
    experiment: Mutex<Ledger>,
    decay: RwLock<Option<Decay>>,
    feedback_heard: AtomicBool,
}

/// One kind of entries that grows, with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// How many there are.
    pub entries: usize,
    /// How many there may be.
    pub limit: usize,
    /// How many were evicted, or refused, since the start of the fold.
    pub evictions: u64,
}

impl Shop {
    /// A shop of which nothing is known yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let count_limits = CountLimits { items: limits.items, neighbours: limits.neighbours_per_item, pairs: limits.pairs };
        let category_limits = CountLimits { items: limits.categories, ..count_limits };
        Self {
            counts: Counts::new(count_limits),
            customers: Customers::new(limits.customers, limits.items),
            catalogue: Catalogue::new(limits.items),
            categories: Counts::new(category_limits),
            shelves: Shelves::new(limits.categories),
            passed_over: PassedOver::new(limits.items),
            weekly: Weekly::new(limits.items),
            offered: OfferedLately::new(limits.customer_offers),
            erased: Erased::new(limits.erased_customers),
            optimiser: Optimiser::default(),
            totals: Mutex::default(),
            combinations: Mutex::new(Combinations::new(limits.combinations)),
            experiment: Mutex::new(Ledger::new(limits.experiment_shoppers)),
            decay: RwLock::default(),
            feedback_heard: AtomicBool::new(false),
        }
    }

    /// Folds one fact in.
    pub fn fold(&self, fact: &Fact) {
        self.experiment().fold(fact);
        match fact {
            Fact::Basket { before, after } => self.with_decay(|decay| self.counts.change_basket(decay, before, after)),
            Fact::Line { add, pairs_only, line, others } => {
                self.with_decay(|decay| self.counts.change_line(decay, *add, *pairs_only, line, others));
            }
            Fact::Learned { item, ts, price, product } => self.catalogue.learn(item, *ts, *price, product),
            Fact::Combination { anchor, companion, step } => self.combinations().add(anchor, companion, *step),
            Fact::Total(key, delta) => {
                if matches!(key, TotalKey::OfferItems { step: ItemStep::Shown, .. }) {
                    self.feedback_heard.store(true, Ordering::Relaxed);
                }
                self.totals().add(key.clone(), *delta);
            }
            Fact::Erased { customer, erasure } => {
                self.customers.erase(customer);
                self.offered.erase(customer);
                self.erased.add(customer, *erasure);
            }
            Fact::Sale(sale) => self.fold_sale(sale),
            Fact::CategoryBasket { before, after } => self.with_decay(|decay| self.categories.change_basket(decay, before, after)),
            Fact::PassedOver { item, instead } => self.passed_over.add(item, instead),
            // Who did not yet know of an erasure may have told of the customer after it.
            Fact::Seen { customer, ts, .. } | Fact::Declined { customer, ts, .. } if self.erased.covers(customer, *ts) => {}
            Fact::Offered { customer, from, .. } if self.erased.covers(customer, *from) => {}
            Fact::Seen { customer, day, placement, .. } => self.customers.saw(customer, *day, *placement),
            Fact::Declined { customer, item, ts } => self.customers.declined(customer, item, *ts),
            // Of the experiments alone.
            Fact::Eligible { .. } | Fact::Spent { .. } | Fact::Crossover { .. } => {}
            Fact::Tried { placement, variant, step } => self.optimiser.fold(*placement, variant, *step),
            Fact::Offered { customer, item, from, until, source } => self.offered.add(customer, item, *from, *until, source),
            Fact::Taken { customer, item, offer } => self.offered.taken(customer, item, *offer),
        }
    }

    fn fold_sale(&self, sale: &Sale) {
        self.erased.reach(sale.ts);
        if let Some(customer) = sale.customer.as_ref().filter(|customer| !self.erased.covers(customer, sale.ts)) {
            self.customers.sale(customer, sale);
        }
        for line in &sale.lines {
            self.weekly.sold(&line.item, sale.add, sale.ts);
            if let (true, Some(category)) = (sale.add, &line.category) {
                self.counts.with_row(&line.item, |row| self.shelves.sold(category, &row.slot));
            }
        }
    }

    /// Takes over the decay of a record, before its facts are folded. An older landmark than the one known
    /// changes nothing: it was written by an instance that had not yet read of the move.
    pub fn set_decay(&self, next: Decay) {
        let mut decay = self.decay.write().unwrap_or_else(PoisonError::into_inner);
        match *decay {
            None => *decay = Some(next),
            Some(now) if next.landmark > now.landmark => {
                self.counts.shift(now.shift_to(next));
                self.categories.shift(now.shift_to(next));
                *decay = Some(next);
            }
            Some(_) => {}
        }
    }

    /// Whether any offer was ever said to be shown.
    #[must_use]
    pub fn hears_feedback(&self) -> bool {
        self.feedback_heard.load(Ordering::Relaxed)
    }

    /// Whether it is known which offers reach shoppers: somebody tells, or the settings take all that is sent as seen.
    #[must_use]
    pub fn is_heard(&self, trigger: AttributionTrigger) -> bool {
        trigger == AttributionTrigger::Emitted || self.hears_feedback()
    }

    /// The decay in force; `None` before the first record.
    #[must_use]
    pub fn decay(&self) -> Option<Decay> {
        *self.decay.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The totals, locked.
    pub fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The combinations, locked.
    pub fn combinations(&self) -> MutexGuard<'_, Combinations> {
        self.combinations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The experiments, locked.
    pub fn experiment(&self) -> MutexGuard<'_, Ledger> {
        self.experiment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How full each kind of state is, by name.
    #[must_use]
    pub fn usage(&self, limits: &Limits) -> BTreeMap<&'static str, Usage> {
        let combinations = self.combinations();
        let experiment = self.experiment();
        let shoppers = Usage { entries: experiment.shoppers(), limit: limits.experiment_shoppers, evictions: experiment.evicted() };
        let waiting = Usage { entries: experiment.waiting(), limit: limits.experiment_shoppers, evictions: experiment.booked_early() };
        let categories = self.categories.evicted_items() + self.shelves.entries().refused();
        BTreeMap::from([
            ("items", Usage { entries: self.counts.items(), limit: limits.items, evictions: self.counts.evicted_items() }),
            ("pairs", Usage { entries: self.counts.pairs(), limit: limits.pairs, evictions: self.counts.evicted_pairs() }),
            ("customers", Usage { entries: self.customers.len(), limit: limits.customers, evictions: self.customers.evicted() }),
            ("products", Usage { entries: self.catalogue.len(), limit: limits.items, evictions: self.catalogue.refused() }),
            ("customer_offers", Usage { entries: self.offered.len(), limit: limits.customer_offers, evictions: self.offered.evicted() }),
            ("erased_customers", Usage { entries: self.erased.len(), limit: limits.erased_customers, evictions: self.erased.evicted() }),
            ("categories", Usage { entries: self.categories.items(), limit: limits.categories, evictions: categories }),
            ("items_bought_again", of_items(self.customers.rebuys.entries(), limits)),
            ("items_passed_over", of_items(self.passed_over.entries(), limits)),
            ("items_of_the_week", of_items(self.weekly.entries(), limits)),
            ("experiment_shoppers", shoppers),
            ("experiment_facts_waiting", waiting),
            ("variants", Usage { entries: self.optimiser.len(), limit: NAMES_MAX, evictions: self.optimiser.evicted() }),
            ("combinations", Usage { entries: combinations.len(), limit: limits.combinations, evictions: combinations.evicted() }),
        ])
    }

    fn with_decay(&self, change: impl FnOnce(Decay)) {
        // Every record sets its decay before its facts are folded, so there is one.
        if let Some(decay) = self.decay() {
            change(decay);
        }
    }
}

fn of_items<V: Default>(entries: &Bounded<V>, limits: &Limits) -> Usage {
    Usage { entries: entries.len(), limit: limits.items, evictions: entries.refused() }
}

#[path = "frozen/shop.rs"]
mod frozen;
