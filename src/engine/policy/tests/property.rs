//! Random shops, random shoppers: no offer ever breaks a rule, and every trigger ends as exactly one outcome.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::law::{self, Asked};
use super::ledger::{Ledger, Made};
use super::*;
use crate::engine::settings::{AttributionTrigger, DurationMs, Settings, StampCard, Zone};
use crate::engine::test_support::{HOUR_MS, START};
use crate::engine::totals::TotalKey;

const ITEMS: usize = 12;
const SESSIONS: [&str; 3] = ["ann", "bob", "cy"];

fn name(item: usize) -> String {
    format!("i{item}")
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    View(usize),
    Add(usize),
    /// The basket's line of that number.
    Remove(usize),
    Checkout,
    /// The basket, or this item where it is empty.
    Buy(usize),
    /// On the offer that many before the last.
    Respond(&'static str, usize),
    Tell(&'static str),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let item = 0..ITEMS;
    prop_oneof![
        3 => item.clone().prop_map(Step::View),
        5 => item.clone().prop_map(Step::Add),
        1 => (0..3_usize).prop_map(Step::Remove),
        2 => Just(Step::Checkout),
        2 => item.prop_map(Step::Buy),
        4 => (prop_oneof![4 => Just("offer_shown"), 1 => Just("offer_clicked"), 1 => Just("offer_dismissed")], 0..2_usize)
            .prop_map(|(kind, back)| Step::Respond(kind, back)),
        3 => prop_oneof![Just(r#""customer_id":"u""#), Just(r#""customer_id":"v""#), Just(r#""channel":"app""#)].prop_map(Step::Tell),
        1 => Just(Step::Wait),
    ]
}

/// Whose step it is, and after how long.
fn script() -> impl Strategy<Value = Vec<(usize, i64, Step)>> {
    let after_ms = prop_oneof![
        8 => Just(1_000),
        3 => Just(10 * 60_000),
        2 => Just(HOUR_MS),
        1 => Just(25 * HOUR_MS),
        1 => Just(8 * DAY_MS),
        1 => Just(31 * DAY_MS),
    ];
    proptest::collection::vec((0..SESSIONS.len(), after_ms, step()), 1..50)
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    proptest::sample::select(values.to_vec())
}

fn some_product() -> impl Strategy<Value = Product> {
    let facts = (one_of(&[0, 5, 8, 10, 11, 12, 20, 40, 44]), one_of(&["", "x", "y", "z"]), one_of(&[None, Some("b")]), 0..8_u8);
    let money = (one_of(&[None, Some(50_000), Some(300_000), Some(900_000)]), one_of(&[None, None, Some(1), Some(9)]));
    let related = (0..4 * ITEMS, 0..4 * ITEMS, 0..3 * ITEMS, 0..3 * ITEMS);
    (facts, money, related).prop_map(|((price, category, brand, stock), (margin_ppm, replenish_days), related)| {
        let of = |item: usize| (item < ITEMS).then(|| name(item).into());
        Product {
            price: (price > 0).then(|| money_of(price)),
            category: (!category.is_empty()).then(|| category.into()),
            brand: brand.map(Into::into),
            in_stock: (stock == 0).then_some(false),
            margin_ppm,
            replenish_days,
            variant_of: of(related.0),
            upgrade_of: of(related.1),
            pinned: of(related.2).into_iter().collect(),
            excluded: of(related.3).into_iter().collect(),
            ..Product::default()
        }
    })
}

fn money_of(whole: i64) -> Money {
    super::money(whole)
}

fn some_settings() -> impl Strategy<Value = Settings> {
    let caps = (0..4_u32, 0..4_u32, 0..4_u32, 0..3_u32, 0..3_u32, any::<bool>());
    let ways = (any::<bool>(), any::<bool>(), any::<bool>(), 0..4_u8, 1..=3_usize, 1..4_u32);
    let excluded = (0..3 * ITEMS, one_of(&["", "", "", "x"]), proptest::collection::vec(0..ITEMS, 0..4));
    let kinds = proptest::collection::vec(Just(OfferKind::ALL.to_vec()).prop_shuffle().prop_flat_map(|all| (Just(all), 1..=4_usize)), 6);
    (caps, ways, excluded, kinds).prop_map(|(caps, ways, excluded, kinds)| {
        let mut settings = Settings::default();
        settings.experiment.holdout_ratio = 0.0;
        let rules = &mut settings.rules;
        (rules.session_max, rules.customer_day_max, rules.item_session_max, rules.dismissals_max) =
            (4 * caps.0, 2 * caps.1, caps.2, caps.3);
        (rules.repeat_shown, rules.exploration_ratio, rules.new_item_baskets_max) = (caps.5, 0.3, 2);
        rules.excluded_items = (excluded.0 < ITEMS).then(|| name(excluded.0).into()).into_iter().collect();
        rules.excluded_categories = (!excluded.1.is_empty()).then(|| excluded.1.into()).into_iter().collect();
        rules.pinned = excluded.2.into_iter().map(|item| name(item).into()).collect();
        settings.attribution.trigger = if ways.0 { AttributionTrigger::Emitted } else { AttributionTrigger::Shown };
        settings.time_zone = zone(ways.1);
        settings.discounts.bundle_ratio = 0.2;
        settings.stamp_cards = vec![StampCard { category: "x".into(), buy: 2, discount_ratio: 0.5 }];
        for (placement, (kinds, count)) in Placement::ALL.iter().zip(kinds) {
            let policy = settings.placements.get_mut(*placement);
            policy.kinds = kinds[..count].to_vec();
            if matches!(placement, Placement::PostPurchase | Placement::FollowUp) {
                // What is paid is no part of a bundle.
                policy.kinds.retain(|kind| *kind != OfferKind::Bundle);
                policy.kinds.extend(policy.kinds.is_empty().then_some(OfferKind::CrossSell));
            }
            (policy.items_max, policy.baskets_together_min, policy.popular_baskets_min) = (ways.4, ways.5, 3);
            (policy.session_max, policy.after_decision) = (caps.4, ways.2);
            policy.channels = if ways.3 == 0 { vec!["app".into()] } else { Vec::new() };
        }
        let page = settings.placements.get_mut(Placement::ProductPage);
        (page.ladder, page.items_max) = (true, 3);
        settings.placements.get_mut(Placement::FollowUp).after = DurationMs::days(5);
        settings.check().err().into_iter().for_each(|bad| assert!(bad.name == "rules.pinned", "{bad}"));
        settings
    })
}

fn zone(is_east: bool) -> Zone {
    Zone(jiff::tz::TimeZoneDatabase::bundled().get(if is_east { "Asia/Tashkent" } else { "UTC" }).unwrap())
}

/// The engine and the ledger, side by side.
struct Run {
    world: World,
    ledger: Ledger,
    products: BTreeMap<String, Product>,
    now_ms: i64,
    triggers: i128,
    events: usize,
}

impl Run {
    fn new(settings: Settings, products: Vec<Product>, baskets: &[Vec<usize>]) -> Self {
        let products: BTreeMap<String, Product> = products.into_iter().enumerate().map(|(at, product)| (name(at), product)).collect();
        let is_east = settings.time_zone.0.iana_name() == Some("Asia/Tashkent");
        let ledger = Ledger { zone_ms: if is_east { 5 * HOUR_MS } else { 0 }, ..Ledger::default() };
        let world = World::with(settings);
        products.iter().for_each(|(item, product)| give(&world, item, product.clone()));
        let mut run = Self { world, ledger, products, now_ms: 0, triggers: 0, events: 0 };
        for (at, items) in baskets.iter().enumerate() {
            let items: Vec<String> = items.iter().map(|item| name(*item)).collect();
            run.buy(&format!("history{at}"), &items);
        }
        run
    }

    fn apply(&mut self, session: &str, kind: &str, fields: &str) -> Effects {
        self.events += 1;
        // A session that is gone does not know its customer any more, so every event says who it is.
        let customer = self.ledger.shoppers.get(session).and_then(|shopper| shopper.customer.clone());
        let mut all: Vec<String> = customer.into_iter().map(|customer| format!(r#""customer_id":"{customer}""#)).collect();
        all.extend(Some(fields.to_owned()).filter(|fields| !fields.is_empty()));
        let effects = self.world.take(&event(kind, self.now_ms, session, &all.join(",")));
        self.triggers += i128::from(effects.ended.is_some());
        assert_eq!(effects.ended.is_some(), matches!(kind, "product_viewed" | "cart_add" | "checkout" | "purchase"), "{kind}");
        effects
    }

    /// Time passes: what is due is offered.
    fn pass(&mut self, ms: i64) {
        for _ in 0..ms / (6 * HOUR_MS) {
            self.pass_once(6 * HOUR_MS);
        }
        self.pass_once(ms % (6 * HOUR_MS));
    }

    fn pass_once(&mut self, ms: i64) {
        self.now_ms += ms;
        for effects in wait(&mut self.world, self.now_ms) {
            self.triggers += 1;
            let session = effects.session.trim_start_matches("s:").to_owned();
            let order = effects.offer.as_ref().and_then(|_| json(&effects)["order_id"].as_str().map(str::to_owned));
            let items = order.map(|order| self.ledger.shoppers[&session].orders[&order].clone());
            self.judge(&effects, &session, None, items.as_deref());
        }
    }

    fn judge(&mut self, effects: &Effects, session: &str, page: Option<&str>, order: Option<&[String]>) {
        let Some(offer) = &effects.offer else { return };
        let at_ms = offer.ts.0 - START.0;
        let asked = Asked { placement: offer.placement, at_ms, session, page, order };
        law::check(&self.world.settings, &self.products, &self.ledger, &asked, &json(effects));
        let settings = &self.world.settings;
        let holds_ms = settings.placements.get(offer.placement).expires_after.0 + settings.attribution.window.0;
        let items = offer.items.iter().map(|item| item.item_id.to_string()).collect();
        let (id, placement, over_at_ms) = (offer.offer_id.clone(), offer.placement, at_ms + holds_ms);
        let is_seen = settings.attribution.trigger == AttributionTrigger::Emitted;
        self.ledger.made(session, Made { id, placement, items, seen: false, dismissed: false, over_at_ms }, at_ms, is_seen);
    }

    fn buy(&mut self, session: &str, items: &[String]) {
        let order = format!("o{}", self.events);
        let lines: Vec<String> = items.iter().map(|item| format!(r#"{{"item_id":"{item}"}}"#)).collect();
        let effects = self.apply(session, "purchase", &format!(r#""order_id":"{order}","items":[{}]"#, lines.join(",")));
        self.ledger.come(&self.world.settings, session, self.now_ms);
        // The shop has not learned of an order when its own offer is made.
        let shopper = self.ledger.shoppers.get_mut(session).unwrap();
        shopper.basket.clear();
        shopper.resting.retain(|item| !items.contains(item));
        shopper.bought.extend(items.iter().cloned());
        self.judge(&effects, session, None, Some(items));
        self.ledger.bought(session, &order, self.now_ms, items);
    }

    fn take(&mut self, session: &str, step: &Step) {
        let shopper = self.ledger.come(&self.world.settings, session, self.now_ms);
        match step {
            Step::View(item) => {
                let effects = self.apply(session, "product_viewed", &format!(r#""item_id":"{}""#, name(*item)));
                self.judge(&effects, session, Some(&name(*item)), None);
            }
            Step::Add(item) => {
                let item = name(*item);
                match shopper.basket.iter_mut().find(|(known, _)| *known == item) {
                    Some((_, units)) => *units += 1,
                    None => shopper.basket.push((item.clone(), 1)),
                }
                shopper.resting.remove(&item);
                let effects = self.apply(session, "cart_add", &format!(r#""item_id":"{item}""#));
                self.judge(&effects, session, None, None);
            }
            Step::Remove(at) if *at < shopper.basket.len() => {
                let (item, _) = shopper.basket.remove(*at);
                shopper.resting.insert(item.clone());
                self.apply(session, "cart_remove", &format!(r#""item_id":"{item}""#));
            }
            Step::Checkout => {
                let effects = self.apply(session, "checkout", "");
                self.judge(&effects, session, None, None);
            }
            Step::Buy(item) => {
                let mut items: Vec<String> = shopper.basket.iter().map(|(item, _)| item.clone()).collect();
                if items.is_empty() {
                    items.push(name(*item));
                }
                self.buy(session, &items);
            }
            Step::Respond(kind, back) => {
                let id = shopper.offers.iter().rev().nth(*back).map_or_else(|| "0".repeat(32), |offer| offer.id.clone());
                self.apply(session, kind, &format!(r#""offer_id":"{id}""#));
                match *kind {
                    "offer_dismissed" => self.ledger.dismissed(session, &id, self.now_ms),
                    _ => drop(self.ledger.saw(session, &id, self.now_ms)),
                }
            }
            Step::Tell(fields) => {
                let value: serde_json::Value = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
                let text = |field: &str| value[field].as_str().map(str::to_owned);
                shopper.customer = text("customer_id").or(shopper.customer.take());
                shopper.channel = text("channel").or(shopper.channel.take());
                let channel = shopper.channel.as_ref().map(|channel| format!(r#","channel":"{channel}""#)).unwrap_or_default();
                self.apply(session, "cart_remove", &format!(r#""item_id":"nothing"{channel}"#));
            }
            Step::Remove(_) | Step::Wait => drop(self.apply(session, "cart_remove", r#""item_id":"nothing""#)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_offer_ever_breaks_a_rule_and_every_trigger_has_one_outcome(
        settings in some_settings(),
        products in proptest::collection::vec(some_product(), ITEMS),
        baskets in proptest::collection::vec(proptest::sample::subsequence((0..ITEMS).collect::<Vec<_>>(), 1..4), 0..25),
        script in script(),
    ) {
        let mut run = Run::new(settings, products, &baskets);
        for (session, after_ms, step) in &script {
            run.pass(*after_ms);
            run.take(SESSIONS[*session], step);
        }
        run.pass(100 * DAY_MS);
        let outcomes = run.world.sum(|key| matches!(key, TotalKey::Triggers(..)));
        prop_assert_eq!(outcomes, run.triggers);
    }
}
