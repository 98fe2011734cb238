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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_split_over_all_bounds_that_are_looked_at() {
        for v in [1.0, 50.0, 3_000.0] {
            assert_eq!(experiment().bound(v), Mixture::new(V_OPT, ALPHA / 4.0).bound(v), "two arms, two sides");
            assert_eq!(placement().bound(v), Mixture::new(V_OPT, ALPHA / 12.0).bound(v), "six placements, two arms");
        }
        assert!(placement().bound(50.0) > experiment().bound(50.0));
    }
}
