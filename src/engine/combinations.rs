//! Which offered item worked beside which item in the basket, and what it earned.
//!
//! Invariant: exact while there are no more combinations than the limit; then the one shown least makes room.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::facts::CombinationStep;
use crate::event::{Currency, ItemId};

/// A combination shown less often has not had its chance yet.
const SHOWN_TO_TELL: u64 = 10;

/// Figures of one combination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Combination {
    /// How often the companion was shown beside the anchor.
    pub shown: u64,
    /// How often it was then accepted.
    pub accepted: u64,
    /// What it earned, net of refunds, in millionths.
    pub earned: BTreeMap<Currency, i128>,
}

/// A combination with its two items: anchor, companion.
pub type Named<'a> = (&'a (ItemId, ItemId), &'a Combination);

/// The combinations of a shop.
#[derive(Debug)]
pub struct Combinations {
    limit: usize,
    combinations: HashMap<(ItemId, ItemId), Combination, FixedState>,
    evicted: u64,
}

impl Combinations {
    /// None yet; at most `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, combinations: HashMap::default(), evicted: 0 }
    }

    /// Something happened to `companion`, offered beside `anchor`.
    pub fn add(&mut self, anchor: &ItemId, companion: &ItemId, step: CombinationStep) {
        let combination = self.combinations.entry((anchor.clone(), companion.clone())).or_default();
        match step {
            CombinationStep::Shown => combination.shown += 1,
            CombinationStep::Accepted => combination.accepted += 1,
            CombinationStep::Earned(currency, micros) => *combination.earned.entry(currency).or_default() += micros,
        }
        if self.combinations.len() > self.limit {
            self.evict();
        }
    }

    /// The `count` that earned most in `currency`, best first, ties by item ids.
    #[must_use]
    pub fn by_revenue(&self, currency: Currency, count: usize) -> Vec<Named<'_>> {
        let earned = |combination: &Combination| combination.earned.get(&currency).copied().unwrap_or_default();
        let mut all: Vec<Named<'_>> = self.combinations.iter().filter(|(_, combination)| earned(combination) > 0).collect();
        all.sort_unstable_by(|a, b| earned(b.1).cmp(&earned(a.1)).then_with(|| a.0.cmp(b.0)));
        all.truncate(count);
        all
    }

    /// The `count` that work worst: shown often enough to tell, accepted least, then shown most.
    #[must_use]
    pub fn worst(&self, count: usize) -> Vec<Named<'_>> {
        let mut all: Vec<Named<'_>> = self.combinations.iter().filter(|(_, c)| c.shown >= SHOWN_TO_TELL).collect();
        // Shares are compared as cross products, which are exact.
        let share = |a: &Combination, b: &Combination| (a.accepted * b.shown).cmp(&(b.accepted * a.shown));
        all.sort_unstable_by(|a, b| share(a.1, b.1).then(b.1.shown.cmp(&a.1.shown)).then_with(|| a.0.cmp(b.0)));
        all.truncate(count);
        all
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.combinations.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.combinations.is_empty()
    }

    /// How many were evicted.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Drops the hundredth that was accepted, then shown, least.
    fn evict(&mut self) {
        let mut worst: Vec<_> = self.combinations.iter().map(|(pair, c)| (c.accepted, c.shown, pair.clone())).collect();
        worst.sort_unstable();
        worst.truncate((worst.len() / 100).max(1));
        for (_, _, pair) in worst {
            self.combinations.remove(&pair);
            self.evicted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_those_that_earned_most_net_of_refunds() {
        let mut combinations = Combinations::new(10);
        let mut earn = |companion: &str, micros| {
            combinations.add(&"phone".into(), &companion.into(), CombinationStep::Earned(Currency::USD, micros));
        };
        earn("case", 50);
        earn("film", 70);
        earn("film", -30);
        earn("strap", 10);
        earn("strap", -10);
        let best = combinations.by_revenue(Currency::USD, 5);
        assert_eq!(best.iter().map(|(pair, _)| pair.1.as_str()).collect::<Vec<_>>(), ["case", "film"]);
    }

    #[test]
    fn beyond_the_limit_the_least_proven_makes_room() {
        let mut combinations = Combinations::new(2);
        for companion in ["a", "b", "b", "c", "c"] {
            combinations.add(&"x".into(), &companion.into(), CombinationStep::Shown);
        }
        assert_eq!((combinations.len(), combinations.evicted()), (2, 1));
        assert!(!combinations.combinations.contains_key(&("x".into(), "a".into())));
    }
}
