//! Sessions of one partition: what one shopper is about, and nothing of anybody else.
//!
//! Invariant: a session belongs to one partition and is changed by its events alone, in their order. Whether
//! it is over depends on event time only, never on when the sweep came by.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use compact_str::{CompactString, format_compact};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::attribution::Moves;
use super::basket::Basket;
use super::dedupe::RecentIds;
use super::facts::Plan;
use super::memory::{self, Heap};
use super::orders::Order;
use super::outstanding::Outstanding;
use super::pressure::Pressure;
use super::settings::Settings;
use super::timers::{Due, Timers};
use super::vocabulary::{Arm, Placement};
use crate::event::{EventKind, EventType, Id, ItemId, ShopEvent, Timestamp};

/// A session's key within its partition: what kind of id it goes by, and the id (`s:`, `c:`, `o:`, `u:`).
pub type SessionKey = CompactString;

/// Late events may still come this long after a session is over before it is gone.
const SWEEP_GRACE_MS: i64 = 3_600_000;
/// Most further ids a session is known by.
const ALIASES_MAX: usize = 64;

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
    pub(super) aliases: Vec<SessionKey>,
    #[serde(skip)]
    measured: Measured,
}

/// How many bytes the session took when it was last measured; says nothing of what it is.
#[derive(Clone, Copy, Debug, Default)]
struct Measured(usize);

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

/// What a session's places take: in the table, in the queue of those that will be over, in that of timers and their table.
const PLACES: usize = memory::table(1, size_of::<(SessionKey, Box<Session>)>())
    + memory::table(1, size_of::<(SessionKey, Timestamp)>())
    + 3 * size_of::<(Timestamp, SessionKey)>();
/// Its key stands in each of them.
const KEYS: usize = 4;

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
    }
}

/// Most items that are remembered as looked at.
const CONSIDERED_MAX: usize = 32;

/// All sessions of one partition.
#[derive(Debug)]
pub struct Sessions {
    idle_ms: i64,
    refund_window_ms: i64,
    sessions_max: usize,
    /// Boxed: places of the table are there up to twice a session.
    pub(super) sessions: HashMap<SessionKey, Box<Session>, FixedState>,
    bytes: usize,
    aliases: HashMap<SessionKey, SessionKey, FixedState>,
    /// When a session may be over, at the earliest; looked at again when that time has come.
    expiry: BinaryHeap<Reverse<(Timestamp, SessionKey)>>,
    timers: Timers,
    newest: Timestamp,
    evicted: u64,
    /// Which of the shop's erasures they were last looked through for.
    pub(super) erasures_seen: u64,
}

impl Session {
    /// Ends what an idle time ends: basket and offers. Orders stay until their refund window is over.
    fn renew(&mut self, now: Timestamp, idle_ms: i64, refund_window_ms: i64) {
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

    fn over_at(&self, idle_ms: i64, refund_window_ms: i64) -> Timestamp {
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

    fn tell(&mut self, event: &ShopEvent) {
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

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            idle_ms: settings.session.idle.0,
            // What was bought in this visit is asked for, however short orders are kept for refunds.
            refund_window_ms: settings.attribution.refund_window.0.max(settings.session.idle.0),
            sessions_max: settings.limits.sessions,
            sessions: HashMap::default(),
            bytes: 0,
            aliases: HashMap::default(),
            expiry: BinaryHeap::new(),
            timers: Timers::new(settings),
            newest: Timestamp::MIN,
            evicted: 0,
            erasures_seen: 0,
        }
    }

    /// The key of the session an event belongs to: its first id's, or that of the session its first id was linked
    /// to. The other ids are not asked: the bus keys the record by its first id alone, so on another partition
    /// they would not be known either.
    #[must_use]
    pub fn key_of(&self, event: &ShopEvent) -> SessionKey {
        let first = first_key(event);
        if self.get(&first).is_some() { first } else { self.owner_of(&first).cloned().unwrap_or(first) }
    }

    /// The session of that key, looked at without changing it; `None` once it is gone, swept or not.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Session> {
        let over_at = |session: &Session| session.over_at(self.idle_ms, self.refund_window_ms);
        self.sessions.get(key).map(|session| &**session).filter(|session| over_at(session).plus_ms(SWEEP_GRACE_MS) > self.newest)
    }

    /// The session an event belongs to, made if it is new, brought to the event's time, known by all its ids.
    pub fn open(&mut self, key: &SessionKey, event: &ShopEvent) -> &mut Session {
        // What is known by another session that is still there, stays so: it would not say so when restored.
        let aliases = keys_of(event).filter(|id| id != key && !id.starts_with("u:"));
        let aliases: Vec<SessionKey> = aliases.filter(|id| self.owner_of(id).is_none()).collect();
        if self.get(key).is_none() {
            let known = self.sessions.contains_key(key);
            self.remove(key);
            if !known {
                self.expiry.push(Reverse((self.newest.max(event.ts).plus_ms(self.idle_ms), key.clone())));
            }
        }
        self.newest = self.newest.max(event.ts);
        let session = self.sessions.entry(key.clone()).or_default();
        session.renew(event.ts, self.idle_ms, self.refund_window_ms);
        session.seen_at = self.newest;
        session.events += 1;
        for id in aliases {
            if session.aliases.len() < ALIASES_MAX {
                self.aliases.insert(id.clone(), key.clone());
                session.aliases.push(id);
            }
        }
        session.tell(event);
        session
    }

    /// Sets the session's timer anew, after it changed.
    pub fn schedule(&mut self, key: &SessionKey) {
        if let Some(session) = self.sessions.get(key) {
            self.timers.set(key, session);
        }
    }

    /// The next timer that is due by `until`; it won't fire again.
    pub fn fire(&mut self, until: Timestamp) -> Option<Due> {
        self.timers.fire(until, &mut self.sessions)
    }

    /// A session whose timer fired.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Session> {
        self.sessions.get_mut(key).map(|session| &mut **session)
    }

    /// The newest time the partition has seen.
    #[must_use]
    pub fn newest(&self) -> Timestamp {
        self.newest
    }

    /// Puts a restored session back.
    pub fn restore(&mut self, key: SessionKey, session: Session) {
        self.newest = self.newest.max(session.seen_at);
        self.expiry.push(Reverse((session.over_at(self.idle_ms, self.refund_window_ms), key.clone())));
        for alias in &session.aliases {
            // Where two were known by it, the earlier was gone when the later came.
            let other = self.aliases.get(alias).and_then(|owner| self.sessions.get(owner));
            if other.is_none_or(|other| other.seen_at < session.seen_at) {
                self.aliases.insert(alias.clone(), key.clone());
            }
        }
        self.timers.set(&key, &session);
        let before = self.sessions.insert(key.clone(), Box::new(session));
        self.bytes -= before.map_or(0, |before| before.measured.0);
        self.measure(&key);
    }

    /// Drops the sessions that are over, and the ones nearest to it beyond the limit. Returns their keys.
    pub fn sweep(&mut self) -> Vec<SessionKey> {
        self.sweep_within(None)
    }

    /// As [`Sessions::sweep`], within a limit in bytes, too.
    pub fn sweep_within(&mut self, bytes_max: Option<usize>) -> Vec<SessionKey> {
        let mut gone = Vec::new();
        while let Some(Reverse((due, _))) = self.expiry.peek() {
            let too_many = self.sessions.len() > self.sessions_max || bytes_max.is_some_and(|bytes_max| self.bytes > bytes_max);
            if !too_many && due.plus_ms(SWEEP_GRACE_MS) > self.newest {
                break;
            }
            let Some(Reverse((due, key))) = self.expiry.pop() else { break };
            let Some(session) = self.sessions.get(&key) else { continue };
            let over_at = session.over_at(self.idle_ms, self.refund_window_ms);
            if over_at > due {
                self.expiry.push(Reverse((over_at, key)));
                continue;
            }
            self.evicted += u64::from(over_at.plus_ms(SWEEP_GRACE_MS) > self.newest);
            self.remove(&key);
            gone.push(key);
        }
        gone
    }

    /// Sees how many bytes a session takes, after it changed.
    pub fn measure(&mut self, key: &SessionKey) {
        if let Some(session) = self.sessions.get_mut(key) {
            let now = session.heap() + PLACES + KEYS * memory::text(key);
            self.bytes = self.bytes + now - session.measured.0;
            session.measured = Measured(now);
        }
    }

    /// How many bytes all take that were measured: see [`super::memory`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// How many were dropped before they were over.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// All sessions, sorted by key.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&SessionKey, &Session)> {
        let mut all: Vec<_> = self.sessions.iter().map(|(key, session)| (key, &**session)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// The session that is known by `id` beside its own key.
    fn owner_of(&self, id: &str) -> Option<&SessionKey> {
        self.aliases.get(id).filter(|key| self.get(key).is_some())
    }

    pub(super) fn remove(&mut self, key: &SessionKey) {
        let Some(session) = self.sessions.remove(key) else { return };
        self.timers.forget(key);
        self.bytes -= session.measured.0;
        for alias in session.aliases {
            if self.aliases.get(&alias) == Some(key) {
                self.aliases.remove(&alias);
            }
        }
    }
}

/// The key an event's first id stands for, whatever session that is linked to.
pub(super) fn first_key(event: &ShopEvent) -> SessionKey {
    keys_of(event).next().unwrap_or_default()
}

/// The keys an event's ids stand for, in the order in which they name the session.
fn keys_of(event: &ShopEvent) -> impl Iterator<Item = SessionKey> {
    let ids = [("s", &event.session_id), ("c", &event.cart_id), ("o", &event.order_id), ("u", &event.customer_id)];
    ids.into_iter().filter_map(|(kind, id)| id.as_ref().map(|id| format_compact!("{kind}:{id}")))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
