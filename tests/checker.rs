//! The checker of the broker tests can fail: it is shown a run that is right, then what each fault looks like.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use support::checker::{Outcome, problems};
use support::counts::differences;
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
