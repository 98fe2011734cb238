//! A test's course: feed, wait, look at everything that came out.

use std::time::Duration;

use serde_json::Value;

use super::checker::{self, Outcome};
use super::counts;
use super::events::{Event, write_log};
use super::instance::{Instance, output, program};
use super::topics::Topics;
use super::wait_until;

/// How long a log of a test may take.
pub const LOG_LIMIT: Duration = Duration::from_secs(180);

/// Settings that let a killed instance's transaction and membership time out soon.
pub const SOON: [(&str, &str); 3] =
    [("kafka.message_timeout_ms", "2000"), ("kafka.transaction_timeout_ms", "5000"), ("kafka.session_timeout_ms", "6001")];

/// Waits until every record fed is covered by a commit.
pub fn await_all(topics: &Topics, instances: &[&Instance]) {
    await_all_within(topics, instances, LOG_LIMIT);
}

/// Waits until every record fed is covered by a commit, at most `limit`.
pub fn await_all_within(topics: &Topics, instances: &[&Instance], limit: Duration) {
    let progress = topics.progress();
    let fed = progress.fed();
    let say = || {
        let logs: Vec<String> = instances.iter().map(|instance| instance.log()).collect();
        format!("{} of {fed} records are committed.\n{}", progress.committed(), logs.join("\n--\n"))
    };
    wait_until("processing the log", limit, || progress.committed() >= fed, say);
    assert_eq!(progress.committed(), fed, "commits cover more than there is");
}

/// Waits until commits cover `records`, which must not be all of them: what follows is to happen under load.
pub fn await_records(topics: &Topics, records: i64, instance: &Instance) {
    await_records_within(topics, records, instance, LOG_LIMIT);
}

/// Waits until commits cover `records`, at most `limit`.
pub fn await_records_within(topics: &Topics, records: i64, instance: &Instance, limit: Duration) {
    let progress = topics.progress();
    let say = || format!("{} records are committed.\n{}", progress.committed(), instance.log());
    wait_until(&format!("committing {records} records"), limit, || progress.committed() >= records, say);
}

/// What `state dump` writes.
pub fn dump(topics: &Topics, what: &str) -> Vec<u8> {
    topics.settle();
    output(program(topics, &[]).args(["state", "dump", what]))
}

/// The lines of `state dump`, as JSON.
pub fn dump_lines(topics: &Topics, what: &str) -> Vec<Value> {
    let bytes = dump(topics, what);
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// What `replay --counts` writes for these events.
pub fn replayed_counts(topics: &Topics, events: &[Event]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (log, counts) = (folder.path().join("events.jsonl"), folder.path().join("counts.jsonl"));
    write_log(&log, events);
    output(program(topics, &[]).arg("replay").arg(&log).arg("--counts").arg(&counts));
    std::fs::read(counts).expect("the counts of replay")
}

/// Everything that came out, read back.
pub fn outcome(topics: &Topics) -> Outcome {
    Outcome {
        events_topic: topics.name("events"),
        events: topics.read("events"),
        offers: topics.read("offers"),
        withheld: topics.read("withheld"),
        dead_letters: topics.read("dlq"),
        totals: dump_lines(topics, "--totals"),
    }
}

/// Demands that all that came out is right for `events`: each event taken once, each trigger answered once, each
/// junk record one dead letter, and the same counts as a replay has.
pub fn check(topics: &Topics, events: &[Event]) -> Outcome {
    check_outcome(topics, events, outcome(topics))
}

/// As [`check`], of what was read back already.
pub fn check_outcome(topics: &Topics, events: &[Event], outcome: Outcome) -> Outcome {
    assert_eq!(outcome.events.len(), events.len(), "the events in Kafka are not those fed");
    let problems = checker::problems(&outcome);
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), first(&problems));
    let counts = dump(topics, "--counts");
    let differences = counts::differences(&outcome.events, &counts);
    assert!(differences.is_empty(), "{} counts are wrong:\n{}", differences.len(), first(&differences));
    assert_same_lines(&counts, &replayed_counts(topics, events));
    outcome
}

fn first(lines: &[String]) -> String {
    lines.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// Demands the same bytes; tells the first lines that differ.
fn assert_same_lines(dumped: &[u8], replayed: &[u8]) {
    if dumped == replayed {
        return;
    }
    let (dumped, replayed) = (String::from_utf8_lossy(dumped), String::from_utf8_lossy(replayed));
    let differing = dumped.lines().zip(replayed.lines()).filter(|(one, other)| one != other).take(5);
    let shown: Vec<String> = differing.map(|(one, other)| format!("state dump: {one}\nreplay:     {other}")).collect();
    panic!(
        "state dump --counts ({} lines) differs from replay --counts ({} lines):\n{}",
        dumped.lines().count(),
        replayed.lines().count(),
        shown.join("\n")
    );
}
