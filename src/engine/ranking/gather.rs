//! What speaks for each candidate: sums over the basket's rows, the shop's most bought items and the customer's history.
//!
//! Invariant: each source is read once. What is read stays as it is meanwhile: a row that the fold changes is copied, since
//! it is held here. No candidate's item is looked up by name, but those of the customer's history, which are few.

use std::sync::Arc;

use super::{Candidate, PairEvidence, Query};
use crate::engine::best::{Best, BestEntry};
use crate::engine::counts::BEST_NEIGHBOURS;
use crate::engine::customers::{Bought, History};
use crate::engine::row::Row;
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
/// What is added to an item's baskets before dividing, where the sums are for learning: of those, settings change nothing.
const PRIOR: f32 = 20.0;

/// Where candidates come from.
pub(super) struct Sources<'a> {
    pub(super) basket: &'a [&'a ItemId],
    /// The row of each basket item, where it was ever counted.
    rows: Vec<Option<Arc<Row>>>,
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
    pair: Option<(u32, u32)>,
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

impl<'a> Sources<'a> {
    pub(super) fn of(shop: &Shop, ranking: &Ranking, query: Query<'a>) -> Self {
        let rows = query.basket.iter().map(|item| shop.counts.row(item)).collect();
        let customer = query.customer.filter(|_| ranking.personal);
        let own = customer.and_then(|customer| shop.customers.with(customer, |history| own_of(shop, history, query.basket)));
        let popular = (ranking.popularity_prior > 0.0).then(|| shop.counts.popular());
        let all_baskets = shop.counts.baskets().max(1) as f64;
        Self { basket: query.basket, rows, popular, all_baskets, own: own.unwrap_or_default() }
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
        let most = self.rows.iter().flatten().map(|row| row.best().len()).sum::<usize>() + self.popular().len() + self.own.items.len();
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
        let (mut ages, mut popularities) = ([1.0_f32; 3], Vec::with_capacity(BEST_NEIGHBOURS));
        let mut of_all = Whole { baskets: (shop.counts.weight() as f64 / whole).max(1.0) as f32, ..Whole::default() };
        for (age, (at, row)) in self.rows.iter().enumerate().rev().enumerate() {
            position_weights += position_weight;
            let baskets = row.as_ref().map_or(0.0, |row| row.slot.weight() as f64 / whole);
            let (share, share_of_parts) = (position_weight / (baskets + ranking.prior_baskets), 1.0 / (baskets as f32 + PRIOR));
            if baskets + ranking.prior_baskets > 0.0 {
                prior += share;
            }
            for ((means, priors), age) in of_all.means.iter_mut().zip(&mut of_all.priors).zip(ages) {
                *means += age;
                *priors += age * share_of_parts;
            }
            // All at once: each item's own weight is somewhere else in memory, and the processor fetches them side by side.
            let neighbours = row.as_ref().map_or(&[][..], |row| row.best());
            popularities.clear();
            popularities.extend(neighbours.iter().map(|neighbour| neighbour.slot.weight() as f64 / whole));
            for (neighbour, popularity) in neighbours.iter().zip(&popularities) {
                let weight = neighbour.weight as f64 / whole;
                let part = share * weight;
                let sums = found.at(neighbour.number(), &neighbour.slot, *popularity);
                sums.pairs += part;
                if neighbour.together >= together_min && part > sums.strongest {
                    sums.strongest = part;
                    sums.pair = Some((at as u32, neighbour.together));
                }
                let beside = weight as f32 * share_of_parts;
                sums.parts.add(beside, neighbour, sums.popularity as f32, of_all.baskets, ages, age == 0);
            }
            position_weight *= position_decay;
            ages = [1.0, ages[1] * 0.8, ages[2] * 0.6];
        }
        for sums in &mut found.sums {
            sums.pairs /= position_weights;
        }
        for k in 0..3 {
            of_all.priors[k] /= of_all.means[k];
        }
        (if position_weights > 0.0 { ranking.popularity_prior * prior / position_weights } else { 0.0 }, of_all)
    }
}

impl Parts {
    /// Adds one item of the basket; `beside` is how often the candidate is bought beside it.
    fn add(&mut self, beside: f32, pair: &BestEntry, popularity: f32, all: f32, ages: [f32; 3], is_newest: bool) {
        let follows = beside * (pair.follows as f32 / (64.0 * pair.together.max(1) as f32));
        let log = libm::logf(1.0 + beside * all / (0.5 * (popularity + 1.0)));
        self.means.iter_mut().zip(ages).for_each(|(mean, age)| *mean += beside * age);
        self.logs = [self.logs[0] + log, self.logs[1] + log * ages[2]];
        self.follows += follows * ages[2];
        self.most = self.most.max(beside);
        self.supporters += 1.0;
        if is_newest {
            self.last = [beside, follows];
        }
    }
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

/// Candidates by the number of their item.
struct Found<'a> {
    /// One more than the place of a number's sums, at the number's own place or the next that was free; 0 where none is.
    places: Vec<u32>,
    sums: Vec<Sums<'a>>,
    whole: f64,
}

impl<'a> Found<'a> {
    /// Room for so many candidates; there must never be more.
    fn with_room_for(candidates: usize, whole: f64) -> Self {
        Self { places: vec![0; (candidates * 2).next_power_of_two().max(2)], sums: Vec::with_capacity(candidates), whole }
    }

    fn of(&mut self, slot: &'a Arc<Slot>) -> &mut Sums<'a> {
        let popularity = slot.weight() as f64 / self.whole;
        self.at(slot.number, slot, popularity)
    }

    fn at(&mut self, number: u32, slot: &'a Arc<Slot>, popularity: f64) -> &mut Sums<'a> {
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
