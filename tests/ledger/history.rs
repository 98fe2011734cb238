//! Random histories of one or two visits: what brings offers first, in order; then whatever shoppers do with offers,
//! baskets and orders, shuffled.
//!
//! An event names an offer by the event that causes it, so that a history stays meaningful when events are left out.

use std::fmt::Write as _;

/// 2026-03-02T09:00:00Z, in milliseconds of that month.
const MORNING_MS: i64 = (2 * 24 + 9) * 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// How long the first of two visits is: what was offered in it is still open in the second.
const FIRST_VISIT_MS: i64 = 30 * MINUTE_MS;

/// Items by what they cost, in millionths.
pub const PRICES: &[(&str, i128)] = &[
    ("phone", 300_000_000),
    ("phone-plus", 400_000_000),
    ("case", 20_000_000),
    ("cover", 9_990_000),
    ("lamp", 50_000_000),
    ("lamp-plus", 79_990_001),
    ("bulb", 4_417_700),
    ("gum", 700_000),
];
const COMPANIONS: [&str; 5] = ["case", "cover", "bulb", "phone-plus", "lamp-plus"];

/// How a history is to be made.
#[derive(Clone, Copy)]
pub struct Plan {
    pub window_ms: i64,
    pub expires_ms: i64,
    /// Two visits of one customer, one whole before the other.
    pub two_visits: bool,
}

/// An event, but for the offer it names.
#[derive(Clone, Debug)]
pub struct Event {
    pub tag: usize,
    pub ts: i64,
    pub session: usize,
    pub kind: &'static str,
    pub fields: String,
    pub offer: Option<Named>,
    /// Events that it has to come after.
    after: Vec<usize>,
}

/// An offer: of the event that causes it, and perhaps one of its items.
#[derive(Clone, Debug)]
pub struct Named {
    pub cause: usize,
    pub item: Option<usize>,
}

impl Event {
    /// An event of a history told by hand: so many minutes into the morning, naming the offer that the event at `cause`
    /// brought, and its item at that place.
    pub fn told(tag: usize, minute: i64, session: usize, kind: &'static str, fields: &str, named: Option<(usize, Option<usize>)>) -> Self {
        let offer = named.map(|(cause, item)| Named { cause, item });
        Self { tag, ts: MORNING_MS + minute * MINUTE_MS, session, kind, fields: fields.to_owned(), offer, after: Vec::new() }
    }
}

/// Numbers by chance, the same ones by the same seed.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from + 1) as usize) as i64
    }
}

/// A number of millionths, or thousandths, as decimal text.
pub fn decimal(value: i128, decimals: usize) -> String {
    let digits = format!("{value:0width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    format!("{whole}.{fraction}")
}

/// A time of that month, as text.
pub fn time(ms: i64) -> String {
    let (day, hour, minute) = (ms / 86_400_000, ms / 3_600_000 % 24, ms / 60_000 % 60);
    format!("2026-03-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z", ms / 1_000 % 60, ms % 1_000)
}

struct Maker {
    chance: Chance,
    plan: Plan,
    events: Vec<Event>,
    /// Times worth meeting to the millisecond.
    moments: Vec<i64>,
    session: usize,
    next_order: usize,
    /// The item that most of a visit is about, and whether nearly all of it is.
    focus: &'static str,
    is_narrow: bool,
    /// Until when no offer is over that is made by what is heard first.
    over: i64,
}

/// The history of a seed, in the order in which its events come.
pub fn history(seed: u64, plan: Plan) -> Vec<Event> {
    let mut maker = Maker {
        chance: Chance::new(seed),
        plan,
        events: Vec::new(),
        moments: Vec::new(),
        session: 0,
        next_order: 0,
        focus: "case",
        is_narrow: false,
        over: 0,
    };
    let mut whole = Vec::new();
    for session in 0..1 + usize::from(plan.two_visits) {
        maker.session = session;
        whole.extend(maker.visit(MORNING_MS + session as i64 * (FIRST_VISIT_MS + 2 * MINUTE_MS)));
    }
    whole
}

impl Maker {
    fn visit(&mut self, start: i64) -> Vec<Event> {
        let from = self.events.len();
        (self.focus, self.is_narrow) = (self.chance.pick(&COMPANIONS), self.chance.one_in(2));
        let mut ts = start;
        for _ in 0..self.chance.between(1, 3) {
            ts += self.chance.between(1, 8 * MINUTE_MS);
            self.trigger(ts);
        }
        let triggers = self.events.len();
        // The second of two visits comes in order: what its purchases take over from the first rests on that.
        let order = if self.session == 1 { 0 } else { self.chance.below(3) };
        // What is heard in any order is of a time that no offer is over in.
        self.over = self.events[from].ts + self.plan.expires_ms + self.plan.window_ms - MINUTE_MS;
        let end = if self.plan.two_visits && self.session == 0 {
            start + FIRST_VISIT_MS
        } else if order == 2 {
            self.over
        } else {
            start + self.plan.window_ms * 5 / 2
        };
        for _ in 0..self.chance.between(3, 13) {
            self.anything(from, ts, end);
        }
        let mut body = self.events.split_off(triggers);
        if self.plan.two_visits {
            in_order_by_offer(&mut body);
        }
        let mut visit: Vec<Event> = self.events[from..].to_vec();
        visit.extend(self.shuffled(body.clone(), order));
        self.events.extend(body);
        visit
    }

    fn push(&mut self, ts: i64, kind: &'static str, fields: String, offer: Option<Named>, after: Vec<usize>) -> usize {
        let tag = self.events.len();
        self.moments.push(ts);
        if matches!(kind, "offer_shown" | "offer_clicked") || offer.is_some() {
            self.moments.push(ts + self.plan.window_ms);
        }
        let mut fields = fields;
        if self.plan.two_visits || self.chance.one_in(3) {
            fields += r#","customer_id":"kim""#;
        }
        if self.chance.one_in(4) {
            let channel = self.chance.pick(&["web", "app", "kiosk"]);
            write!(fields, r#","channel":"{channel}""#).unwrap();
        }
        let share = if is_of_order(kind) { 4 } else { 2 };
        if !self.chance.one_in(share) {
            write!(fields, r#","event_id":"e{tag}""#).unwrap();
        }
        self.events.push(Event { tag, ts, session: self.session, kind, fields, offer, after });
        tag
    }

    fn trigger(&mut self, ts: i64) {
        let anchor = if matches!(self.focus, "bulb" | "lamp-plus") { "lamp" } else { "phone" };
        let item = self.chance.pick(&["phone", anchor, anchor, "lamp"]);
        let kind = self.chance.pick(&["cart_add", "cart_add", "product_viewed", "checkout"]);
        let fields = if kind == "checkout" { r#""coupon":"-""#.to_owned() } else { format!(r#""item_id":"{item}""#) };
        self.push(ts, kind, fields, None, Vec::new());
        self.moments.extend([ts + self.plan.window_ms, ts + self.plan.expires_ms]);
    }

    fn moment(&mut self, from: i64, to: i64) -> i64 {
        if self.chance.one_in(3) {
            let moment = self.moments[self.chance.below(self.moments.len())] + self.chance.pick(&[-1, 0, 0, 1]);
            if (from..=to).contains(&moment) {
                return moment;
            }
        }
        let soon = from + (to - from) / 4;
        let to = if self.chance.one_in(3) { to } else { soon };
        self.chance.between(from, to)
    }

    /// The cause of an offer that is made before `ts`, mostly.
    fn named(&mut self, first: usize, may_be_whole: bool) -> (Named, i64) {
        let causes: Vec<usize> = (first..self.events.len())
            .filter(|at| matches!(self.events[*at].kind, "cart_add" | "product_viewed" | "checkout" | "purchase"))
            .collect();
        let cause = self.chance.pick(&causes);
        let item = if may_be_whole && self.chance.one_in(2) { None } else { Some(self.chance.below(4)) };
        (Named { cause, item }, self.events[cause].ts)
    }

    fn units(&mut self) -> i128 {
        self.chance.pick(&[1_000, 1_000, 1_000, 2_000, 3_000, 500, 1_500, 333])
    }

    fn item(&mut self) -> &'static str {
        if self.is_narrow && !self.chance.one_in(8) {
            return self.focus;
        }
        match self.chance.below(4) {
            0 => PRICES[self.chance.below(PRICES.len())].0,
            1 => self.chance.pick(&COMPANIONS),
            _ => self.focus,
        }
    }

    fn quantity(&mut self) -> String {
        if self.chance.one_in(3) { String::new() } else { format!(r#","quantity":"{}""#, decimal(self.units(), 3)) }
    }

    fn anything(&mut self, first: usize, from: i64, to: i64) {
        let ts = self.moment(from, to);
        match self.chance.below(30) {
            0..=6 => self.feedback("offer_shown", first, to),
            7..=8 => self.feedback("offer_clicked", first, to),
            9 => self.feedback("offer_dismissed", first, to),
            10..=15 => {
                let fields = format!(r#""item_id":"{}"{}"#, self.item(), self.quantity());
                self.push(ts, "cart_add", fields, None, Vec::new());
            }
            16..=17 => {
                let (mut named, made) = self.named(first, false);
                let ts = self.moment(made, to);
                let after = vec![named.cause];
                if self.chance.one_in(8) {
                    named.cause = usize::MAX;
                }
                let fields = self.quantity();
                self.push(ts, "cart_add", fields, Some(named), after);
            }
            18..=20 => {
                let fields = format!(r#""item_id":"{}"{}"#, self.item(), self.quantity());
                self.push(ts, "cart_remove", fields, None, Vec::new());
            }
            21 => {
                let lines: Vec<String> =
                    (0..self.chance.between(1, 3)).map(|_| format!(r#"{{"item_id":"{}"{}}}"#, self.item(), self.quantity())).collect();
                self.push(ts, "checkout", format!(r#""items":[{}]"#, lines.join(",")), None, Vec::new());
            }
            22 => {
                let kind = self.chance.pick(&["product_viewed", "checkout"]);
                let fields = if kind == "checkout" { r#""coupon":"-""#.to_owned() } else { format!(r#""item_id":"{}""#, self.item()) };
                self.push(ts, kind, fields, None, Vec::new());
            }
            23..=24 => {
                let at = first + self.chance.below(self.events.len() - first);
                let again = self.events[at].clone();
                if again.fields.contains("event_id") || is_of_order(again.kind) {
                    let after = [again.after.clone(), vec![again.tag]].concat();
                    self.events.push(Event { tag: self.events.len(), after, ..again });
                }
            }
            _ => {
                // Mostly once there is something in the basket.
                let from = if self.chance.one_in(3) { from } else { from + (to - from) / 6 };
                let ts = self.moment(from, to);
                self.order(ts, to);
            }
        }
    }

    fn feedback(&mut self, kind: &'static str, first: usize, to: i64) {
        let (mut named, made) = self.named(first, true);
        let after = vec![named.cause];
        if self.chance.one_in(12) {
            named.cause = usize::MAX;
        }
        let ts = self.moment(made, to);
        self.push(ts, kind, String::new(), Some(named), after);
    }

    fn order(&mut self, ts: i64, to: i64) {
        if self.next_order >= 3 * (self.session + 1) {
            return;
        }
        self.next_order += 1;
        let id = format!(r#""order_id":"o{}""#, self.next_order);
        let currency = if self.chance.one_in(8) { r#","currency":"EUR""# } else { "" };
        let mut parts = Vec::new();
        let mut items = Vec::new();
        let parts_max = if ts < self.over && self.chance.one_in(4) { 2 } else { 1 };
        for part in 0..parts_max {
            // In a second visit, at once: what was offered in the first is remembered for no longer than its window.
            let ts = if part == 0 || self.session == 1 { ts } else { self.moment(ts - 5 * MINUTE_MS, to.min(self.over)) };
            let (mut lines, mut value) = (Vec::new(), 0);
            for _ in 0..self.chance.between(1, 4) {
                let item = self.item();
                let known = PRICES.iter().find(|(known, _)| *known == item).unwrap().1;
                let price = match self.chance.below(6) {
                    0 => known * 3 / 4 + 1,
                    1 => known + 333_333,
                    2 => self.chance.below(20_000_000) as i128,
                    _ => known,
                };
                let given = if price == known && currency.is_empty() && self.chance.one_in(2) {
                    String::new()
                } else {
                    format!(r#","price":"{}""#, decimal(price, 6))
                };
                let units = self.units();
                value += (price * units + 500) / 1_000;
                let quantity = if units == 1_000 { String::new() } else { format!(r#","quantity":"{}""#, decimal(units, 3)) };
                lines.push(format!(r#""item_id":"{item}"{given}{quantity}"#));
                items.push(item);
            }
            let mut fields = format!("{id}{currency}");
            for name in ["discount", "tax"] {
                if self.chance.one_in(3) {
                    let off = value * self.chance.between(0, 400_000) as i128 / 1_000_000;
                    write!(fields, r#","{name}":"{}""#, decimal(off, 6)).unwrap();
                }
            }
            if let ([line], true) = (&lines[..], self.chance.one_in(2)) {
                write!(fields, ",{line}").unwrap();
            } else {
                write!(fields, r#","items":[{{{}}}]"#, lines.join("},{")).unwrap();
            }
            parts.push(self.push(ts, "purchase", fields, None, Vec::new()));
        }
        for _ in 0..self.chance.below(4) {
            self.refund(&id, &items, &parts, to);
        }
        if self.chance.one_in(8) {
            let ts = self.chance.between(to, to + MINUTE_MS);
            self.push(ts, "order_cancelled", id, None, parts);
        }
    }

    fn refund(&mut self, id: &str, items: &[&'static str], parts: &[usize], to: i64) {
        let mut fields = id.to_owned();
        if !self.chance.one_in(4) {
            let lines: Vec<String> = (0..self.chance.between(1, 2))
                .map(|_| {
                    let item = if self.chance.one_in(8) { self.item() } else { self.chance.pick(items) };
                    format!(r#"{{"item_id":"{item}"{}}}"#, self.quantity())
                })
                .collect();
            write!(fields, r#","items":[{}]"#, lines.join(",")).unwrap();
        }
        let ts = self.chance.between(to, to + MINUTE_MS);
        self.push(ts, "refund", fields, None, parts.to_vec());
    }

    /// By their times, nearly so, or not at all; but each after what it has to come after.
    fn shuffled(&mut self, mut body: Vec<Event>, order: usize) -> Vec<Event> {
        let spread = [0, 1, self.plan.window_ms * 3][order];
        let mut keyed: Vec<(i64, Event)> = body.drain(..).map(|event| (event.ts + self.chance.between(0, spread), event)).collect();
        keyed.sort_by_key(|(key, event)| (*key, rank(event.kind), event.tag));
        let mut left: Vec<Event> = keyed.into_iter().map(|(_, event)| event).collect();
        let mut whole = Vec::new();
        while !left.is_empty() {
            let is_free = |event: &Event| event.after.iter().all(|tag| left.iter().all(|other| other.tag != *tag));
            let at = left.iter().position(is_free).expect("nothing comes after itself");
            whole.push(left.remove(at));
        }
        whole
    }
}

fn is_of_order(kind: &str) -> bool {
    matches!(kind, "purchase" | "refund" | "order_cancelled")
}

/// What comes first of what happens at the same time.
fn rank(kind: &str) -> usize {
    match kind {
        "checkout" => 1,
        "cart_remove" => 2,
        "purchase" => 3,
        _ => 0,
    }
}

/// What is told of one offer comes in order: other visits know of an offer what was told of it first.
fn in_order_by_offer(body: &mut [Event]) {
    let named = |event: &Event| event.offer.as_ref().map(|named| (named.cause, event.ts, event.tag));
    let all: Vec<_> = body.iter().filter_map(named).collect();
    for event in body {
        let Some((cause, ts, tag)) = named(event) else { continue };
        event.after.extend(all.iter().filter(|other| other.0 == cause && (other.1, other.2) < (ts, tag)).map(|other| other.2));
    }
}
