//! The loop: poll, process, hand over to the transaction; restore whenever the assignment changes.
//!
//! Invariant: no batch outlives its partitions. A batch is handed over with the membership it was polled under;
//! while it commits, the next may be worked on, but nothing of that is produced. If a commit fails, or the
//! assignment changes, the batch at hand is dropped, sessions are restored from their changelog, and reading
//! starts again at the committed offsets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{is_passing, retrying};
use super::group::{GroupConsumer, Rebalanced};
use super::handover::{AtHand, Pending, take};
use super::idle::Quiet;
use super::link::{Commit, InFlight, Outcome};
use super::sessions::Restore;
use crate::clock;
use crate::config::Config;
use crate::event::Timestamp;
use crate::health::{Health, Phase};
use crate::metrics::Metrics;
use crate::pipeline::Processor;

/// How long the group is polled for at most while nothing is due.
const POLL_MAX: Duration = Duration::from_millis(100);
/// How long committed offsets are waited for in one call.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);
/// So many commits in a row may be aborted, each after a longer pause.
const ABORTS_IN_A_ROW_MAX: u32 = 10;
const ABORT_PAUSE: Duration = Duration::from_millis(200);

/// What the loop works with.
pub struct Stream {
    pub(super) config: Arc<Config>,
    pub(super) consumer: GroupConsumer,
    pub(super) processor: Processor,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) commits: SyncSender<Commit>,
    pub(super) outcomes: Receiver<Outcome>,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) partition_count: i32,
    pub(super) incarnation: u64,
    pub(super) durability: Durability,
    pub(super) aborts_in_a_row: u32,
    pub(super) quiet: Quiet,
    /// One past the last record taken, or committed, of each partition.
    pub(super) next_offsets: BTreeMap<(String, i32), i64>,
}

/// Where state survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// In the state logs: sessions are restored from their changelog.
    Logs,
    /// Nowhere: the shop's log is in memory, as in the demo, whose clock is simulated besides.
    Memory,
}

/// Where the loop is.
pub(super) enum State {
    /// Nothing is assigned.
    Idle,
    /// Sessions of the assignment are being restored.
    Restoring { partitions: TopicPartitionList, restore: Restore, since: Instant },
    /// Events are taken.
    Running { partitions: TopicPartitionList, group: Arc<ConsumerGroupMetadata> },
}

impl Stream {
    /// Runs until told to stop, then commits what is at hand.
    ///
    /// # Errors
    /// The process can't go on; the line says why.
    pub fn run(mut self) -> Result<()> {
        let mut state = State::Idle;
        let mut at_hand = AtHand::default();
        let mut pending: Option<Pending> = None;
        let mut commit_number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            state = match self.restore_step(state) {
                // Told to stop while it waits for a broker: nothing is at hand.
                Err(_) if self.stop.load(Ordering::Relaxed) => return Ok(()),
                restored => restored?,
            };
            self.poll(&state, &mut at_hand)?;
            self.tick_idle(&state, &mut at_hand);
            while let Some(rebalanced) = self.consumer.context().next_rebalanced() {
                at_hand = AtHand::default();
                self.processor.forget_partitions();
                state = match self.rebalanced(rebalanced) {
                    Err(_) if self.stop.load(Ordering::Relaxed) => return Ok(()),
                    rebalanced => rebalanced?,
                };
            }
            if let Some(failed) = self.take_outcome(&mut pending, Duration::ZERO)? {
                tracing::warn!("a commit was aborted and is done again: {failed}");
                self.aborted(&failed)?;
                at_hand = AtHand::default();
                self.processor.forget_partitions();
                state = self.restart(state)?;
            }
            if let (None, true, State::Running { group, .. }) = (&pending, self.is_due(&at_hand), &state) {
                let group = Arc::clone(group);
                commit_number += 1;
                pending = Some(self.hand_over(&mut at_hand, commit_number, group)?);
            } else if let Some(under_way) = &pending {
                self.watch(under_way);
                if self.is_full() {
                    self.in_flight.wait(POLL_MAX);
                }
            }
        }
        self.drain(&mut at_hand, pending, commit_number, &state)
    }

    /// Counts an abort. Where it happens again and again, waits, and at last ends with the reason: going round for
    /// ever would look like work.
    fn aborted(&mut self, reason: &str) -> Result<()> {
        self.aborts_in_a_row += 1;
        if self.aborts_in_a_row > ABORTS_IN_A_ROW_MAX {
            let from = self.consumer.position().map(|at| at.to_topic_map()).unwrap_or_default();
            bail!("{ABORTS_IN_A_ROW_MAX} commits in a row were aborted ({reason}); reading stands at {from:?}");
        }
        self.health.set(Phase::Restoring(format!("a commit was aborted and is done again: {reason}")));
        std::thread::sleep(ABORT_PAUSE * (self.aborts_in_a_row - 1));
        Ok(())
    }

    /// A commit that takes too long makes the instance unready: events are taken, and nothing comes of them.
    fn watch(&self, under_way: &Pending) {
        let taken = under_way.handed_over.elapsed();
        if taken > Duration::from_millis(self.config.kafka.transaction_timeout_ms) {
            self.health.set(Phase::Restoring(format!("a commit has been under way for {} s", taken.as_secs())));
        }
    }

    /// Polls the group: at most until the next commit is due, and on for as long as records are at hand.
    fn poll(&mut self, state: &State, at_hand: &mut AtHand) -> Result<()> {
        let interval = Duration::from_millis(self.config.kafka.commit_interval_ms);
        let mut wait = match (state, at_hand.since) {
            (State::Restoring { .. }, _) => Duration::ZERO,
            (_, Some(since)) => interval.saturating_sub(since.elapsed()),
            (_, None) => POLL_MAX.min(interval),
        };
        let started = clock::now();
        loop {
            let consumer = &self.consumer;
            match consumer.poll(wait) {
                None => return Ok(()),
                Some(Ok(message)) => {
                    if let State::Running { .. } = state {
                        take(&mut self.processor, at_hand, &message, self.partition_count)?;
                        if let Some(newest) = self.processor.newest_of(message.partition()) {
                            self.quiet.heard(message.partition(), message.timestamp().to_millis().map(Timestamp), newest);
                        }
                    }
                }
                Some(Err(error)) => return self.poll_error(&error),
            }
            if started.elapsed() >= interval || self.is_full() {
                return Ok(());
            }
            wait = Duration::ZERO;
        }
    }

    /// Lets time on where no events come, so that what is due there is offered.
    fn tick_idle(&mut self, state: &State, at_hand: &mut AtHand) {
        // A simulated clock goes on by its events alone.
        if !matches!(state, State::Running { .. }) || self.durability == Durability::Memory {
            return;
        }
        for (partition, until) in self.quiet.idle() {
            if !self.consumer.context().is_caught_up(partition) || self.processor.tick(partition, until) == 0 {
                continue;
            }
            // Its offsets go along, unmoved: with them the broker sees whether the partition is still ours.
            for (of, next) in self.next_offsets.iter().filter(|((_, number), _)| *number == partition) {
                at_hand.offsets.entry(of.clone()).or_insert(*next);
            }
            at_hand.since.get_or_insert_with(clock::now);
        }
    }

    fn poll_error(&self, error: &KafkaError) -> Result<()> {
        if let Some((_, reason)) = self.consumer.client().fatal_error() {
            let id = &self.config.kafka.instance_id;
            bail!("the consumer has ended: {reason}; is another process running with kafka.instance_id = {id}?");
        }
        // Polled too late: the partitions were taken away, and the next polls join the group again.
        let too_late = error.rdkafka_error_code() == Some(RDKafkaErrorCode::PollExceeded);
        if is_passing(error) || too_late {
            tracing::warn!("polling did not work: {error}; going on");
            return Ok(());
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            bail!(
                "events can't be read on from where group {} left off ({error}): they were deleted before they were read, or the topic was \
                 made anew; choose where to go on by kafka-consumer-groups --reset-offsets",
                self.config.kafka.group_id
            );
        }
        Err(anyhow!("events can't be read: {error}"))
    }

    fn is_full(&self) -> bool {
        self.processor.batch().records >= self.config.kafka.commit_records_max
    }

    fn is_due(&self, at_hand: &AtHand) -> bool {
        let interval = Duration::from_millis(self.config.kafka.commit_interval_ms);
        let is_time = at_hand.since.is_some_and(|since| since.elapsed() >= interval) || self.is_full();
        // A lost assignment is somebody else's already, and about to be revoked.
        is_time && !self.consumer.assignment_lost()
    }

    /// The assignment changed.
    fn rebalanced(&mut self, rebalanced: Rebalanced) -> Result<State> {
        match rebalanced {
            Rebalanced::Revoked => {
                self.health.set(Phase::Restoring("waiting for an assignment".into()));
                Ok(State::Idle)
            }
            Rebalanced::Assigned(partitions) => self.assigned(partitions),
        }
    }

    fn assigned(&mut self, partitions: TopicPartitionList) -> Result<State> {
        if partitions.count() == 0 {
            tracing::info!("no partition is assigned: there are as many instances as partitions, or more");
            self.health.set(Phase::Running);
            return Ok(State::Running { partitions, group: self.membership()? });
        }
        let numbers = numbers_of(&partitions);
        if let Some(unknown) = numbers.iter().find(|number| **number >= self.partition_count) {
            bail!(
                "partition {unknown} of the events is new: there were {} at the start; give {} as many partitions and start again",
                self.partition_count,
                self.config.kafka.sessions_topic
            );
        }
        tracing::info!("assigned partitions {numbers:?}");
        if self.durability == Durability::Memory {
            self.start_reading(&partitions)?;
            self.health.set(Phase::Running);
            return Ok(State::Running { partitions, group: self.membership()? });
        }
        let restore = Restore::start(&self.config.kafka, &numbers, || !self.stop.load(Ordering::Relaxed))?;
        Ok(State::Restoring { partitions, restore, since: clock::now() })
    }

    /// Starts again from what is committed.
    fn restart(&mut self, state: State) -> Result<State> {
        match state {
            State::Idle => Ok(State::Idle),
            State::Restoring { partitions, .. } | State::Running { partitions, .. } => {
                self.consumer.pause(&partitions).context("partitions can't be paused")?;
                self.assigned(partitions)
            }
        }
    }

    /// Goes on with a restore; once it is done, reading starts at the committed offsets.
    fn restore_step(&mut self, state: State) -> Result<State> {
        let State::Restoring { partitions, mut restore, since } = state else { return Ok(state) };
        if !restore.step()? {
            let (records, done, all) = restore.progress();
            self.health.set(Phase::Restoring(format!("sessions of {done} of {all} partitions, {records} records read")));
            return Ok(State::Restoring { partitions, restore, since });
        }
        for (partition, sessions) in restore.sessions(&self.config)? {
            *self.processor.sessions_mut(partition) = sessions;
        }
        self.start_reading(&partitions)?;
        let open: usize = self.processor.partitions().values().map(crate::engine::session::Sessions::len).sum();
        tracing::info!("{open} sessions restored in {:.1} s", since.elapsed().as_secs_f32());
        self.metrics.restore_seconds.observe(since.elapsed().as_secs_f64());
        if self.aborts_in_a_row == 0 {
            self.health.set(Phase::Running);
        }
        Ok(State::Running { partitions, group: self.membership()? })
    }

    /// Assigns the partitions anew, from their committed offsets: no seek is needed then.
    fn start_reading(&mut self, partitions: &TopicPartitionList) -> Result<()> {
        let go_on = || !self.stop.load(Ordering::Relaxed);
        let committed =
            retrying("asking for committed offsets", go_on, || self.consumer.committed_offsets(partitions.clone(), OFFSETS_TIMEOUT))
                .context("committed offsets can't be asked for")?;
        let mut start = TopicPartitionList::new();
        self.next_offsets.clear();
        self.quiet.forget();
        for element in committed.elements() {
            let offset = if let Offset::Offset(offset) = element.offset() { Offset::Offset(offset) } else { Offset::Beginning };
            if let Offset::Offset(next) = offset {
                self.next_offsets.insert((element.topic().to_owned(), element.partition()), next);
            }
            if let Some(newest) = self.processor.newest_of(element.partition()) {
                self.quiet.heard(element.partition(), None, newest);
            }
            start.add_partition_offset(element.topic(), element.partition(), offset).context("the start offsets")?;
        }
        self.consumer.assign(&start).and_then(|()| self.consumer.resume(&start)).context("reading can't start")
    }

    /// The membership that what is polled from now on is committed under.
    fn membership(&self) -> Result<Arc<ConsumerGroupMetadata>> {
        self.consumer.group_metadata().map(Arc::new).ok_or_else(|| anyhow!("the consumer is in no group"))
    }
}

/// The partition numbers of an assignment, each once.
fn numbers_of(partitions: &TopicPartitionList) -> Vec<i32> {
    let mut numbers: Vec<i32> =
        partitions.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
