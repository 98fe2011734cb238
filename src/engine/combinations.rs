//! Which offered item worked beside which item in the basket, and what it earned.
//!
//! Invariant: exact while there are no more combinations than the limit; then the one shown least makes room.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::facts::CombinationStep;
use super::memory;
use crate::event::{Currency, ItemId};

/// A combination shown less often has not had its chance yet.
const SHOWN_TO_TELL: u64 = 10;
/// The shop's own acceptance counts as this many showings of every combination: one of one is no proof.
const PRIOR_SHOWN: u64 = 20;

/// Figures of one combination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Combination {
    /// How often the companion was shown beside the anchor.
    pub shown: u64,
    /// How often it was then accepted.
    pub accepted: u64,
    /// What it earned, net of refunds, in millionths.
    pub earned: BTreeMap<Currency, i128>,
}

/// A share as two whole numbers, so that shares are compared exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// So many
    pub part: u128,
    /// of so many; 0 only of nothing.
    pub whole: u128,
}

impl Share {
    /// The share as a number; 0 of nothing.
    #[must_use]
    pub fn value(self) -> f64 {
        if self.whole == 0 { 0.0 } else { self.part as f64 / self.whole as f64 }
    }

    fn order(self, other: Self) -> Ordering {
        (self.part * other.whole.max(1)).cmp(&(other.part * self.whole.max(1)))
    }
}

impl Combination {
    /// How often it was accepted, drawn towards `base`, the acceptance of all combinations together: the mean of the
    /// posterior where the prior is worth 20 showings.
    #[must_use]
    pub fn acceptance(&self, base: Share) -> Share {
        let (shown, accepted, prior) = (u128::from(self.shown), u128::from(self.accepted), u128::from(PRIOR_SHOWN));
        let whole = base.whole.max(1);
        Share { part: accepted * whole + prior * base.part, whole: (shown + prior) * whole }
    }
}

/// A combination with its two items: anchor, companion.
pub type Named<'a> = (&'a (ItemId, ItemId), &'a Combination);

/// The combinations of a shop.
#[derive(Clone, Debug)]
pub struct Combinations {
    limit: usize,
    combinations: HashMap<(ItemId, ItemId), Combination, FixedState>,
    heap: usize,
    evicted: u64,
    shown: u64,
    accepted: u64,
}

impl Combinations {
    /// None yet; at most `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, combinations: HashMap::default(), heap: 0, evicted: 0, shown: 0, accepted: 0 }
    }

    /// Something happened to `companion`, offered beside `anchor`.
    pub fn add(&mut self, anchor: &ItemId, companion: &ItemId, step: CombinationStep) {
        let heap = &mut self.heap;
        let combination = self.combinations.entry((anchor.clone(), companion.clone())).or_insert_with(|| {
            *heap += heap_of(anchor, companion);
            Combination::default()
        });
        match step {
            CombinationStep::Shown(times) => change(&mut combination.shown, &mut self.shown, times),
            CombinationStep::Accepted(times) => change(&mut combination.accepted, &mut self.accepted, times),
            CombinationStep::Earned(currency, micros) => *combination.earned.entry(currency).or_default() += micros,
        }
        if self.combinations.len() > self.limit {
            self.evict();
        }
    }

    /// The `count` that earned most in `currency`, best first, ties by item ids; none of which fewer than `least` were
    /// accepted.
    #[must_use]
    pub fn by_revenue(&self, currency: Currency, count: usize, least: u32) -> Vec<Named<'_>> {
        let earned = |combination: &Combination| combination.earned.get(&currency).copied().unwrap_or_default();
        let mut all: Vec<Named<'_>> = self.shown(least).filter(|(_, combination)| earned(combination) > 0).collect();
        all.sort_unstable_by(|a, b| earned(b.1).cmp(&earned(a.1)).then_with(|| a.0.cmp(b.0)));
        all.truncate(count);
        all
    }

    /// The `count` that are accepted most, with shrinkage, best first; ties by how often they were shown, then by ids.
    #[must_use]
    pub fn by_acceptance(&self, count: usize, least: u32) -> Vec<Named<'_>> {
        let base = self.acceptance();
        let mut all: Vec<Named<'_>> = self.shown(least).filter(|(_, combination)| combination.accepted > 0).collect();
        let order = |a: &Named<'_>, b: &Named<'_>| b.1.acceptance(base).order(a.1.acceptance(base));
        all.sort_unstable_by(|a, b| order(a, b).then(b.1.shown.cmp(&a.1.shown)).then_with(|| a.0.cmp(b.0)));
        all.truncate(count);
        all
    }

    /// The `count` that work worst: shown often enough to tell, and accepted least and less than all together, with
    /// shrinkage; ties as above.
    #[must_use]
    pub fn worst(&self, count: usize, least: u32) -> Vec<Named<'_>> {
        let base = self.acceptance();
        let is_worse = |c: &Combination| c.shown >= SHOWN_TO_TELL && c.acceptance(base).order(base).is_lt();
        let mut all: Vec<Named<'_>> = self.shown(least).filter(|(_, c)| is_worse(c)).collect();
        let order = |a: &Named<'_>, b: &Named<'_>| a.1.acceptance(base).order(b.1.acceptance(base));
        all.sort_unstable_by(|a, b| order(a, b).then(b.1.shown.cmp(&a.1.shown)).then_with(|| a.0.cmp(b.0)));
        all.truncate(count);
        all
    }

    /// Those whose figures are of nobody, or of so many at `least` that they are of nobody in particular.
    fn shown(&self, least: u32) -> impl Iterator<Item = Named<'_>> {
        let is_of_few = move |c: &Combination| {
            let is_somebodys = c.accepted > 0 || c.earned.values().any(|earned| *earned != 0);
            least > 1 && is_somebodys && c.accepted < u64::from(least)
        };
        self.combinations.iter().filter(move |(_, combination)| !is_of_few(combination))
    }

    /// The acceptance of all combinations together, those that made room included.
    #[must_use]
    pub fn acceptance(&self) -> Share {
        Share { part: u128::from(self.accepted), whole: u128::from(self.shown) }
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

    /// How many bytes they take: see [`super::memory`]. Their earnings are in few currencies: one is reckoned with.
    #[must_use]
    pub fn bytes(&self) -> usize {
        memory::table(self.len(), size_of::<((ItemId, ItemId), Combination)>()) + self.heap
    }

    /// How many were evicted.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Drops the hundredth that was accepted, then shown, least; whether there was any.
    pub fn evict(&mut self) -> bool {
        let mut all: Vec<_> = self.combinations.iter().map(|(pair, c)| (c.accepted, c.shown, pair)).collect();
        let count = memory::hundredth(all.len()).min(all.len());
        if count > 0 {
            all.select_nth_unstable(count - 1);
        }
        let worst: Vec<(ItemId, ItemId)> = all[..count].iter().map(|(_, _, pair)| (*pair).clone()).collect();
        for pair in &worst {
            self.combinations.remove(pair);
            self.heap -= heap_of(&pair.0, &pair.1);
            self.evicted += 1;
        }
        !worst.is_empty()
    }
}

fn heap_of(anchor: &ItemId, companion: &ItemId) -> usize {
    memory::text(anchor) + memory::text(companion) + memory::tree(1, size_of::<(Currency, i128)>())
}

fn change(own: &mut u64, all: &mut u64, times: i64) {
    *own = own.saturating_add_signed(times);
    *all = all.saturating_add_signed(times);
}

#[path = "frozen/combinations.rs"]
pub mod frozen;
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
        let best = combinations.by_revenue(Currency::USD, 5, 1);
        assert_eq!(best.iter().map(|(pair, _)| pair.1.as_str()).collect::<Vec<_>>(), ["case", "film"]);
    }

    #[test]
    fn one_of_one_does_not_lead_and_a_single_failure_is_not_the_worst() {
        let mut combinations = Combinations::new(10);
        for (companion, shown, accepted) in [("lucky", 1, 1), ("solid", 100, 30), ("fair", 40, 4), ("poor", 60, 1), ("new", 3, 0)] {
            combinations.add(&"phone".into(), &companion.into(), CombinationStep::Shown(shown));
            combinations.add(&"phone".into(), &companion.into(), CombinationStep::Accepted(accepted));
        }
        let names = |named: Vec<Named<'_>>| named.iter().map(|(pair, _)| pair.1.to_string()).collect::<Vec<_>>();
        assert_eq!(names(combinations.by_acceptance(9, 1)), ["solid", "lucky", "fair", "poor"]);
        assert_eq!(names(combinations.worst(9, 1)), ["poor", "fair"]);
        let base = combinations.acceptance();
        assert_eq!(base, Share { part: 36, whole: 204 });
        // (1 + 20 * 36/204) of (1 + 20).
        let lucky = combinations.combinations[&("phone".into(), "lucky".into())].acceptance(base);
        assert!((lucky.value() - (1.0 + 20.0 * 36.0 / 204.0) / 21.0).abs() < 1e-12);
    }

    #[test]
    fn what_fewer_shoppers_did_than_may_be_shown_is_in_no_list() {
        let mut combinations = Combinations::new(10);
        for (companion, shown, accepted) in [("case", 100, 5), ("film", 100, 2), ("strap", 100, 1), ("cable", 100, 0)] {
            combinations.add(&"phone".into(), &companion.into(), CombinationStep::Shown(shown));
            combinations.add(&"phone".into(), &companion.into(), CombinationStep::Accepted(accepted));
            combinations.add(&"phone".into(), &companion.into(), CombinationStep::Earned(Currency::USD, i128::from(accepted)));
        }
        let names = |named: Vec<Named<'_>>| named.iter().map(|(pair, _)| pair.1.to_string()).collect::<Vec<_>>();
        for (least, best, worst) in [
            (1, vec!["case", "film", "strap"], vec!["cable", "strap"]),
            (2, vec!["case", "film"], vec!["cable"]),
            (3, vec!["case"], vec!["cable"]),
            (6, vec![], vec!["cable"]),
        ] {
            assert_eq!(names(combinations.by_revenue(Currency::USD, 9, least)), best, "{least}");
            assert_eq!(names(combinations.by_acceptance(9, least)), best, "{least}");
            assert_eq!(names(combinations.worst(2, least)), worst, "{least}");
        }
    }

    #[test]
    fn where_all_are_alike_none_works_worst() {
        let mut combinations = Combinations::new(10);
        for companion in ["case", "film"] {
            combinations.add(&"phone".into(), &companion.into(), CombinationStep::Shown(40));
            combinations.add(&"phone".into(), &companion.into(), CombinationStep::Accepted(4));
        }
        assert!(combinations.worst(9, 1).is_empty());
        combinations.add(&"phone".into(), &"film".into(), CombinationStep::Shown(1));
        assert_eq!(combinations.worst(9, 1).iter().map(|(pair, _)| pair.1.as_str()).collect::<Vec<_>>(), ["film"]);
    }

    #[test]
    fn beyond_the_limit_the_least_proven_makes_room() {
        let mut combinations = Combinations::new(2);
        for companion in ["a", "b", "b", "c", "c"] {
            combinations.add(&"x".into(), &companion.into(), CombinationStep::Shown(1));
        }
        assert_eq!((combinations.len(), combinations.evicted()), (2, 1));
        assert!(!combinations.combinations.contains_key(&("x".into(), "a".into())));
    }
}
