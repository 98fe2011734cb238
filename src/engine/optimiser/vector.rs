//! The probabilities of a placement's variants, as they are published.
//!
//! Invariant: whole millionths that add up to 1,000,000, so that what an offer says of its own probability is exact.

use crate::engine::hash::hash_128;

/// A certainty, in millionths.
pub const WHOLE: u32 = 1_000_000;

/// The probabilities of a placement's variants, in millionths, in the order of the settings, the plain policy first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector(Vec<u32>);

impl Vector {
    /// The vector of one variant.
    #[must_use]
    pub fn of_one() -> Self {
        Self(vec![WHOLE])
    }

    /// The vector nearest to these probabilities (which add up to 1), once `exploration_ratio` of the whole is shared
    /// out evenly: rounded down, and what is left over goes to the largest remainders.
    #[must_use]
    pub fn of(probabilities: &[f64], exploration_ratio: f64) -> Self {
        let evenly = exploration_ratio / probabilities.len().max(1) as f64;
        let exact: Vec<f64> = probabilities.iter().map(|p| (evenly + (1.0 - exploration_ratio) * p) * f64::from(WHOLE)).collect();
        let mut shares: Vec<u32> = exact.iter().map(|share| *share as u32).collect();
        let mut by_remainder: Vec<usize> = (0..exact.len()).collect();
        // The sort is stable: of equal remainders the first one comes first.
        by_remainder.sort_by(|a, b| libm::modf(exact[*b]).0.total_cmp(&libm::modf(exact[*a]).0));
        let left = WHOLE.saturating_sub(shares.iter().sum());
        for at in by_remainder.into_iter().cycle().take(if shares.is_empty() { 0 } else { left as usize }) {
            shares[at] += 1;
        }
        Self(shares)
    }

    /// The probability of each variant, in millionths.
    #[must_use]
    pub fn shares(&self) -> &[u32] {
        &self.0
    }

    /// The variant of an offer, drawn by a hash of its id: its place in the order, and its probability in millionths.
    #[must_use]
    pub fn draw(&self, offer_id: u128) -> (usize, u32) {
        let mut draw = (hash_128("policy", &[&offer_id.to_le_bytes()]) % u128::from(WHOLE)) as u32;
        for (at, share) in self.0.iter().enumerate() {
            if draw < *share {
                return (at, *share);
            }
            draw -= share;
        }
        (0, self.0.first().copied().unwrap_or(WHOLE))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole_and_none_is_below_the_floor(
            weights in proptest::collection::vec(0.0..1.0_f64, 1..=8), exploration in 0.0..=1.0_f64
        ) {
            let sum: f64 = weights.iter().sum::<f64>().max(1e-9);
            let mut probabilities: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
            probabilities[0] += 1.0 - probabilities.iter().sum::<f64>();
            let vector = Vector::of(&probabilities, exploration);
            prop_assert_eq!(vector.shares().iter().sum::<u32>(), WHOLE);
            let floor = (exploration / weights.len() as f64 * 1e6 - 1e-6).floor() as u32;
            for (share, probability) in vector.shares().iter().zip(&probabilities) {
                let exact = 1e6 * (exploration / weights.len() as f64 + (1.0 - exploration) * probability);
                prop_assert!(*share >= floor && (f64::from(*share) - exact).abs() <= 1.000_01, "{} for {}", share, exact);
            }
        }
    }

    #[test]
    fn what_is_left_over_goes_to_the_largest_remainders() {
        assert_eq!(Vector::of(&[1.0 / 3.0; 3], 0.0).shares(), [333_334, 333_333, 333_333]);
        assert_eq!(Vector::of(&[0.000_000_2, 0.999_999_1, 0.000_000_7], 0.0).shares(), [0, 999_999, 1]);
        assert_eq!(Vector::of(&[0.0, 1.0], 0.04).shares(), [20_000, 980_000]);
        assert_eq!(Vector::of(&[1.0], 0.04), Vector::of_one());
    }

    #[test]
    fn a_variant_is_drawn_as_often_as_its_share_says() {
        let vector = Vector(vec![100_000, 0, 650_000, 250_000]);
        let mut drawn = [0_u32; 4];
        for id in 0..100_000 {
            let (at, share) = vector.draw(id);
            assert_eq!(share, vector.0[at]);
            drawn[at] += 1;
        }
        assert!(drawn[1] == 0 && (9_700..10_300).contains(&drawn[0]) && (64_500..65_500).contains(&drawn[2]), "{drawn:?}");
    }
}
