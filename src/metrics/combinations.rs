//! Gauges of combinations: the best, and those that work worst.
//!
//! Invariant: items are labels here alone, and at most four lists of twenty of them.

use super::Metrics;
use super::gauges::set_money;
use crate::engine::combinations::Named;
use crate::engine::shop::Shop;

/// How many combinations a list has.
const COMBINATIONS_SHOWN: usize = 20;

impl Metrics {
    pub(super) fn observe_combinations(&self, shop: &Shop) {
        let families = &self.families;
        families.combination_revenue.reset();
        families.combination_acceptance.reset();
        families.combination_shown.reset();
        families.combination_accepted.reset();
        let combinations = shop.combinations();
        let worst = combinations.worst(COMBINATIONS_SHOWN, self.evidence_baskets_min);
        for (end, named) in
            [("top", combinations.by_revenue(self.currency, COMBINATIONS_SHOWN, self.evidence_baskets_min)), ("bottom", worst.clone())]
        {
            for (rank, named) in ranked(end, named) {
                let earned = named.1.earned.get(&self.currency).copied().unwrap_or_default();
                set_money(&families.combination_revenue, &[&rank, &named.0.0, &named.0.1, self.currency.as_str()], earned);
                self.observe_counts(named);
            }
        }
        let base = combinations.acceptance();
        for (end, named) in [("top", combinations.by_acceptance(COMBINATIONS_SHOWN, self.evidence_baskets_min)), ("bottom", worst)] {
            for (rank, named) in ranked(end, named) {
                let labels = [rank.as_str(), &named.0.0, &named.0.1];
                families.combination_acceptance.with_label_values(&labels).set(named.1.acceptance(base).value());
                self.observe_counts(named);
            }
        }
    }

    fn observe_counts(&self, ((anchor, companion), figures): Named<'_>) {
        let labels = [anchor.as_str(), companion.as_str()];
        self.families.combination_shown.with_label_values(&labels).set(figures.shown as i64);
        self.families.combination_accepted.with_label_values(&labels).set(figures.accepted as i64);
    }
}

fn ranked<'a>(end: &str, named: Vec<Named<'a>>) -> impl Iterator<Item = (String, Named<'a>)> {
    named.into_iter().enumerate().map(move |(at, named)| (format!("{end}-{:02}", at + 1), named))
}
