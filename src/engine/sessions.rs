//! Sessions of one partition: which one an event belongs to, and which of them are over.
//!
//! Invariant: a session belongs to one partition. Whether it is over depends on event time only, never on when the sweep
//! came by. A limit, in sessions or in bytes, drops those nearest to their end, and that is counted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use compact_str::format_compact;
use foldhash::fast::FixedState;

use super::memory::{self, Heap};
use super::session::{Measured, Session, SessionKey};
use super::settings::Settings;
use super::timers::{Due, Timers};
use crate::event::{ShopEvent, Timestamp};

/// Late events may still come this long after a session is over before it is gone.
const SWEEP_GRACE_MS: i64 = 3_600_000;
/// Most further ids a session is known by.
const ALIASES_MAX: usize = 64;

/// What a session's places take: in the table, in the queue of those that will be over, in that of timers and their table.
const PLACES: usize = memory::table(1, size_of::<(SessionKey, Box<Session>)>())
    + memory::table(1, size_of::<(SessionKey, Timestamp)>())
    + 3 * size_of::<(Timestamp, SessionKey)>();
/// Its key stands in each of them.
const KEYS: usize = 4;

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
#[path = "sessions_tests.rs"]
mod tests;
