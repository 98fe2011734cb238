//! Purpose: what the simulated shop promises, seen from outside: its calls and its events.

mod contract;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::contract::Contract;
use super::behaviour::{self as b, HOUR_MS};
use super::*;

/// Monday, 2 March 2026, 00:00 UTC.
const START_MS: i64 = 1_772_409_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long the test's engine takes to answer.
const ANSWER_MS: i64 = 400;

fn shop(seed: u64, shoppers_per_hour: f64) -> Simulator {
    Simulator::new(SimConfig { seed, start_ms: START_MS, shoppers_per_hour })
}

fn day_without_offers(seed: u64) -> Vec<SimEvent> {
    let mut events = Vec::new();
    shop(seed, 100.0).advance(START_MS + DAY_MS, &mut events);
    events
}

/// What a test's engine answers to an event: the items of an offer, none for no offer.
type Engine<'a> = &'a dyn Fn(&Catalogue, &Value) -> Vec<CompactString>;

/// Runs a shop with an engine answering every cart add, some tenths of a second later.
fn days_with_offers(sim: &mut Simulator, days: i64, engine: Engine) -> Vec<SimEvent> {
    let catalogue = Catalogue::new();
    let mut events = Vec::new();
    for now_ms in (START_MS..=START_MS + days * DAY_MS).step_by(1_000) {
        let first = events.len();
        sim.advance(now_ms, &mut events);
        for value in of_type(&events[first..], "cart_add") {
            let items = engine(&catalogue, &value);
            // With the quotation marks of JSON, so that ids have to be escaped.
            let offer_id = format!("o-{}", value["event_id"]);
            sim.on_offer(&offer(text(&value, "session_id"), &offer_id, &items), now_ms + ANSWER_MS);
        }
    }
    events
}

fn offer(session_id: &str, offer_id: &str, items: &[CompactString]) -> Vec<u8> {
    let items: Vec<_> = items.iter().map(|item_id| json!({"item_id": item_id, "kind": "cross_sell", "reason": "…"})).collect();
    let offer = json!({"type": "offer", "offer_id": offer_id, "placement": "cart", "session_id": session_id, "items": items});
    offer.to_string().into_bytes()
}

fn companions(catalogue: &Catalogue, event: &Value) -> Vec<CompactString> {
    let item = catalogue.find(text(event, "item_id")).expect("of the catalogue");
    catalogue.product(item).companions.iter().take(3).map(|&c| catalogue.product(c).item_id.clone()).collect()
}

fn anything(catalogue: &Catalogue, event: &Value) -> Vec<CompactString> {
    let mut rng = Rng::new(text(event, "event_id").bytes().fold(0, |seed, byte| derive(seed, byte.into())));
    (0..3).map(|_| catalogue.products()[rng.below(catalogue.products().len())].item_id.clone()).collect()
}

fn parse(event: &SimEvent) -> Value {
    serde_json::from_str(&event.json).expect("an event is JSON")
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_else(|| panic!("no {field} in {event}"))
}

fn of_type<'a>(events: &'a [SimEvent], kind: &'a str) -> impl Iterator<Item = Value> + 'a {
    events.iter().filter(move |event| is(event, kind)).map(parse)
}

fn is(event: &SimEvent, kind: &str) -> bool {
    event.json.strip_prefix(r#"{"type":""#).and_then(|rest| rest.strip_prefix(kind)).is_some_and(|rest| rest.starts_with('"'))
}

fn ids(lines: &Value) -> Vec<&str> {
    lines.as_array().expect("a list").iter().map(|line| text(line, "item_id")).collect()
}

fn cents(value: &Value) -> i64 {
    Cents::parse(value.as_str().expect("a decimal string")).expect("whole cents").0
}

#[test]
fn the_same_seed_and_the_same_calls_give_the_same_bytes() {
    let run = |seed| days_with_offers(&mut shop(seed, 60.0), 1, &companions);
    let first = run(1);
    assert!(first.len() > 5_000);
    assert!(first == run(1));
    let adds_by_number = |events: &[SimEvent]| -> BTreeSet<_> {
        let number = |add: &Value| text(add, "session_id").rsplit('-').next().map(str::to_owned);
        of_type(events, "cart_add").map(|add| (number(&add), text(&add, "item_id").to_owned())).collect()
    };
    let (adds, others) = (adds_by_number(&first), adds_by_number(&run(2)));
    assert!(adds.intersection(&others).count() * 5 < adds.len(), "other seeds bring other shoppers");
}

#[test]
fn without_offers_it_does_not_matter_how_finely_time_advances() {
    let whole = day_without_offers(3);
    for step_ms in [977, 60_000, 5 * HOUR_MS] {
        let mut sim = shop(3, 100.0);
        let mut events = Vec::new();
        let mut now_ms = START_MS;
        while now_ms < START_MS + DAY_MS {
            now_ms = (now_ms + step_ms).min(START_MS + DAY_MS);
            sim.advance(now_ms, &mut events);
            assert!(events.last().is_none_or(|event| event.ts_ms <= now_ms));
            sim.advance(now_ms - 10_000, &mut events);
        }
        assert!(events == whole, "steps of {step_ms} ms");
    }
}

#[test]
fn every_event_of_two_days_keeps_the_contract() {
    let engine = |catalogue: &Catalogue, event: &Value| {
        let mut items = companions(catalogue, event);
        items.extend(anything(catalogue, event));
        items
    };
    let events = days_with_offers(&mut shop(4, 100.0), 2, &engine);
    let mut contract = Contract::default();
    let mut last_ms = START_MS;
    for event in &events {
        assert!(event.ts_ms >= last_ms, "out of time order: {}", event.json);
        last_ms = event.ts_ms;
        contract.check(event);
    }
    let seen: Vec<_> = contract.kinds.keys().map(String::as_str).collect();
    let all = ["cart_add", "cart_remove", "checkout", "offer_clicked", "offer_dismissed", "offer_shown"];
    let all: Vec<_> = all.into_iter().chain(["order_cancelled", "product_viewed", "purchase", "refund"]).collect();
    assert_eq!(seen, all, "{:?}", contract.kinds);
}

#[test]
fn companions_are_bought_together_far_more_often_than_chance() {
    let catalogue = Catalogue::new();
    let mut events = Vec::new();
    shop(5, 400.0).advance(START_MS + DAY_MS, &mut events);
    let purchases: Vec<_> = of_type(&events, "purchase").collect();
    let baskets: Vec<BTreeSet<_>> =
        purchases.iter().map(|p| ids(&p["items"]).iter().filter_map(|id| catalogue.find(id)).collect()).collect();
    let pairs_up = |basket: &&BTreeSet<_>| basket.iter().any(|&a| basket.iter().any(|&other| catalogue.goes_with(a, other)));
    let share = baskets.iter().filter(pairs_up).count() as f64 / baskets.len() as f64;
    assert!(share > 0.35, "{share}");
    for (anchor, companion) in
        [("sim-phone-zelvo5", "sim-case-zelvo5"), ("sim-espresso-one", "sim-descaler"), ("sim-nappies-3", "sim-wipes")]
    {
        let [anchor, companion] = [anchor, companion].map(|id| catalogue.find(id).expect("in the table"));
        let with = |item| baskets.iter().filter(|b| b.contains(&item)).count() as f64;
        let both = baskets.iter().filter(|b| b.contains(&anchor) && b.contains(&companion)).count() as f64;
        let lift = both * baskets.len() as f64 / (with(anchor) * with(companion));
        assert!(both >= 15.0 && lift > 5.0, "{anchor} and {companion}: {both}, lift {lift}");
    }
}

#[test]
fn offers_are_seen_and_taken_only_if_they_came() {
    let none = day_without_offers(6);
    assert!(none.iter().map(parse).all(|event| event.get("offer_id").is_none()));
    let offered = days_with_offers(&mut shop(6, 100.0), 1, &companions);
    let one_click = of_type(&offered, "cart_add").filter(|event| event.get("offer_id").is_some()).count();
    assert!(one_click > 50 && of_type(&offered, "offer_dismissed").count() > 50);
    let lines_sold = |events: &[SimEvent]| -> i64 { of_type(events, "purchase").map(|p| ids(&p["items"]).len() as i64).sum() };
    let (before, after) = (lines_sold(&none), lines_sold(&offered));
    assert!(after * 100 > before * 105, "{before} lines without, {after} with offers");
    let orders = |events| of_type(events, "purchase").count();
    assert!(orders(&offered) > orders(&none), "some who were about to leave order after all");
}

#[test]
fn companions_are_taken_often_and_random_things_rarely() {
    let rate = |engine: Engine| {
        let events = days_with_offers(&mut shop(7, 100.0), 1, engine);
        let taken = of_type(&events, "cart_add").filter(|event| event.get("offer_id").is_some()).count();
        taken as f64 / of_type(&events, "offer_shown").count() as f64
    };
    let (good, bad) = (rate(&companions), rate(&anything));
    assert!(good > 0.10 && bad < 0.03 && good > 6.0 * bad, "{good} against {bad}");
}

#[test]
fn shoppers_who_get_no_offer_do_exactly_what_they_would_have_done() {
    let treated = |session: &str| session.bytes().last().is_some_and(|digit| digit % 2 == 0);
    let engine = |catalogue: &Catalogue, event: &Value| match treated(text(event, "session_id")) {
        true => companions(catalogue, event),
        false => Vec::new(),
    };
    let offered = days_with_offers(&mut shop(6, 100.0), 1, &engine);
    let held_out = |events: Vec<SimEvent>| events.into_iter().filter(|e| !treated(&e.key)).collect::<Vec<_>>();
    let expected = held_out(day_without_offers(6));
    assert!(expected.len() > 5_000 && held_out(offered) == expected);
}

#[test]
fn offers_that_nobody_will_see_are_ignored() {
    let item = [CompactString::from("sim-cat-litter")];
    let now_ms = START_MS + 12 * HOUR_MS;
    let mut sim = shop(8, 200.0);
    let mut events = Vec::new();
    sim.advance(now_ms, &mut events);
    let over = of_type(&events, "purchase").next().expect("an order in half a day");
    let over = text(&over, "session_id").to_owned();
    assert!(!sim.on_offer(&offer(&over, "late", &item), now_ms));
    let open: Vec<_> = sim.sessions.keys().map(|number| format!("sim-{}-{number}", sim.tag)).collect();
    assert!(open.len() > 3);
    let elsewhere: Vec<_> = sim.sessions.keys().map(|number| format!("sim-00000000-{number}")).collect();
    assert!(elsewhere.iter().all(|id| !sim.on_offer(&offer(id, "strange", &item), now_ms)));
    for session in ["", "sim-", "sim-0-0", "elsewhere", &format!("{over}000000"), &format!("x{over}")] {
        assert!(!sim.on_offer(&offer(session, "strange", &item), now_ms), "{session}");
    }
    let seen: Vec<_> = open.iter().filter(|id| sim.on_offer(&offer(id, "first", &item), now_ms)).collect();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|id| !sim.on_offer(&offer(id, "first", &item), now_ms)), "the same offer again");
    assert!(seen.iter().all(|id| !sim.on_offer(&offer(id, "too late", &item), now_ms + DAY_MS)));
    let mut later = Vec::new();
    sim.advance(now_ms + HOUR_MS, &mut later);
    let shown: BTreeSet<_> = of_type(&later, "offer_shown").map(|event| text(&event, "offer_id").to_owned()).collect();
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), ["first"]);
}

#[test]
fn the_newest_offer_at_a_placement_takes_the_place_of_an_unseen_one() {
    let item = [CompactString::from("sim-cat-litter")];
    let now_ms = START_MS + 12 * HOUR_MS;
    let mut sim = shop(8, 200.0);
    let mut events = Vec::new();
    sim.advance(now_ms, &mut events);
    let open: Vec<_> = sim.sessions.keys().map(|number| format!("sim-{}-{number}", sim.tag)).collect();
    let both = |id: &&String| {
        let send = |sim: &mut Simulator, offer_id| sim.on_offer(&offer(id, offer_id, &item), now_ms);
        send(&mut sim, "older") && send(&mut sim, "newer")
    };
    let superseded: Vec<_> = open.iter().filter(both).collect();
    assert!(!superseded.is_empty());
    sim.advance(START_MS + 13 * HOUR_MS, &mut events);
    let shown: Vec<_> = of_type(&events, "offer_shown").collect();
    for id in superseded {
        let of_session = shown.iter().filter(|event| event["session_id"] == **id);
        assert_eq!(of_session.map(|event| text(event, "offer_id")).collect::<Vec<_>>(), ["newer"]);
    }
}

#[test]
fn customers_come_back_and_some_log_in_late() {
    let events = day_without_offers(9);
    let mut sessions: BTreeMap<String, BTreeSet<CompactString>> = BTreeMap::new();
    let (mut late, mut all) = (0, 0);
    for checkout in of_type(&events, "checkout") {
        let Some(customer) = checkout["customer_id"].as_str() else { continue };
        let session = text(&checkout, "session_id");
        let checkout_ms = text(&checkout, "ts").parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond();
        let mut earlier = events.iter().filter(|e| e.key == session && e.ts_ms < checkout_ms).map(parse);
        late += i32::from(earlier.next().expect("an event before it").get("customer_id").is_none());
        all += 1;
        sessions.entry(customer.to_owned()).or_default().insert(session.into());
    }
    assert!(late * 5 > all && late * 3 < all, "{late} of {all}");
    assert!(sessions.values().filter(|visits| visits.len() > 1).count() > 20);
}

#[test]
fn a_month_leaves_nothing_behind_but_who_is_in_the_shop_and_what_may_come_back() {
    let mut sim = shop(10, 25.0);
    let mut events = Vec::new();
    let mut most = 0;
    for hour in 1..=30 * 24 {
        events.clear();
        sim.advance(START_MS + hour * HOUR_MS, &mut events);
        most = most.max(sim.open_sessions());
        assert_eq!(sim.timers.len(), sim.open_sessions());
        assert!(sim.aftermaths.len() <= 50, "{}", sim.aftermaths.len());
    }
    assert!(sim.arrived > 12_000 && most < 30, "{most} of {}", sim.arrived);
}

#[test]
fn orders_that_may_come_back_are_kept_up_to_a_number() {
    let mut sim = shop(11, 1_000.0);
    sim.aftermaths_max = 20;
    let mut events = Vec::new();
    let mut most = 0;
    for minute in 1..=8 * 60 {
        sim.advance(START_MS + minute * b::MINUTE_MS, &mut events);
        most = most.max(sim.aftermaths.len());
    }
    assert_eq!(most, 20);
    assert!(of_type(&events, "refund").count() > 0);
}

#[test]
fn extreme_settings_neither_panic_nor_hang() {
    for (start_ms, rate) in [(i64::MIN, 10.0), (i64::MAX, 10.0), (0, -1.0), (0, f64::NAN), (0, 1e-9)] {
        let mut sim = Simulator::new(SimConfig { seed: 0, start_ms, shoppers_per_hour: rate });
        let mut events = Vec::new();
        sim.advance(HOUR_MS, &mut events);
        sim.advance(i64::MIN, &mut events);
        assert!(!sim.on_offer(b"\xff", i64::MAX));
        assert!(!sim.on_offer(&offer("sim-0-0", "o", &[]), i64::MIN));
    }
}
