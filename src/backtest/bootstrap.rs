//! Intervals by the Poisson bootstrap over baskets: in each resample a basket counts as often as a draw of mean 1 says
//! (Hanley and MacGibbon, "Creating non-parametric bootstrap samples using Poisson frequencies", 2006).
//!
//! Invariant: the dice are its own, so the same rows give the same intervals; in one resample all rankers share each
//! basket's draw, which is what makes differences paired.

/// How many resamples.
pub const RESAMPLES: usize = 1_000;
/// The middle of them that an interval holds.
const CONFIDENCE: f64 = 0.95;
/// What the dice begin with.
const SEED: u64 = 7;

/// Sums of columns in each resample.
#[derive(Clone, Debug, PartialEq)]
pub struct Resamples {
    width: usize,
    sums: Vec<f64>,
}

impl Resamples {
    /// Resamples rows of `width` columns, which stand one after the other.
    #[must_use]
    pub fn of(rows: &[f64], width: usize) -> Self {
        let mut dice = Dice(SEED);
        let mut sums = vec![0.0; width * RESAMPLES];
        for resample in sums.chunks_exact_mut(width.max(1)) {
            for row in rows.chunks_exact(width.max(1)) {
                let times = dice.poisson();
                if times > 0.0 {
                    resample.iter_mut().zip(row).for_each(|(sum, value)| *sum += times * value);
                }
            }
        }
        Self { width, sums }
    }

    /// The interval of a figure that is worked out from the columns' sums; resamples that have none are left out.
    #[must_use]
    pub fn interval(&self, figure: impl Fn(&[f64]) -> Option<f64>) -> Option<(f64, f64)> {
        let mut figures: Vec<f64> = self.sums.chunks_exact(self.width.max(1)).filter_map(figure).collect();
        figures.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0;
        Some((quantile(&figures, tail)?, quantile(&figures, 1.0 - tail)?))
    }
}

/// The quantile of sorted figures, between neighbours in proportion.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = share * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(below + (above - below) * (at - at.floor()))
}

/// Dice that fall the same way everywhere: SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A draw of the Poisson distribution with mean 1, by inversion.
    fn poisson(&mut self) -> f64 {
        let draw = self.unit();
        let (mut count, mut part) = (0.0, std::f64::consts::E.recip());
        let mut below = part;
        while draw >= below && part > 0.0 {
            count += 1.0;
            part /= count;
            below += part;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_mean_and_variance_one() {
        let mut dice = Dice(1);
        let draws: Vec<f64> = (0..200_000).map(|_| dice.poisson()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!((mean - 1.0).abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours_in_proportion() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.975), Some(3.0));
        assert_eq!(quantile(&[0.0, 10.0, 20.0, 30.0], 0.5), Some(15.0));
        assert_eq!(quantile(&[0.0, 10.0], 0.025), Some(0.25));
    }

    #[test]
    fn an_interval_is_as_wide_as_theory_says() {
        // A mean of 2,500 coins: its standard error is 0.01.
        let rows: Vec<f64> = (0..2_500).flat_map(|n| [f64::from(n % 2), 1.0]).collect();
        let (low, high) = Resamples::of(&rows, 2).interval(|sums| Some(sums[0] / sums[1])).unwrap();
        assert!((low - 0.4804).abs() < 0.003 && (high - 0.5196).abs() < 0.003, "{low} {high}");
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let mut dice = Dice(5);
        let held = (0..200).filter(|_| {
            let rows: Vec<f64> = (0..300).flat_map(|_| [f64::from(dice.unit() < 0.3), 1.0]).collect();
            let (low, high) = Resamples::of(&rows, 2).interval(|sums| Some(sums[0] / sums[1])).unwrap();
            (low..=high).contains(&0.3)
        });
        let held = held.count();
        assert!((180..=199).contains(&held), "{held} of 200");
    }

    #[test]
    fn what_two_columns_share_cancels_in_their_difference() {
        let mut dice = Dice(9);
        let rows: Vec<f64> = (0..500)
            .flat_map(|_| {
                let shared = dice.unit() * 100.0;
                [shared + 1.0, shared, 1.0]
            })
            .collect();
        let resamples = Resamples::of(&rows, 3);
        let (low, high) = resamples.interval(|sums| Some((sums[0] - sums[1]) / sums[2])).unwrap();
        assert!((low - 1.0).abs() < 1e-9 && (high - 1.0).abs() < 1e-9, "{low} {high}");
        assert_eq!(resamples, Resamples::of(&rows, 3));
    }

    #[test]
    fn nothing_has_no_interval() {
        assert_eq!(Resamples::of(&[], 2).interval(|sums| (sums[1] > 0.0).then(|| sums[0] / sums[1])), None);
    }
}
