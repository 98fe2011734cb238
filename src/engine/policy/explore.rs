//! Exploration: a small share of offers may carry a new item, so that it can earn evidence of its own.
//!
//! Invariant: a new item keeps to every rule, and takes the last place. Whether an offer may carry one is drawn in
//! `variant`.

use super::rules::{Role, Rules};
use super::{Chosen, Ground, Situation, companions, fallback};
use crate::engine::hash::hash_128;
use crate::event::{Id, ItemId};

/// New items looked at of one category.
const LOOKED_AT: usize = 16;

/// Gives the last place to a new item of a category that goes with the basket, if there is one.
pub(super) fn add(situation: &Situation<'_>, rules: &mut Rules<'_>, chosen: &mut Vec<Chosen>) {
    let takes_place = chosen.len() >= situation.policy.items_max;
    let others = if takes_place { &chosen[..chosen.len() - 1] } else { &chosen[..] };
    // An earned or promised item is no place to explore in.
    if takes_place && chosen.last().is_none_or(|last| last.evidence.is_certain() || last.discounted.is_some() || last.replaces.is_some()) {
        return;
    }
    if !companions::has_room(situation, others) {
        return;
    }
    let Some(new) = new_item(situation, rules, others) else { return };
    chosen.truncate(others.len());
    chosen.push(new);
}

fn new_item(situation: &Situation<'_>, rules: &mut Rules<'_>, others: &[Chosen]) -> Option<Chosen> {
    let own = fallback::own_categories(situation);
    let near: Vec<Id> = fallback::neighbouring(situation, &own).into_iter().map(|near| near.category).collect();
    for category in near.into_iter().chain(own.into_iter().map(|(category, _)| category)) {
        let mut items: Vec<ItemId> = situation.shop.catalogue.newest_of(&category);
        items.retain(|item| is_new(situation, item) && !rules.is_there(item));
        // Which of them comes first is drawn, too: each is to have its chance.
        items.sort_by_cached_key(|item| hash_128("explore", &[&situation.offer_id.to_le_bytes(), item.as_bytes()]));
        for item in items.into_iter().take(LOOKED_AT) {
            if let Some(found) = rules.choose(&item, Role::Companion, Ground::New(category.clone()), others) {
                return Some(found);
            }
        }
    }
    None
}

fn is_new(situation: &Situation<'_>, item: &str) -> bool {
    let baskets = situation.shop.counts.with_row(item, |row| row.slot.baskets()).unwrap_or_default();
    baskets < situation.settings.rules.new_item_baskets_max
}
