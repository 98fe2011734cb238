//! Who is asked: the engine, another configuration of it, and the baselines; all the same question at the same time.
//!
//! Invariant: the engine's answer is what `engine::ranking::rank` puts first for the session's own basket, with the shop as
//! it was when the event was answered. No rule of the policy and no cap takes part.

use super::baselines::Baselines;
use super::items::Items;
use super::steps::{ANSWER_ITEMS, Answer, Question, traits};
use crate::engine::ranking::{Query, rank};
use crate::engine::settings::{Ranking, RankingObjective, Settings};
use crate::engine::vocabulary::Placement;
use crate::event::{EventKind, ItemId};
use crate::pipeline::Applied;

/// The engine's name in reports.
pub const ENGINE: &str = "engine";
/// The other configuration's.
pub const OTHER: &str = "vs";

/// What an offer would go with: the basket and the item in view, or the order that was just placed; the newest last.
#[must_use]
pub fn beside<'a>(applied: &Applied<'a>, placement: Placement) -> Vec<&'a ItemId> {
    if placement == Placement::PostPurchase {
        let order = applied.session.orders.iter().find(|order| Some(&order.id) == applied.event.order_id.as_ref());
        return order.map(|order| order.lines.iter().map(|line| &line.item).collect()).unwrap_or_default();
    }
    let mut beside: Vec<&ItemId> = applied.session.basket.lines.iter().map(|line| &line.item).collect();
    if let EventKind::ProductViewed(line) = &applied.event.kind
        && !beside.contains(&&line.item_id)
    {
        beside.push(&line.item_id);
    }
    beside
}

/// What a configuration of the engine puts first.
#[must_use]
pub fn companions(applied: &Applied<'_>, settings: &Settings, placement: Placement) -> Vec<ItemId> {
    ranked(applied, settings, &settings.ranking, placement)
}

fn ranked(applied: &Applied<'_>, settings: &Settings, ranking: &Ranking, placement: Placement) -> Vec<ItemId> {
    let basket = beside(applied, placement);
    let customer = applied.session.customer.as_deref();
    let together_min = settings.placements.get(placement).baskets_together_min;
    let query = Query { basket: &basket, customer, now: applied.event.ts, together_min };
    rank(applied.shop, ranking, query).into_iter().take(ANSWER_ITEMS).map(|candidate| candidate.slot.item.clone()).collect()
}

/// Where the event would be answered with an offer; the other configuration is asked before it is known whether the step
/// counts.
#[must_use]
pub fn placement_of(kind: &EventKind) -> Option<Placement> {
    match kind {
        EventKind::ProductViewed(_) => Some(Placement::ProductPage),
        EventKind::CartAdd { .. } => Some(Placement::Cart),
        EventKind::Checkout(_) => Some(Placement::Checkout),
        EventKind::Purchase { .. } => Some(Placement::PostPurchase),
        _ => None,
    }
}

/// The same ranking for each objective it is not set to, with its name.
#[must_use]
pub fn for_objectives(ranking: &Ranking) -> Vec<(&'static str, Ranking)> {
    let all = [
        ("for acceptance", RankingObjective::Acceptance),
        ("for revenue", RankingObjective::Revenue),
        ("for margin", RankingObjective::Margin),
    ];
    let others = all.into_iter().filter(|(_, objective)| *objective != ranking.objective);
    others.map(|(name, objective)| (name, Ranking { objective, ..ranking.clone() })).collect()
}

/// What is asked beside the baselines.
pub struct Rankings<'a> {
    /// The engine's.
    pub settings: &'a Settings,
    /// Its ranking for other objectives.
    pub objectives: &'a [Ranking],
    /// What another configuration said.
    pub other: Option<&'a [ItemId]>,
}

/// The answers of all, in the order of their names; baselines are asked only in baskets that are scored.
pub fn answers(
    applied: &Applied<'_>,
    rankings: &Rankings<'_>,
    question: &Question,
    baselines: Option<&mut Baselines>,
    items: &mut Items,
) -> Vec<Answer> {
    let Rankings { settings, objectives, other } = rankings;
    let mut answers = vec![answer(applied, items, &companions(applied, settings, question.placement))];
    answers.extend(other.map(|other| answer(applied, items, other)));
    answers.extend(objectives.iter().map(|ranking| answer(applied, items, &ranked(applied, settings, ranking, question.placement))));
    if let Some(baselines) = baselines {
        let basket = beside(applied, question.placement);
        let of_each = baselines.answer(&applied.shop.counts, question.serial, &basket);
        answers.extend(of_each.iter().map(|of_one| answer(applied, items, of_one)));
    }
    answers
}

fn answer(applied: &Applied<'_>, items: &mut Items, of: &[ItemId]) -> Answer {
    let mut answer = Answer::default();
    for item in of.iter().take(ANSWER_ITEMS) {
        let number = items.number(item);
        let (popularity, stale_days) = traits(applied, items, number);
        answer.items[answer.count] = number;
        answer.count += 1;
        answer.popularity += popularity;
        answer.stale_days += stale_days;
    }
    answer
}
