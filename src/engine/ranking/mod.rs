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

mod gather;

use std::sync::Arc;

use gather::{Sources, Sums};

use super::settings::Ranking;
use super::shop::Shop;
use super::slot::Slot;
use crate::event::{ItemId, Timestamp};

/// So many candidates are put in order, the best: three are wanted, and rules may have something against some.
pub const CANDIDATES_MAX: usize = 64;

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
    let sums = sources.sums(ranking, whole, query.together_min);
    let mut scored: Vec<(f64, &Sums<'_>)> = sums.iter().map(|sums| (score(sums, ranking, whole), sums)).collect();
    let order = |a: &(f64, &Sums<'_>), b: &(f64, &Sums<'_>)| b.0.total_cmp(&a.0).then_with(|| a.1.slot.item.cmp(&b.1.slot.item));
    if scored.len() > CANDIDATES_MAX {
        scored.select_nth_unstable_by(CANDIDATES_MAX - 1, order);
        scored.truncate(CANDIDATES_MAX);
    }
    scored.sort_unstable_by(order);
    scored.into_iter().map(|(score, sums)| sources.candidate(sums, score)).collect()
}

fn score(sums: &Sums<'_>, ranking: &Ranking, whole: f64) -> f64 {
    let popularity = sums.slot.weight() as f64 / whole;
    // An item whose every contribution was retracted has nothing to divide by, and nothing to offer.
    let held_back = if popularity > 0.0 { libm::exp2(ranking.popularity_exponent * libm::log2(popularity)) } else { f64::INFINITY };
    (sums.pairs + sums.history) / held_back
}

#[cfg(test)]
mod tests;
