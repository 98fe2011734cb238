//! The thread that commits: one transaction a batch, over its records and the offsets it covers.
//!
//! Invariant: a batch is committed whole or not at all, and its sender is told which. Errors fall into three
//! kinds, by what the client says: repeat the call; abort and restore; end the process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::clients::{log_error, retrying, transactional_producer};
use super::group::InFlight;
use super::outgoing::Outgoing;
use crate::clock;
use crate::config::KafkaConfig;

/// How long one call of the client may block.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the delivery reports are waited for between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A batch to commit.
pub struct Commit {
    /// What it writes.
    pub records: Vec<Outgoing>,
    /// Where it leaves off, one past the last record of each partition.
    pub offsets: TopicPartitionList,
    /// The membership it was polled under.
    pub group: ConsumerGroupMetadata,
}

/// How a commit ended.
#[derive(Debug)]
pub enum Outcome {
    /// All of it is there; it took this long.
    Committed(Duration),
    /// None of it is there; the reason.
    Aborted(String),
    /// The process has to end; the reason.
    Fatal(anyhow::Error),
}

/// The producer of transactions.
pub struct Transactions {
    producer: ThreadedProducer<Deliveries>,
    config: KafkaConfig,
}

/// Counts what is on its way, and keeps the first failure.
#[derive(Default)]
pub struct Deliveries {
    under_way: AtomicUsize,
    failure: Mutex<Option<KafkaError>>,
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
        self.under_way.fetch_sub(1, Ordering::Release);
    }
}

/// What to do about an error.
enum Remedy {
    Repeat,
    Abort,
    End,
}

impl Transactions {
    /// Connects, and ends whatever transaction this instance left open. Tries until a broker answers or
    /// `go_on` says no.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn start(config: &KafkaConfig, go_on: impl Fn() -> bool) -> Result<Self> {
        let client = transactional_producer(config);
        let producer = ThreadedProducer::from_config_and_context(&client, Deliveries::default()).context("the producer's settings")?;
        let id = format!("{}-{}", config.group_id, config.instance_id);
        retrying("starting transactions", go_on, || producer.init_transactions(CALL_TIMEOUT))
            .map_err(|error| anyhow!("transactions can't be started as transactional.id {id}: {error}"))?;
        Ok(Self { producer, config: config.clone() })
    }

    /// Commits batches until their sender is gone.
    pub fn serve(&self, commits: &Receiver<Commit>, outcomes: &SyncSender<Outcome>, in_flight: &Arc<InFlight>) {
        for commit in commits {
            let outcome = self.commit(&commit);
            in_flight.set(false);
            if outcomes.send(outcome).is_err() {
                return;
            }
        }
    }

    fn commit(&self, commit: &Commit) -> Outcome {
        let started = clock::now();
        match self.try_commit(commit) {
            Ok(()) => Outcome::Committed(started.elapsed()),
            Err(error) => match remedy(&error) {
                Remedy::Repeat | Remedy::Abort => self.abort(&error),
                Remedy::End => Outcome::Fatal(self.explain(&error)),
            },
        }
    }

    fn try_commit(&self, commit: &Commit) -> Result<(), KafkaError> {
        self.producer.begin_transaction()?;
        self.produce(&commit.records)?;
        self.repeating(|| self.producer.send_offsets_to_transaction(&commit.offsets, &commit.group, CALL_TIMEOUT))?;
        self.repeating(|| self.producer.commit_transaction(CALL_TIMEOUT))
    }

    /// Sends all records and waits for them: `commit_transaction` would flush in slices of up to 100 ms.
    fn produce(&self, records: &[Outgoing]) -> Result<(), KafkaError> {
        let deliveries = self.producer.context();
        deliveries.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        for record in records {
            deliveries.under_way.fetch_add(1, Ordering::Acquire);
            if let Err(error) = self.send(record) {
                deliveries.under_way.fetch_sub(1, Ordering::Release);
                return Err(error);
            }
        }
        while deliveries.under_way.load(Ordering::Acquire) > 0 {
            std::thread::sleep(LOOK_EVERY);
        }
        deliveries.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn send(&self, record: &Outgoing) -> Result<(), KafkaError> {
        let mut next = BaseRecord::<[u8], [u8]>::to(record.target.topic(&self.config)).partition(record.partition);
        next.key = record.key.as_deref();
        next.payload = record.payload.as_deref();
        next.headers.clone_from(&record.headers);
        loop {
            match self.producer.send(next) {
                Ok(()) => return Ok(()),
                // The queue empties by itself: every record is delivered or fails within its time-out.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    next = back;
                    std::thread::sleep(LOOK_EVERY);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Repeats a call while the client says that it may be repeated. A call that timed out goes on where it was,
    /// so its outcome is never left unknown.
    fn repeating(&self, mut call: impl FnMut() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
        loop {
            match call() {
                Err(error) if matches!(remedy(&error), Remedy::Repeat) => {
                    tracing::warn!("a commit waits for the broker: {error}");
                    std::thread::sleep(Duration::from_millis(100));
                }
                done => return done,
            }
        }
    }

    fn abort(&self, cause: &KafkaError) -> Outcome {
        match self.repeating(|| self.producer.abort_transaction(CALL_TIMEOUT)) {
            Ok(()) => {
                // Records that were purged still report, and the next transaction counts from zero.
                while self.producer.context().under_way.load(Ordering::Acquire) > 0 {
                    std::thread::sleep(LOOK_EVERY);
                }
                Outcome::Aborted(cause.to_string())
            }
            Err(error) => Outcome::Fatal(self.explain(&error).context(format!("a commit failed ({cause}) and can't be aborted"))),
        }
    }

    fn explain(&self, error: &KafkaError) -> anyhow::Error {
        let id = format!("{}-{}", self.config.group_id, self.config.instance_id);
        if let Some((_, reason)) = self.producer.client().fatal_error() {
            return anyhow!("transactions as {id} have ended: {reason}; is another process running with the same kafka.instance_id?");
        }
        anyhow!("transactions as {id} have ended: {error}")
    }
}

fn remedy(error: &KafkaError) -> Remedy {
    match error {
        KafkaError::Transaction(error) if error.is_fatal() => Remedy::End,
        KafkaError::Transaction(error) if error.txn_requires_abort() => Remedy::Abort,
        KafkaError::Transaction(error) if error.is_retriable() => Remedy::Repeat,
        // A record that could not be delivered: the transaction can't be committed any more.
        KafkaError::MessageProduction(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced) => Remedy::End,
        KafkaError::MessageProduction(_) => Remedy::Abort,
        _ => Remedy::End,
    }
}
