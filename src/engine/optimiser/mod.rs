//! The optimiser: which variant of a placement's policy is used how often, learned from what offers did.
//!
//! Invariant: the probabilities are a function of the facts folded so far and of the settings, and of nothing else: the
//! same on every instance and in every replay at equal positions of the shop log. They move in steps: statistics are
//! frozen whenever the shown offers have grown by so much, and probabilities are worked out from those.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `posterior` | the probability of each variant that it is the best |
//! | `vector` | probabilities as they are published, and the draw |
//! | `throttle` | placements that hold themselves back |

mod posterior;
mod throttle;
mod vector;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::facts::TriedStep;
use super::settings::OptimiserSettings;
use super::vocabulary::Placement;
use crate::event::Id;
pub use throttle::Reason;
use throttle::Throttle;
pub use vector::{Vector, WHOLE};

/// The name of a placement's plain policy.
pub const PLAIN: &str = "default";
/// What offers with a new item are called: they are no variant's, and their figures are nobody's.
pub const EXPLORED: &str = "explore";
/// Names with figures, of all placements together: those in use (at most 8 a placement), and some that were.
pub const NAMES_MAX: usize = 64;
/// Statistics are frozen once so many offers more were shown,
const EPOCH_SHOWN_MIN: u64 = 20;
/// or one in so many of all before, if that is more.
const EPOCH_SHOWN_SHARE: u64 = 50;
/// What one offer counts for at most when variants are compared, in millionths: its square fits some hundred million
/// times, and no freak order decides.
const VALUE_MICROS_MAX: i128 = 1_000_000_000_000_000;

/// What the offers of a variant did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Offers shown.
    pub shown: u64,
    /// Offers of which something was accepted.
    pub accepted: u64,
    /// What they earned, in millionths of the shop's currency, net of refunds.
    pub earned_micros: i128,
    /// The same, with each offer's share bounded,
    value_micros: i128,
    /// and the sum of the squares of that.
    value_squares: i128,
}

/// All that the optimiser knows: what a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    placements: BTreeMap<Placement, Tried>,
    /// Offers shown so far: tells which name was used last.
    clock: u64,
    evicted: u64,
}

/// What was tried at a placement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    variants: BTreeMap<Id, Figures>,
    /// Shown offers of all variants, and how many they were when statistics were frozen.
    shown: u64,
    frozen_at: u64,
    epoch: u64,
    frozen: BTreeMap<Id, Stats>,
    throttle: Throttle,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Figures {
    stats: Stats,
    used_at: u64,
}

/// The optimiser's part of shop state.
#[derive(Debug, Default)]
pub struct Optimiser {
    state: Mutex<State>,
    vectors: Mutex<BTreeMap<Placement, Published>>,
}

/// A vector, with what it was worked out from.
#[derive(Debug)]
struct Published {
    epoch: u64,
    names: Vec<Id>,
    settings: OptimiserSettings,
    vector: Arc<Vector>,
}

impl Optimiser {
    /// One that goes on from a state that was kept.
    #[must_use]
    pub fn from_state(state: State) -> Self {
        Self { state: Mutex::new(state), vectors: Mutex::default() }
    }

    /// Goes on from a state that was kept, in the place of what is known.
    pub fn restore(&self, state: State) {
        // In the order in which `vector` takes them.
        let mut own = self.lock();
        self.vectors.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *own = state;
    }

    /// The state, to keep.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Folds a step of an offer in.
    pub fn fold(&self, placement: Placement, variant: &Id, step: TriedStep) {
        self.lock().fold(placement, variant, step);
    }

    /// The probabilities of a placement's variants, named in their order.
    #[must_use]
    pub fn vector(&self, placement: Placement, names: &[&str], settings: &OptimiserSettings) -> Arc<Vector> {
        if names.len() < 2 {
            return Arc::new(Vector::of_one());
        }
        let state = self.lock();
        let tried = state.placements.get(&placement);
        let epoch = tried.map_or(0, |tried| tried.epoch);
        let mut vectors = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(published) = vectors.get(&placement)
            && published.is_of(epoch, names, settings)
        {
            return Arc::clone(&published.vector);
        }
        let frozen = |name: &&str| tried.and_then(|tried| tried.frozen.get(*name)).copied().unwrap_or_default();
        let stats: Vec<Stats> = names.iter().map(frozen).collect();
        drop(state);
        let vector = Arc::new(Vector::of(&posterior::best(&stats, settings.objective), settings.exploration_ratio));
        let names = names.iter().map(|name| Id::new(name)).collect();
        vectors.insert(placement, Published { epoch, names, settings: settings.clone(), vector: Arc::clone(&vector) });
        vector
    }

    /// What the offers of a variant did, up to now.
    #[must_use]
    pub fn stats(&self, placement: Placement, variant: &str) -> Stats {
        let state = self.lock();
        let figures = state.placements.get(&placement).and_then(|tried| tried.variants.get(variant));
        figures.map(|figures| figures.stats).unwrap_or_default()
    }

    /// Whether too many offers were sent away at a placement.
    #[must_use]
    pub fn annoys(&self, placement: Placement, settings: &OptimiserSettings) -> bool {
        self.lock().placements.get(&placement).is_some_and(|tried| tried.throttle.is_held_back(settings.dismissed_ratio_max))
    }

    /// How many names have figures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().names()
    }

    /// Whether nothing was tried yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many names made room for others.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.lock().evicted
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Published {
    fn is_of(&self, epoch: u64, names: &[&str], settings: &OptimiserSettings) -> bool {
        self.epoch == epoch && self.names == names && self.settings == *settings
    }
}

impl State {
    fn fold(&mut self, placement: Placement, variant: &Id, step: TriedStep) {
        let tried = self.placements.entry(placement).or_default();
        match step {
            TriedStep::Shown => tried.throttle.shown(),
            TriedStep::Dismissed => tried.throttle.dismissed(),
            TriedStep::Accepted | TriedStep::AcceptedBack | TriedStep::Earned { .. } => {}
        }
        if step == TriedStep::Dismissed {
            return;
        }
        let is_new = !tried.variants.contains_key(variant);
        let figures = tried.variants.entry(variant.clone()).or_default();
        figures.stats.add(step);
        if step == TriedStep::Shown {
            self.clock += 1;
            figures.used_at = self.clock;
            tried.shown += 1;
            tried.freeze_when_due();
        }
        if is_new {
            self.make_room(placement, variant);
        }
    }

    fn names(&self) -> usize {
        self.placements.values().map(|tried| tried.variants.len()).sum()
    }

    /// Where there are too many names, forgets the one that was used longest ago, but the one that came.
    fn make_room(&mut self, placement: Placement, variant: &Id) {
        if self.names() <= NAMES_MAX {
            return;
        }
        let all =
            self.placements.iter().flat_map(|(at, tried)| tried.variants.iter().map(move |(name, figures)| (figures.used_at, *at, name)));
        let oldest = all.filter(|(_, at, name)| (*at, *name) != (placement, variant)).min();
        let Some((_, at, name)) = oldest.map(|(used_at, at, name)| (used_at, at, name.clone())) else { return };
        if let Some(tried) = self.placements.get_mut(&at) {
            tried.variants.remove(&name);
            self.evicted += 1;
        }
    }
}

impl Tried {
    fn freeze_when_due(&mut self) {
        if self.shown.saturating_sub(self.frozen_at) >= EPOCH_SHOWN_MIN.max(self.frozen_at / EPOCH_SHOWN_SHARE) {
            self.frozen_at = self.shown;
            self.epoch += 1;
            self.frozen = self.variants.iter().map(|(name, figures)| (name.clone(), figures.stats)).collect();
        }
    }
}

impl Stats {
    fn add(&mut self, step: TriedStep) {
        match step {
            TriedStep::Shown => self.shown += 1,
            TriedStep::Accepted => self.accepted += 1,
            TriedStep::AcceptedBack => self.accepted = self.accepted.saturating_sub(1),
            TriedStep::Earned { before_micros, after_micros } => {
                let bounded = |micros: i128| micros.clamp(-VALUE_MICROS_MAX, VALUE_MICROS_MAX);
                let (before, after) = (bounded(before_micros), bounded(after_micros));
                let earned = after_micros.saturating_sub(before_micros);
                self.earned_micros = self.earned_micros.saturating_add(earned);
                self.value_micros = self.value_micros.saturating_add(after - before);
                self.value_squares = self.value_squares.saturating_add(after * after - before * before);
            }
            TriedStep::Dismissed => {}
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
