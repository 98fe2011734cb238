//! What is simplest: popularity, plain co-counts, log-likelihood ratio, cosine; from the shop's own integer counts, with no
//! decay, over all neighbours of the basket's items.
//!
//! For a basket of items i and a candidate j, with n_i purchased baskets with i, c_ij with both, and N in all:
//! popularity n_j; co-count sum c_ij; cosine sum c_ij / sqrt(n_i n_j); LLR the sum of Dunning's statistic
//! ("Accurate methods for the statistics of surprise and coincidence", 1993), of pairs more often together than by chance.
//!
//! Invariant: of equal scores what is in more baskets comes first, then the lower id; where pairs name fewer than three,
//! what is popular follows. Sums are kept from one step of a basket to the next only while nothing was bought or given
//! back in between.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::steps::ANSWER_ITEMS;
use crate::engine::counts::Counts;
use crate::engine::slot::Slot;
use crate::event::ItemId;

/// Their names in reports, in the order of their answers.
pub const NAMES: [&str; 4] = ["popularity", "co_count", "llr", "cosine"];

/// Values of x ln x that are kept at hand.
const ENTROPIES_KEPT: usize = 1 << 20;

/// The baselines, with what they keep between steps.
#[derive(Debug, Default)]
pub struct Baselines {
    popular: BTreeSet<(Reverse<u32>, ItemId)>,
    listed: HashMap<ItemId, u32, FixedState>,
    /// Items whose count may have changed since they were listed.
    changed: Vec<ItemId>,
    /// How often counts have changed.
    version: u64,
    sums: Sums,
    entropies: Vec<f64>,
}

/// Sums over the rows of a basket's items.
#[derive(Debug, Default)]
struct Sums {
    of: Option<(u64, u64, u64)>,
    rows: Vec<ItemId>,
    places: HashMap<u32, usize, FixedState>,
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    slot: Arc<Slot>,
    co_count: u64,
    llr: f64,
    cosine: f64,
}

impl Baselines {
    /// Counts of these items are about to change.
    pub fn change<'a>(&mut self, items: impl Iterator<Item = &'a ItemId>) {
        self.changed.extend(items.cloned());
        self.version += 1;
    }

    /// What each puts first for a basket.
    pub fn answer(&mut self, counts: &Counts, serial: u64, basket: &[&ItemId]) -> [Vec<ItemId>; 4] {
        self.list_changed(counts);
        self.sum_up(counts, serial, basket);
        let is_there: HashSet<&str, FixedState> = basket.iter().map(|item| item.as_str()).collect();
        let popular: Vec<ItemId> = self
            .popular
            .iter()
            .map(|(_, item)| item)
            .filter(|item| !is_there.contains(item.as_str()))
            .take(ANSWER_ITEMS)
            .cloned()
            .collect();
        let filled = |mut best: Vec<ItemId>| {
            best.extend(popular.iter().filter(|item| !best.contains(item)).cloned().collect::<Vec<_>>());
            best.truncate(ANSWER_ITEMS);
            best
        };
        let is_there = |item: &str| is_there.contains(item);
        let co_count = filled(self.sums.best(|found| found.co_count as f64, is_there));
        let llr = filled(self.sums.best(|found| found.llr, is_there));
        let cosine = filled(self.sums.best(|found| found.cosine, is_there));
        [popular, co_count, llr, cosine]
    }

    /// Brings the list of the popular up to what is counted now.
    fn list_changed(&mut self, counts: &Counts) {
        for item in std::mem::take(&mut self.changed) {
            let now = counts.with_row(&item, |row| row.slot.baskets()).unwrap_or_default();
            if let Some(before) = self.listed.insert(item.clone(), now) {
                self.popular.remove(&(Reverse(before), item.clone()));
            }
            if now > 0 {
                self.popular.insert((Reverse(now), item));
            }
        }
    }

    fn sum_up(&mut self, counts: &Counts, serial: u64, basket: &[&ItemId]) {
        let of = Some((serial, self.version, counts.evicted_items() + counts.evicted_pairs()));
        let goes_on = self.sums.of == of
            && basket.len() >= self.sums.rows.len()
            && self.sums.rows.iter().eq(basket[..self.sums.rows.len()].iter().copied());
        if !goes_on {
            self.sums = Sums { of, ..Sums::default() };
        }
        for item in &basket[self.sums.rows.len()..] {
            self.add_row(counts, item);
            self.sums.rows.push((*item).clone());
        }
    }

    fn add_row(&mut self, counts: &Counts, item: &ItemId) {
        let all = counts.baskets();
        let Self { sums, entropies, .. } = self;
        counts.with_row(item, |row| {
            let own = row.slot.baskets();
            for (slot, pair) in row.neighbours().filter(|(_, pair)| pair.together > 0) {
                let other = slot.baskets();
                let found = sums.found(slot);
                found.co_count += u64::from(pair.together);
                found.cosine += f64::from(pair.together) / (f64::from(own) * f64::from(other)).max(1.0).sqrt();
                found.llr += log_likelihood_ratio(entropies, all, own, other, pair.together);
            }
        });
    }
}

impl Sums {
    fn found(&mut self, slot: &Arc<Slot>) -> &mut Found {
        let place = *self.places.entry(slot.number).or_insert_with(|| {
            self.found.push(Found { slot: Arc::clone(slot), co_count: 0, llr: 0.0, cosine: 0.0 });
            self.found.len() - 1
        });
        &mut self.found[place]
    }

    /// The best three by a score above nothing.
    fn best(&self, score: impl Fn(&Found) -> f64, is_there: impl Fn(&str) -> bool) -> Vec<ItemId> {
        let mut best: Vec<&Found> = Vec::with_capacity(ANSWER_ITEMS + 1);
        let order = |a: &Found, b: &Found| -> Ordering {
            score(b).total_cmp(&score(a)).then_with(|| b.slot.baskets().cmp(&a.slot.baskets())).then_with(|| a.slot.item.cmp(&b.slot.item))
        };
        for found in &self.found {
            let is_full = best.len() == ANSWER_ITEMS;
            if score(found) <= 0.0 || (is_full && order(found, best[ANSWER_ITEMS - 1]).is_gt()) || is_there(&found.slot.item) {
                continue;
            }
            best.insert(best.partition_point(|other| order(other, found).is_lt()), found);
            best.truncate(ANSWER_ITEMS);
        }
        best.into_iter().map(|found| found.slot.item.clone()).collect()
    }
}

/// Dunning's statistic of a pair that is together more often than chance would have it; 0 of others.
fn log_likelihood_ratio(entropies: &mut Vec<f64>, all: u64, one: u32, other: u32, both: u32) -> f64 {
    let (one, other, both) = (u64::from(one), u64::from(other), u64::from(both));
    // After evictions a pair may say more than its items do.
    let both = both.min(one).min(other);
    let all = all.max(one + other - both);
    if u128::from(both) * u128::from(all) <= u128::from(one) * u128::from(other) {
        return 0.0;
    }
    let mut h = |count: u64| entropy(entropies, count);
    let cells = h(both) + h(one - both) + h(other - both) + h(all + both - one - other);
    let margins = h(one) + h(all - one) + h(other) + h(all - other);
    (2.0 * (cells - margins + h(all))).max(0.0)
}

/// x ln x.
fn entropy(kept: &mut Vec<f64>, count: u64) -> f64 {
    let of = |count: u64| if count == 0 { 0.0 } else { count as f64 * libm::log(count as f64) };
    let at = count as usize;
    if at >= ENTROPIES_KEPT {
        return of(count);
    }
    while kept.len() <= at {
        kept.push(of(kept.len() as u64));
    }
    kept[at]
}

#[cfg(test)]
#[path = "baselines_tests.rs"]
mod tests;
