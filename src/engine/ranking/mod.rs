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
//! `counts::BEST_NEIGHBOURS`), beside the shop's most bought items. So where little is known of the basket's items,
//! what is popular comes first, and the more is known, the less that counts.
//!
//! Invariant: sums run in basket order and candidates are ordered by score, then item id; no map's order and
//! no interned number ever shows.

pub mod features;
mod gather;
pub mod learner;
pub mod model;
pub mod shadow;
mod sums;
mod ways;

use std::sync::Arc;

use features::{Features, Ground};
use gather::Sources;
use learner::{Example, OFFERED};
use model::Model;
use sums::Sums;
pub use ways::{WAYS, name as way_name};

use super::settings::Ranking;
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
    let (is_tuned, is_learned) = (ranking.tuned && !query.basket.is_empty(), ranking.learned && !query.basket.is_empty());
    let setting = if is_tuned { known.setting(ranking.cart_order, whole) } else { ways::FIRST };
    let is_learned = is_learned && known.is_model_better(setting, whole);
    let score = |sums: &Sums<'_>| {
        if is_learned {
            ways::ALL[ways::FIRST].score(&ground, sums)
        } else if is_tuned && setting != ways::allowed(ranking.cart_order).0 {
            ways::ALL[setting].score(&ground, sums)
        } else {
            formula(sums, ranking)
        }
    };
    let mut best = best(&sums, score, CANDIDATES_MAX);
    if is_learned {
        reorder(&mut best, &ground, &known.model);
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
    let mut items: Vec<ItemId> = first.iter().map(|(_, sums)| sums.slot.item.clone()).collect();
    let features = features(&first, &ground);
    let offered = ways::ALL.iter().map(|way| best(&sums, |sums| way.score(&ground, sums), OFFERED)).map(|offered| {
        let place = |(_, sums): (f64, &Sums<'_>)| {
            let known = items.iter().position(|item| *item == sums.slot.item);
            known.unwrap_or_else(|| {
                items.push(sums.slot.item.clone());
                items.len() - 1
            }) as u8
        };
        offered.into_iter().map(place).collect()
    });
    let offered = offered.collect();
    (!features.is_empty()).then_some(Example { items, features, offered, ts: query.now })
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

/// Puts the first candidates in the model's order. Scores stay as they were, in the same places: a number that falls from one
/// place to the next.
fn reorder(best: &mut [(f64, &Sums<'_>)], ground: &Ground<'_>, model: &Model) {
    let most = best.len().min(LEARNED_MAX);
    let scores: Vec<f64> = best[..most].iter().map(|(score, _)| *score).collect();
    let features = features(&best[..most], ground);
    let mut by_model: Vec<(f32, usize, &Sums<'_>)> = features
        .iter()
        .zip(&best[..most])
        .enumerate()
        .map(|(place, (features, (_, sums)))| (model.score(features), place, *sums))
        .collect();
    by_model.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for ((place, score), (.., sums)) in best.iter_mut().zip(scores).zip(by_model) {
        *place = (score, sums);
    }
}

fn features(best: &[(f64, &Sums<'_>)], ground: &Ground<'_>) -> Vec<Features> {
    let of = |(rank, (score, sums)): (usize, &(f64, &Sums<'_>))| ground.features(sums, libm::logf(*score as f32 + 1e-9), rank);
    best.iter().enumerate().map(of).collect()
}

fn formula(sums: &Sums<'_>, ranking: &Ranking) -> f64 {
    ways::held_back(sums.pairs + sums.history, sums.popularity, ranking.popularity_exponent)
}

#[cfg(test)]
mod tests;
