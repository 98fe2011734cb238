//! Chances: how likely a candidate is to be bought, from its score; and how true such chances were.
//!
//! A candidate's chance is `1 / (1 + exp(-z))` with `z` linear in its score, in the logarithm of the sum of all candidates'
//! exponents (how much there is to be bought at all), and in that of the basket's size (Platt scaling with more inputs;
//! Platt, "Probabilistic outputs for support vector machines", 1999). It begins as the formula's own share.
//!
//! Invariant: a function of the examples in their order; a chance is held against what was bought before anything is learned
//! from it.

use serde::{Deserialize, Serialize};

const INPUTS: usize = 4;
/// Where chances are told apart: a bin ends at each of these, and the last one at 1.
const BIN_ENDS: [f32; 9] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.7];
/// Bins of chances.
pub const BINS: usize = BIN_ENDS.len() + 1;
const RATE: f32 = 0.05;
/// What of the sums of squared slopes stays from one candidate to the next.
const KEPT: f32 = 0.999_995;
/// Learned from so many candidates of an example, the best: others are never offered.
const CANDIDATES: usize = 10;

/// What chances were told, and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Offered items, by weight.
    pub offered: f64,
    /// The sum of their chances.
    pub expected: f64,
    /// Those of them that were bought.
    pub bought: f64,
}

/// Scores into chances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    weights: [f32; INPUTS],
    squares: [f32; INPUTS],
    bins: [Bin; BINS],
}

impl Default for Calibration {
    fn default() -> Self {
        Self { weights: [0.0, 1.0, 0.0, 0.0], squares: [1.0; INPUTS], bins: [Bin::default(); BINS] }
    }
}

/// What the candidates of one basket have in common.
#[derive(Clone, Copy, Debug)]
pub struct Common {
    log_sum: f32,
    ln_basket: f32,
}

impl Common {
    /// Of candidates with such scores, beside so many items.
    #[must_use]
    pub fn of(scores: impl Iterator<Item = f32> + Clone, basket: usize) -> Self {
        let most = scores.clone().fold(f32::MIN, f32::max);
        let log_sum = most + libm::logf(scores.map(|score| libm::expf(score - most)).sum::<f32>().max(f32::MIN_POSITIVE));
        Self { log_sum, ln_basket: libm::logf(basket.max(1) as f32) }
    }
}

impl Calibration {
    /// The chance of a candidate to be bought, between 0 and 1.
    #[must_use]
    pub fn chance(&self, score: f32, common: Common) -> f32 {
        let z: f32 = self.weights.iter().zip(inputs(score, common)).map(|(weight, input)| weight * input).sum();
        1.0 / (1.0 + libm::expf(-z.clamp(-30.0, 30.0)))
    }

    /// Notes what came of an offered candidate.
    pub fn judge(&mut self, chance: f32, is_bought: bool, weight: f64) {
        let bin = &mut self.bins[BIN_ENDS.partition_point(|end| *end <= chance)];
        bin.offered += weight;
        bin.expected += weight * f64::from(chance);
        bin.bought += if is_bought { weight } else { 0.0 };
    }

    /// Learns from the best candidates of an example.
    pub fn learn(&mut self, candidates: impl Iterator<Item = (f32, bool)>, common: Common) {
        for (score, is_bought) in candidates.take(CANDIDATES).filter(|(score, _)| score.is_finite()) {
            let miss = self.chance(score, common) - f32::from(u8::from(is_bought));
            for ((weight, squares), input) in self.weights.iter_mut().zip(&mut self.squares).zip(inputs(score, common)) {
                let slope = miss * input;
                *squares = *squares * KEPT + slope * slope;
                *weight -= RATE * slope / squares.sqrt();
            }
        }
    }

    /// What chances were told, and what came of them, the smallest first.
    #[must_use]
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// The expected calibration error: by how much chances were off on average, each bin's by its own mean (Naeini, Cooper,
    /// Hauskrecht, AAAI 2015). `None` while nothing was judged.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        let all: f64 = self.bins.iter().map(|bin| bin.offered).sum();
        (all > 0.0).then(|| self.bins.iter().map(|bin| (bin.expected - bin.bought).abs()).sum::<f64>() / all)
    }

    /// The landmark moves: every weight shrinks by `shift` bits.
    pub fn shift(&mut self, shift: u32) {
        let factor = 0.5_f64.powi(shift.cast_signed());
        for bin in &mut self.bins {
            *bin = Bin { offered: bin.offered * factor, expected: bin.expected * factor, bought: bin.bought * factor };
        }
    }

    /// Whether all figures are numbers; what was written by nobody may not be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let bins = self.bins.iter().flat_map(|bin| [bin.offered, bin.expected, bin.bought]);
        bins.chain(self.weights.map(f64::from)).chain(self.squares.map(f64::from)).all(f64::is_finite)
    }
}

fn inputs(score: f32, common: Common) -> [f32; INPUTS] {
    [1.0, score, common.log_sum, common.ln_basket]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(score: f32) -> Common {
        Common::of(std::iter::once(score), 1)
    }

    #[test]
    fn a_chance_begins_as_the_share_that_the_score_is_the_logarithm_of() {
        let chance = |share: f32| Calibration::default().chance(share.ln(), alone(share.ln()));
        assert!((chance(0.01) - 0.01 / 1.01).abs() < 1e-6 && (chance(1.0) - 0.5).abs() < 1e-6);
        assert!((0.0..=1.0).contains(&Calibration::default().chance(f32::MAX, alone(0.0))));
    }

    #[test]
    fn chances_that_are_off_become_true_and_the_error_tells_how_far_they_were() {
        // Scores say 0.9 and 0.3; in truth every second and every tenth is bought.
        let mut calibration = Calibration::default();
        let common = Common { log_sum: 0.0, ln_basket: 0.0 };
        for round in 0..20_000 {
            let candidates = [(0.9_f32.ln(), round % 2 == 0), (0.3_f32.ln(), round % 10 == 0)];
            calibration.learn(candidates.into_iter(), common);
        }
        let (high, low) = (calibration.chance(0.9_f32.ln(), common), calibration.chance(0.3_f32.ln(), common));
        assert!((high - 0.5).abs() < 0.03 && (low - 0.1).abs() < 0.02, "{high} {low}");
        (0..100).for_each(|round| calibration.judge(0.25, round % 4 == 0, 2.0));
        assert!(calibration.error().unwrap() < 1e-6);
        (0..100).for_each(|_| calibration.judge(0.9, false, 2.0));
        assert!((calibration.error().unwrap() - 0.45).abs() < 1e-6);
        calibration.shift(3);
        assert!((calibration.error().unwrap() - 0.45).abs() < 1e-6);
        assert_eq!(calibration.bins().iter().map(|bin| bin.offered).sum::<f64>(), 50.0);
    }

    #[test]
    fn nothing_judged_is_no_error_and_bins_hold_their_own_ends() {
        let mut calibration = Calibration::default();
        assert_eq!(calibration.error(), None);
        for chance in [0.0, 0.02, 0.69, 0.7, 1.0] {
            calibration.judge(chance, true, 1.0);
        }
        assert_eq!(
            calibration.bins().iter().map(|bin| bin.offered).collect::<Vec<_>>(),
            [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0]
        );
    }
}
