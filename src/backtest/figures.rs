//! Rows into figures: estimates with intervals, differences with intervals, coverage, popularity, staleness.
//!
//! Invariant: every figure of a placement is of the same baskets and steps, so that rankers can be compared; the engine's
//! differences to another are paired basket by basket.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bootstrap::Resamples;
use super::metrics::{METRICS, Row, row_of};
use super::steps::Basket;
use crate::engine::vocabulary::Placement;

/// Which baskets and steps are scored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scope {
    /// The share of the stream, at its end, whose baskets are reported.
    pub window: f64,
    /// Of these, every so manyth basket by its rank in the whole stream.
    pub stride: u32,
    /// Of each, the first so many steps.
    pub cap: usize,
}

/// An estimate, with its interval where there is anything to resample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub estimate: f64,
    /// Where 95 % of resamples lie.
    pub ci95: Option<(f64, f64)>,
}

/// What one ranker did at one placement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankerFigures {
    /// The ranker.
    pub name: &'static str,
    /// Metrics by name; one that has nothing to divide by is left out.
    pub metrics: BTreeMap<&'static str, Estimate>,
    /// The engine's metrics less these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub engine_minus_this: BTreeMap<&'static str, Estimate>,
    /// Distinct items answered, of all that ever came into a basket.
    pub coverage: f64,
    /// Items an answer.
    pub offers_per_prediction: f64,
    /// The mean share of all baskets that an answered item was in by then,
    pub popularity: f64,
    /// and the days since it last came into a basket.
    pub stale_days: f64,
}

/// One placement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlacementFigures {
    /// Where.
    pub placement: Placement,
    /// Baskets with a scored step.
    pub baskets: usize,
    /// Scored steps.
    pub predictions: u64,
    /// The mean share of all baskets that what came afterwards was in by then,
    pub popularity_of_what_came: f64,
    /// and the days since it last came into a basket.
    pub stale_days_of_what_came: f64,
    /// The rankers, the engine first.
    pub rankers: Vec<RankerFigures>,
}

/// The rows so far; memory grows with the scored baskets, by about a hundred bytes a ranker.
#[derive(Debug)]
pub struct Tally {
    scope: Scope,
    names: Vec<&'static str>,
    rows: BTreeMap<Placement, Vec<Row>>,
    /// By placement, ranker and item: one more than the rank of the last basket in which it was answered. So what was
    /// answered within the window is known, though where that begins is not known before the end.
    answered: BTreeMap<Placement, Vec<Vec<u32>>>,
}

impl Tally {
    /// Nothing yet, of rankers by these names, the engine first.
    #[must_use]
    pub fn new(scope: Scope, names: Vec<&'static str>) -> Self {
        Self { scope, names, rows: BTreeMap::new(), answered: BTreeMap::new() }
    }

    /// Whether a basket of this rank is scored if it falls into the window.
    #[must_use]
    pub fn is_scored(&self, index: u32) -> bool {
        index.is_multiple_of(self.scope.stride)
    }

    /// Adds a basket that has ended.
    pub fn add(&mut self, basket: &Basket) {
        let Some(index) = basket.index.filter(|index| self.is_scored(*index)) else { return };
        for placement in Placement::ALL {
            let answered = self.answered.entry(*placement).or_insert_with(|| vec![Vec::new(); self.names.len()]);
            let row = row_of(basket, index, *placement, self.scope.cap, |ranker, item| {
                let (of_ranker, item) = (&mut answered[ranker], item as usize);
                of_ranker.resize(of_ranker.len().max(item + 1), 0);
                of_ranker[item] = of_ranker[item].max(index + 1);
            });
            if let Some(row) = row {
                self.rows.entry(*placement).or_default().push(row);
            }
        }
    }

    /// The figures by placement, of a stream of `baskets` into which `items` ever came.
    #[must_use]
    pub fn figures(mut self, baskets: u32, items: usize) -> Vec<PlacementFigures> {
        let first = self.first_basket(baskets);
        let mut all = Vec::new();
        for (placement, mut rows) in std::mem::take(&mut self.rows) {
            rows.retain(|row| row.index >= first);
            // Sessions end in another order than they begin; sums of floats are to be the same however they end.
            rows.sort_by_key(|row| row.index);
            if rows.iter().any(|row| row.steps > 0) {
                all.push(self.of_placement(placement, &rows, first, items));
            }
        }
        all
    }

    /// The rank of the first basket of the window.
    #[must_use]
    pub fn first_basket(&self, baskets: u32) -> u32 {
        (f64::from(baskets) * (1.0 - self.scope.window)).ceil() as u32
    }

    fn of_placement(&self, placement: Placement, rows: &[Row], first: u32, items: usize) -> PlacementFigures {
        let resamples = Resamples::of(&self.matrix(rows), self.width());
        let predictions: u64 = rows.iter().map(|row| u64::from(row.steps)).sum();
        let came = rows.iter().map(|row| f64::from(row.to_come)).sum::<f64>();
        let mean = |sum: f64, of: f64| if of > 0.0 { sum / of } else { 0.0 };
        let rankers = self.names.iter().enumerate().map(|(ranker, name)| {
            let sum = |of: fn(&super::metrics::Score) -> f64| rows.iter().map(|row| of(&row.scores[ranker])).sum::<f64>();
            let answered = sum(|score| f64::from(score.answered));
            let distinct = self.answered[&placement][ranker].iter().filter(|last| **last > first).count();
            RankerFigures {
                name,
                metrics: self.metrics(rows, &resamples, |sums, metric| self.ratio(sums, metric, ranker)),
                engine_minus_this: if ranker == 0 {
                    BTreeMap::new()
                } else {
                    let difference = |sums: &[f64], metric| Some(self.ratio(sums, metric, 0)? - self.ratio(sums, metric, ranker)?);
                    self.metrics(rows, &resamples, difference)
                },
                coverage: mean(distinct as f64, items as f64),
                offers_per_prediction: mean(answered, predictions as f64),
                popularity: mean(sum(|score| score.popularity), answered),
                stale_days: mean(sum(|score| score.stale_days), answered),
            }
        });
        PlacementFigures {
            placement,
            baskets: rows.iter().filter(|row| row.steps > 0).count(),
            predictions,
            rankers: rankers.collect(),
            popularity_of_what_came: mean(rows.iter().map(|row| row.popularity).sum(), came),
            stale_days_of_what_came: mean(rows.iter().map(|row| row.stale_days).sum(), came),
        }
    }

    /// Every metric's figure out of the columns' sums, with its interval.
    fn metrics(
        &self,
        rows: &[Row],
        resamples: &Resamples,
        figure: impl Fn(&[f64], usize) -> Option<f64>,
    ) -> BTreeMap<&'static str, Estimate> {
        let matrix = self.matrix(rows);
        let mut sums = vec![0.0; self.width()];
        for row in matrix.chunks_exact(self.width()) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let of = |(at, metric): (usize, &super::metrics::Metric)| {
            let estimate = figure(&sums, at)?;
            Some((metric.name, Estimate { estimate, ci95: resamples.interval(|sums| figure(sums, at)) }))
        };
        METRICS.iter().enumerate().filter_map(of).collect()
    }

    /// A row of columns a basket: the denominators of all metrics, then each ranker's numerators.
    fn matrix(&self, rows: &[Row]) -> Vec<f64> {
        let columns = |row: &Row| {
            let over = (0..self.names.len()).flat_map(|ranker| METRICS.iter().map(move |metric| metric.over(row, ranker)));
            METRICS.iter().map(|metric| metric.under(row)).chain(over).collect::<Vec<_>>()
        };
        rows.iter().flat_map(columns).collect()
    }

    fn width(&self) -> usize {
        METRICS.len() * (1 + self.names.len())
    }

    fn ratio(&self, sums: &[f64], metric: usize, ranker: usize) -> Option<f64> {
        let under = sums[metric];
        (under > 0.0).then(|| sums[METRICS.len() * (1 + ranker) + metric] / under)
    }
}
