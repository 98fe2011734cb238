//! What an item is bought with of late: shares of its last baskets, beside the counts of all of them. A count of 5,000
//! baskets says for months nothing of a companion that came last week.
//!
//! A share moves by a 32nd of its distance with each basket of the item, so half of it is of the last 22 baskets (an
//! exponentially weighted moving average; Roberts, "Control chart tests based on geometric moving averages", 1959). What
//! is believed of it is a lower bound, and no companion is followed whose share of all baskets is near the one of late.
//!
//! Invariant: at most [`RISING_MAX`] companions a row, none while the row's item is in fewer than 64 baskets: counts
//! alone are quick enough there. It follows from the purchased baskets in the order in which they were folded; what is
//! taken back stays in, since it is soon forgotten.

use serde::{Deserialize, Serialize};

/// The most companions of an item that are followed.
pub const RISING_MAX: usize = 24;
/// So many of a basket's companions begin to be followed with it: more would drive out others before they can come again.
const NEWCOMERS_MAX: usize = 8;
/// Companions are followed from so many baskets of the item on.
const BASKETS_MIN: u32 = 64;
/// A share moves by one over two to the power of this.
const SHIFT: u32 = 5;
/// A share of 1.
const WHOLE: u16 = u16::MAX;
/// The share of what was in one basket.
const ONE_HIT: u16 = WHOLE >> SHIFT;
/// From so many baskets together on, a companion is held against its share of all baskets.
const HITS_MIN: u16 = 3;
/// A share weighs as much as one of so many independent baskets: `2 / alpha - 1`.
const BASKETS_EFFECTIVE: f64 = 63.0;
/// How many standard deviations below the share the bound is.
const DEVIATIONS: f64 = 2.5;

/// A companion that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Riser {
    /// The companion's number.
    pub number: u32,
    /// Its share of the last baskets, in 65,535ths.
    pub share: u16,
    /// In how many baskets it was since it is followed.
    pub hits: u16,
}

/// The companions of one item that are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rising(Vec<Riser>);

impl Rising {
    /// Those that were kept.
    #[must_use]
    pub fn of(risers: Vec<Riser>) -> Self {
        Self(risers)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Riser] {
        &self.0
    }

    /// The companions that surely rose, with the least that their share of the last baskets is.
    pub fn risen(&self) -> impl Iterator<Item = (u32, f64)> {
        self.0
            .iter()
            .filter(|riser| riser.hits >= HITS_MIN)
            .map(|riser| (riser.number, lower_bound(riser.share)))
            .filter(|(_, share)| *share > 0.0)
    }

    /// One more basket with the item, its `baskets`th, and what else was in it; `together` is the number of all baskets that
    /// a companion and the item were in.
    pub fn bought(&mut self, baskets: u32, companions: &[u32], together: impl Fn(u32) -> u32) {
        if baskets < BASKETS_MIN {
            return;
        }
        for riser in &mut self.0 {
            if companions.contains(&riser.number) {
                riser.share += (WHOLE - riser.share) >> SHIFT;
                riser.hits = riser.hits.saturating_add(1);
            } else {
                riser.share -= riser.share >> SHIFT;
            }
        }
        self.0.retain(|riser| riser.hits < HITS_MIN || is_risen(riser, together(riser.number), baskets));
        self.follow(baskets, companions);
    }

    /// Follows companions that are not followed yet, in the place of the oldest that came once, or not for long. Which come
    /// first changes from basket to basket: a long one has more than there is room for.
    fn follow(&mut self, baskets: u32, companions: &[u32]) {
        let begin = if companions.is_empty() { 0 } else { baskets as usize % companions.len() };
        let (later, first) = companions.split_at(begin);
        let is_followed = |risers: &[Riser], number| risers.iter().any(|riser| riser.number == number);
        let newcomers: Vec<u32> =
            first.iter().chain(later).copied().filter(|number| !is_followed(&self.0, *number)).take(NEWCOMERS_MAX).collect();
        for number in newcomers {
            if self.0.len() >= RISING_MAX {
                let Some(place) = self.0.iter().position(|riser| riser.share <= ONE_HIT) else { return };
                self.0.remove(place);
            }
            self.0.push(Riser { number, share: ONE_HIT, hits: 1 });
        }
    }

    /// Follows a companion no more.
    pub fn forget(&mut self, number: u32) {
        self.0.retain(|riser| riser.number != number);
    }
}

/// Whether the share of late is more than twice that of all baskets.
fn is_risen(riser: &Riser, together: u32, baskets: u32) -> bool {
    u64::from(riser.share) * u64::from(baskets) > 2 * u64::from(together) * u64::from(WHOLE)
}

/// What a share is surely not below: see [`DEVIATIONS`].
fn lower_bound(share: u16) -> f64 {
    let share = f64::from(share) / f64::from(WHOLE);
    share - DEVIATIONS * (share * (1.0 - share) / BASKETS_EFFECTIVE).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many baskets of an item that was in 5,000 before; companions by the number of the basket.
    fn after(baskets: u32, companions: impl Fn(u32) -> Vec<u32>) -> Rising {
        let mut rising = Rising::default();
        let mut together = std::collections::HashMap::<u32, u32>::new();
        for at in 1..=baskets {
            let companions = companions(at);
            companions.iter().for_each(|companion| *together.entry(*companion).or_default() += 1);
            rising.bought(5_000 + at, &companions, |number| together[&number]);
        }
        rising
    }

    #[test]
    fn a_companion_of_every_other_basket_is_believed_within_fifty_of_them_among_thirty_that_change() {
        let rising = after(50, |at| (0..30).map(|n| 1_000 + at * 30 + n).chain((at % 2 == 0).then_some(7)).collect());
        let risen: Vec<(u32, f64)> = rising.risen().collect();
        assert!(matches!(risen[..], [(7, share)] if (0.1..0.5).contains(&share)), "{risen:?}");
        assert_eq!(rising.all().len(), RISING_MAX);
    }

    #[test]
    fn what_comes_as_often_as_it_always_did_is_not_followed() {
        let mut rising = Rising::default();
        for at in 1..=200 {
            rising.bought(5_000 + at, &[1, 2], |_| 2_500);
        }
        assert_eq!(rising.risen().count(), 0);
        assert!(rising.all().iter().all(|riser| riser.hits < HITS_MIN));
    }

    #[test]
    fn what_came_for_a_while_is_forgotten_as_quickly() {
        let rising = after(400, |at| if at <= 100 { vec![7] } else { vec![] });
        assert_eq!(rising.risen().count(), 0);
        assert!(rising.all().is_empty());
    }

    #[test]
    fn an_item_of_few_baskets_follows_nobody() {
        let mut rising = Rising::default();
        (1..BASKETS_MIN).for_each(|at| rising.bought(at, &[1], |_| at));
        assert!(rising.all().is_empty());
    }

    #[test]
    fn a_share_stays_between_none_and_all() {
        let rising = after(2_000, |_| vec![7]);
        assert!(rising.all().iter().all(|riser| riser.share > WHOLE - 64));
        assert!(lower_bound(WHOLE) <= 1.0 && lower_bound(0) <= 0.0);
    }
}
