//! The slow way to count: go through the log, keep every piece of evidence as such, drop what was taken back,
//! and add up what is left in the end. Nothing is ever subtracted.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

const HALF_LIFE_MS: i64 = 90 * 86_400_000;
const IDLE_MS: i64 = 86_400_000;
/// A session is forgotten this long after it is over, by the newest event of all.
const GRACE_MS: i64 = 3_600_000;
const REFUND_WINDOW_MS: i64 = 30 * 86_400_000;

/// A line in a basket: what it weighs for itself, and with which items it makes pairs.
struct Line {
    item: String,
    milli: i64,
    weight: f64,
    ts: i64,
    partners: usize,
    beside: Vec<String>,
}

struct Order {
    id: String,
    /// Of its first event,
    ts: i64,
    /// and of its earliest.
    earliest: i64,
    items: Vec<String>,
}

#[derive(Default)]
struct Session {
    newest: Option<i64>,
    /// The newest event of all when its last one came.
    seen_at: i64,
    basket: Vec<Line>,
    orders: Vec<Order>,
    seen: HashSet<String>,
    /// Orders that were called off, and when.
    cancelled: Vec<(Order, i64)>,
}

#[derive(Default)]
struct Shop {
    sessions: Vec<Session>,
    /// Which session an id stands for; an event goes by its first id alone.
    known: HashMap<String, usize>,
    /// Lines of baskets that were left behind: nobody took their evidence back.
    left_behind: Vec<Line>,
    first: Option<i64>,
    newest: i64,
}

/// In how many baskets, and the weight.
type Sums = BTreeMap<String, (u64, u64)>;

/// The counts of a log, as `replay --counts` writes them.
pub fn counts(log: &str) -> String {
    let mut shop = Shop::default();
    for event in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        shop.take(&event);
    }
    shop.write()
}

fn text<'a>(event: &'a Value, field: &str) -> Option<&'a str> {
    event.get(field).and_then(Value::as_str)
}

/// Thousandths of a unit.
fn quantity(line: &Value) -> Option<i64> {
    line.get("quantity").and_then(Value::as_f64).map(|units| (units * 1_000.0).round() as i64)
}

/// The items of `items`, or the event's own.
fn items_of(event: &Value) -> Vec<&Value> {
    match event.get("items").and_then(Value::as_array) {
        Some(items) => items.iter().collect(),
        None => event.get("item_id").map(|_| event).into_iter().collect(),
    }
}

impl Shop {
    fn take(&mut self, event: &Value) {
        let ts = millis(text(event, "ts").unwrap());
        let kind = text(event, "type").unwrap();
        let order_id = text(event, "order_id").unwrap_or_default();
        let ids: Vec<String> =
            ["session_id", "cart_id", "order_id"].iter().filter_map(|field| Some(format!("{field} {}", text(event, field)?))).collect();
        self.known.retain(|_, at| !self.sessions[*at].is_forgotten(self.newest));
        let at = ids.first().and_then(|id| self.known.get(id)).copied();

        // A repeated event is told by its id; a purchase, refund or cancellation by order and content, too.
        let mark = match (text(event, "event_id"), kind) {
            (Some(id), _) => Some(format!("id {id}")),
            (None, "purchase" | "refund" | "order_cancelled") => Some(format!("{kind} {order_id} {}", content(event))),
            _ => None,
        };
        let repeated = mark.as_ref().is_some_and(|mark| at.is_some_and(|at| self.sessions[at].seen.contains(mark)));
        let placed = |order: &Order| order.id == order_id && ts <= order.ts + REFUND_WINDOW_MS;
        let is_known = at.is_some_and(|at| self.sessions[at].orders.iter().any(placed));
        if matches!(kind, "refund" | "order_cancelled") && !is_known && !repeated {
            return;
        }

        self.first.get_or_insert(ts);
        let at = at.unwrap_or(self.sessions.len());
        if at == self.sessions.len() {
            self.sessions.push(Session::default());
        }
        for id in ids {
            self.known.entry(id).or_insert(at);
        }
        self.newest = self.newest.max(ts);
        let session = &mut self.sessions[at];
        session.seen_at = self.newest;
        if session.newest.is_some_and(|newest| ts > newest + IDLE_MS) {
            self.left_behind.append(&mut session.basket);
        }
        session.newest = session.newest.max(Some(ts));
        if repeated {
            return;
        }
        session.seen.extend(mark);
        match kind {
            // Heard late: it was part of an order that is newer.
            "cart_add" if session.has_ordered_since(text(event, "item_id").unwrap(), ts) => {}
            "cart_add" => session.add(text(event, "item_id").unwrap(), quantity(event).unwrap_or(1_000), ts, 0.2),
            "cart_remove" => session.remove(text(event, "item_id").unwrap(), quantity(event)),
            "checkout" => session.checkout(&items_of(event), ts),
            "purchase" => session.purchase(order_id, &items_of(event), ts),
            "order_cancelled" => session.cancel(order_id, ts),
            _ => {}
        }
    }

    /// Adds all evidence up.
    fn write(&self) -> String {
        let Some(first) = self.first else { return String::new() };
        let landmark = first - first.rem_euclid(HALF_LIFE_MS);
        let (mut own, mut pairs) = (Sums::new(), BTreeMap::<(String, String), (u64, u64)>::new());
        let mut count = |item: &String, other: Option<&String>, bought: u64, weight: u64| {
            let sum = match other {
                None => own.entry(item.clone()).or_default(),
                Some(other) => pairs.entry((item.min(other).clone(), item.max(other).clone())).or_default(),
            };
            *sum = (sum.0 + bought, sum.1 + weight);
        };
        for line in self.sessions.iter().flat_map(|session| &session.basket).chain(&self.left_behind) {
            count(&line.item, None, 0, fixed(line.weight, line.ts, landmark, 1));
            for other in &line.beside {
                count(&line.item, Some(other), 0, fixed(line.weight, line.ts, landmark, line.partners));
            }
        }
        let orders: Vec<&Order> = self.sessions.iter().flat_map(|session| &session.orders).collect();
        for order in &orders {
            for (at, item) in order.items.iter().enumerate() {
                count(item, None, 1, fixed(1.0, order.ts, landmark, 1));
                for other in &order.items[..at] {
                    count(item, Some(other), 1, fixed(1.0, order.ts, landmark, order.items.len() - 1));
                }
            }
        }
        let baskets = orders.len();
        let mut out = format!("{{\"baskets\":{baskets},\"half_life_ms\":{HALF_LIFE_MS},\"landmark\":\"{}\"}}\n", rfc_3339(landmark));
        for (item, (baskets, weight)) in own {
            out += &format!("{{\"baskets\":{baskets},\"item\":{},\"weight\":{weight}}}\n", json(&item));
        }
        for ((item, with), (together, weight)) in pairs {
            let (item, with) = (json(&item), json(&with));
            out += &format!("{{\"item\":{item},\"together\":{together},\"weight\":{weight},\"with\":{with}}}\n");
        }
        out
    }
}

impl Session {
    fn is_forgotten(&self, newest: i64) -> bool {
        let may_come_back = self.orders.iter().any(|order| newest < order.ts + REFUND_WINDOW_MS + GRACE_MS);
        newest >= self.seen_at + IDLE_MS + GRACE_MS && !may_come_back
    }

    fn has_ordered_since(&self, item: &str, ts: i64) -> bool {
        self.orders.iter().any(|order| order.earliest > ts && order.items.iter().any(|other| other == item))
    }

    /// A new line makes pairs with all lines before it, and its weight with each is shared by their number's root.
    fn add(&mut self, item: &str, milli: i64, ts: i64, weight: f64) {
        if let Some(known) = self.basket.iter_mut().find(|line| line.item == item) {
            known.milli += milli;
            return;
        }
        let beside: Vec<String> = self.basket.iter().map(|line| line.item.clone()).collect();
        self.basket.push(Line { item: item.to_owned(), milli, weight, ts, partners: beside.len(), beside });
    }

    /// A line that is gone takes its pairs along; the others keep theirs as they were.
    fn remove(&mut self, item: &str, milli: Option<i64>) {
        let Some(line) = self.basket.iter_mut().find(|line| line.item == item) else { return };
        line.milli -= milli.unwrap_or(line.milli);
        if line.milli <= 0 {
            self.basket.retain(|line| line.item != item);
            self.basket.iter_mut().for_each(|line| line.beside.retain(|other| other != item));
        }
    }

    /// All lines move to the checkout together.
    fn checkout(&mut self, lines: &[&Value], ts: i64) {
        if !lines.is_empty() {
            self.basket.clear();
            for line in lines {
                self.add(text(line, "item_id").unwrap(), quantity(line).unwrap_or(1_000), ts, 0.5);
            }
        }
        let items: Vec<String> = self.basket.iter().map(|line| line.item.clone()).collect();
        for (at, line) in self.basket.iter_mut().enumerate() {
            (line.weight, line.ts, line.partners, line.beside) = (0.5, ts, items.len() - 1, items[..at].to_vec());
        }
    }

    fn cancel(&mut self, id: &str, ts: i64) {
        while let Some(at) = self.orders.iter().position(|order| order.id == id) {
            self.cancelled.push((self.orders.remove(at), ts));
        }
    }

    /// What was bought replaces what was in the basket; a known order grows. What is older than the order's cancellation
    /// was part of what was called off.
    fn purchase(&mut self, id: &str, lines: &[&Value], ts: i64) {
        self.basket.clear();
        let is_called_off = |(order, at): &(Order, i64)| order.id == id && ts <= *at && ts <= order.ts + REFUND_WINDOW_MS;
        if self.cancelled.iter().any(is_called_off) {
            return;
        }
        if !self.orders.iter().any(|order| order.id == id) {
            self.orders.push(Order { id: id.to_owned(), ts, earliest: ts, items: Vec::new() });
        }
        let order = self.orders.iter_mut().find(|order| order.id == id).unwrap();
        order.earliest = order.earliest.min(ts);
        for item in lines.iter().map(|line| text(line, "item_id").unwrap().to_owned()) {
            if !order.items.contains(&item) {
                order.items.push(item);
            }
        }
    }
}

/// The order's lines as far as they make one purchase differ from another.
fn content(event: &Value) -> String {
    let line = |line: &&Value| format!("{:?} {:?} {:?};", text(line, "item_id"), line.get("price"), quantity(line).unwrap_or(1_000));
    items_of(event).iter().map(line).collect()
}

/// A contribution in fixed point, rounded once: 2^20 at the landmark, twice as much every half-life.
fn fixed(weight: f64, ts: i64, landmark: i64, partners: usize) -> u64 {
    let growth = libm::exp2((ts - landmark) as f64 / HALF_LIFE_MS as f64);
    (1_048_576.0 * weight * growth / (partners as f64).sqrt()).round() as u64
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Milliseconds since 1970 of `2010-12-01T08:26:00.007Z`, by the calendar's own rules.
fn millis(text: &str) -> i64 {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let days =
        days_before_year(number(0, 4)) + (1..number(5, 7)).map(|month| days_of(number(0, 4), month)).sum::<i64>() + number(8, 10) - 1;
    ((days * 24 + number(11, 13)) * 60 + number(14, 16)) * 60_000 + number(17, 19) * 1_000 + number(20, 23)
}

fn rfc_3339(ms: i64) -> String {
    let mut days = ms.div_euclid(86_400_000);
    let year = (1970..).find(|year| days < days_before_year(year + 1)).unwrap();
    days -= days_before_year(year);
    let month = (1..).find(|month| days < (1..=*month).map(|month| days_of(year, month)).sum::<i64>()).unwrap();
    days -= (1..month).map(|month| days_of(year, month)).sum::<i64>();
    let (hour, minute, second) = (ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", days + 1, ms % 1_000)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_before_year(year: i64) -> i64 {
    (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum()
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
