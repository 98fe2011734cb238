//! Ranking: which items go with a basket, best first.
//!
//! For a candidate j, a basket of items i (age 0 for the one added last) and a customer u:
//!
//! ```text
//! score(j) = [ sum_i d^age(i) * (c_ij + m * p_j) / (n_i + prior)  /  sum_i d^age(i)
//!              + eta * h_uj / (B_u + history_prior) ]  /  n_j^b
//! ```
//!
//! c and n are the decayed weights of pairs and items, p_j the share of all baskets with j, h_uj the customer's earlier
//! baskets with j, B_u all of them. Of each basket item only its heaviest neighbours are read (see
//! `counts::BEST_NEIGHBOURS`, and fewer of each in a long basket), beside the shop's most bought items. So where little is known of the basket's items,
//! what is popular comes first, and the more is known, the less that counts.
//!
//! Invariant: sums run in basket order and candidates are ordered by score, then item id; no map's order and
//! no interned number ever shows.

pub mod calibration;
mod fast;
pub mod features;
mod gather;
mod judge;
pub mod learner;
pub mod model;
pub mod shadow;
mod sums;
mod ways;
pub mod worth;

use std::sync::Arc;

use calibration::Common;
use features::{Features, Ground};
use gather::Sources;
use judge::by_score;
pub use judge::worth_of;
use learner::{Chosen, Example, Known, OFFERED};
use sums::Sums;
pub use ways::{WAYS, name as way_name};

use super::settings::{Ranking, RankingObjective};
use super::shop::Shop;
use super::slot::Slot;
use crate::event::{ItemId, Timestamp};

/// So many candidates are put in order, the best: three are wanted, and rules may have something against some.
pub const CANDIDATES_MAX: usize = 64;

/// So many of those the model puts in order.
const LEARNED_MAX: usize = 30;

/// An item that goes with a basket.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The item, with its own count.
    pub slot: Arc<Slot>,
    /// The formula's value.
    pub score: f64,
    /// The strongest pair behind it: the basket item, in how many baskets it was, and in how many of those the
    /// candidate was too.
    pub pair: Option<PairEvidence>,
    /// How many of the customer's earlier baskets had it, and how many there were.
    pub history: Option<(u32, u32)>,
}

/// A pair as evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct PairEvidence {
    /// The item in the basket.
    pub with: ItemId,
    /// Purchased baskets with it.
    pub baskets: u32,
    /// Those with the candidate too.
    pub together: u32,
}

/// Whom and when to rank for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The basket, in the order of adding.
    pub basket: &'a [&'a ItemId],
    /// The customer, where known.
    pub customer: Option<&'a str>,
    /// The time of the event.
    pub now: Timestamp,
    /// A pair counts as evidence from this many baskets on.
    pub together_min: u32,
}

/// The best candidates for a basket, at most [`CANDIDATES_MAX`], best first; none of them is in it.
#[must_use]
pub fn rank(shop: &Shop, ranking: &Ranking, query: Query<'_>) -> Vec<Candidate> {
    let Some(whole) = shop.decay().map(|decay| decay.whole_at(query.now)) else { return Vec::new() };
    let sources = Sources::of(shop, ranking, query);
    let (sums, of_all) = sources.sums(shop, ranking, whole, query.together_min);
    let ground = Ground::new(shop, query.now, of_all, sources.own(), query.basket.len(), sources.all_baskets());
    let known = shop.learner.known();
    // Beside nothing, nothing was learned.
    let is_known = !query.basket.is_empty();
    let chosen = if is_known { known.chosen(ranking, whole) } else { Chosen::Own };
    let power = known.power(ranking.objective, whole).filter(|_| is_known);
    let by_model = chosen == Chosen::Learned || power.is_some();
    let score = |sums: &Sums<'_>| match chosen {
        _ if by_model => ways::ALL[ways::FIRST].score(&ground, sums),
        Chosen::Setting(setting) => ways::ALL[setting].score(&ground, sums),
        _ => formula(sums, ranking),
    };
    let mut best = best(&sums, score, CANDIDATES_MAX);
    if by_model {
        let most = best.len().min(LEARNED_MAX);
        let order = order(&best[..most], &ground, &known, power.map(|power| (ranking.objective, power)));
        reorder(&mut best[..most], &order);
    }
    best.into_iter().map(|(score, sums)| sources.candidate(sums, score)).collect()
}

/// A step of a basket as an example to learn from: its candidates by the formula as it is by default, and what each setting
/// offers.
#[must_use]
pub fn example(shop: &Shop, query: Query<'_>) -> Option<Example> {
    let whole = shop.decay().filter(|_| !query.basket.is_empty()).map(|decay| decay.whole_at(query.now))?;
    let ranking = Ranking::default();
    let sources = Sources::of(shop, &ranking, query);
    let (sums, of_all) = sources.sums(shop, &ranking, whole, query.together_min);
    let ground = Ground::new(shop, query.now, of_all, sources.own(), query.basket.len(), sources.all_baskets());
    let first = best(&sums, |sums| ways::ALL[ways::FIRST].score(&ground, sums), LEARNED_MAX);
    let mut slots: Vec<&Arc<Slot>> = first.iter().map(|(_, sums)| sums.slot).collect();
    let features = features(&first, &ground);
    let mut offered = Vec::with_capacity(ways::ALL.len());
    for way in ways::ALL {
        let best = best(&sums, |sums| way.score(&ground, sums), OFFERED);
        offered.push(best.into_iter().map(|(_, sums)| place_of(sums.slot, &mut slots)).collect());
    }
    if features.is_empty() {
        return None;
    }
    let items = slots.iter().map(|slot| slot.item.clone()).collect();
    let worth = slots.iter().map(|slot| slot.worth()).collect();
    Some(Example { items, features, worth, offered, basket: query.basket.len(), ts: query.now })
}

/// The place of an item among others, which it joins if need be.
fn place_of<'a>(slot: &'a Arc<Slot>, slots: &mut Vec<&'a Arc<Slot>>) -> u8 {
    let known = slots.iter().position(|other| other.number == slot.number);
    known.unwrap_or_else(|| {
        slots.push(slot);
        slots.len() - 1
    }) as u8
}

/// The best by a score, best first, ties by item id.
fn best<'s, 'a>(sums: &'s [Sums<'a>], score: impl Fn(&Sums<'a>) -> f64, most: usize) -> Vec<(f64, &'s Sums<'a>)> {
    let mut scored: Vec<(f64, &Sums<'_>)> = sums.iter().map(|sums| (score(sums), sums)).collect();
    let order = |a: &(f64, &Sums<'_>), b: &(f64, &Sums<'_>)| b.0.total_cmp(&a.0).then_with(|| a.1.slot.item.cmp(&b.1.slot.item));
    if scored.len() > most {
        scored.select_nth_unstable_by(most - 1, order);
        scored.truncate(most);
    }
    scored.sort_unstable_by(order);
    scored
}

/// The places of candidates in the model's order, or in that of what they are expected to earn.
fn order(best: &[(f64, &Sums<'_>)], ground: &Ground<'_>, known: &Known, for_worth: Option<(RankingObjective, usize)>) -> Vec<usize> {
    let scores: Vec<f32> = features(best, ground).iter().map(|features| known.model.score(features)).collect();
    let Some((objective, power)) = for_worth else { return by_score(scores.into_iter()) };
    let common = Common::of(scores.iter().copied(), ground.basket);
    let worth = best.iter().map(|(_, sums)| worth::of(objective, known.earnings.or_mean(sums.slot.worth())));
    by_score(known.by_worth(&scores, common, &worth.collect::<Vec<f32>>(), power))
}

/// Puts candidates in that order. Scores stay as they were, in the same places: a number that falls from one place to the
/// next.
fn reorder(best: &mut [(f64, &Sums<'_>)], order: &[usize]) {
    let before = best.to_vec();
    best.iter_mut().zip(order).for_each(|(place, from)| place.1 = before[*from].1);
}

fn features(best: &[(f64, &Sums<'_>)], ground: &Ground<'_>) -> Vec<Features> {
    let of = |(rank, (score, sums)): (usize, &(f64, &Sums<'_>))| ground.features(sums, fast::ln(*score as f32 + 1e-9), rank);
    best.iter().enumerate().map(of).collect()
}

fn formula(sums: &Sums<'_>, ranking: &Ranking) -> f64 {
    ways::held_back(sums.pairs + sums.history, sums.popularity, ranking.popularity_exponent)
}

#[cfg(test)]
mod tests;
