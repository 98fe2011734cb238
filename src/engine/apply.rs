//! One event in, effects out.
//!
//! Invariant: `apply` changes nothing but the event's own session; what the shop is to learn leaves as facts.
//! Every trigger (an event at a placement that is on) ends as exactly one [`Outcome`], counted as a total.

use super::attribution;
use super::basket::BasketRules;
use super::decay::Stage;
use super::dedupe::identity;
use super::experiment::arm_of;
use super::facts::Fact;
use super::hash::hash_128;
use super::offer::{Frame, Offer, compose, parse_id};
use super::orders::Order;
use super::outstanding::{Outstanding, OutstandingItem};
use super::policy::{self, Chosen, Ground};
use super::ranking::{Query, rank};
use super::session::{Session, SessionKey, Sessions};
use super::settings::Settings;
use super::shop::Shop;
use super::totals::TotalKey;
use super::vocabulary::{Arm, OfferKind, Outcome, Placement};
use crate::event::{EventKind, Id, ItemId, Line, Reject, RejectReason, ShopEvent};

/// What an event brings about.
#[derive(Debug, Default)]
pub struct Effects {
    /// The session that changed.
    pub session: SessionKey,
    /// The offer made, or kept back: its arm says which.
    pub offer: Option<Offer>,
    /// What the shop is to learn.
    pub facts: Vec<Fact>,
}

/// Applies one event to the sessions of its partition.
///
/// # Errors
/// A refund or cancellation of an order that is not known here is rejected, and changes nothing.
pub fn apply(settings: &Settings, sessions: &mut Sessions, event: &ShopEvent, shop: &Shop) -> Result<Effects, Reject> {
    let key = sessions.key_of(event);
    let id = identity(event);
    let seen = |session: &Session| id.is_some_and(|id| session.recent.has(id));
    if !sessions.get(&key).is_some_and(seen) {
        check_order(settings, event, sessions.get(&key))?;
    }
    let mut effects = Effects { session: key.clone(), ..Effects::default() };
    effects.facts.push(Fact::Total(TotalKey::Events(event.kind.event_type()), 1));
    let session = sessions.open(&key, event);
    let mut step = Step { settings, shop, event, key: &key, session, effects: &mut effects };
    let is_new = id.is_none_or(|id| step.session.recent.is_new(id, settings.limits.event_ids));
    if is_new {
        step.take();
    }
    step.answer(is_new);
    Ok(effects)
}

/// A refund or cancellation needs its order.
fn check_order(settings: &Settings, event: &ShopEvent, session: Option<&Session>) -> Result<(), Reject> {
    if !matches!(event.kind, EventKind::Refund(_) | EventKind::OrderCancelled) {
        return Ok(());
    }
    let order_id = event.order_id.as_deref().unwrap_or_default();
    let refund_window_ms = settings.attribution.refund_window.0;
    let known = |order: &Order| order.id == order_id && order.ts.plus_ms(refund_window_ms) >= event.ts;
    if session.is_some_and(|session| session.orders.iter().any(known)) {
        return Ok(());
    }
    let detail = format!("order_id is {order_id:?}, of which no purchase is known here; a refund carries the ids of its purchase");
    Err(Reject::new(RejectReason::UnknownOrder, detail))
}

/// The work on one event.
pub(super) struct Step<'a> {
    pub(super) settings: &'a Settings,
    pub(super) shop: &'a Shop,
    pub(super) event: &'a ShopEvent,
    pub(super) key: &'a SessionKey,
    pub(super) session: &'a mut Session,
    pub(super) effects: &'a mut Effects,
}

impl Step<'_> {
    /// Takes the event into the session.
    fn take(&mut self) {
        match &self.event.kind {
            EventKind::ProductViewed(line) => self.learn(line),
            EventKind::CartAdd { line, offer_id } => self.cart_add(line, offer_id.as_ref()),
            EventKind::CartRemove { item_id, quantity } => {
                let facts = self.session.basket.remove(item_id, *quantity);
                self.effects.facts.extend(facts);
            }
            EventKind::Checkout(lines) => self.checkout(lines),
            EventKind::Purchase { lines, amounts } => self.purchase(lines, *amounts),
            EventKind::Refund(lines) => self.refund(lines.as_deref()),
            EventKind::OrderCancelled => self.cancel(),
            EventKind::Feedback { action, offer_id, item_id } => {
                let (id, facts) = (parse_id(offer_id), &mut self.effects.facts);
                attribution::feedback(self.session, *action, id, item_id.as_ref(), self.event.ts, self.settings, facts);
            }
            EventKind::CustomerErased => self.erase(),
        }
    }

    fn cart_add(&mut self, line: &Line, offer_id: Option<&Id>) {
        self.learn(line);
        let marked = offer_id.and_then(|id| parse_id(id));
        let line = self.in_own_currency(line);
        let facts = &mut self.effects.facts;
        let rules = self.settings.rules(Stage::CartAdd);
        if let Some(fact) = self.session.basket.add(&line, self.event.ts, rules) {
            facts.push(fact);
            if self.session.basket.lines.len() > rules.paired_lines {
                facts.push(Fact::Total(TotalKey::LinesNotPaired, 1));
            }
        }
        if self.session.basket.has(&line.item_id) {
            attribution::added(self.session, &line.item_id, marked, self.event.ts, self.settings, facts);
        }
    }

    /// The line as a basket keeps it: a price in another currency than the shop's own is left out.
    fn in_own_currency(&self, line: &Line) -> Line {
        let own = self.event.currency.is_none_or(|currency| currency == self.settings.currency);
        Line { price: line.price.filter(|_| own), ..line.clone() }
    }

    fn checkout(&mut self, lines: &[Line]) {
        for line in lines {
            self.learn(line);
        }
        if lines.is_empty() && self.session.basket.lines.is_empty() {
            return;
        }
        let lines: Vec<Line> = lines.iter().map(|line| self.in_own_currency(line)).collect();
        let fact = self.session.basket.advance(&lines, self.event.ts, self.settings.rules(Stage::Checkout));
        self.effects.facts.push(fact);
    }

    fn erase(&mut self) {
        let Some(customer) = self.event.customer_id.clone() else { return };
        self.session.customer = None;
        for order in &mut self.session.orders {
            order.customer = None;
        }
        self.effects.facts.push(Fact::Erased(customer));
    }

    pub(super) fn learn(&mut self, line: &Line) {
        let price = line.price.map(|price| (price, self.event.currency.unwrap_or(self.settings.currency)));
        if self.shop.catalogue.would_learn(&line.item_id, price, &line.product) {
            let (item, ts, product) = (line.item_id.clone(), self.event.ts, line.product.clone());
            self.effects.facts.push(Fact::Learned { item, ts, price, product });
        }
    }

    /// Answers the event, if it is a trigger.
    fn answer(&mut self, is_new: bool) {
        let (placement, cause_item) = match &self.event.kind {
            EventKind::CartAdd { line, .. } => (Placement::Cart, Some(&line.item_id)),
            EventKind::Checkout(_) => (Placement::Checkout, None),
            _ => return,
        };
        if !self.settings.policy(placement).is_some_and(|policy| policy.enabled) {
            return;
        }
        let outcome = match self.choose(placement, is_new) {
            Ok(chosen) => self.offer(placement, cause_item, &chosen),
            Err(reason) => reason,
        };
        self.total(TotalKey::Triggers(placement, outcome), 1);
    }

    fn choose(&self, placement: Placement, is_new: bool) -> Result<Vec<Chosen>, Outcome> {
        if !is_new {
            return Err(Outcome::Duplicate);
        }
        if self.session.basket.lines.is_empty() {
            return Err(Outcome::EmptyBasket);
        }
        if let EventKind::CartAdd { line, .. } = &self.event.kind
            && !self.session.basket.has(&line.item_id)
        {
            return Err(Outcome::BasketFull);
        }
        let policy = self.settings.policy(placement).ok_or(Outcome::NoCandidates)?;
        let basket: Vec<&ItemId> = self.session.basket.lines.iter().map(|line| &line.item).collect();
        let query = Query {
            basket: &basket,
            customer: self.session.customer.as_deref(),
            now: self.event.ts,
            together_min: policy.baskets_together_min,
        };
        let candidates = rank(self.shop, &self.settings.ranking, query);
        policy::choose(policy, &candidates, self.session, self.shop)
    }

    fn offer(&mut self, placement: Placement, cause_item: Option<&ItemId>, chosen: &[Chosen]) -> Outcome {
        let arm = arm_of(self.session, self.key, &self.settings.experiment);
        let outstanding = self.outstanding(placement, arm, chosen);
        let policy_expiry_ms = self.settings.policy(placement).map_or(0, |policy| policy.expires_after.0);
        let frame = Frame {
            id: outstanding.id,
            event: self.event,
            cause_item,
            placement,
            arm,
            channel: self.session.channel.as_ref(),
            customer: self.session.customer.as_ref(),
            locale: &self.settings.locale,
            currency: self.settings.currency,
            expires_at: self.event.ts.plus_ms(policy_expiry_ms),
            supersedes: self.session.newest_offers.iter().find(|(at, _)| *at == placement).map(|(_, id)| *id),
        };
        self.effects.offer = Some(compose(frame, chosen, self.shop));
        self.remember(outstanding)
    }

    fn remember(&mut self, offer: Outstanding) -> Outcome {
        self.session.newest_offers.retain(|(placement, _)| *placement != offer.placement);
        self.session.newest_offers.push((offer.placement, offer.id));
        let outcome = if offer.arm == Arm::Holdout { Outcome::Withheld } else { Outcome::Offered };
        if outcome == Outcome::Offered {
            attribution::emitted(self.session, &offer, self.settings, &mut self.effects.facts);
        }
        self.session.offers.push_back(offer);
        while self.session.offers.len() > self.settings.limits.offers_per_session {
            self.session.offers.pop_front();
        }
        outcome
    }

    fn outstanding(&self, placement: Placement, arm: Arm, chosen: &[Chosen]) -> Outstanding {
        let anchor = |chosen: &Chosen| match &chosen.evidence {
            Ground::Pair(pair) => Some(pair.with.clone()),
            _ => None,
        };
        let expires_ms = self.settings.policy(placement).map_or(0, |policy| policy.expires_after.0);
        Outstanding {
            id: self.offer_id(placement),
            placement,
            channel: attribution::channel_label(self.session.channel.as_ref(), self.settings),
            arm,
            ts: self.event.ts,
            over_at: self.event.ts.plus_ms(expires_ms.saturating_add(self.settings.attribution.window.0)),
            items: chosen.iter().map(|item| OutstandingItem::new(item.item.clone(), OfferKind::CrossSell, anchor(item))).collect(),
        }
    }

    /// A hash of the cause: which session, which of its events, when, where.
    fn offer_id(&self, placement: Placement) -> u128 {
        let event_id = self.event.event_id.as_deref().unwrap_or_default();
        let parts: [&[u8]; 5] = [
            self.key.as_bytes(),
            &self.session.events.to_le_bytes(),
            &self.event.ts.0.to_le_bytes(),
            event_id.as_bytes(),
            placement.as_str().as_bytes(),
        ];
        hash_128("offer", &parts)
    }

    pub(super) fn total(&mut self, key: TotalKey, delta: i128) {
        if delta != 0 {
            self.effects.facts.push(Fact::Total(key, delta));
        }
    }
}

impl Settings {
    /// How evidence of a stage weighs.
    pub(super) fn rules(&self, stage: Stage) -> BasketRules {
        let weight = match stage {
            Stage::CartAdd => self.ranking.cart_add_weight,
            Stage::Checkout => self.ranking.checkout_weight,
            Stage::Purchase => 1.0,
        };
        BasketRules {
            lines_max: self.limits.basket_lines,
            paired_lines: self.limits.paired_lines(),
            weight_milli: (weight * 1_000.0).round() as u16,
            stage,
        }
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
