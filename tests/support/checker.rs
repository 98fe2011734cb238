//! Whether what came out is right for what went in. Written from the contract, apart from the engine: it shares
//! no code with it.
//!
//! It is given the events as they lie in Kafka, and the committed records of the topics that `run` writes, and
//! returns one line for everything that is wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::topics::Rec;

const DAY_MS: i64 = 86_400_000;
const DEAD_LETTER_BYTES: usize = 64 * 1024;
/// How long the default policy waits.
const ABANDONED_MS: i64 = 30 * 60_000;
const FOLLOW_UP_MS: i64 = 21 * DAY_MS;

/// What went in and what came out.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The name of the events' topic, as dead letters tell it.
    pub events_topic: String,
    pub events: Vec<Rec>,
    pub offers: Vec<Rec>,
    pub withheld: Vec<Rec>,
    pub dead_letters: Vec<Rec>,
    /// The lines of `state dump --totals`.
    pub totals: Vec<Value>,
}

/// What tells one cause of offers from another: key, type, time, event id, item.
pub type Cause = (String, String, i64, Option<String>, Option<String>);

/// What the checker knows of a shopper: enough to judge offers by.
#[derive(Default)]
struct Basket {
    /// Units of each item, in thousandths.
    lines: BTreeMap<String, i64>,
    last_ms: i64,
    seen: HashSet<String>,
}

/// What should have been counted.
#[derive(Default)]
struct Expected {
    events: BTreeMap<String, i64>,
    rejected: BTreeMap<String, i64>,
    triggers: BTreeMap<&'static str, i64>,
    duplicates: i64,
    orders: BTreeSet<String>,
}

/// Everything that is wrong with the outcome, a line each; nothing if all is right.
pub fn problems(outcome: &Outcome) -> Vec<String> {
    let mut problems = Vec::new();
    let mut offers = offers_by_cause(outcome, &mut problems);
    let expected = walk(outcome, &mut offers, &mut problems);
    for left in offers.values().flatten() {
        problems.push(format!("an offer without a cause in the events: {}", short(left)));
    }
    check_dead_letters(outcome, &mut problems);
    check_totals(outcome, &expected, &mut problems);
    problems
}

/// Offers and withheld offers, each looked at by itself, by what caused them; those that a timer made are looked at
/// against the events they derive from.
fn offers_by_cause<'a>(outcome: &'a Outcome, problems: &mut Vec<String>) -> HashMap<Cause, Vec<&'a Rec>> {
    let mut ids = HashSet::new();
    let mut by_key: HashMap<String, Vec<(i32, &Value)>> = HashMap::new();
    for event in outcome.events.iter().filter(|event| event.expect().is_none()) {
        by_key.entry(event.key_text()).or_default().push((event.partition, event.json()));
    }
    let mut by_cause: HashMap<Cause, Vec<&Rec>> = HashMap::new();
    let all = outcome.offers.iter().map(|rec| (rec, "treatment")).chain(outcome.withheld.iter().map(|rec| (rec, "holdout")));
    for (rec, arm) in all {
        let offer = rec.json();
        problems.extend(faults_of(offer, arm).into_iter().map(|fault| format!("{fault}: {}", short(rec))));
        if !ids.insert(text(offer, "offer_id").unwrap_or_default()) {
            problems.push(format!("an offer id twice: {}", short(rec)));
        }
        if offer["placement"] == "abandoned_cart" || offer["placement"] == "follow_up" {
            check_timed(rec, offer, by_key.get(&rec.key_text()).map_or(&[], Vec::as_slice), problems);
            continue;
        }
        by_cause.entry(cause_of_offer(rec)).or_default().push(rec);
    }
    by_cause
}

/// What an offer says that caused it.
pub fn cause_of_offer(rec: &Rec) -> Cause {
    let offer = rec.json();
    let cause = &offer["cause"];
    let ts = time(offer, "ts").unwrap_or(i64::MIN);
    (rec.key_text(), text(cause, "type").unwrap_or_default(), ts, text(cause, "event_id"), text(cause, "item_id"))
}

/// What an offer that the event causes says of it; nothing where its type causes none.
pub fn cause_of_event(rec: &Rec) -> Option<Cause> {
    let event = rec.json();
    let kind = text(event, "type")?;
    place_of(&kind)?;
    let item = if kind == "cart_add" || kind == "product_viewed" { text(event, "item_id") } else { None };
    Some((rec.key_text(), kind, time(event, "ts").unwrap_or(i64::MIN), text(event, "event_id"), item))
}

/// An offer that a timer made is of a shopper of its partition, later than the event it derives from, by what the
/// default policy says.
fn check_timed(rec: &Rec, offer: &Value, of_shopper: &[(i32, &Value)], problems: &mut Vec<String>) {
    let is_cause = |(partition, json): &(i32, &Value)| {
        let waited = time(offer, "ts").zip(time(json, "ts")).map(|(due, at)| due - at);
        let is_left = waited == Some(ABANDONED_MS) && text(&offer["cause"], "event_id") == text(json, "event_id");
        let is_followed = waited == Some(FOLLOW_UP_MS) && text(offer, "order_id") == text(json, "order_id");
        let is_right = if offer["placement"] == "follow_up" { is_followed } else { is_left };
        *partition == rec.partition && json["type"] == offer["cause"]["type"] && is_right
    };
    if !of_shopper.iter().any(is_cause) {
        problems.push(format!("an offer of a timer that derives from no event: {}", short(rec)));
    }
}

/// What an offer's JSON breaks of the contract.
fn faults_of(offer: &Value, arm: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut demand = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    demand(offer["type"] == "offer", "not an offer");
    demand(offer["arm"] == arm, "an offer of the wrong arm for its topic");
    demand(text(offer, "offer_id").is_some_and(|id| !id.is_empty()), "no offer_id");
    demand(text(offer, "locale").is_some() && text(offer, "variant").is_some(), "no locale or variant");
    demand(text(offer, "propensity").and_then(|p| p.parse::<f64>().ok()).is_some_and(|p| p > 0.0 && p <= 1.0), "a bad propensity");
    demand(time(offer, "expires_at") > time(offer, "ts"), "it expires before it is made");
    let place = offer["cause"]["type"].as_str().and_then(place_of);
    let is_timed = offer["placement"] == "abandoned_cart" || (offer["placement"] == "follow_up" && offer["cause"]["type"] == "purchase");
    demand(is_timed || place.is_some_and(|place| offer["placement"] == place), "a placement that does not fit its cause");
    let items = offer["items"].as_array().cloned().unwrap_or_default();
    demand((1..=3).contains(&items.len()), "not one to three items");
    let distinct: BTreeSet<String> = items.iter().filter_map(|item| text(item, "item_id")).collect();
    demand(distinct.len() == items.len(), "an item twice, or without its id");
    for item in &items {
        demand(["cross_sell", "upsell", "add_on", "bundle"].iter().any(|kind| item["kind"] == *kind), "a kind that there is not");
        demand(text(item, "reason").is_some_and(|reason| !reason.is_empty()), "an item without a reason");
        demand(
            item["price"].is_null() || text(item, "price").is_some_and(|p| p.parse::<f64>().is_ok()),
            "a price that is no decimal string",
        );
        let evidence = &item["evidence"];
        let (together, baskets) = (evidence["together"].as_i64(), evidence["baskets"].as_i64());
        let is_share = !evidence["confidence"].is_null();
        demand(!is_share || (together > Some(0) && together <= baskets), "evidence that does not add up");
        demand(is_share || evidence["step"] != "pair" && evidence["step"] != "popular", "evidence without its share");
        demand(evidence["step"] != "pair" || text(evidence, "with").is_some(), "a pair without the other item");
    }
    faults
}

/// Where the events of a type ask for an offer.
fn place_of(kind: &str) -> Option<&'static str> {
    match kind {
        "product_viewed" => Some("product_page"),
        "cart_add" => Some("cart"),
        "checkout" => Some("checkout"),
        "purchase" => Some("post_purchase"),
        _ => None,
    }
}

/// Follows every shopper through the events, in the order of their partition, and takes the offers out that fit.
fn walk(outcome: &Outcome, offers: &mut HashMap<Cause, Vec<&Rec>>, problems: &mut Vec<String>) -> Expected {
    let mut expected = Expected::default();
    let mut baskets: HashMap<String, Basket> = HashMap::new();
    for rec in &outcome.events {
        if let Some(reason) = rec.expect() {
            *expected.rejected.entry(reason.to_owned()).or_default() += 1;
            continue;
        }
        let event = rec.json();
        let kind = text(event, "type").unwrap_or_default();
        *expected.events.entry(kind.clone()).or_default() += 1;
        let ts = time(event, "ts").unwrap_or(i64::MIN);
        let basket = baskets.entry(rec.key_text()).or_default();
        let event_id = text(event, "event_id");
        let again = event_id.as_ref().is_some_and(|id| !basket.seen.insert(id.clone()));
        if !again {
            basket.take(&kind, event, ts);
            if kind == "purchase" {
                expected.orders.extend(text(event, "order_id"));
            }
        }
        let Some(place) = place_of(&kind) else { continue };
        *expected.triggers.entry(place).or_default() += 1;
        expected.duplicates += i64::from(again);
        if !again && let Some(made) = cause_of_event(rec).and_then(|cause| offers.remove(&cause)) {
            check_offers(rec, &made, &basket.beside(event), problems);
        }
    }
    expected
}

impl Basket {
    /// What an offer on the event stands beside: the basket, and the event's own items.
    fn beside(&self, event: &Value) -> BTreeSet<String> {
        let bought = event["items"].as_array().into_iter().flatten().filter(|_| event["type"] == "purchase");
        let own = bought.chain([event]).filter_map(|line| text(line, "item_id"));
        self.lines.keys().cloned().chain(own).collect()
    }

    fn take(&mut self, kind: &str, event: &Value, ts: i64) {
        if ts > self.last_ms + DAY_MS {
            self.lines.clear();
        }
        self.last_ms = self.last_ms.max(ts);
        let item = text(event, "item_id").unwrap_or_default();
        match kind {
            "cart_add" => *self.lines.entry(item).or_default() += units(event).unwrap_or(1_000),
            "cart_remove" => {
                let left = units(event).map_or(0, |units| self.lines.get(&item).copied().unwrap_or_default() - units);
                if left > 0 { _ = self.lines.insert(item, left) } else { _ = self.lines.remove(&item) }
            }
            "checkout" if event["items"].as_array().is_some_and(|items| !items.is_empty()) => {
                self.lines.clear();
                for line in event["items"].as_array().unwrap() {
                    *self.lines.entry(text(line, "item_id").unwrap_or_default()).or_default() += units(line).unwrap_or(1_000);
                }
            }
            "purchase" => self.lines.clear(),
            _ => {}
        }
    }
}

/// The offers that one event caused, against the basket as it was then.
fn check_offers(event: &Rec, made: &[&Rec], beside: &BTreeSet<String>, problems: &mut Vec<String>) {
    if made.len() > 1 {
        problems.push(format!("{} offers for one event: {}", made.len(), short(made[0])));
    }
    for rec in made {
        if rec.partition != event.partition {
            problems.push(format!("an offer on partition {} for an event on {}: {}", rec.partition, event.partition, short(rec)));
        }
        let offer = rec.json();
        let items = offer["items"].as_array().cloned().unwrap_or_default();
        for item in items.iter().filter_map(|item| text(item, "item_id")).filter(|item| beside.contains(item)) {
            problems.push(format!("{item} is offered and in the basket: {}", short(rec)));
        }
        for evidence in items.iter().map(|item| &item["evidence"]).filter(|evidence| evidence["step"] == "pair") {
            if text(evidence, "with").is_none_or(|with| !beside.contains(&with)) {
                problems.push(format!("evidence with an item that is not in the basket: {}", short(rec)));
            }
        }
    }
}

/// Every event that is to be refused has its one dead letter, and nothing else has.
fn check_dead_letters(outcome: &Outcome, problems: &mut Vec<String>) {
    let mut letters: BTreeMap<(i32, i64), Vec<&Rec>> = BTreeMap::new();
    for letter in &outcome.dead_letters {
        let number = |name: &str| letter.headers.get(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
        letters.entry((number("partition") as i32, number("offset"))).or_default().push(letter);
    }
    for event in &outcome.events {
        let at = format!("partition {}, offset {}", event.partition, event.offset);
        let found = letters.remove(&(event.partition, event.offset)).unwrap_or_default();
        match (event.expect(), found.as_slice()) {
            (None, []) => {}
            (None, [letter, ..]) => problems.push(format!("a dead letter of a good event, {at}: {:?}", letter.headers)),
            (Some(reason), [letter]) => {
                problems.extend(fault_of_letter(outcome, event, reason, letter).map(|fault| format!("{fault}, {at}")))
            }
            (Some(reason), found) => problems.push(format!("{} dead letters of a {reason} record, {at}", found.len())),
        }
    }
    problems.extend(letters.into_values().flatten().map(|letter| format!("a dead letter of no event: {:?}", letter.headers)));
}

fn fault_of_letter(outcome: &Outcome, event: &Rec, reason: &str, letter: &Rec) -> Option<String> {
    let header = |name: &str| letter.headers.get(name).map_or("", String::as_str);
    let payload = event.value.as_deref().unwrap_or_default();
    let kept = &payload[..payload.len().min(DEAD_LETTER_BYTES)];
    let checks = [
        (header("reason") == reason, format!("a dead letter of a {reason} record says {:?}", header("reason"))),
        (!header("detail").is_empty(), "a dead letter without detail".into()),
        (header("topic") == outcome.events_topic, format!("a dead letter of topic {:?}", header("topic"))),
        (header("size") == payload.len().to_string(), format!("a dead letter of size {:?}", header("size"))),
        (letter.value.as_deref().unwrap_or_default() == kept, "a dead letter with another payload".into()),
        (letter.partition == event.partition, format!("a dead letter on partition {}", letter.partition)),
    ];
    checks.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
}

/// The durable totals say the same as the records.
fn check_totals(outcome: &Outcome, expected: &Expected, problems: &mut Vec<String>) {
    let sum = |name: &str, labels: &[(&str, &str)]| -> i64 {
        let fits = |line: &&Value| line["total"] == name && labels.iter().all(|(label, value)| line[*label] == *value);
        outcome.totals.iter().filter(fits).filter_map(|line| line["value"].as_i64()).sum()
    };
    let mut same = |what: String, total: i64, counted: i64| {
        if total != counted {
            problems.push(format!("{what}: the totals say {total}, the records {counted}"));
        }
    };
    for (kind, count) in &expected.events {
        same(format!("{kind} events"), sum("events", &[("type", kind)]), *count);
    }
    same("all events".into(), sum("events", &[]), expected.events.values().sum());
    for (reason, count) in &expected.rejected {
        same(format!("{reason} records"), sum("events_rejected", &[("reason", reason)]), *count);
    }
    same("refused records".into(), sum("events_rejected", &[]), outcome.dead_letters.len() as i64);
    same("orders".into(), sum("orders", &[]), expected.orders.len() as i64);
    for place in ["product_page", "cart", "checkout", "post_purchase", "abandoned_cart", "follow_up"] {
        let at = |recs: &[Rec]| recs.iter().filter(|rec| rec.json()["placement"] == place).count() as i64;
        let triggers = |outcome: &str| sum("offer_triggers", &[("placement", place), ("outcome", outcome)]);
        same(format!("offers at {place}"), triggers("offered"), at(&outcome.offers));
        same(format!("withheld offers at {place}"), triggers("withheld"), at(&outcome.withheld));
        if place == "abandoned_cart" || place == "follow_up" {
            continue;
        }
        let answered = sum("offer_triggers", &[("placement", place)]);
        same(format!("triggers at {place}"), answered, expected.triggers.get(place).copied().unwrap_or_default());
    }
    same("repeated triggers".into(), sum("offer_triggers", &[("outcome", "duplicate")]), expected.duplicates);
    let items = outcome.offers.iter().map(|rec| rec.json()["items"].as_array().map_or(0, Vec::len) as i64).sum();
    same("offered items".into(), sum("offer_items_emitted", &[]), items);
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}

fn time(value: &Value, field: &str) -> Option<i64> {
    let time: jiff::Timestamp = value[field].as_str()?.parse().ok()?;
    Some(time.as_millisecond())
}

/// A quantity in thousandths.
fn units(value: &Value) -> Option<i64> {
    value["quantity"].as_f64().map(|quantity| (quantity * 1_000.0).round() as i64)
}

fn short(rec: &Rec) -> String {
    let value = String::from_utf8_lossy(rec.value.as_deref().unwrap_or_default()).into_owned();
    format!("partition {}, offset {}: {}", rec.partition, rec.offset, value.chars().take(400).collect::<String>())
}
