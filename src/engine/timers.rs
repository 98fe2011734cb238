//! Timers: offers that are due at a time, not on an event. Left-behind baskets, and orders to follow up.
//!
//! Invariant: what is due, and when, is a function of the session's own events. A timer fires once, in order of its
//! time, as soon as the partition's event time has come so far.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use foldhash::fast::FixedState;

use super::session::{Session, SessionKey};
use super::settings::Settings;
use super::vocabulary::Placement;
use crate::event::{Id, Timestamp};

/// So many timers of sessions that are gone are left where they are.
const STALE_MAX: usize = 1_024;

/// A timer that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The session.
    pub key: SessionKey,
    /// When it was due.
    pub at: Timestamp,
    /// What is due.
    pub what: Timed,
}

/// What can be due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timed {
    /// A basket was left behind.
    AbandonedCart,
    /// The order of that id is to be followed up.
    FollowUp(Id),
}

/// What is due of a session, as it looks at itself.
#[derive(Clone, Copy)]
enum First {
    Basket,
    Order(usize),
}

/// The timers of one partition's sessions: at most one each, the one that is due first.
#[derive(Debug)]
pub struct Timers {
    abandoned_after_ms: Option<i64>,
    queue: BinaryHeap<Reverse<(Timestamp, SessionKey)>>,
    /// When a session is looked at next.
    next: HashMap<SessionKey, Timestamp, FixedState>,
}

impl Timers {
    /// No timers yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let abandoned_after_ms = settings.policy(Placement::AbandonedCart).map(|policy| policy.after.0);
        Self { abandoned_after_ms, queue: BinaryHeap::new(), next: HashMap::default() }
    }

    /// Sets the timer of a session that changed. One that is due later than before is found out when it fires.
    pub fn set(&mut self, key: &SessionKey, session: &Session) {
        let Some((at, _)) = self.first_of(session) else { return };
        if self.next.get(key).is_none_or(|next| at < *next) {
            self.next.insert(key.clone(), at);
            self.queue.push(Reverse((at, key.clone())));
        }
    }

    /// The session is gone.
    pub fn forget(&mut self, key: &str) {
        self.next.remove(key);
        // What was set for sessions that are gone is not to outgrow what is set.
        if self.queue.len() > 2 * self.next.len() + STALE_MAX {
            let next = &self.next;
            self.queue.retain(|Reverse((at, key))| next.get(key) == Some(at));
        }
    }

    /// The next timer that is due by `until`; it won't fire again.
    pub fn fire(&mut self, until: Timestamp, sessions: &mut HashMap<SessionKey, Box<Session>, FixedState>) -> Option<Due> {
        while self.queue.peek().is_some_and(|Reverse((at, _))| *at <= until) {
            let Reverse((looked_for, key)) = self.queue.pop()?;
            if self.next.get(&key) != Some(&looked_for) {
                continue;
            }
            self.next.remove(&key);
            let Some(session) = sessions.get_mut(&key) else { continue };
            let Some((at, what)) = self.first_of(session) else { continue };
            if at <= until && at <= looked_for {
                let what = done(session, what);
                self.set(&key, session);
                return Some(Due { key, at, what });
            }
            self.set(&key, session);
        }
        None
    }

    /// What is due first.
    fn first_of(&self, session: &Session) -> Option<(Timestamp, First)> {
        let is_left = !session.basket.lines.is_empty() && !session.basket_answered;
        let left = self.abandoned_after_ms.filter(|_| is_left).map(|after| (session.last_at.plus_ms(after), First::Basket));
        let orders = session.orders.iter().enumerate().filter_map(|(at, order)| Some((order.follow_up_at?, First::Order(at))));
        left.into_iter().chain(orders).min_by_key(|(at, _)| *at)
    }
}

fn done(session: &mut Session, what: First) -> Timed {
    match what {
        First::Basket => {
            session.basket_answered = true;
            Timed::AbandonedCart
        }
        First::Order(at) => {
            session.orders[at].follow_up_at = None;
            Timed::FollowUp(session.orders[at].id.clone())
        }
    }
}
