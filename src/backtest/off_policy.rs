//! What a policy would have done that was not the one at work, from logged offers with their propensities.
//!
//! The policy judged is "always this variant". Each logged offer of the variant weighs 1 / propensity, and the estimate is
//! the weighted share of accepted ones (self-normalised inverse propensity scoring, Swaminathan and Joachims, 2015). The
//! effective sample size is (sum w)^2 / sum w^2 (Kish). The interval is Wilson's with the sample size at which it would
//! have the variance of the estimate, shoppers' offers taken together, and never more than the effective one.
//!
//! Invariant: below [`ESS_MIN`], or where nothing but one variant ever was at work, there is a refusal and no figure.

use std::collections::BTreeMap;

use serde::Serialize;

/// The least effective sample size that an estimate is given for.
pub const ESS_MIN: f64 = 100.0;
/// The normal quantile of a 95 % interval.
const Z: f64 = 1.959_963_985;
/// A certainty, in millionths.
const WHOLE: u32 = 1_000_000;

/// A logged offer and what became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Whose it was: offers of one shopper are not independent.
    pub shopper: u64,
    /// The probability with which its variant was drawn, in millionths; above 0.
    pub propensity: u32,
    /// Something of it was accepted.
    pub accepted: bool,
}

/// What would be said of a variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantFigures {
    /// Its name.
    pub variant: String,
    /// Its logged offers.
    pub offers: usize,
    /// What they are worth as a sample.
    pub effective_sample_size: f64,
    /// The share of its offers that would be accepted, or why that is not said.
    #[serde(flatten)]
    pub said: Said,
}

/// A figure, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// A figure.
    Acceptance {
        /// The share of offers that would be accepted.
        acceptance: f64,
        /// Its 95 % interval.
        ci95: (f64, f64),
    },
    /// Why there is none.
    Refused {
        /// In words.
        refused: String,
    },
}

/// The figures of each variant at a placement, by its name.
#[must_use]
pub fn estimate(trials: &BTreeMap<String, Vec<Trial>>) -> Vec<VariantFigures> {
    let alone = trials.values().flatten().all(|trial| trial.propensity == WHOLE);
    let figures = |(variant, trials): (&String, &Vec<Trial>)| {
        let (sum, squares) = weights(trials);
        // Equal weights make it the number of offers, which sums of floats miss by a hair.
        let effective = if squares > 0.0 { (sum * sum / squares * 1e6).round() / 1e6 } else { 0.0 };
        let said = if alone {
            Said::Refused { refused: "all offers were made with propensity 1: there is nothing to compare".to_owned() }
        } else if effective < ESS_MIN {
            Said::Refused { refused: format!("the effective sample size is {effective:.0}; {ESS_MIN:.0} is needed") }
        } else {
            acceptance(trials, sum, effective)
        };
        VariantFigures { variant: variant.clone(), offers: trials.len(), effective_sample_size: effective, said }
    };
    trials.iter().map(figures).collect()
}

fn weight(trial: &Trial) -> f64 {
    f64::from(WHOLE) / f64::from(trial.propensity.max(1))
}

fn weights(trials: &[Trial]) -> (f64, f64) {
    trials.iter().map(weight).fold((0.0, 0.0), |(sum, squares), weight| (sum + weight, squares + weight * weight))
}

fn acceptance(trials: &[Trial], sum: f64, effective: f64) -> Said {
    let of = |trial: &Trial| f64::from(u8::from(trial.accepted));
    let acceptance = trials.iter().map(|trial| weight(trial) * of(trial)).sum::<f64>() / sum;
    let mut misses: BTreeMap<u64, f64> = BTreeMap::new();
    for trial in trials {
        *misses.entry(trial.shopper).or_default() += weight(trial) * (of(trial) - acceptance);
    }
    let variance = misses.values().map(|miss| miss * miss).sum::<f64>() / (sum * sum);
    let like = acceptance * (1.0 - acceptance);
    let size = if variance > 0.0 { (like / variance).min(effective) } else { effective };
    Said::Acceptance { acceptance, ci95: wilson(acceptance, size) }
}

/// Wilson's interval of a share seen in `size` trials: it has a width even where nothing, or all, was accepted.
fn wilson(share: f64, size: f64) -> (f64, f64) {
    let z_squared = Z * Z / size;
    let middle = (share + z_squared / 2.0) / (1.0 + z_squared);
    let half = Z / (1.0 + z_squared) * (share * (1.0 - share) / size + z_squared / (4.0 * size)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(count: u64, propensity: u32, accepted: impl Fn(u64) -> bool) -> Vec<Trial> {
        (0..count).map(|shopper| Trial { shopper, propensity, accepted: accepted(shopper) }).collect()
    }

    fn acceptance_of(figures: &VariantFigures) -> (f64, (f64, f64)) {
        match &figures.said {
            Said::Acceptance { acceptance, ci95 } => (*acceptance, *ci95),
            Said::Refused { refused } => panic!("{refused}"),
        }
    }

    #[test]
    fn an_offer_that_was_seldom_drawn_weighs_more() {
        // 200 drawn half of the time, of which 40 were accepted; 100 drawn a quarter of the time, of which 50 were.
        let mut both = trials(200, 500_000, |n| n < 40);
        both.extend(trials(100, 250_000, |n| n < 50).into_iter().map(|trial| Trial { shopper: trial.shopper + 200, ..trial }));
        let figures = estimate(&BTreeMap::from([("short".to_owned(), both)]));
        let (acceptance, (low, high)) = acceptance_of(&figures[0]);
        // (40 * 2 + 50 * 4) / (200 * 2 + 100 * 4); (800)^2 / (200 * 4 + 100 * 16).
        assert!((acceptance - 0.35).abs() < 1e-12, "{acceptance}");
        assert!((figures[0].effective_sample_size - 640_000.0 / 2_400.0).abs() < 1e-6);
        assert!(low < 0.35 && 0.35 < high && high - low < 0.13, "{low} {high}");
    }

    #[test]
    fn too_small_a_sample_is_refused() {
        let figures =
            estimate(&BTreeMap::from([("a".to_owned(), trials(99, 500_000, |_| true)), ("b".to_owned(), trials(100, 500_000, |_| true))]));
        assert_eq!(figures[0].said, Said::Refused { refused: "the effective sample size is 99; 100 is needed".to_owned() });
        let (acceptance, (low, high)) = acceptance_of(&figures[1]);
        assert!(acceptance == 1.0 && low < 0.97 && high > 0.999_999, "{low} {high}");
    }

    #[test]
    fn one_heavy_offer_makes_a_large_sample_a_small_one() {
        let mut many = trials(1_000, 900_000, |_| false);
        many.push(Trial { shopper: 5_000, propensity: 100, accepted: true });
        let figures = estimate(&BTreeMap::from([("a".to_owned(), many)]));
        assert!(matches!(figures[0].said, Said::Refused { .. }), "{figures:?}");
    }

    #[test]
    fn where_nothing_was_drawn_there_is_nothing_to_compare() {
        let figures = estimate(&BTreeMap::from([("default".to_owned(), trials(500, WHOLE, |_| true))]));
        assert!(matches!(&figures[0].said, Said::Refused { refused } if refused.contains("propensity 1")), "{figures:?}");
    }

    #[test]
    fn offers_of_one_shopper_tell_less_than_as_many_of_many() {
        let apart = trials(1_000, 500_000, |n| n % 4 == 0);
        let together: Vec<Trial> = apart.iter().map(|trial| Trial { shopper: trial.shopper % 4, ..*trial }).collect();
        let width = |trials: Vec<Trial>| {
            let (_, (low, high)) = acceptance_of(&estimate(&BTreeMap::from([("a".to_owned(), trials)]))[0]);
            high - low
        };
        assert!(width(together) > 5.0 * width(apart));
    }

    #[test]
    fn wilsons_interval_is_that_of_the_textbook() {
        let (low, high) = wilson(0.1, 100.0);
        assert!((low - 0.055_229).abs() < 1e-5 && (high - 0.174_366).abs() < 1e-5, "{low} {high}");
    }
}
