//! The shadow comparison: ways to rank that are scored on what shoppers then did, whichever of them was used.
//!
//! Of each example (a step of a basket, and what was bought in the end) it is known which ways would have offered something
//! that was bought. For two ways only the examples on which they differ say which is better (McNemar's test, Psychometrika
//! 1947): of so many of those one won. All figures are forward-decayed, so that a shop that changes is followed.
//!
//! Invariant: figures are integers, and sums over the examples folded: in whatever order those come, the same.

use serde::{Deserialize, Serialize};

use crate::engine::decay::{Decay, Evidence, Stage};
use crate::event::Timestamp;

/// How much better a way has to be than the one it takes the place of, in standard deviations of what differs by chance.
const DEVIATIONS: f64 = 2.0;

/// Figures of `N` ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    ways: usize,
    /// Examples, by weight.
    examples: u64,
    /// For each two ways, the weight of the examples on which the first had a hit and the second none.
    wins: Vec<u64>,
    /// For each way, the weight of the examples on which it had a hit.
    hits: Vec<u64>,
}

impl Shadow {
    /// So many ways, and nothing known of them.
    #[must_use]
    pub fn new(ways: usize) -> Self {
        Self { ways, examples: 0, wins: vec![0; ways * ways], hits: vec![0; ways] }
    }

    /// Whether there are figures of so many ways.
    #[must_use]
    pub fn is_of(&self, ways: usize) -> bool {
        self.ways == ways && self.wins.len() == ways * ways && self.hits.len() == ways
    }

    /// Adds an example: which ways had a hit, a bit each.
    pub fn add(&mut self, decay: Decay, at: Timestamp, hit: u32) {
        let evidence = Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts: at, partners: 0 };
        let weight = decay.item_weight(&evidence);
        let has = |way: usize| hit >> way & 1 == 1;
        self.examples = self.examples.saturating_add(weight);
        for one in (0..self.ways).filter(|way| has(*way)) {
            self.hits[one] = self.hits[one].saturating_add(weight);
            for other in (0..self.ways).filter(|way| !has(*way)) {
                let wins = &mut self.wins[one * self.ways + other];
                *wins = wins.saturating_add(weight);
            }
        }
    }

    /// The landmark moves: every weight shrinks by `shift` bits.
    pub fn shift(&mut self, shift: u32) {
        let all = std::iter::once(&mut self.examples).chain(&mut self.wins).chain(&mut self.hits);
        all.for_each(|weight| *weight = weight.checked_shr(shift).unwrap_or(0));
    }

    /// The share of examples on which a way had a hit; `None` before the first.
    #[must_use]
    pub fn hit_rate(&self, way: usize) -> Option<f64> {
        (self.examples > 0).then(|| self.hits[way] as f64 / self.examples as f64)
    }

    /// Whether one way is better than another by more than chance does; `whole` is what an example weighs now.
    #[must_use]
    pub fn is_better(&self, one: usize, other: usize, whole: f64) -> bool {
        let wins = |one: usize, other: usize| self.wins[one * self.ways + other] as f64 / whole;
        let (won, lost) = (wins(one, other), wins(other, one));
        won - lost > DEVIATIONS * (won + lost).sqrt()
    }

    /// The way to rank: the one with most hits among `allowed`, if it is better than the `first`, which is used until then.
    #[must_use]
    pub fn best(&self, first: usize, allowed: impl Iterator<Item = usize>, whole: f64) -> usize {
        let best = allowed.filter(|way| self.is_better(*way, first, whole)).max_by_key(|way| (self.hits[*way], std::cmp::Reverse(*way)));
        best.unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;
    const DECAY: Decay = Decay { landmark: Timestamp(0), half_life_ms: 90 * DAY_MS };
    const WHOLE: f64 = crate::engine::decay::ONE;

    fn of(examples: &[(u32, usize)]) -> Shadow {
        let mut shadow = Shadow::new(3);
        for (hit, times) in examples {
            (0..*times).for_each(|_| shadow.add(DECAY, Timestamp(0), *hit));
        }
        shadow
    }

    #[test]
    fn a_way_is_better_once_it_wins_more_than_chance_would_and_what_both_hit_says_nothing() {
        // 0 and 1 differ on 100 examples; 60 of them 1 won, 40 lost: (60 - 40) / 10 = 2 deviations.
        assert!(!of(&[(0b01, 40), (0b10, 60), (0b11, 500)]).is_better(1, 0, WHOLE));
        assert!(of(&[(0b01, 40), (0b10, 61), (0b11, 500)]).is_better(1, 0, WHOLE));
        assert!(!of(&[(0b01, 40), (0b10, 61)]).is_better(0, 1, WHOLE));
        assert!(!of(&[]).is_better(1, 0, WHOLE));
    }

    #[test]
    fn the_first_way_stays_until_another_is_better_and_then_it_is_the_one_with_most_hits() {
        let shadow = of(&[(0b010, 30), (0b110, 30)]);
        assert_eq!(shadow.best(0, 0..3, WHOLE), 1);
        assert_eq!(shadow.best(0, [2].into_iter(), WHOLE), 2, "1 is not allowed");
        assert_eq!(of(&[(0b010, 3)]).best(0, 0..3, WHOLE), 0, "three examples prove nothing");
        assert_eq!(of(&[(0b110, 30)]).best(0, 0..3, WHOLE), 1, "of equals the first");
    }

    #[test]
    fn what_a_way_did_long_ago_fades_and_a_move_of_the_landmark_changes_nothing_else() {
        let mut shadow = Shadow::new(2);
        (0..100).for_each(|_| shadow.add(DECAY, Timestamp(0), 0b01));
        let later = Timestamp(900 * DAY_MS);
        (0..10).for_each(|_| shadow.add(DECAY, later, 0b10));
        assert!(shadow.is_better(1, 0, DECAY.whole_at(later)), "ten half-lives later");
        let rate = shadow.hit_rate(1).unwrap();
        assert!((rate - 10.0 / (10.0 + 100.0 / 1024.0)).abs() < 1e-6, "{rate}");
        shadow.shift(8);
        assert!((shadow.hit_rate(1).unwrap() - rate).abs() < 1e-6);
    }
}
