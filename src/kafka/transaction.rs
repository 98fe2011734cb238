//! The thread that commits: one transaction a batch, over its records and the offsets it covers.
//!
//! Invariant: a batch is committed whole or not at all, and its sender is told which. Errors fall into three
//! kinds, by what the client says: repeat the call; abort and restore; end the process.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};

use super::clients::{OWN_RECORD_BYTES_MAX, retrying, transactional_producer};
use super::delivery::{Delivery, Reports};
use super::link::{Commit, Committer, Outcome};
use crate::clock;
use crate::config::KafkaConfig;

/// How long one call of the client may block.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The producer of transactions.
pub struct Transactions {
    delivery: Delivery,
    /// The transactional id.
    id: String,
    /// The topics with large records.
    state_topics: [String; 2],
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
        let producer = ThreadedProducer::from_config_and_context(&client, Reports::default()).context("the producer's settings")?;
        let id = format!("{}-{}", config.group_id, config.instance_id);
        retrying("starting transactions", go_on, || producer.init_transactions(CALL_TIMEOUT))
            .map_err(|error| anyhow!("transactions can't be started as transactional.id {id}: {error}"))?;
        let state_topics = [config.sessions_topic.clone(), config.shop_topic.clone()];
        Ok(Self { delivery: Delivery::new(producer, config.clone()), id, state_topics })
    }

    /// Commits batches until their sender is gone.
    pub fn serve(&self, committer: &Committer) {
        for commit in &committer.commits {
            let outcome = self.commit(&commit);
            committer.in_flight.set(false);
            if committer.outcomes.send(outcome).is_err() {
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
        let producer = &self.delivery.producer;
        producer.begin_transaction()?;
        // `commit_transaction` would wait for the records too, but in slices of up to 100 ms.
        self.delivery.send_all(&commit.records)?;
        self.repeating(|| producer.send_offsets_to_transaction(&commit.offsets, &commit.group, CALL_TIMEOUT))?;
        self.repeating(|| producer.commit_transaction(CALL_TIMEOUT))
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
        match self.repeating(|| self.delivery.producer.abort_transaction(CALL_TIMEOUT)) {
            Ok(()) => {
                // Records that were purged still report.
                self.delivery.wait();
                Outcome::Aborted(cause.to_string())
            }
            Err(error) => Outcome::Fatal(self.explain(&error).context(format!("a commit failed ({cause}) and can't be aborted"))),
        }
    }

    fn explain(&self, error: &KafkaError) -> anyhow::Error {
        let id = &self.id;
        if let Some((_, reason)) = self.delivery.producer.client().fatal_error() {
            return anyhow!("transactions as {id} have ended: {reason}; is another process running with the same kafka.instance_id?");
        }
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

fn remedy(error: &KafkaError) -> Remedy {
    match error {
        KafkaError::Transaction(error) if error.is_fatal() => Remedy::End,
        KafkaError::Transaction(error) if error.txn_requires_abort() => Remedy::Abort,
        KafkaError::Transaction(error) if error.is_retriable() => Remedy::Repeat,
        // A record that could not be delivered: the transaction can't be committed any more.
        // Doing it again would only fail again.
        KafkaError::MessageProduction(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced | RDKafkaErrorCode::MessageSizeTooLarge) => {
            Remedy::End
        }
        KafkaError::MessageProduction(_) => Remedy::Abort,
        _ => Remedy::End,
    }
}
