//! Fallbacks: where counted pairs are too few, step by step to weaker evidence.
//!
//! Invariant: a weaker step is taken only for places that the stronger ones left empty: what sells best of categories
//! bought together, then of the basket's own categories at a like price, then (by ranking) in the whole shop, then
//! what the shop itself pins.

use super::companions::has_room;
use super::rules::{Role, Rules};
use super::{Chosen, Ground, Situation};
use crate::engine::ranking::Candidate;
use crate::engine::ratio::is_between;
use crate::event::{Id, Money};

/// Categories looked at: of the newest items.
const CATEGORIES_MAX: usize = 4;
/// Items looked at of one category.
const SHELF_LOOKED_AT: usize = 8;
/// A like price is at least this share of the other,
const PRICE_BAND_MIN: f64 = 0.5;
/// and at most this many times.
const PRICE_BAND_MAX: f64 = 2.0;

/// A category that goes with the basket.
pub(super) struct Neighbouring {
    /// The category of an item that is there,
    pub(super) with: Id,
    /// and the one that is bought together with it,
    pub(super) category: Id,
    /// of so many baskets,
    pub(super) baskets: u32,
    /// in so many.
    pub(super) together: u32,
}

/// Fills the places that are left by what is known of categories. What is bought together with an item that is there
/// says so, wherever it was ranked.
pub(super) fn fill_by_category(situation: &Situation<'_>, rules: &mut Rules<'_>, candidates: &[Candidate], chosen: &mut Vec<Chosen>) {
    if !has_room(situation, chosen) {
        return;
    }
    let own = own_categories(situation);
    for near in neighbouring(situation, &own) {
        let ground = Ground::Category { with: near.with, baskets: near.baskets, together: near.together };
        let shelf = Shelf { category: &near.category, baskets_min: situation.together_min(), near: None, ground };
        add_shelf(situation, rules, &shelf, candidates, chosen);
    }
    for (category, near) in &own {
        let (baskets_min, ground) = (situation.popular_min(), Ground::PopularInCategory);
        add_shelf(situation, rules, &Shelf { category, baskets_min, near: *near, ground }, candidates, chosen);
    }
}

/// Fills the places that nothing else could fill by what the shop pins.
pub(super) fn fill_by_pins(situation: &Situation<'_>, rules: &mut Rules<'_>, chosen: &mut Vec<Chosen>) {
    for item in &situation.settings.rules.pinned {
        if has_room(situation, chosen) {
            chosen.extend(rules.choose(item, Role::Companion, Ground::Pinned(None), chosen));
        }
    }
}

/// The categories of what is there, of the newest items first, each with the price of that item.
pub(super) fn own_categories(situation: &Situation<'_>) -> Vec<(Id, Option<Money>)> {
    let mut own: Vec<(Id, Option<Money>)> = Vec::new();
    for beside in situation.beside.iter().rev().take(4 * CATEGORIES_MAX) {
        let facets = situation.shop.catalogue.facets(&beside.item, situation.settings.currency);
        let Some(category) = facets.category else { continue };
        if own.len() < CATEGORIES_MAX && !own.iter().any(|(known, _)| *known == category) {
            own.push((category, beside.price.or(facets.price)));
        }
    }
    own
}

/// The categories of what is there, and those bought together with them; empty where none is known.
pub(super) fn near_categories(situation: &Situation<'_>) -> Vec<Id> {
    let own = own_categories(situation);
    let neighbours: Vec<Id> = neighbouring(situation, &own).into_iter().map(|near| near.category).collect();
    own.into_iter().map(|(category, _)| category).chain(neighbours).collect()
}

/// The categories bought together with these often enough, the most frequent first of each.
pub(super) fn neighbouring(situation: &Situation<'_>, own: &[(Id, Option<Money>)]) -> Vec<Neighbouring> {
    let together_min = situation.together_min();
    let mut found: Vec<Neighbouring> = Vec::new();
    for (with, _) in own {
        situation.shop.categories.with_row(with, |row| {
            let baskets = row.slot.baskets();
            for other in row.best().iter().filter(|other| other.together >= together_min).take(CATEGORIES_MAX) {
                let category = &other.slot.item;
                let is_known = own.iter().any(|(own, _)| own == category) || found.iter().any(|found| found.category == *category);
                if !is_known {
                    found.push(Neighbouring { with: with.clone(), category: category.clone(), baskets, together: other.together });
                }
            }
        });
    }
    found
}

/// What sells best of a category, as far as it is wanted.
struct Shelf<'a> {
    category: &'a str,
    /// In at least so many baskets,
    baskets_min: u32,
    /// at a price like this one.
    near: Option<Money>,
    ground: Ground,
}

fn add_shelf(situation: &Situation<'_>, rules: &mut Rules<'_>, shelf: &Shelf<'_>, candidates: &[Candidate], chosen: &mut Vec<Chosen>) {
    for slot in situation.shop.shelves.of(shelf.category).into_iter().take(SHELF_LOOKED_AT) {
        if !has_room(situation, chosen) {
            return;
        }
        // What is there is no candidate for going with itself.
        if slot.baskets() < shelf.baskets_min || rules.is_there(&slot.item) {
            continue;
        }
        let ranked = candidates.iter().find(|candidate| candidate.slot.number == slot.number);
        let own = ranked.and_then(|candidate| Ground::of(candidate, situation));
        let ground = own.filter(|own| *own != Ground::Popular).unwrap_or_else(|| shelf.ground.clone());
        if let Some(item) = rules.choose(&slot.item, Role::Companion, ground, chosen)
            && is_like(item.facets.price, shelf.near)
        {
            chosen.push(item);
        }
    }
}

/// Whether a price is like another; where one is not known, nothing speaks against it.
fn is_like(price: Option<Money>, other: Option<Money>) -> bool {
    let (Some(price), Some(other)) = (price, other) else { return true };
    is_between(price, PRICE_BAND_MIN, PRICE_BAND_MAX, other)
}
