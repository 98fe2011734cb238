//! Whether the arms got as many shoppers as they were to get: a check that allows looking after every one.
//!
//! Where the held-out share is the one planned, the e-value (a beta-binomial mixture around the plan against the plan)
//! is a martingale that begins at 1, so it ever reaches `1/p` with a probability of at most `p` (Ville's inequality).
//! Its highest value so far is kept: an alarm stays. (Lindon and Malek, "Anytime-valid inference for multinomial count
//! data", NeurIPS 2022, first posted as "Sequential testing of multinomial hypotheses", 2020.)
//!
//! Invariant: the e-value is a function of the two counts; only its maximum remembers their order.

use serde::{Deserialize, Serialize};

use crate::engine::vocabulary::Arm;

/// Below this the figures of an experiment are not shown.
pub const P_VALUE_MIN: f64 = 0.001;
/// How heavily the mixture leans on the planned share, in shoppers. With 5 % held out it spreads by a seventh of that
/// share: what a fault in the assignment or in the tracking does to it.
const WEIGHT: f64 = 1_000.0;

/// The counts, and the strongest evidence against the plan there ever was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleRatio {
    /// Shoppers in the treatment arm.
    pub treatment: u64,
    /// Shoppers in the held-out arm.
    pub holdout: u64,
    /// The logarithm of the highest e-value.
    ln_highest: f64,
}

impl SampleRatio {
    /// Counts a shopper; `planned` is the share to be held out, between 0 and 1.
    pub fn count(&mut self, arm: Arm, planned: f64) {
        match arm {
            Arm::Treatment => self.treatment += 1,
            Arm::Holdout => self.holdout += 1,
        }
        self.ln_highest = self.ln_highest.max(ln_e_value(self.holdout as f64, self.treatment as f64, planned));
    }

    /// How likely it is to see evidence as strong as this at any time, where the plan is kept.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        libm::exp(-self.ln_highest)
    }

    /// Whether the arms are not what was planned.
    #[must_use]
    pub fn alarms(&self) -> bool {
        self.p_value() < P_VALUE_MIN
    }

    /// The share held out; `None` of nobody.
    #[must_use]
    pub fn seen(&self) -> Option<f64> {
        let all = self.treatment + self.holdout;
        (all > 0).then(|| self.holdout as f64 / all as f64)
    }
}

fn ln_e_value(holdout: f64, treatment: f64, planned: f64) -> f64 {
    let (a, b) = (WEIGHT * planned, WEIGHT * (1.0 - planned));
    let mixture = ln_beta(a + holdout, b + treatment) - ln_beta(a, b);
    mixture - holdout * libm::log(planned) - treatment * libm::log(1.0 - planned)
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

#[cfg(test)]
mod tests {
    use super::super::test_random::Random;
    use super::*;

    /// The evidence after `shoppers` of whom a share of `seen` is held out where `planned` was to be.
    fn after(shoppers: u32, seen: f64, planned: f64, seed: u64) -> SampleRatio {
        let (mut random, mut ratio) = (Random(seed), SampleRatio::default());
        for _ in 0..shoppers {
            ratio.count(if random.unit() < seen { Arm::Holdout } else { Arm::Treatment }, planned);
        }
        ratio
    }

    #[test]
    fn the_e_value_is_the_product_of_the_mixtures_predictions() {
        // One by one: the mixture expects (a + held out so far) / (weight + all so far) of the next to be held out.
        let (mut random, mut ln_product, mut counts) = (Random(7), 0.0, [0.0, 0.0]);
        for _ in 0..2_000 {
            let held_out = random.unit() < 0.06;
            let share: f64 = (WEIGHT * 0.05 + counts[0]) / (WEIGHT + counts[0] + counts[1]);
            ln_product += if held_out { (share / 0.05).ln() } else { ((1.0 - share) / 0.95).ln() };
            counts[usize::from(!held_out)] += 1.0;
        }
        assert!((ln_e_value(counts[0], counts[1], 0.05) - ln_product).abs() < 1e-7);
    }

    #[test]
    fn a_kept_plan_alarms_in_fewer_than_one_of_a_thousand_at_any_time() {
        for planned in [0.05, 0.5] {
            let alarms = (0..1_000).filter(|seed| after(2_000, planned, planned, *seed).alarms()).count();
            // At most 1 is expected; 5 or more happen with a probability of 0.4 %.
            assert!(alarms < 5, "{alarms} of 1,000 at {planned}");
        }
    }

    #[test]
    fn a_broken_plan_alarms_and_the_alarm_stays() {
        let broken = |seed| after(10_000, 0.07, 0.05, seed);
        let alarms = (0..100).filter(|seed| broken(*seed).alarms()).count();
        assert!(alarms >= 99, "{alarms} of 100");
        let mut ratio = broken(1);
        let strongest = ratio.p_value();
        // Shoppers come in until the share is as planned.
        while ratio.seen() > Some(0.05) {
            ratio.count(Arm::Treatment, 0.05);
        }
        assert!(ratio.alarms());
        assert!(ratio.p_value() <= strongest);
    }

    #[test]
    fn nobody_is_no_evidence() {
        assert_eq!(SampleRatio::default().p_value(), 1.0);
        assert_eq!(SampleRatio::default().seen(), None);
    }
}
