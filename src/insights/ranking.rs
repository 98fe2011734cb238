//! What ranking makes of itself: how true its chances are, and what ranking for worth would earn.
//!
//! Invariant: pure; shares of what lately was, absent where nothing was judged yet.

use serde::Serialize;

use crate::engine::ranking::learner::Known;
use crate::engine::ranking::worth::{OF_WORTH, POWERS};
use crate::engine::settings::RankingObjective;

/// How true the chances of offered items were.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Chances {
    /// By how much they were off on average: the expected calibration error.
    pub error: f64,
    /// Offered items by their chance, the smallest first; empty ones are left out.
    pub bins: Vec<ChanceBin>,
}

/// Offered items of a like chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ChanceBin {
    /// Their share of all.
    pub share: f64,
    /// Their mean chance, as it was told.
    pub told: f64,
    /// The share of them that was bought.
    pub bought: f64,
}

/// What ranking for an objective would earn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct WorthGain {
    /// The objective.
    pub objective: &'static str,
    /// The power to which worth counts.
    pub power: f32,
    /// How much more is earned than by ranking for acceptance, as a share.
    pub gain: f64,
    /// Whether it is used where this is the objective: the best one is, if it is surely better than none.
    pub is_used: bool,
}

impl Chances {
    pub(crate) fn of(known: &Known) -> Option<Self> {
        let error = known.calibration.error()?;
        let all: f64 = known.calibration.bins().iter().map(|bin| bin.offered).sum();
        let bins = known.calibration.bins().iter().filter(|bin| bin.offered > 0.0);
        let bin =
            bins.map(|bin| ChanceBin { share: bin.offered / all, told: bin.expected / bin.offered, bought: bin.bought / bin.offered });
        Some(Self { error, bins: bin.collect() })
    }
}

impl WorthGain {
    /// Of all objectives and powers that anything was earned by; `whole` is what an example weighs now.
    pub(crate) fn all(known: &Known, whole: f64) -> Vec<Self> {
        let of = |objective: RankingObjective, at: usize| {
            let is_used = known.power(objective, whole) == Some(at);
            Some(Self { objective: objective.as_str(), power: POWERS[at], gain: known.earnings.gain(objective, at)?, is_used })
        };
        OF_WORTH.iter().flat_map(|objective| (0..POWERS.len()).filter_map(|at| of(*objective, at))).collect()
    }
}
