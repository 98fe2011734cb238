//! The demo's broker: librdkafka's mock cluster, inside this process.
//!
//! It keeps 5 MiB a partition and drops the oldest without a word, hides nothing uncommitted and keeps no
//! transactional offsets. So here offers leave by an idempotent producer, without transactions, and whoever
//! produces has to wait for whoever consumes.

use anyhow::{Context, Result};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, ThreadedProducer};

use super::clients::idempotent_producer;
use super::delivery::{Delivery, Reports};
use super::link::{Commit, Committer, link};
use super::service::{Service, spawn_commits, stream};
use crate::clock;
use crate::config::KafkaConfig;
use crate::exact::{Durability, Outcome, Target};

/// Partitions of the demo's topics.
pub const PARTITIONS: i32 = 12;

/// A broker inside this process; it ends when dropped.
pub struct EmbeddedBroker(MockCluster<'static, DefaultProducerContext>);

impl EmbeddedBroker {
    /// Starts it, with the topics of `config`.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(config: &KafkaConfig) -> Result<Self> {
        let cluster = MockCluster::new(1).context("the embedded broker can't be started")?;
        let own = [&config.offers_topic, &config.withheld_topic, &config.dlq_topic];
        for topic in config.events_topics.iter().chain(own) {
            cluster.create_topic(topic, PARTITIONS, 1).with_context(|| format!("topic {topic} can't be made"))?;
        }
        Ok(Self(cluster))
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.bootstrap_servers()
    }
}

/// Consumes from the embedded broker until `service.stop` is set: the very same stream, with state in memory.
///
/// # Errors
/// One line that says why it can't go on.
pub fn run_embedded(service: &Service) -> Result<()> {
    let config = &service.config.kafka;
    let client = idempotent_producer(config);
    let producer = ThreadedProducer::from_config_and_context(&client, Reports::default()).context("the producer's settings")?;
    let delivery = Delivery::new(producer, config.clone());
    let (committer, link) = link();
    spawn_commits(move |committer| serve(&delivery, &committer), committer)?;
    stream(service, link, None, PARTITIONS, Durability::Memory)?.run()
}

/// Writes what shoppers and operators see; the state logs are in memory here.
fn serve(delivery: &Delivery, committer: &Committer) {
    for Commit { records, .. } in &committer.commits {
        let started = clock::now();
        let seen = records.iter().filter(|record| !matches!(record.target, Target::Sessions | Target::Shop));
        let outcome = match delivery.send_all(seen) {
            Ok(()) => Outcome::Committed(started.elapsed()),
            Err(error) => Outcome::Fatal(anyhow::Error::from(error).context("an offer can't be delivered")),
        };
        committer.in_flight.set(false);
        if committer.outcomes.send(outcome).is_err() {
            return;
        }
    }
}
