//! A believable shop's log of some fifty lines, replayed: what comes out is kept as snapshots, to be read as the
//! shop's owner would; and however the log is packed or littered, the same comes out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use offerstream::config::Config;
use offerstream::dump;
use offerstream::engine::shop::Shop;
use offerstream::pipeline::{Learning, Processor, Record};
use offerstream::replay::{self, Replay};
use serde_json::Value;

// Paths from the package's root, where tests run: dead letters name the file as it was given.
const LOG: &str = "tests/golden/shop.jsonl";
const CATALOGUE: &str = "tests/golden/catalogue.jsonl";
const SETTINGS: &str = "tests/golden/shop.toml";

/// Everything a replay writes.
#[derive(Debug, PartialEq)]
struct Outputs {
    offers: String,
    withheld: String,
    rejected: String,
    counts: String,
    metrics: String,
    summary: String,
}

fn config() -> Config {
    Config::load(Some(Path::new(SETTINGS)), std::iter::empty()).unwrap()
}

fn replayed(events: &[&Path]) -> Outputs {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| Some(folder.path().join(name));
    let replay = Replay {
        events: events.iter().map(|path| path.to_path_buf()).collect(),
        catalogue: Some(PathBuf::from(CATALOGUE)),
        offers: file("offers"),
        withheld: file("withheld"),
        rejected: file("rejected"),
        counts: file("counts"),
        metrics: file("metrics"),
        ..Replay::default()
    };
    let mut summary = Vec::new();
    replay::run(&replay, &config(), &mut summary).unwrap();
    let read = |path: Option<PathBuf>| std::fs::read_to_string(path.unwrap()).unwrap();
    Outputs {
        offers: read(replay.offers),
        withheld: read(replay.withheld),
        rejected: read(replay.rejected),
        counts: read(replay.counts),
        metrics: read(replay.metrics),
        summary: String::from_utf8(summary).unwrap(),
    }
}

/// Replays these bytes from a file of their own.
fn replayed_bytes(bytes: &[u8]) -> Outputs {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    replayed(&[file.path()])
}

/// The log's lines, each with its end.
fn lines() -> Vec<Vec<u8>> {
    std::fs::read(LOG).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Dead letters without where they stood: reason and payload.
fn reasons(rejected: &str) -> Vec<(String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let entry = |line| serde_json::from_str::<Value>(line).unwrap();
    rejected.lines().map(entry).map(|entry| (text(&entry, "reason"), text(&entry, "payload"))).collect()
}

fn totals() -> String {
    let settings = Arc::new(config().engine);
    let shop = Arc::new(Shop::new(&settings.limits));
    replay::load_catalogue(&shop.catalogue, Path::new(CATALOGUE)).unwrap();
    let mut processor = Processor::new(settings, Arc::clone(&shop), Learning::AtOnce);
    for line in lines() {
        let record = Record { partition: 0, key: None, payload: &line, payload_bytes: line.len(), record_time: None };
        let _ = processor.process(&record);
    }
    let mut out = Vec::new();
    dump::totals(&shop, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_small_shops_log_gives_these_offers_and_figures() {
    let outputs = replayed(&[Path::new(LOG)]);
    insta::assert_snapshot!("offers", outputs.offers);
    insta::assert_snapshot!("withheld", outputs.withheld);
    insta::assert_snapshot!("rejected", outputs.rejected);
    insta::assert_snapshot!("counts", outputs.counts);
    insta::assert_snapshot!("summary", outputs.summary);
    insta::assert_snapshot!("totals", totals());
}

#[test]
fn two_replays_of_a_log_write_the_same_bytes() {
    assert_eq!(replayed(&[Path::new(LOG)]), replayed(&[Path::new(LOG)]));
}

#[test]
fn junk_in_between_affects_nothing_else_and_each_line_of_it_is_rejected_with_its_reason() {
    let junk: [(&str, &[u8]); 7] = [
        ("not_json", b"]["),
        ("not_utf8", b"{\"type\":\"cart_add\xff\"}"),
        ("not_an_object", b"[1,2,3]"),
        ("missing_id", br#"{"type":"cart_add","ts":"2026-03-05T12:00:00Z","item_id":"phone-1"}"#),
        ("unknown_order", br#"{"type":"refund","ts":"2026-03-02T05:00:00Z","session_id":"anna","order_id":"none"}"#),
        ("future_time", br#"{"type":"checkout","ts":"2031-03-02T05:00:00Z","session_id":"anna"}"#),
        ("bad_price", br#"{"type":"cart_add","ts":"2026-03-05T12:00:00Z","session_id":"anna","item_id":"phone-1","price":-1}"#),
    ];
    let (mut littered, mut junk_lines) = (Vec::new(), 0);
    for (at, line) in lines().into_iter().enumerate() {
        littered.extend(line);
        if at % 8 == 0 {
            littered.extend(junk[junk_lines % junk.len()].1);
            littered.push(b'\n');
            junk_lines += 1;
        }
    }
    assert_eq!(junk_lines, junk.len(), "a tenth of the lines and one of each kind");

    let (clean, littered) = (replayed(&[Path::new(LOG)]), replayed_bytes(&littered));
    assert_eq!((&littered.offers, &littered.withheld), (&clean.offers, &clean.withheld));
    assert_eq!(littered.counts, clean.counts);
    let mut rejected = reasons(&littered.rejected);
    for (reason, payload) in junk {
        let expected = (reason.to_owned(), String::from_utf8_lossy(payload).into_owned());
        let at = rejected.iter().position(|entry| *entry == expected).unwrap_or_else(|| panic!("{expected:?} is not rejected"));
        rejected.remove(at);
    }
    assert_eq!(rejected, reasons(&clean.rejected));
}

#[test]
fn a_rejected_line_is_named_by_file_number_and_size() {
    let outputs = replayed(&[Path::new(LOG)]);
    let lines = lines();
    for entry in outputs.rejected.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let line = &lines[usize::try_from(entry["line"].as_u64().unwrap()).unwrap() - 1];
        assert_eq!(entry["file"], LOG);
        assert_eq!(entry["size"], line.len() - 1);
        assert_eq!(entry["payload"], String::from_utf8_lossy(line).trim_end());
    }
}

#[test]
fn packed_logs_give_what_plain_ones_give() {
    let plain = std::fs::read(LOG).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).unwrap();
    let without_file = |mut outputs: Outputs| {
        outputs.rejected = format!("{:?}", reasons(&outputs.rejected));
        outputs
    };
    let expected = without_file(replayed(&[Path::new(LOG)]));
    assert_eq!(without_file(replayed_bytes(&gzip.finish().unwrap())), expected);
    assert_eq!(without_file(replayed_bytes(&zstd::encode_all(&plain[..], 3).unwrap())), expected);
}

#[test]
fn a_log_in_parts_gives_what_it_gives_in_one() {
    let lines = lines();
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<PathBuf> = lines
        .chunks(9)
        .enumerate()
        .map(|(at, part)| {
            let path = folder.path().join(format!("part-{at}.jsonl"));
            std::fs::write(&path, part.concat()).unwrap();
            path
        })
        .collect();
    let whole = replayed(&[Path::new(LOG)]);
    let in_parts = replayed(&parts.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_eq!((&in_parts.offers, &in_parts.withheld, &in_parts.counts), (&whole.offers, &whole.withheld, &whole.counts));
    assert_eq!((&in_parts.summary, reasons(&in_parts.rejected)), (&whole.summary, reasons(&whole.rejected)));
}

#[test]
fn a_log_that_is_not_there_is_named() {
    let replay = Replay { events: vec![PathBuf::from("tests/golden/nowhere.jsonl")], ..Replay::default() };
    let error = replay::run(&replay, &config(), &mut Vec::new()).unwrap_err();
    assert!(format!("{error:#}").starts_with("tests/golden/nowhere.jsonl can't be read: "), "{error:#}");
}
