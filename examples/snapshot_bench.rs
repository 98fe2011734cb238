//! What a snapshot costs a shop of ten million pairs while it is read from and folded into.
//!
//! `cargo run --release --example snapshot_bench [items] [neighbours] [customers]`
//!
//! On a machine with other work a wait is the scheduler's, too: what a thread waited for a core is told beside it (Linux).
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::hint::black_box;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use offerstream::engine::decay::{Decay, Evidence, Stage};
use offerstream::engine::facts::{EvidenceLine, Fact, Sale, SaleLine};
use offerstream::engine::frozen::FrozenShop;
use offerstream::engine::settings::Limits;
use offerstream::engine::shop::Shop;
use offerstream::event::{Id, ItemId, ProductFacts, Timestamp};
use offerstream::state::snapshot::{SnapshotHead, read_snapshot, write_snapshot};

const DAY_MS: i64 = 86_400_000;
const HALF_LIFE_MS: i64 = 90 * DAY_MS;
/// What the threads are to do, and which phase their waits count for.
const ALONE: u8 = 0;
const FREEZE: u8 = 1;
const WRITING: u8 = 2;
const STOP: u8 = 3;

/// Since when, by the clock, and how long the thread had waited for a core by then, in milliseconds.
struct Watch(Instant, f64);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), waited_ms())
    }

    fn told(&self) -> String {
        let (all, waited) = (self.0.elapsed().as_secs_f64() * 1e3, waited_ms() - self.1);
        format!("{all:.1} ms, {waited:.1} ms of them without a core")
    }
}

fn waited_ms() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split_whitespace().nth(1).and_then(|waited| waited.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

/// How many items, neighbours an item and customers.
#[derive(Clone, Copy)]
struct Size {
    items: u64,
    neighbours: u64,
    customers: u64,
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn item(&mut self, size: Size) -> ItemId {
        item(self.below(size.items))
    }

    /// A line of a basket with `partners` others, bought in the last year.
    fn line(&mut self, item: ItemId, partners: u32) -> EvidenceLine {
        let ts = Timestamp(self.below(365 * DAY_MS as u64) as i64);
        EvidenceLine { item, evidence: Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts, partners } }
    }

    fn basket(&mut self, size: Size) -> Fact {
        let mut items: Vec<ItemId> = (0..10).map(|_| self.item(size)).collect();
        items.sort_unstable();
        items.dedup();
        let partners = items.len() as u32 - 1;
        Fact::Basket { before: Vec::new(), after: items.into_iter().map(|item| self.line(item, partners)).collect() }
    }
}

fn item(n: u64) -> ItemId {
    format!("sku-{n:06}").into()
}

/// A shop in which every item has about `neighbours` others beside it, each customer ten items, each item a title.
fn shop(size: Size) -> Shop {
    let (shop, mut random) = (Shop::new(&Limits::default()), Random(7));
    shop.set_decay(Decay { landmark: Timestamp(0), half_life_ms: HALF_LIFE_MS });
    let partners = size.neighbours / 2;
    for n in 0..size.items {
        let others = (0..partners).map(|_| random.item(size)).collect();
        let line = random.line(item(n), partners as u32);
        shop.fold(&Fact::Line { add: true, pairs_only: false, line, others });
        let product = ProductFacts { title: Some(format!("The title of product {n}").into()), ..ProductFacts::default() };
        shop.fold(&Fact::Learned { item: item(n), ts: Timestamp(1), price: None, product });
    }
    for n in 0..size.customers {
        let line = |random: &mut Random| SaleLine { item: random.item(size), units: 1, category: Some(category(random.below(500))) };
        let lines = (0..10).map(|_| line(&mut random)).collect();
        let customer = Some(format!("customer-{n}").into());
        let ts = Timestamp(random.below(365 * DAY_MS as u64) as i64);
        shop.fold(&Fact::Sale(Sale { add: true, first: true, ts, customer, net_micros: 9_000_000, lines }));
    }
    shop
}

fn category(n: u64) -> Id {
    format!("category-{n}").into()
}

/// The longest waits of each phase, in microseconds.
#[derive(Default)]
struct Longest([AtomicU64; 3]);

impl Longest {
    fn saw(&self, phase: u8, since: Instant) {
        if let Some(longest) = self.0.get(usize::from(phase)) {
            longest.fetch_max(since.elapsed().as_micros() as u64, Ordering::Relaxed);
        }
    }

    fn ms(&self, phase: u8) -> f64 {
        self.0[usize::from(phase)].load(Ordering::Relaxed) as f64 / 1e3
    }
}

fn main() {
    let argument = |at: usize, default: u64| std::env::args().nth(at).map_or(default, |text| text.parse().unwrap());
    let size = Size { items: argument(1, 100_000), neighbours: argument(2, 200), customers: argument(3, 100_000) };
    let began = Instant::now();
    let shop = shop(size);
    println!(
        "{} items, {} pairs, {} customers, {} products, made in {:.1} s",
        shop.counts.items(),
        shop.counts.pairs(),
        shop.customers.len(),
        shop.catalogue.len(),
        began.elapsed().as_secs_f64()
    );
    let bytes = snapshot(&shop, size);
    drop(shop);
    for _ in 0..2 {
        let watch = Watch::start();
        let thawed = Shop::new(&Limits::default());
        read_snapshot(&mut &bytes[..], &thawed).unwrap();
        println!("read into an empty shop of {} pairs: {}", thawed.counts.pairs(), watch.told());
    }
}

/// Takes a snapshot while one thread reads and another folds; tells what each waited.
fn snapshot(shop: &Shop, size: Size) -> Vec<u8> {
    let (phase, readers, folds) = (AtomicU8::new(ALONE), Longest::default(), Longest::default());
    let (give, take) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| read(shop, size, &phase, &readers));
        scope.spawn(|| fold(shop, size, &phase, &folds, &give));
        thread::sleep(Duration::from_secs(2));
        phase.store(FREEZE, Ordering::Relaxed);
        let (frozen, froze_in): (FrozenShop, String) = take.recv().unwrap();
        println!("freezing, by the fold's thread: {froze_in}");
        let watch = Watch::start();
        let mut bytes = Vec::new();
        let head = SnapshotHead { topic: "t".into(), next_offset: 1, last_record: None, taken_at_ms: 1, half_life_ms: HALF_LIFE_MS };
        write_snapshot(&head, frozen, &mut bytes).unwrap();
        println!("written by another thread: {:.0} MB, {}", bytes.len() as f64 / 1e6, watch.told());
        phase.store(STOP, Ordering::Relaxed);
        for (name, phase) in [("alone", ALONE), ("while freezing", FREEZE), ("while writing", WRITING)] {
            println!("longest look at a row {:.2} ms, longest record of the fold {:.2} ms: {name}", readers.ms(phase), folds.ms(phase));
        }
        bytes
    })
}

fn read(shop: &Shop, size: Size, phase: &AtomicU8, longest: &Longest) {
    let mut random = Random(11);
    loop {
        let (now, item, began) = (phase.load(Ordering::Relaxed), random.item(size), Instant::now());
        if now == STOP {
            return;
        }
        let weight = shop.counts.with_row(&item, |row| row.best().iter().map(|entry| entry.slot.weight() ^ entry.weight).sum::<u64>());
        black_box((weight, shop.customers.with("customer-1", |history| history.baskets)));
        longest.saw(now, began);
    }
}

fn fold(shop: &Shop, size: Size, phase: &AtomicU8, longest: &Longest, give: &mpsc::Sender<(FrozenShop, String)>) {
    let mut random = Random(13);
    loop {
        let now = phase.load(Ordering::Relaxed);
        if now == STOP {
            return;
        }
        if now == FREEZE {
            let (began, watch) = (Instant::now(), Watch::start());
            let frozen = shop.freeze();
            longest.saw(FREEZE, began);
            phase.store(WRITING, Ordering::Relaxed);
            give.send((frozen, watch.told())).unwrap();
        }
        let (fact, began) = (random.basket(size), Instant::now());
        shop.fold(&fact);
        longest.saw(phase.load(Ordering::Relaxed), began);
        // A busy log: a few thousand baskets a second, not as many as there can be.
        thread::sleep(Duration::from_micros(100));
    }
}
