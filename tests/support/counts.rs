//! The counts a log must lead to, recounted plainly: how many purchased baskets held an item, and how many held
//! two of them. Weights are left to `replay`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::topics::Rec;

/// Lines past this many make no pairs: 200,000 pairs a basket.
const PAIRED_LINES: usize = 632;

/// What differs between `dump` (of `state dump --counts`) and a recount of the events, a line each.
pub fn differences(events: &[Rec], dump: &[u8]) -> Vec<String> {
    let (mut baskets, mut pairs) = (BTreeMap::new(), BTreeMap::new());
    let orders = orders(events);
    for lines in orders.values() {
        lines.iter().for_each(|item| *baskets.entry(item.clone()).or_insert(0) += 1);
        let paired = &lines[..lines.len().min(PAIRED_LINES)];
        for (at, one) in paired.iter().enumerate() {
            for other in &paired[at + 1..] {
                let pair = if one < other { (one.clone(), other.clone()) } else { (other.clone(), one.clone()) };
                *pairs.entry(pair).or_insert(0) += 1;
            }
        }
    }
    let (mut dumped_baskets, mut dumped_pairs, mut all) = (BTreeMap::new(), BTreeMap::new(), None);
    for line in dump.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line).expect("the dump is JSON lines");
        let name = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        match (line["baskets"].as_i64(), line["together"].as_i64()) {
            (_, Some(together)) if together > 0 => _ = dumped_pairs.insert((name("item"), name("with")), together),
            (Some(count), _) if !line["item"].is_null() && count > 0 => _ = dumped_baskets.insert(name("item"), count),
            (Some(count), _) if line["item"].is_null() => all = Some(count),
            _ => {}
        }
    }
    let mut differences = different(&baskets, &dumped_baskets, "baskets");
    differences.extend(different(&pairs, &dumped_pairs, "together"));
    if all != Some(orders.len() as i64) {
        differences.push(format!("baskets in all: {all:?} in the dump, {} counted", orders.len()));
    }
    differences
}

/// The distinct items of every order that was placed and not cancelled, in the order of its lines.
fn orders(events: &[Rec]) -> HashMap<String, Vec<String>> {
    let mut orders = HashMap::new();
    for event in events.iter().filter(|event| event.expect().is_none()).map(Rec::json) {
        let id = event["order_id"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str() {
            Some("purchase") => {
                let mut seen = BTreeSet::new();
                let lines = event["items"].as_array().into_iter().flatten().filter_map(|line| line["item_id"].as_str());
                orders.insert(id, lines.filter(|item| seen.insert(*item)).map(str::to_owned).collect());
            }
            Some("order_cancelled") => _ = orders.remove(&id),
            _ => {}
        }
    }
    orders
}

fn different<K: Ord + std::fmt::Debug>(counted: &BTreeMap<K, i64>, dumped: &BTreeMap<K, i64>, what: &str) -> Vec<String> {
    let keys: BTreeSet<&K> = counted.keys().chain(dumped.keys()).collect();
    let of = |map: &BTreeMap<K, i64>, key: &K| map.get(key).copied().unwrap_or_default();
    let wrong = keys.into_iter().filter(|key| of(counted, key) != of(dumped, key));
    wrong.map(|key| format!("{what} of {key:?}: {} in the dump, {} counted", of(dumped, key), of(counted, key))).collect()
}
