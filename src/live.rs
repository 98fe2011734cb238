//! What is committed here, for whoever asks now: the sessions of this instance, and the newest offers.
//!
//! Invariant: nothing is here that is not committed (offers that leave at once by `kafka.delivery` aside), and nothing stays
//! when its partition goes. The loop only puts in and never waits: one who listens too slowly is let go of. Sessions are kept
//! as their changelog has them, a fifth of what they take at work, and none that the loop does not own: so they are bounded as
//! sessions are.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use foldhash::fast::FixedState;
use tokio::sync::mpsc;

use crate::engine::session::{Session, SessionKey};
use crate::event::Id;
use crate::state::decode_session;

/// So many of the newest offers are kept.
pub const NEWEST_MAX: usize = 20;
/// Offers that wait for one listener.
const WAITING_MAX: usize = 32;

/// An offer as it was written.
pub type OfferJson = Arc<[u8]>;

/// A session's changelog value; none ends it.
pub type Change = (SessionKey, Option<Arc<[u8]>>);

/// What is committed here.
#[derive(Debug)]
pub struct Live {
    keeps_sessions: bool,
    sessions: DashMap<SessionKey, Arc<[u8]>, FixedState>,
    bytes: AtomicUsize,
    feed: Mutex<Feed>,
    /// How many listen: where nobody does, an offer costs nothing.
    listeners: AtomicUsize,
    cut_off: AtomicU64,
}

#[derive(Debug, Default)]
struct Feed {
    newest: VecDeque<OfferJson>,
    by_session: HashMap<Id, Vec<mpsc::Sender<OfferJson>>, FixedState>,
}

/// The offers of one session, from now on; it ends when they are taken too slowly.
#[derive(Debug)]
pub struct Listening {
    live: Arc<Live>,
    session_id: Id,
    offers: mpsc::Receiver<OfferJson>,
}

impl Live {
    /// Nothing yet. Without `keeps_sessions` no session ever is.
    #[must_use]
    pub fn new(keeps_sessions: bool) -> Self {
        Self {
            keeps_sessions,
            sessions: DashMap::with_hasher(FixedState::default()),
            bytes: AtomicUsize::new(0),
            feed: Mutex::default(),
            listeners: AtomicUsize::new(0),
            cut_off: AtomicU64::new(0),
        }
    }

    /// Whether sessions are kept.
    #[must_use]
    pub fn keeps_sessions(&self) -> bool {
        self.keeps_sessions
    }

    /// The session of that key, as of its last commit; `None` where it is not this instance's.
    #[must_use]
    pub fn session(&self, key: &str) -> Option<Session> {
        let bytes = self.sessions.get(key).map(|bytes| Arc::clone(&bytes))?;
        decode_session(&bytes).ok()
    }

    /// Sessions changed.
    pub fn changed(&self, changes: impl IntoIterator<Item = Change>) {
        for (key, value) in changes {
            let added = value.as_ref().map_or(0, |value| value.len());
            let before = match value {
                Some(value) => self.sessions.insert(key, value),
                None => self.sessions.remove(&key).map(|(_, value)| value),
            };
            self.bytes.fetch_add(added, Ordering::Relaxed);
            self.bytes.fetch_sub(before.map_or(0, |before| before.len()), Ordering::Relaxed);
        }
    }

    /// The partitions they belong to went.
    pub fn forget_sessions(&self) {
        self.sessions.clear();
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// How many sessions are here, and in how many bytes.
    #[must_use]
    pub fn usage(&self) -> (usize, usize) {
        (self.sessions.len(), self.bytes.load(Ordering::Relaxed))
    }

    /// Offers were made; the newest last.
    pub fn offered<'a>(&self, offers: impl ExactSizeIterator<Item = (Option<&'a Id>, &'a [u8])>) {
        let count = offers.len();
        if count == 0 {
            return;
        }
        let is_heard = self.listeners.load(Ordering::Relaxed) > 0;
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, (session_id, json)) in offers.enumerate() {
            let is_new = at + NEWEST_MAX >= count;
            let listeners = session_id.filter(|_| is_heard).and_then(|id| feed.by_session.get_mut(id));
            if !is_new && listeners.is_none() {
                continue;
            }
            let json: OfferJson = json.into();
            if let Some(listeners) = listeners {
                // A sender that is dropped ends its listener's stream.
                let before = listeners.len();
                listeners.retain(|listener| listener.try_send(Arc::clone(&json)).is_ok());
                self.cut_off.fetch_add((before - listeners.len()) as u64, Ordering::Relaxed);
            }
            if is_new {
                feed.newest.push_front(json);
                feed.newest.truncate(NEWEST_MAX);
            }
        }
    }

    /// The newest offers, the newest first.
    #[must_use]
    pub fn newest(&self) -> Vec<OfferJson> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner).newest.iter().cloned().collect()
    }

    /// Listens to the offers of one session.
    #[must_use]
    pub fn listen(self: &Arc<Self>, session_id: Id) -> Listening {
        let (sender, offers) = mpsc::channel(WAITING_MAX);
        self.listeners.fetch_add(1, Ordering::Relaxed);
        self.feed.lock().unwrap_or_else(PoisonError::into_inner).by_session.entry(session_id.clone()).or_default().push(sender);
        Listening { live: Arc::clone(self), session_id, offers }
    }

    /// How many listen, and how many were let go of for listening too slowly.
    #[must_use]
    pub fn listeners(&self) -> (usize, u64) {
        (self.listeners.load(Ordering::Relaxed), self.cut_off.load(Ordering::Relaxed))
    }
}

impl Listening {
    /// The next offer, once there is one; `None` when it was let go of.
    pub fn poll_next(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Option<OfferJson>> {
        self.offers.poll_recv(context)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.offers.close();
        let mut feed = self.live.feed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(senders) = feed.by_session.get_mut(&self.session_id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                feed.by_session.remove(&self.session_id);
            }
        }
        self.live.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::encode_session;

    #[allow(clippy::field_reassign_with_default, reason = "a session has fields of the engine's own")]
    fn change(key: &str, events: u64) -> Change {
        let mut session = Session::default();
        session.events = events;
        (key.into(), Some(encode_session(&session).into()))
    }

    #[test]
    fn a_session_is_as_it_was_committed_last_until_it_ends() {
        let live = Live::new(true);
        live.changed([change("s:1", 1), change("s:2", 1)]);
        live.changed([change("s:1", 2)]);
        assert_eq!((live.session("s:1").unwrap().events, live.usage().0), (2, 2));
        live.changed([("s:1".into(), None), ("s:none".into(), None)]);
        assert!(live.session("s:1").is_none() && live.usage().0 == 1 && live.usage().1 > 0);
        live.changed([("s:2".into(), None)]);
        assert_eq!(live.usage(), (0, 0));
    }

    #[test]
    fn the_newest_offers_are_kept_the_newest_first() {
        let live = Live::new(true);
        let written: Vec<Vec<u8>> = (0..50_u8).map(|n| vec![n]).collect();
        live.offered(written[..49].iter().map(|json| (None, json.as_slice())));
        live.offered(written[49..].iter().map(|json| (None, json.as_slice())));
        let newest: Vec<u8> = live.newest().iter().map(|json| json[0]).collect();
        assert_eq!(newest, (30..50).rev().collect::<Vec<u8>>());
    }

    #[tokio::test]
    async fn a_listener_hears_its_own_session_and_is_let_go_of_when_it_is_too_slow() {
        let live = Arc::new(Live::new(true));
        let (own, other) = (Id::from("own"), Id::from("other"));
        let mut heard = live.listen(own.clone());
        let mut slow = live.listen(own.clone());
        for n in 0..WAITING_MAX as u8 + 8 {
            let (a, b) = ([n], [200]);
            live.offered([(Some(&own), a.as_slice()), (Some(&other), b.as_slice()), (None, b.as_slice())].into_iter());
            assert_eq!(std::future::poll_fn(|context| heard.poll_next(context)).await.unwrap()[0], n);
        }
        let mut taken = 0;
        while std::future::poll_fn(|context| slow.poll_next(context)).await.is_some() {
            taken += 1;
        }
        assert_eq!((taken, live.listeners()), (WAITING_MAX, (2, 1)));
        drop((heard, slow));
        assert_eq!(live.listeners().0, 0);
        assert!(live.feed.lock().unwrap().by_session.is_empty());
    }
}
