//! The shop's side of the bus, as the demo plays it: events out, offers in.
//!
//! Invariant: events are keyed by session and partitioned as Java's clients do; their records carry the event's
//! own time. Offers are read from now on, committed ones only, outside any group.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{LogContext, idempotent_producer, is_passing, log_consumer, retrying};
use super::delivery::{self, Reports};
use crate::config::KafkaConfig;

const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A shop's connection to the bus.
pub struct Feed {
    producer: ThreadedProducer<Reports>,
    offers: BaseConsumer<LogContext>,
    events_topic: String,
    catalogue_topic: String,
}

impl Feed {
    /// Connects, waiting for a broker while `go_on` says so.
    ///
    /// # Errors
    /// No broker answers, or the topics are not there.
    pub fn connect(config: &KafkaConfig, go_on: impl Fn() -> bool) -> Result<Self> {
        let producer = ThreadedProducer::from_config_and_context(&idempotent_producer(config), Reports::default())?;
        let offers: BaseConsumer<LogContext> = BaseConsumer::from_config_and_context(&log_consumer(config), LogContext)?;
        let topic = &config.offers_topic;
        let metadata = retrying("asking for the offers topic", go_on, || offers.fetch_metadata(Some(topic), CALL_TIMEOUT))
            .with_context(|| format!("kafka.brokers = {}: no broker answers", config.brokers))?;
        let partitions = metadata.topics().iter().find(|found| found.name() == topic).map_or(0, |found| found.partitions().len());
        if partitions == 0 {
            return Err(anyhow!("topic {topic} does not exist; create what is missing by: offerstream topics create"));
        }
        let mut from_now = TopicPartitionList::new();
        for partition in 0..partitions {
            from_now.add_partition_offset(topic, partition as i32, Offset::End)?;
        }
        offers.assign(&from_now)?;
        let events_topic = config.events_topics.first().cloned().context("kafka.events_topics is empty")?;
        Ok(Self { producer, offers, events_topic, catalogue_topic: config.catalogue_topic.clone() })
    }

    /// Sends one event.
    ///
    /// # Errors
    /// The client refuses it.
    pub fn send(&self, key: &str, json: &str, ts_ms: i64) -> Result<()> {
        let record = BaseRecord::<[u8], [u8]>::to(&self.events_topic).key(key.as_bytes()).payload(json.as_bytes()).timestamp(ts_ms);
        delivery::send(&self.producer, record).context("an event can't be sent")
    }

    /// Sends a product's row to the catalogue.
    ///
    /// # Errors
    /// The client refuses it.
    pub fn send_product(&self, item: &str, json: &str) -> Result<()> {
        let record = BaseRecord::<[u8], [u8]>::to(&self.catalogue_topic).key(item.as_bytes()).payload(json.as_bytes());
        delivery::send(&self.producer, record).context("a product can't be sent")
    }

    /// Hands every offer that has come to `take`.
    ///
    /// # Errors
    /// Offers can't be read.
    pub fn offers(&self, mut take: impl FnMut(&[u8])) -> Result<()> {
        loop {
            match self.offers.poll(Duration::ZERO) {
                None => return Ok(()),
                Some(Ok(message)) => take(message.payload().unwrap_or_default()),
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) if is_passing(&error) => return Ok(()),
                Some(Err(error)) => return Err(error).context("offers can't be read"),
            }
        }
    }

    /// Waits until every event is with the broker.
    ///
    /// # Errors
    /// One is not.
    pub fn flush(&self) -> Result<()> {
        self.producer.flush(CALL_TIMEOUT).context("events can't be sent")?;
        self.producer.context().take_failure().map_or(Ok(()), |error| Err(error).context("an event was not delivered"))
    }
}
