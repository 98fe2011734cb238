//! Repartitioning: for a bus whose events are keyed by something else than their session, each is first republished to a
//! topic of ours under the right key, and processed from there.
//!
//! Invariant: each record is republished once. Reading is a group of its own (`<group>-repartition`), writing a
//! transactional id of its own (`<group>-<instance>-repartition`); records and offsets move in one transaction. A batch is
//! committed on the thread that polls, so no partition is given back while one is under way. One that fails is dropped, and
//! reading starts again at the committed offsets.

mod lanes;
mod republish;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedMessage};

use self::lanes::Lanes;
use self::republish::{Batch, Republished, Republisher};
use super::bus::{committed_of, list_of};
use super::clients::{group_consumer, is_passing, retrying};
use super::fenced::consumer_ended;
use super::group::{GroupConsumer, GroupContext};
use super::link::InFlight;
use super::service::Service;
use super::transaction::{self, Transactions};
use crate::clock;
use crate::config::{Config, KafkaConfig};
use crate::exact::{Commit, Committing, Outcome, Place, Rebalanced, Stepped};
use crate::health::{Health, Phase};

/// How long the group is polled for while nothing is there to be republished.
const POLL: Duration = Duration::from_millis(10);
/// How long committed offsets are waited for in one call.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a call is made again.
const PAUSE: Duration = Duration::from_millis(100);
/// So many commits in a row may be aborted, each after a longer pause.
const ABORTS_IN_A_ROW_MAX: u32 = 10;
const ABORT_PAUSE: Duration = Duration::from_millis(200);
/// A commit covers so many bytes at most, and one record more.
const BATCH_BYTES_MAX: usize = 32 << 20;
/// How long the last batch may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// The thread that republishes.
pub struct Repartition {
    config: Arc<Config>,
    consumer: Arc<GroupConsumer>,
    republisher: Republisher,
    stop: Arc<AtomicBool>,
    health: Arc<Health>,
    assigned: Option<Assigned>,
    committing: Committing,
    commits: u64,
    aborts_in_a_row: u32,
}

/// What is read now.
struct Assigned {
    places: Vec<Place>,
    group: Arc<ConsumerGroupMetadata>,
    lanes: Lanes,
    at_hand: AtHand,
}

/// What is to be committed next.
#[derive(Default)]
struct AtHand {
    records: Vec<Republished>,
    bytes: usize,
    offsets: BTreeMap<Place, i64>,
    since: Option<Instant>,
}

impl AtHand {
    fn take(&mut self, message: &OwnedMessage, config: &Config) {
        let record = Republished::of(message, config);
        self.bytes += record.bytes();
        self.records.push(record);
        self.offsets.insert((message.topic().to_owned(), message.partition()), message.offset() + 1);
        self.since.get_or_insert_with(clock::now);
    }

    fn is_full(&self, config: &KafkaConfig) -> bool {
        self.records.len() as u64 >= config.commit_records_max || self.bytes >= BATCH_BYTES_MAX
    }

    fn is_due(&self, config: &KafkaConfig) -> bool {
        let is_time = |since: Instant| since.elapsed() >= Duration::from_millis(config.commit_interval_ms);
        self.since.is_some_and(is_time) || self.is_full(config)
    }
}

impl Repartition {
    /// Ends what this instance left open, and joins the group; waits for a broker while `service.stop` is not set.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn start(service: &Service) -> Result<Self> {
        let config = &service.config.kafka;
        let own = KafkaConfig { group_id: config.repartition_group(), ..config.clone() };
        let writing = KafkaConfig { instance_id: format!("{}-repartition", config.instance_id), ..config.clone() };
        let transactions = Transactions::start(&writing, None, || !service.stop.load(Ordering::Relaxed))?;
        let revoke_limit = Duration::from_millis(config.transaction_timeout_ms);
        let (in_flight, topics) = (Arc::new(InFlight::default()), config.events_topics.clone());
        let context = GroupContext::new(in_flight, revoke_limit, Arc::clone(&service.metrics), topics.clone());
        let mut client = group_consumer(&own);
        client.set("enable.partition.eof", "true");
        let consumer: GroupConsumer = BaseConsumer::from_config_and_context(&client, context).context("the repartitioning's consumer")?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).with_context(|| format!("{names:?} can't be subscribed to"))?;
        service.health.set_repartitioning(awaiting_assignment());
        tracing::info!("{names:?} are republished to {} under the right key", config.repartition_topic);
        Ok(Self {
            config: Arc::clone(&service.config),
            consumer: Arc::new(consumer),
            republisher: Republisher { transactions, topic: config.repartition_topic.clone() },
            stop: Arc::clone(&service.stop),
            health: Arc::clone(&service.health),
            assigned: None,
            committing: transaction::committing(config),
            commits: 0,
            aborts_in_a_row: 0,
        })
    }

    /// Republishes until told to stop, then commits what is at hand.
    ///
    /// # Errors
    /// The process can't go on; the line says why.
    pub fn run(mut self) -> Result<()> {
        while self.goes_on() {
            self.poll()?;
            while let Some(rebalanced) = self.consumer.context().next_rebalanced() {
                self.rebalanced(rebalanced)?;
            }
            self.fill()?;
            if self.assigned.as_ref().is_some_and(|assigned| assigned.at_hand.is_due(&self.config.kafka))
                && !self.consumer.assignment_lost()
            {
                self.commit()?;
            }
        }
        if self.assigned.as_ref().is_some_and(|assigned| assigned.at_hand.since.is_some()) && !self.consumer.assignment_lost() {
            self.commit()?;
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Serves the group; waits a moment where nothing is at hand.
    fn poll(&mut self) -> Result<()> {
        let is_busy = self.assigned.as_ref().is_some_and(|assigned| assigned.at_hand.since.is_some());
        let wait = if is_busy { Duration::from_millis(1) } else { POLL };
        match self.consumer.poll(wait) {
            None => Ok(()),
            Some(Ok(message)) => {
                let is_missed = self.assigned.as_ref().is_some_and(|assigned| assigned.lanes.misses(&message));
                drop(message);
                match self.assigned.take_if(|_| is_missed) {
                    Some(assigned) => {
                        tracing::warn!("a record came out of its order; reading starts again at what is committed");
                        self.read(assigned.places)
                    }
                    None => Ok(()),
                }
            }
            Some(Err(error)) => self.poll_error(&error),
        }
    }

    fn poll_error(&self, error: &KafkaError) -> Result<()> {
        let config = &self.config.kafka;
        if let Some(fatal) = self.consumer.client().fatal_error() {
            return Err(consumer_ended(config, &config.repartition_group(), &fatal));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::PartitionEOF) => Ok(()),
            Some(RDKafkaErrorCode::AutoOffsetReset) => bail!(
                "events can't be read on from where group {} left off ({error}): they were deleted before they were read, or the topic \
                 was made anew; choose where to go on by kafka-consumer-groups --reset-offsets",
                config.repartition_group()
            ),
            code if is_passing(error) || code == Some(RDKafkaErrorCode::PollExceeded) => {
                tracing::warn!("polling did not work: {error}; going on");
                Ok(())
            }
            _ => Err(anyhow!("events can't be read: {error}")),
        }
    }

    fn rebalanced(&mut self, rebalanced: Rebalanced) -> Result<()> {
        // What is at hand is dropped with it: whoever has the partitions next reads it again.
        self.assigned = None;
        match rebalanced {
            Rebalanced::Revoked => {
                self.health.set_repartitioning(awaiting_assignment());
                Ok(())
            }
            Rebalanced::Assigned(places) => self.read(places),
        }
    }

    /// Reads these from their committed offsets on.
    fn read(&mut self, places: Vec<Place>) -> Result<()> {
        self.tell_unless_aborted(Phase::Restoring("asking where to read on".into()));
        let asked = list_of(&places);
        let ask = || self.consumer.committed_offsets(asked.clone(), OFFSETS_TIMEOUT);
        let committed = match retrying("asking for committed offsets", || self.goes_on(), ask) {
            Err(_) if !self.goes_on() => return Ok(()),
            answer => answer.context("committed offsets can't be asked for")?,
        };
        let start = committed_of(&committed, &places).context("the start offsets")?;
        let lanes = Lanes::of(&self.consumer, &start)?;
        self.consumer.assign(&start).context("reading can't start")?;
        let group = self.consumer.group_metadata().map(Arc::new).context("the consumer is in no group")?;
        tracing::info!("{} partitions are republished by this instance", places.len());
        self.assigned = Some(Assigned { places, group, lanes, at_hand: AtHand::default() });
        self.tell_unless_aborted(Phase::Running);
        Ok(())
    }

    /// After an abort it is ready again once a commit went through: going round for ever would look like work.
    fn tell_unless_aborted(&self, phase: Phase) {
        if self.aborts_in_a_row == 0 {
            self.health.set_repartitioning(phase);
        }
    }

    /// Takes what is there, in order, until a commit is due.
    fn fill(&mut self) -> Result<()> {
        let Some(Assigned { lanes, at_hand, .. }) = &mut self.assigned else { return Ok(()) };
        while !at_hand.is_due(&self.config.kafka) {
            let Some(message) = lanes.next()? else { return Ok(()) };
            at_hand.take(&message, &self.config);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let Some(assigned) = &mut self.assigned else { return Ok(()) };
        let AtHand { records, offsets, .. } = std::mem::take(&mut assigned.at_hand);
        self.commits += 1;
        let membership = Batch { group: Arc::clone(&assigned.group), records };
        let commit = Commit { number: self.commits, records: Vec::new(), offsets: offsets.into_iter().collect(), membership };
        match self.outcome(&commit)? {
            Outcome::Committed(_) => {
                self.aborts_in_a_row = 0;
                self.health.set_repartitioning(Phase::Running);
                Ok(())
            }
            Outcome::Aborted(reason) => self.aborted(&reason),
            Outcome::Fatal(error) => Err(error),
        }
    }

    /// Makes one step of a commit after the other.
    fn outcome(&mut self, commit: &Commit<Batch>) -> Result<Outcome> {
        let started = clock::now();
        loop {
            match self.committing.step(&mut self.republisher, commit, started.elapsed()) {
                Stepped::On => {}
                Stepped::Waits(error) if !self.goes_on() && started.elapsed() > DRAIN_LIMIT => {
                    bail!("the last commit did not end within {} s ({error}); it is done again at the next start", DRAIN_LIMIT.as_secs());
                }
                Stepped::Waits(error) => {
                    tracing::warn!("republishing waits for the broker: {error}");
                    self.watch(started.elapsed());
                    std::thread::sleep(PAUSE);
                }
                Stepped::Ended(outcome) => return Ok(outcome),
            }
        }
    }

    /// A commit that takes too long: nothing is republished meanwhile.
    fn watch(&self, taken: Duration) {
        if taken > Duration::from_millis(self.config.kafka.transaction_timeout_ms) {
            self.health.set_repartitioning(Phase::Restoring(format!("a commit has been under way for {} s", taken.as_secs())));
        }
    }

    fn aborted(&mut self, reason: &str) -> Result<()> {
        tracing::warn!("republishing was aborted and is done again: {reason}");
        self.health.set_repartitioning(Phase::Restoring(format!("a commit was aborted and is done again: {reason}")));
        self.aborts_in_a_row += 1;
        if self.aborts_in_a_row > ABORTS_IN_A_ROW_MAX {
            bail!("{ABORTS_IN_A_ROW_MAX} commits in a row were aborted ({reason})");
        }
        std::thread::sleep(ABORT_PAUSE * (self.aborts_in_a_row - 1));
        match self.assigned.take() {
            Some(assigned) if self.goes_on() => self.read(assigned.places),
            _ => Ok(()),
        }
    }
}

fn awaiting_assignment() -> Phase {
    Phase::Restoring("waiting for an assignment".into())
}
