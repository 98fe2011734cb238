//! Metrics of baskets: what was answered, against what arrived afterwards.
//!
//! A step is scored where something was still to come; the first `cap` of a basket are. For each: hit (any of the three
//! arrived later), precision (hits of three), recall (hits of what was to come), reciprocal rank of the first hit. The last
//! item is that of the step after which one item came, whichever step that is. Value is that of distinct items that were
//! answered before they came, of all that came after the first scored step.
//!
//! Invariant: plain sums, one row a basket; money stays in whole millionths until a ratio is printed.

use super::steps::{ANSWER_ITEMS, Answer, Asked, Basket};
use crate::engine::vocabulary::Placement;

/// What one ranker did in one basket at one placement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Scored steps with a hit.
    pub hit_steps: u32,
    /// Hits.
    pub hits: u32,
    /// Recall, summed over scored steps.
    pub recall: f64,
    /// The reciprocal rank of the first hit, likewise.
    pub reciprocal_rank: f64,
    /// Hits of the last item,
    pub last_hits: u32,
    /// and their reciprocal ranks.
    pub last_reciprocal_rank: f64,
    /// What hits are worth, each item once, in millionths.
    pub found_micros: i128,
    /// Items answered.
    pub answered: u32,
    /// The shares of all baskets that these were in, summed.
    pub popularity: f64,
    /// The days since each last came into a basket, summed.
    pub stale_days: f64,
}

/// A basket at one placement.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The basket's rank in the stream.
    pub index: u32,
    /// Scored steps.
    pub steps: u32,
    /// Steps with one item to come.
    pub last_steps: u32,
    /// What came after the first scored step is worth, in millionths.
    pub to_come_micros: i128,
    /// How many items that is,
    pub to_come: u32,
    /// the shares of all baskets that these were in, summed,
    pub popularity: f64,
    /// and the days since each last came into a basket.
    pub stale_days: f64,
    /// One a ranker.
    pub scores: Vec<Score>,
}

/// The row of a basket at a placement; `None` where no step of it is scored. `answered` hears of each item that a ranker
/// answered at a scored step.
pub fn row_of(basket: &Basket, index: u32, placement: Placement, cap: usize, mut answered: impl FnMut(usize, u32)) -> Option<Row> {
    let asked: Vec<&Asked> = basket.asked.iter().filter(|asked| asked.placement == placement).collect();
    let rankers = asked.first()?.answers.len();
    let mut row = Row::new(index, rankers);
    let mut found: Vec<Vec<u32>> = vec![Vec::new(); rankers];
    let mut first_scored = None;
    for (at, asked) in asked.iter().enumerate() {
        let to_come = to_come(basket, asked);
        if to_come.is_empty() {
            continue;
        }
        let (is_scored, is_last) = (at < cap, to_come.len() == 1);
        row.steps += u32::from(is_scored);
        row.last_steps += u32::from(is_last);
        if is_scored {
            first_scored.get_or_insert(asked.arrived);
        }
        for (ranker, answer) in asked.answers.iter().enumerate() {
            let hits = hits_of(answer, &to_come);
            row.scores[ranker].take(&hits, to_come.len(), answer, is_scored, is_last);
            if is_scored {
                answer.items().iter().for_each(|item| answered(ranker, *item));
                found[ranker].extend(hits.iter().zip(answer.items).filter(|(hit, _)| **hit).map(|(_, item)| item));
            }
        }
    }
    row.weigh(basket, first_scored, found);
    (row.steps + row.last_steps > 0).then_some(row)
}

/// What arrived after the question, but for the item in view.
fn to_come(basket: &Basket, asked: &Asked) -> Vec<u32> {
    let after = basket.arrivals[asked.arrived..].iter().map(|arrival| arrival.item);
    after.filter(|item| Some(*item) != asked.focus).collect()
}

/// Which of the answer's places are hits; an item counts once.
fn hits_of(answer: &Answer, to_come: &[u32]) -> [bool; ANSWER_ITEMS] {
    let mut hits = [false; ANSWER_ITEMS];
    for (place, item) in answer.items().iter().enumerate() {
        hits[place] = to_come.contains(item) && !answer.items()[..place].contains(item);
    }
    hits
}

impl Score {
    fn take(&mut self, hits: &[bool; ANSWER_ITEMS], to_come: usize, answer: &Answer, is_scored: bool, is_last: bool) {
        let count = hits.iter().filter(|hit| **hit).count() as u32;
        let reciprocal_rank = hits.iter().position(|hit| *hit).map_or(0.0, |place| 1.0 / (place + 1) as f64);
        if is_scored {
            self.hit_steps += u32::from(count > 0);
            self.hits += count;
            self.recall += f64::from(count) / to_come as f64;
            self.reciprocal_rank += reciprocal_rank;
            self.answered += answer.count as u32;
            self.popularity += answer.popularity;
            self.stale_days += answer.stale_days;
        }
        if is_last {
            self.last_hits += u32::from(count > 0);
            self.last_reciprocal_rank += reciprocal_rank;
        }
    }
}

impl Row {
    fn new(index: u32, rankers: usize) -> Self {
        let scores = vec![Score::default(); rankers];
        Self { index, steps: 0, last_steps: 0, to_come_micros: 0, to_come: 0, popularity: 0.0, stale_days: 0.0, scores }
    }

    /// What came after the first scored step, and what of it was found.
    fn weigh(&mut self, basket: &Basket, first_scored: Option<usize>, found: Vec<Vec<u32>>) {
        let Some(first_scored) = first_scored else { return };
        for arrival in &basket.arrivals[first_scored..] {
            self.to_come_micros += arrival.micros;
            self.to_come += 1;
            self.popularity += arrival.popularity;
            self.stale_days += arrival.stale_days;
            for (score, found) in self.scores.iter_mut().zip(&found) {
                score.found_micros += if found.contains(&arrival.item) { arrival.micros } else { 0 };
            }
        }
    }
}

/// A metric: a ratio of two sums over baskets.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name, which is that of the outside scorer where it has one.
    pub name: &'static str,
    over: fn(&Row, &Score) -> f64,
    under: Under,
}

/// What a metric is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Under {
    Baskets,
    Steps,
    Places,
    LastSteps,
    Value,
}

/// All metrics, in the order in which they are told.
pub const METRICS: [Metric; 9] = [
    Metric { name: "HR@3", over: |_, score| f64::from(score.hit_steps), under: Under::Steps },
    Metric { name: "P@3", over: |_, score| f64::from(score.hits), under: Under::Places },
    Metric { name: "R@3", over: |_, score| score.recall, under: Under::Steps },
    Metric { name: "MRR@3", over: |_, score| score.reciprocal_rank, under: Under::Steps },
    Metric { name: "LOO_HR@3", over: |_, score| f64::from(score.last_hits), under: Under::LastSteps },
    Metric { name: "LOO_MRR@3", over: |_, score| score.last_reciprocal_rank, under: Under::LastSteps },
    Metric { name: "REV@3", over: |_, score| score.found_micros as f64, under: Under::Value },
    Metric { name: "basket_HR@3", over: |_, score| f64::from(score.hit_steps.min(1)), under: Under::Baskets },
    Metric { name: "macro_HR@3", over: |row, score| f64::from(score.hit_steps) / f64::from(row.steps.max(1)), under: Under::Baskets },
];

impl Metric {
    /// A ranker's part of the numerator.
    #[must_use]
    pub fn over(&self, row: &Row, ranker: usize) -> f64 {
        (self.over)(row, &row.scores[ranker])
    }

    /// The denominator's part.
    #[must_use]
    pub fn under(&self, row: &Row) -> f64 {
        match self.under {
            Under::Baskets => 1.0,
            Under::Steps => f64::from(row.steps),
            Under::Places => f64::from(row.steps) * ANSWER_ITEMS as f64,
            Under::LastSteps => f64::from(row.last_steps),
            Under::Value => row.to_come_micros as f64,
        }
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
