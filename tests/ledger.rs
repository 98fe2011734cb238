//! A ledger kept twice: what the engine makes of 10,000 random histories of shoppers has to equal, figure by figure, a
//! slow and obvious computation from the same events and offers that shares no code with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

#[path = "ledger/found.rs"]
mod found;
#[path = "ledger/history.rs"]
mod history;
#[path = "ledger/slow.rs"]
mod slow;
#[path = "ledger/world.rs"]
mod world;

use std::collections::BTreeSet;

use history::{Event, PRICES, Plan};
use slow::{Figures, Rules};
use world::{Played, Taught};

const HOUR_MS: i64 = 3_600_000;
const EXPIRES_MS: i64 = 40 * 60_000;

const RULES: Rules = Rules {
    trigger: "shown",
    whole_order: false,
    prices_include_tax: false,
    window_ms: HOUR_MS,
    // Asia/Kolkata, so that an hour there is none of UTC's.
    zone_ms: 5 * HOUR_MS + HOUR_MS / 2,
    currency: "USD",
    prices: PRICES,
    channels: &["web", "app", "store", "mail"],
};

/// The ledgers of a history: the engine's, and the slow one.
fn ledgers(taught: &Taught, rules: &Rules, history: &[Event]) -> (Played, Figures) {
    let played = taught.play(history);
    let slow = slow::figures(rules, &played.events, &played.offers);
    (played, slow)
}

/// Leaves events out, one by one, while the ledgers still differ.
fn shrunk(taught: &Taught, rules: &Rules, mut history: Vec<Event>) -> Vec<Event> {
    let mut at = 0;
    while at < history.len() {
        let mut fewer = history.clone();
        fewer.remove(at);
        let (played, slow) = ledgers(taught, rules, &fewer);
        if played.figures != slow {
            (history, at) = (fewer, 0);
        } else {
            at += 1;
        }
    }
    history
}

fn told(name: &str, played: &Played, slow: &Figures) -> String {
    let mut told = format!("{name}:\n");
    played.events.iter().for_each(|event| told += &format!("{event}\n"));
    told += "its offers:\n";
    played.offers.iter().for_each(|(_, offer)| told += &format!("{}\n", short(offer)));
    told += "the ledgers, the engine's first:\n";
    let names: BTreeSet<&String> = played.figures.keys().chain(slow.keys()).collect();
    for name in names {
        let (one, other) = (played.figures.get(name).copied().unwrap_or_default(), slow.get(name).copied().unwrap_or_default());
        told += &format!("{} {name}: {one} {other}\n", if one == other { " " } else { "*" });
    }
    told
}

/// An offer without what is only read by people.
fn short(offer: &serde_json::Value) -> serde_json::Value {
    let mut offer = offer.clone();
    for item in offer["items"].as_array_mut().unwrap() {
        item.as_object_mut().unwrap().retain(|field, _| matches!(field.as_str(), "item_id" | "kind" | "replaces"));
    }
    let kept = ["offer_id", "ts", "placement", "channel", "session_id", "customer_id", "expires_at", "items"];
    offer.as_object_mut().unwrap().retain(|field, _| kept.contains(&field.as_str()));
    offer
}

/// Keeps both ledgers of the histories of all these seeds.
fn agree(rules: &Rules, two_visits: bool, seeds: std::ops::Range<u64>) {
    let plan = Plan { window_ms: rules.window_ms, expires_ms: EXPIRES_MS, two_visits };
    let taught = Taught::new(rules, EXPIRES_MS);
    for seed in seeds {
        let history = history::history(seed, plan);
        let (played, slow) = ledgers(&taught, rules, &history);
        if played.figures != slow {
            let whole = told(&format!("the history of seed {seed}"), &played, &slow);
            let (played, slow) = ledgers(&taught, rules, &shrunk(&taught, rules, history));
            panic!("{whole}\n{}", told("shrunk", &played, &slow));
        }
    }
}

#[test]
fn offers_that_were_shown_are_credited_as_the_slow_ledger_says() {
    agree(&RULES, false, 0..4_500);
}

#[test]
fn offers_count_from_when_they_were_sent_where_no_feedback_comes() {
    agree(&Rules { trigger: "emitted", prices_include_tax: true, ..RULES }, false, 4_500..6_000);
}

#[test]
fn offers_count_from_the_click_where_the_shop_says_so() {
    agree(&Rules { trigger: "clicked", ..RULES }, false, 6_000..7_000);
}

#[test]
fn offers_count_from_the_one_click_link_where_the_shop_says_so() {
    agree(&Rules { trigger: "added", ..RULES }, false, 7_000..8_000);
}

#[test]
fn whole_orders_are_credited_where_the_shop_says_so() {
    agree(&Rules { whole_order: true, ..RULES }, false, 8_000..9_000);
}

#[test]
fn what_a_customer_was_offered_in_one_visit_is_credited_in_the_next() {
    agree(&RULES, true, 9_000..10_000);
}
