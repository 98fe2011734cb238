//! An always-valid confidence sequence for the mean of one arm, and for how two arms differ.
//!
//! One arm: outcomes in `[0, cap]`, scaled to `[0, 1]`. With the running mean before each outcome as its prediction
//! (1/2 before the first), `V` is the sum of the squared misses. The gamma-exponential mixture boundary `u(V)` then
//! bounds the sum's distance from what it should be **at all times at once**, each side with probability of at least
//! `1 - alpha` (Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
//! sequences", Annals of Statistics 49(2), 2021: theorem 4, and proposition 9 for the mixture). So anybody may look as
//! often as they like and stop when they like. It holds for outcomes of any shape; where their mean drifts, it holds
//! for the mean of the means so far, which is why earlier bounds are not carried over into later ones.
//!
//! Two arms: each of the four bounds (two arms, two sides) may fail with [`ALPHA`]` / 4`. By the union bound all four
//! hold at all times with probability of at least `1 - ALPHA`, and with them whatever is computed from them: the
//! difference `[L_T - U_H, U_T - L_H]` and the ratio `[L_T / U_H - 1, U_T / L_H - 1]`, at once.
//!
//! Invariant: a band is a pure function of an arm's sums and its cap; nothing of an earlier look is kept.

use serde::{Deserialize, Serialize};

use super::gamma::{ln_gamma_sum, slope};

/// How often the bands of an experiment may be wrong at any time of its life.
pub const ALPHA: f64 = 0.05;
/// The `V` at which the boundary is tightest. Where the cap is ten mean orders and the orders' values spread like an
/// exponential, an effect of a tenth shows when the held-out arm's `V` is about 60, however many shoppers buy. It has
/// to be chosen before looking; being wrong by a factor of ten costs less than a fifth of the width.
pub const V_OPT: f64 = 50.0;
/// Steps of the root-finder; from any start it takes fewer than 20.
const STEPS_MAX: u32 = 100;

/// The gamma-exponential mixture, for outcomes between 0 and 1.
#[derive(Clone, Copy, Debug)]
pub struct Mixture {
    rho: f64,
    /// The mixture's logarithm is [`ln_gamma_sum`] at the place looked at, less this.
    ln_at_start: f64,
    ln_threshold: f64,
}

impl Mixture {
    /// A boundary that fails with a probability of at most `alpha`, below 1/2, and is tightest at `v_opt`.
    #[must_use]
    pub fn new(v_opt: f64, alpha: f64) -> Self {
        let twice = 2.0 * libm::log(1.0 / (2.0 * alpha));
        let rho = v_opt / (twice + libm::log1p(twice));
        Self { rho, ln_at_start: ln_gamma_sum(rho, rho), ln_threshold: libm::log(1.0 / alpha) }
    }

    /// How far the sum may be from what it should be while the intrinsic variance is `v`. Divided by the number of
    /// outcomes: how far the mean.
    #[must_use]
    pub fn bound(&self, v: f64) -> f64 {
        self.bound_from(v, 0.0)
    }

    /// The same, with the search begun at `start`: an earlier solution of a similar `v`.
    ///
    /// Newton's method. The mixture's logarithm is convex and rises, so a step from the left of the root ends to its
    /// right, and from the right each ends nearer to it.
    #[must_use]
    pub fn bound_from(&self, v: f64, start: f64) -> f64 {
        let least = self.least_bound(v);
        let a = v + self.rho;
        let mut s = start.max(least);
        for _ in 0..STEPS_MAX {
            let ln_sum = ln_gamma_sum(a, a + s);
            let above = ln_sum - self.ln_at_start - self.ln_threshold;
            let next = (s - above / slope(a, a + s, ln_sum)).max(least);
            let done = (next - s).abs() <= 1e-12 * s;
            s = next;
            if done {
                break;
            }
        }
        s
    }

    /// What [`Self::bound`] is never below, cheaply: the mixture is no larger than its largest component,
    /// `exp(s - v ln(1 + s/v))`, of which the exponent is below both `s` and `s^2 / 2v`.
    #[must_use]
    pub fn least_bound(&self, v: f64) -> f64 {
        libm::sqrt(2.0 * v * self.ln_threshold).max(self.ln_threshold)
    }
}

/// What is known of the outcomes of one arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// How many outcomes.
    pub shoppers: u64,
    /// Their sum, in millionths; exact.
    pub revenue_micros: i128,
    /// `V`: the sum of the squared misses of the running mean, in units of the cap squared.
    pub variance: f64,
}

/// An estimate between its bounds, in millionths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// It is not below this.
    pub lower: f64,
    /// What was seen.
    pub estimate: f64,
    /// It is not above this.
    pub upper: f64,
}

/// How much more the treatment arm brings, as a share of the held-out one's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioBand {
    /// It is not below this.
    pub lower: f64,
    /// What was seen; absent while the held-out arm brought nothing.
    pub estimate: Option<f64>,
    /// It is not above this; absent while the held-out arm may bring nothing.
    pub upper: Option<f64>,
}

impl Sums {
    /// Adds an outcome, held between 0 and the cap.
    pub fn add(&mut self, outcome_micros: i128, cap_micros: i128) {
        let outcome = outcome_micros.clamp(0, cap_micros);
        let predicted = if self.shoppers == 0 { 0.5 } else { self.mean() / cap_micros as f64 };
        let miss = outcome as f64 / cap_micros as f64 - predicted;
        self.variance += miss * miss;
        self.shoppers += 1;
        self.revenue_micros += outcome;
    }

    /// Whether adding outcomes can have led to these sums, by what each is held between.
    #[must_use]
    pub fn is_sound(&self, cap_micros: i128) -> bool {
        let most = cap_micros.saturating_mul(i128::from(self.shoppers));
        self.shoppers <= u64::from(u32::MAX)
            && (0..=most).contains(&self.revenue_micros)
            && self.variance >= 0.0
            && self.variance.is_finite()
    }

    /// The mean, in millionths; 0 of nothing.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.shoppers == 0 { 0.0 } else { self.revenue_micros as f64 / self.shoppers as f64 }
    }

    /// How far the true mean may be from the one seen, in millionths; endless of nothing.
    #[must_use]
    pub fn reach(&self, cap_micros: i128, mixture: &Mixture) -> f64 {
        self.reach_grown(1.0, cap_micros, mixture)
    }

    /// The same once there is `growth` times as much of the same data.
    #[must_use]
    pub fn reach_grown(&self, growth: f64, cap_micros: i128, mixture: &Mixture) -> f64 {
        if self.shoppers == 0 {
            return f64::INFINITY;
        }
        mixture.bound(self.variance * growth) / (self.shoppers as f64 * growth) * cap_micros as f64
    }

    /// What [`Self::reach_grown`] is never below, cheaply.
    #[must_use]
    pub fn least_reach_grown(&self, growth: f64, cap_micros: i128, mixture: &Mixture) -> f64 {
        if self.shoppers == 0 {
            return f64::INFINITY;
        }
        mixture.least_bound(self.variance * growth) / (self.shoppers as f64 * growth) * cap_micros as f64
    }

    /// The arm's mean between its bounds.
    #[must_use]
    pub fn band(&self, cap_micros: i128, mixture: &Mixture) -> Band {
        let (estimate, reach) = (self.mean(), self.reach(cap_micros, mixture));
        Band { lower: (estimate - reach).max(0.0), estimate, upper: (estimate + reach).min(cap_micros as f64) }
    }
}

impl Band {
    /// By how much the treatment arm's mean is above the held-out one's.
    #[must_use]
    pub fn difference(treatment: &Self, holdout: &Self) -> Self {
        Self {
            lower: treatment.lower - holdout.upper,
            estimate: treatment.estimate - holdout.estimate,
            upper: treatment.upper - holdout.lower,
        }
    }

    /// Whether zero is outside.
    #[must_use]
    pub fn excludes_zero(&self) -> bool {
        self.lower > 0.0 || self.upper < 0.0
    }
}

impl RatioBand {
    /// By what share the treatment arm's mean is above the held-out one's.
    #[must_use]
    pub fn of(treatment: &Band, holdout: &Band) -> Self {
        let over = |value: f64, base: f64| (base > 0.0).then(|| value / base - 1.0);
        Self {
            lower: over(treatment.lower, holdout.upper).unwrap_or(-1.0),
            estimate: over(treatment.estimate, holdout.estimate),
            upper: over(treatment.upper, holdout.lower),
        }
    }
}

#[cfg(test)]
#[path = "simulation_tests.rs"]
mod simulation_tests;
#[cfg(test)]
#[path = "sequence_tests.rs"]
mod tests;
