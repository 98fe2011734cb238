//! Variants of policies, and placements that hold themselves back.
//!
//! Invariant: what is listed is what the optimiser goes by, not a second reading of its own.

use serde::Serialize;

use super::figures::Amount;
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::engine::vocabulary::Placement;

/// A variant of a placement's policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Variant {
    /// Where.
    pub placement: Placement,
    /// Its name; `default` is the plain policy.
    pub variant: String,
    /// How often it is chosen from now on.
    pub probability: f64,
    /// Offers of it that were shown.
    pub shown: u64,
    /// Offers of it of which something was accepted.
    pub accepted: u64,
    /// What they earned, net of refunds.
    pub extra_revenue: Amount,
}

/// A placement that holds itself back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Throttle {
    /// Where.
    pub placement: Placement,
    /// Why.
    pub reason: &'static str,
}

/// The variants of all placements that have more than one.
pub(super) fn variants(_shop: &Shop, _settings: &Settings) -> Vec<Variant> {
    Vec::new()
}

/// The placements that hold themselves back now.
pub(super) fn throttles(_shop: &Shop, _settings: &Settings) -> Vec<Throttle> {
    Vec::new()
}
