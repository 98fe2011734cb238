//! Events that come by HTTP, on to the bus.
//!
//! Invariant: nothing here blocks, since tokio calls it; an event counts as sent once all replicas that are in sync have
//! it. It is keyed as the shop's own producers key it, and partitioned by murmur2.

use std::sync::Arc;

use anyhow::{Context, Result};
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, ProducerContext, ThreadedProducer};
use tokio::sync::oneshot;

use super::clients::{idempotent_producer, log_error};
use super::refused::is_refused;
use crate::config::Config;
use crate::event::Reading;
use crate::http::{Intake, Outbound, Sent};

/// Tells each event's sender how it fared.
struct Acks;

type Ack = oneshot::Sender<Result<(), KafkaError>>;

impl ClientContext for Acks {
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Acks {
    type DeliveryOpaque = Box<Ack>;

    fn delivery(&self, result: &DeliveryResult<'_>, ack: Box<Ack>) {
        // Nobody waits any more where the one who sent it has hung up.
        let _ = ack.send(result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone()));
    }
}

/// Sends events to the first of the events topics.
pub struct EventsIntake {
    producer: Arc<ThreadedProducer<Acks>>,
    topic: String,
    reading: Reading,
}

impl EventsIntake {
    /// A producer of its own: events of shops have no part in our transactions.
    ///
    /// # Errors
    /// The client's settings can't be used.
    pub fn start(whole: &Config) -> Result<Self> {
        let config = &whole.kafka;
        let producer = ThreadedProducer::from_config_and_context(&idempotent_producer(config), Acks).context("the producer's settings")?;
        let topic = config.events_topics.first().cloned().context("kafka.events_topics is empty")?;
        let reading = whole.reading_of(&topic, None);
        Ok(Self { producer: Arc::new(producer), topic, reading })
    }

    fn hand_over(&self, events: Vec<Outbound>) -> Result<Vec<oneshot::Receiver<Result<(), KafkaError>>>, KafkaError> {
        let send = |(key, json): Outbound| {
            let (ack, answer) = oneshot::channel();
            let record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, Box::new(ack)).key(key.as_bytes()).payload(&json);
            self.producer.send(record).map(|()| answer).map_err(|(error, _)| error)
        };
        events.into_iter().map(send).collect()
    }
}

impl Intake for EventsIntake {
    fn reading(&self) -> Reading {
        self.reading
    }

    fn send(&self, events: Vec<Outbound>) -> Sent {
        let (answers, topic) = (self.hand_over(events), self.topic.clone());
        Box::pin(async move {
            for answer in answers.map_err(|error| told(&topic, &error))? {
                match answer.await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(told(&topic, &error)),
                    Err(_) => return Err("the process is ending".to_owned()),
                }
            }
            Ok(())
        })
    }
}

/// What the one who sent it is told; what the broker refuses us is told to whoever runs this besides.
fn told(topic: &str, error: &KafkaError) -> String {
    if is_refused(error) {
        tracing::warn!("events by HTTP can't be sent: grant Write on topic {topic} ({error})");
    }
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => "too much is waiting for the broker; some of it may be there".into(),
        _ => "the broker does not have all of it; some may be there: send it again with the same event_id".into(),
    }
}
