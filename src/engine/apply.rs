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
use super::orders::{Order, OrderLine, share};
use super::outstanding::{Outstanding, OutstandingItem};
use super::policy::{self, Chosen, Ground};
use super::ranking::{Query, rank};
use super::session::{Session, SessionKey, Sessions};
use super::settings::Settings;
use super::shop::Shop;
use super::totals::TotalKey;
use super::vocabulary::{Arm, OfferKind, Outcome, Placement};
use crate::event::{Currency, EventKind, Id, ItemId, Line, OrderAmounts, Quantity, Reject, RejectReason, ShopEvent};

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
struct Step<'a> {
    settings: &'a Settings,
    shop: &'a Shop,
    event: &'a ShopEvent,
    key: &'a SessionKey,
    session: &'a mut Session,
    effects: &'a mut Effects,
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
        let facts = &mut self.effects.facts;
        let rules = self.settings.rules(Stage::CartAdd);
        if let Some(fact) = self.session.basket.add(line, self.event.ts, rules) {
            facts.push(fact);
            if self.session.basket.lines.len() > rules.paired_lines {
                facts.push(Fact::Total(TotalKey::LinesNotPaired, 1));
            }
        }
        attribution::added(self.session, &line.item_id, marked, self.event.ts, self.settings, facts);
    }

    fn checkout(&mut self, lines: &[Line]) {
        for line in lines {
            self.learn(line);
        }
        if lines.is_empty() && self.session.basket.lines.is_empty() {
            return;
        }
        let fact = self.session.basket.advance(lines, self.event.ts, self.settings.rules(Stage::Checkout));
        self.effects.facts.push(fact);
    }

    fn purchase(&mut self, lines: &[Line], amounts: OrderAmounts) {
        for line in lines {
            self.learn(line);
        }
        let Some(order_id) = self.event.order_id.clone() else { return };
        let currency = self.event.currency.unwrap_or(self.settings.currency);
        let nets = self.net_values(lines, amounts);
        let basket = self.session.basket.take();
        // The basket closes, but its age is still asked for below.
        self.session.basket.opened_at = basket.opened_at;
        let known = self.session.orders.iter().position(|order| order.id == order_id);
        let at = known.unwrap_or_else(|| self.open_order(order_id, currency, basket.lines.is_empty()));
        let rules = self.settings.rules(Stage::Purchase);
        let mut before = basket.evidence();
        if known.is_some() {
            if !before.is_empty() {
                self.effects.facts.push(Fact::Basket { before, after: Vec::new() });
            }
            before = self.session.orders[at].evidence(rules);
        }
        let mut new_items = Vec::new();
        for (line, net) in lines.iter().zip(nets) {
            // Further units of an item are the doing of the offer that its first ones are credited to.
            let credited =
                self.session.orders[at].lines.iter().find(|known| known.item == line.item_id).and_then(|known| known.credit.clone());
            let (ts, facts) = (self.event.ts, &mut self.effects.facts);
            let credit = match credited {
                Some(credit) => {
                    attribution::earned(&credit, &line.item_id, net, currency, ts, self.settings, facts);
                    Some(credit)
                }
                None => attribution::bought(self.session, &line.item_id, net, currency, ts, self.settings, facts),
            };
            if self.session.orders[at].add(line, net, credit) {
                new_items.push(line.item_id.clone());
            }
            self.total(TotalKey::OrderRevenue(currency), net);
        }
        self.session.basket.opened_at = None;
        let after = self.session.orders[at].evidence(rules);
        let unpaired = after.iter().filter(|line| line.evidence.partners == 0).count();
        if after.len() > 1 && unpaired > 0 {
            self.total(TotalKey::LinesNotPaired, unpaired as i128);
        }
        self.effects.facts.push(Fact::Basket { before, after });
        if let Some(customer) = self.session.orders[at].customer.clone() {
            self.effects.facts.push(Fact::Bought { add: true, first: known.is_none(), customer, items: new_items });
        }
    }

    /// Opens an order; returns where it stands.
    fn open_order(&mut self, id: Id, currency: Currency, unmatched: bool) -> usize {
        self.total(TotalKey::Orders, 1);
        if unmatched {
            self.total(TotalKey::OrdersUnmatched, 1);
        }
        let rules = self.settings.rules(Stage::Purchase);
        self.session.orders.push_back(Order {
            id,
            ts: self.event.ts,
            currency,
            customer: self.session.customer.clone(),
            lines: Vec::new(),
            weight_milli: rules.weight_milli,
            paired_lines: rules.paired_lines as u32,
        });
        while self.session.orders.len() > self.settings.limits.orders_per_session {
            self.session.orders.pop_front();
        }
        self.session.orders.len() - 1
    }

    /// What each line is worth: price times quantity, less its share of the order's discount, and of its tax
    /// where prices include it. A price that is missing is the catalogue's, then the basket's.
    fn net_values(&mut self, lines: &[Line], amounts: OrderAmounts) -> Vec<i128> {
        let mut values = Vec::with_capacity(lines.len());
        for line in lines {
            let price = line.price.or_else(|| self.shop.catalogue.get(&line.item_id).price);
            let price = price.or_else(|| self.session.basket.price_of(&line.item_id));
            if price.is_none() {
                self.total(TotalKey::Unpriced, 1);
            }
            values.push(price.unwrap_or_default().times(line.quantity));
        }
        let tax = amounts.tax.filter(|_| self.settings.money.prices_include_tax);
        for amount in [amounts.discount, tax].into_iter().flatten() {
            let parts = share(amount, &values);
            values.iter_mut().zip(parts).for_each(|(value, part)| *value -= part);
        }
        values
    }

    fn refund(&mut self, lines: Option<&[Line]>) {
        let Some(order) = self.session.orders.iter_mut().find(|order| Some(&order.id) == self.event.order_id.as_ref()) else { return };
        let currency = order.currency;
        let mut refunded = 0;
        for line in &mut order.lines {
            let quantity = match lines {
                None => Some(line.quantity),
                Some(lines) => lines.iter().filter(|back| back.item_id == line.item).map(|back| back.quantity).reduce(Quantity::plus),
            };
            let Some(quantity) = quantity else { continue };
            let micros = line.refund(quantity);
            refunded += micros;
            if let Some(credit) = line.credit.as_ref().filter(|_| micros > 0) {
                attribution::refunded(credit, &line.item, micros, currency, &mut self.effects.facts);
            }
        }
        self.total(TotalKey::OrderRevenueRefunded(currency), refunded);
    }

    /// A cancelled order is refunded, and its evidence taken back.
    fn cancel(&mut self) {
        self.refund(None);
        let Some(at) = self.session.orders.iter().position(|order| Some(&order.id) == self.event.order_id.as_ref()) else { return };
        let Some(order) = self.session.orders.remove(at) else { return };
        let before = order.evidence(self.settings.rules(Stage::Purchase));
        let items: Vec<ItemId> = before.iter().map(|line| line.item.clone()).collect();
        self.effects.facts.push(Fact::Basket { before, after: Vec::new() });
        if let Some(customer) = order.customer {
            self.effects.facts.push(Fact::Bought { add: false, first: true, customer, items });
        }
    }

    fn erase(&mut self) {
        let Some(customer) = self.event.customer_id.clone() else { return };
        self.session.customer = None;
        for order in &mut self.session.orders {
            order.customer = None;
        }
        self.effects.facts.push(Fact::Erased(customer));
    }

    fn learn(&mut self, line: &Line) {
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

    fn total(&mut self, key: TotalKey, delta: i128) {
        if delta != 0 {
            self.effects.facts.push(Fact::Total(key, delta));
        }
    }
}

impl Settings {
    /// How evidence of a stage weighs.
    fn rules(&self, stage: Stage) -> BasketRules {
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

impl Order {
    /// Adds a bought line; returns whether the item is new to the order.
    fn add(&mut self, line: &Line, net_micros: i128, credit: Option<super::orders::Credit>) -> bool {
        if let Some(known) = self.lines.iter_mut().find(|known| known.item == line.item_id) {
            known.quantity = known.quantity.plus(line.quantity);
            known.net_micros += net_micros;
            known.credit = known.credit.take().or(credit);
            return false;
        }
        let (item, quantity) = (line.item_id.clone(), line.quantity);
        self.lines.push(OrderLine { item, quantity, net_micros, refunded_milli: 0, credit });
        true
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
