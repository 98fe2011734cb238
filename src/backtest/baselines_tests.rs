use std::sync::Arc;

use super::*;
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::pipeline::{Learning, Processor, Record};

/// A shop that sold these baskets, and baselines that heard of each.
fn sold(baskets: &[(&[&str], usize)]) -> (Arc<Shop>, Baselines) {
    let settings = Arc::new(Settings::default());
    let shop = Arc::new(Shop::new(&settings.limits));
    let mut processor = Processor::new(settings, Arc::clone(&shop), Learning::AtOnce);
    let mut baselines = Baselines::default();
    let mut orders = 0;
    for (items, times) in baskets {
        for _ in 0..*times {
            orders += 1;
            let lines: Vec<String> = items.iter().map(|item| format!(r#"{{"item_id":"{item}","price":1}}"#)).collect();
            let event =
                format!(r#"{{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o{orders}","items":[{}]}}"#, lines.join(","));
            let record = Record { partition: 0, key: None, payload: event.as_bytes(), payload_bytes: event.len(), record_time: None };
            processor.process(&record).unwrap();
            baselines.change(items.iter().map(|item| ItemId::new(item)).collect::<Vec<_>>().iter());
        }
    }
    (shop, baselines)
}

fn answered(shop: &Shop, baselines: &mut Baselines, serial: u64, basket: &[&str]) -> [Vec<ItemId>; 4] {
    let items: Vec<ItemId> = basket.iter().map(|item| ItemId::new(item)).collect();
    baselines.answer(&shop.counts, serial, &items.iter().collect::<Vec<_>>())
}

/// 20 baskets: a 8, b 12, c 5, d 2, e 2.
const SOLD: [(&[&str], usize); 6] = [(&["a", "b"], 4), (&["a", "c"], 3), (&["a", "d"], 1), (&["b"], 8), (&["c", "e"], 2), (&["d"], 1)];

#[test]
fn each_baseline_puts_first_what_its_formula_says() {
    let (shop, mut baselines) = sold(&SOLD);
    let [popularity, co_count, llr, cosine] = answered(&shop, &mut baselines, 1, &["a"]);
    assert_eq!(popularity, ["b", "c", "d"]);
    // Together: b 4, c 3, d 1.
    assert_eq!(co_count, ["b", "c", "d"]);
    // c: 3 / sqrt(8 * 5) = 0.474; b: 4 / sqrt(8 * 12) = 0.408; d: 1 / sqrt(8 * 2) = 0.25.
    assert_eq!(cosine, ["c", "b", "d"]);
    // By chance b would be together 5.05 times and c 2.1; d is 1 of 0.84. What is rarer than chance has 0: popularity fills.
    assert_eq!(llr, ["c", "d", "b"]);
}

#[test]
fn the_likelihood_ratio_is_dunnings() {
    // Of 100 baskets 20 with one, 30 with the other, 15 with both: 2 (sum k ln k - margins + N ln N), worked out apart.
    let h = |x: f64| x * x.ln();
    let expected = 2.0 * (h(15.0) + h(5.0) + h(15.0) + h(65.0) - h(20.0) - h(80.0) - h(30.0) - h(70.0) + h(100.0));
    let mut kept = Vec::new();
    assert!((log_likelihood_ratio(&mut kept, 100, 20, 30, 15) - expected).abs() < 1e-9);
    assert!((expected - 22.467).abs() < 0.001, "{expected}");
    assert_eq!(log_likelihood_ratio(&mut kept, 100, 20, 30, 6), 0.0, "that is chance");
    assert!((entropy(&mut kept, 1 << 21) - (f64::from(1 << 21) * 21.0 * std::f64::consts::LN_2)).abs() < 1e-3);
}

#[test]
fn what_is_there_is_not_answered_and_sums_go_on_from_step_to_step() {
    let (shop, mut baselines) = sold(&SOLD);
    answered(&shop, &mut baselines, 1, &["a"]);
    let on = answered(&shop, &mut baselines, 1, &["a", "c"]);
    let (shop, mut fresh) = sold(&SOLD);
    assert_eq!(on, answered(&shop, &mut fresh, 2, &["a", "c"]));
    assert_eq!(on[1], ["b", "e", "d"], "b 4, e 2, d 1");
    assert_eq!(answered(&shop, &mut fresh, 2, &["c"])[1], ["a", "e", "b"], "a basket that lost an item is summed up anew");
    let nothing: [ItemId; 0] = [];
    assert_eq!(answered(&Shop::new(&Settings::default().limits), &mut Baselines::default(), 1, &["a"]), [(); 4].map(|()| nothing.to_vec()));
}

#[test]
fn what_is_bought_in_between_is_counted_at_the_next_step() {
    let (shop, mut baselines) = sold(&[(&["a", "b"], 2), (&["a", "c"], 1)]);
    assert_eq!(answered(&shop, &mut baselines, 1, &["a"])[1], ["b", "c"]);
    let (shop, _) = sold(&[(&["a", "b"], 2), (&["a", "c"], 5)]);
    baselines.change([ItemId::new("a"), ItemId::new("c")].iter());
    let [popularity, co_count, ..] = answered(&shop, &mut baselines, 1, &["a"]);
    assert_eq!((popularity, co_count), (vec!["c".into(), "b".into()], vec!["c".into(), "b".into()]));
}
