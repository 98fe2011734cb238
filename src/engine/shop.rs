//! Shop state: what every instance knows alike. The fold of the shop log, and of nothing else.
//!
//! Invariant: only [`Shop::fold`] and [`Shop::set_decay`] change it, called by one thread in log order;
//! any thread may read at any time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::bounded::Bounded;
use super::budget::{self, KINDS};
use super::catalogue::Catalogue;
use super::combinations::Combinations;
use super::counts::{CountLimits, Counts};
use super::customers::Customers;
use super::decay::Decay;
use super::erased::Erased;
use super::experiment::ledger::Ledger;
use super::facts::{Fact, Sale};
use super::memory::Heap;
use super::offered::OfferedLately;
use super::optimiser::{NAMES_MAX, Optimiser};
use super::passed_over::PassedOver;
use super::ranking::learner::{EXAMPLES_MAX, Learner};
use super::ranking::{self, Query};
use super::settings::{AttributionTrigger, Limits};
use super::shelves::Shelves;
use super::totals::{TotalKey, Totals};
use super::vocabulary::ItemStep;
use super::weekly::Weekly;
use crate::event::{ItemId, Timestamp};

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
    /// What is learned of ranking.
    pub learner: Learner,
    totals: Mutex<Totals>,
    combinations: Mutex<Combinations>,
    experiment: Mutex<Ledger>,
    decay: RwLock<Option<Decay>>,
    feedback_heard: AtomicBool,
    bytes_max: Option<usize>,
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
    /// How many bytes they take, by the model of [`super::memory`].
    pub bytes: usize,
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
            learner: Learner::default(),
            totals: Mutex::default(),
            combinations: Mutex::new(Combinations::new(limits.combinations)),
            experiment: Mutex::new(Ledger::new(limits.shoppers_max())),
            decay: RwLock::default(),
            feedback_heard: AtomicBool::new(false),
            bytes_max: limits.shop_bytes(),
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
            Fact::Learned { item, ts, price, product } => {
                // What no longer sells makes room.
                if !self.catalogue.learn(item, *ts, *price, product) && self.catalogue.evict(true, |item| self.weight_of(item)) {
                    self.catalogue.learn(item, *ts, *price, product);
                }
            }
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
            Fact::PassedOver { item, instead } => {
                self.passed_over.add(item, instead);
                self.passed_over.entries().keep_limit(|item, passed| (self.weight_of(item), passed.times));
            }
            // Who did not yet know of an erasure may have told of the customer after it.
            Fact::Seen { customer, ts, .. } | Fact::Declined { customer, ts, .. } if self.erased.covers(customer, *ts) => {}
            Fact::Offered { customer, from, .. } if self.erased.covers(customer, *from) => {}
            Fact::Seen { customer, day, placement, .. } => self.customers.saw(customer, *day, *placement),
            Fact::Declined { customer, item, ts } => self.customers.declined(customer, item, *ts),
            // Of the experiments alone.
            Fact::Eligible { .. } | Fact::Spent { .. } | Fact::Crossover { .. } => {}
            Fact::Tried { placement, variant, step } => self.optimiser.fold(*placement, variant, *step),
            Fact::Example { number, basket, customer, ts } => self.fold_example(*number, basket, customer.as_deref(), *ts),
            Fact::Outcome { numbers, bought, ts } => {
                self.with_decay(|decay| self.learner.answer(numbers, bought, decay, *ts));
                for bought in bought.iter().filter(|bought| bought.net_micros > 0) {
                    self.counts.with_row(&bought.item, |row| row.slot.earned(ranking::worth_of(bought)));
                }
            }
            Fact::Offered { customer, item, from, until, source } => self.offered.add(customer, item, *from, *until, source),
            Fact::Taken { customer, item, offer } => self.offered.taken(customer, item, *offer),
        }
        if let (Some(bytes_max), false) = (self.bytes_max, matches!(fact, Fact::Total(..))) {
            budget::keep(self, bytes_max);
        }
    }

    /// A step of a basket is ranked as it is folded, before anything of its outcome can be known.
    fn fold_example(&self, number: u64, basket: &[ItemId], customer: Option<&str>, ts: Timestamp) {
        let basket: Vec<&ItemId> = basket.iter().collect();
        let customer = customer.filter(|customer| !self.erased.covers(customer, ts));
        if let Some(example) = ranking::example(self, Query { basket: &basket, customer, now: ts, together_min: 1 }) {
            self.learner.ask(number, example);
        }
    }

    fn fold_sale(&self, sale: &Sale) {
        self.erased.reach(sale.ts);
        if let Some(customer) = sale.customer.as_ref().filter(|customer| !self.erased.covers(customer, sale.ts)) {
            self.customers.sale(customer, sale);
        }
        if sale.first {
            self.weekly.sold_basket(sale.add, sale.ts);
        }
        for line in &sale.lines {
            self.weekly.sold(&line.item, sale.add, sale.ts);
            if let (true, Some(category)) = (sale.add, &line.category) {
                self.counts.with_row(&line.item, |row| self.shelves.sold(category, &row.slot));
            }
        }
        self.customers.rebuys.entries().keep_limit(|item, rebuy| (self.weight_of(item), rebuy.buyers));
        self.shelves.entries().keep_limit(|category, _| self.category_weight_of(category));
    }

    /// An item's decayed weight in the counts; 0 where it has none. What rests on items is as useful as they are.
    pub(super) fn weight_of(&self, item: &str) -> u64 {
        self.counts.with_row(item, |row| row.slot.weight()).unwrap_or_default()
    }

    /// The same of a category.
    pub(super) fn category_weight_of(&self, category: &str) -> u64 {
        self.categories.with_row(category, |row| row.slot.weight()).unwrap_or_default()
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
                self.learner.shift(now.shift_to(next));
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
        let (counts, categories, catalogue) = (&self.counts, &self.categories, &self.catalogue);
        let of = |entries: usize, limit: usize, evictions: u64| Usage { entries, limit, evictions, bytes: 0 };
        let mut usage = BTreeMap::from([
            ("items", of(counts.items(), limits.items, counts.evicted_items())),
            ("pairs", of(counts.pairs(), limits.pairs, counts.evicted_pairs())),
            ("customers", of(self.customers.len(), limits.customers, self.customers.evicted())),
            ("products", of(catalogue.len(), limits.items, catalogue.refused())),
            ("customer_offers", of(self.offered.len(), limits.customer_offers, self.offered.evicted())),
            ("erased_customers", of(self.erased.len(), limits.erased_customers, self.erased.evicted())),
            ("categories", of(categories.items(), limits.categories, categories.evicted_items())),
            ("shelves", of_entries(self.shelves.entries(), limits.categories)),
            ("items_bought_again", of_entries(self.customers.rebuys.entries(), limits.items)),
            ("items_passed_over", of_entries(self.passed_over.entries(), limits.items)),
            ("items_of_the_week", of_entries(self.weekly.entries(), limits.items)),
            ("examples", Usage { bytes: self.learner.bytes(), ..of(self.learner.len(), EXAMPLES_MAX, self.learner.evicted()) }),
            ("variants", of(self.optimiser.len(), NAMES_MAX, self.optimiser.evicted())),
        ]);
        let (combinations, experiment) = (self.combinations(), self.experiment());
        let shoppers = limits.shoppers_max();
        usage.insert("combinations", of(combinations.len(), limits.combinations, combinations.evicted()));
        usage.insert("experiment_shoppers", of(experiment.shoppers(), shoppers, experiment.evicted()));
        usage.insert("experiment_facts_waiting", of(experiment.waiting(), shoppers, experiment.booked_early()));
        drop((combinations, experiment));
        for kind in &KINDS {
            usage.entry(kind.name).and_modify(|usage| usage.bytes = (kind.bytes)(self));
        }
        // What is told of a kind is all that it takes; of products, what the shop's catalogue gives, too.
        usage.entry("products").and_modify(|usage| usage.bytes = catalogue.bytes());
        usage.entry("items").and_modify(|usage| usage.bytes = counts.bytes() - counts.pair_bytes());
        usage.entry("pairs").and_modify(|usage| usage.bytes = counts.pair_bytes());
        usage
    }

    fn with_decay(&self, change: impl FnOnce(Decay)) {
        // Every record sets its decay before its facts are folded, so there is one.
        if let Some(decay) = self.decay() {
            change(decay);
        }
    }
}

fn of_entries<V: Default + Heap>(entries: &Bounded<V>, limit: usize) -> Usage {
    Usage { entries: entries.len(), limit, evictions: entries.evicted(), bytes: entries.bytes() }
}

#[path = "frozen/shop.rs"]
mod frozen;
