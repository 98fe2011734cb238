//! Purpose: a simulated shop, for a demo that needs no data and tests that know the truth: shoppers
//! arrive, look, add, pay and leave, and see, take or wave away the offers made to them.
//!
//! Invariant: no clock, no I/O, no threads. What comes out is a function of the configuration and of
//! the calls made: the same seed, the same offers and the same times give the same bytes, and without
//! offers it does not matter in how many steps time advances. Everything says that it is simulated.
//!
//! The way of one shopper: `rhythm` says when they come, `shopper` who they are, `plan` what
//! they mean to do, `session` carries it out and lets offers (`offer`) change it, `event` writes
//! it down. How likely all of it is stands in `behaviour`, what goes with what in `products.txt`.
//! The engine must learn both from the events alone.

mod behaviour;
mod catalogue;
mod event;
mod money;
mod offer;
mod plan;
mod rhythm;
mod rng;
mod session;
mod shopper;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use compact_str::{CompactString, format_compact};
use siphasher::sip::SipHasher13;

pub use self::catalogue::{CURRENCY, Product};
pub use self::money::Cents;

use self::catalogue::Catalogue;
use self::offer::Offer;
use self::rhythm::Arrivals;
use self::rng::{Rng, derive};
use self::session::{Aftermath, Session};
use self::shopper::Shopper;

/// The shop's name, wherever one is shown.
pub const SHOP_NAME: &str = "Simulated shop";

/// The last time with a four-digit year.
const TS_MS_MAX: i64 = 253_402_300_799_999;

/// What makes one simulation differ from another.
#[derive(Clone, Copy, Debug)]
pub struct SimConfig {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// When the shop opens, in milliseconds since 1970, UTC. It opens empty: the first orders come
    /// some minutes later.
    pub start_ms: i64,
    /// Shoppers who arrive in an ordinary busy hour (noon on a Thursday, UTC); evenings and Saturdays
    /// bring up to half as many more, nights a seventh. 0 for none.
    pub shoppers_per_hour: f64,
}

/// One event of the simulated shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimEvent {
    /// The event's time, in milliseconds since 1970, UTC.
    pub ts_ms: i64,
    /// The record's key: the session id.
    pub key: CompactString,
    /// One event in the native format, without a line end.
    pub json: String,
}

/// A simulated shop and everyone in it.
pub struct Simulator {
    seed: u64,
    /// Keeps this run's session ids apart from those of runs with another seed or start.
    tag: CompactString,
    catalogue: Catalogue,
    arrivals: Option<Arrivals>,
    next_arrival_ms: Option<i64>,
    arrived: u64,
    /// Boxed, so that the tree stays small enough to be walked fast.
    sessions: BTreeMap<u64, Box<Session>>,
    /// The next thing to happen in each session: one entry for each, no more.
    timers: BTreeSet<(i64, u64)>,
    aftermaths: BTreeMap<(i64, u64), Aftermath>,
    aftermaths_max: usize,
    now_ms: i64,
}

/// What happens next; the order decides between things of the same millisecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Arrival,
    Session(u64),
    Aftermath(u64),
}

impl Simulator {
    /// A shop that opens, empty, at the configured time.
    pub fn new(config: SimConfig) -> Self {
        let start_ms = config.start_ms.clamp(0, TS_MS_MAX);
        let dice = Rng::new(derive(config.seed, u64::MAX));
        let mut arrivals = Arrivals::new(dice, start_ms, config.shoppers_per_hour);
        let tag = derive(config.seed, start_ms as u64) >> 32;
        Self {
            seed: config.seed,
            tag: format_compact!("{tag:08x}"),
            catalogue: Catalogue::new(),
            next_arrival_ms: arrivals.as_mut().map(Arrivals::next_ms),
            arrivals,
            arrived: 0,
            sessions: BTreeMap::new(),
            timers: BTreeSet::new(),
            aftermaths: BTreeMap::new(),
            aftermaths_max: behaviour::REGRETS_MAX,
            now_ms: start_ms,
        }
    }

    /// Appends every event due up to and including `now_ms`, in time order. Time does not go back.
    pub fn advance(&mut self, now_ms: i64, out: &mut Vec<SimEvent>) {
        while let Some((at_ms, due)) = self.next_due()
            && at_ms <= now_ms.min(TS_MS_MAX)
        {
            match due {
                Due::Arrival => self.admit(at_ms),
                Due::Session(number) => self.proceed(at_ms, number, out),
                Due::Aftermath(number) => {
                    if let Some(aftermath) = self.aftermaths.remove(&(at_ms, number)) {
                        aftermath.happen(&self.catalogue, out);
                    }
                }
            }
        }
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// Takes an offer (one JSON object, as on the offers topic) that reaches the shop at `now_ms`.
    /// False if nobody will see it: it is none, its session is over or not of this shop, it came
    /// before, or the page is left too soon.
    pub fn on_offer(&mut self, offer_json: &[u8], now_ms: i64) -> bool {
        let Some(offer) = Offer::read(offer_json, &self.catalogue) else { return false };
        let Some(number) = self.session_number(&offer.session_id) else { return false };
        let Some(session) = self.sessions.get_mut(&number) else { return false };
        let before = session.next_due_ms();
        let mut hasher = SipHasher13::new_with_keys(self.seed, number);
        hasher.write(offer.offer_id.as_bytes());
        let hash = hasher.finish();
        let seen = session.receive(offer, hash, Rng::new(hash), now_ms.max(self.now_ms));
        let after = session.next_due_ms();
        self.reschedule(number, before, after);
        seen
    }

    /// What the shop sells.
    pub fn catalogue(&self) -> &[Product] {
        self.catalogue.products()
    }

    /// How many shoppers are in the shop.
    pub fn open_sessions(&self) -> usize {
        self.sessions.len()
    }
}

impl Simulator {
    fn next_due(&self) -> Option<(i64, Due)> {
        let arrival = self.next_arrival_ms.map(|at_ms| (at_ms, Due::Arrival));
        let timer = self.timers.first().map(|&(at_ms, number)| (at_ms, Due::Session(number)));
        let aftermath = self.aftermaths.keys().next().map(|&(at_ms, number)| (at_ms, Due::Aftermath(number)));
        [arrival, timer, aftermath].into_iter().flatten().min()
    }

    fn admit(&mut self, at_ms: i64) {
        self.next_arrival_ms = self.arrivals.as_mut().map(Arrivals::next_ms);
        let number = self.arrived;
        self.arrived += 1;
        let mut rng = Rng::new(derive(self.seed, number));
        let session_id = format_compact!("sim-{}-{number}", self.tag);
        let shopper = Shopper::arriving(session_id, &self.catalogue, &mut rng);
        let steps = plan::visit(&self.catalogue, &shopper, at_ms, &mut rng);
        let session = Session::new(shopper, steps);
        self.reschedule(number, None, session.next_due_ms());
        self.sessions.insert(number, Box::new(session));
    }

    fn proceed(&mut self, at_ms: i64, number: u64, out: &mut Vec<SimEvent>) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        let aftermath = session.proceed(&self.catalogue, out);
        let next_ms = session.next_due_ms();
        if next_ms.is_none() {
            self.sessions.remove(&number);
        }
        self.reschedule(number, Some(at_ms), next_ms);
        if let Some(aftermath) = aftermath
            && self.aftermaths.len() < self.aftermaths_max
        {
            self.aftermaths.insert((aftermath.at_ms, number), aftermath);
        }
    }

    fn reschedule(&mut self, number: u64, before_ms: Option<i64>, after_ms: Option<i64>) {
        if let Some(at_ms) = before_ms {
            self.timers.remove(&(at_ms, number));
        }
        if let Some(at_ms) = after_ms {
            self.timers.insert((at_ms, number));
        }
    }

    /// The number in a session id of this run.
    fn session_number(&self, session_id: &str) -> Option<u64> {
        let number = session_id.strip_prefix("sim-")?.strip_prefix(self.tag.as_str())?;
        number.strip_prefix('-')?.parse().ok()
    }
}
