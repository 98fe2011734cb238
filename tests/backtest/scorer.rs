//! The outside scorer's definitions, written again as plainly as possible: one list of steps, one walk over it.
//!
//! Invariant: it knows the log's lines and the predictions file, and nothing of the program.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What it finds.
pub struct Scored {
    pub predictions: usize,
    pub baskets: usize,
    pub metrics: BTreeMap<&'static str, f64>,
    pub coverage: f64,
}

/// A basket: its distinct items by cart add, with their values.
#[derive(Default)]
struct Basket {
    name: String,
    items: Vec<(String, f64)>,
}

/// Scores a predictions file against a log in which every session has one basket.
pub fn score(log: &str, predictions: &str, stride: usize, cap: usize, window: f64) -> Scored {
    let baskets = baskets(log);
    let (answers, empty) = (answers(predictions), Vec::new());
    let first = (baskets.len() as f64 * (1.0 - window)).ceil() as usize;
    let all_items: BTreeSet<&String> = baskets.iter().flat_map(|basket| basket.items.iter().map(|(item, _)| item)).collect();
    let mut sums: BTreeMap<&'static str, (f64, f64)> = BTreeMap::new();
    let mut add = |name, over: f64, under: f64| {
        let sum = sums.entry(name).or_default();
        *sum = (sum.0 + over, sum.1 + under);
    };
    let (mut predictions, mut scored, mut offered) = (0, 0, BTreeSet::new());
    for (at, basket) in baskets.iter().enumerate() {
        let items: Vec<&String> = basket.items.iter().map(|(item, _)| item).collect();
        if at < first || at % stride != 0 || items.len() < 2 {
            continue;
        }
        scored += 1;
        let (mut steps, mut hit_steps, mut found) = (0.0, 0.0, BTreeSet::new());
        for step in 1..items.len() {
            let answer = answers.get(&(basket.name.clone(), step)).unwrap_or(&empty);
            let hits: Vec<usize> = (0..answer.len()).filter(|place| items[step..].contains(&&answer[*place])).collect();
            let hit = f64::from(u8::from(!hits.is_empty()));
            let rank = hits.first().map_or(0.0, |place| 1.0 / (place + 1) as f64);
            if step <= cap {
                predictions += 1;
                (steps, hit_steps) = (steps + 1.0, hit_steps + hit);
                add("HR@3", hit, 1.0);
                add("P@3", hits.len() as f64, 3.0);
                add("R@3", hits.len() as f64 / (items.len() - step) as f64, 1.0);
                add("MRR@3", rank, 1.0);
                found.extend(hits.iter().map(|place| &answer[*place]));
                offered.extend(answer.iter().filter(|item| all_items.contains(item)));
            }
            if step == items.len() - 1 {
                add("LOO_HR@3", hit, 1.0);
                add("LOO_MRR@3", rank, 1.0);
            }
        }
        let value =
            |of: &dyn Fn(&String) -> bool| basket.items[1..].iter().filter(|(item, _)| of(item)).map(|(_, value)| value).sum::<f64>();
        add("REV@3", value(&|item| found.contains(item)), value(&|_| true));
        add("basket_HR@3", f64::from(u8::from(hit_steps > 0.0)), 1.0);
        add("macro_HR@3", hit_steps / steps, 1.0);
    }
    let metrics = sums.into_iter().map(|(name, (over, under))| (name, over / under)).collect();
    Scored { predictions, baskets: scored, metrics, coverage: offered.len() as f64 / all_items.len() as f64 }
}

/// Baskets in the order of their first cart adds; one that was bought goes by its order, another by its session.
fn baskets(log: &str) -> Vec<Basket> {
    let (mut places, mut baskets) = (BTreeMap::new(), Vec::<Basket>::new());
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let order = event["order_id"].as_str();
        let session = event["session_id"].as_str().or(order).unwrap().to_owned();
        if event["type"] == "cart_add" {
            let at = *places.entry(session.clone()).or_insert_with(|| {
                baskets.push(Basket { name: order.map_or(session, str::to_owned), items: Vec::new() });
                baskets.len() - 1
            });
            let item = event["item_id"].as_str().unwrap().to_owned();
            if !baskets[at].items.iter().any(|(known, _)| *known == item) {
                let value = number(&event["price"]).unwrap_or(0.0) * number(&event["quantity"]).unwrap_or(1.0);
                baskets[at].items.push((item, value));
            }
        } else if let (Some(at), Some(order)) = (places.get(&session), order) {
            baskets[*at].name = order.to_owned();
        }
    }
    baskets
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn answers(predictions: &str) -> BTreeMap<(String, usize), Vec<String>> {
    let lines = predictions.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| {
            let name = line["order_id"].as_str().or(line["session"].as_str()).unwrap().to_owned();
            let items = line["items"].as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned());
            ((name, usize::try_from(line["step"].as_u64().unwrap()).unwrap()), items.collect())
        })
        .collect()
}
