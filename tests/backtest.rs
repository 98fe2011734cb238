//! `offerstream backtest` as a program: what it says of a log is what the log and its own predictions file say, worked out
//! again here as the outside scorer does; and mistakes are told in one line.
//!
//! The recorded shop (UCI Online Retail) is not part of the repository: it is read from the folder that
//! `OFFERSTREAM_TEST_DATA` names, else from `../shared/data`; where it is not, its test says that it was skipped.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "backtest/scorer.rs"]
mod scorer;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scorer::{Scored, score};
use serde_json::Value;
use support::Dice;

/// Lines of the recorded shop that a test build reads.
const RECORDED_LINES: usize = 4_000;

/// A folder with a log, and what the program said of it.
struct Run {
    folder: tempfile::TempDir,
}

impl Run {
    fn of(log: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("events.jsonl"), log).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backtest(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_offerstream")).current_dir(self.folder.path()).arg("backtest").args(args).output().unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.backtest(&[&["events.jsonl", "--json"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The one line that it ends with, when it fails.
    fn refused(&self, args: &[&str]) -> String {
        let output = self.backtest(args);
        assert!(!output.status.success(), "{args:?} was taken");
        assert!(output.stdout.is_empty(), "{args:?} had a result");
        String::from_utf8(output.stderr).unwrap().lines().last().unwrap().to_owned()
    }
}

/// A shop where what is bought together comes in families, several shoppers at a time: 300 sessions, whose orders are known
/// with the purchase only. One in ten does not buy.
fn simulated() -> String {
    let (mut dice, mut minute, mut log) = (Dice::new(11), 0_u64, Vec::new());
    for group in 0..100_u64 {
        let mut shoppers: Vec<(u64, u64, Vec<u64>)> = (0..3).map(|of| (group * 3 + of, dice.below(4), Vec::new())).collect();
        for _ in 0..24 {
            minute += 1;
            let at = dice.below(3) as usize;
            let (shopper, family, basket) = &mut shoppers[at];
            let item = if dice.one_in(4) { dice.below(24) } else { *family * 6 + dice.below(6) };
            if dice.one_in(5) {
                log.push(line("product_viewed", minute, *shopper, &fields(item)));
            } else if !basket.contains(&item) {
                basket.push(item);
                log.push(line("cart_add", minute, *shopper, &fields(item)));
            }
        }
        for (shopper, _, basket) in shoppers.iter().filter(|(shopper, ..)| shopper % 10 != 0) {
            minute += 1;
            log.push(line("checkout", minute, *shopper, ""));
            let items: Vec<String> = basket.iter().map(|item| format!("{{{}}}", &fields(*item)[1..])).collect();
            if !items.is_empty() {
                let order = format!(r#","order_id":"order-{shopper}","items":[{}]"#, items.join(","));
                log.push(line("purchase", minute, *shopper, &order));
            }
        }
    }
    log.join("\n")
}

fn fields(item: u64) -> String {
    format!(r#","item_id":"item-{item}","price":"{}.25","quantity":{}"#, item + 1, 1 + item % 3)
}

fn line(kind: &str, minute: u64, shopper: u64, more: &str) -> String {
    let ts = jiff::Timestamp::from_second(1_767_225_600 + i64::try_from(minute * 60).unwrap()).unwrap();
    format!(r#"{{"type":"{kind}","ts":"{ts}","session_id":"session-{shopper}","customer_id":"customer-{}"{more}}}"#, shopper % 40)
}

fn placement<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["placements"].as_array().unwrap().iter().find(|placement| placement["placement"] == name).unwrap()
}

fn ranker<'a>(report: &'a Value, name: &str) -> &'a Value {
    placement(report, "cart")["rankers"].as_array().unwrap().iter().find(|ranker| ranker["name"] == name).unwrap()
}

fn assert_same(report: &Value, scored: &Scored) {
    let cart = placement(report, "cart");
    assert_eq!(cart["predictions"], scored.predictions);
    assert_eq!(cart["baskets"], scored.baskets);
    let engine = ranker(report, "engine");
    for (name, expected) in &scored.metrics {
        let metric = &engine["metrics"][name];
        let estimate = metric["estimate"].as_f64().unwrap();
        assert!((estimate - expected).abs() < 1e-9, "{name} is {estimate}, not {expected}");
        let bound = |at: usize| metric["ci95"][at].as_f64().unwrap();
        assert!(bound(0) <= estimate && estimate <= bound(1), "{name} {metric}");
    }
    let coverage = engine["coverage"].as_f64().unwrap();
    assert!((coverage - scored.coverage).abs() < 1e-9, "coverage is {coverage}, not {}", scored.coverage);
}

#[test]
fn the_figures_are_those_of_the_predictions_file_by_the_outside_scorers_definitions() {
    let run = Run::of(&simulated());
    for (args, stride, cap, window) in
        [(["--stride", "1"], 1, 20, 0.5), (["--stride", "3"], 3, 20, 0.5), (["--cap", "2"], 1, 2, 0.5), (["--window", "1"], 1, 20, 1.0)]
    {
        let report = run.json(&[&args[..], &["--predictions", "predictions.jsonl"]].concat());
        assert_same(&report, &score(&run.read("events.jsonl"), &run.read("predictions.jsonl"), stride, cap, window));
    }
}

#[test]
fn every_step_of_every_basket_has_its_line_with_the_order_it_became() {
    let run = Run::of(&simulated());
    let report = run.json(&["--predictions", "predictions.jsonl"]);
    let predictions: Vec<Value> = run.read("predictions.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let adds = run.read("events.jsonl").lines().filter(|line| line.contains("cart_add")).count();
    assert_eq!(predictions.len(), adds, "no shopper adds an item twice");
    let without = predictions.iter().filter(|line| line["order_id"].is_null()).inspect(|line| assert!(line["session"].is_string())).count();
    assert_eq!(report["log"]["predictions_without_order"], without);
    assert!(without > 0, "some did not buy");
    for line in &predictions {
        assert!(line["items"].as_array().unwrap().len() <= 3 && line["step"].as_u64().unwrap() > 0, "{line}");
    }
    let ours: Vec<&str> = ["order_id", "step", "items"].into();
    assert!(
        predictions.iter().filter(|line| !line["order_id"].is_null()).all(|line| line
            .as_object()
            .unwrap()
            .keys()
            .all(|key| ours.contains(&key.as_str())))
    );
}

#[test]
fn a_shop_of_families_is_learned_and_each_placement_has_its_figures() {
    let report = Run::of(&simulated()).json(&[]);
    let hit_rate = |name: &str| ranker(&report, name)["metrics"]["HR@3"]["estimate"].as_f64().unwrap();
    assert!(hit_rate("engine") > hit_rate("popularity") + 0.05, "{} {}", hit_rate("engine"), hit_rate("popularity"));
    let less = &ranker(&report, "popularity")["engine_minus_this"]["HR@3"];
    assert!((less["estimate"].as_f64().unwrap() - (hit_rate("engine") - hit_rate("popularity"))).abs() < 1e-12);
    assert!(less["ci95"][0].as_f64().unwrap() > 0.0, "{less}");
    let names: Vec<&str> = report["placements"].as_array().unwrap().iter().map(|one| one["placement"].as_str().unwrap()).collect();
    assert_eq!(names, ["product_page", "cart"], "nothing comes after a checkout here, and nobody buys twice");
    let rankers: Vec<&Value> = placement(&report, "cart")["rankers"].as_array().unwrap().iter().map(|ranker| &ranker["name"]).collect();
    assert_eq!(rankers, ["engine", "popularity", "co_count", "llr", "cosine"]);
    for name in ["coverage", "popularity", "stale_days", "offers_per_prediction"] {
        assert!(ranker(&report, "engine")[name].as_f64().unwrap() > 0.0, "{name}");
    }
}

#[test]
fn a_configuration_differs_from_itself_by_nothing_and_the_same_log_gives_the_same_bytes() {
    let run = Run::of(&simulated());
    std::fs::write(run.path("same.toml"), "").unwrap();
    std::fs::write(run.path("other.toml"), "[ranking]\npersonal = false\npopularity_exponent = 1.0\n").unwrap();
    let same = run.json(&["--vs", "same.toml"]);
    for (name, difference) in ranker(&same, "vs")["engine_minus_this"].as_object().unwrap() {
        assert_eq!((&difference["estimate"], &difference["ci95"]), (&0.0.into(), &serde_json::json!([0.0, 0.0])), "{name}");
    }
    let other = run.json(&["--vs", "other.toml"]);
    assert_ne!(ranker(&other, "vs")["metrics"], ranker(&other, "engine")["metrics"]);
    assert_eq!(ranker(&other, "engine"), ranker(&same, "engine"));
    assert_eq!(run.backtest(&["events.jsonl"]).stdout, run.backtest(&["events.jsonl"]).stdout);
}

#[test]
fn each_objective_has_its_figures_and_chances_are_held_against_what_was_bought() {
    let run = Run::of(&simulated());
    let report = run.json(&["--objectives"]);
    let rankers: Vec<&Value> = placement(&report, "cart")["rankers"].as_array().unwrap().iter().map(|ranker| &ranker["name"]).collect();
    assert_eq!(rankers[..3], ["engine", "for revenue", "for margin"]);
    // No catalogue says what margins are.
    assert_eq!(ranker(&report, "for margin")["metrics"], ranker(&report, "engine")["metrics"]);
    let bins = report["chances"]["bins"].as_array().unwrap();
    let sum = |of: &str| bins.iter().map(|bin| bin["share"].as_f64().unwrap() * bin[of].as_f64().unwrap()).sum::<f64>();
    let shares: f64 = bins.iter().map(|bin| bin["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    let off: f64 = bins
        .iter()
        .map(|bin| bin["share"].as_f64().unwrap() * (bin["told"].as_f64().unwrap() - bin["bought"].as_f64().unwrap()).abs())
        .sum();
    assert!((report["chances"]["error"].as_f64().unwrap() - off).abs() < 1e-9 && off < 0.1, "{off}");
    assert!((sum("told") - sum("bought")).abs() <= off + 1e-9);
    let told = report["worth"].as_array().unwrap().iter().map(|worth| worth["objective"].as_str().unwrap());
    assert_eq!(told.collect::<Vec<_>>(), ["revenue", "revenue"]);
    let text = String::from_utf8(run.backtest(&["events.jsonl"]).stdout).unwrap();
    assert!(text.contains("Chances of offered items") && text.contains("by worth to the power of 0.5, revenue of hits"), "{text}");
}

#[test]
fn offers_that_were_sent_say_what_each_variant_would_have_done() {
    let mut log = Vec::new();
    for shopper in 0..600_u64 {
        let minute = shopper * 3;
        let variant = if shopper % 3 == 0 { ("short", "0.333333") } else { ("default", "0.666667") };
        log.push(format!(
            r#"{{"type":"offer","offer_id":"{shopper:032x}","ts":"2026-01-01T00:00:00Z","placement":"cart","arm":"treatment","variant":"{}","propensity":"{}","items":[{{"item_id":"case"}}]}}"#,
            variant.0, variant.1
        ));
        log.push(line("cart_add", minute, shopper, r#","item_id":"phone""#));
        log.push(line("offer_shown", minute + 1, shopper, &format!(r#","offer_id":"{shopper:032x}""#)));
        if shopper % 2 == 0 {
            log.push(line("cart_add", minute + 2, shopper, r#","item_id":"case""#));
        }
    }
    let run = Run::of(&log.join("\n"));
    let report = run.json(&[]);
    assert_eq!(report["log"]["rejected"], 0, "offers between events are no rejected events");
    let variants = report["off_policy"][0]["variants"].as_array().unwrap();
    let of = |at: usize| (variants[at]["variant"].as_str().unwrap(), variants[at]["offers"].as_u64().unwrap());
    assert_eq!((of(0), of(1)), (("default", 400), ("short", 200)));
    let is_half = |variant: &Value| (variant["acceptance"].as_f64().unwrap() - 0.5).abs() < 1e-9;
    assert!(variants.iter().all(|variant| is_half(variant) && variant["ci95"][0].as_f64().unwrap() < 0.46), "{variants:?}");
    // The same offers in a file of their own; and too few of them.
    let (offers, events): (Vec<String>, Vec<String>) = log.into_iter().partition(|line| line.contains(r#""type":"offer""#));
    let run = Run::of(&events.join("\n"));
    std::fs::write(run.path("offers.jsonl"), offers.join("\n")).unwrap();
    assert_eq!(run.json(&["--offers", "offers.jsonl"])["off_policy"], report["off_policy"]);
    std::fs::write(run.path("offers.jsonl"), offers[..90].join("\n")).unwrap();
    let text = String::from_utf8(run.backtest(&["events.jsonl", "--offers", "offers.jsonl"]).stdout).unwrap();
    assert_eq!(text.matches("refused: the effective sample size is").count(), 2, "{text}");
}

#[test]
fn a_mistake_is_told_in_one_line_that_names_it() {
    let run = Run::of(&simulated());
    std::fs::write(run.path("bad.toml"), "[ranking]\nprior_baskets = -1\n").unwrap();
    std::fs::write(run.path("empty.jsonl"), "").unwrap();
    std::fs::write(run.path("broken.jsonl"), "{\n{\n").unwrap();
    std::fs::write(run.path("one.jsonl"), line("cart_add", 0, 1, &fields(1))).unwrap();
    for (args, said) in [
        (vec!["missing.jsonl"], "missing.jsonl can't be read"),
        (vec!["events.jsonl", "--config", "bad.toml"], "ranking.prior_baskets is -1"),
        (vec!["events.jsonl", "--vs", "bad.toml"], "ranking.prior_baskets is -1"),
        (vec!["events.jsonl", "--vs", "missing.toml"], "missing.toml"),
        (vec!["empty.jsonl"], "the log has no events that can be used"),
        (vec!["broken.jsonl"], "the first of 2 rejected lines"),
        (vec!["one.jsonl"], "nothing to score"),
        (vec!["events.jsonl", "--predictions", "events.jsonl"], "named twice"),
        (vec!["events.jsonl", "--predictions", "no/folder"], "no/folder can't be written"),
        (vec!["events.jsonl", "--offers", "missing.jsonl"], "missing.jsonl can't be read"),
        (vec!["events.jsonl", "--offers", "events.jsonl"], "has no offer that can be used"),
    ] {
        let refused = run.refused(&args);
        assert!(refused.contains(said), "{args:?}: {refused}");
    }
    for args in [["events.jsonl", "--window", "0"], ["events.jsonl", "--stride", "0"], ["events.jsonl", "--cap", "x"]] {
        assert!(!run.backtest(&args).status.success(), "{args:?}");
    }
}

#[test]
fn a_real_shops_baskets_are_scored_alike() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = std::env::var_os("OFFERSTREAM_TEST_DATA").map_or_else(beside, PathBuf::from).join("online_retail.events.jsonl.gz");
    if !path.exists() {
        support::skipped("backtest", &format!("it needs {}; OFFERSTREAM_TEST_DATA names another folder", path.display()));
        return;
    }
    let mut lines = Vec::new();
    offerstream::replay::for_each_line(&path, |line| {
        if lines.len() < RECORDED_LINES {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
        }
    })
    .unwrap();
    let run = Run::of(&lines.join("\n"));
    let report = run.json(&["--predictions", "predictions.jsonl", "--stride", "2"]);
    assert_same(&report, &score(&run.read("events.jsonl"), &run.read("predictions.jsonl"), 2, 20, 0.5));
}
