//! Fixed-point, forward-decayed weights.
//!
//! A contribution made at time `t` weighs `2^((t - landmark) / half_life)`: the newer, the heavier, so that old
//! ones need never be touched (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay", ICDE 2009). Reading a sum
//! at time `now` divides it by `2^((now - landmark) / half_life)`.
//!
//! Invariant: every contribution is rounded once, to an integer. So addition commutes, a retraction that
//! recomputes the contribution undoes it to the last bit, and any two readers of the same facts agree. Only a move
//! of the landmark rounds sums once more: across it, an undo is exact to a few units in the last place.

use serde::{Deserialize, Serialize};

use crate::event::Timestamp;

/// The weight of one whole contribution at the landmark: 2^20.
pub const ONE: f64 = (1_u64 << 20) as f64;
/// The landmark moves by this many half-lives at a time …
const STEP_HALF_LIVES: u32 = 8;
/// … once the newest event is this many half-lives past it. Sixteen leave 2^28 full contributions to one sum
/// before a `u64` saturates.
const MOVE_AFTER_HALF_LIVES: i64 = 16;

/// Where decay is measured from, and how fast it is. Part of every record of the shop log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decay {
    /// The time at which a contribution weighs exactly [`ONE`].
    pub landmark: Timestamp,
    /// The time in which a contribution loses half its weight, in milliseconds.
    pub half_life_ms: i64,
}

/// How heavy one line's evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the shopper did.
    pub stage: Stage,
    /// The stage's weight, in thousandths, as configured when the evidence was given.
    pub weight_milli: u16,
    /// When it was given.
    pub ts: Timestamp,
    /// How many pairs shared the line then: a pair weighs `1 / sqrt(partners)`. 0: the line makes no pairs.
    pub partners: u32,
}

/// How far a line had come when it gave its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// In the basket.
    CartAdd,
    /// At the checkout.
    Checkout,
    /// Bought: the only stage that counts in `together` and `baskets`.
    Purchase,
}

impl Decay {
    /// Decay measured from the start of the half-life that `first` falls into.
    #[must_use]
    pub fn starting(first: Timestamp, half_life_ms: i64) -> Self {
        Self { landmark: Timestamp(first.0 - first.0.rem_euclid(half_life_ms)), half_life_ms }
    }

    /// The decay to write into the next record, seeing an event at `newest`.
    #[must_use]
    pub fn moved_for(self, newest: Timestamp) -> Self {
        let mut moved = self;
        while newest.0 - moved.landmark.0 > MOVE_AFTER_HALF_LIVES * self.half_life_ms {
            moved.landmark = moved.landmark.plus_ms(i64::from(STEP_HALF_LIVES) * self.half_life_ms);
        }
        moved
    }

    /// By how many bits old weights shrink when this decay gives way to `next`.
    #[must_use]
    pub fn shift_to(self, next: Self) -> u32 {
        let half_lives = (next.landmark.0 - self.landmark.0) / self.half_life_ms;
        u32::try_from(half_lives).unwrap_or(0)
    }

    /// What one line's evidence adds to the line's item.
    #[must_use]
    pub fn item_weight(self, evidence: &Evidence) -> u64 {
        self.weight(evidence, 1.0)
    }

    /// What one line's evidence adds to each of its pairs.
    #[must_use]
    pub fn pair_weight(self, evidence: &Evidence) -> u64 {
        if evidence.partners == 0 { 0 } else { self.weight(evidence, f64::from(evidence.partners).sqrt()) }
    }

    /// What a whole contribution made at `now` weighs: a stored sum divided by it is the number of contributions
    /// that the sum is worth then.
    #[must_use]
    pub fn whole_at(self, now: Timestamp) -> f64 {
        ONE * self.growth(now)
    }

    fn weight(self, evidence: &Evidence, divisor: f64) -> u64 {
        let whole = f64::from(evidence.weight_milli) / 1_000.0;
        // The cast saturates, and a far older contribution rounds to nothing.
        libm::round(ONE * whole * self.growth(evidence.ts) / divisor) as u64
    }

    fn growth(self, at: Timestamp) -> f64 {
        libm::exp2((at.0 - self.landmark.0) as f64 / self.half_life_ms as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;
    const DECAY: Decay = Decay { landmark: Timestamp(0), half_life_ms: 90 * DAY_MS };

    fn purchase(day: i64, partners: u32) -> Evidence {
        Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts: Timestamp(day * DAY_MS), partners }
    }

    #[test]
    fn a_contribution_doubles_in_weight_every_half_life() {
        assert_eq!(DECAY.item_weight(&purchase(0, 0)), 1 << 20);
        assert_eq!(DECAY.item_weight(&purchase(90, 0)), 1 << 21);
        assert_eq!(DECAY.item_weight(&purchase(-90, 0)), 1 << 19);
        assert_eq!(DECAY.pair_weight(&purchase(0, 4)), 1 << 19);
        assert_eq!(DECAY.pair_weight(&purchase(0, 0)), 0);
    }

    #[test]
    fn read_at_its_own_time_a_contribution_is_worth_its_stage() {
        let add = Evidence { stage: Stage::CartAdd, weight_milli: 200, ts: Timestamp(45 * DAY_MS), partners: 0 };
        let value = DECAY.item_weight(&add) as f64 / DECAY.whole_at(add.ts);
        assert!((value - 0.2).abs() < 1e-5, "{value}");
    }

    #[test]
    fn the_landmark_moves_in_whole_half_lives_and_only_late() {
        let decay = Decay::starting(Timestamp(100 * DAY_MS), 90 * DAY_MS);
        assert_eq!(decay.landmark, Timestamp(90 * DAY_MS));
        assert_eq!(decay.moved_for(Timestamp(1_500 * DAY_MS)), decay);
        let moved = decay.moved_for(Timestamp(1_600 * DAY_MS));
        assert_eq!(decay.shift_to(moved), 8);
    }

    #[test]
    fn a_far_future_contribution_saturates_instead_of_wrapping() {
        assert_eq!(DECAY.item_weight(&Evidence { ts: Timestamp::MAX, ..purchase(0, 0) }), u64::MAX);
    }
}
