//! The checker of the broker tests can fail: it is shown a run that is right, then what each fault looks like.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;

use support::checker::{Outcome, problems};
use support::counts::differences;
use support::order::{self, Places};
use support::scene::total_differences;
use support::topics::Rec;

const TIMES: [&str; 3] = ["2026-03-02T08:00:00.000Z", "2026-03-02T08:00:01.000Z", "2026-03-02T08:00:02.000Z"];

fn rec(partition: i32, offset: i64, key: &str, value: &[u8]) -> Rec {
    Rec { partition, offset, key: Some(key.into()), value: Some(value.to_vec()), ..Rec::default() }
}

fn record(offset: i64, value: &Value) -> Rec {
    rec(1, offset, "x", value.to_string().as_bytes())
}

fn offer(id: &str, at: usize, item: &str, with: &str, offered: &str) -> Value {
    json!({
        "type": "offer", "offer_id": id, "ts": TIMES[at], "placement": "cart", "session_id": "x", "locale": "en", "arm": "treatment",
        "cause": {"type": "cart_add", "item_id": item}, "variant": "default", "propensity": "1.000000",
        "expires_at": "2026-03-03T08:00:00.000Z",
        "items": [{"item_id": offered, "kind": "cross_sell", "reason": "bought together", "price": "2",
            "evidence": {"with": with, "step": "pair", "baskets": 9, "together": 4, "confidence": 0.444444}}],
    })
}

/// Two cart adds with an offer each, a junk record between them, and the order.
fn right() -> Outcome {
    let add = |at: usize, item: &str| json!({"type": "cart_add", "ts": TIMES[at], "session_id": "x", "item_id": item});
    let order =
        json!({"type": "purchase", "ts": TIMES[2], "session_id": "x", "order_id": "o", "items": [{"item_id": "a"}, {"item_id": "b"}]});
    let mut junk = rec(1, 1, "x", b"{");
    junk.headers.insert("test-expect".into(), "not_json".into());
    let mut letter = rec(1, 0, "x", b"{");
    for (name, value) in
        [("reason", "not_json"), ("detail", "EOF"), ("topic", "events"), ("partition", "1"), ("offset", "1"), ("size", "1")]
    {
        letter.headers.insert(name.into(), value.into());
    }
    Outcome {
        events_topic: "events".into(),
        events: vec![record(0, &add(0, "a")), junk, record(2, &add(1, "b")), record(3, &order)],
        offers: vec![record(0, &offer("1", 0, "a", "a", "c")), record(1, &offer("2", 1, "b", "a", "c"))],
        withheld: Vec::new(),
        dead_letters: vec![letter],
        totals: vec![
            json!({"total": "events", "type": "cart_add", "value": 2}),
            json!({"total": "events", "type": "purchase", "value": 1}),
            json!({"total": "events_rejected", "reason": "not_json", "value": 1}),
            json!({"total": "orders", "value": 1}),
            json!({"total": "offer_triggers", "placement": "cart", "outcome": "offered", "value": 2}),
            json!({"total": "offer_triggers", "placement": "post_purchase", "outcome": "no_candidates", "value": 1}),
            json!({"total": "offer_items_emitted", "placement": "cart", "value": 2}),
        ],
    }
}

/// An offer for leaving a basket behind, made at that time.
fn timed(ts: &str) -> Value {
    let mut offer = offer("9", 0, "a", "a", "c");
    (offer["placement"], offer["ts"]) = (json!("abandoned_cart"), json!(ts));
    offer["cause"] = json!({"type": "cart_add"});
    offer
}

fn misplaced() -> Value {
    let mut offer = offer("1", 0, "a", "a", "c");
    offer["placement"] = json!("checkout");
    offer
}

#[test]
fn a_timer_that_waited_as_long_as_the_policy_says_is_right() {
    let mut run = right();
    run.offers.push(record(3, &timed("2026-03-02T08:30:00.000Z")));
    run.totals.push(json!({"total": "offer_triggers", "placement": "abandoned_cart", "outcome": "offered", "value": 1}));
    run.totals.push(json!({"total": "offer_items_emitted", "placement": "abandoned_cart", "value": 1}));
    assert_eq!(problems(&run), Vec::<String>::new());
}

#[test]
fn a_run_that_is_right_has_no_problem() {
    assert_eq!(problems(&right()), Vec::<String>::new());
}

#[test]
fn each_fault_is_found_and_named() {
    type Fault = (&'static str, fn(&mut Outcome));
    let faults: [Fault; 17] = [
        ("an offer id twice", |run| run.offers.push(run.offers[0].clone())),
        ("2 offers for one event", |run| run.offers.push(record(2, &offer("3", 0, "a", "a", "d")))),
        ("offers at cart: the totals say 2, the records 1", |run| _ = run.offers.pop()),
        ("an offer without a cause", |run| run.offers[0].key = Some(b"y".to_vec())),
        ("an offer on partition 0", |run| run.offers[0].partition = 0),
        ("b is offered and in the basket", |run| run.offers[1] = record(1, &offer("2", 1, "b", "a", "b"))),
        ("evidence with an item that is not in the basket", |run| run.offers[1] = record(1, &offer("2", 1, "b", "z", "c"))),
        ("an offer of the wrong arm", |run| run.withheld.extend(run.offers.pop())),
        ("0 dead letters", |run| run.dead_letters.clear()),
        ("2 dead letters", |run| run.dead_letters.push(run.dead_letters[0].clone())),
        ("another payload", |run| run.dead_letters[0].value = None),
        ("says \"empty\"", |run| _ = run.dead_letters[0].headers.insert("reason".into(), "empty".into())),
        ("cart_add events: the totals say 3", |run| run.totals[0]["value"] = json!(3)),
        ("triggers at post_purchase: the totals say 0", |run| _ = run.totals.remove(5)),
        ("derives from no event", |run| run.offers.push(record(3, &timed("2026-03-02T08:30:02.000Z")))),
        ("a placement that does not fit its cause", |run| run.offers[0] = record(0, &misplaced())),
        ("triggers at cart: the totals say 3", |run| run.totals[4]["value"] = json!(3)),
    ];
    for (says, spoil) in faults {
        let mut run = right();
        spoil(&mut run);
        let found = problems(&run);
        assert!(found.iter().any(|problem| problem.contains(says)), "{says:?} is not among {found:?}");
    }
}

#[test]
fn counts_are_recounted() {
    let dump = |together: u32| {
        let lines = [
            json!({"baskets": 1, "half_life_ms": 1, "landmark": TIMES[0]}),
            json!({"item": "a", "baskets": 1, "weight": 1}),
            json!({"item": "b", "baskets": 1, "weight": 1}),
            json!({"item": "a", "with": "b", "together": together, "weight": 1}),
        ];
        lines.map(|line| line.to_string() + "\n").concat()
    };
    assert_eq!(differences(&right().events, dump(1).as_bytes()), Vec::<String>::new());
    assert_eq!(differences(&right().events, dump(2).as_bytes()), ["together of (\"a\", \"b\"): 2 in the dump, 1 counted"]);
}

/// [`right`] as it would lie there: a commit after the first two events, one after the last two. Each transaction's end
/// takes an offset.
fn right_places() -> (Outcome, Places) {
    let mut run = right();
    run.offers[1].offset = 2;
    // A second junk record beside the first, and one in the second transaction.
    let (junk, letter) = (run.events[1].clone(), run.dead_letters[0].clone());
    for (place, offset) in [(1, 4), (3, 5), (4, 6)] {
        let (mut event, mut letter) = (junk.clone(), letter.clone());
        event.offset = offset;
        letter.headers.insert("offset".into(), offset.to_string());
        letter.offset = place;
        run.events.push(event);
        run.dead_letters.push(letter);
    }
    run.totals[2]["value"] = json!(4);
    let places = Places { commits: BTreeMap::from([(1, vec![2, 2, 5, 7])]), ..Places::default() };
    // Events 0 and 1, then 2 to 4, then 5 and 6: letters at 0; at 2; at 4 and 5.
    for (letter, at) in run.dead_letters.iter_mut().zip([0, 2, 4, 5]) {
        letter.offset = at;
    }
    (run, places)
}

#[test]
fn a_run_whose_commits_are_whole_and_in_order_is_right() {
    let (run, places) = right_places();
    assert_eq!(problems(&run), Vec::<String>::new());
    assert_eq!(order::problems(&run, &places), Vec::<String>::new());
}

#[test]
fn each_record_out_of_place_is_found_and_named() {
    type Fault = (&'static str, fn(&mut Outcome, &mut Places));
    let faults: [Fault; 9] = [
        ("offers, partition 1: what event 2 caused, at 0, comes before what event 0 caused", |run, _| {
            let values = [run.offers[1].value.clone(), run.offers[0].value.clone()];
            run.offers.iter_mut().zip(values).for_each(|(offer, value)| offer.value = value);
        }),
        ("dlq, partition 1: what event 6 caused, at 4, comes before what event 5 caused", |run, _| {
            let headers = [run.dead_letters[3].headers.clone(), run.dead_letters[2].headers.clone()];
            run.dead_letters[2..].iter_mut().zip(headers).for_each(|(letter, headers)| letter.headers = headers);
        }),
        ("offers, partition 1: 0 and 1 are in one transaction, and their events 0 and 2 in two", |run, _| run.offers[1].offset = 1),
        ("dlq, partition 1: 2 and 3 are in one transaction, and their events 4 and 5 in two", |run, _| run.dead_letters[2].offset = 3),
        ("dlq, partition 1: 4 and 6 are in two transactions, and their events 5 and 6 in one", |run, _| run.dead_letters[3].offset = 6),
        // The offsets of event 6 were committed without its letter: the letter came with a transaction of its own.
        ("dlq, partition 1: 4 and 5 are in one transaction, and their events 5 and 6 in two", |_, places| {
            places.commits.insert(1, vec![2, 5, 6, 7]);
        }),
        ("the committed offset of partition 1 went back from 5 to 2", |_, places| _ = places.commits.insert(1, vec![2, 5, 2, 5, 7])),
        ("partition 1 ends at 7, and the last commit is Some(5)", |_, places| _ = places.commits.insert(1, vec![2, 5])),
        ("partition 1 ends at 7, and the last commit is None", |_, places| places.commits.clear()),
    ];
    for (says, spoil) in faults {
        let (mut run, mut places) = right_places();
        spoil(&mut run, &mut places);
        let found = order::problems(&run, &places);
        assert!(found.iter().any(|problem| problem.contains(says)), "{says:?} is not among {found:?}");
    }
}

#[test]
fn the_end_of_a_transaction_that_a_killed_process_left_may_come_in_between() {
    let (mut run, mut places) = right_places();
    run.dead_letters[3].offset = 6;
    places.aborted.insert("dlq", [(1, 3)].into());
    assert_eq!(order::problems(&run, &places), Vec::<String>::new());
}

#[test]
fn money_and_orders_are_those_of_a_replay() {
    let totals = [
        json!({"total": "orders", "value": 3}),
        json!({"total": "order_revenue", "currency": "USD", "value": "12.500001"}),
        json!({"total": "events", "type": "cart_add", "value": 2}),
    ];
    let metrics = |orders: u32, revenue: &str| {
        format!(
            "offerstream_orders_total {orders}\noffers_total 7\nother_order_revenue_total{{currency=\"USD\"}} 9\n\
             offerstream_order_revenue_total{{currency=\"USD\"}} {revenue}\nofferstream_events_total{{type=\"cart_add\"}} 2\n"
        )
    };
    assert_eq!(total_differences(&totals, &metrics(3, "12.500001")), Vec::<String>::new());
    assert_eq!(total_differences(&totals, &metrics(2, "12.500001")), ["orders: 3 in the state, 2 in a replay"]);
    assert_eq!(total_differences(&totals, &metrics(3, "12.500002")).len(), 1);
}
