//! Settings of every client, in one place.
//!
//! Invariant: what the guarantees rest on is set last, so that nothing passed through can overrule it (the
//! configuration refuses such settings besides).

use anyhow::{Result, anyhow};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use crate::config::{KafkaConfig, is_secret};

/// The largest record of our own logs, in bytes: a basket of thousands of lines with long ids.
pub const OWN_RECORD_BYTES_MAX: &str = "8388608";

/// What all clients have in common.
#[must_use]
pub fn base(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("client.id", format!("offerstream-{}", config.instance_id));
    client.set("message.max.bytes", OWN_RECORD_BYTES_MAX);
    for (name, value) in &config.client {
        client.set(name, value.expose());
    }
    client.set("bootstrap.servers", &config.brokers);
    client.set_log_level(RDKafkaLogLevel::Warning);
    client
}

/// The member of the consumer group.
#[must_use]
pub fn group_consumer(config: &KafkaConfig) -> ClientConfig {
    let mut client = base(config);
    client
        .set("group.id", &config.group_id)
        .set("group.instance.id", &config.instance_id)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("partition.assignment.strategy", "range")
        // Start offsets are always given, so this is asked only where one is gone: nothing is skipped in silence.
        .set("auto.offset.reset", "error")
        .set("session.timeout.ms", config.session_timeout_ms.to_string())
        .set("max.poll.interval.ms", (config.session_timeout_ms.max(100_000) * 3).to_string())
        .set("statistics.interval.ms", "5000");
    // Commits are every 100 ms, so a broker that waits longer to fill a response would only delay them.
    set_default(&mut client, config, "fetch.wait.max.ms", "50");
    client
}

/// A consumer of our own logs, outside any group, that sees committed records only.
#[must_use]
pub fn log_consumer(config: &KafkaConfig) -> ClientConfig {
    let mut client = base(config);
    client
        // A group has to be named, and its coordinator is asked for; it is never joined.
        .set("group.id", &config.group_id)
        .set("isolation.level", "read_committed")
        // A follower may not have yet what the leader said is there, and would tell the end before it.
        .set("client.rack", "")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error");
    set_default(&mut client, config, "fetch.wait.max.ms", "50");
    client
}

/// A consumer that is asked where logs end, uncommitted records included.
#[must_use]
pub fn end_consumer(config: &KafkaConfig) -> ClientConfig {
    let mut client = log_consumer(config);
    client.set("isolation.level", "read_uncommitted");
    client
}

/// The transactional producer.
#[must_use]
pub fn transactional_producer(config: &KafkaConfig) -> ClientConfig {
    let mut client = idempotent_producer(config);
    client.set("transactional.id", config.transactional_id()).set("transaction.timeout.ms", config.transaction_timeout_ms.to_string());
    client
}

/// The producer of offers that do not wait for a commit, nor for each other.
#[must_use]
pub fn offer_producer(config: &KafkaConfig) -> ClientConfig {
    let mut client = idempotent_producer(config);
    set_default(&mut client, config, "linger.ms", "0");
    client
}

/// A producer that writes each record once, and by Java's partitioner where it names no partition.
#[must_use]
pub fn idempotent_producer(config: &KafkaConfig) -> ClientConfig {
    let mut client = base(config);
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("delivery.report.only.error", "false")
        .set("message.timeout.ms", config.message_timeout_ms.to_string());
    set_default(&mut client, config, "compression.type", "lz4");
    set_default(&mut client, config, "linger.ms", "2");
    client
}

/// Tries every client's settings, without connecting.
///
/// # Errors
/// The setting that the client refuses, and why.
pub fn check(config: &KafkaConfig) -> Result<()> {
    for client in [group_consumer(config), log_consumer(config), transactional_producer(config)] {
        client.create_native_config().map_err(|error| anyhow!("configuration: {}", refused_setting(&error)))?;
    }
    Ok(())
}

/// Which setting the client does not take, and why; a value that may be a secret is not shown, and one of a name that is
/// unknown may be.
#[must_use]
pub fn refused_setting(error: &KafkaError) -> String {
    let KafkaError::ClientConfig(_, why, name, value) = error else { return format!("[kafka.client]: {error}") };
    let unknown = why.starts_with("No such");
    let why = if value.is_empty() || !(unknown || is_secret(name)) { why.clone() } else { why.replace(value.as_str(), "<hidden>") };
    format!("kafka.client.{name}: {why}")
}

/// Sets what the configuration has not.
fn set_default(client: &mut ClientConfig, config: &KafkaConfig, name: &str, value: &str) {
    if !config.client.contains_key(name) {
        client.set(name, value);
    }
}

/// Sends the client's own log and errors to ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogContext;

impl ClientContext for LogContext {
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for LogContext {}

/// What the client says of itself: a broker that is away is a warning, for the client goes on trying.
pub fn log_error(error: &KafkaError, reason: &str) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
        return;
    }
    tracing::warn!("kafka: {reason} ({})", error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| format!("{code:?}")));
}

/// Whether trying again may help: nobody answered, or not in time.
#[must_use]
pub fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::Resolve
                // The client gives up its handle of a broker that left the cluster.
                | RDKafkaErrorCode::DestroyBroker
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::UnstableOffsetCommit
                | RDKafkaErrorCode::ConcurrentTransactions
                | RDKafkaErrorCode::Retry
        )
    )
}

/// Repeats a call while it fails for a passing reason and `go_on` says so, waiting longer each time up to 5 s.
///
/// # Errors
/// The error that does not pass, or the last one once `go_on` says no.
pub fn retrying<T>(what: &str, go_on: impl Fn() -> bool, mut call: impl FnMut() -> KafkaResult<T>) -> KafkaResult<T> {
    let mut wait = std::time::Duration::from_millis(250);
    loop {
        match call() {
            Err(error) if is_passing(&error) && go_on() => {
                tracing::warn!("{what} did not work: {error}; trying again in {:.1} s", wait.as_secs_f32());
                std::thread::sleep(wait);
                wait = (wait * 2).min(std::time::Duration::from_secs(5));
            }
            done => return done,
        }
    }
}
