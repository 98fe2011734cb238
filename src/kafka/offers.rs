//! Offers that leave at once, under `kafka.delivery = "at_least_once"`.
//!
//! Invariant: they leave by a producer of their own, without transactions, and no batch is committed before its
//! offers are delivered: so a crash may repeat one (under the same id), and loses none.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, ProducerContext, ThreadedProducer};

use super::clients::{log_error, offer_producer};
use super::delivery::report_limit;
use crate::clock;
use crate::config::KafkaConfig;
use crate::event::Timestamp;
use crate::exact::Outgoing;
use crate::metrics::Metrics;

/// How long delivery reports are waited for between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The producer of offers, and what is on its way, by the number of the commit that waits for it.
pub struct Offers {
    producer: ThreadedProducer<OfferReports>,
    config: KafkaConfig,
    parcels: Mutex<BTreeMap<u64, Arc<Parcel>>>,
}

/// The offers of one batch.
#[derive(Default)]
struct Parcel {
    under_way: AtomicUsize,
    failure: Mutex<Option<KafkaError>>,
}

/// Measures what is delivered, and keeps the first failure of every parcel.
struct OfferReports {
    metrics: Arc<Metrics>,
}

/// What an offer's delivery report is about.
struct Sent {
    parcel: Arc<Parcel>,
    caused_at: Option<Timestamp>,
}

impl ClientContext for OfferReports {
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for OfferReports {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        match result {
            Ok(_) => {
                if let Some(at) = sent.caused_at {
                    let seconds = (clock::unix_ms() - at.0).max(0) as f64 / 1_000.0;
                    self.metrics.event_to_offer_seconds.observe(seconds);
                }
            }
            Err((error, _)) => {
                sent.parcel.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
            }
        }
        sent.parcel.under_way.fetch_sub(1, Ordering::Release);
    }
}

impl Offers {
    /// A producer to the offers topic of `config`.
    ///
    /// # Errors
    /// The client's settings can't be used.
    pub fn new(config: &KafkaConfig, metrics: Arc<Metrics>) -> Result<Self> {
        let producer = ThreadedProducer::from_config_and_context(&offer_producer(config), OfferReports { metrics });
        let producer = producer.context("the offers' producer's settings")?;
        Ok(Self { producer, config: config.clone(), parcels: Mutex::default() })
    }

    /// Sends an offer of the batch that will be commit `number`. Where the queue is full, waits for room: it empties by
    /// itself, since every record is delivered or fails within its time-out.
    ///
    /// # Errors
    /// The client refuses it.
    pub fn send(&self, number: u64, offer: &Outgoing, caused_at: Option<Timestamp>) -> Result<(), KafkaError> {
        let parcel = Arc::clone(self.lock().entry(number).or_default());
        parcel.under_way.fetch_add(1, Ordering::Acquire);
        let sent = Box::new(Sent { parcel: Arc::clone(&parcel), caused_at });
        let topic = offer.target.topic(&self.config);
        let mut next = BaseRecord::<[u8], [u8], Box<Sent>>::with_opaque_to(topic, sent).partition(offer.partition);
        next.key = offer.key.as_deref();
        next.payload = offer.payload.as_deref();
        loop {
            match self.producer.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    next = back;
                    std::thread::sleep(LOOK_EVERY);
                }
                Err((error, _)) => {
                    parcel.under_way.fetch_sub(1, Ordering::Release);
                    return Err(error);
                }
            }
        }
    }

    /// The batch that would have been commit `number` is dropped.
    pub fn forget(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// Waits until every offer of commit `number` is delivered or has failed, each within its time-out.
    ///
    /// # Errors
    /// The first that failed; a fatal one where the client does not tell.
    pub fn delivered(&self, number: u64) -> Result<(), KafkaError> {
        let Some(parcel) = self.lock().remove(&number) else { return Ok(()) };
        let (started, limit) = (clock::now(), report_limit(&self.config));
        while parcel.under_way.load(Ordering::Acquire) > 0 {
            if started.elapsed() > limit {
                return Err(KafkaError::MessageProduction(RDKafkaErrorCode::Fatal));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        parcel.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<Parcel>>> {
        self.parcels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
