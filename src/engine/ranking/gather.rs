//! What speaks for each candidate: sums over the basket's rows, the shop's most bought items and the customer's history.
//!
//! Invariant: each source is read once. What is read stays as it is meanwhile: a row that the fold changes is copied, since
//! it is held here. No candidate's item is looked up by name, but those of the customer's history, which are few.

use std::sync::Arc;

use super::sums::{Beside, Found, Sums, Whole};
use super::{Candidate, PairEvidence, Query};
use crate::engine::best::{Best, BestEntry};
use crate::engine::counts::BEST_NEIGHBOURS;
use crate::engine::customers::{Bought, History};
use crate::engine::row::{PairCount, Row};
use crate::engine::settings::{CartOrder, Ranking};
use crate::engine::shop::Shop;
use crate::engine::slot::Slot;
use crate::event::ItemId;

/// So many items of a customer's history are looked at: those bought most often, then last.
const HISTORY_MAX: usize = 128;
/// So many of the basket's items, the newest, are looked for in the customer's earlier baskets.
const OVERLAP_MAX: usize = 64;
/// How many of a customer's baskets, the newest, [`Bought::baskets`] tells of.
const BASKETS_TOLD: usize = 32;
/// So many neighbours are read of a basket's items together, of each at least so many. A long basket has so many voices that
/// the strongest of each are enough.
const NEIGHBOURS_READ: usize = 192;
const NEIGHBOURS_READ_MIN: usize = 8;
/// What is added to an item's baskets before dividing, where the sums are for learning: of those, settings change nothing.
const PRIOR: f32 = 20.0;

/// Where candidates come from.
pub(super) struct Sources<'a> {
    pub(super) basket: &'a [&'a ItemId],
    /// The row of each basket item, where it was ever counted.
    rows: Vec<Option<Arc<Row>>>,
    /// How many of each row's best are read.
    neighbours: usize,
    popular: Option<Arc<Best>>,
    all_baskets: f64,
    own: Own,
}

/// What the customer bought before.
#[derive(Default)]
pub(super) struct Own {
    pub(super) items: Vec<(Arc<Slot>, Bought)>,
    /// How many baskets, of which the newest is the last.
    pub(super) baskets: u32,
    /// How many of the basket's items were in each of them, the newest first.
    pub(super) overlap: [f32; BASKETS_TOLD],
}

impl<'a> Sources<'a> {
    pub(super) fn of(shop: &Shop, ranking: &Ranking, query: Query<'a>) -> Self {
        let rows = query.basket.iter().map(|item| shop.counts.row(item)).collect();
        let customer = query.customer.filter(|_| ranking.personal);
        let own = customer.and_then(|customer| shop.customers.with(customer, |history| own_of(shop, history, query.basket)));
        let popular = (ranking.popularity_prior > 0.0).then(|| shop.counts.popular());
        let all_baskets = shop.counts.baskets().max(1) as f64;
        let neighbours = (NEIGHBOURS_READ / query.basket.len().max(1)).clamp(NEIGHBOURS_READ_MIN, BEST_NEIGHBOURS);
        Self { basket: query.basket, rows, neighbours, popular, all_baskets, own: own.unwrap_or_default() }
    }

    fn popular(&self) -> &[BestEntry] {
        self.popular.as_ref().map_or(&[], |popular| popular.entries())
    }

    pub(super) fn own(&self) -> &Own {
        &self.own
    }

    pub(super) fn all_baskets(&self) -> f64 {
        self.all_baskets
    }

    /// What speaks for each candidate that is not in the basket, in no order that means anything.
    pub(super) fn sums(&self, shop: &Shop, ranking: &Ranking, whole: f64, together_min: u32) -> (Vec<Sums<'_>>, Whole) {
        let most = self.rows.iter().flatten().map(|row| row.best().len().min(self.neighbours) + row.followed()).sum::<usize>()
            + self.popular().len()
            + self.own.items.len();
        let mut found = Found::with_room_for(most + self.rows.len(), whole);
        // What is in the basket is found first, and left out in the end.
        self.rows.iter().flatten().for_each(|row| _ = found.of(&row.slot));
        let in_basket = found.sums.len();
        let (prior, of_all) = self.add_pairs(shop, ranking, whole, together_min, &mut found);
        if prior > 0.0 {
            self.popular().iter().for_each(|entry| _ = found.of(&entry.slot));
            for sums in &mut found.sums[in_basket..] {
                sums.pairs += prior * f64::from(sums.slot.baskets()) / self.all_baskets;
            }
        }
        let baskets = f64::from(self.own.baskets) + ranking.history_prior_baskets;
        for (at, (slot, bought)) in self.own.items.iter().enumerate() {
            let sums = found.of(slot);
            sums.history = ranking.history_weight * f64::from(bought.orders) / baskets;
            sums.own = Some(at as u32);
        }
        (found.sums.split_off(in_basket), of_all)
    }

    pub(super) fn candidate(&self, sums: &Sums<'_>, score: f64) -> Candidate {
        let pair = sums.pair.and_then(|(at, together)| {
            let row = self.rows.get(at as usize)?.as_ref()?;
            Some(PairEvidence { with: (*self.basket[at as usize]).clone(), baskets: row.slot.baskets(), together })
        });
        let history = sums.own.map(|at| (self.own.items[at as usize].1.orders, self.own.baskets));
        Candidate { slot: Arc::clone(sums.slot), score, pair, history }
    }

    /// Adds what the basket's items are bought with; returns what a share of popularity of 1 adds, and what the parts are
    /// divided by.
    fn add_pairs<'s>(&'s self, shop: &Shop, ranking: &Ranking, whole: f64, together_min: u32, found: &mut Found<'s>) -> (f64, Whole) {
        let position_decay = if ranking.cart_order == CartOrder::Unknown { 1.0 } else { ranking.position_decay };
        let (mut position_weight, mut position_weights, mut prior) = (1.0, 0.0, 0.0);
        let mut ages = [1.0_f32; 3];
        let mut of_all = Whole { baskets: (shop.counts.weight() as f64 / whole).max(1.0) as f32, ..Whole::default() };
        for (age, (at, row)) in self.rows.iter().enumerate().rev().enumerate() {
            position_weights += position_weight;
            let baskets = row.as_ref().map_or(0.0, |row| row.slot.weight() as f64 / whole);
            if baskets + ranking.prior_baskets > 0.0 {
                prior += position_weight / (baskets + ranking.prior_baskets);
            }
            let beside = Beside {
                at: at as u32,
                share: position_weight / (baskets + ranking.prior_baskets),
                share_of_parts: 1.0 / (baskets as f32 + PRIOR),
                all: of_all.baskets,
                ages,
                is_newest: age == 0,
                together_min,
            };
            of_all.count(&beside);
            if let Some(row) = row {
                let best = &row.best()[..row.best().len().min(self.neighbours)];
                add_row(row, best, whole, baskets + ranking.prior_baskets, &beside, found);
            }
            position_weight *= position_decay;
            ages = [1.0, ages[1] * 0.8, ages[2] * 0.6];
        }
        for sums in &mut found.sums {
            sums.pairs /= position_weights;
        }
        of_all.settle();
        (if position_weights > 0.0 { ranking.popularity_prior * prior / position_weights } else { 0.0 }, of_all)
    }
}

/// Adds the best neighbours of one item of the basket, which was in so many baskets, the prior ones included.
fn add_row<'s>(row: &'s Row, best: &'s [BestEntry], whole: f64, baskets: f64, beside: &Beside, found: &mut Found<'s>) {
    // What rose of late counts as what it is of late, where that is more.
    let weight_of = |count, share| share_to_weight(count, share, whole, baskets);
    let risen: Vec<(&Arc<Slot>, PairCount, f64)> = row.risen().map(|(slot, count, share)| (slot, count, weight_of(count, share))).collect();
    // All at once: each item's own weight is somewhere else in memory, and the processor fetches them side by side.
    let mut popularities = [0.0; BEST_NEIGHBOURS];
    popularities.iter_mut().zip(best).for_each(|(popularity, neighbour)| *popularity = neighbour.slot.weight() as f64 / whole);
    for (neighbour, popularity) in best.iter().zip(popularities) {
        if risen.is_empty() || risen.iter().all(|(slot, ..)| slot.number != neighbour.number()) {
            let weight = neighbour.weight as f64 / whole;
            found.at(neighbour.number(), &neighbour.slot, popularity).add(beside, weight, neighbour.together, neighbour.follows);
        }
    }
    for (slot, count, weight) in risen {
        found.of(slot).add(beside, weight, count.together, count.follows);
    }
}

/// The weight that a pair of that share would have if all `baskets` had been as those of late: each weighs what those of the
/// pair do. No less than it has.
fn share_to_weight(count: PairCount, share: f64, whole: f64, baskets: f64) -> f64 {
    let weight = count.weight as f64 / whole;
    weight.max(share * baskets * (weight / f64::from(count.together.max(1))).min(1.0))
}

/// What a customer bought most often, and which of their baskets this one is like.
fn own_of(shop: &Shop, history: &History, basket: &[&ItemId]) -> Own {
    let mut items: Vec<(&ItemId, &Bought)> = history.items.iter().collect();
    let order = |a: &(&ItemId, &Bought), b: &(&ItemId, &Bought)| (b.1.orders, b.1.last_at, a.0).cmp(&(a.1.orders, a.1.last_at, b.0));
    if items.len() > HISTORY_MAX {
        items.select_nth_unstable_by(HISTORY_MAX - 1, order);
        items.truncate(HISTORY_MAX);
    }
    let slot = |item: &ItemId| shop.counts.with_row(item, |row| Arc::clone(&row.slot));
    let items = items.into_iter().filter_map(|(item, bought)| Some((slot(item)?, *bought))).collect();
    let mut overlap = [0.0; BASKETS_TOLD];
    for bought in basket.iter().rev().take(OVERLAP_MAX).filter_map(|item| history.items.get(item.as_str())) {
        bought.baskets_ago(history.baskets).for_each(|ago| overlap[ago] += 1.0);
    }
    Own { items, baskets: history.baskets, overlap }
}
