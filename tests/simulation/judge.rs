//! The verdict: what lies in the logs in the end, against the events that went in.

use std::collections::{BTreeMap, HashMap};

use offerstream::config::{Config, Delivery};
use offerstream::dump;
use offerstream::engine::shop::Shop;
use serde_json::Value;

use super::cluster::Cluster;
use super::process::fold_next;
use super::slow;
use super::support::checker::{self, Outcome};
use super::support::events::Event;
use super::support::left;
use super::support::topics::Rec;

/// Everything that is wrong, a line each.
pub fn problems(cluster: &Cluster, config: &Config, fed: &[Event], partitions: i32, made: &mut u64) -> Vec<String> {
    let kafka = &config.kafka;
    let read = |topic: &str| (0..partitions).flat_map(|partition| recs(cluster, topic, partition)).collect::<Vec<Rec>>();
    let shop = Shop::new(&config.engine.limits);
    let (log, mut next) = (cluster.log(&kafka.shop_topic, 0), (0, true));
    while next.1 {
        next = fold_next(log, next.0, &shop);
    }
    let mut outcome = Outcome {
        events_topic: kafka.events_topics[0].clone(),
        events: read(&kafka.events_topics[0]),
        offers: read(&kafka.offers_topic),
        withheld: read(&kafka.withheld_topic),
        dead_letters: read(&kafka.dlq_topic),
        totals: totals(&shop),
    };
    *made = (outcome.offers.len() + outcome.withheld.len()) as u64;
    let mut problems = Vec::new();
    if kafka.delivery == Delivery::ExactlyOnce {
        problems.extend(checker::problems(&outcome));
        problems.extend(out_of_order(&outcome.events, &outcome.offers));
    } else {
        problems.extend(left::two_ids_of_one_cause(&outcome.offers));
        left::first_of_each(&mut outcome.offers);
        problems.extend(left::missing(&read(&kafka.sessions_topic), &outcome.offers).1);
        // What left and was then decided anew, otherwise, is more than the totals know of.
        let is_promised = |line: &String| !line.starts_with("offers at") && !line.starts_with("offered items");
        problems.extend(checker::problems(&outcome).into_iter().filter(is_promised));
    }
    problems.extend(wrong_counts(&shop, fed));
    problems
}

fn recs(cluster: &Cluster, topic: &str, partition: i32) -> Vec<Rec> {
    let records = cluster.log(topic, partition).committed();
    let rec = |(offset, record): (i64, &super::log::Record)| Rec {
        partition,
        offset,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
        parsed: std::sync::OnceLock::new(),
    };
    records.map(rec).collect()
}

fn totals(shop: &Shop) -> Vec<Value> {
    let mut lines = Vec::new();
    dump::totals(shop, &mut lines).unwrap();
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// Counts, to the last bit, against a slow computation from the events.
fn wrong_counts(shop: &Shop, fed: &[Event]) -> Vec<String> {
    let mut counted = Vec::new();
    dump::counts(shop, &mut counted).unwrap();
    let good = fed.iter().filter(|event| event.expect.is_none());
    let log: String = good.map(|event| String::from_utf8_lossy(&event.value).into_owned() + "\n").collect();
    let (counted, slow) = (String::from_utf8(counted).unwrap(), slow::counts(&log));
    if counted == slow {
        return Vec::new();
    }
    let differing = counted.lines().zip(slow.lines()).find(|(one, other)| one != other);
    vec![format!(
        "counts differ: {} lines, the oracle has {}; the first that differ: {differing:?}",
        counted.lines().count(),
        slow.lines().count()
    )]
}

/// Offers lie in the order of the events that caused them.
fn out_of_order(events: &[Rec], offers: &[Rec]) -> Vec<String> {
    let at: HashMap<(i32, String), i64> = events
        .iter()
        .filter(|event| event.expect().is_none())
        .filter_map(|event| Some(((event.partition, event.json()["event_id"].as_str()?.to_owned()), event.offset)))
        .rev()
        .collect();
    let mut newest: BTreeMap<i32, i64> = BTreeMap::new();
    let mut problems = Vec::new();
    for offer in offers {
        let json = offer.json();
        // What a timer made is of an earlier event.
        let is_timed = json["placement"] == "abandoned_cart" || json["placement"] == "follow_up";
        let cause = json["cause"]["event_id"].as_str().and_then(|id| at.get(&(offer.partition, id.to_owned()))).filter(|_| !is_timed);
        if let Some(cause) = cause {
            let before = newest.insert(offer.partition, *cause);
            if before.is_some_and(|before| before > *cause) {
                problems
                    .push(format!("out of order on partition {}: an offer for offset {cause} after one for {before:?}", offer.partition));
            }
        }
    }
    problems
}
