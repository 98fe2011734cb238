//! One record republished, and the transaction that does it.
//!
//! Invariant: value, time and headers are those that came; the key is the session of the record's (first) event. What can't be decoded goes on
//! under its old key, and becomes a dead letter where events are processed: there is one place that judges.

use std::sync::Arc;

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::BaseRecord;

use crate::config::Config;
use crate::event::{self, Around, Decoded, EVENT_BYTES_MAX, Timestamp};
use crate::exact::{Commit, Failure, Wire};
use crate::kafka::delivery;
use crate::kafka::headers::RecordHeaders;
use crate::kafka::origins::{OFFSET, PARTITION, SIZE, TOPIC};
use crate::kafka::transaction::Transactions;

/// The largest value that is republished whole, in bytes: below what a client sends, with its headers. What is larger can't
/// be used anyhow.
const VALUE_BYTES_MAX: usize = 8_000_000;

/// A record as it goes on.
pub struct Republished {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    time: Option<i64>,
    headers: OwnedHeaders,
}

/// What goes with a commit: the membership it was read under, and its records.
pub struct Batch {
    /// The membership.
    pub group: Arc<ConsumerGroupMetadata>,
    /// The records.
    pub records: Vec<Republished>,
}

impl Republished {
    /// The record as it goes on, read as its topic is.
    pub fn of(message: &OwnedMessage, config: &Config) -> Self {
        let payload = message.payload();
        let own = message.headers().map(RecordHeaders::of_owned);
        let own = own.as_ref().map(|headers| headers as &dyn event::Headers);
        let written_at = message.timestamp().to_millis().map(Timestamp);
        let around = Around::of(own, message.key(), written_at);
        let read = |payload| event::read(payload, &around, config.reading_of(message.topic(), own)).ok();
        let decoded = payload.filter(|payload| payload.len() <= EVENT_BYTES_MAX).and_then(read);
        let session = decoded.as_ref().and_then(Decoded::record_key).map(|key| key.as_bytes().to_vec());
        let value = payload.map(|payload| payload[..cut(payload.len())].to_vec());
        Self {
            key: session.or_else(|| message.key().map(<[u8]>::to_vec)),
            value,
            time: message.timestamp().to_millis(),
            headers: headers(message),
        }
    }

    /// Its size, about.
    pub fn bytes(&self) -> usize {
        self.value.as_ref().map_or(0, Vec::len)
    }
}

/// How much of a value goes on: all of it, or just enough to be judged too large.
fn cut(bytes: usize) -> usize {
    if bytes > VALUE_BYTES_MAX { EVENT_BYTES_MAX + 1 } else { bytes }
}

/// The headers that came, and where the record came from; who wrote those of the same name before knows nothing of it.
fn headers(message: &OwnedMessage) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new();
    for header in message.headers().into_iter().flat_map(Headers::iter) {
        if ![TOPIC, PARTITION, OFFSET, SIZE].contains(&header.key) {
            headers = headers.insert(header);
        }
    }
    let mut add = |key: &str, value: &str| headers = std::mem::take(&mut headers).insert(Header { key, value: Some(value) });
    add(TOPIC, message.topic());
    add(PARTITION, &message.partition().to_string());
    add(OFFSET, &message.offset().to_string());
    let bytes = message.payload().map_or(0, <[u8]>::len);
    if cut(bytes) < bytes {
        add(SIZE, &bytes.to_string());
    }
    headers
}

/// The producer that republishes.
pub struct Republisher {
    /// Its transactions.
    pub transactions: Transactions,
    /// Where to.
    pub topic: String,
}

impl Wire<Batch> for Republisher {
    fn offers_delivered(&mut self, _: &Commit<Batch>) -> Result<(), Failure> {
        Ok(())
    }

    fn renew(&mut self) -> Result<(), Failure> {
        Wire::<Arc<ConsumerGroupMetadata>>::renew(&mut self.transactions)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        Wire::<Arc<ConsumerGroupMetadata>>::begin(&mut self.transactions)
    }

    fn send(&mut self, commit: &Commit<Batch>) -> Result<(), Failure> {
        let delivery = &self.transactions.delivery;
        let send = |record: &Republished| {
            // No partition is named: it is the one that Java's clients choose for the key.
            let mut next = BaseRecord::<[u8], [u8]>::to(&self.topic).headers(record.headers.clone());
            next.key = record.key.as_deref();
            next.payload = record.value.as_deref();
            next.timestamp = record.time;
            delivery::send(&delivery.producer, next)
        };
        delivery.send_by(|| commit.membership.records.iter().try_for_each(send)).map_err(|error| self.transactions.failure(&error))
    }

    fn delivered(&mut self) -> Result<(), Failure> {
        Wire::<Arc<ConsumerGroupMetadata>>::delivered(&mut self.transactions)
    }

    fn send_offsets(&mut self, commit: &Commit<Batch>) -> Result<(), Failure> {
        self.transactions.offsets(&commit.offsets, &commit.membership.group)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        Wire::<Arc<ConsumerGroupMetadata>>::commit(&mut self.transactions)
    }

    fn abort(&mut self) -> Result<(), Failure> {
        Wire::<Arc<ConsumerGroupMetadata>>::abort(&mut self.transactions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::Timestamp;

    fn republished(key: Option<&str>, value: &[u8], headers: OwnedHeaders) -> Republished {
        let key = key.map(|key| key.as_bytes().to_vec());
        let message = OwnedMessage::new(Some(value.to_vec()), key, "bus".into(), Timestamp::CreateTime(7), 3, 42, Some(headers));
        Republished::of(&message, &Config::default())
    }

    fn listed(record: &Republished) -> Vec<(String, String)> {
        let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        record.headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
    }

    #[test]
    fn an_event_goes_on_under_its_session_with_its_value_its_time_its_headers_and_where_it_came_from() {
        let value = br#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","cart_id":"c1","customer_id":"k","item_id":"a"}"#;
        let old =
            OwnedHeaders::new().insert(Header { key: "trace", value: Some("x") }).insert(Header { key: TOPIC, value: Some("made up") });
        let record = republished(Some("other"), value, old);
        assert_eq!((record.key.as_deref(), record.value.as_deref(), record.time), (Some(&b"c1"[..]), Some(&value[..]), Some(7)));
        let expected =
            [("trace", "x"), (TOPIC, "bus"), (PARTITION, "3"), (OFFSET, "42")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(listed(&record), expected);
    }

    #[test]
    fn what_cannot_be_decoded_goes_on_under_its_old_key_and_what_is_too_large_to_be_sent_is_cut() {
        assert_eq!(republished(Some("old"), b"{", OwnedHeaders::new()).key.as_deref(), Some(&b"old"[..]));
        assert_eq!(republished(None, b"{", OwnedHeaders::new()).key, None);
        let large = republished(None, &vec![b'x'; 9_000_000], OwnedHeaders::new());
        assert_eq!(large.bytes(), EVENT_BYTES_MAX + 1);
        assert!(listed(&large).contains(&(SIZE.to_owned(), "9000000".to_owned())));
        assert_eq!(republished(None, &vec![b'x'; 5_000_000], OwnedHeaders::new()).bytes(), 5_000_000);
    }
}
