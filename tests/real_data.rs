//! Recorded baskets of a real shop (UCI Online Retail) through `run` on a real Kafka, killed half way.
//!
//! The data is not part of the repository: it is read from the folder that `OFFERSTREAM_TEST_DATA` names, else from
//! `../shared/data`. `OFFERSTREAM_REAL_EVENTS` says how many events; `just real` takes 200,000 in a release build.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use support::events::Event;
use support::instance::Instance;
use support::scene::{await_all_within, await_records_within, check};
use support::topics::Topics;

const EVENTS_BY_DEFAULT: usize = 10_000;

fn data() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("OFFERSTREAM_TEST_DATA").map_or_else(beside, PathBuf::from).join("online_retail.events.jsonl.gz")
}

fn first_events(path: &Path, count: usize) -> Vec<Event> {
    let mut events = Vec::with_capacity(count);
    offerstream::replay::for_each_line(path, |line| {
        if events.len() < count {
            let fields: serde_json::Value = serde_json::from_slice(line).unwrap();
            let ids = ["session_id", "cart_id", "order_id", "customer_id"];
            let key = ids.iter().find_map(|id| fields[*id].as_str()).unwrap().to_owned();
            let ts: jiff::Timestamp = fields["ts"].as_str().unwrap().parse().unwrap();
            events.push(Event { key, ts_ms: ts.as_millisecond(), value: line.to_vec(), expect: None });
        }
    })
    .unwrap();
    events
}

#[test]
fn a_real_shops_events_survive_a_kill_half_way() {
    let test = "a_real_shops_events_survive_a_kill_half_way";
    let Some(brokers) = support::brokers(test) else { return };
    let path = data();
    if !path.exists() {
        support::skipped(test, &format!("it needs {}; OFFERSTREAM_TEST_DATA names another folder", path.display()));
        return;
    }
    let count = std::env::var("OFFERSTREAM_REAL_EVENTS").ok().map_or(EVENTS_BY_DEFAULT, |text| text.parse().unwrap());
    let events = first_events(&path, count);
    let limit = Duration::from_secs(120 + count as u64 / 100);
    let topics = Topics::create(&brokers, "real", 4);
    topics.feed(&events);
    let settings = [("kafka.commit_records_max", "500")];
    let instance = Instance::ready(&topics, "one", &settings);
    await_records_within(&topics, events.len() as i64 / 2, &instance, limit);
    instance.kill();
    assert!(topics.progress().committed() < events.len() as i64, "it was killed too late to prove anything");
    let instance = Instance::ready(&topics, "one", &settings);
    await_all_within(&topics, &[&instance], limit);
    instance.drained();
    let outcome = check(&topics, &events);
    let (offers, withheld) = (outcome.offers.len(), outcome.withheld.len());
    println!("{} events of {}: {offers} offers, {withheld} withheld", events.len(), path.display());
    assert!(offers > events.len() / 10, "only {offers} offers for {} events", events.len());
    assert!(outcome.dead_letters.is_empty(), "real events were refused: {:?}", outcome.dead_letters[0].headers);
}
