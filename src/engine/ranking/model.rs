//! The model that puts the best candidates in order: a small neural network, learned example by example.
//!
//! A candidate with the features x, brought to a like size as z, scores
//!
//! ```text
//! s = bias + beta * x_formula + w . z + v . leaky(W z + c)
//! ```
//!
//! and the loss of an example is `-ln` of the probability that one drawn by `softmax(s)` is among those bought. Steps are
//! by AdaGrad (Duchi, Hazan, Singer, JMLR 2011). It begins with beta = 1 and w = v = 0: as the formula itself.
//!
//! Invariant: a function of the examples in their order, in single precision, each sum in one order: the same on every
//! machine.

use serde::{Deserialize, Serialize};

use super::features::{FEATURES, Features};

/// Hidden units.
const HIDDEN: usize = 8;
const RATE: f32 = 0.03;
/// What of the sums of squared gradients stays from one example to the next: what was learned long ago makes room.
const KEPT: f32 = 0.999_95;
/// Features beyond so many deviations are taken to be at that many.
const FAR: f32 = 4.0;
/// Examples that only tell how large features are.
const SCALE_FIRST: u64 = 64;
/// Examples after which their size is no longer followed.
const SCALE_LAST: u64 = 16_384;
const LEAK: f32 = 0.05;

/// Weights, or what belongs to each of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Weights {
    bias: f32,
    beta: f32,
    linear: Features,
    /// By feature, so that units are summed side by side; the last is the units' own bias.
    hidden: Vec<[f32; HIDDEN]>,
    out: [f32; HIDDEN],
}

/// How large features are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Scale {
    candidates: f64,
    sums: Vec<(f64, f64)>,
    mean: Features,
    per_deviation: Features,
}

/// The model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    examples: u64,
    scale: Scale,
    weights: Weights,
    squares: Weights,
}

impl Default for Model {
    fn default() -> Self {
        let mut weights = Weights::of(0.0);
        weights.beta = 1.0;
        let reach = 0.7 * (3.0 / FEATURES as f32).sqrt();
        for (at, weight) in weights.hidden.iter_mut().flatten().enumerate() {
            *weight = reach * spread(at as u64);
        }
        Self { examples: 0, scale: Scale::default(), weights, squares: Weights::of(1e-2) }
    }
}

impl Model {
    /// How many examples it was taught.
    #[must_use]
    pub fn examples(&self) -> u64 {
        self.examples
    }

    /// Whether there is a weight for each feature; what was written by nobody may lack some.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let whole = |weights: &Weights| weights.hidden.len() == FEATURES + 1;
        whole(&self.weights) && whole(&self.squares) && self.scale.sums.len() == FEATURES
    }

    /// The score of a candidate: of the candidates of one basket, the higher the likelier to be bought.
    #[must_use]
    pub fn score(&self, features: &Features) -> f32 {
        self.forward(features, &self.scale.of(features)).0
    }

    /// Learns from the candidates of an example; `bought` says which were.
    pub fn learn(&mut self, candidates: &[Features], bought: &[bool]) {
        if !candidates.iter().flatten().all(|value| value.is_finite()) {
            return;
        }
        self.examples += 1;
        if self.examples <= SCALE_LAST {
            candidates.iter().for_each(|features| self.scale.add(features));
            if self.examples.is_power_of_two() || self.examples.is_multiple_of(1_024) {
                self.scale.settle();
            }
        }
        if self.examples < SCALE_FIRST || !bought.contains(&true) || !bought.contains(&false) {
            return;
        }
        let scaled: Vec<Features> = candidates.iter().map(|features| self.scale.of(features)).collect();
        let forward: Vec<(f32, [f32; HIDDEN])> = candidates.iter().zip(&scaled).map(|(features, z)| self.forward(features, z)).collect();
        let mut gradient = Weights::of(0.0);
        for ((((features, z), (_, hidden)), slope), _) in candidates
            .iter()
            .zip(&scaled)
            .zip(&forward)
            .zip(slopes(&forward, bought))
            .zip(bought)
            .filter(|((_, slope), _)| slope.abs() > 1e-4)
        {
            self.backward(&mut gradient, slope, features, z, hidden);
        }
        self.step(&gradient);
    }

    /// The score, and what each hidden unit puts out.
    fn forward(&self, features: &Features, z: &Features) -> (f32, [f32; HIDDEN]) {
        let Weights { bias, beta, linear, hidden, out } = &self.weights;
        let mut units = hidden[FEATURES];
        let mut score = bias + beta * features[0];
        for ((linear, hidden), z) in linear.iter().zip(hidden).zip(z) {
            score += linear * z;
            for (unit, weight) in units.iter_mut().zip(hidden) {
                *unit += weight * z;
            }
        }
        for (unit, weight) in units.iter_mut().zip(out) {
            *unit = if *unit > 0.0 { *unit } else { LEAK * *unit };
            score += weight * *unit;
        }
        (score, units)
    }

    /// Adds one candidate's part of the gradient; `slope` is that of the loss by its score.
    fn backward(&self, gradient: &mut Weights, slope: f32, features: &Features, z: &Features, hidden: &[f32; HIDDEN]) {
        gradient.bias += slope;
        // The formula's own weight is slow: all else can make up for it.
        gradient.beta += 0.1 * slope * features[0];
        let mut by_unit = [0.0; HIDDEN];
        for (unit, by) in by_unit.iter_mut().enumerate() {
            gradient.out[unit] += slope * hidden[unit];
            *by = slope * self.weights.out[unit] * if hidden[unit] > 0.0 { 1.0 } else { LEAK };
            gradient.hidden[FEATURES][unit] += *by;
        }
        for ((linear, hidden), z) in gradient.linear.iter_mut().zip(&mut gradient.hidden).zip(z) {
            *linear += slope * z;
            for (weight, by) in hidden.iter_mut().zip(by_unit) {
                *weight += by * z;
            }
        }
    }

    fn step(&mut self, gradient: &Weights) {
        let moves = self.weights.all_mut().zip(self.squares.all_mut()).zip(gradient.all());
        for ((weight, squares), slope) in moves.filter(|(_, slope)| *slope != 0.0) {
            *squares = *squares * KEPT + slope * slope;
            *weight -= RATE * slope / squares.sqrt();
        }
    }
}

/// The slope of the loss by each score: the chance to be drawn, less the chance to be drawn of those bought alone.
fn slopes(forward: &[(f32, [f32; HIDDEN])], bought: &[bool]) -> Vec<f32> {
    let most = forward.iter().map(|(score, _)| *score).fold(f32::MIN, f32::max);
    let chances: Vec<f32> = forward.iter().map(|(score, _)| libm::expf(score - most)).collect();
    let all: f32 = chances.iter().sum();
    let of_bought = chances.iter().zip(bought).filter(|(_, bought)| **bought).map(|(chance, _)| *chance).sum::<f32>().max(1e-30);
    let slope = |(chance, bought): (&f32, &bool)| chance / all - if *bought { chance / of_bought } else { 0.0 };
    chances.iter().zip(bought).map(slope).collect()
}

/// A number in `(-1, 1)`: SplitMix64's, so that units begin apart from each other.
fn spread(at: u64) -> f32 {
    let mut mixed = (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
}

impl Weights {
    fn of(value: f32) -> Self {
        let hidden = vec![[value; HIDDEN]; FEATURES + 1];
        Self { bias: value, beta: value, linear: [value; FEATURES], hidden, out: [value; HIDDEN] }
    }

    fn all(&self) -> impl Iterator<Item = f32> {
        let Self { bias, beta, linear, hidden, out } = self;
        [*bias, *beta].into_iter().chain(linear.iter().copied()).chain(hidden.iter().flatten().copied()).chain(out.iter().copied())
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        let Self { bias, beta, linear, hidden, out } = self;
        [bias, beta].into_iter().chain(linear).chain(hidden.iter_mut().flatten()).chain(out)
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self { candidates: 0.0, sums: vec![(0.0, 0.0); FEATURES], mean: [0.0; FEATURES], per_deviation: [0.0; FEATURES] }
    }
}

impl Scale {
    fn of(&self, features: &Features) -> Features {
        std::array::from_fn(|k| ((features[k] - self.mean[k]) * self.per_deviation[k]).clamp(-FAR, FAR))
    }

    /// Adds a candidate to the running mean and sum of squared deviations (Welford, Technometrics 1962).
    fn add(&mut self, features: &Features) {
        self.candidates += 1.0;
        for ((mean, squares), value) in self.sums.iter_mut().zip(features) {
            let off = f64::from(*value) - *mean;
            *mean += off / self.candidates;
            *squares += off * (f64::from(*value) - *mean);
        }
    }

    /// From now on features are measured by what was seen so far.
    fn settle(&mut self) {
        for (k, (mean, squares)) in self.sums.iter().enumerate() {
            let deviation = (squares / self.candidates.max(1.0)).sqrt() as f32;
            self.mean[k] = *mean as f32;
            self.per_deviation[k] = if deviation > 1e-3 { 1.0 / deviation } else { 0.0 };
        }
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
