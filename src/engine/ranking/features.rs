//! Features: what a candidate is judged by, as numbers of a like size.
//!
//! Invariant: worked out from shop state and the basket alone, by constants, so that they are the same on every instance
//! whatever its settings are. Natural logarithms throughout, the same on every machine (see `fast`).

use super::fast;
use super::gather::Own;
use super::sums::{Parts, Sums, Whole};
use crate::engine::shop::Shop;
use crate::event::Timestamp;

/// How many.
pub const FEATURES: usize = 21;
/// Their names, in the order of their places.
pub const NAMES: [&str; FEATURES] = [
    "formula",
    "mean",
    "mean_newest_first",
    "likelihood_newest_first",
    "follows",
    "most",
    "supporters",
    "newest",
    "newest_follows",
    "popularity",
    "trend",
    "lift",
    "own_orders",
    "own_share",
    "own_overlap",
    "own_recency",
    "own_days",
    "rank",
    "basket_size",
    "own_baskets",
    "own_known",
];
/// One candidate's.
pub type Features = [f32; FEATURES];

/// From here on logarithms of shares are no longer steep.
const SHARE: f32 = 1e-3;
const DAY_MS: f32 = 86_400_000.0;
const WEEK_DAYS: f32 = 7.0;

/// What all candidates of a basket have in common.
pub(super) struct Ground<'a> {
    pub(super) shop: &'a Shop,
    pub(super) now: Timestamp,
    pub(super) of_all: Whole,
    pub(super) own: &'a Own,
    pub(super) basket: usize,
    pub(super) all_baskets: f64,
    week: f32,
    overlaps: f32,
}

impl<'a> Ground<'a> {
    pub(super) fn new(shop: &'a Shop, now: Timestamp, of_all: Whole, own: &'a Own, basket: usize, all_baskets: f64) -> Self {
        let week = shop.weekly.baskets(now).max(1) as f32;
        let overlaps = 1.0 + own.overlap.iter().sum::<f32>();
        Self { shop, now, of_all, own, basket, all_baskets, week, overlaps }
    }

    /// The means by the formula, each with its share of popularity and of the customer's history.
    pub(super) fn means(&self, sums: &Sums<'_>) -> [f32; 3] {
        let popular = 2.0 * (f64::from(sums.slot.baskets()) / self.all_baskets) as f32;
        let own = sums.own.map_or(0.0, |at| 0.1 * self.own.items[at as usize].1.orders as f32 / (self.own.baskets as f32 + 5.0));
        std::array::from_fn(|k| sums.parts.means[k] / self.of_all.means[k] + popular * self.of_all.priors[k] + own)
    }

    /// The logarithms' means, with the candidate's own likelihood.
    pub(super) fn likelihoods(&self, sums: &Sums<'_>) -> [f32; 2] {
        let own = ln((sums.popularity as f32).max(1e-6) / self.of_all.baskets);
        let Parts { logs, .. } = sums.parts;
        [logs[0] / self.of_all.means[0] + own, logs[1] / self.of_all.means[2] + own]
    }

    /// A candidate's features; `rank` is its place by the formula, from 0.
    pub(super) fn features(&self, sums: &Sums<'_>, formula: f32, rank: usize) -> Features {
        let Parts { means, follows, most, supporters, last, .. } = sums.parts;
        let [flat, _, steep] = std::array::from_fn(|k| means[k] / self.of_all.means[k]);
        let popularity = (sums.popularity as f32).max(1e-6);
        let share = popularity / self.of_all.baskets;
        let sold = self.shop.weekly.of(&sums.slot.item, self.now) as f32;
        let trend = ln((sold + 0.5) / self.week) - ln((popularity + 0.5) / self.of_all.baskets);
        let mut features = [0.0; FEATURES];
        features[..12].copy_from_slice(&[
            formula,
            beyond(flat, SHARE),
            beyond(steep, SHARE),
            self.likelihoods(sums)[1],
            beyond(follows / self.of_all.means[2], SHARE),
            beyond(most, SHARE),
            beyond(supporters / self.basket.max(1) as f32, 0.1),
            beyond(last[0], SHARE),
            beyond(last[1], SHARE),
            beyond(share, SHARE),
            trend,
            beyond(steep / (share + 1e-4), 0.3),
        ]);
        features[12..17].copy_from_slice(&self.own_features(sums));
        features[17..].copy_from_slice(&[
            1.0 / (1.0 + rank as f32),
            ln(self.basket.max(1) as f32),
            ln(1.0 + self.own.baskets as f32),
            f32::from(u8::from(sums.own.is_some())),
        ]);
        features
    }

    fn own_features(&self, sums: &Sums<'_>) -> [f32; 5] {
        let Some(at) = sums.own else { return [0.0; 5] };
        let bought = self.own.items[at as usize].1;
        let overlap: f32 = bought.baskets_ago(self.own.baskets).map(|ago| self.own.overlap[ago]).sum();
        let ago = self.own.baskets.saturating_sub(bought.last_basket + 1);
        let days = ((self.now.0 - bought.last_at.0) as f32 / DAY_MS).max(0.0);
        let orders = bought.orders as f32;
        let own_share = orders / (self.own.baskets as f32 + 5.0);
        [ln(1.0 + orders), own_share, overlap / self.overlaps, 1.0 / (1.0 + ago as f32), 1.0 / (1.0 + days / WEEK_DAYS)]
    }
}

fn ln(x: f32) -> f32 {
    fast::ln(x)
}

/// A logarithm that begins at 0, where `x` is nothing, and is steep until `x` is about `scale`.
fn beyond(x: f32, scale: f32) -> f32 {
    ln(1.0 + x / scale)
}
