//! Whether events are keyed by session and can be read: a sample of the newest records of every events topic.
//!
//! Invariant: a share is judged, never a single record: some junk is in every topic.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use anyhow::Result;
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::BorrowedMessage;

use super::Report;
use super::newest::read_newest;
use crate::config::Config;
use crate::event::{self, Around, Decoded, Headers, Reading, Reject, RejectReason, Timestamp, record_key};
use crate::kafka::admin::{Quiet, create_client, reason};
use crate::kafka::clients::log_consumer;
use crate::kafka::headers::RecordHeaders;

/// Records looked at, over all partitions.
const RECORDS_MAX: i64 = 20_000;
/// Above this share of sessions on several partitions, in percent, something is wrong with the keys; up to it,
/// a changed number of partitions may be why.
const SPLIT_PERCENT_MAX: usize = 1;
/// Above this share of records that can't be used, in percent, the topic holds something else.
const REJECTED_PERCENT_MAX: usize = 50;

/// Samples the events topics, given with their numbers of partitions, and judges what was seen.
pub(super) fn check(whole: &Config, topics: &[(&str, i32)], report: &mut Report<'_, impl Write>) -> Result<()> {
    let config = &whole.kafka;
    let partitions: i64 = topics.iter().map(|(_, partitions)| i64::from(*partitions)).sum();
    let each = (RECORDS_MAX / partitions.max(1)).max(1);
    let consumer: BaseConsumer<Quiet> = create_client(&log_consumer(config))?;
    let mut sample = Sample::default();
    for (topic, partitions) in topics {
        let take = |record: &BorrowedMessage<'_>| {
            let headers = RecordHeaders::of(record);
            let headers = headers.as_ref().map(|headers| headers as &dyn Headers);
            let written_at = record.timestamp().to_millis().map(Timestamp);
            let around = Around::of(headers, record.key(), written_at);
            sample.add(record.partition(), &around, record.payload().unwrap_or_default(), whole.reading_of(topic, headers));
        };
        if let Err(error) = read_newest(&consumer, topic, *partitions, each, take) {
            report.warn("keys", &format!("{topic} can't be sampled ({}): mend what is said above first", reason(&error)))?;
        }
    }
    let names = topics.iter().map(|(topic, _)| *topic).collect::<Vec<_>>().join(", ");
    if sample.records == 0 {
        return report.ok("keys", &format!("no events to judge by in {names}"));
    }
    judge_records(&sample, &names, report)?;
    let republished = config.repartition.then_some(config.repartition_topic.as_str());
    judge_sessions(&sample, &names, republished, report)
}

/// What was seen.
#[derive(Debug, Default)]
struct Sample {
    records: usize,
    /// Records without a key.
    keyless: usize,
    /// Records that can't be used, by reason.
    rejected: BTreeMap<RejectReason, usize>,
    /// Sessions by key.
    sessions: HashMap<String, Seen>,
}

/// Where a session was seen.
#[derive(Debug)]
struct Seen {
    events: u32,
    partition: i32,
    is_split: bool,
}

impl Sample {
    fn add(&mut self, partition: i32, around: &Around<'_>, payload: &[u8], reading: Reading) {
        self.records += 1;
        self.keyless += usize::from(around.key.is_none());
        let decoded = decode(payload, around, reading);
        match decoded.as_ref().map(|decoded| (decoded, decoded.first_bad())) {
            Ok((decoded, None)) => decoded.events().for_each(|event| self.add_session(partition, record_key(event))),
            Ok((_, Some(reject))) | Err(reject) => *self.rejected.entry(reject.reason).or_default() += 1,
        }
    }

    fn add_session(&mut self, partition: i32, key: Option<&str>) {
        let Some(key) = key else { return };
        match self.sessions.get_mut(key) {
            Some(seen) => {
                seen.events += 1;
                seen.is_split |= seen.partition != partition;
            }
            None => {
                self.sessions.insert(key.to_owned(), Seen { events: 1, partition, is_split: false });
            }
        }
    }
}

fn decode(payload: &[u8], around: &Around<'_>, reading: Reading) -> Result<Decoded, Reject> {
    if payload.len() > event::EVENT_BYTES_MAX {
        return Err(Reject::new(RejectReason::TooLarge, ""));
    }
    event::read(payload, around, reading)
}

fn judge_records(sample: &Sample, names: &str, report: &mut Report<'_, impl Write>) -> Result<()> {
    let (records, rejected) = (sample.records, sample.rejected.values().sum::<usize>());
    if rejected == 0 {
        return report.ok("events", &format!("all of the {records} newest records of {names} can be used"));
    }
    let mut reasons: Vec<_> = sample.rejected.iter().collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), **reason));
    let reasons: Vec<_> = reasons.iter().map(|(reason, count)| format!("{} {count}", reason.as_str())).collect();
    let line = format!(
        "{rejected} of the {records} newest records of {names} ({}) can't be used and become dead letters: {}",
        percent(rejected, records),
        reasons.join(", ")
    );
    if rejected * 100 > records * REJECTED_PERCENT_MAX {
        return report.fail("events", &format!("{line}; is this the topic of the shop's events, in a format of docs/formats.md?"));
    }
    report.warn("events", &format!("{line}; mend the shop's producers"))
}

/// Where sessions are torn apart it is said how to mend it; where they are republished, that is mended already.
fn judge_sessions(sample: &Sample, names: &str, republished: Option<&str>, report: &mut Report<'_, impl Write>) -> Result<()> {
    let several = sample.sessions.values().filter(|seen| seen.events > 1).count();
    let split = sample.sessions.values().filter(|seen| seen.is_split).count();
    if let Some(topic) = republished {
        let share = format!("{split} of {several} sessions with several events in {names} ({})", percent(split, several));
        let line = match split {
            0 if several > 0 => format!("{share} are on several partitions, so kafka.repartition may not be needed"),
            _ => format!("{share} are on several partitions; kafka.repartition brings each together in {topic}"),
        };
        return report.ok("keys", &line);
    }
    if split == 0 {
        return report.ok("keys", &format!("each of {several} sessions with several events in {names} is on one partition"));
    }
    let line = format!(
        "{split} of {several} sessions with several events in {names} ({}) are on several partitions, so their baskets are torn apart \
         ({} of {} records have no key): key each record with its session_id, else cart_id, order_id, customer_id, and partition as \
         Java's clients do (librdkafka: partitioner=murmur2_random); where producers can't be changed, set kafka.repartition = true",
        percent(split, several),
        sample.keyless,
        sample.records
    );
    if split * 100 > several * SPLIT_PERCENT_MAX { report.fail("keys", &line) } else { report.warn("keys", &line) }
}

/// A share with one decimal, never `0.0 %` where there is some.
fn percent(part: usize, whole: usize) -> String {
    match (part * 1_000).div_ceil(whole.max(1)) {
        0 => "0 %".to_owned(),
        permille => format!("{}.{} %", permille / 10, permille % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(events: &[(i32, Option<&str>, &str)]) -> Sample {
        let mut sample = Sample::default();
        for (partition, key, payload) in events {
            let around = Around::of(None, key.map(str::as_bytes), None);
            sample.add(*partition, &around, payload.as_bytes(), Reading::default());
        }
        sample
    }

    /// What is said, and how many checks failed.
    fn judged(sample: &Sample) -> (String, usize) {
        let mut out = Vec::new();
        let mut report = Report { out: &mut out, failed: 0 };
        judge_records(sample, "shop.events", &mut report).unwrap();
        judge_sessions(sample, "shop.events", None, &mut report).unwrap();
        let failed = report.failed;
        (String::from_utf8(out).unwrap(), failed)
    }

    const ADD: &str = r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":"s1","item_id":"a"}"#;
    const OTHER: &str = r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","cart_id":"c1","item_id":"a"}"#;

    #[test]
    fn a_session_on_one_partition_is_fine() {
        let (text, failed) = judged(&seen(&[(1, Some("s1"), ADD), (1, Some("s1"), ADD), (2, Some("c1"), OTHER)]));
        assert!(text.contains("ok    keys: each of 1 sessions"), "{text}");
        assert_eq!(failed, 0);
    }

    #[test]
    fn a_session_on_two_partitions_fails_the_check_and_the_line_says_how_to_key() {
        let (text, failed) = judged(&seen(&[(1, None, ADD), (2, None, ADD)]));
        assert!(text.contains("1 of 1 sessions with several events in shop.events (100.0 %)"), "{text}");
        assert!(text.contains("2 of 2 records have no key"), "{text}");
        assert!(text.contains("murmur2"), "{text}");
        assert_eq!(failed, 1);
    }

    #[test]
    fn records_that_cannot_be_used_are_counted_by_reason() {
        let (text, failed) = judged(&seen(&[(0, None, ADD), (0, None, ADD), (0, None, "{"), (0, None, "")]));
        assert!(text.contains("warn  events: 2 of the 4 newest records"), "{text}");
        assert!(text.contains("empty 1, not_json 1"), "{text}");
        assert_eq!(failed, 0);
    }

    #[test]
    fn a_topic_of_something_else_fails_the_check() {
        let (text, failed) = judged(&seen(&[(0, None, "x"), (0, None, "y"), (0, None, ADD)]));
        assert!(text.contains("FAIL  events: 2 of the 3"), "{text}");
        assert_eq!(failed, 1);
    }

    #[test]
    fn a_small_share_is_never_said_to_be_none() {
        assert_eq!([percent(0, 10), percent(1, 100_000), percent(1, 3)], ["0 %", "0.1 %", "33.4 %"]);
    }
}
