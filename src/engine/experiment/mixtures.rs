//! The boundaries in use, each made once.
//!
//! Invariant: their levels are fixed before anybody looks.

use std::sync::LazyLock;

use super::sequence::{ALPHA, Mixture, V_OPT};
use crate::engine::vocabulary::Placement;

/// Four bounds share the level: two arms, two sides.
static EXPERIMENT: LazyLock<Mixture> = LazyLock::new(|| Mixture::new(V_OPT, ALPHA / 4.0));
/// Two bounds at each placement share it: only a loss is looked for, so each arm needs one side.
static PLACEMENT: LazyLock<Mixture> = LazyLock::new(|| Mixture::new(V_OPT, ALPHA / (2 * Placement::ALL.len()) as f64));

/// That of the experiment's figures.
#[must_use]
pub fn experiment() -> &'static Mixture {
    &EXPERIMENT
}

/// That of whether a placement loses money.
#[must_use]
pub fn placement() -> &'static Mixture {
    &PLACEMENT
}
