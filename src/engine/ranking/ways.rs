//! The ways to rank that are compared: about ten settings of the formula, and the model.
//!
//! Invariant: what a way is never changes, since shop state holds figures of each by its place.

use super::fast;
use super::features::Ground;
use super::sums::Sums;
use crate::engine::settings::CartOrder;

/// A setting of the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    /// The weighted mean over the basket, of the `decay`-th of [`DECAYS`], over the popularity to the power of `exponent`.
    Mean { decay: usize, exponent: f64 },
    /// The mean of logarithms; flat, or newest first.
    Likelihood { newest_first: bool },
}

/// By what a basket's item counts less than the one added after it.
pub(super) const DECAYS: [f32; 3] = [1.0, 0.8, 0.6];

/// How many settings.
pub(super) const SETTINGS: usize = 11;
/// How many ways there are: the settings, and the model, which is the last.
pub const WAYS: usize = SETTINGS + 1;
/// The model's place.
pub(super) const LEARNED: usize = SETTINGS;
/// The setting that is used until another is better, and that the model begins as.
pub(super) const FIRST: usize = 0;
/// The same where the order of a basket means nothing.
const FIRST_UNORDERED: usize = 1;

/// All settings.
pub(super) const ALL: [Way; SETTINGS] = [
    mean(2, 0.1),
    mean(0, 0.1),
    mean(1, 0.1),
    mean(2, 0.3),
    mean(0, 0.3),
    mean(1, 0.3),
    mean(2, 0.5),
    mean(0, 0.5),
    mean(1, 0.5),
    Way::Likelihood { newest_first: false },
    Way::Likelihood { newest_first: true },
];

const fn mean(decay: usize, exponent: f64) -> Way {
    Way::Mean { decay, exponent }
}

/// The setting to begin with, and those that may take its place.
pub(super) fn allowed(order: CartOrder) -> (usize, impl Iterator<Item = usize>) {
    let first = if order == CartOrder::Unknown { FIRST_UNORDERED } else { FIRST };
    (first, (0..SETTINGS).filter(move |at| order == CartOrder::Auto || ALL[*at].is_ordered() == (order == CartOrder::Recorded)))
}

/// The name of a way.
#[must_use]
pub fn name(way: usize) -> String {
    match ALL.get(way) {
        Some(Way::Mean { decay, exponent }) => format!("mean {} {exponent}", DECAYS[*decay]),
        Some(Way::Likelihood { newest_first }) => format!("likelihood {}", if *newest_first { DECAYS[2] } else { DECAYS[0] }),
        None => "learned".to_owned(),
    }
}

impl Way {
    fn is_ordered(self) -> bool {
        !matches!(self, Self::Mean { decay: 0, .. } | Self::Likelihood { newest_first: false })
    }

    /// A candidate's score.
    pub(super) fn score(self, ground: &Ground<'_>, sums: &Sums<'_>) -> f64 {
        match self {
            Self::Mean { decay, exponent } => held_back(f64::from(ground.means(sums)[decay]), sums.popularity, exponent),
            Self::Likelihood { newest_first } => f64::from(ground.likelihoods(sums)[usize::from(newest_first)]),
        }
    }
}

/// A score over the popularity to the power of `exponent`. An item whose every contribution was retracted has nothing to
/// divide by, and nothing to offer.
pub(super) fn held_back(score: f64, popularity: f64, exponent: f64) -> f64 {
    if popularity > 0.0 { score / f64::from(fast::exp2(exponent as f32 * fast::log2(popularity as f32))) } else { 0.0 }
}
