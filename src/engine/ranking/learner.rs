//! Learning to rank from what shoppers do: examples that wait for their outcome, and what was learned of those that had one.
//!
//! An example is a step of a basket: everybody ranks it as its fact is folded, and judges all ways to rank once the basket
//! is bought. So nothing of an example has to be kept by its session but its number.
//!
//! Invariant: a function of the facts folded, in their order: the same on every instance at equal positions of the log.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::features::Features;
use super::judge::FoundOfBasket;
use super::model::Model;
use super::shadow::Shadow;
use super::ways::{self, LEARNED, SETTINGS, WAYS};
use super::worth::{Earnings, Worth};
use crate::engine::decay::Decay;
use crate::engine::facts::BoughtItem;
use crate::engine::hash::unit_interval;
use crate::engine::settings::Ranking;
use crate::event::{ItemId, Timestamp};

/// So many examples wait at most; the oldest, of a basket that was left behind most likely, makes room.
pub const EXAMPLES_MAX: usize = 1_024;
/// Steps of a basket that may become examples.
const STEPS_MAX: usize = 20;
/// The first steps always do; of the later ones this share.
const STEPS_FIRST: usize = 2;
const STEPS_SHARE: f64 = 0.2;
/// A shop that sells more baskets a week learns from a part of them.
const BASKETS_A_WEEK: f64 = 14_000.0;
/// Of more examples than this that wait, most are of baskets that were left behind, and a part of new ones is enough;
const CROWDED_FROM: usize = EXAMPLES_MAX / 2;
/// this one. What waits for a day waits no longer.
const CROWDED_SHARE: f64 = 1.0 / 16.0;
const WAIT_MS_MAX: i64 = 86_400_000;
/// How many a way offers, of an example.
pub(super) const OFFERED: usize = 3;

/// A step of a basket that was ranked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Candidates: those with features first, in the order of the formula, then what other settings offer besides.
    pub items: Vec<ItemId>,
    /// The features of the first of them.
    pub features: Vec<Features>,
    /// What a line of each of `items` earns, where that is known.
    pub worth: Vec<Worth>,
    /// What each setting offers, by places in `items`.
    pub offered: Vec<Vec<u8>>,
    /// How many items were in the basket.
    pub basket: usize,
    /// When it was ranked.
    pub ts: Timestamp,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The model.
    pub model: Model,
    /// How the settings and the model did.
    pub shadow: Shadow,
    /// How likely candidates are to be bought.
    pub calibration: Calibration,
    /// What ranking for worth earned.
    pub earnings: Earnings,
    /// When the newest basket was bought that it learned from.
    pub newest: Timestamp,
}

impl Default for Known {
    fn default() -> Self {
        let (calibration, earnings) = (Calibration::default(), Earnings::default());
        Self { model: Model::default(), shadow: Shadow::new(WAYS), calibration, earnings, newest: Timestamp::MIN }
    }
}

/// What candidates are ordered by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Chosen {
    /// The formula as it is set.
    Own,
    /// A setting that is better.
    Setting(usize),
    /// The model.
    Learned,
}

/// Examples that wait, by number, the oldest first.
type Waiting = VecDeque<(u64, Example)>;

/// What is learned, and learned from.
#[derive(Debug, Default)]
pub struct Learner {
    known: RwLock<Arc<Known>>,
    waiting: Mutex<Waiting>,
    evicted: AtomicU64,
}

impl Learner {
    /// What was learned so far.
    #[must_use]
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps an example until its outcome is known.
    pub fn ask(&self, number: u64, example: Example) {
        let mut waiting = self.waiting();
        let is_old = |(_, waits): &(u64, Example)| waits.ts.plus_ms(WAIT_MS_MAX) < example.ts;
        while waiting.front().is_some_and(is_old) {
            waiting.pop_front();
        }
        if waiting.len() >= EXAMPLES_MAX {
            waiting.pop_front();
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back((number, example));
    }

    /// The basket of these examples was bought.
    pub fn answer(&self, numbers: &[u64], bought: &[BoughtItem], decay: Decay, at: Timestamp) {
        let mut found = FoundOfBasket::default();
        for number in numbers {
            let example = {
                let mut waiting = self.waiting();
                let place = waiting.iter().position(|(other, _)| other == number);
                place.and_then(|place| waiting.remove(place))
            };
            if let Some((_, example)) = example {
                Arc::make_mut(&mut *self.known.write().unwrap_or_else(PoisonError::into_inner))
                    .learn(&example, bought, decay, at, &mut found);
            }
        }
    }

    /// The landmark moves.
    pub fn shift(&self, shift: u32) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Known { shadow, calibration, earnings, .. } = Arc::make_mut(&mut known);
        shadow.shift(shift);
        calibration.shift(shift);
        earnings.shift(shift);
    }

    /// Whether a part of the baskets is enough to learn from.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.len() >= CROWDED_FROM
    }

    /// How many examples wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting().len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    /// How many made room for others.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// How many bytes those that wait take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        use crate::engine::memory::{list, text};
        let of = |example: &Example| {
            list::<ItemId>(example.items.len())
                + example.items.iter().map(|item| text(item)).sum::<usize>()
                + list::<Features>(example.features.len())
                + list::<Worth>(example.worth.len())
                + example.offered.len() * (size_of::<Vec<u8>>() + 16)
        };
        self.waiting().iter().map(|(_, example)| size_of::<(u64, Example)>() + of(example)).sum()
    }

    /// All of it, for a snapshot.
    pub(in crate::engine) fn freeze(&self) -> Kept {
        Kept { known: self.known(), waiting: self.waiting().clone(), evicted: self.evicted() }
    }

    /// Puts it back.
    pub(in crate::engine) fn thaw(&self, kept: Kept) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = kept.known;
        *self.waiting() = kept.waiting;
        self.evicted.store(kept.evicted, Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A learner in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    known: Arc<Known>,
    waiting: Waiting,
    evicted: u64,
}

impl Kept {
    /// Whether what was kept is whole; what was written by nobody may not be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_sound = |example: &Example| {
            let places = example.offered.iter().flatten();
            example.features.len() <= example.items.len()
                && example.worth.len() == example.items.len()
                && example.offered.len() == SETTINGS
                && places.copied().all(|place| usize::from(place) < example.items.len())
        };
        self.known.shadow.is_of(WAYS)
            && self.known.model.is_sound()
            && self.known.calibration.is_sound()
            && self.known.earnings.is_sound()
            && self.waiting.len() <= EXAMPLES_MAX
            && self.waiting.iter().all(|(_, example)| is_sound(example))
    }
}

impl Known {
    /// What candidates are ordered by, with such settings; `whole` is what an example weighs now.
    #[must_use]
    pub(super) fn chosen(&self, ranking: &Ranking, whole: f64) -> Chosen {
        let (first, allowed) = ways::allowed(ranking.cart_order);
        let setting = if ranking.tuned { self.shadow.best(first, allowed, whole) } else { ways::FIRST };
        if ranking.learned && self.is_model_better(setting, whole) {
            Chosen::Learned
        } else if ranking.tuned && setting != first {
            Chosen::Setting(setting)
        } else {
            Chosen::Own
        }
    }

    /// The way that is used by such settings, as of the newest example.
    #[must_use]
    pub fn in_use(&self, ranking: &Ranking, decay: Option<Decay>) -> usize {
        let Some(decay) = decay.filter(|_| self.newest > Timestamp::MIN) else { return ways::FIRST };
        match self.chosen(ranking, decay.whole_at(self.newest)) {
            Chosen::Learned => LEARNED,
            Chosen::Setting(setting) => setting,
            Chosen::Own => ways::allowed(ranking.cart_order).0,
        }
    }

    /// Whether the model is to be used in the place of a setting: only while it is better by more than chance.
    #[must_use]
    fn is_model_better(&self, setting: usize, whole: f64) -> bool {
        self.shadow.is_better(LEARNED, setting, whole)
    }
}

/// Whether a step of a basket becomes an example: by a hash of whose it is; `baskets_a_week` is what the shop sells.
#[must_use]
pub fn is_example(whose: &[u8], step: usize, baskets_a_week: u32, is_crowded: bool) -> bool {
    let part = (BASKETS_A_WEEK / f64::from(baskets_a_week.max(1))).min(if is_crowded { CROWDED_SHARE } else { 1.0 });
    if step > STEPS_MAX || part < 1.0 && unit_interval("basket", &[whose]) >= part {
        return false;
    }
    step <= STEPS_FIRST || unit_interval("step", &[whose, &(step as u32).to_le_bytes()]) < STEPS_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought(item: &str) -> BoughtItem {
        BoughtItem { item: item.into(), net_micros: 2_000_000, margin_micros: 0 }
    }

    #[test]
    fn early_steps_are_examples_always_and_late_ones_in_part_and_none_past_the_last() {
        let share = |step| (0..2_000_u32).filter(|n| is_example(&n.to_le_bytes(), step, 100, false)).count();
        assert_eq!((share(1), share(2), share(21)), (2_000, 2_000, 0));
        assert!((320..480).contains(&share(3)) && (320..480).contains(&share(20)), "{} {}", share(3), share(20));
    }

    #[test]
    fn a_shop_that_sells_much_learns_from_a_part_of_its_baskets_whole() {
        let of = |baskets_a_week| (0..2_000_u32).filter(|n| is_example(&n.to_le_bytes(), 1, baskets_a_week, false)).count();
        assert_eq!(of(14_000), 2_000);
        assert!((150..250).contains(&of(140_000)), "{}", of(140_000));
        let crowded = (0..2_000_u32).filter(|n| is_example(&n.to_le_bytes(), 1, 100, true)).count();
        assert!((90..160).contains(&crowded), "{crowded}");
        assert!((0..2_000_u32).all(|n| is_example(&n.to_le_bytes(), 1, 140_000, false) == is_example(&n.to_le_bytes(), 2, 140_000, false)));
    }

    #[test]
    fn the_oldest_example_makes_room_and_one_that_is_gone_is_not_learned_from() {
        let (learner, decay) = (Learner::default(), Decay::starting(Timestamp(0), 1_000));
        let example = || Example {
            items: vec!["a".into(), "b".into()],
            features: vec![[0.0; 21]; 2],
            offered: vec![vec![0]; SETTINGS],
            worth: vec![[0.0; 2]; 2],
            basket: 1,
            ts: Timestamp(0),
        };
        (0..=EXAMPLES_MAX as u64).for_each(|number| learner.ask(number, example()));
        assert_eq!((learner.len(), learner.evicted()), (EXAMPLES_MAX, 1));
        learner.answer(&[0, 1, 1], &[bought("a")], decay, Timestamp(0));
        let known = learner.known();
        assert_eq!((known.model.examples(), learner.len()), (1, EXAMPLES_MAX - 1));
        assert_eq!((known.shadow.hit_rate(0), known.shadow.hit_rate(LEARNED)), (Some(1.0), Some(1.0)));
        assert!(learner.bytes() > EXAMPLES_MAX * 2 * 21 * 4 && learner.is_crowded());
        // A day later none of them waits any more.
        learner.ask(9_999, Example { ts: Timestamp(WAIT_MS_MAX + 1), ..example() });
        assert_eq!((learner.len(), learner.is_crowded()), (1, false));
    }

    #[test]
    fn what_was_kept_is_put_back_and_what_is_not_whole_is_known() {
        let (learner, decay) = (Learner::default(), Decay::starting(Timestamp(0), 1_000));
        let example = Example {
            items: vec!["a".into()],
            features: vec![[0.5; 21]],
            offered: vec![vec![0]; SETTINGS],
            worth: vec![[0.0; 2]],
            basket: 1,
            ts: Timestamp(0),
        };
        (0..3).for_each(|number| learner.ask(number, example.clone()));
        learner.answer(&[1], &[bought("a")], decay, Timestamp(0));
        let other = Learner::default();
        other.thaw(learner.freeze());
        assert_eq!(other.freeze(), learner.freeze());
        assert!(learner.freeze().is_sound() && Kept::default().is_sound());
        for broken in [
            Example { offered: vec![vec![1]; SETTINGS], ..example.clone() },
            Example { offered: Vec::new(), ..example.clone() },
            Example { items: Vec::new(), ..example },
        ] {
            assert!(!Kept { waiting: [(9, broken)].into(), ..learner.freeze() }.is_sound());
        }
    }
}
