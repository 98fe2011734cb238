//! What offers are ranked for: that they are taken, or what they earn. An item is worth its chance to be bought times what
//! a line of it earned so far, to a power: how far its worth may lead depends on how well chances and worths are known, so
//! powers are compared in the shadow like everything else, and none is used before it surely earned more.
//!
//! Invariant: a function of the examples in their order. Worths are in the shop's own currency.

use serde::{Deserialize, Serialize};

use crate::engine::settings::RankingObjective;

/// The powers that are compared with 0, which is to rank for acceptance.
pub const POWERS: [f32; 2] = [0.5, 1.0];
/// What a line of an item earned, in units of the currency: of revenue, of margin.
pub type Worth = [f32; 2];
/// How much more a power has to earn than none, in standard deviations of the difference.
const DEVIATIONS: f64 = 2.0;
/// A mean of so many lines, roughly: a price that changes is followed.
const LINES: f64 = 256.0;

/// How the powers did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Earnings {
    /// By objective, what was earned without a power, by weight.
    without: [f64; 2],
    /// By objective and power, how much more was earned, and the squares of that.
    more: [[(f64, f64); POWERS.len()]; 2],
    /// What a line of any item earned.
    line: [f64; 2],
}

/// The place of an objective's figures; `None` for acceptance.
fn place(objective: RankingObjective) -> Option<usize> {
    match objective {
        RankingObjective::Acceptance => None,
        RankingObjective::Revenue => Some(0),
        RankingObjective::Margin => Some(1),
    }
}

/// The objectives that look at worth.
pub const OF_WORTH: [RankingObjective; 2] = [RankingObjective::Revenue, RankingObjective::Margin];

/// What of a worth an objective looks at.
#[must_use]
pub fn of(objective: RankingObjective, worth: Worth) -> f32 {
    place(objective).map_or(1.0, |at| worth[at])
}

/// A worth to the `power`th of [`POWERS`].
#[must_use]
pub fn raised(worth: f32, power: usize) -> f32 {
    let worth = worth.max(0.0);
    if POWERS[power] == 1.0 { worth } else { worth.sqrt() }
}

impl Earnings {
    /// A line was bought that earned this.
    pub fn line(&mut self, worth: Worth) {
        for (mean, worth) in self.line.iter_mut().zip(worth) {
            *mean += (f64::from(worth) - *mean) / if *mean == 0.0 { 1.0 } else { LINES };
        }
    }

    /// What a line of an item earns, of which nothing is known: as much as one of any other.
    #[must_use]
    pub fn or_mean(&self, worth: Worth) -> Worth {
        std::array::from_fn(|at| if worth[0] > 0.0 { worth[at] } else { self.line[at] as f32 })
    }

    /// An example of `weight`: what was earned without a power, and with each of them.
    pub fn add(&mut self, weight: f64, objective: RankingObjective, without: f32, with: [f32; POWERS.len()]) {
        let Some(at) = place(objective) else { return };
        self.without[at] += weight * f64::from(without);
        for ((more, squares), with) in self.more[at].iter_mut().zip(with) {
            let difference = f64::from(with) - f64::from(without);
            *more += weight * difference;
            *squares += weight * difference * difference;
        }
    }

    /// The landmark moves: every weight shrinks by `shift` bits.
    pub fn shift(&mut self, shift: u32) {
        let factor = 0.5_f64.powi(shift.cast_signed());
        let sums = self.more.iter_mut().flatten().flat_map(|(more, squares)| [more, squares]);
        self.without.iter_mut().chain(sums).for_each(|sum| *sum *= factor);
    }

    /// The power to use: the one that earned most, if that is more than none by more than chance; `whole` is what an example
    /// weighs now.
    #[must_use]
    pub fn power(&self, objective: RankingObjective, whole: f64) -> Option<usize> {
        let more = &self.more[place(objective)?];
        let is_better = |at: &usize| more[*at].0 > DEVIATIONS * (more[*at].1 * whole).sqrt();
        (0..POWERS.len()).filter(is_better).max_by(|a, b| more[*a].0.total_cmp(&more[*b].0))
    }

    /// How much more a power earned than none, as a share; `None` while nothing was earned.
    #[must_use]
    pub fn gain(&self, objective: RankingObjective, power: usize) -> Option<f64> {
        let at = place(objective)?;
        (self.without[at] > 0.0).then(|| self.more[at][power].0 / self.without[at])
    }

    /// Whether all figures are numbers; what was written by nobody may not be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let sums = self.more.iter().flatten().flat_map(|(more, squares)| [more, squares]);
        self.without.iter().chain(&self.line).chain(sums).all(|sum| sum.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_used_once_it_earned_more_than_chance_would_and_acceptance_never_has_one() {
        let mut earnings = Earnings::default();
        assert_eq!(earnings.power(RankingObjective::Revenue, 1.0), None);
        (0..4).for_each(|_| earnings.add(1.0, RankingObjective::Revenue, 1.0, [1.0, 3.0]));
        assert_eq!(earnings.power(RankingObjective::Revenue, 1.0), None, "four times the same difference is two deviations, not more");
        earnings.add(1.0, RankingObjective::Revenue, 1.0, [1.0, 3.0]);
        assert_eq!(earnings.power(RankingObjective::Revenue, 1.0), Some(1));
        assert_eq!((earnings.power(RankingObjective::Acceptance, 1.0), earnings.power(RankingObjective::Margin, 1.0)), (None, None));
        assert_eq!((earnings.gain(RankingObjective::Revenue, 1), earnings.gain(RankingObjective::Margin, 1)), (Some(2.0), None));
    }

    #[test]
    fn a_move_of_the_landmark_changes_no_decision() {
        let mut earnings = Earnings::default();
        (0..5).for_each(|_| earnings.add(16.0, RankingObjective::Margin, 0.0, [2.0, -1.0]));
        assert_eq!(earnings.power(RankingObjective::Margin, 16.0), Some(0));
        earnings.shift(4);
        assert_eq!(earnings.power(RankingObjective::Margin, 1.0), Some(0));
    }

    #[test]
    fn an_item_nobody_bought_yet_is_worth_what_others_are() {
        let mut earnings = Earnings::default();
        earnings.line([10.0, 4.0]);
        earnings.line([10.0 + LINES as f32, 4.0]);
        assert_eq!(earnings.or_mean([0.0, 0.0]), [11.0, 4.0]);
        assert_eq!(earnings.or_mean([3.0, 0.0]), [3.0, 0.0]);
        assert_eq!((of(RankingObjective::Margin, [3.0, 2.0]), of(RankingObjective::Acceptance, [3.0, 2.0])), (2.0, 1.0));
        assert_eq!((raised(9.0, 0), raised(9.0, 1), raised(-1.0, 1)), (3.0, 9.0, 0.0));
    }
}
