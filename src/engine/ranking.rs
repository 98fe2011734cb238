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

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::settings::{CartOrder, Ranking};
use super::shop::Shop;
use super::slot::Slot;
use crate::event::{ItemId, Timestamp};

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

#[derive(Default)]
struct Sums {
    pairs: f64,
    history: f64,
    strongest: f64,
    pair: Option<PairEvidence>,
    counts: Option<(u32, u32)>,
}

type Found = HashMap<u32, (Arc<Slot>, Sums), FixedState>;

/// All candidates for a basket, best first; none of them is in it.
#[must_use]
pub fn rank(shop: &Shop, ranking: &Ranking, query: Query<'_>) -> Vec<Candidate> {
    let Some(whole) = shop.decay().map(|decay| decay.whole_at(query.now)) else { return Vec::new() };
    let mut found = Found::default();
    let prior = add_pairs(shop, ranking, whole, query, &mut found);
    if prior > 0.0 {
        add_popularity(shop, prior, &mut found);
    }
    if ranking.personal {
        add_history(shop, ranking, query, &mut found);
    }
    for item in query.basket {
        shop.counts.with_row(item, |row| found.remove(&row.slot.number));
    }
    let mut candidates: Vec<Candidate> = found.into_values().map(|(slot, sums)| candidate(slot, sums, ranking, whole)).collect();
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.slot.item.cmp(&b.slot.item)));
    candidates
}

/// Adds the share of popularity: to what was found, and for the shop's most bought items.
fn add_popularity(shop: &Shop, prior: f64, found: &mut Found) {
    let all = shop.counts.baskets().max(1) as f64;
    shop.counts.with_popular(|popular| {
        for entry in popular {
            found.entry(entry.slot.number).or_insert_with(|| (Arc::clone(&entry.slot), Sums::default()));
        }
    });
    for (slot, sums) in found.values_mut() {
        sums.pairs += prior * f64::from(slot.baskets()) / all;
    }
}

/// Adds what the basket's items are bought with; returns what a share of popularity of 1 adds.
fn add_pairs(shop: &Shop, ranking: &Ranking, whole: f64, query: Query<'_>, found: &mut Found) -> f64 {
    let position_decay = if ranking.cart_order == CartOrder::Recorded { ranking.position_decay } else { 1.0 };
    let mut position_weight = 1.0;
    let (mut position_weights, mut prior) = (0.0, 0.0);
    for item in query.basket.iter().rev() {
        position_weights += position_weight;
        let known = shop.counts.with_row(item, |row| {
            let share = position_weight / (row.slot.weight() as f64 / whole + ranking.prior_baskets);
            prior += share;
            for neighbour in row.best() {
                let part = share * (neighbour.weight as f64 / whole);
                let (_, sums) = found.entry(neighbour.slot.number).or_insert_with(|| (Arc::clone(&neighbour.slot), Sums::default()));
                sums.pairs += part;
                if neighbour.together >= query.together_min && part > sums.strongest {
                    sums.strongest = part;
                    let baskets = row.slot.baskets();
                    sums.pair = Some(PairEvidence { with: (*item).clone(), baskets, together: neighbour.together });
                }
            }
        });
        if known.is_none() && ranking.prior_baskets > 0.0 {
            prior += position_weight / ranking.prior_baskets;
        }
        position_weight *= position_decay;
    }
    for (_, sums) in found.values_mut() {
        sums.pairs /= position_weights;
    }
    if position_weights > 0.0 { ranking.popularity_prior * prior / position_weights } else { 0.0 }
}

fn add_history(shop: &Shop, ranking: &Ranking, query: Query<'_>, found: &mut Found) {
    let Some(customer) = query.customer else { return };
    shop.customers.with(customer, |history| {
        let baskets = f64::from(history.baskets) + ranking.history_prior_baskets;
        for (item, bought) in &history.items {
            let Some(slot) = shop.counts.with_row(item, |row| Arc::clone(&row.slot)) else { continue };
            let (_, sums) = found.entry(slot.number).or_insert_with(|| (slot, Sums::default()));
            sums.history = ranking.history_weight * f64::from(bought.orders) / baskets;
            sums.counts = Some((bought.orders, history.baskets));
        }
    });
}

fn candidate(slot: Arc<Slot>, sums: Sums, ranking: &Ranking, whole: f64) -> Candidate {
    let popularity = slot.weight() as f64 / whole;
    // An item whose every contribution was retracted has nothing to divide by, and nothing to offer.
    let held_back = if popularity > 0.0 { libm::pow(popularity, ranking.popularity_exponent) } else { f64::INFINITY };
    Candidate { score: (sums.pairs + sums.history) / held_back, slot, pair: sums.pair, history: sums.counts }
}

#[cfg(test)]
#[path = "ranking_tests.rs"]
mod tests;
