//! An oracle for the counts: what `replay --counts` writes has to equal, byte for byte, a slow and obvious
//! computation from the log's own JSON that shares no code with the engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "oracle/logs.rs"]
mod logs;
#[path = "oracle/slow.rs"]
mod slow;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use offerstream::config::Config;
use offerstream::engine::vocabulary::Placement;
use offerstream::replay::{self, Replay};
use proptest::prelude::*;

/// How much of the recorded log is looked at.
const RECORDED_LINES: usize = 3_000;

fn replayed_counts(log: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (events, counts) = (folder.path().join("events.jsonl"), folder.path().join("counts.jsonl"));
    std::fs::write(&events, log).unwrap();
    let replay = Replay { events: vec![events], counts: Some(counts.clone()), ..Replay::default() };
    replay::run(&replay, &without_late_offers(), &mut Vec::new()).unwrap();
    std::fs::read_to_string(counts).unwrap()
}

/// Offers that are made after a visit keep its session until they are over, so that what comes late still finds its basket. The
/// oracle knows nothing of offers.
fn without_late_offers() -> Config {
    let mut config = Config::default();
    for placement in [Placement::AbandonedCart, Placement::FollowUp] {
        config.engine.placements.get_mut(placement).enabled = false;
    }
    config
}

fn agree(log: &str) {
    let (replayed, slow) = (replayed_counts(log), slow::counts(log));
    // Line by line first: one line that differs says more than two whole dumps.
    for (at, (one, two)) in replayed.lines().zip(slow.lines()).enumerate() {
        assert_eq!(one, two, "line {} of the counts: the replay's, then the oracle's; the log:\n{log}", at + 1);
    }
    assert_eq!(replayed, slow);
}

fn recorded_log() -> Option<PathBuf> {
    let folder = std::env::var_os("OFFERSTREAM_TEST_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    Some(folder.join("online_retail.events.jsonl.gz")).filter(|path| path.exists())
}

#[test]
fn the_oracle_itself_counts_a_log_as_one_would_by_hand() {
    let log = r#"{"type":"cart_add","ts":"1970-01-01T00:00:00.000Z","session_id":"s","item_id":"a"}
{"type":"cart_add","ts":"1970-01-01T00:00:00.000Z","session_id":"s","item_id":"b"}
{"type":"purchase","ts":"1970-01-01T00:00:00.000Z","session_id":"t","order_id":"o","items":[{"item_id":"b"},{"item_id":"c"}]}"#;
    let expected = r#"{"baskets":1,"half_life_ms":7776000000,"landmark":"1970-01-01T00:00:00.000Z"}
{"baskets":0,"item":"a","weight":209715}
{"baskets":1,"item":"b","weight":1258291}
{"baskets":1,"item":"c","weight":1048576}
{"item":"a","together":0,"weight":209715,"with":"b"}
{"item":"b","together":1,"weight":1048576,"with":"c"}
"#;
    assert_eq!(slow::counts(log), expected);
}

#[test]
fn the_recorded_log_counts_as_the_oracle_says() {
    let Some(path) = recorded_log() else {
        // Written past the capture of a test's output, so that it is seen.
        let skipped = "skipped: online_retail.events.jsonl.gz is not there; set OFFERSTREAM_TEST_DATA to its folder";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let mut log = String::new();
    let mut lines = 0;
    replay::for_each_line(&path, |line| {
        if lines < RECORDED_LINES {
            log += std::str::from_utf8(line).unwrap();
            log.push('\n');
        }
        lines += 1;
    })
    .unwrap();
    assert!(lines >= RECORDED_LINES);
    agree(&log);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_log_counts_as_the_oracle_says(log in logs::log()) {
        agree(&log);
    }
}
