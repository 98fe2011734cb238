//! The held-out experiment, end to end: shoppers come, are offered something or are kept from it, and spend or don't;
//! what the shop says of it is held against sums made here, apart.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use offerstream::engine::experiment::reading::Reading;
use offerstream::engine::settings::{Amount, RevenueCap, Settings};
use offerstream::engine::shop::Shop;
use offerstream::engine::vocabulary::{Arm, ExperimentState, Placement};
use offerstream::event::{Money, Timestamp};
use offerstream::pipeline::{Learning, Processor, Record};

/// 2026-03-02T00:00:00Z.
const START_MS: i64 = 1_772_409_600_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const SHOPPERS: u64 = 4_000;
const CAP: i128 = 500_000_000;

/// A number from 0 to 1, drawn by counting.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct World {
    settings: Settings,
    shop: Arc<Shop>,
    processor: Processor,
}

impl World {
    fn new() -> Self {
        Self::with(Placement::Cart)
    }

    /// A shop with offers at one placement alone.
    fn with(only: Placement) -> Self {
        let mut settings = Settings::default();
        settings.experiment.holdout_ratio = 0.5;
        settings.experiment.revenue_cap = RevenueCap::Fixed(Amount(Money(500_000_000)));
        settings.experiment.detectable_ratio = 0.5;
        for placement in Placement::ALL {
            settings.placements.get_mut(*placement).enabled = *placement == only;
        }
        let shop = Arc::new(Shop::new(&settings.limits));
        let processor = Processor::new(Arc::new(settings.clone()), Arc::clone(&shop), Learning::AtOnce);
        let mut world = Self { settings, shop, processor };
        for n in 0..5 {
            let items = r#"[{"item_id":"phone","price":200},{"item_id":"case","price":50}]"#;
            world.send(START_MS - DAY_MS, "purchase", &format!(r#""session_id":"taught-{n}","order_id":"taught-{n}","items":{items}"#));
        }
        world
    }

    /// Takes an event; returns the arms of the offers it made.
    fn send(&mut self, at_ms: i64, kind: &str, fields: &str) -> Vec<Arm> {
        let line = format!(r#"{{"type":"{kind}","ts":"{}",{fields}}}"#, Timestamp(at_ms));
        let record = Record { partition: 0, key: None, payload: line.as_bytes(), payload_bytes: line.len(), record_time: None };
        self.processor.process(&record).unwrap_or_else(|reject| panic!("{reject}: {line}"));
        self.processor.drain_offers().map(|offer| offer.arm).collect()
    }

    fn reading(&self) -> Reading {
        let experiment = &self.settings.experiment;
        Reading::of(&self.shop.experiment(), &experiment.plan(), experiment.detectable_ratio, true)
    }
}

/// An event that is still to be sent.
type Later = BTreeMap<(i64, u64), (&'static str, String)>;

#[test]
fn what_the_arms_spent_is_what_was_paid_in_the_days_after_the_first_offer_net_and_capped() {
    let (mut world, mut draws) = (World::new(), Draws(7));
    let mut later = Later::new();
    let mut spent: BTreeMap<u64, (Arm, i128)> = BTreeMap::new();
    let mut crossed = 0;
    for shopper in 0..SHOPPERS {
        let at_ms = START_MS + shopper as i64 * 15 * MINUTE_MS;
        while let Some(entry) = later.first_entry().filter(|entry| entry.key().0 <= at_ms) {
            let ((due, _), (kind, fields)) = entry.remove_entry();
            world.send(due, kind, &fields);
        }
        let is_customer = draws.next() < 0.5;
        let who = if is_customer { format!(r#","customer_id":"c{shopper}""#) } else { String::new() };
        let arms = world.send(at_ms, "cart_add", &format!(r#""session_id":"s{shopper}","item_id":"phone","price":200{who}"#));
        let [arm] = arms[..] else { panic!("{arms:?} for shopper {shopper}") };
        let mut micros = 0;
        let buys = if arm == Arm::Treatment { 0.5 } else { 0.3 };
        if draws.next() < buys {
            let price = (1.0 + draws.next() * 700.0) as i128;
            micros += price * 1_000_000;
            let order = format!(r#""session_id":"s{shopper}","order_id":"o{shopper}""#);
            let bought = format!(r#"{order},"items":[{{"item_id":"phone","price":{price}}}]{who}"#);
            later.insert((at_ms + 5 * MINUTE_MS, shopper), ("purchase", bought));
            if draws.next() < 0.2 {
                // In time, or when the days are over.
                let days = if draws.next() < 0.5 { 3 } else { 9 };
                micros -= if days < 7 { price * 1_000_000 } else { 0 };
                later.insert((at_ms + days * DAY_MS, shopper), ("refund", order));
            }
        }
        if is_customer && draws.next() < 0.3 {
            // The customer comes again by another session, and is of the same arm.
            let (days, price) = if draws.next() < 0.5 { (5, 30) } else { (8, 70) };
            micros += if days < 7 { price * 1_000_000 } else { 0 };
            let fields =
                format!(r#""session_id":"again{shopper}","order_id":"again{shopper}","items":[{{"item_id":"x","price":{price}}}]{who}"#);
            later.insert((at_ms + days * DAY_MS + 1, shopper), ("purchase", fields));
        }
        if !is_customer && draws.next() < 0.1 {
            // Logs in: the arm stays, and is that of the customer or not.
            let customer = format!("late{shopper}");
            let own = offerstream::engine::experiment::customer_arm(&customer, &world.settings.experiment);
            crossed += u64::from(own != arm);
            let fields = format!(r#""session_id":"s{shopper}","item_id":"phone","customer_id":"{customer}""#);
            assert_eq!(world.send(at_ms + 1, "product_viewed", &fields), []);
        }
        spent.insert(shopper, (arm, micros));
    }
    for ((due, _), (kind, fields)) in later {
        world.send(due, kind, &fields);
    }
    // Time goes on until everybody's days are over.
    world.send(START_MS + 90 * DAY_MS, "cart_add", r#""session_id":"last","item_id":"phone","price":200"#);

    let reading = world.reading();
    for (arm, read) in [(Arm::Treatment, reading.treatment), (Arm::Holdout, reading.holdout)] {
        let of_arm: Vec<i128> = spent.values().filter(|(its, _)| *its == arm).map(|(_, micros)| *micros).collect();
        assert_eq!(read.shoppers, of_arm.len() as u64, "{arm:?}");
        assert_eq!(read.revenue_micros, of_arm.iter().map(|micros| (*micros).clamp(0, CAP)).sum::<i128>(), "{arm:?}");
    }
    assert_eq!((reading.treatment.open + reading.holdout.open, reading.crossovers), (1, crossed));
    assert_eq!(reading.state, ExperimentState::Ready);
    // Two tenths more of them buy, for 351 on average, capped and less what came back: 50 more or so.
    let band = reading.difference.unwrap();
    assert!(band.lower > 0.0 && band.lower < 50e6 && band.upper > 50e6, "{band:?}");
}

#[test]
fn a_shopper_who_bought_before_the_first_offer_counts_from_the_offer_on() {
    let mut world = World::new();
    let who = r#""session_id":"s","customer_id":"c""#;
    world.send(START_MS, "purchase", &format!(r#"{who},"order_id":"before","items":[{{"item_id":"x","price":40}}]"#));
    assert_eq!(world.send(START_MS + 1, "cart_add", &format!(r#"{who},"item_id":"phone","price":200"#)).len(), 1);
    world.send(START_MS + 2, "purchase", &format!(r#"{who},"order_id":"after","items":[{{"item_id":"phone","price":200}}]"#));
    world.send(START_MS + 3, "refund", &format!(r#"{who},"order_id":"before""#));
    world.send(START_MS + 30 * DAY_MS, "cart_add", r#""session_id":"t","item_id":"phone","price":200"#);
    let reading = world.reading();
    assert_eq!(reading.treatment.revenue_micros + reading.holdout.revenue_micros, 200_000_000);
    assert_eq!(reading.treatment.shoppers + reading.holdout.shoppers, 1);
}

#[test]
fn the_order_that_an_offer_follows_is_no_outcome_and_neither_is_what_of_it_goes_back() {
    let mut world = World::with(Placement::PostPurchase);
    let who = r#""session_id":"s","customer_id":"c""#;
    let entered = world.send(START_MS, "purchase", &format!(r#"{who},"order_id":"first","items":[{{"item_id":"phone","price":200}}]"#));
    assert_eq!(entered.len(), 1);
    world.send(START_MS + 1, "refund", &format!(r#"{who},"order_id":"first""#));
    world.send(START_MS + 2, "purchase", &format!(r#"{who},"order_id":"second","items":[{{"item_id":"x","price":300}}]"#));
    world.send(START_MS + 30 * DAY_MS, "purchase", r#""session_id":"t","order_id":"t","items":[{"item_id":"phone","price":200}]"#);
    let reading = world.reading();
    assert_eq!(reading.treatment.revenue_micros + reading.holdout.revenue_micros, 300_000_000);
}
