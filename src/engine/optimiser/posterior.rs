//! How likely each variant is the best one, by what its offers did.
//!
//! Thompson sampling draws a variant with the probability that it is the best (Thompson, "On the likelihood that one
//! unknown probability exceeds another", 1933). Here that probability itself is worked out, by quadrature, so that it
//! can be published and nothing but the draw is left to chance.
//!
//! The value of a variant is taken to be normal. Of the objective *acceptance*, with n shown and a accepted offers and a
//! prior of [`PRIOR_SHOWN`] offers at the pooled rate r:
//!
//! ```text
//! p = (a + PRIOR r) / (n + PRIOR)        variance  q (1 - q) / (n + PRIOR + 1),  q = max(p, r)
//! ```
//!
//! which are mean and, where q is p, variance of the beta posterior. A variant that had bad luck at first would be all the
//! surer of it with its own low rate in the variance, and hardly ever be tried again; so it is never surer than the
//! pooled rate makes it. Of *revenue*, p times the value v of an acceptance, drawn
//! towards the pooled mean value with the weight of [`PRIOR_ACCEPTED`] acceptances; the variance of the product by the
//! delta method, `v^2 var(p) + p^2 var(v)`, and `var(p) var(v)` that it leaves out. A stronger prior on the value would
//! let acceptance alone decide for longer, and starve what sells seldom and dear: in the simulation of `examples/regret.rs`
//! one of 20 acceptances had twice the regret.
//!
//! All variances are then multiplied by [`TEMPER`]: Thompson's own choice explores for a future without end, and what is
//! offered changes sooner than that.
//!
//! The normal curve is wrong where next to nothing is known (it has no skew, and reaches below 0). That is why a variant
//! is not judged before [`JUDGED_FROM`] of its offers were shown; until then it has an equal share.
//!
//! Invariant: the same statistics in the same order give the same bits on every machine: `libm` alone, sums in a fixed
//! order, no map.

use super::Stats;
use crate::engine::settings::Objective;

/// Shown offers at the pooled rate that a variant's own are added to.
const PRIOR_SHOWN: f64 = 4.0;
/// Acceptances of the pooled value that a variant's own are added to: of the first few, revenue is told from acceptance.
const PRIOR_ACCEPTED: f64 = 5.0;
/// Shown offers from which on a variant is judged.
const JUDGED_FROM: u64 = 200;
/// What variances are multiplied by.
const TEMPER: f64 = 0.7;
/// Points of the quadrature, and how many standard deviations they reach to either side.
const POINTS: u32 = 768;
const REACH: f64 = 6.0;

/// What is believed of a variant's value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Belief {
    mean: f64,
    deviation: f64,
}

/// The probability of each variant that it is the best, in the order given; they add up to 1 but for rounding.
pub(super) fn best(variants: &[Stats], objective: Objective) -> Vec<f64> {
    let judged: Vec<&Stats> = variants.iter().filter(|stats| stats.shown >= JUDGED_FROM).collect();
    let equal = 1.0 / variants.len().max(1) as f64;
    if judged.is_empty() {
        return vec![equal; variants.len()];
    }
    let pooled = pool(variants);
    let beliefs: Vec<Belief> = judged.iter().map(|stats| belief(stats, &pooled, objective)).collect();
    let share = equal * judged.len() as f64;
    let mut chances = chances(&beliefs).into_iter();
    let probability = |stats: &Stats| if stats.shown >= JUDGED_FROM { chances.next().unwrap_or_default() * share } else { equal };
    variants.iter().map(probability).collect()
}

fn pool(variants: &[Stats]) -> Stats {
    variants.iter().fold(Stats::default(), |mut sum, stats| {
        sum.shown = sum.shown.saturating_add(stats.shown);
        sum.accepted = sum.accepted.saturating_add(stats.accepted);
        sum.value_micros = sum.value_micros.saturating_add(stats.value_micros);
        sum.value_squares = sum.value_squares.saturating_add(stats.value_squares);
        sum
    })
}

fn belief(stats: &Stats, pooled: &Stats, objective: Objective) -> Belief {
    // One acceptance and one refusal more than there were: never 0, never 1.
    let pooled_rate = (pooled.accepted as f64 + 1.0) / (pooled.shown as f64 + 2.0);
    let shown = stats.shown as f64 + PRIOR_SHOWN;
    let rate = ((stats.accepted as f64 + PRIOR_SHOWN * pooled_rate) / shown).min(1.0);
    let doubtful = rate.max(pooled_rate);
    let rate_variance = doubtful * (1.0 - doubtful) / (shown + 1.0);
    // As long as nothing was earned at all, acceptance is all there is to tell by.
    if objective == Objective::Acceptance || pooled.accepted == 0 || pooled.value_squares == 0 {
        return Belief { mean: rate, deviation: libm::sqrt(TEMPER * rate_variance) };
    }
    let (value, value_variance) = value(stats, pooled);
    let variance = value * value * rate_variance + rate * rate * value_variance + rate_variance * value_variance;
    Belief { mean: rate * value, deviation: libm::sqrt(TEMPER * variance) }
}

/// The mean value of an acceptance, and how far off that mean may be, squared.
fn value(stats: &Stats, pooled: &Stats) -> (f64, f64) {
    let all = pooled.accepted as f64;
    let (pooled_mean, pooled_square) = (pooled.value_micros as f64 / all, pooled.value_squares as f64 / all);
    let weight = stats.accepted as f64 + PRIOR_ACCEPTED;
    let mean = (stats.value_micros as f64 + PRIOR_ACCEPTED * pooled_mean) / weight;
    let square = (stats.value_squares as f64 + PRIOR_ACCEPTED * pooled_square) / weight;
    (mean, (square - mean * mean).max(0.0) / weight)
}

/// The probability of each normal variable that it is the largest: for each, the mean over its own curve of the
/// probability that all others are below, by the midpoint rule.
fn chances(beliefs: &[Belief]) -> Vec<f64> {
    let step = 2.0 * REACH / f64::from(POINTS);
    let mut chances = vec![0.0; beliefs.len()];
    for (chance, own) in chances.iter_mut().zip(beliefs) {
        for point in 0..POINTS {
            let z = (f64::from(point) + 0.5) * step - REACH;
            let mut below = libm::exp(-0.5 * z * z);
            for other in beliefs.iter().filter(|other| !std::ptr::eq(*other, own)) {
                below *= is_below(*other, own.mean + z * own.deviation);
            }
            *chance += below;
        }
    }
    let sum = chances.iter().fold(0.0, |sum, chance| sum + chance);
    // Equal beliefs, certain to the last bit: nobody is ahead.
    if sum > 0.0 { chances.iter().map(|chance| chance / sum).collect() } else { vec![1.0 / beliefs.len() as f64; beliefs.len()] }
}

/// The probability that the variable is below `x`.
fn is_below(belief: Belief, x: f64) -> f64 {
    if belief.deviation > 0.0 {
        return 0.5 * (1.0 + libm::erf((x - belief.mean) / (belief.deviation * std::f64::consts::SQRT_2)));
    }
    match x.total_cmp(&belief.mean) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Greater => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(mean: f64, deviation: f64) -> Belief {
        Belief { mean, deviation }
    }

    fn tried(shown: u64, accepted: u64) -> Stats {
        Stats { shown, accepted, ..Stats::default() }
    }

    /// Each accepted offer earned so much.
    fn earning(shown: u64, accepted: u64, each: i128) -> Stats {
        let count = i128::from(accepted);
        Stats { value_micros: count * each, value_squares: count * each * each, ..tried(shown, accepted) }
    }

    fn assert_near(found: &[f64], expected: &[f64], within: f64) {
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= within),
            "{found:?} {expected:?}"
        );
    }

    #[test]
    fn two_normal_variables_come_out_as_the_closed_form_says() {
        // The difference of two normal variables is normal: P(X > Y) = Phi((mx - my) / sqrt(sx^2 + sy^2)).
        for (one, other) in [
            (normal(0.0, 1.0), normal(0.0, 1.0)),
            (normal(1.0, 1.0), normal(0.0, 1.0)),
            (normal(0.5, 0.1), normal(0.3, 2.0)),
            (normal(-3.0, 0.5), normal(0.0, 0.01)),
        ] {
            let z = (one.mean - other.mean) / (one.deviation * one.deviation + other.deviation * other.deviation).sqrt();
            let expected = 0.5 * (1.0 + libm::erf(z / 2.0_f64.sqrt()));
            assert_near(&chances(&[one, other]), &[expected, 1.0 - expected], 2e-4);
        }
    }

    #[test]
    fn three_normal_variables_come_out_as_drawn() {
        // Shares of 4,000,000 draws of `random.gauss` of Python, seed 1; their standard error is 0.00025.
        let found = chances(&[normal(0.0, 1.0), normal(1.0, 0.5), normal(0.0, 2.0)]);
        assert_near(&found, &[0.13614, 0.56878, 0.29509], 1e-3);
    }

    #[test]
    fn equals_have_equal_chances_and_chances_add_up() {
        assert_near(&chances(&[normal(0.2, 0.0); 4]), &[0.25; 4], 1e-12);
        assert_near(&best(&[tried(1_000, 50); 8], Objective::Acceptance), &[0.125; 8], 1e-12);
        let sum: f64 = best(&[tried(900, 50), tried(280, 11), tried(3, 3), tried(0, 0)], Objective::Acceptance).iter().sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }

    #[test]
    fn what_was_hardly_shown_has_an_equal_share_and_the_others_share_the_rest() {
        let found = best(&[tried(10_000, 1_000), tried(10_000, 10), tried(199, 199), tried(0, 0)], Objective::Acceptance);
        assert_near(&found, &[0.5, 0.0, 0.25, 0.25], 1e-6);
    }

    #[test]
    fn revenue_outweighs_acceptance_once_there_is_enough_of_it() {
        let (often, dear) = (earning(10_000, 1_000, 1_000_000), earning(10_000, 500, 3_000_000));
        assert!(best(&[often, dear], Objective::Acceptance)[0] > 0.999);
        assert!(best(&[often, dear], Objective::Revenue)[1] > 0.999);
        // Two dear acceptances against forty cheap ones prove little: acceptance decides.
        let (often, dear) = (earning(200, 40, 1_000_000), earning(200, 2, 5_000_000));
        assert!(best(&[often, dear], Objective::Revenue)[0] > 0.9);
    }

    #[test]
    fn before_anything_was_earned_acceptance_decides() {
        let variants = [tried(1_000, 90), tried(1_000, 60)];
        assert_eq!(best(&variants, Objective::Revenue), best(&variants, Objective::Acceptance));
    }

    #[test]
    fn losing_less_is_better() {
        let found = best(&[earning(10_000, 500, -3_000_000), earning(10_000, 500, -1_000_000)], Objective::Revenue);
        assert!(found[1] > 0.999, "{found:?}");
    }

    #[test]
    fn huge_figures_stay_figures() {
        let huge =
            Stats { shown: u64::MAX / 16, accepted: u64::MAX / 16, value_micros: i128::MAX, value_squares: i128::MAX, ..Stats::default() };
        for objective in [Objective::Revenue, Objective::Acceptance] {
            let sum: f64 = best(&[huge; 8], objective).iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }
}
