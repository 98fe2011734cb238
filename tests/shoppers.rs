//! Scripted shoppers: each goes the way of a real one, event by event, and is offered what a good clerk would offer.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use offerstream::engine::catalogue::Product;
use offerstream::engine::settings::Settings;
use offerstream::engine::shop::Shop;
use offerstream::engine::totals::TotalKey;
use offerstream::engine::vocabulary::{Arm, ItemStep, OfferKind, Outcome, Placement};
use offerstream::event::{Money, Timestamp};
use offerstream::pipeline::{Learning, Processor, Record};
use serde_json::Value;

/// 2026-03-02T09:00:00Z.
const MORNING_MS: i64 = 1_772_442_000_000;
const MINUTE_MS: i64 = 60_000;

/// A shop of phones, and what passes in it.
struct Scene {
    shop: Arc<Shop>,
    processor: Processor,
    now_ms: i64,
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.experiment.holdout_ratio = 0.0;
    settings.rules.exploration_ratio = 0.0;
    settings
}

impl Scene {
    fn new(settings: Settings) -> Self {
        let (shop, settings) = (Arc::new(Shop::new(&settings.limits)), Arc::new(settings));
        let processor = Processor::new(settings, Arc::clone(&shop), Learning::AtOnce);
        let mut scene = Self { shop, processor, now_ms: MORNING_MS };
        for (item, price, category) in
            [("phone", 300_000, "phones"), ("phone-256", 400_000, "phones"), ("case", 20_000, "cases"), ("film", 10_000, "films")]
        {
            scene.alter(item, |product| (product.price, product.category) = (Some(Money(price * 1_000_000)), Some(category.into())));
        }
        scene.alter("phone-256", |product| product.variant_of = Some("phone".into()));
        for n in 0..5 {
            let companion = if n < 3 { "case" } else { "film" };
            let items = format!(r#""order_id":"h{n}","items":[{{"item_id":"phone"}},{{"item_id":"{companion}"}}]"#);
            scene.send("purchase", &format!("history-{n}"), &items);
        }
        scene
    }

    fn alter(&mut self, item: &str, change: impl FnOnce(&mut Product)) {
        let mut product = self.shop.catalogue.get(item);
        change(&mut product);
        self.shop.catalogue.give(item.into(), product);
    }

    /// An event a second after the last one; returns the offers it brings.
    fn send(&mut self, kind: &str, session: &str, fields: &str) -> Vec<Value> {
        self.now_ms += 1_000;
        let comma = if fields.is_empty() { "" } else { "," };
        let ts = Timestamp(self.now_ms);
        let line = format!(r#"{{"type":"{kind}","ts":"{ts}","session_id":"{session}"{comma}{fields}}}"#);
        let record = Record { partition: 0, key: None, payload: line.as_bytes(), payload_bytes: line.len(), record_time: None };
        self.processor.process(&record).unwrap_or_else(|reject| panic!("{reject}: {line}"));
        self.offers()
    }

    fn item(&mut self, kind: &str, session: &str, item: &str) -> Vec<Value> {
        self.send(kind, session, &format!(r#""item_id":"{item}""#))
    }

    fn respond(&mut self, kind: &str, session: &str, offer: &Value) {
        self.send(kind, session, &format!(r#""offer_id":{}"#, offer["offer_id"]));
    }

    fn buy(&mut self, session: &str, items: &[&str]) -> Vec<Value> {
        let lines: Vec<String> = items.iter().map(|item| format!(r#"{{"item_id":"{item}"}}"#)).collect();
        let order = format!("{session}-{}", self.now_ms);
        self.send("purchase", session, &format!(r#""order_id":"{order}","items":[{}]"#, lines.join(",")))
    }

    /// Nobody does anything for a while.
    fn wait(&mut self, minutes: i64) -> Vec<Value> {
        self.now_ms += minutes * MINUTE_MS;
        self.processor.tick(0, Timestamp(self.now_ms));
        self.offers()
    }

    fn offers(&mut self) -> Vec<Value> {
        self.processor
            .drain_offers()
            .filter(|out| out.arm == Arm::Treatment)
            .map(|out| serde_json::from_slice(&out.json).unwrap())
            .collect()
    }

    fn outcomes(&self, placement: Placement, outcome: Outcome) -> i128 {
        self.shop.totals().get(&TotalKey::Triggers(placement, outcome))
    }

    fn steps(&self, wanted: ItemStep) -> i128 {
        self.shop.totals().sum(|key| matches!(key, TotalKey::OfferItems { step, .. } if *step == wanted))
    }

    /// Extra revenue in whole units, of a kind at a placement.
    fn extra(&self, wanted: Placement, wanted_kind: OfferKind) -> i128 {
        let of =
            |key: &TotalKey| matches!(key, TotalKey::ExtraRevenue { placement, kind, .. } if (*placement, *kind) == (wanted, wanted_kind));
        self.shop.totals().sum(of) / 1_000_000
    }
}

fn items(offer: &Value) -> Vec<&str> {
    offer["items"].as_array().unwrap().iter().map(|item| item["item_id"].as_str().unwrap()).collect()
}

#[test]
fn who_takes_a_phone_is_offered_its_case_and_the_case_is_extra_revenue() {
    let mut scene = Scene::new(settings());
    let offer = scene.item("cart_add", "anna", "phone").pop().unwrap();
    assert_eq!(items(&offer)[..2], ["case", "film"]);
    assert_eq!((&offer["items"][0]["evidence"]["together"], &offer["items"][0]["evidence"]["baskets"]), (&3.into(), &5.into()));
    scene.respond("offer_shown", "anna", &offer);
    let next = scene.item("cart_add", "anna", "case");
    assert!(next.iter().all(|offer| !items(offer).contains(&"case")), "{next:?}");
    scene.buy("anna", &["phone", "case"]);
    assert_eq!((scene.steps(ItemStep::Accepted), scene.steps(ItemStep::Paid)), (1, 1));
    assert_eq!(scene.extra(Placement::Cart, OfferKind::CrossSell), 20_000);
}

#[test]
fn an_upgrades_extra_revenue_is_the_difference_and_none_where_both_are_bought() {
    for (bought, extra) in [(&["phone-256"][..], 100_000), (&["phone-256", "phone"], 0), (&["phone", "phone-256"], 0), (&["phone"], 0)] {
        let mut scene = Scene::new(settings());
        let offer = scene.item("product_viewed", "boris", "phone").pop().unwrap();
        let upgrade = offer["items"].as_array().unwrap().iter().find(|item| item["kind"] == "upsell").unwrap();
        assert_eq!((&upgrade["item_id"], &upgrade["replaces"]), (&"phone-256".into(), &"phone".into()));
        scene.respond("offer_shown", "boris", &offer);
        bought.iter().for_each(|item| drop(scene.item("cart_add", "boris", item)));
        scene.buy("boris", bought);
        assert_eq!(scene.extra(Placement::ProductPage, OfferKind::Upsell), extra, "{bought:?}");
    }
}

#[test]
fn who_declines_three_times_is_left_alone_until_the_next_visit() {
    let mut scene = Scene::new(settings());
    scene.shop.catalogue.give("tv".into(), Product { pinned: vec!["mount".into()], ..Product::default() });
    scene.shop.catalogue.give("bike".into(), Product { pinned: vec!["lock".into()], ..Product::default() });
    for item in ["phone", "tv", "bike"] {
        let offer = scene.item("cart_add", "clara", item).pop().unwrap();
        scene.respond("offer_dismissed", "clara", &offer);
        scene.item("cart_remove", "clara", item);
    }
    scene.shop.catalogue.give("desk".into(), Product { pinned: vec!["chair".into()], ..Product::default() });
    assert_eq!(scene.item("cart_add", "clara", "desk"), Vec::<Value>::new());
    assert_eq!(scene.send("checkout", "clara", ""), Vec::<Value>::new());
    assert_eq!(scene.wait(60), Vec::<Value>::new());
    assert_eq!(scene.outcomes(Placement::Cart, Outcome::LeftAlone), 1);
    assert_eq!(scene.outcomes(Placement::Checkout, Outcome::LeftAlone), 1);
    assert_eq!(scene.outcomes(Placement::AbandonedCart, Outcome::LeftAlone), 1);
    scene.wait(24 * 60 + 1);
    assert_eq!(items(&scene.item("cart_add", "clara", "desk")[0])[0], "chair");
}

#[test]
fn who_comes_back_after_an_hour_still_has_the_basket_and_is_not_shown_the_same_again() {
    let mut settings = settings();
    settings.placements.get_mut(Placement::AbandonedCart).enabled = false;
    let mut scene = Scene::new(settings);
    let offer = scene.item("cart_add", "dora", "phone").pop().unwrap();
    scene.respond("offer_shown", "dora", &offer);
    scene.wait(60);
    scene.shop.catalogue.give("bag".into(), Product { pinned: vec!["case".into(), "strap".into()], ..Product::default() });
    let next = scene.item("cart_add", "dora", "bag").pop().unwrap();
    assert!(items(&next).contains(&"strap"), "{next}");
    assert!(items(&next).iter().all(|item| !items(&offer).contains(item)), "{next}");
    assert_eq!(next["supersedes"], offer["offer_id"]);
    let later = scene.send("checkout", "dora", "");
    assert!(later.iter().all(|offer| !items(offer).contains(&"phone")), "the phone is in the basket still");
}

#[test]
fn who_leaves_a_basket_gets_one_offer_for_it_half_an_hour_after_the_last_event() {
    let left = || {
        let mut scene = Scene::new(settings());
        scene.item("cart_add", "emil", "phone");
        let last_ms = scene.now_ms;
        assert_eq!(scene.wait(29), Vec::<Value>::new());
        (scene.wait(90), last_ms, scene)
    };
    let (offers, last_ms, mut scene) = left();
    let [offer] = &offers[..] else { panic!("{offers:?}") };
    assert_eq!((&offer["placement"], &offer["ts"]), (&"abandoned_cart".into(), &Timestamp(last_ms + 30 * MINUTE_MS).to_string().into()));
    assert_eq!(offer, &left().0[0], "its id and all else rest on the events alone");
    assert_eq!(scene.wait(600), Vec::<Value>::new());
    assert_eq!(scene.outcomes(Placement::AbandonedCart, Outcome::Offered), 1);

    let mut scene = Scene::new(settings());
    scene.item("cart_add", "emil", "phone");
    scene.buy("emil", &["phone"]);
    assert!(scene.wait(120).is_empty(), "who buys has left nothing");
}

#[test]
fn who_buys_at_a_second_try_takes_what_the_left_basket_was_offered() {
    let mut scene = Scene::new(settings());
    scene.item("cart_add", "fedor", "phone");
    let offer = scene.wait(60).pop().unwrap();
    assert!(items(&offer).contains(&"case"));
    scene.wait(60);
    scene.respond("offer_clicked", "fedor", &offer);
    scene.respond("offer_shown", "fedor", &offer);
    scene.item("cart_add", "fedor", "case");
    scene.buy("fedor", &["phone", "case"]);
    assert_eq!(scene.extra(Placement::AbandonedCart, OfferKind::CrossSell), 20_000);
}

#[test]
fn who_is_held_out_gets_nothing_and_earns_no_offer_anything() {
    let mut settings = settings();
    settings.experiment.holdout_ratio = 0.5;
    let mut scene = Scene::new(settings);
    let mut treated = 0;
    for n in 0..20 {
        let session = format!("shopper-{n}");
        let offers = scene.item("cart_add", &session, "phone");
        treated += i128::from(!offers.is_empty());
        offers.iter().for_each(|offer| scene.respond("offer_shown", &session, offer));
        scene.item("cart_add", &session, "case");
        scene.buy(&session, &["phone", "case"]);
    }
    let withheld = scene.outcomes(Placement::Cart, Outcome::Withheld);
    assert!(treated > 0 && withheld > 0, "{treated} {withheld}");
    assert_eq!(scene.extra(Placement::Cart, OfferKind::CrossSell), 20_000 * treated);
}

#[test]
fn what_goes_out_of_stock_in_between_is_offered_no_more() {
    let mut scene = Scene::new(settings());
    assert!(items(&scene.item("cart_add", "galya", "phone")[0]).contains(&"case"));
    scene.alter("case", |product| product.stock = Some(0));
    let checkout = scene.item("product_viewed", "galya", "phone");
    assert!(checkout.iter().all(|offer| !items(offer).contains(&"case")), "{checkout:?}");
    assert!(!items(&scene.item("cart_add", "hugo", "phone")[0]).contains(&"case"));
    scene.alter("case", |product| product.stock = Some(1));
    assert!(items(&scene.item("cart_add", "igor", "phone")[0]).contains(&"case"));
}

#[test]
fn a_basket_that_grows_without_end_is_capped_and_counted_and_costs_no_more_then() {
    const LINES: usize = 1_000;
    const ADDS: usize = 10_000;
    let mut settings = settings();
    settings.limits.basket_lines = LINES;
    let mut scene = Scene::new(settings);
    let mut took = Vec::with_capacity(ADDS);
    for n in 0..ADDS {
        let from = Instant::now();
        scene.item("cart_add", "jan", &format!("part-{n}"));
        took.push(from.elapsed());
    }
    assert_eq!(scene.outcomes(Placement::Cart, Outcome::BasketFull), (ADDS - LINES) as i128);
    let sessions = &scene.processor.partitions()[&0];
    assert_eq!(sessions.get("s:jan").unwrap().basket.lines.len(), LINES);
    let mean = |took: &[Duration]| took.iter().sum::<Duration>() / took.len() as u32;
    let (before, after) = (mean(&took[LINES - 100..LINES]), mean(&took[ADDS - 1_000..]));
    assert!(after <= 3 * before + Duration::from_millis(1), "{before:?} an add below the cap, {after:?} beyond it");
}
