//! Sending records and waiting until each is delivered or has failed.
//!
//! Invariant: after [`Delivery::delivered`] nothing is under way, unless the broker refuses us: that ends the process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer};

use super::clients::log_error;
use crate::clock;
use crate::config::KafkaConfig;
use crate::exact::Outgoing;

/// How long delivery reports are waited for between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// So much later than its time-out the client may report of a record; a client that is stuck does not.
const REPORT_SLACK: Duration = Duration::from_secs(10);

/// Whoever has not reported of a record by then never will.
pub fn report_limit(config: &KafkaConfig) -> Duration {
    Duration::from_millis(config.message_timeout_ms) + REPORT_SLACK
}

/// A producer, with the topics it writes.
pub struct Delivery {
    /// The client.
    pub producer: ThreadedProducer<Reports>,
    config: KafkaConfig,
}

/// Counts what is on its way, and keeps the first failure.
#[derive(Default)]
pub struct Reports {
    under_way: AtomicUsize,
    failure: Mutex<Option<KafkaError>>,
    /// The client has no right to write, and lets what is under way wait until its time is over.
    refused: AtomicBool,
}

impl ClientContext for Reports {
    /// Why a transaction failed is said here alone.
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!("kafka: {facility} {message}");
        if facility == "TXNERR" {
            tracing::warn!("kafka: {message}");
            if message.contains("Topic authorization failed") {
                self.refused.store(true, Ordering::Release);
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
        self.under_way.fetch_sub(1, Ordering::Release);
    }
}

impl Reports {
    /// Forgets a failure, and returns it.
    pub fn take_failure(&self) -> Option<KafkaError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Delivery {
    /// Sends through `producer` to the topics of `config`.
    #[must_use]
    pub fn new(producer: ThreadedProducer<Reports>, config: KafkaConfig) -> Self {
        Self { producer, config }
    }

    /// Sends all records and waits for them.
    ///
    /// # Errors
    /// The first record that failed; others may be there.
    pub fn send_all<'a>(&self, records: impl IntoIterator<Item = &'a Outgoing>) -> Result<(), KafkaError> {
        let sent = self.send(records);
        let delivered = self.delivered();
        sent.and(delivered)
    }

    /// Sends all records.
    ///
    /// # Errors
    /// A record that the client refuses; others are on their way.
    pub fn send<'a>(&self, records: impl IntoIterator<Item = &'a Outgoing>) -> Result<(), KafkaError> {
        self.send_by(|| records.into_iter().try_for_each(|record| self.send_one(record)))
    }

    /// Sends by `send`, as [`Self::send`] does.
    ///
    /// # Errors
    /// What `send` fails with.
    pub fn send_by(&self, send: impl FnOnce() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
        self.producer.context().take_failure();
        send()
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// The first record that failed; others may be there.
    pub fn delivered(&self) -> Result<(), KafkaError> {
        self.wait()?;
        if self.is_refused() {
            return Err(KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed));
        }
        self.producer.context().take_failure().map_or(Ok(()), Err)
    }

    /// Waits until nothing is under way: every record is delivered or fails within its time-out.
    ///
    /// # Errors
    /// The client does not tell, and is of no use any more.
    pub fn wait(&self) -> Result<(), KafkaError> {
        let (started, limit) = (clock::now(), report_limit(&self.config));
        while self.producer.context().under_way.load(Ordering::Acquire) > 0 && !self.is_refused() {
            if started.elapsed() > limit {
                return Err(KafkaError::MessageProduction(RDKafkaErrorCode::Fatal));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn is_refused(&self) -> bool {
        self.producer.context().refused.load(Ordering::Acquire)
    }

    fn send_one(&self, record: &Outgoing) -> Result<(), KafkaError> {
        let mut next = BaseRecord::<[u8], [u8]>::to(record.target.topic(&self.config)).partition(record.partition);
        next.key = record.key.as_deref();
        next.payload = record.payload.as_deref();
        next.headers = headers_of(record);
        send(&self.producer, next)
    }
}

fn headers_of(record: &Outgoing) -> Option<OwnedHeaders> {
    let headers = OwnedHeaders::new_with_capacity(record.headers.len());
    let add = |headers: OwnedHeaders, (key, value): &(&str, String)| headers.insert(Header { key, value: Some(value) });
    (!record.headers.is_empty()).then(|| record.headers.iter().fold(headers, add))
}

/// Sends one record; where the queue is full, waits for room: it empties by itself, since every record is delivered
/// or fails within its time-out.
pub fn send(producer: &ThreadedProducer<Reports>, record: BaseRecord<'_, [u8], [u8]>) -> Result<(), KafkaError> {
    let mut next = record;
    producer.context().under_way.fetch_add(1, Ordering::Acquire);
    loop {
        match producer.send(next) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                next = back;
                std::thread::sleep(LOOK_EVERY);
            }
            Err((error, _)) => {
                producer.context().under_way.fetch_sub(1, Ordering::Release);
                return Err(error);
            }
        }
    }
}
