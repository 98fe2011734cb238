//! A shop that is written, forgotten and read back in the middle of a log goes on as if nothing had happened: the same
//! offers, the same figures, the same snapshot at the end.
//!
//! The recorded shop is not part of the repository: it is read from the folder that `OFFERSTREAM_TEST_DATA` names, else
//! from `../shared/data`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use offerstream::config::Config;
use offerstream::dump;
use offerstream::engine::shop::Shop;
use offerstream::insights::Insights;
use offerstream::pipeline::{Learning, Processor, Record};
use offerstream::replay::{self, Replay};
use offerstream::state::snapshot::{SnapshotHead, read_snapshot, read_snapshot_head, write_snapshot};

fn data(file: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("OFFERSTREAM_TEST_DATA").map_or_else(beside, PathBuf::from).join(file)
}

fn first_lines(path: &Path, count: usize) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    replay::for_each_line(path, |line| {
        if lines.len() < count {
            lines.push(line.to_vec());
        }
    })
    .unwrap();
    lines
}

fn snapshot_of(shop: &Shop) -> Vec<u8> {
    let head = SnapshotHead { topic: "t".into(), next_offset: 7, last_record: None, taken_at_ms: 1, half_life_ms: 2 };
    let mut bytes = Vec::new();
    write_snapshot(&head, shop.freeze(), &mut bytes).unwrap();
    bytes
}

/// All that comes out of a log, where the shop is written, forgotten and read back after every `every` lines.
#[derive(PartialEq)]
struct Told {
    offers: Vec<Vec<u8>>,
    counts: Vec<u8>,
    totals: Vec<u8>,
    insights: String,
    usage: String,
    snapshot: Vec<u8>,
}

fn told(config: &Config, catalogue: &Path, lines: &[Vec<u8>], every: usize) -> Told {
    let settings = Arc::new(config.engine.clone());
    let shop = Arc::new(Shop::new(&settings.limits));
    replay::load_catalogue(&shop.catalogue, catalogue).unwrap();
    let mut processor = Processor::new(Arc::clone(&settings), Arc::clone(&shop), Learning::AtOnce);
    let mut offers = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if at % every == every - 1 {
            let bytes = snapshot_of(&shop);
            shop.clear();
            read_snapshot(&mut &bytes[..], &shop).unwrap();
        }
        let record = Record { partition: 0, key: None, payload: line, payload_bytes: line.len(), record_time: None };
        let _ = processor.process(&record);
        offers.extend(processor.drain_offers().map(|offer| offer.json));
    }
    let (mut counts, mut totals) = (Vec::new(), Vec::new());
    dump::counts(&shop, &mut counts).unwrap();
    dump::totals(&shop, &mut totals).unwrap();
    let insights = format!("{:?}", Insights::of(&shop, &settings, None));
    Told { offers, counts, totals, insights, usage: format!("{:?}", shop.usage(&settings.limits)), snapshot: snapshot_of(&shop) }
}

fn goes_on_as_if_nothing_had_happened(config: &Config, catalogue: &Path, lines: &[Vec<u8>], every: usize) {
    let (whole, parts) = (told(config, catalogue, lines, usize::MAX), told(config, catalogue, lines, every));
    assert!(whole.offers.len() > 10, "{} offers", whole.offers.len());
    for (at, (one, other)) in whole.offers.iter().zip(&parts.offers).enumerate() {
        assert_eq!(String::from_utf8_lossy(one), String::from_utf8_lossy(other), "offer {at}");
    }
    assert!(whole.offers.len() == parts.offers.len() && whole.counts == parts.counts && whole.totals == parts.totals);
    assert_eq!(whole.insights, parts.insights);
    assert_eq!(whole.usage, parts.usage);
    assert!(whole.snapshot == parts.snapshot, "the last snapshots are the same, byte for byte");
}

#[test]
fn a_small_shop_goes_on_from_snapshots_as_if_it_had_never_stopped() {
    let config = Config::load(Some(Path::new("tests/golden/shop.toml")), std::iter::empty()).unwrap();
    let lines = first_lines(Path::new("tests/golden/shop.jsonl"), usize::MAX);
    goes_on_as_if_nothing_had_happened(&config, Path::new("tests/golden/catalogue.jsonl"), &lines, 40);
}

#[test]
fn a_real_shop_goes_on_from_snapshots_as_if_it_had_never_stopped() {
    let (events, catalogue) = (data("online_retail.events.jsonl.gz"), data("online_retail.catalogue.jsonl"));
    if !events.exists() {
        support::skipped("a_real_shop_goes_on_from_snapshots", "it needs the recorded shop; OFFERSTREAM_TEST_DATA names its folder");
        return;
    }
    let mut config = Config::load(None, std::iter::empty()).unwrap();
    // So small that much is evicted on the way.
    config.engine.limits.customers = 20;
    config.engine.limits.neighbours_per_item = 150;
    goes_on_as_if_nothing_had_happened(&config, &catalogue, &first_lines(&events, 1_500), 600);
}

#[test]
fn replay_writes_a_snapshot_of_the_shop_that_a_log_makes() {
    let folder = tempfile::tempdir().unwrap();
    let [snapshot, counts] = ["shop.snapshot", "counts"].map(|name| folder.path().join(name));
    let replay = Replay {
        events: vec!["tests/golden/shop.jsonl".into()],
        snapshot: Some(snapshot.clone()),
        counts: Some(counts.clone()),
        ..Replay::default()
    };
    let config = Config::load(Some(Path::new("tests/golden/shop.toml")), std::iter::empty()).unwrap();
    replay::run(&replay, &config, &mut Vec::new()).unwrap();
    let bytes = std::fs::read(&snapshot).unwrap();
    let head = read_snapshot_head(&mut &bytes[..]).unwrap();
    assert_eq!((head.topic.as_str(), head.next_offset, head.last_record), ("offerstream.shop", 0, None));
    assert_eq!(head.half_life_ms, config.engine.ranking.half_life.0);
    // The log has events from the far future, too, which are not used.
    let at: Vec<i64> = first_lines(Path::new("tests/golden/shop.jsonl"), usize::MAX).iter().filter_map(|line| ts_of(line)).collect();
    assert!(at.contains(&head.taken_at_ms) && at.iter().filter(|ts| **ts > head.taken_at_ms).count() < 5, "{}", head.taken_at_ms);
    let shop = Shop::new(&config.engine.limits);
    assert_eq!(read_snapshot(&mut &bytes[..], &shop).unwrap(), head);
    let mut dumped = Vec::new();
    dump::counts(&shop, &mut dumped).unwrap();
    assert!(!dumped.is_empty() && dumped == std::fs::read(&counts).unwrap());
    let twice = Replay { counts: Some(snapshot), ..replay };
    assert!(replay::run(&twice, &config, &mut Vec::new()).unwrap_err().to_string().contains("is named twice"));
}

/// The time of an event, if it is one.
fn ts_of(line: &[u8]) -> Option<i64> {
    Some(offerstream::event::decode(line).ok()?.ts.0)
}
