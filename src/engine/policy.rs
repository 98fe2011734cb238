//! Policy: which of the ranked candidates become an offer, or why none does.
//!
//! Invariant: at most `items_max` items, none of them in the basket or just bought, each with evidence a
//! person can check. Where there is nothing of that kind, there is no offer.

use std::collections::BTreeSet;

use super::ranking::{Candidate, PairEvidence};
use super::session::Session;
use super::settings::PlacementPolicy;
use super::shop::Shop;
use super::vocabulary::{EvidenceStep, Outcome};
use crate::event::ItemId;

/// An item chosen for an offer, with the evidence that speaks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The item.
    pub item: ItemId,
    /// The purchased baskets it was in.
    pub item_baskets: u32,
    /// What speaks for it.
    pub evidence: Ground,
}

/// What speaks for an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Ground {
    /// Bought together with an item in the basket.
    Pair(PairEvidence),
    /// Bought by this customer, in so many of so many baskets.
    History(u32, u32),
    /// Bought by many.
    Popular,
}

impl Ground {
    /// The step it stands on.
    #[must_use]
    pub fn step(&self) -> EvidenceStep {
        match self {
            Self::Pair(_) => EvidenceStep::Pair,
            Self::History(..) => EvidenceStep::History,
            Self::Popular => EvidenceStep::Popular,
        }
    }
}

/// Chooses the items of an offer.
///
/// # Errors
/// The reason why there is none.
pub fn choose(policy: &PlacementPolicy, candidates: &[Candidate], session: &Session, shop: &Shop) -> Result<Vec<Chosen>, Outcome> {
    let excluded = excluded(session);
    let mut chosen: Vec<Chosen> = candidates
        .iter()
        .filter(|candidate| !excluded.contains(&candidate.slot.item))
        .filter_map(|candidate| with_evidence(candidate, policy))
        .take(policy.items_max)
        .collect();
    fill_with_popular(&mut chosen, policy, &excluded, shop);
    match chosen.is_empty() {
        false => Ok(chosen),
        true if candidates.is_empty() => Err(Outcome::NoCandidates),
        true => Err(Outcome::TooLittleEvidence),
    }
}

/// What is never offered: what is in the basket, and what this session bought.
fn excluded(session: &Session) -> BTreeSet<&ItemId> {
    let bought = session.orders.iter().flat_map(|order| order.lines.iter().map(|line| &line.item));
    session.basket.lines.iter().map(|line| &line.item).chain(bought).collect()
}

fn with_evidence(candidate: &Candidate, policy: &PlacementPolicy) -> Option<Chosen> {
    let pair = candidate.pair.clone().filter(|pair| pair.together >= policy.baskets_together_min).map(Ground::Pair);
    let history = candidate.history.filter(|(count, _)| *count > 1).map(|(count, baskets)| Ground::History(count, baskets));
    let evidence = pair.or(history)?;
    Some(Chosen { item: candidate.slot.item.clone(), item_baskets: candidate.slot.baskets(), evidence })
}

fn fill_with_popular(chosen: &mut Vec<Chosen>, policy: &PlacementPolicy, excluded: &BTreeSet<&ItemId>, shop: &Shop) {
    if chosen.len() >= policy.items_max {
        return;
    }
    for popular in shop.counts.popular() {
        if popular.slot.baskets() < policy.popular_baskets_min || excluded.contains(&popular.slot.item) {
            continue;
        }
        if chosen.iter().any(|other| other.item == popular.slot.item) {
            continue;
        }
        let item_baskets = popular.slot.baskets();
        chosen.push(Chosen { item: popular.slot.item.clone(), item_baskets, evidence: Ground::Popular });
        if chosen.len() >= policy.items_max {
            return;
        }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
