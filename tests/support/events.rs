//! A shop's log, made up: the same for the same seed, with all kinds of events and all kinds of junk.

use std::path::Path;

use serde_json::{Value, json};

use super::Dice;

/// 2026-03-02T08:00:00Z, a Monday.
pub const START_MS: i64 = 1_772_438_400_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// Items come in groups that are bought together.
const GROUPS: u64 = 12;
const GROUP_SIZE: u64 = 6;

/// One record to feed.
#[derive(Clone, Debug)]
pub struct Event {
    pub key: String,
    pub ts_ms: i64,
    pub value: Vec<u8>,
    /// Why it is to be refused, where it is.
    pub expect: Option<&'static str>,
}

impl Event {
    /// A well-formed event; its key is the first of its ids.
    pub fn new(ts_ms: i64, mut fields: Value) -> Self {
        fields["ts"] = json!(rfc3339(ts_ms));
        let key = ["session_id", "cart_id", "order_id", "customer_id"].iter().find_map(|id| fields[*id].as_str()).unwrap_or_default();
        Self { key: key.to_owned(), ts_ms, value: fields.to_string().into_bytes(), expect: None }
    }
}

/// A time as it stands in events.
pub fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Writes the events as a log for `replay`; an empty record has no line.
pub fn write_log(path: &Path, events: &[Event]) {
    let mut log = Vec::new();
    for event in events {
        log.extend_from_slice(&event.value);
        log.push(b'\n');
    }
    std::fs::write(path, log).expect("the log can't be written");
}

/// About `count` events over some days, in the order of their times, with one junk record in six (so every kind
/// is nearly one in a hundred) where `junk` is wanted.
pub fn log(seed: u64, count: usize, junk: bool) -> Vec<Event> {
    let mut dice = Dice::new(seed);
    let events = visits(&mut dice, count, GROUPS, 5 * DAY_MS);
    if junk { with_junk(&mut dice, events, 6, true) } else { events }
}

/// As [`log`], of few items and some hours, so that little is enough to learn from; its junk is small.
pub fn small_log(seed: u64, count: usize) -> Vec<Event> {
    let mut dice = Dice::new(seed);
    let events = visits(&mut dice, count, 2, 3 * 60 * MINUTE_MS);
    with_junk(&mut dice, events, 6, false)
}

/// Exactly `count` records in the order of their times, one in `one_in` of them junk of every kind, anywhere.
pub fn poisoned_log(seed: u64, count: usize, one_in: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed);
    let clean = visits(&mut dice, count, GROUPS, 5 * DAY_MS);
    let mut events = with_junk(&mut dice, clean, one_in, true);
    events.truncate(count);
    events
}

/// Visits that begin within `spread_ms`, in the order of their times.
fn visits(dice: &mut Dice, count: usize, groups: u64, spread_ms: i64) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut number = 0;
    while events.len() < count {
        number += 1;
        let start = START_MS + dice.below(spread_ms as u64) as i64;
        Shopper { dice, number, groups, at: start, step: 0, basket: Vec::new(), events: &mut events }.shop();
    }
    events.sort_by_key(|event| event.ts_ms);
    events
}

/// One shopper's visit.
struct Shopper<'a> {
    dice: &'a mut Dice,
    number: u64,
    groups: u64,
    at: i64,
    step: u64,
    basket: Vec<String>,
    events: &'a mut Vec<Event>,
}

impl Shopper<'_> {
    fn shop(mut self) {
        self.visit();
        // Some come back days later: their basket is over by then.
        if self.dice.one_in(10) {
            self.at += 2 * DAY_MS + self.dice.below(DAY_MS as u64) as i64;
            self.basket.clear();
            self.visit();
        }
    }

    fn visit(&mut self) {
        let group = self.dice.below(self.groups);
        for _ in 0..2 + self.dice.below(6) {
            let group = if self.dice.one_in(5) { self.dice.below(self.groups) } else { group };
            let item = format!("item-{group}-{}", self.dice.below(GROUP_SIZE));
            match self.dice.below(12) {
                0 => self.say(json!({"type": "product_viewed", "item_id": item, "price": "5.99", "title": format!("Thing {item}")})),
                1 if !self.basket.is_empty() => self.remove(),
                2 => self.feedback(),
                _ => self.add(item),
            }
        }
        if self.dice.one_in(4) {
            return;
        }
        match self.dice.below(3) {
            0 => self.say(json!({"type": "checkout"})),
            1 if !self.basket.is_empty() => self.say(json!({"type": "checkout", "items": self.lines()})),
            _ => {}
        }
        if !self.basket.is_empty() {
            self.buy();
        }
    }

    fn add(&mut self, item: String) {
        let quantity = 1 + self.dice.below(3);
        self.say(json!({"type": "cart_add", "item_id": item, "price": "4.25", "quantity": quantity}));
        if self.dice.one_in(40) {
            // The same event once more, as a producer that tries again sends it.
            let again = self.events.last().cloned();
            self.events.extend(again);
        }
        if !self.basket.contains(&item) {
            self.basket.push(item);
        }
    }

    fn remove(&mut self) {
        let at = self.dice.below(self.basket.len() as u64) as usize;
        let item = self.basket.remove(at);
        self.say(json!({"type": "cart_remove", "item_id": item}));
    }

    /// Feedback on an offer nobody knows: offers' ids are known only once they are there.
    fn feedback(&mut self) {
        let action = ["offer_shown", "offer_clicked", "offer_dismissed"][self.dice.below(3) as usize];
        self.say(json!({"type": action, "offer_id": format!("{:032x}", self.number)}));
    }

    fn buy(&mut self) {
        let order = format!("order-{}-{}", self.number, self.step);
        self.say(json!({"type": "purchase", "order_id": order, "items": self.lines(), "discount": "0.50", "tax": "1"}));
        self.basket.clear();
        match self.dice.below(12) {
            0 => {
                let again = self.events.last().cloned();
                self.events.extend(again);
            }
            1 => self.say(json!({"type": "refund", "order_id": order})),
            2 => self.say(json!({"type": "order_cancelled", "order_id": order})),
            _ => {}
        }
    }

    fn lines(&self) -> Value {
        self.basket.iter().map(|item| json!({"item_id": item, "price": "4.25", "quantity": 1})).collect()
    }

    fn say(&mut self, mut fields: Value) {
        self.step += 1;
        self.at += 1 + self.dice.below(3 * MINUTE_MS as u64) as i64;
        fields["event_id"] = json!(format!("event-{}-{}", self.number, self.step));
        // Most have a session, some are known by their cart alone.
        let id = if self.number.is_multiple_of(5) { "cart_id" } else { "session_id" };
        fields[id] = json!(format!("{}-{}", &id[..1], self.number));
        if self.number.is_multiple_of(3) {
            fields["customer_id"] = json!(format!("customer-{}", self.number % 97));
        }
        self.events.push(Event::new(self.at, fields));
    }
}

/// Junk between the events, one after `one_in` of them, under keys of events before it.
fn with_junk(dice: &mut Dice, events: Vec<Event>, one_in: u64, with_large: bool) -> Vec<Event> {
    let mut mixed: Vec<Event> = Vec::with_capacity(events.len() * 7 / 6 + 1);
    let mut kind = 0;
    let (half, count) = (events.len() / 2, events.len());
    for (at, event) in events.into_iter().enumerate() {
        let (key, ts_ms) = (event.key.clone(), event.ts_ms);
        mixed.push(event);
        if dice.one_in(one_in) {
            mixed.push(junk(kind, &key, ts_ms));
            kind += 1;
        }
        if with_large && (at == half || at == count - 1) {
            mixed.extend(large_junk(&key, ts_ms));
        }
    }
    mixed
}

fn junk(kind: usize, key: &str, ts_ms: i64) -> Event {
    let base = json!({"type": "cart_add", "ts": rfc3339(ts_ms), "session_id": key, "item_id": "junk", "event_id": format!("junk-{kind}")});
    let with = |field: &str, value: Value| {
        let mut fields = base.clone();
        fields[field] = value;
        fields
    };
    let without = |field: &str| {
        let mut fields = base.clone();
        fields.as_object_mut().unwrap().remove(field);
        fields
    };
    let kinds: [(&'static str, Value); 18] = [
        ("missing_type", without("type")),
        ("unknown_type", with("type", json!("cart_steal"))),
        ("missing_time", without("ts")),
        ("bad_time", with("ts", json!("yesterday"))),
        ("future_time", with("ts", json!(rfc3339(ts_ms + 400 * DAY_MS)))),
        ("missing_id", without("session_id")),
        ("bad_id", with("session_id", json!("x".repeat(300)))),
        ("missing_item", without("item_id")),
        ("missing_order", with("type", json!("refund"))),
        ("missing_offer", with("type", json!("offer_shown"))),
        ("missing_customer", with("type", json!("customer_erased"))),
        ("bad_quantity", with("quantity", json!(-1))),
        ("bad_quantity", with("quantity", json!(1_000_001))),
        ("bad_price", with("price", json!("-0.01"))),
        ("bad_currency", with("currency", json!("DOLLARS"))),
        ("bad_field", with("type", json!(7))),
        ("unknown_order", json!({"type": "refund", "ts": rfc3339(ts_ms), "session_id": key, "order_id": "never-placed"})),
        (
            "bad_amount",
            json!({"type": "purchase", "ts": rfc3339(ts_ms), "session_id": key, "order_id": "bad", "discount": "much",
            "items": [{"item_id": "junk"}]}),
        ),
    ];
    let raw: [(&'static str, &[u8]); 4] =
        [("not_utf8", b"{\"type\":\"cart_add\",\xff\xfe}"), ("not_json", b"{\"type\":"), ("not_an_object", b"[1,2]"), ("empty", b"")];
    let kind = kind % (kinds.len() + raw.len());
    let (expect, value) = match kinds.get(kind) {
        Some((reason, fields)) => (*reason, fields.to_string().into_bytes()),
        None => (raw[kind - kinds.len()].0, raw[kind - kinds.len()].1.to_vec()),
    };
    Event { key: key.to_owned(), ts_ms, value, expect: Some(expect) }
}

/// What is too large, in bytes or in lines.
fn large_junk(key: &str, ts_ms: i64) -> [Event; 2] {
    let lines: Vec<Value> = (0..5_001).map(|n| json!({"item_id": format!("i{n}")})).collect();
    let many = json!({"type": "purchase", "ts": rfc3339(ts_ms), "session_id": key, "order_id": "long", "items": lines});
    let large = json!({"type": "cart_add", "ts": rfc3339(ts_ms), "session_id": key, "item_id": "junk", "title": "x".repeat(5 << 20)});
    [("too_many_items", many), ("too_large", large)].map(|(reason, fields)| Event {
        key: key.to_owned(),
        ts_ms,
        value: fields.to_string().into_bytes(),
        expect: Some(reason),
    })
}
