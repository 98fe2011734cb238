//! The loop: poll, process, hand over to the transaction; restore whenever the assignment changes.
//!
//! Invariant: no batch outlives its partitions. A batch is handed over with the membership it was polled under;
//! while it commits, the next may be worked on, but nothing of that is produced. If a commit fails, or the
//! assignment changes, the batch at hand is dropped, sessions are restored from their changelog, and reading
//! starts again at the committed offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::bus::{Bus, Place, Polled};
use super::handover::{AtHand, Pending, take};
use super::idle::Quiet;
use super::outgoing::offer;
use super::restore::Restore;
use crate::config::{Config, Delivery};
use crate::engine::shop::Shop;
use crate::health::{Health, Phase};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::pipeline::{Learning, Processor};

/// How long the group is polled for at most while nothing is due.
const POLL_MAX: Duration = Duration::from_millis(100);
/// So many commits in a row may be aborted, each after a longer pause.
const ABORTS_IN_A_ROW_MAX: u32 = 10;
const ABORT_PAUSE: Duration = Duration::from_millis(200);

/// What the loop shares with the rest of the process.
#[derive(Clone)]
pub struct Parts {
    /// Settings.
    pub config: Arc<Config>,
    /// What is learned.
    pub shop: Arc<Shop>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// How far it is.
    pub health: Arc<Health>,
    /// What is committed, for whoever asks.
    pub live: Arc<Live>,
    /// Set to end it.
    pub stop: Arc<AtomicBool>,
    /// How many partitions the events had at the start.
    pub partition_count: i32,
    /// Tells this process from others in the shop log.
    pub incarnation: u64,
    /// Where state survives.
    pub durability: Durability,
}

/// The loop, over a bus.
pub struct Stream<B: Bus> {
    pub(super) bus: B,
    pub(super) parts: Parts,
    pub(super) processor: Processor,
    pub(super) state: State<B>,
    pub(super) at_hand: AtHand,
    pub(super) pending: Option<Pending>,
    pub(super) commit_number: u64,
    pub(super) aborts_in_a_row: u32,
    pub(super) quiet: Quiet,
    /// One past the last record taken, or committed, of each partition.
    pub(super) next_offsets: BTreeMap<Place, i64>,
    /// When what is under way has to be done, once it is told to stop.
    pub(super) drain_until: Option<Instant>,
    /// The partitions that have state, as of the last restore.
    pub(super) written: BTreeSet<i32>,
}

/// Where state survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// In the state logs: sessions are restored from their changelog.
    Logs,
    /// Nowhere: the shop's log is in memory, as in the demo, whose clock is simulated besides.
    Memory,
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another step is to be made.
    On,
    /// It has come to its end.
    Done,
}

/// Where the loop is.
pub(super) enum State<B: Bus> {
    /// Nothing is assigned.
    Idle,
    /// Sessions of the assignment are being restored.
    Restoring { partitions: Vec<Place>, restore: Restore<B::Changelog>, since: Instant },
    /// They are; where to read on is being asked for.
    Locating { partitions: Vec<Place>, since: Instant },
    /// Events are taken.
    Running { partitions: Vec<Place>, membership: B::Membership },
}

impl<B: Bus> Stream<B> {
    /// A loop that has not begun.
    pub fn new(bus: B, parts: Parts) -> Self {
        let learning = if parts.durability == Durability::Logs { Learning::FromLog } else { Learning::AtOnce };
        Self {
            processor: Processor::new(Arc::new(parts.config.engine.clone()), Arc::clone(&parts.shop), learning)
                .with_customer_key(parts.config.privacy.key.clone())
                .with_token_key(parts.config.token_key()),
            bus,
            parts,
            state: State::Idle,
            at_hand: AtHand::default(),
            pending: None,
            commit_number: 0,
            aborts_in_a_row: 0,
            quiet: Quiet::default(),
            next_offsets: BTreeMap::new(),
            drain_until: None,
            written: BTreeSet::new(),
        }
    }

    /// Runs until told to stop, then commits what is at hand.
    ///
    /// # Errors
    /// The process can't go on; the line says why.
    pub fn run(mut self) -> Result<()> {
        while self.step()? == Next::On {}
        Ok(())
    }

    /// Goes round once.
    ///
    /// # Errors
    /// The process can't go on; the line says why.
    pub fn step(&mut self) -> Result<Next> {
        if self.is_told_to_stop() {
            return self.drain_step();
        }
        self.go_round().map(|()| Next::On)
    }

    fn go_round(&mut self) -> Result<()> {
        self.restore_step()?;
        self.poll()?;
        self.tick_idle();
        self.send_offers()?;
        while let Some(rebalanced) = self.bus.next_rebalanced() {
            self.drop_batch();
            self.rebalanced(rebalanced)?;
        }
        if let Some(failed) = self.take_outcome(Duration::ZERO)? {
            tracing::warn!("a commit was aborted and is done again: {failed}");
            self.aborted(&failed)?;
            self.drop_batch();
            self.restart()?;
        }
        if self.pending.is_none() && self.is_due() {
            self.hand_over()
        } else {
            self.watch();
            Ok(())
        }
    }

    /// Drops the batch at hand and the sessions it changed: both are made again from what is committed.
    fn drop_batch(&mut self) {
        self.at_hand = AtHand::default();
        self.processor.forget_partitions();
        self.parts.live.forget_sessions();
        self.bus.forget_offers(self.commit_number + 1);
    }

    /// Counts an abort. Where it happens again and again, waits, and at last ends with the reason: going round for
    /// ever would look like work.
    fn aborted(&mut self, reason: &str) -> Result<()> {
        self.aborts_in_a_row += 1;
        if self.aborts_in_a_row > ABORTS_IN_A_ROW_MAX {
            let from = self.bus.position();
            bail!("{ABORTS_IN_A_ROW_MAX} commits in a row were aborted ({reason}); reading stands at {from}");
        }
        self.parts.health.set(Phase::Restoring(format!("a commit was aborted and is done again: {reason}")));
        self.bus.rest(ABORT_PAUSE * (self.aborts_in_a_row - 1));
        Ok(())
    }

    /// A commit that takes too long makes the instance unready: events are taken, and nothing comes of them.
    fn watch(&self) {
        let Some(under_way) = &self.pending else { return };
        let taken = self.since(under_way.handed_over);
        if taken > Duration::from_millis(self.parts.config.kafka.transaction_timeout_ms) {
            self.parts.health.set(Phase::Restoring(format!("a commit has been under way for {} s", taken.as_secs())));
        }
        if self.is_full() {
            self.bus.await_commit(POLL_MAX);
        }
    }

    /// Polls the group: at most until the next commit is due, and on for as long as records are at hand.
    fn poll(&mut self) -> Result<()> {
        let interval = self.commit_interval();
        let mut wait = match (&self.state, self.at_hand.since) {
            (State::Restoring { .. } | State::Locating { .. }, _) => Duration::ZERO,
            (_, Some(since)) => interval.saturating_sub(self.since(since)),
            (_, None) => POLL_MAX.min(interval),
        };
        let started = self.bus.now();
        loop {
            if self.poll_once(wait)? == Polled::Nothing {
                return Ok(());
            }
            self.send_offers()?;
            let now = self.bus.now();
            if !self.at_hand.offsets.is_empty() {
                self.at_hand.since.get_or_insert(now);
            }
            if now.saturating_duration_since(started) >= interval || self.is_full() {
                return Ok(());
            }
            wait = Duration::ZERO;
        }
    }

    fn poll_once(&mut self, wait: Duration) -> Result<Polled> {
        let is_running = self.is_running();
        let Self { bus, processor, at_hand, next_offsets, parts, .. } = self;
        let mut taken = Ok(());
        let mut heard = None;
        let polled = bus.poll(wait, |incoming| {
            if is_running {
                taken = take(processor, at_hand, next_offsets, incoming, parts);
                heard = Some((incoming.partition, incoming.time));
            }
        })?;
        taken?;
        if let Some((partition, time)) = heard
            && let Some(newest) = self.processor.newest_of(partition)
        {
            self.quiet.heard(partition, time, newest, || self.bus.unix_ms());
        }
        Ok(polled)
    }

    /// Lets time on where no events come, so that what is due there is offered.
    fn tick_idle(&mut self) {
        // A simulated clock goes on by its events alone.
        if !self.is_running() || self.parts.durability == Durability::Memory {
            return;
        }
        // Who was erased goes out of sessions in which nothing happens, too.
        if self.processor.scrub() > 0 {
            self.touch(|_| true);
        }
        for (partition, until) in self.quiet.idle(self.bus.now(), self.bus.unix_ms()) {
            if self.bus.is_caught_up(partition) && self.processor.tick(partition, until) > 0 {
                self.touch(|number| number == partition);
            }
        }
    }

    /// Something changed without a record: there is something to commit.
    fn touch(&mut self, is_changed: impl Fn(i32) -> bool) {
        // The offsets go along, unmoved: with them the broker sees whether the partition is still ours.
        for (of, next) in self.next_offsets.iter().filter(|((_, number), _)| is_changed(*number)) {
            self.at_hand.offsets.entry(of.clone()).or_insert(*next);
        }
        self.at_hand.since.get_or_insert(self.bus.now());
    }

    /// Where offers need not wait for their commit, they leave as soon as they are decided. Those that are kept back
    /// stay with the batch.
    fn send_offers(&mut self) -> Result<()> {
        let is_asked = self.parts.config.kafka.delivery == Delivery::AtLeastOnce && self.parts.durability == Durability::Logs;
        if !is_asked || self.processor.batch().offers.is_empty() {
            return Ok(());
        }
        for made in self.processor.take_offers_made() {
            let caused_at = made.record_time;
            self.parts.live.offered(std::iter::once((made.session_id.as_ref(), made.json.as_slice())));
            self.bus.offer(self.commit_number + 1, offer(made), caused_at)?;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.processor.batch().records >= self.parts.config.kafka.commit_records_max
    }

    fn is_due(&self) -> bool {
        let is_time = self.at_hand.since.is_some_and(|since| self.since(since) >= self.commit_interval()) || self.is_full();
        // A lost assignment is somebody else's already, and about to be revoked.
        is_time && self.is_running() && !self.bus.assignment_lost()
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    pub(super) fn is_told_to_stop(&self) -> bool {
        self.parts.stop.load(Ordering::Relaxed)
    }

    pub(super) fn since(&self, then: Instant) -> Duration {
        self.bus.now().saturating_duration_since(then)
    }

    fn commit_interval(&self) -> Duration {
        Duration::from_millis(self.parts.config.kafka.commit_interval_ms)
    }
}
