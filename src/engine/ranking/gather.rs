//! What speaks for each candidate: sums over the basket's rows, the shop's most bought items and the customer's history.
//!
//! Invariant: each source is read once. What is read stays as it is meanwhile: a row that the fold changes is copied, since
//! it is held here. No candidate's item is looked up by name, but those of the customer's history, which are few.

use std::sync::Arc;

use super::{Candidate, PairEvidence, Query};
use crate::engine::best::BestEntry;
use crate::engine::counts::Counts;
use crate::engine::customers::Bought;
use crate::engine::row::Row;
use crate::engine::settings::{CartOrder, Ranking};
use crate::engine::shop::Shop;
use crate::engine::slot::Slot;
use crate::event::ItemId;

/// So many items of a customer's history are looked at: those bought most often, then last.
const HISTORY_MAX: usize = 128;

/// Where candidates come from.
pub(super) struct Sources<'a> {
    basket: &'a [&'a ItemId],
    /// The row of each basket item, where it was ever counted.
    rows: Vec<Option<Arc<Row>>>,
    popular: Vec<BestEntry>,
    all_baskets: f64,
    history: Vec<(Arc<Slot>, u32)>,
    history_baskets: u32,
}

/// What speaks for one candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums<'a> {
    pub(super) slot: &'a Arc<Slot>,
    pub(super) pairs: f64,
    pub(super) history: f64,
    strongest: f64,
    /// The strongest pair: the basket item's place, and in how many baskets both were.
    pair: Option<(u32, u32)>,
    orders: u32,
}

impl<'a> Sources<'a> {
    pub(super) fn of(shop: &Shop, ranking: &Ranking, query: Query<'a>) -> Self {
        let rows = query.basket.iter().map(|item| shop.counts.row(item)).collect();
        let (history, history_baskets) = if ranking.personal { history_of(shop, query.customer) } else { (Vec::new(), 0) };
        let popular = if ranking.popularity_prior > 0.0 { shop.counts.with_popular(<[BestEntry]>::to_vec) } else { Vec::new() };
        Self { basket: query.basket, rows, popular, all_baskets: shop.counts.baskets().max(1) as f64, history, history_baskets }
    }

    /// What speaks for each candidate that is not in the basket, in no order that means anything.
    pub(super) fn sums(&self, ranking: &Ranking, whole: f64, together_min: u32) -> Vec<Sums<'_>> {
        let most = self.rows.iter().flatten().map(|row| row.best().len()).sum::<usize>() + self.popular.len() + self.history.len();
        let mut found = Found::with_room_for(most + self.rows.len());
        // What is in the basket is found first, and left out in the end.
        self.rows.iter().flatten().for_each(|row| _ = found.of(&row.slot));
        let in_basket = found.sums.len();
        let prior = self.add_pairs(ranking, whole, together_min, &mut found);
        if prior > 0.0 {
            self.popular.iter().for_each(|entry| _ = found.of(&entry.slot));
            for sums in &mut found.sums[in_basket..] {
                sums.pairs += prior * f64::from(sums.slot.baskets()) / self.all_baskets;
            }
        }
        let baskets = f64::from(self.history_baskets) + ranking.history_prior_baskets;
        for (slot, orders) in &self.history {
            let sums = found.of(slot);
            sums.history = ranking.history_weight * f64::from(*orders) / baskets;
            sums.orders = *orders;
        }
        found.sums.split_off(in_basket)
    }

    pub(super) fn candidate(&self, sums: &Sums<'_>, score: f64) -> Candidate {
        let pair = sums.pair.and_then(|(at, together)| {
            let row = self.rows.get(at as usize)?.as_ref()?;
            Some(PairEvidence { with: (*self.basket[at as usize]).clone(), baskets: row.slot.baskets(), together })
        });
        let history = (sums.orders > 0).then_some((sums.orders, self.history_baskets));
        Candidate { slot: Arc::clone(sums.slot), score, pair, history }
    }

    /// Adds what the basket's items are bought with; returns what a share of popularity of 1 adds.
    fn add_pairs<'s>(&'s self, ranking: &Ranking, whole: f64, together_min: u32, found: &mut Found<'s>) -> f64 {
        let position_decay = if ranking.cart_order == CartOrder::Recorded { ranking.position_decay } else { 1.0 };
        let mut position_weight = 1.0;
        let (mut position_weights, mut prior) = (0.0, 0.0);
        for (at, row) in self.rows.iter().enumerate().rev() {
            position_weights += position_weight;
            if let Some(row) = row {
                let share = position_weight / (row.slot.weight() as f64 / whole + ranking.prior_baskets);
                prior += share;
                for neighbour in row.best() {
                    let part = share * (neighbour.weight as f64 / whole);
                    let sums = found.of(&neighbour.slot);
                    sums.pairs += part;
                    if neighbour.together >= together_min && part > sums.strongest {
                        sums.strongest = part;
                        sums.pair = Some((at as u32, neighbour.together));
                    }
                }
            } else if ranking.prior_baskets > 0.0 {
                prior += position_weight / ranking.prior_baskets;
            }
            position_weight *= position_decay;
        }
        for sums in &mut found.sums {
            sums.pairs /= position_weights;
        }
        if position_weights > 0.0 { ranking.popularity_prior * prior / position_weights } else { 0.0 }
    }
}

/// What a customer bought most often, with how often, and in how many baskets it could have been.
fn history_of(shop: &Shop, customer: Option<&str>) -> (Vec<(Arc<Slot>, u32)>, u32) {
    let Some(customer) = customer else { return (Vec::new(), 0) };
    let slots = |history: &crate::engine::customers::History| {
        let mut items: Vec<(&ItemId, &Bought)> = history.items.iter().collect();
        let order = |a: &(&ItemId, &Bought), b: &(&ItemId, &Bought)| (b.1.orders, b.1.last_at, a.0).cmp(&(a.1.orders, a.1.last_at, b.0));
        if items.len() > HISTORY_MAX {
            items.select_nth_unstable_by(HISTORY_MAX - 1, order);
            items.truncate(HISTORY_MAX);
        }
        let slot = |counts: &Counts, item: &ItemId| counts.with_row(item, |row| Arc::clone(&row.slot));
        let slots = items.into_iter().filter_map(|(item, bought)| Some((slot(&shop.counts, item)?, bought.orders))).collect();
        (slots, history.baskets)
    };
    shop.customers.with(customer, slots).unwrap_or_default()
}

/// Candidates by the number of their item.
struct Found<'a> {
    /// One more than the place of a number's sums, at the number's own place or the next that was free; 0 where none is.
    places: Vec<u32>,
    sums: Vec<Sums<'a>>,
}

impl<'a> Found<'a> {
    /// Room for so many candidates; there must never be more.
    fn with_room_for(candidates: usize) -> Self {
        Self { places: vec![0; (candidates * 2).next_power_of_two().max(2)], sums: Vec::with_capacity(candidates) }
    }

    fn of(&mut self, slot: &'a Arc<Slot>) -> &mut Sums<'a> {
        let mask = self.places.len() - 1;
        // Fibonacci hashing (Knuth, TAOCP 3, 6.4): numbers that follow each other are spread.
        let mut at = slot.number.wrapping_mul(0x9E37_79B1) as usize >> 8 & mask;
        loop {
            match self.places[at] {
                0 => {
                    self.sums.push(Sums { slot, pairs: 0.0, history: 0.0, strongest: 0.0, pair: None, orders: 0 });
                    self.places[at] = self.sums.len() as u32;
                    return self.sums.last_mut().expect("it was just put there");
                }
                place if self.sums[place as usize - 1].slot.number == slot.number => return &mut self.sums[place as usize - 1],
                _ => at = (at + 1) & mask,
            }
        }
    }
}
