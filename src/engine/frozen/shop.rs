//! The whole shop, frozen and thawed.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Shop;
use crate::engine::decay::Decay;
use crate::engine::frozen::{FrozenShop, Heads};
use crate::engine::optimiser::State;
use crate::engine::ranking::learner::Kept;
use crate::engine::totals::Totals;
use crate::engine::weekly::Week;

impl Shop {
    /// The shop as it is now. Only the fold's thread may ask, between two records; nobody who reads waits for it.
    #[must_use]
    pub fn freeze(&self) -> FrozenShop {
        // Every part is named, so that none that is added later is forgotten here.
        let Self {
            counts,
            customers,
            catalogue,
            categories,
            shelves,
            passed_over,
            weekly,
            offered,
            erased,
            optimiser,
            learner,
            totals: _,
            combinations: _,
            experiment: _,
            decay: _,
            feedback_heard: _,
            bytes_max: _,
        } = self;
        let (counts, categories, customers) = (counts.freeze(), categories.freeze(), customers.freeze());
        let (learned, shelves, passed_over) = (catalogue.freeze(), shelves.entries().freeze(), passed_over.entries().freeze());
        let (newest_day, week, weekly, offered) = (weekly.newest_day(), *weekly.all(), weekly.entries().freeze(), offered.freeze());
        let (totals, combinations) = (self.totals().clone(), self.combinations().clone());
        let heads = Heads {
            decay: self.decay(),
            feedback_heard: self.hears_feedback(),
            counts: counts.head,
            categories: categories.head,
            products_refused: learned.refused,
            shelves_refused: shelves.refused,
            passed_over_refused: passed_over.refused,
            weekly_refused: weekly.refused,
            newest_day,
            week,
            rebuys_refused: customers.rebuys.refused,
            customer_facts: customers.facts,
            customers_evicted: customers.evicted,
            newest_offered: offered.newest,
            offered_evicted: offered.evicted,
            newest_hour: totals.newest_hour(),
            combinations: combinations.head(),
        };
        FrozenShop {
            heads,
            counts,
            categories,
            customers,
            learned,
            shelves,
            passed_over,
            weekly,
            offered,
            erased: erased.all(),
            optimiser: optimiser.state(),
            learner: learner.freeze(),
            totals,
            combinations,
            experiment: self.experiment().freeze(),
        }
    }

    /// Forgets everything but what the shop's catalogue gave.
    pub fn clear(&self) {
        self.counts.clear();
        self.categories.clear();
        self.customers.clear();
        self.catalogue.forget_learned();
        self.shelves.entries().clear();
        self.passed_over.entries().clear();
        self.weekly.entries().clear();
        self.weekly.set_newest_day(i64::MIN);
        *self.weekly.all() = Week::default();
        self.offered.clear();
        self.erased.clear();
        self.optimiser.restore(State::default());
        self.learner.thaw(Kept::default());
        *self.totals() = Totals::default();
        self.combinations().clear();
        self.experiment().clear();
        self.thaw_decay(None, false);
    }

    pub(in crate::engine) fn thaw_decay(&self, decay: Option<Decay>, feedback_heard: bool) {
        *self.decay.write().unwrap_or_else(PoisonError::into_inner) = decay;
        self.feedback_heard.store(feedback_heard, Ordering::Relaxed);
    }
}
