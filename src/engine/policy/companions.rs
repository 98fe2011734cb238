//! Companions: what goes with the basket, from the most certain evidence down to counted pairs.
//!
//! Invariant: what the shopper has earned and what the shop pins comes first, then what ranking puts first.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::rules::{Role, Rules};
use super::{Chosen, Ground, Situation, fallback, stamps};
use crate::engine::ranking::{Candidate, Query, rank};
use crate::engine::vocabulary::{OfferKind, Outcome};
use crate::event::{Id, ItemId, Timestamp};

/// Pins are looked for at so many items, the newest.
const PINS_LOOKED_AT: usize = 16;

/// What goes with the basket by counts, best first.
pub(super) fn ranked(situation: &Situation<'_>) -> Vec<Candidate> {
    let basket: Vec<&ItemId> = situation.beside.iter().map(|beside| &beside.item).collect();
    let query = Query {
        basket: &basket,
        customer: situation.session.customer.as_deref(),
        now: situation.now,
        together_min: situation.together_min(),
    };
    rank(situation.shop, situation.ranking, query)
}

/// Whether there is room for another companion; where the policy has none, never.
pub(super) fn has_room(situation: &Situation<'_>, chosen: &[Chosen]) -> bool {
    let policy = situation.policy;
    let has_companions = policy.has(OfferKind::CrossSell) || policy.has(OfferKind::AddOn);
    has_companions && chosen.len() < policy.items_max
}

/// Adds what is certain: due again, a full stamp card, pinned beside an item that is there.
pub(super) fn add_certain(situation: &Situation<'_>, rules: &mut Rules<'_>, chosen: &mut Vec<Chosen>) {
    if situation.follows_up {
        add_due_again(situation, rules, chosen);
    }
    stamps::add(situation, rules, chosen);
    if !situation.shop.catalogue.has_relations() {
        return;
    }
    for beside in situation.beside.iter().rev().take(PINS_LOOKED_AT) {
        for item in situation.shop.catalogue.pinned(&beside.item) {
            if !has_room(situation, chosen) {
                return;
            }
            chosen.extend(rules.choose(&item, Role::Pinned, Ground::Pinned(Some(beside.item.clone())), chosen));
        }
    }
}

/// Adds the items of the order that are due again: by the catalogue's word, or by what buyers do.
fn add_due_again(situation: &Situation<'_>, rules: &mut Rules<'_>, chosen: &mut Vec<Chosen>) {
    let Situation { shop, settings, session, now, .. } = *situation;
    let mut in_orders: HashMap<&str, Timestamp, FixedState> = HashMap::default();
    for order in session.orders.iter().filter(|order| !order.is_cancelled()) {
        for line in &order.lines {
            in_orders.entry(&line.item).and_modify(|last_at| *last_at = order.ts.max(*last_at)).or_insert(order.ts);
        }
    }
    for beside in situation.beside {
        if !has_room(situation, chosen) {
            return;
        }
        let facets = shop.catalogue.facets(&beside.item, settings.currency);
        let known = shop.customers.bought_by(session.customer.as_ref(), &beside.item);
        let last_at = known.map(|bought| bought.last_at).or_else(|| in_orders.get(beside.item.as_str()).copied());
        let Some(last_at) = last_at else { continue };
        let rebuy = shop.customers.rebuys.of(&beside.item);
        let is_rebought = rebuy.buyers > 0 && rebuy.share() >= settings.rules.rebuy_share_min;
        let learned_ms = known.and_then(|bought| bought.gap_ms()).or_else(|| rebuy.gap_ms().filter(|_| is_rebought));
        let gap_ms = facets.replenish_days.map(|days| i64::from(days) * 86_400_000).or(learned_ms);
        let Some(gap_ms) = gap_ms else { continue };
        if now < last_at.plus_ms((gap_ms as f64 * settings.rules.rebuy_gap_share) as i64) {
            rules.drop(&beside.item, Outcome::NotDue);
            continue;
        }
        let days = u32::try_from((now.0 - last_at.0) / 86_400_000).unwrap_or_default();
        let orders = known.map_or(1, |bought| bought.orders);
        chosen.extend(rules.choose(&beside.item, Role::Again, Ground::Rebuy { orders, days }, chosen));
    }
}

/// Adds ranked candidates with enough evidence while there is room; what is only popular waits until categories were
/// asked.
pub(super) fn add_ranked(situation: &Situation<'_>, rules: &mut Rules<'_>, candidates: &[Candidate], chosen: &mut Vec<Chosen>) {
    let mut only_popular = Vec::new();
    for candidate in candidates {
        if !has_room(situation, chosen) {
            return;
        }
        match Ground::of(candidate, situation) {
            Some(Ground::Popular) => only_popular.push(&candidate.slot.item),
            Some(evidence) => chosen.extend(rules.choose(&candidate.slot.item, Role::Companion, evidence, chosen)),
            None => rules.drop(&candidate.slot.item, Outcome::TooLittleEvidence),
        }
    }
    fallback::fill_by_category(situation, rules, candidates, chosen);
    add_popular(situation, rules, &only_popular, chosen);
}

fn add_popular(situation: &Situation<'_>, rules: &mut Rules<'_>, items: &[&ItemId], chosen: &mut Vec<Chosen>) {
    if !has_room(situation, chosen) {
        return;
    }
    let near = fallback::near_categories(situation);
    for item in items {
        if !has_room(situation, chosen) {
            return;
        }
        if is_far(situation, &near, item) {
            rules.drop(item, Outcome::TooLittleEvidence);
        } else {
            chosen.extend(rules.choose(item, Role::Companion, Ground::Popular, chosen));
        }
    }
}

/// Whether all that speaks for an item is that it is popular, in a category that has nothing to do with what is there: tea
/// beside a phone. Where a category is not known, nobody can tell.
fn is_far(situation: &Situation<'_>, near: &[Id], item: &str) -> bool {
    let category = || situation.shop.catalogue.facets(item, situation.settings.currency).category;
    !near.is_empty() && category().is_some_and(|category| !near.contains(&category))
}
