//! One session: what one shopper is about, and nothing of anybody else.
//!
//! Invariant: a session is changed by its own events alone, in their order, and when it is over depends on event time only.

use std::collections::VecDeque;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::attribution::Moves;
use super::basket::Basket;
use super::dedupe::RecentIds;
use super::facts::Plan;
use super::memory::{self, Heap};
use super::orders::Order;
use super::outstanding::Outstanding;
use super::pressure::Pressure;
use super::vocabulary::{Arm, Placement};
use crate::event::{EventKind, EventType, Id, ItemId, ShopEvent, Timestamp};

pub use super::sessions::Sessions;

/// A session's key within its partition: what kind of id it goes by, and the id (`s:`, `c:`, `o:`, `u:`).
pub type SessionKey = CompactString;

/// One shopper's session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Events of it so far.
    pub events: u64,
    /// The time of its newest event.
    pub last_at: Timestamp,
    /// The newest time its partition had seen when its last event came: an event that comes late keeps it, too.
    pub seen_at: Timestamp,
    /// The customer, once known,
    pub customer: Option<Id>,
    /// and the time of the newest event that named them.
    pub customer_at: Timestamp,
    /// The channel of its newest event that named one.
    pub channel: Option<Id>,
    /// The open basket.
    pub basket: Basket,
    /// Event ids seen.
    pub recent: RecentIds,
    /// Offers made and not yet over, oldest first.
    pub offers: VecDeque<Outstanding>,
    /// The newest offer of each placement.
    pub newest_offers: Vec<(Placement, u128)>,
    /// Orders whose lines may still come back, oldest first.
    pub orders: VecDeque<Order>,
    /// The arm, once eligible.
    pub arm: Option<Arm>,
    /// Placements an offer was made at, each counted once.
    pub offered_at: Vec<Placement>,
    /// Placements an offer was accepted at, with how many of their items are.
    pub accepted_at: Vec<(Placement, u32)>,
    /// Moves of offered items in and out of the basket.
    pub moves: Moves,
    /// The experiment the shopper entered, and as whom, once eligible: a later plan is for those who come after.
    pub entered: Option<(Plan, u64)>,
    /// Placements the shopper was eligible at, each told once.
    pub eligible_at: Vec<Placement>,
    /// It was told that the shopper logged in as a customer of the other arm.
    pub has_crossed: bool,
    /// When the visit began: the first event after a time of idleness.
    pub visit_from: Timestamp,
    /// What the shopper was shown and refused in this visit.
    pub pressure: Pressure,
    /// Items looked at or taken out of the basket in this visit, the newest last.
    pub considered: VecDeque<ItemId>,
    /// An offer for leaving this basket behind was made, or found to be none.
    pub basket_answered: bool,
    /// What offers say that no event of their own causes.
    pub told: Told,
    /// Steps of the open basket that ranking learns from once it is bought, by number.
    pub examples: Vec<u64>,
    pub(super) aliases: Vec<SessionKey>,
    #[serde(skip)]
    pub(super) measured: Measured,
}

/// How many bytes the session took when it was last measured; says nothing of what it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured(pub(super) usize);

impl PartialEq for Measured {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What the session's newest events told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The session's id, where an event had one.
    pub session_id: Option<Id>,
    /// The basket's id, likewise.
    pub cart_id: Option<Id>,
    /// The shopper's language.
    pub locale: Option<Id>,
    /// The segment the shop itself puts the shopper into.
    pub segment: Option<Id>,
    /// The newest event's type and id.
    pub event: Option<(EventType, Option<Id>)>,
}

impl Heap for Session {
    /// The session's own place included, which is on the heap.
    fn heap(&self) -> usize {
        use memory::{block, list, maybe, text};
        let Told { session_id, cart_id, locale, segment, event } = &self.told;
        let event_id = event.as_ref().and_then(|(_, id)| id.as_ref());
        let ids = [&self.customer, &self.channel, session_id, cart_id, locale, segment].into_iter().map(Option::as_ref).chain([event_id]);
        let aliases = self.aliases.iter().map(|alias| 3 * text(alias)).sum::<usize>()
            + memory::table(self.aliases.len(), size_of::<(SessionKey, SessionKey)>())
            + list::<SessionKey>(self.aliases.len());
        let considered = list::<ItemId>(self.considered.len()) + self.considered.iter().map(|item| text(item)).sum::<usize>();
        block(size_of::<Self>())
            + ids.map(maybe).sum::<usize>()
            + aliases
            + considered
            + self.basket.heap()
            + self.recent.heap()
            + self.moves.heap()
            + self.pressure.heap()
            + list::<Outstanding>(self.offers.len())
            + self.offers.iter().map(Heap::heap).sum::<usize>()
            + list::<Order>(self.orders.len())
            + self.orders.iter().map(Heap::heap).sum::<usize>()
            + list::<(Placement, u128)>(self.newest_offers.len())
            + list::<Placement>(self.offered_at.len())
            + list::<(Placement, u32)>(self.accepted_at.len())
            + list::<Placement>(self.eligible_at.len())
            + list::<u64>(self.examples.len())
    }
}

/// Most items that are remembered as looked at.
const CONSIDERED_MAX: usize = 32;

impl Session {
    /// Ends what an idle time ends: basket and offers. Orders stay until their refund window is over.
    pub(super) fn renew(&mut self, now: Timestamp, idle_ms: i64, refund_window_ms: i64) {
        if now.0 > self.last_at.0.saturating_add(idle_ms) {
            let orders = std::mem::take(&mut self.orders);
            let kept = Self { orders, recent: std::mem::take(&mut self.recent), events: self.events, visit_from: now, ..Self::default() };
            let old = std::mem::replace(self, kept);
            (self.aliases, self.arm, self.told) = (old.aliases, old.arm, old.told);
            (self.customer, self.customer_at) = (old.customer, old.customer_at);
            (self.entered, self.eligible_at, self.has_crossed) = (old.entered, old.eligible_at, old.has_crossed);
            (self.offered_at, self.accepted_at) = (old.offered_at, old.accepted_at);
            (self.offers, self.moves) = (old.offers, old.moves);
            // A refund from the back office names none.
            self.channel = old.channel;
        }
        // What was offered can be bought in the next visit, and a mail is read later.
        let offers = self.offers.len();
        self.offers.retain(|offer| !offer.is_over(now));
        let Self { offers: left, orders: known, moves, .. } = self;
        let is_offered = |item: &str| left.iter().any(|offer| offer.has(item));
        if left.len() < offers {
            moves.keep(is_offered);
        }
        // An order that an offer may be paid with is needed as long as the offer is.
        let is_needed = |order: &Order| order.lines.iter().any(|line| is_offered(&line.item));
        known.retain(|order| order.over_at(refund_window_ms) >= now || is_needed(order));
        self.last_at = self.last_at.max(now);
    }

    pub(super) fn over_at(&self, idle_ms: i64, refund_window_ms: i64) -> Timestamp {
        let orders = self.orders.iter().filter(|order| !order.is_cancelled()).map(|order| order.over_at(refund_window_ms)).max();
        let offers = self.offers.iter().filter(|offer| outlives_visit(offer.placement)).map(|offer| offer.over_at).max();
        orders.max(offers).unwrap_or_default().max(self.seen_at.plus_ms(idle_ms))
    }

    /// The shopper looked at the item, or took it out of the basket.
    pub fn consider(&mut self, item: &ItemId) {
        self.considered.retain(|other| other != item);
        if self.considered.len() >= CONSIDERED_MAX {
            self.considered.pop_front();
        }
        self.considered.push_back(item.clone());
    }

    /// Whether an id is one of the session's: its own, its basket's, an order's or the customer's.
    #[must_use]
    pub fn goes_by(&self, id: &str) -> bool {
        let own = [&self.told.session_id, &self.told.cart_id, &self.customer];
        own.into_iter().flatten().any(|own| own == id) || self.orders.iter().any(|order| order.id == id)
    }

    /// Whether an order that is remembered has the item, and it was not given back.
    #[must_use]
    pub fn keeps(&self, item: &str) -> bool {
        self.orders.iter().any(|order| order.lines.iter().any(|line| line.item == item && !line.is_gone()))
    }

    /// What was bought in this visit.
    pub fn bought_now(&self) -> impl Iterator<Item = &ItemId> {
        let orders = self.orders.iter().filter(|order| order.ts >= self.visit_from && !order.is_cancelled());
        orders.flat_map(|order| order.lines.iter().map(|line| &line.item))
    }

    pub(super) fn tell(&mut self, event: &ShopEvent) {
        if event.customer_id.is_some() && event.kind != EventKind::CustomerErased {
            let is_same = self.customer == event.customer_id;
            self.customer_at = if is_same { self.customer_at.max(event.ts) } else { event.ts };
            self.customer.clone_from(&event.customer_id);
        }
        let told = &mut self.told;
        let fields = [
            (&mut self.channel, &event.channel),
            (&mut told.session_id, &event.session_id),
            (&mut told.cart_id, &event.cart_id),
            (&mut told.locale, &event.locale),
            (&mut told.segment, &event.segment),
        ];
        for (known, told) in fields {
            if told.is_some() {
                known.clone_from(told);
            }
        }
        told.event = Some((event.kind.event_type(), event.event_id.clone()));
    }
}

/// Whether offers made there are meant to be read after the visit.
fn outlives_visit(placement: Placement) -> bool {
    matches!(placement, Placement::PostPurchase | Placement::AbandonedCart | Placement::FollowUp)
}
