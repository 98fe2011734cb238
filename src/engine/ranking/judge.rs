//! What an example says: of each way to rank whether it would have offered what was bought, of chances how true they are,
//! and of worth what it would have earned.
//!
//! Invariant: all are judged by what was known before the example; only then is it learned from.

use super::calibration::Common;
use super::learner::{Example, Known, OFFERED};
use super::ways::LEARNED;
use super::worth::{self, OF_WORTH, POWERS, Worth};
use crate::engine::decay::Decay;
use crate::engine::facts::BoughtItem;
use crate::engine::settings::{Ranking, RankingObjective};
use crate::event::{ItemId, Timestamp};

/// What a bought line earned, in units of the currency.
#[must_use]
pub fn worth_of(bought: &BoughtItem) -> Worth {
    [bought.net_micros, bought.margin_micros].map(|micros| (micros as f64 / 1e6) as f32)
}

/// The places of candidates in the order of what they score, equals as they are.
pub(super) fn by_score(scores: impl Iterator<Item = f32>) -> Vec<usize> {
    let mut scored: Vec<(f32, usize)> = scores.enumerate().map(|(place, score)| (score, place)).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().map(|(_, place)| place).collect()
}

/// An example with its outcome.
struct Judged<'a> {
    example: &'a Example,
    /// By place, whether it was bought.
    bought: Vec<bool>,
    /// The model's scores, and the places by them.
    scores: Vec<f32>,
    by_model: Vec<usize>,
    common: Common,
    at: Timestamp,
}

/// What each way to rank for worth offered of a basket that was then bought, by objective: without a power, then with each.
/// An item is bought once, however often it was offered.
#[derive(Debug, Default)]
pub(super) struct FoundOfBasket([[Vec<ItemId>; 1 + POWERS.len()]; OF_WORTH.len()]);

impl Judged<'_> {
    /// What was bought of the offered places and is not found yet, by its worth.
    fn earned(&self, offered: &[usize], worth: &[f32], found: &mut Vec<ItemId>) -> f32 {
        let mut earned = 0.0;
        for place in offered.iter().filter(|place| self.bought[**place]) {
            let item = &self.example.items[*place];
            if !found.contains(item) {
                found.push(item.clone());
                earned += worth[*place];
            }
        }
        earned
    }
}

impl Known {
    /// Judges all ways by an example, then learns from it; `found` is of its basket's examples so far.
    pub(super) fn learn(&mut self, example: &Example, bought: &[BoughtItem], decay: Decay, at: Timestamp, found: &mut FoundOfBasket) {
        let scores: Vec<f32> = example.features.iter().map(|features| self.model.score(features)).collect();
        let judged = Judged {
            example,
            bought: example.items.iter().map(|item| bought.iter().any(|bought| bought.item == *item)).collect(),
            by_model: by_score(scores.iter().copied()),
            common: Common::of(scores.iter().copied(), example.basket),
            scores,
            at,
        };
        let offered = self.offered(&judged, decay);
        self.judge_chances(&judged, &offered, decay);
        self.judge_worth(&judged, &offered, decay, found);
        self.judge_ways(&judged, decay);
        bought.iter().filter(|bought| bought.net_micros > 0).for_each(|bought| self.earnings.line(worth_of(bought)));
        self.newest = self.newest.max(at);
        let is_bought = &judged.bought[..example.features.len()];
        self.calibration.learn(judged.by_model.iter().map(|place| (judged.scores[*place], judged.bought[*place])), judged.common);
        self.model.learn(&example.features, is_bought);
    }

    /// The places of what was offered by what was known, by default settings.
    fn offered(&self, judged: &Judged<'_>, decay: Decay) -> Vec<usize> {
        match self.in_use(&Ranking::default(), Some(decay)) {
            LEARNED => judged.by_model.iter().take(OFFERED).copied().collect(),
            setting => judged.example.offered[setting].iter().map(|place| usize::from(*place)).collect(),
        }
    }

    fn judge_ways(&mut self, judged: &Judged<'_>, decay: Decay) {
        let mut hit = u32::from(judged.by_model.iter().take(OFFERED).any(|place| judged.bought[*place])) << LEARNED;
        for (setting, places) in judged.example.offered.iter().enumerate() {
            hit |= u32::from(places.iter().any(|place| judged.bought[usize::from(*place)])) << setting;
        }
        self.shadow.add(decay, judged.at, hit);
    }

    fn judge_chances(&mut self, judged: &Judged<'_>, offered: &[usize], decay: Decay) {
        for place in offered.iter().filter(|place| **place < judged.scores.len()) {
            let chance = self.calibration.chance(judged.scores[*place], judged.common);
            self.calibration.judge(chance, judged.bought[*place], decay.whole_at(judged.at));
        }
    }

    fn judge_worth(&mut self, judged: &Judged<'_>, offered: &[usize], decay: Decay, found: &mut FoundOfBasket) {
        for (objective, found) in OF_WORTH.into_iter().zip(&mut found.0) {
            let worth: Vec<f32> = judged.example.worth.iter().map(|worth| worth::of(objective, self.earnings.or_mean(*worth))).collect();
            let [without, with_power @ ..] = found;
            let without = judged.earned(offered, &worth, without);
            let mut with = [0.0; POWERS.len()];
            for (power, (with, found)) in with.iter_mut().zip(with_power).enumerate() {
                let places = by_score(self.by_worth(&judged.scores, judged.common, &worth, power));
                *with = judged.earned(&places[..places.len().min(OFFERED)], &worth, found);
            }
            self.earnings.add(decay.whole_at(judged.at), objective, without, with);
        }
    }

    /// What candidates are expected to earn: their chances times what they are worth, to a power.
    pub(super) fn by_worth<'a>(
        &'a self,
        scores: &'a [f32],
        common: Common,
        worth: &'a [f32],
        power: usize,
    ) -> impl Iterator<Item = f32> + 'a {
        scores.iter().zip(worth).map(move |(score, worth)| self.calibration.chance(*score, common) * worth::raised(*worth, power))
    }

    /// The power of worth that is used for an objective, if any is.
    #[must_use]
    pub fn power(&self, objective: RankingObjective, whole: f64) -> Option<usize> {
        self.earnings.power(objective, whole)
    }
}
