//! A test's course: feed, wait, look at everything that came out.

use std::time::Duration;

use serde_json::Value;

use super::checker::{self, Outcome};
use super::counts;
use super::events::{Event, write_log};
use super::instance::{Instance, output, program};
use super::order::{self, Places};
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

/// The counts that `replay` writes for these events.
pub fn replayed_counts(topics: &Topics, events: &[Event]) -> Vec<u8> {
    replayed(topics, events).0
}

/// What `replay` writes for these events: its counts, and its metrics.
fn replayed(topics: &Topics, events: &[Event]) -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let [log, counts, metrics] = ["events.jsonl", "counts.jsonl", "metrics.prom"].map(|name| folder.path().join(name));
    write_log(&log, events);
    output(program(topics, &[]).arg("replay").arg(&log).arg("--counts").arg(&counts).arg("--metrics").arg(&metrics));
    (std::fs::read(counts).expect("the counts of replay"), std::fs::read_to_string(metrics).expect("the metrics of replay"))
}

/// Totals that do not depend on what was offered, as metrics of a process that saw all events.
const SAME_TOTALS: [&str; 7] =
    ["events", "orders", "orders_unmatched", "order_revenue", "order_revenue_refunded", "lines_unpriced", "lines_not_paired"];

/// Totals that are not those of a replay, a line each.
pub fn total_differences(totals: &[Value], metrics: &str) -> Vec<String> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(f64::NAN);
    let mut differences = Vec::new();
    for name in SAME_TOTALS {
        let ours: f64 = totals.iter().filter(|line| line["total"] == name).map(|line| number(&line["value"])).sum();
        let family = format!("offerstream_{name}_total");
        let of_family = |line: &&str| line.strip_prefix(&family).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let theirs: f64 = metrics.lines().filter(of_family).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        // Money has six decimals.
        if (ours - theirs).abs() > 5e-7 {
            differences.push(format!("{name}: {ours} in the state, {theirs} in a replay"));
        }
    }
    differences
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

/// Where it lies, and what the group committed when.
pub fn places(topics: &Topics) -> Places {
    let aborted = ["offers", "withheld", "dlq"].into_iter().map(|which| (which, topics.aborted(which))).collect();
    Places { commits: topics.commits(), aborted }
}

/// Demands that all that came out is right for `events`: each event taken once, each trigger answered once, each
/// junk record one dead letter, all of it in order and in the transaction of its offsets, and the same counts and money
/// as a replay has.
pub fn check(topics: &Topics, events: &[Event]) -> Outcome {
    let outcome = outcome(topics);
    let disorder = order::problems(&outcome, &places(topics));
    assert!(disorder.is_empty(), "{} records out of place:\n{}", disorder.len(), first(&disorder));
    check_outcome(topics, events, outcome)
}

/// As [`check`], of what was read back already; where it lies is not looked at.
pub fn check_outcome(topics: &Topics, events: &[Event], outcome: Outcome) -> Outcome {
    assert_eq!(outcome.events.len(), events.len(), "the events in Kafka are not those fed");
    let problems = checker::problems(&outcome);
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), first(&problems));
    let counts = dump(topics, "--counts");
    let differences = counts::differences(&outcome.events, &counts);
    assert!(differences.is_empty(), "{} counts are wrong:\n{}", differences.len(), first(&differences));
    let (replayed_counts, replayed_metrics) = replayed(topics, events);
    assert_same_lines(&counts, &replayed_counts);
    let differences = total_differences(&outcome.totals, &replayed_metrics);
    assert!(differences.is_empty(), "totals that a replay has not:\n{}", first(&differences));
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
