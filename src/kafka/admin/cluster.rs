//! The cluster as an administrator sees it: its brokers, our topics and their settings.
//!
//! Invariant: looking changes nothing. Metadata is asked for all topics at once, since asking for one by name
//! could create it on a broker that creates topics by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::producer::{BaseProducer, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext};
use tokio::runtime::Runtime;

use crate::config::{Config, KafkaConfig};
use crate::kafka::clients::{base, refused_setting};
use crate::kafka::topics::{Found, Wanted};

/// How long a broker may take to answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How many times a client is asked why it can't connect, each for 100 ms.
const COMPLAINT_POLLS_MAX: u32 = 20;

/// A cluster that answered.
pub struct Cluster {
    client: AdminClient<Quiet>,
    runtime: Runtime,
    metadata: Metadata,
}

impl Cluster {
    /// Connects. Not from within a runtime: it blocks.
    ///
    /// # Errors
    /// No broker is set, or none answers in time; the line names the setting and its value.
    pub fn connect(config: &Config) -> Result<Self> {
        config.kafka.brokers()?;
        let client: AdminClient<Quiet> = create(&base(&config.kafka))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().context("a runtime can't be started")?;
        let metadata = client.inner().fetch_metadata(None, ANSWER_TIMEOUT).map_err(|error| no_answer(&config.kafka, &error))?;
        Ok(Self { client, runtime, metadata })
    }

    /// Asks again for what is there.
    ///
    /// # Errors
    /// No broker answers in time.
    pub fn refresh(&mut self, config: &KafkaConfig) -> Result<()> {
        let answer = self.client.inner().fetch_metadata(None, ANSWER_TIMEOUT);
        self.metadata = answer.map_err(|error| no_answer(config, &error))?;
        Ok(())
    }

    /// How many brokers there are.
    #[must_use]
    pub fn brokers(&self) -> usize {
        self.metadata.brokers().len()
    }

    /// The client and what its calls run on.
    #[must_use]
    pub fn client(&self) -> (&AdminClient<Quiet>, &Runtime) {
        (&self.client, &self.runtime)
    }

    /// The topics of the plan that are there.
    #[must_use]
    pub fn find(&self, plan: &[Wanted]) -> BTreeMap<String, Found> {
        let ours = self.metadata.topics().iter().filter(|topic| plan.iter().any(|wanted| wanted.topic == topic.name()));
        ours.map(|topic| (topic.name().to_owned(), self.found(topic))).collect()
    }

    /// Whether all of these topics are there, with a leader for every partition.
    #[must_use]
    pub fn has_all(&self, names: &[&str]) -> bool {
        let led = |topic: &MetadataTopic| !topic.partitions().is_empty() && topic.partitions().iter().all(|one| one.leader() >= 0);
        names.iter().all(|name| self.metadata.topics().iter().any(|topic| topic.name() == *name && led(topic)))
    }

    fn found(&self, topic: &MetadataTopic) -> Found {
        let partitions = topic.partitions();
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        Found {
            partitions: number(partitions.len()),
            replication: number(partitions.iter().map(|one| one.replicas().len()).min().unwrap_or(0)),
            leaderless: number(partitions.iter().filter(|one| one.leader() < 0).count()),
            settings: self.settings(topic.name()),
        }
    }

    /// A topic's settings, one topic a call: an answer that is an error does not say whose it is.
    fn settings(&self, topic: &str) -> Option<BTreeMap<String, String>> {
        let resources = [ResourceSpecifier::Topic(topic)];
        let answer = self.runtime.block_on(self.client.describe_configs(&resources, &options())).ok()?;
        let entries = answer.into_iter().next()?.ok()?.entries;
        let settings: BTreeMap<_, _> = entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect();
        // Where they may not be read, the answer has none.
        (!settings.is_empty()).then_some(settings)
    }
}

/// How long an administrator's calls may take.
#[must_use]
pub fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_TIMEOUT)).operation_timeout(Some(ANSWER_TIMEOUT))
}

/// A client that keeps what it has to say until it is asked.
///
/// # Errors
/// A setting passed through that librdkafka does not take.
pub fn create<T: FromClientConfigAndContext<Quiet>>(client: &ClientConfig) -> Result<T> {
    T::from_config_and_context(client, Quiet::default()).map_err(|error| anyhow!("configuration: {}", refused_setting(&error)))
}

fn no_answer(config: &KafkaConfig, error: &KafkaError) -> anyhow::Error {
    let seconds = ANSWER_TIMEOUT.as_secs();
    let cause = complaint(config).unwrap_or_else(|| reason(error));
    anyhow!(
        "no broker answers within {seconds} s; kafka.brokers is {}: check the address, that a broker runs there, and the TLS and SASL \
         settings under [kafka.client] ({cause})",
        config.brokers
    )
}

/// Why no connection comes about. An administrator's client keeps that to itself; a producer tells.
fn complaint(config: &KafkaConfig) -> Option<String> {
    let producer: BaseProducer<Quiet> = create(&base(config)).ok()?;
    (0..COMPLAINT_POLLS_MAX).find_map(|_| {
        producer.poll(Duration::from_millis(100));
        producer.context().take_complaint()
    })
}

/// What an error means, without the words the client puts around it.
#[must_use]
pub fn reason(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), words)
}

/// A code in words: `Topic authorization failed`.
#[must_use]
pub fn words(code: RDKafkaErrorCode) -> String {
    // The client says `TopicAuthorizationFailed (Broker: Topic authorization failed)`.
    let text = code.to_string();
    let text = text.split_once(" (").map_or(text.as_str(), |(_, words)| words.trim_end_matches(')'));
    text.trim_start_matches("Broker: ").trim_start_matches("Local: ").to_owned()
}

/// Keeps what a client complains of and how a record fared, for one who asks afterwards.
#[derive(Debug, Default)]
pub struct Quiet {
    complaint: Mutex<Option<String>>,
    delivery: Mutex<Option<Result<(), KafkaError>>>,
    refusal: Mutex<Option<(RDKafkaErrorCode, String)>>,
    transaction_failed: AtomicBool,
}

impl Quiet {
    fn complain(&self, message: &str) {
        // `[thrd:…]: ` says which thread of the client spoke.
        let said = message.split_once("]: ").filter(|(thread, _)| thread.starts_with("[thrd:")).map_or(message, |(_, said)| said);
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(said.to_owned());
    }

    /// The last complaint, once.
    pub fn take_complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Who we are, or our certificates, were refused: no connection will come about.
    pub fn take_refusal(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the transaction failed since this was last asked.
    pub fn take_transaction_failed(&self) -> bool {
        self.transaction_failed.swap(false, Ordering::AcqRel)
    }

    /// How the last record fared, once.
    pub fn take_delivery(&self) -> Option<Result<(), KafkaError>> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!("kafka: {facility} {message}");
        if (level as i32) <= RDKafkaLogLevel::Error as i32 {
            self.complain(message);
        }
        if facility == "TXNERR" {
            self.transaction_failed.store(true, Ordering::Release);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("kafka: {reason} ({error})");
        if let Some(code @ (RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)) = error.rdkafka_error_code() {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some((code, reason.to_owned()));
        }
        // That all are down says less than why each one is.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.complain(reason);
        }
    }
}

impl ConsumerContext for Quiet {}

impl ProducerContext<NoCustomPartitioner> for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let delivery = result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone());
        *self.delivery.lock().unwrap_or_else(PoisonError::into_inner) = Some(delivery);
    }
}
