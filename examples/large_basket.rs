//! How long one event about a basket of 5,000 lines takes, the most that an event may have.
//!
//! ```text
//! cargo run --release --example large_basket [LINES] [ROUNDS] [WITHIN_MS]
//! ```
//! The shopper is known, was offered something in this session and in another, and looked at other things; every item has
//! relations in the catalogue. So every rule has work to do. Of each step the fastest of the rounds is told, without what it
//! waited for a core (Linux), since other programs only ever add to it. Fails where an event takes more than `WITHIN_MS` to
//! apply. Folding is the work of another thread, on every instance alike: the shop learns 200,000 pairs of such a basket. The
//! last column is a hash of what the event brought about: a change of the code that is not meant to change results leaves it
//! as it is, for the same arguments.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use offerstream::engine::catalogue::Product;
use offerstream::engine::decay::Decay;
use offerstream::engine::hash::hash_128;
use offerstream::engine::session::{Session, Sessions};
use offerstream::engine::settings::{AttributionTrigger, Settings};
use offerstream::engine::shop::Shop;
use offerstream::engine::vocabulary::{OfferKind, Placement};
use offerstream::engine::{Effects, apply};
use offerstream::event::{ItemId, Money, ShopEvent, Timestamp, decode};
use offerstream::state::{Header, encode_records, encode_session};

const START: Timestamp = Timestamp(1_772_409_600_000);
const KEY: &str = "s:large";
const CUSTOMER: &str = r#""customer_id":"shopper""#;
/// Baskets that the shop has learned from, and their lines.
const BASKETS: usize = 3_000;
const BASKET_LINES: usize = 60;

/// Chance: a linear congruential generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }
}

struct World {
    settings: Settings,
    shop: Shop,
    sessions: Sessions,
}

/// How long each step took, in milliseconds: reading the event, applying it, writing what it brought about, learning that.
#[derive(Clone, Copy)]
struct Times([f64; 4]);

impl Times {
    fn fastest(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].min(other.0[at])))
    }
}

/// Since when, by the clock, and how long the thread had waited for a core by then, in milliseconds.
struct Watch(Instant, f64);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), waited_ms())
    }

    fn lap(&mut self) -> f64 {
        let told = (self.0.elapsed().as_secs_f64() * 1e3 - (waited_ms() - self.1)).max(0.0);
        *self = Self::start();
        told
    }
}

fn waited_ms() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split_whitespace().nth(1).and_then(|waited| waited.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

fn item(number: usize) -> ItemId {
    ItemId::from(format!("article-{number:06}"))
}

/// Lines of the items from `first` on, every `step`-th; with prices, or without.
fn lines(first: usize, step: usize, count: usize, priced: bool) -> String {
    let line = |at: usize| {
        let number = first + at * step;
        let price = if priced { format!(r#","price":"{}.{:02}""#, 1 + number % 400, number % 100) } else { String::new() };
        format!(r#"{{"item_id":"{}","quantity":{}{price}}}"#, item(number), 1 + number % 3)
    };
    let all: Vec<String> = (0..count).map(line).collect();
    format!(r#""items":[{}]"#, all.join(","))
}

fn json(kind: &str, at_ms: i64, session: &str, fields: &str) -> String {
    format!(r#"{{"type":"{kind}","ts":"{}","session_id":"{session}",{CUSTOMER},{fields}}}"#, START.plus_ms(at_ms))
}

fn event(json: &str) -> ShopEvent {
    decode(json.as_bytes()).unwrap_or_else(|reject| panic!("{reject}"))
}

impl World {
    /// Nobody is spared and nobody is held out: every event that may be answered is.
    fn new() -> Self {
        let mut settings = Settings::default();
        settings.attribution.trigger = AttributionTrigger::Emitted;
        settings.experiment.holdout_ratio = 0.0;
        let rules = &mut settings.rules;
        (rules.session_max, rules.customer_day_max, rules.item_session_max) = (0, 0, 0);
        settings.discounts.bundle_ratio = 0.1;
        for placement in Placement::ALL {
            let policy = settings.placements.get_mut(*placement);
            (policy.enabled, policy.session_max, policy.customer_day_max) = (true, 0, 0);
            policy.kinds = vec![OfferKind::Bundle, OfferKind::Upsell, OfferKind::AddOn, OfferKind::CrossSell];
        }
        let (sessions, shop) = (Sessions::new(&settings), Shop::new(&settings.limits));
        shop.set_decay(Decay::starting(START, settings.ranking.half_life.0));
        Self { settings, shop, sessions }
    }

    fn give_catalogue(&self, items: usize) {
        for number in 0..items {
            let product = Product {
                title: Some(format!("Article {number}").into()),
                price: Some(Money((1 + number as i64 % 400) * 1_000_000)),
                category: Some(format!("category {}", number % (items / 10)).into()),
                margin_ppm: Some(400_000),
                variant_of: (number % 4 == 1).then(|| item(number - 1)),
                upgrade_of: (number % 4 == 3).then(|| item(number - 1)),
                excluded: vec![item((number + items / 2) % items)],
                ..Product::default()
            };
            self.shop.catalogue.give(item(number), product);
        }
        self.shop.catalogue.check_relations();
    }

    fn take(&mut self, json: &str) {
        let effects = apply(&self.settings, &mut self.sessions, &event(json), &self.shop).unwrap_or_else(|reject| panic!("{reject}"));
        effects.facts.iter().for_each(|fact| self.shop.fold(fact));
    }

    fn learn(&mut self, items: usize) {
        let mut chance = Chance(1);
        for basket in 0..BASKETS {
            let first = chance.below(items);
            let mut all = String::new();
            for line in 0..BASKET_LINES {
                let number = if line % 2 == 0 { chance.below(items) } else { (first + line * 3) % items };
                let comma = if line == 0 { "" } else { "," };
                write!(all, r#"{comma}{{"item_id":"{}","price":10}}"#, item(number)).unwrap();
            }
            let (ts, customer) =
                (START.plus_ms(-86_400_000 * 40 + basket as i64 * 1_000), if basket % 100 == 0 { CUSTOMER } else { r#""locale":"en""# });
            self.take(&format!(
                r#"{{"type":"purchase","ts":"{ts}","session_id":"buyer-{basket}",{customer},"order_id":"order-{basket}","items":[{all}]}}"#
            ));
        }
    }

    /// The shopper's session, with a basket of `count` lines and as many offers as are remembered.
    fn open(&mut self, items: usize, count: usize) -> Session {
        for number in 0..60 {
            let fields = format!(r#""item_id":"{}","price":10"#, item((number * 131) % items));
            self.take(&json("cart_add", -60_000 + number as i64, "other", &fields));
            self.take(&json("cart_add", -50_000 + number as i64, "large", &fields));
        }
        for number in 0..40 {
            self.take(&json(
                "product_viewed",
                -40_000 + number as i64,
                "large",
                &format!(r#""item_id":"{}""#, item((number * 173 + 50) % items)),
            ));
        }
        self.take(&json("checkout", -30_000, "large", &lines(0, 2, count, true)));
        self.sessions.get(KEY).unwrap().clone()
    }

    /// The session at hand, and nobody else.
    fn put_back(&mut self, session: &Session) {
        self.sessions = Sessions::new(&self.settings);
        self.sessions.restore(KEY.into(), session.clone());
    }

    fn time(&mut self, before: &Session, json: &str) -> (Times, Effects) {
        self.put_back(before);
        let mut watch = Watch::start();
        let event = event(json);
        let decoded = watch.lap();
        let effects = apply(&self.settings, &mut self.sessions, &event, &self.shop).unwrap_or_else(|reject| panic!("{reject}"));
        let applied = watch.lap();
        black_box(encode_session(self.sessions.get(KEY).unwrap()));
        black_box(encode_records(Header { decay: self.shop.decay(), incarnation: 1, commit: 1 }, &effects.facts));
        let encoded = watch.lap();
        effects.facts.iter().for_each(|fact| self.shop.fold(fact));
        (Times([decoded, applied, encoded, watch.lap()]), effects)
    }

    /// Prints a line of the table; returns how long the event took to apply.
    fn tell(&mut self, name: &str, before: &Session, json: &str, rounds: usize) -> f64 {
        let (first, effects) = self.time(before, json);
        let Times(times) = (1..rounds).fold(first, |fastest, _| fastest.fastest(self.time(before, json).0));
        let result = hash_128("effects", &[format!("{effects:?}").as_bytes()]) >> 96;
        println!("{name:28}{:>9.1}{:>9.1}{:>9.1}{:>9.1}  {result:08x}", times[0], times[1], times[2], times[3]);
        times[1]
    }

    /// The session after an event that nobody hears of.
    fn after(&mut self, before: &Session, json: &str) -> Session {
        self.put_back(before);
        apply(&self.settings, &mut self.sessions, &event(json), &self.shop).unwrap_or_else(|reject| panic!("{reject}"));
        self.sessions.get(KEY).unwrap().clone()
    }
}

fn main() -> ExitCode {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let or = |at: usize, default: usize| given.get(at).copied().unwrap_or(default);
    let (count, rounds, within_ms) = (or(0, 5_000), or(1, 5), or(2, 50));
    let items = count * 4;
    let mut world = World::new();
    world.give_catalogue(items);
    world.learn(items);
    let basket = world.open(items, count - 1);
    let of = |kind: &str, fields: &str| json(kind, 0, "large", fields);
    let order = |lines: &str| of("purchase", &format!(r#""order_id":"o-1","discount":"99.99",{lines}"#));
    let (same, unpriced, other) = (lines(0, 2, count, true), lines(0, 2, count, false), lines(1, 2, count, true));
    let bought = world.after(&basket, &order(&same));
    let new = format!(r#""item_id":"{}","price":10"#, item(1));
    let cases = [
        ("a page is opened", &basket, of("product_viewed", &new)),
        ("one more is added", &basket, of("cart_add", &new)),
        ("the first is removed", &basket, of("cart_remove", &format!(r#""item_id":"{}""#, item(0)))),
        ("checkout of the basket", &basket, of("checkout", r#""locale":"en""#)),
        ("checkout of the same lines", &basket, of("checkout", &same)),
        ("all lines are replaced", &basket, of("checkout", &other)),
        ("purchase of the same lines", &basket, order(&same)),
        ("purchase without prices", &basket, order(&unpriced)),
        ("purchase of other lines", &basket, order(&other)),
        ("refund of every line", &bought, of("refund", &format!(r#""order_id":"o-1",{same}"#))),
        ("cancellation", &bought, of("order_cancelled", r#""order_id":"o-1""#)),
    ];
    println!("{count} lines, {items} items, the fastest of {rounds}, in ms");
    println!("{:28}{:>9}{:>9}{:>9}{:>9}  result", "", "decode", "apply", "encode", "fold");
    let slowest = cases.iter().map(|(name, before, json)| world.tell(name, before, json, rounds)).fold(0.0, f64::max);
    if slowest > within_ms as f64 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
