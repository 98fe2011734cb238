//! The thread that commits: one transaction a batch.
//!
//! Invariant: errors fall into four kinds, by what the client says: repeat the call; abort and restore; take another
//! producer and restore; end the process. What follows from them is `exact`'s.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{OWN_RECORD_BYTES_MAX, is_passing, retrying, transactional_producer};
use super::delivery::{Delivery, Reports};
use super::link::{Commit, Committer, InFlight};
use super::offers::Offers;
use super::refused::is_refused;
use crate::clock;
use crate::config::KafkaConfig;
use crate::exact::{Committing, Failure, Outcome, Place, Remedy, Stepped, Wire};

/// How long one call of the client may block.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a call is made again.
const PAUSE: Duration = Duration::from_millis(100);

/// The producer of transactions.
pub struct Transactions {
    pub(super) delivery: Delivery,
    offers: Option<Arc<Offers>>,
    config: KafkaConfig,
    /// The transactional id.
    id: String,
    /// The topics with large records.
    state_topics: [String; 2],
}

impl Transactions {
    /// Connects, and ends whatever transaction this instance left open. Tries until a broker answers or
    /// `go_on` says no.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn start(config: &KafkaConfig, offers: Option<Arc<Offers>>, go_on: impl Fn() -> bool) -> Result<Self> {
        let id = config.transactional_id();
        let producer = producer(config)?;
        retrying("starting transactions", go_on, || producer.init_transactions(CALL_TIMEOUT))
            .map_err(|error| anyhow!("transactions can't be started as transactional.id {id}: {error}"))?;
        let state_topics = [config.sessions_topic.clone(), config.shop_topic.clone()];
        let delivery = Delivery::new(producer, config.clone());
        Ok(Self { delivery, offers, config: config.clone(), id, state_topics })
    }

    /// Commits batches until their sender is gone.
    pub fn serve(mut self, committer: &Committer) {
        let mut committing = committing(&self.config);
        for commit in &committer.commits {
            let outcome = self.commit_all(&mut committing, &commit, &committer.in_flight);
            committer.in_flight.set(false);
            if committer.outcomes.send(outcome).is_err() {
                return;
            }
        }
    }

    fn commit_all(&mut self, committing: &mut Committing, commit: &Commit, in_flight: &InFlight) -> Outcome {
        let started = clock::now();
        loop {
            let stepped = committing.step(self, commit, started.elapsed());
            in_flight.heard();
            match stepped {
                Stepped::On => {}
                Stepped::Waits(error) => {
                    tracing::warn!("a commit waits for the broker: {error}");
                    std::thread::sleep(PAUSE);
                }
                Stepped::Ended(outcome) => return outcome,
            }
        }
    }

    pub(super) fn failure(&self, error: &KafkaError) -> Failure {
        let remedy = remedy(error);
        let error = match remedy {
            Remedy::End => self.explain(error),
            Remedy::Renew => self.lost(error),
            Remedy::Repeat | Remedy::Abort => anyhow!("{error}"),
        };
        Failure { remedy, error }
    }

    /// Adds offsets to the transaction, under the membership.
    pub(super) fn offsets(&self, offsets: &[(Place, i64)], group: &ConsumerGroupMetadata) -> Result<(), Failure> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for ((topic, partition), next) in offsets {
            list.add_partition_offset(topic, *partition, Offset::Offset(*next)).map_err(|error| self.failure(&error))?;
        }
        self.delivery.producer.send_offsets_to_transaction(&list, group, CALL_TIMEOUT).map_err(|error| self.failure(&error))
    }

    fn lost(&self, error: &KafkaError) -> anyhow::Error {
        let reason = self.delivery.producer.client().fatal_error().map_or_else(|| error.to_string(), |(_, reason)| reason);
        anyhow!("the broker has ended transactions as {}: {reason}", self.id)
    }

    fn explain(&self, error: &KafkaError) -> anyhow::Error {
        let id = &self.id;
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
            return anyhow!(
                "a record of ours is larger than its topic takes ({error}); give {} and {} a max.message.bytes of {OWN_RECORD_BYTES_MAX}",
                self.state_topics[0],
                self.state_topics[1]
            );
        }
        anyhow!("transactions as {id} have ended: {error}")
    }
}

impl Wire<Arc<ConsumerGroupMetadata>> for Transactions {
    fn offers_delivered(&mut self, commit: &Commit) -> Result<(), Failure> {
        let Some(offers) = &self.offers else { return Ok(()) };
        offers.delivered(commit.number).map_err(|error| match self.failure(&error) {
            // Another producer of transactions would not help: these have one of their own.
            Failure { remedy: Remedy::Renew, .. } => {
                Failure { remedy: Remedy::End, error: anyhow!("the producer of offers has ended: {error}; start again") }
            }
            failure => failure,
        })
    }

    fn renew(&mut self) -> Result<(), Failure> {
        tracing::info!("the next transaction has a new producer");
        let producer = producer(&self.config).map_err(|error| Failure { remedy: Remedy::End, error })?;
        // The old one goes first: two of the same transactional id would fence each other.
        self.delivery = Delivery::new(producer, self.config.clone());
        match self.delivery.producer.init_transactions(CALL_TIMEOUT) {
            Err(error) if is_passing(&error) => Err(Failure { remedy: Remedy::Repeat, error: anyhow!("{error}") }),
            started => started.map_err(|error| self.failure(&error)),
        }
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.delivery.producer.begin_transaction().map_err(|error| self.failure(&error))
    }

    fn send(&mut self, commit: &Commit) -> Result<(), Failure> {
        self.delivery.send(&commit.records).map_err(|error| self.failure(&error))
    }

    fn delivered(&mut self) -> Result<(), Failure> {
        self.delivery.delivered().map_err(|error| self.failure(&error))
    }

    fn send_offsets(&mut self, commit: &Commit) -> Result<(), Failure> {
        self.offsets(&commit.offsets, &commit.membership)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.delivery.producer.commit_transaction(CALL_TIMEOUT).map_err(|error| self.failure(&error))
    }

    fn abort(&mut self) -> Result<(), Failure> {
        self.delivery.producer.abort_transaction(CALL_TIMEOUT).map_err(|error| self.failure(&error))?;
        // Records that were purged still report.
        self.delivery.wait().map_err(|error| self.failure(&error))
    }
}

/// No commit yet, of a producer with these settings.
pub(super) fn committing(config: &KafkaConfig) -> Committing {
    Committing::new(Duration::from_millis(config.transaction_timeout_ms) + CALL_TIMEOUT)
}

fn producer(config: &KafkaConfig) -> Result<ThreadedProducer<Reports>> {
    ThreadedProducer::from_config_and_context(&transactional_producer(config), Reports::default()).context("the producer's settings")
}

/// What the client says of an error, as a remedy. A producer is out of use for good when another one of its id began, and
/// also when the broker ended its transaction, for its time was over: who of the two it was, the client does not tell. So
/// it is replaced either way; if another process has our name, our membership of the group ends, which says so.
fn remedy(error: &KafkaError) -> Remedy {
    match error {
        // Done again, it would be refused again.
        error if is_refused(error) => Remedy::End,
        KafkaError::Transaction(error) if error.is_fatal() => Remedy::Renew,
        KafkaError::Transaction(error) if error.txn_requires_abort() => Remedy::Abort,
        KafkaError::Transaction(error) if error.is_retriable() => Remedy::Repeat,
        KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge) => Remedy::End,
        KafkaError::MessageProduction(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced) => Remedy::Renew,
        // A record that could not be delivered: the transaction can't be committed any more.
        KafkaError::MessageProduction(_) => Remedy::Abort,
        _ => Remedy::End,
    }
}
