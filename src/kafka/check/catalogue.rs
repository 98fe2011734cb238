//! Whether the catalogue's topic holds products, keyed by their ids: a sample of its newest records.
//!
//! Invariant: a catalogue that is not there, or can't be used in part, is no failure: offers are made without it.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;

use super::Report;
use super::newest::read_newest;
use crate::catalogue::{RowReason, from_record};
use crate::config::KafkaConfig;
use crate::kafka::admin::{Quiet, create_client, reason};
use crate::kafka::clients::log_consumer;

/// Records looked at, over all partitions.
const RECORDS_MAX: i64 = 20_000;

/// What was seen.
#[derive(Debug, Default)]
struct Sample {
    records: usize,
    keyless: usize,
    rejected: BTreeMap<RowReason, usize>,
    /// What is wrong with the first that can't be used.
    example: Option<String>,
}

impl Sample {
    fn add(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.records += 1;
        self.keyless += usize::from(key.is_none());
        if let Err(bad) = from_record(key, value) {
            *self.rejected.entry(bad.reason).or_default() += 1;
            self.example.get_or_insert(bad.detail);
        }
    }
}

/// Samples the catalogue's topic, of so many partitions; `None` where it is not there.
pub(super) fn check(config: &KafkaConfig, partitions: Option<i32>, report: &mut Report<'_, impl Write>) -> Result<()> {
    let topic = &config.catalogue_topic;
    let Some(partitions) = partitions else {
        let line = format!(
            "{topic} is not there, and need not be: products are known from events alone, without stock, links or margins; if it is \
             there, grant Read on topic {topic}"
        );
        return report.ok("catalogue", &line);
    };
    let consumer: BaseConsumer<Quiet> = create_client(&log_consumer(config))?;
    let each = (RECORDS_MAX / i64::from(partitions).max(1)).max(1);
    let mut sample = Sample::default();
    match read_newest(&consumer, topic, partitions, each, |record| sample.add(record.key(), record.payload())) {
        Ok(()) => judge(&sample, topic, report),
        Err(error) => report.warn("catalogue", &format!("{topic} can't be sampled ({}): mend what is said above first", reason(&error))),
    }
}

fn judge(sample: &Sample, topic: &str, report: &mut Report<'_, impl Write>) -> Result<()> {
    let Sample { records, keyless, rejected, example } = sample;
    if *keyless > 0 {
        let line =
            format!("{keyless} of the {records} newest records of {topic} have no key: key each with its item_id, by which it is kept");
        report.warn("catalogue", &line)?;
    }
    let Some(example) = example else {
        return match records {
            0 => report.ok("catalogue", &format!("no products to judge by in {topic}")),
            _ => report.ok("catalogue", &format!("all of the {records} newest records of {topic} can be used")),
        };
    };
    let unusable = rejected.values().sum::<usize>();
    let reasons: Vec<_> = rejected.iter().map(|(reason, count)| format!("{} {count}", reason.as_str())).collect();
    let reasons = reasons.join(", ");
    let line = format!(
        "{unusable} of the {records} newest records of {topic} can't be used, and change nothing ({reasons}); one of them: {example}"
    );
    report.warn("catalogue", &line)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Record<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

    fn judged(records: &[Record<'_>]) -> String {
        let mut sample = Sample::default();
        records.iter().for_each(|(key, value)| sample.add(*key, *value));
        let mut out = Vec::new();
        let mut report = Report { out: &mut out, failed: 0 };
        judge(&sample, "shop.catalogue", &mut report).unwrap();
        assert_eq!(report.failed, 0);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_catalogue_keyed_by_item_is_fine() {
        let text = judged(&[(Some(b"a"), Some(br#"{"title":"A"}"#)), (Some(b"b"), None)]);
        assert_eq!(text, "ok    catalogue: all of the 2 newest records of shop.catalogue can be used\n");
        assert_eq!(judged(&[]), "ok    catalogue: no products to judge by in shop.catalogue\n");
    }

    #[test]
    fn keys_that_are_no_item_ids_are_said_with_an_example() {
        let text = judged(&[(Some(b"1"), Some(br#"{"item_id":"a"}"#)), (None, Some(br#"{"item_id":"a"}"#)), (Some(b"c"), Some(b"{}"))]);
        assert!(text.contains("warn  catalogue: 1 of the 3 newest records of shop.catalogue have no key: key each with its item_id"));
        assert!(
            text.contains("1 of the 3 newest records of shop.catalogue can't be used, and change nothing (other_key 1); one of them: ")
        );
        assert!(text.contains(r#"item_id is "a", and the record's key "1"; they have to be the same"#), "{text}");
    }
}
