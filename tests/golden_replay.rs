//! A believable shop's log of a month, replayed: what comes out is kept as snapshots, to be read as the shop's owner
//! would; and however the log is packed or littered, the same comes out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "golden/reading.rs"]
mod reading;

use std::collections::{BTreeMap, BTreeSet};
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
const PLACEMENTS: [&str; 6] = ["product_page", "cart", "checkout", "post_purchase", "abandoned_cart", "follow_up"];

/// Everything a replay writes.
#[derive(Debug, PartialEq)]
struct Outputs {
    offers: String,
    withheld: String,
    rejected: String,
    counts: String,
    metrics: String,
    openmetrics: String,
    summary: String,
}

fn config(settings: &str) -> Config {
    Config::load(Some(Path::new(settings)), std::iter::empty()).unwrap()
}

fn replayed(events: &[&Path]) -> Outputs {
    replayed_with(SETTINGS, events)
}

fn replayed_with(settings: &str, events: &[&Path]) -> Outputs {
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
        openmetrics: file("openmetrics"),
        ..Replay::default()
    };
    let mut summary = Vec::new();
    replay::run(&replay, &config(settings), &mut summary).unwrap();
    let read = |path: Option<PathBuf>| std::fs::read_to_string(path.unwrap()).unwrap();
    Outputs {
        offers: read(replay.offers),
        withheld: read(replay.withheld),
        rejected: read(replay.rejected),
        counts: read(replay.counts),
        metrics: read(replay.metrics),
        openmetrics: read(replay.openmetrics),
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

/// The report that a file of this name gets.
fn report(name: &str, session: Option<&str>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let replay = Replay {
        events: vec![PathBuf::from(LOG)],
        catalogue: Some(PathBuf::from(CATALOGUE)),
        report: Some(path.clone()),
        report_session: session.map(Into::into),
        ..Replay::default()
    };
    replay::run(&replay, &config(SETTINGS), &mut Vec::new()).unwrap();
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_report_of_an_unknown_kind_is_refused_before_anything_is_read() {
    let replay = Replay { events: vec!["no-such-log".into()], report: Some("nope.pdf".into()), ..Replay::default() };
    let refused = replay::run(&replay, &config(SETTINGS), &mut Vec::new()).unwrap_err();
    assert_eq!(format!("{refused:#}"), "nope.pdf can't be a report: it has to end in .html, .json or .txt, or have no ending");
    assert!(!std::path::Path::new("nope.pdf").exists());
}

/// The part of the report that explains one session.
fn explained(session: &str) -> String {
    let report = report("report.txt", Some(session));
    report[report.find(&format!("Session {session}:")).unwrap()..].to_owned()
}

fn parsed(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All offers, made or kept back.
fn all_offers() -> Vec<Value> {
    let shop = replayed(&[Path::new(LOG)]);
    let ladder = replayed_with("tests/golden/ladder.toml", &[Path::new("tests/golden/ladder.jsonl")]);
    parsed(&(shop.offers + &shop.withheld + &ladder.offers))
}

/// The values that a field of the offers' items takes.
fn taken<'a>(offers: &'a [Value], field: fn(&'a Value) -> &'a Value) -> BTreeSet<&'a str> {
    let items = offers.iter().flat_map(|offer| offer["items"].as_array().unwrap());
    items.map(|item| field(item).as_str().unwrap()).collect()
}

/// Dead letters without where they stood: reason and payload.
fn reasons(rejected: &str) -> Vec<(String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let entry = |line| serde_json::from_str::<Value>(line).unwrap();
    rejected.lines().map(entry).map(|entry| (text(&entry, "reason"), text(&entry, "payload"))).collect()
}

fn totals() -> String {
    let settings = Arc::new(config(SETTINGS).engine);
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
    let offers = parsed(&outputs.offers);
    let at = |placement| offers.iter().filter(move |offer| offer["placement"] == placement);
    for placement in PLACEMENTS {
        insta::assert_snapshot!(format!("offers_{placement}"), reading::as_a_merchant(at(placement)));
    }
    insta::assert_snapshot!("withheld", reading::as_a_merchant(&parsed(&outputs.withheld)));
    let first_of = |placement| outputs.offers.lines().find(|line| line.contains(&format!("\"placement\":\"{placement}\"")));
    insta::assert_snapshot!("one_offer_of_each_placement", PLACEMENTS.map(|placement| first_of(placement).unwrap()).join("\n"));
    insta::assert_snapshot!("rejected", outputs.rejected);
    insta::assert_snapshot!("counts", outputs.counts);
    insta::assert_snapshot!("summary", outputs.summary);
    insta::assert_snapshot!("totals", totals());
}

#[test]
fn three_price_levels_stand_on_the_page_of_a_phone_that_has_two_better_ones() {
    let outputs = replayed_with("tests/golden/ladder.toml", &[Path::new("tests/golden/ladder.jsonl")]);
    insta::assert_snapshot!("offers_ladder", reading::as_a_merchant(&parsed(&outputs.offers)));
}

#[test]
fn the_report_says_why_a_returning_customer_was_offered_what_he_was() {
    insta::assert_snapshot!("report_session", explained("bek-2"));
}

#[test]
fn the_report_is_the_same_story_for_machines() {
    insta::assert_snapshot!("report_json", report("report.json", None));
    let story: Value = serde_json::from_str(&report("report.json", Some("bek-2"))).unwrap();
    let triggers = story["session"]["triggers"].as_array().unwrap();
    let lines = explained("bek-2").lines().filter(|line| line.starts_with("  2026")).count();
    assert_eq!((&story["session"]["session"], triggers.len()), (&Value::from("bek-2"), lines));
}

#[test]
fn the_report_is_a_page_to_read() {
    let page = report("report.html", Some("bek-2"));
    insta::assert_snapshot!("report_page", reading::words_of(&page));
    assert!(page.contains("Session bek-2"));
    assert_eq!(report("report.html", Some("bek-2")), page);
}

#[test]
fn what_would_be_silly_or_pushy_is_left_out_with_its_rule() {
    for (session, rule, item) in [
        ("bek-2", "owned", "phone-a5 (Aster 5 phone)"),
        ("bek-1", "resting", "case-a5 (Clear case for Aster 5 and 5 Plus)"),
        ("karim", "variant_there", "case-a5 (Clear case for Aster 5 and 5 Plus)"),
        ("web-2", "out_of_stock", "powerbank-10 (Power bank, 10 000 mAh)"),
        ("oleg", "excluded", "case-a5 (Clear case for Aster 5 and 5 Plus)"),
        ("anna", "variant_there", "phone-a5 (Aster 5 phone)"),
        ("anna", "just_bought", "film-a5 (Screen film for Aster 5 and 5 Plus)"),
    ] {
        let explained = explained(session);
        let is_left_out = |line: &str| line.split_once(rule).is_some_and(|(head, tail)| head.trim() == "not:" && tail.trim() == item);
        assert!(explained.lines().any(is_left_out), "{item} is not left out for being {rule}:\n{explained}");
    }
    let eve = explained("eve");
    let last = eve.lines().rfind(|line| line.contains("  cart "));
    assert!(last.is_some_and(|line| line.ends_with("left_alone")), "{eve}");
}

#[test]
fn every_placement_kind_and_evidence_step_occurs() {
    let offers = all_offers();
    let placements: BTreeSet<&str> = offers.iter().map(|offer| offer["placement"].as_str().unwrap()).collect();
    assert_eq!(placements, PLACEMENTS.into());
    assert_eq!(taken(&offers, |item| &item["kind"]), ["add_on", "bundle", "cross_sell", "upsell"].into());
    assert_eq!(taken(&offers, |item| &item["evidence"]["step"]), ["category", "history", "pair", "pinned", "popular"].into());
    let locales: BTreeSet<&str> = offers.iter().map(|offer| offer["locale"].as_str().unwrap()).collect();
    assert_eq!(locales, ["en", "ka", "uz"].into());
}

#[test]
fn an_offer_has_one_to_three_different_items_with_short_reasons_and_prices_that_fit() {
    for offer in all_offers() {
        let items = offer["items"].as_array().unwrap();
        assert!((1..=3).contains(&items.len()), "{offer}");
        let ids: BTreeSet<&str> = items.iter().map(|item| item["item_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), items.len(), "{offer}");
        for item in items {
            let reason = item["reason"].as_str().unwrap();
            assert!((1..120).contains(&reason.chars().count()), "{reason}");
            let is_cheaper = item.get("price_before").map(|before| reading::amount(&item["price"]) < reading::amount(before));
            assert_ne!(is_cheaper, Some(false), "{item}");
            assert_eq!(item["kind"] == "bundle", offer.get("bundle").is_some() && item.get("price_before").is_some(), "{item}");
        }
        if let Some(bundle) = offer.get("bundle") {
            let saved = |item: &Value| reading::amount(&item["price_before"]) - reading::amount(&item["price"]);
            let saved: f64 = items.iter().filter(|item| item["kind"] == "bundle").map(saved).sum();
            assert!((reading::amount(&bundle["price_before"]) - reading::amount(&bundle["price"]) - saved).abs() < 0.001, "{offer}");
        }
    }
}

#[test]
fn every_trigger_ends_in_exactly_one_outcome() {
    let outputs = replayed(&[Path::new(LOG)]);
    let metrics = reading::metrics(&outputs.metrics);
    let sum = |name: &str, labels: &[String]| -> f64 {
        let is_asked = |key: &&String| key.split('{').next() == Some(name) && labels.iter().all(|label| key.contains(label));
        metrics.iter().filter(|(key, _)| is_asked(key)).map(|(_, value)| value).sum()
    };
    let triggers = |labels: &[String]| sum("offerstream_offer_triggers_total", labels);
    for (event, placement) in PLACEMENTS.iter().zip(["product_viewed", "cart_add", "checkout", "purchase"]).map(|(p, e)| (e, p)) {
        let events = sum("offerstream_events_total", &[format!("type=\"{event}\"")]);
        assert!(events > 0.0);
        assert_eq!(triggers(&[format!("placement=\"{placement}\"")]), events, "{placement}");
    }
    for (lines, outcome) in [(&outputs.offers, "offered"), (&outputs.withheld, "withheld")] {
        let mut by_placement: BTreeMap<String, f64> = PLACEMENTS.map(|placement| (placement.to_owned(), 0.0)).into();
        for offer in parsed(lines) {
            *by_placement.get_mut(offer["placement"].as_str().unwrap()).unwrap() += 1.0;
        }
        for (placement, count) in by_placement {
            let labels = [format!("placement=\"{placement}\""), format!("outcome=\"{outcome}\"")];
            assert_eq!(triggers(&labels), count, "{placement} {outcome}");
        }
    }
}

#[test]
fn an_accepted_upgrade_earns_the_difference_and_its_refund_takes_it_back() {
    let of_upsells = |total: &str| -> Vec<String> {
        let is_asked = |entry: &&Value| entry["total"] == total && entry["kind"] == "upsell";
        parsed(&totals()).iter().filter(is_asked).map(|entry| format!("{} {}", entry["placement"], entry["value"])).collect()
    };
    // Anna's Plus for 3 600 000 in place of 3 000 000, and Nino's headphones for 790 000 in place of 450 000.
    assert_eq!(of_upsells("extra_revenue"), ["\"product_page\" \"940000\""]);
    // Anna sent hers back.
    assert_eq!(of_upsells("extra_revenue_refunded"), ["\"product_page\" \"600000\""]);
}

#[test]
fn two_replays_of_a_log_write_the_same_bytes() {
    assert_eq!(replayed(&[Path::new(LOG)]), replayed(&[Path::new(LOG)]));
}

#[test]
fn looking_at_each_hour_changes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| Some(folder.path().join(name));
    let replay = Replay {
        events: vec![PathBuf::from(LOG)],
        catalogue: Some(PathBuf::from(CATALOGUE)),
        offers: file("offers"),
        withheld: file("withheld"),
        counts: file("counts"),
        metrics: file("metrics"),
        ..Replay::default()
    };
    replay::run(&replay, &config(SETTINGS), &mut Vec::new()).unwrap();
    let read = |path: Option<PathBuf>| std::fs::read_to_string(path.unwrap()).unwrap();
    let looked_at = replayed(&[Path::new(LOG)]);
    assert_eq!((read(replay.offers), read(replay.withheld)), (looked_at.offers, looked_at.withheld));
    assert_eq!((read(replay.counts), read(replay.metrics)), (looked_at.counts, looked_at.metrics));
}

#[test]
fn the_hours_begin_at_zero_before_the_first_event_and_end_with_the_last_ones_figures() {
    let outputs = replayed(&[Path::new(LOG)]);
    let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
    for line in outputs.openmetrics.lines().filter(|line| !line.starts_with('#')) {
        let (sample, at) = line.rsplit_once(' ').unwrap();
        let (series, value) = sample.rsplit_once(' ').unwrap();
        let (at, value): (i64, f64) = (at.parse().unwrap(), value.parse().unwrap());
        assert_eq!(at % 3_600, 0, "{line}");
        first.entry(series).or_insert((at, value));
        let before = last.insert(series, (at, value));
        assert!(before.is_none_or(|(earlier, _)| earlier < at), "{line}");
    }
    // From 2026-03-02T04:00Z, an hour before the first event's hour, to 2026-04-02T08:00Z, the end of the last one's.
    let (begins, ends) = (1_772_424_000, 1_775_116_800);
    let end = reading::metrics(&outputs.metrics);
    let mut compared = 0;
    for (series, (at, value)) in first.iter().filter(|(series, _)| series.contains("_total")) {
        assert_eq!((*at, *value), (begins, 0.0), "{series}");
        assert_eq!(last[series].0, ends, "{series}");
        assert!((last[series].1 - end[*series]).abs() < 1e-6, "{series}");
        compared += 1;
    }
    assert!(compared > 1_000, "{compared}");
    for series in end.keys().filter(|series| series.starts_with("offerstream_shop_")) {
        assert_eq!(last[series.as_str()], (ends, end[series]), "{series}");
    }
    assert!(last.keys().any(|series| series.starts_with("offerstream_shop_combination_revenue")));
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
    assert!(junk_lines >= junk.len(), "an eighth of the lines and each kind");

    let (clean, littered) = (replayed(&[Path::new(LOG)]), replayed_bytes(&littered));
    assert_eq!((&littered.offers, &littered.withheld), (&clean.offers, &clean.withheld));
    assert_eq!(littered.counts, clean.counts);
    let mut rejected = reasons(&littered.rejected);
    for (reason, payload) in junk.into_iter().cycle().take(junk_lines) {
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
    let error = replay::run(&replay, &config(SETTINGS), &mut Vec::new()).unwrap_err();
    assert!(format!("{error:#}").starts_with("tests/golden/nowhere.jsonl can't be read: "), "{error:#}");
}
