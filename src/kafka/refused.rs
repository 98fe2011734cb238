//! What Kafka refuses: who we say we are, and what we may do.
//!
//! Invariant: the line names the topic, group or transactional id, what was to be done with it, and the right to grant.
//! Errors of the client name the code alone; so the rights are looked through, as `check` does it, once one came up.

use std::time::Duration;

use anyhow::{Error, anyhow};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::admin::Quiet;
use super::check;
use crate::config::{Config, KafkaConfig};

/// How often the client is asked what is wrong.
const POLLS_MAX: u32 = 20;

fn is_final(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)
}

/// Whether the broker refused it for want of a right.
#[must_use]
pub fn is_refused(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed, TransactionalIdAuthorizationFailed,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(ClusterAuthorizationFailed | GroupAuthorizationFailed | TopicAuthorizationFailed | TransactionalIdAuthorizationFailed)
    )
}

/// Why no connection will ever come about, where the broker, or our own TLS, said so. The client tells when it is polled.
#[must_use]
pub fn no_connection(config: &KafkaConfig, consumer: &BaseConsumer<Quiet>) -> Option<Error> {
    let refusal_of = |error: KafkaError| error.rdkafka_error_code().filter(|code| is_final(*code)).map(|code| (code, error.to_string()));
    let told = (0..POLLS_MAX).find_map(|_| {
        let polled = consumer.poll(Duration::from_millis(10)).and_then(Result::err).and_then(refusal_of);
        consumer.context().take_refusal().or(polled)
    });
    let (code, reason) = told?;
    let reason = consumer.context().take_complaint().unwrap_or(reason);
    let brokers = &config.brokers;
    match code {
        RDKafkaErrorCode::Authentication => Some(anyhow!(
            "kafka.brokers = {brokers} does not let this user in: check sasl.mechanism, sasl.username and sasl.password under \
             [kafka.client] ({reason})"
        )),
        RDKafkaErrorCode::SSL => Some(anyhow!(
            "kafka.brokers = {brokers}: no TLS connection: check security.protocol, and that ssl.ca.location under [kafka.client] is \
             the authority of the broker's certificate ({reason})"
        )),
        _ => None,
    }
}

/// Adds to an error for want of a right which one to grant. Must not be called from within a runtime.
#[must_use]
pub fn explained(config: &Config, error: Error) -> Error {
    let told = format!("{error:#}");
    if !["uthorizationFailed", "uthorization failed"].iter().any(|words| told.contains(words)) {
        return error;
    }
    tracing::info!("Kafka refuses something; looking which right is missing");
    match check::missing_rights(config) {
        missing if missing.is_empty() => error,
        missing => anyhow!("Kafka refuses it: {}", missing.join("; ")),
    }
}
