//! Sums of what speaks for a candidate, and the table in which candidates are found while they are summed up.
//!
//! Invariant: a candidate stands once; terms are added in the order of the basket.

use std::sync::Arc;

use super::fast;
use crate::engine::slot::Slot;

/// What speaks for one candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums<'a> {
    number: u32,
    pub(super) slot: &'a Arc<Slot>,
    /// The decayed number of baskets with it: read once, since its place in memory is its own.
    pub(super) popularity: f64,
    /// The formula's sum over the basket, with its share of popularity, by the settings.
    pub(super) pairs: f64,
    /// The formula's share of the customer's own history, likewise.
    pub(super) history: f64,
    strongest: f64,
    /// The strongest pair: the basket item's place, and in how many baskets both were.
    pub(super) pair: Option<(u32, u32)>,
    /// Where the customer's own history with it is.
    pub(super) own: Option<u32>,
    /// For learning.
    pub(super) parts: Parts,
}

/// Sums of `c_ij / (n_i + 20)` and of what is made of it, whatever the settings are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    /// An item that is `age` places behind the newest counts `1^age`, `0.8^age`, `0.6^age`.
    pub(super) means: [f32; 3],
    /// Of `ln(1 + how much likelier it is beside that item)`: `1^age`, `0.6^age`.
    pub(super) logs: [f32; 2],
    /// Of the part in which it came soon after that item: `0.6^age`.
    pub(super) follows: f32,
    /// The most of any item.
    pub(super) most: f32,
    /// How many items speak for it.
    pub(super) supporters: f32,
    /// Of the newest item alone: all, and the part in which it came soon after that.
    pub(super) last: [f32; 2],
}

/// What the sums are divided by, and what everybody has of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Whole {
    /// What [`Parts::means`] are divided by.
    pub(super) means: [f32; 3],
    /// What a share of popularity of 1 adds to each, divided already.
    pub(super) priors: [f32; 3],
    /// The decayed number of all baskets.
    pub(super) baskets: f32,
}

/// What one item of the basket adds, whatever it is bought with.
#[derive(Clone, Copy)]
pub(super) struct Beside {
    /// Its place in the basket.
    pub(super) at: u32,
    /// By what weights are multiplied in the formula's sum.
    pub(super) share: f64,
    /// The same in the parts, but for their ages.
    pub(super) share_of_parts: f32,
    /// The decayed number of all baskets.
    pub(super) all: f32,
    pub(super) ages: [f32; 3],
    pub(super) is_newest: bool,
    /// A pair is evidence from so many baskets on.
    pub(super) together_min: u32,
}

impl Sums<'_> {
    /// Adds a pair with one item of the basket: its weight, and in how many baskets both were, and how soon after.
    pub(super) fn add(&mut self, beside: &Beside, weight: f64, together: u32, follows: u32) {
        let part = beside.share * weight;
        self.pairs += part;
        if together >= beside.together_min && part > self.strongest {
            (self.strongest, self.pair) = (part, Some((beside.at, together)));
        }
        let follows = follows as f32 / (64.0 * together.max(1) as f32);
        self.parts.add(weight as f32 * beside.share_of_parts, follows, self.popularity as f32, beside);
    }
}

impl Parts {
    /// Adds one item of the basket; `often` is how often the candidate is bought beside it.
    fn add(&mut self, often: f32, follows: f32, popularity: f32, beside: &Beside) {
        let (follows, ages) = (often * follows, beside.ages);
        let log = fast::ln(1.0 + often * beside.all / (0.5 * (popularity + 1.0)));
        self.means.iter_mut().zip(ages).for_each(|(mean, age)| *mean += often * age);
        self.logs = [self.logs[0] + log, self.logs[1] + log * ages[2]];
        self.follows += follows * ages[2];
        self.most = self.most.max(often);
        self.supporters += 1.0;
        if beside.is_newest {
            self.last = [often, follows];
        }
    }
}

impl Whole {
    /// Counts one item of the basket.
    pub(super) fn count(&mut self, beside: &Beside) {
        for ((means, priors), age) in self.means.iter_mut().zip(&mut self.priors).zip(beside.ages) {
            *means += age;
            *priors += age * beside.share_of_parts;
        }
    }

    /// All items are counted.
    pub(super) fn settle(&mut self) {
        self.priors.iter_mut().zip(self.means).for_each(|(priors, means)| *priors /= means);
    }
}

/// Candidates by the number of their item.
pub(super) struct Found<'a> {
    /// One more than the place of a number's sums, at the number's own place or the next that was free; 0 where none is.
    places: Vec<u32>,
    pub(super) sums: Vec<Sums<'a>>,
    whole: f64,
}

impl<'a> Found<'a> {
    /// Room for so many candidates; there must never be more.
    pub(super) fn with_room_for(candidates: usize, whole: f64) -> Self {
        Self { places: vec![0; (candidates * 2).next_power_of_two().max(2)], sums: Vec::with_capacity(candidates), whole }
    }

    pub(super) fn of(&mut self, slot: &'a Arc<Slot>) -> &mut Sums<'a> {
        let popularity = slot.weight() as f64 / self.whole;
        self.at(slot.number, slot, popularity)
    }

    pub(super) fn at(&mut self, number: u32, slot: &'a Arc<Slot>, popularity: f64) -> &mut Sums<'a> {
        let mask = self.places.len() - 1;
        // Fibonacci hashing (Knuth, TAOCP 3, 6.4): numbers that follow each other are spread.
        let mut at = number.wrapping_mul(0x9E37_79B1) as usize >> 8 & mask;
        let place = loop {
            match self.places[at] {
                0 => {
                    let (pairs, history, strongest, pair, own) = (0.0, 0.0, 0.0, None, None);
                    self.sums.push(Sums { number, slot, popularity, pairs, history, strongest, pair, own, parts: Parts::default() });
                    self.places[at] = self.sums.len() as u32;
                    break self.sums.len() - 1;
                }
                place if self.sums[place as usize - 1].number == number => break place as usize - 1,
                _ => at = (at + 1) & mask,
            }
        };
        &mut self.sums[place]
    }
}
