//! A process: the real loop and the real commit, the fold of the shop log, over a cluster in memory.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use offerstream::config::Config;
use offerstream::engine::shop::Shop;
use offerstream::exact::{Committing, Durability, Next, Outcome, Parts, Stepped, Stream};
use offerstream::health::Health;
use offerstream::metrics::Metrics;
use offerstream::state::ShopRecord;

use super::bus::{Client, Link, SimBus};
use super::cluster::{Broken, Shared, TRANSACTION_MS};
use super::log::{Log, Read};
use super::wire::{Outbox, SimWire};

/// What all processes of all simulations have in common.
pub struct Common {
    pub metrics: Arc<Metrics>,
    pub started: Instant,
}

/// How a process goes on.
#[derive(Debug)]
pub enum Fate {
    Alive,
    Drained,
    /// It ended with a line.
    Ended(String),
}

pub struct Process {
    pub instance: String,
    cluster: Shared,
    stream: Stream<SimBus>,
    pub client: Rc<RefCell<Client>>,
    pub link: Rc<RefCell<Link>>,
    outbox: Rc<RefCell<Outbox>>,
    wire: Option<SimWire>,
    committing: Committing,
    /// Since when the commit at hand is under way.
    commit_since: Option<i64>,
    stop: Arc<AtomicBool>,
    pub shop: Arc<Shop>,
    /// How far the shop log is folded.
    folded_to: i64,
    is_restored: bool,
    blocked_since: Option<i64>,
    /// Stopped, as by SIGSTOP, until then.
    pub frozen_until: i64,
}

/// Folds the next record of the shop log.
pub fn fold_next(log: &Log, from: i64, shop: &Shop) -> (i64, bool) {
    match log.read(from) {
        Read::End(next) => (next, false),
        Read::Record(offset, record) => {
            let record = ShopRecord::decode(record.value.as_deref().unwrap()).unwrap();
            if let Some(decay) = record.header.decay {
                shop.set_decay(decay);
            }
            record.facts.iter().for_each(|fact| shop.fold(fact));
            (offset + 1, true)
        }
    }
}

impl Process {
    pub fn start(instance: &str, cluster: &Shared, config: &Arc<Config>, common: &Common, incarnation: u64, partition_count: i32) -> Self {
        let (client, link) = (Rc::new(RefCell::new(Client::new(instance))), Rc::new(RefCell::new(Link::default())));
        let outbox = Rc::new(RefCell::new(Outbox::default()));
        let shop = Arc::new(Shop::new(&config.engine.limits));
        let stop = Arc::new(AtomicBool::new(false));
        let parts = Parts {
            live: Arc::new(offerstream::live::Live::new(true)),
            config: Arc::clone(config),
            shop: Arc::clone(&shop),
            metrics: Arc::clone(&common.metrics),
            health: Arc::new(Health::default()),
            stop: Arc::clone(&stop),
            partition_count,
            incarnation,
            durability: Durability::Logs,
        };
        let bus = SimBus {
            cluster: cluster.clone(),
            client: client.clone(),
            link: link.clone(),
            outbox: outbox.clone(),
            now_ms: cluster.borrow().now_ms.clone(),
            started: common.started,
        };
        Self {
            instance: instance.to_owned(),
            cluster: cluster.clone(),
            stream: Stream::new(bus, parts),
            client,
            link,
            outbox,
            wire: None,
            committing: Committing::new(Duration::from_millis(TRANSACTION_MS as u64)),
            commit_since: None,
            stop,
            shop,
            folded_to: 0,
            is_restored: false,
            blocked_since: None,
            frozen_until: 0,
        }
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The thread of the loop: it starts its transactions, folds the shop log to its end, then goes round.
    pub fn step(&mut self) -> Fate {
        if self.wire.is_none() {
            self.wire = SimWire::start(&self.cluster, &self.instance, &self.outbox);
            return Fate::Alive;
        }
        if !self.is_restored {
            self.is_restored = !self.fold();
            return Fate::Alive;
        }
        let now = self.cluster.borrow().now();
        if self.link.borrow().rest_until_ms > now || self.is_blocked(now) {
            return Fate::Alive;
        }
        match self.stream.step() {
            Ok(Next::On) => Fate::Alive,
            Ok(Next::Done) => Fate::Drained,
            Err(error) => Fate::Ended(format!("{error:#}")),
        }
    }

    /// Whether its poll waits for the commit under way, before partitions are given back.
    fn is_blocked(&mut self, now: i64) -> bool {
        let waits = self.client.borrow().waits_for(&self.link.borrow());
        if !waits {
            self.blocked_since = None;
            return false;
        }
        now - *self.blocked_since.get_or_insert(now) < self.cluster.borrow().revoke_ms
    }

    /// The thread that commits: one step.
    pub fn commit_step(&mut self) {
        let mut link = self.link.borrow_mut();
        let (Some(commit), Some(wire)) = (&mut link.commit, &mut self.wire) else { return };
        if self.cluster.borrow().is(Broken::NewMembership) {
            commit.membership = self.client.borrow().who();
        }
        let now = self.cluster.borrow().now();
        let took = Duration::from_millis((now - *self.commit_since.get_or_insert(now)) as u64);
        if let Stepped::Ended(outcome) = self.committing.step(wire, commit, took) {
            self.commit_since = None;
            let said = match &outcome {
                Outcome::Committed(_) => "committed".into(),
                Outcome::Aborted(why) => format!("aborted: {why}"),
                Outcome::Fatal(error) => format!("fatal: {error:#}"),
            };
            let number = commit.number;
            self.cluster.borrow_mut().say(|| format!("{} commit {number} {said}", self.instance));
            (link.commit, link.outcome) = (None, Some(outcome));
        }
    }

    /// The producer of offers that leave at once: one record.
    pub fn offers_step(&self) {
        self.outbox.borrow_mut().step(&self.cluster);
    }

    /// The thread of the shop log: one record.
    pub fn fold(&mut self) -> bool {
        let cluster = self.cluster.borrow();
        let (next, has_folded) = fold_next(cluster.log(&cluster.kafka.shop_topic, 0), self.folded_to, &self.shop);
        self.folded_to = next;
        has_folded
    }

    pub fn heartbeat(&self) {
        self.client.borrow_mut().heartbeat(&self.cluster);
    }
}

/// What all simulations share.
pub fn common(config: &Config, started: Instant) -> Result<Common> {
    Ok(Common { metrics: Arc::new(Metrics::new(&config.engine)?), started })
}
