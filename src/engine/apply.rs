//! One event in, effects out.
//!
//! Invariant: `apply` changes nothing but the event's own session; what the shop is to learn leaves as facts.
//! Every trigger (an event at a placement that is on) ends as exactly one [`Outcome`], counted as a total.

use super::answer::{Trigger, answer, ended};
use super::attribution::{self, What};
use super::basket::BasketRules;
use super::decay::Stage;
use super::dedupe::identity;
use super::erased::{ErasedCustomers, Erasure};
use super::examples;
use super::experiment::{customer_arm, subject_of};
use super::facts::Fact;
use super::given::{self, Given};
use super::offer::{Cause, Offer, parse_id};
use super::orders::{Order, OrderLine};
use super::policy::{Beside, Dropped};
use super::session::{Session, SessionKey, Sessions};
use super::sessions::first_key;
use super::settings::Settings;
use super::shop::Shop;
use super::timers::{Due, Timed};
use super::totals::TotalKey;
use super::vocabulary::{Outcome, Placement};
use crate::event::{EventKind, EventType, ItemId, Line, Money, OfferRef, Quantity, Reject, RejectReason, ShopEvent, Timestamp};

/// How a trigger ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Where,
    pub placement: Placement,
    /// made for which time,
    pub at: Timestamp,
    /// and how.
    pub outcome: Outcome,
}

/// What an event brings about.
#[derive(Debug, Default)]
pub struct Effects {
    /// The session that changed.
    pub session: SessionKey,
    /// The offer made, or kept back: its arm says which.
    pub offer: Option<Offer>,
    /// What the shop is to learn.
    pub facts: Vec<Fact>,
    /// How the trigger ended, if it was one.
    pub ended: Option<Ended>,
    /// Items that were looked at for the offer and left out.
    pub dropped: Vec<Dropped>,
}

/// Applies one event to the sessions of its partition.
///
/// # Errors
/// What [`check`] says; nothing is changed then.
pub fn apply(settings: &Settings, sessions: &mut Sessions, event: &ShopEvent, shop: &Shop) -> Result<Effects, Reject> {
    apply_given(settings, sessions, event, None, shop)
}

/// As [`apply`], for an event about an offer that was given over HTTP: `given` is what its token says, which whoever calls
/// has found to be ours.
///
/// # Errors
/// As [`apply`].
pub fn apply_given(
    settings: &Settings,
    sessions: &mut Sessions,
    event: &ShopEvent,
    given: Option<&Given>,
    shop: &Shop,
) -> Result<Effects, Reject> {
    check(settings, sessions, event)?;
    let key = sessions.key_of(event);
    let mut effects = Effects { session: key.clone(), ..Effects::default() };
    effects.facts.push(Fact::Total(TotalKey::Events(event.kind.event_type()), 1));
    let newest = sessions.newest().max(event.ts);
    let session = sessions.open(&key, event);
    crossed(session, &key, settings, &mut effects.facts);
    let mut step =
        Step { settings, shop, event, given, key: &key, newest, session, order_is_new: false, added: None, effects: &mut effects };
    let is_new = identity(event).is_none_or(|id| step.session.recent.is_new(id, settings.limits.event_ids));
    if is_new {
        step.take();
    }
    step.answer(is_new);
    attribution::tell(step.session, settings, &mut step.effects.facts);
    for fact in &effects.facts {
        // Its own session hears of it at once, the others when the shop does.
        if let Fact::Erased { customer, erasure } = fact {
            sessions.scrub_one(&key, &ErasedCustomers::only(customer, *erasure));
        }
    }
    sessions.schedule(&key);
    Ok(effects)
}

/// A shopper who was drawn as a session, and logs in as a customer of the other arm, has crossed over.
fn crossed(session: &mut Session, key: &SessionKey, settings: &Settings, facts: &mut Vec<Fact>) {
    let (Some(arm), Some((plan, subject)), Some(customer), false) = (session.arm, session.entered, &session.customer, session.has_crossed)
    else {
        return;
    };
    let is_login = subject == subject_of(None, key);
    if is_login && customer_arm(customer, &settings.experiment) != arm {
        session.has_crossed = true;
        facts.push(Fact::Crossover { plan });
    }
}

/// Whether an event can be applied: a refund or cancellation of an order that is not known here can't.
///
/// # Errors
/// Why not.
pub fn check(settings: &Settings, sessions: &Sessions, event: &ShopEvent) -> Result<(), Reject> {
    if !matches!(event.kind, EventKind::Refund(_) | EventKind::OrderCancelled) {
        return Ok(());
    }
    let session = sessions.get(&sessions.key_of(event));
    let seen = |session: &Session| identity(event).is_some_and(|id| session.recent.has(id));
    if session.is_some_and(seen) { Ok(()) } else { check_order(settings, event, session) }
}

/// Answers the next timer that is due by `until`; `None` once there is none.
pub fn tick(settings: &Settings, sessions: &mut Sessions, until: Timestamp, shop: &Shop) -> Option<Effects> {
    let Due { key, at, what } = sessions.fire(until)?;
    let session = sessions.get_mut(&key)?;
    let mut effects = Effects { session: key.clone(), ..Effects::default() };
    let own_currency = |item: &ItemId| shop.catalogue.facets(item, settings.currency).price;
    let trigger = match what {
        Timed::AbandonedCart => {
            let (kind, event_id) = session.told.event.clone().unwrap_or((EventType::CartAdd, None));
            Trigger {
                placement: Placement::AbandonedCart,
                at,
                newest: until,
                of: key.clone(),
                cause: Cause { kind, event_id, item_id: None },
                focus: None,
                beside: basket_of(session, own_currency),
                order_id: None,
            }
        }
        Timed::FollowUp(order_id) => {
            let order = session.orders.iter().find(|order| order.id == order_id && !order.is_cancelled());
            Trigger {
                placement: Placement::FollowUp,
                at,
                newest: until,
                of: key.clone(),
                cause: Cause { kind: EventType::Purchase, event_id: None, item_id: None },
                focus: None,
                beside: order.map(|order| lines_of(order, settings)).unwrap_or_default(),
                order_id: Some(order_id),
            }
        }
    };
    answer(settings, shop, &key, session, &trigger, &mut effects);
    attribution::tell(session, settings, &mut effects.facts);
    if let Some(order) = session.orders.iter_mut().find(|order| trigger.order_id.as_ref() == Some(&order.id)) {
        order.follow_up_at = next_follow_up(order, at, settings, shop);
    }
    sessions.schedule(&key);
    Some(effects)
}

/// When the next item of an order that was followed up at `at` is used up, or due again, as the catalogue says.
fn next_follow_up(order: &Order, at: Timestamp, settings: &Settings, shop: &Shop) -> Option<Timestamp> {
    let days = |line: &OrderLine| shop.catalogue.facets(&line.item, settings.currency).replenish_days;
    let due = order.lines.iter().filter_map(days).map(|days| order.ts.plus_ms(i64::from(days) * 86_400_000));
    due.filter(|due| *due > at).min()
}

/// The basket as what an offer goes with; `listed` is the catalogue's price.
pub(super) fn basket_of(session: &Session, listed: impl Fn(&ItemId) -> Option<Money>) -> Vec<Beside> {
    let beside = |item: &ItemId, price: Option<Money>, quantity: Quantity| {
        let price = price.or_else(|| listed(item));
        Beside { item: item.clone(), price, value_micros: price.unwrap_or_default().times(quantity) }
    };
    session.basket.lines.iter().map(|line| beside(&line.item, line.price, line.quantity)).collect()
}

/// What of an order is still the customer's.
pub(super) fn lines_of(order: &Order, settings: &Settings) -> Vec<Beside> {
    let own = order.currency == settings.currency;
    let kept = order.lines.iter().filter(|line| line.refunded_milli < line.quantity.0);
    kept.map(|line| Beside {
        item: line.item.clone(),
        // What came for nothing, or at a price that nobody told, says nothing of what things cost.
        price: line.unit_price().filter(|price| own && *price > Money::ZERO),
        value_micros: if own { line.net_micros } else { 0 },
    })
    .collect()
}

/// A refund or cancellation needs its order.
fn check_order(settings: &Settings, event: &ShopEvent, session: Option<&Session>) -> Result<(), Reject> {
    if !matches!(event.kind, EventKind::Refund(_) | EventKind::OrderCancelled) {
        return Ok(());
    }
    let order_id = event.order_id.as_deref().unwrap_or_default();
    let refund_window_ms = settings.attribution.refund_window.0;
    let known = |order: &Order| order.id == order_id && !order.is_cancelled() && order.ts.plus_ms(refund_window_ms) >= event.ts;
    if session.is_some_and(|session| session.orders.iter().any(known)) {
        return Ok(());
    }
    let is_cancelled = session.is_some_and(|session| session.orders.iter().any(|order| order.id == order_id && order.is_cancelled()));
    let why = if is_cancelled {
        "which was cancelled: nothing of it is left to go back"
    } else {
        "of which no purchase is known here; a refund carries the ids of its purchase"
    };
    let detail = format!("order_id is {order_id:?}, {why}");
    Err(Reject::new(RejectReason::UnknownOrder, detail))
}

/// The work on one event.
pub(super) struct Step<'a> {
    pub(super) settings: &'a Settings,
    pub(super) shop: &'a Shop,
    pub(super) event: &'a ShopEvent,
    /// The offer it is about, where a token says which.
    pub(super) given: Option<&'a Given>,
    pub(super) key: &'a SessionKey,
    /// The newest time the partition has seen.
    pub(super) newest: Timestamp,
    /// The purchase is the first of its order.
    pub(super) order_is_new: bool,
    /// The line that an update of the basket added last.
    pub(super) added: Option<ItemId>,
    pub(super) session: &'a mut Session,
    pub(super) effects: &'a mut Effects,
}

impl Step<'_> {
    /// Takes the event into the session.
    fn take(&mut self) {
        if let Some(given) = self.given {
            given::register(given, self.session, self.key, self.event.ts, self.shop, self.settings, &mut self.effects.facts);
        }
        match &self.event.kind {
            EventKind::ProductViewed(line) => {
                self.learn(line);
                self.session.consider(&line.item_id);
            }
            EventKind::CartAdd { line, offer } => self.cart_add(line, offer.as_ref()),
            EventKind::CartRemove { item_id, quantity } => self.cart_remove(item_id, *quantity),
            EventKind::Checkout(lines) => self.checkout(lines),
            EventKind::Purchase { lines, amounts } => self.purchase(lines, *amounts),
            EventKind::Refund(lines) => self.refund(lines.as_deref()),
            EventKind::OrderCancelled => self.cancel(),
            EventKind::Feedback { action, offer, item_id } => {
                let (id, facts) = (self.offer_id(offer), &mut self.effects.facts);
                attribution::feedback(self.session, *action, id, item_id.as_ref(), self.event.ts, self.settings, facts);
            }
            EventKind::CustomerErased => self.erase(),
            EventKind::CartUpdated(lines) => self.cart_updated(lines),
        }
    }

    /// The id of the offer that is meant; `None` where it can't be one of ours.
    fn offer_id(&self, offer: &OfferRef) -> Option<u128> {
        match offer {
            OfferRef::Id(id) => parse_id(id),
            OfferRef::Token(_) => self.given.map(|given| given.id),
        }
    }

    pub(super) fn cart_add(&mut self, line: &Line, offer: Option<&OfferRef>) {
        self.learn(line);
        let (ts, item, settings) = (self.event.ts, &line.item_id, self.settings);
        if let Some(offer) = offer {
            let id = self.offer_id(offer);
            attribution::one_click(self.session, id, item, ts, settings, &mut self.effects.facts);
        }
        attribution::learn_taken(self.session, std::slice::from_ref(item), &self.shop.offered);
        attribution::moved(self.session, item, ts, What::Added(line.quantity), settings, &mut self.effects.facts);
        self.session.pressure.wake(item);
        if self.is_ordered_since(item) {
            return;
        }
        let line = self.in_own_currency(line);
        let facts = &mut self.effects.facts;
        let rules = settings.rules(Stage::CartAdd);
        if let Some(fact) = self.session.basket.add(&line, ts, rules) {
            if settings.ranking.learns() {
                facts.extend(examples::asked(self.session, self.key, settings.ranking.personal, ts, self.shop));
            }
            facts.push(fact);
            // Another basket is left behind now, if it is; caps see to it that nobody is asked too often.
            self.session.basket_answered = false;
            if self.session.basket.lines.len() > rules.paired_lines {
                facts.push(Fact::Total(TotalKey::LinesNotPaired, 1));
            }
        }
    }

    pub(super) fn cart_remove(&mut self, item: &ItemId, quantity: Option<Quantity>) {
        attribution::moved(self.session, item, self.event.ts, What::Removed(quantity), self.settings, &mut self.effects.facts);
        self.effects.facts.extend(self.session.basket.remove(item, quantity));
        if !self.session.basket.has(item) {
            self.session.consider(item);
            self.session.pressure.rest(item);
        }
        self.session.basket_answered &= !self.session.basket.lines.is_empty();
    }

    /// Whether an order that is newer than the event has the item: the event is heard late, and was part of that.
    fn is_ordered_since(&self, item: &str) -> bool {
        let since = self.session.orders.iter().filter(|order| order.closed_at > self.event.ts && !order.is_cancelled());
        since.flat_map(|order| &order.lines).any(|line| line.item == item)
    }

    /// The line as a basket keeps it: a price in another currency than the shop's own is left out.
    pub(super) fn in_own_currency(&self, line: &Line) -> Line {
        let own = self.event.currency.is_none_or(|currency| currency == self.settings.currency);
        Line { price: line.price.filter(|_| own), ..line.clone() }
    }

    fn checkout(&mut self, lines: &[Line]) {
        for line in lines {
            self.learn(line);
        }
        if !lines.is_empty() {
            attribution::listed(self.session, lines, self.event.ts, self.settings, &mut self.effects.facts);
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
        let at = self.event.ts;
        let erasure = Erasure { at, until: at.plus_ms(self.settings.erasure_kept_ms()) };
        self.effects.facts.push(Fact::Erased { customer, erasure });
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
        let (placement, item) = match &self.event.kind {
            EventKind::ProductViewed(line) => (Placement::ProductPage, Some(&line.item_id)),
            EventKind::CartAdd { line, .. } => (Placement::Cart, Some(&line.item_id)),
            EventKind::Checkout(_) => (Placement::Checkout, None),
            EventKind::Purchase { .. } => (Placement::PostPurchase, None),
            // One that adds nothing is no trigger.
            EventKind::CartUpdated(_) => match &self.added {
                Some(item) => (Placement::Cart, Some(item)),
                None => return,
            },
            _ => return,
        };
        if self.settings.policy(placement).is_none() {
            return;
        }
        if let Some(reason) = self.no_trigger(is_new) {
            ended(placement, self.event.ts, reason, self.effects);
            return;
        }
        let event = self.event;
        let trigger = Trigger {
            placement,
            at: event.ts,
            newest: self.newest,
            of: first_key(event),
            cause: Cause { kind: event.kind.event_type(), event_id: event.event_id.clone(), item_id: item.cloned() },
            focus: item.cloned(),
            beside: self.beside(placement),
            order_id: event.order_id.clone(),
        };
        answer(self.settings, self.shop, self.key, self.session, &trigger, self.effects);
    }

    /// Why the event is none that anything could be offered on.
    fn no_trigger(&self, is_new: bool) -> Option<Outcome> {
        match &self.event.kind {
            _ if !is_new => Some(Outcome::Duplicate),
            EventKind::Purchase { .. } if !self.order_is_new => Some(Outcome::OrderAnswered),
            EventKind::CartAdd { line, .. } if self.is_ordered_since(&line.item_id) => Some(Outcome::TooLate),
            EventKind::CartAdd { line, .. } if !self.session.basket.has(&line.item_id) => Some(Outcome::BasketFull),
            _ => None,
        }
    }

    /// What an offer goes with.
    fn beside(&self, placement: Placement) -> Vec<Beside> {
        let listed = |item: &ItemId| self.shop.catalogue.facets(item, self.settings.currency).price;
        if placement == Placement::PostPurchase {
            let order = self.session.orders.iter().find(|order| Some(&order.id) == self.event.order_id.as_ref() && !order.is_cancelled());
            return order.map(|order| lines_of(order, self.settings)).unwrap_or_default();
        }
        let mut beside = basket_of(self.session, listed);
        if let EventKind::ProductViewed(line) = &self.event.kind
            && !self.session.basket.has(&line.item_id)
        {
            let line = self.in_own_currency(line);
            beside.push(Beside { price: line.price.or_else(|| listed(&line.item_id)), item: line.item_id, value_micros: 0 });
        }
        beside
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
