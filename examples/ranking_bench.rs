//! How long ranking takes, with the model in use: carts of ten known items, each with 200 neighbours, of a customer with a
//! history.
//!
//! `cargo run --release --example ranking_bench [items] [neighbours] [rounds]`
//!
//! The catalogue is as wide as a shop's, so that memory is not all in the processor's caches. On a machine with other work a
//! long wait is the scheduler's: p99 is told with how long the thread was without a core.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

use offerstream::engine::decay::{Decay, Evidence, Stage};
use offerstream::engine::facts::{BoughtItem, EvidenceLine, Fact, Sale, SaleLine};
use offerstream::engine::ranking::{Query, rank, way_name};
use offerstream::engine::settings::{Limits, Ranking};
use offerstream::engine::shop::Shop;
use offerstream::event::{ItemId, Timestamp};

const DAY_MS: i64 = 86_400_000;
const NOW: Timestamp = Timestamp(400 * DAY_MS);
const CUSTOMERS: u64 = 1_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// The lower numbers sell better, as in shops.
    fn item(&mut self, items: u64) -> ItemId {
        let part = self.below(1 << 20) as f64 / f64::from(1 << 20);
        item(((items as f64) * part * part) as u64)
    }
}

fn item(n: u64) -> ItemId {
    format!("sku-{n:06}").into()
}

fn shop(items: u64, neighbours: u64) -> Shop {
    let (shop, mut random) = (Shop::new(&Limits::default()), Random(7));
    shop.set_decay(Decay { landmark: Timestamp(0), half_life_ms: 90 * DAY_MS });
    for n in 0..items {
        let ts = Timestamp(random.below(365 * DAY_MS as u64) as i64);
        let evidence = Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts, partners: neighbours as u32 };
        let others = (0..neighbours / 2).map(|_| random.item(items)).collect();
        shop.fold(&Fact::Line { add: true, pairs_only: false, line: EvidenceLine { item: item(n), evidence }, others });
    }
    for customer in 0..CUSTOMERS {
        for order in 0..5 {
            let lines = (0..10).map(|_| SaleLine { item: random.item(items), units: 1, category: None }).collect();
            let ts = Timestamp((order * 70 + random.below(60) as i64) * DAY_MS);
            let customer = Some(format!("customer-{customer}").into());
            shop.fold(&Fact::Sale(Sale { add: true, first: true, ts, customer, net_micros: 9_000_000, lines }));
        }
    }
    shop
}

/// Teaches the model something, so that it is used: of each example what the formula has at the tenth place was bought.
fn teach(shop: &Shop, items: u64, random: &mut Random) {
    for number in 0..400 {
        let basket: Vec<ItemId> = (0..3).map(|_| random.item(items)).collect();
        let known: Vec<&ItemId> = basket.iter().collect();
        let query = Query { basket: &known, customer: None, now: NOW, together_min: 2 };
        let plain = Ranking { learned: false, tuned: false, ..Ranking::default() };
        let tenth = rank(shop, &plain, query).get(9).map(|tenth| tenth.slot.item.clone());
        let bought = tenth.into_iter().map(|item| BoughtItem { item, net_micros: 1_000_000, margin_micros: 0 }).collect();
        shop.fold(&Fact::Example { number, basket, customer: None, ts: NOW });
        shop.fold(&Fact::Outcome { numbers: vec![number], bought, ts: NOW });
    }
    let known = shop.learner.known();
    assert_eq!(way_name(known.in_use(&Ranking::default(), shop.decay())), "learned", "the model is not in use");
}

fn waited_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split_whitespace().nth(1).and_then(|waited| waited.parse().ok()).unwrap_or_default()
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("a number"));
    let (items, neighbours, rounds) =
        (arguments.next().unwrap_or(20_000), arguments.next().unwrap_or(200), arguments.next().unwrap_or(20_000));
    let (shop, mut random) = (shop(items, neighbours), Random(11));
    teach(&shop, items, &mut random);
    let ranking = Ranking::default();
    let waited = waited_ns();
    let mut taken_ns = Vec::new();
    let mut candidates = 0;
    for _ in 0..rounds {
        let cart: Vec<ItemId> = (0..10).map(|_| item(random.below(items))).collect();
        let basket: Vec<&ItemId> = cart.iter().collect();
        let customer = format!("customer-{}", random.below(CUSTOMERS));
        let query = Query { basket: &basket, customer: Some(&customer), now: NOW, together_min: 2 };
        let started = Instant::now();
        let ranked = black_box(rank(&shop, &ranking, query));
        taken_ns.push(started.elapsed().as_nanos() as u64);
        candidates += ranked.len() as u64;
    }
    taken_ns.sort_unstable();
    let at = |hundredths: usize| taken_ns[(taken_ns.len() - 1) * hundredths / 100] as f64 / 1e3;
    let (pairs, mean) = (shop.counts.pairs(), candidates / rounds);
    println!(
        "{items} items, {pairs} pairs; {rounds} carts of ten, {mean} candidates each: half below {:.1} µs, p99 {:.1} µs",
        at(50),
        at(99)
    );
    println!(
        "without a core meanwhile: {:.1} ms of {:.1} ms",
        (waited_ns() - waited) as f64 / 1e6,
        taken_ns.iter().sum::<u64>() as f64 / 1e6
    );
}
