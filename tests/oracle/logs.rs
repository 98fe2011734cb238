//! Random logs of a small shop: a few sessions that add, remove, check out, buy, cancel and refund, with
//! repeated, late and unusable events among them.

use proptest::prelude::*;

/// When the first event happens: 2025-11-20T00:00:00Z, nine days into a half-life.
const DAY: i64 = 20;

#[derive(Clone, Debug)]
enum Op {
    Add(&'static str, Option<u8>),
    Remove(&'static str, Option<u8>),
    Checkout(Vec<&'static str>),
    /// Items, by how many events, whether an order is added to, and which ids the events carry.
    Buy {
        items: Vec<&'static str>,
        flat: bool,
        same_order: bool,
        by_cart: bool,
    },
    Cancel(u8),
    Refund(u8),
    View(&'static str),
    Repeat,
    Junk,
}

fn item() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["a", "b", "c", "d", "e", "f", "g \"quoted\"", "ў"])
}

fn items(least: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(item(), least..6)
}

fn op() -> impl Strategy<Value = Op> {
    let units = || proptest::option::of(1..3_u8);
    prop_oneof![
        10 => (item(), units()).prop_map(|(item, units)| Op::Add(item, units)),
        4 => (item(), units()).prop_map(|(item, units)| Op::Remove(item, units)),
        2 => items(0).prop_map(Op::Checkout),
        4 => (items(1), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(items, flat, same_order, by_cart)| Op::Buy { items, flat, same_order, by_cart }),
        2 => (0..3_u8).prop_map(Op::Cancel),
        1 => (0..3_u8).prop_map(Op::Refund),
        1 => item().prop_map(Op::View),
        2 => Just(Op::Repeat),
        1 => Just(Op::Junk),
    ]
}

/// A log as text, one event a line.
pub fn log() -> impl Strategy<Value = String> {
    let step_ms = prop_oneof![8 => 0..600_000_i64, 1 => 80_000_000..200_000_000_i64];
    let late_ms = prop_oneof![6 => Just(0), 1 => 0..10_800_000_i64];
    let one = (0..4_usize, op(), (step_ms, late_ms), any::<bool>());
    proptest::collection::vec(one, 1..60).prop_map(|steps| {
        let mut log = Log::default();
        let mut newest_ms = 0;
        for (session, op, (step_ms, late_ms), with_id) in steps {
            newest_ms += step_ms;
            log.at_ms = (newest_ms - late_ms).max(0);
            log.write(session, &op, with_id);
        }
        log.lines.join("\n")
    })
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    at_ms: i64,
    orders: [u8; 4],
}

impl Log {
    fn write(&mut self, session: usize, op: &Op, with_id: bool) {
        let own = format!(r#""session_id":"s{session}""#);
        let with_cart = format!(r#"{own},"cart_id":"c{session}""#);
        match op {
            Op::Add(item, units) => self.push("cart_add", &with_cart, &format!("{}{}", named(item), quantity(*units)), with_id),
            Op::Remove(item, units) => self.push("cart_remove", &own, &format!("{}{}", named(item), quantity(*units)), with_id),
            Op::Checkout(items) if items.is_empty() => self.push("checkout", &own, r#""coupon":"X""#, with_id),
            Op::Checkout(items) => self.push("checkout", &own, &listed(items), with_id),
            Op::Buy { items, flat, same_order, by_cart } => {
                self.orders[session] += u8::from(!same_order);
                let order = format!(r#""order_id":"o{session}-{}""#, self.orders[session]);
                let ids = if *by_cart { format!(r#""cart_id":"c{session}",{order}"#) } else { format!("{own},{order}") };
                if *by_cart {
                    // So that the cart is known when the purchase names nothing else.
                    self.push("cart_add", &with_cart, &named(items[0]), false);
                }
                if *flat {
                    items.iter().for_each(|item| self.push("purchase", &ids, &named(item), with_id));
                } else {
                    self.push("purchase", &ids, &listed(items), with_id);
                }
            }
            Op::Cancel(order) => self.push("order_cancelled", &format!(r#""order_id":"o{session}-{order}""#), r#""why":"-""#, with_id),
            Op::Refund(order) => self.push("refund", &format!(r#"{own},"order_id":"o{session}-{order}""#), r#""why":"-""#, with_id),
            Op::View(item) => self.push("product_viewed", &own, &named(item), with_id),
            Op::Repeat => self.lines.extend(self.lines.last().cloned()),
            Op::Junk => self.lines.push("{\"type\":\"cart_add\",".to_owned()),
        }
    }

    fn push(&mut self, kind: &str, ids: &str, fields: &str, with_id: bool) {
        let event_id = if with_id { format!(r#","event_id":"e{}""#, self.lines.len()) } else { String::new() };
        self.lines.push(format!(r#"{{"type":"{kind}","ts":"{}",{ids},{fields}{event_id}}}"#, time(self.at_ms)));
    }
}

/// A time in November or December, which is as far as a log gets.
fn time(at_ms: i64) -> String {
    let day = DAY + at_ms / 86_400_000;
    let (month, day) = if day <= 30 { (11, day) } else { (12, day - 30) };
    let (hour, minute, second) = (at_ms / 3_600_000 % 24, at_ms / 60_000 % 60, at_ms / 1_000 % 60);
    assert!(day <= 31, "the log is too long for this calendar");
    format!("2025-{month}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", at_ms % 1_000)
}

fn named(item: &str) -> String {
    format!(r#""item_id":{},"price":2.5"#, serde_json::to_string(item).unwrap())
}

fn listed(items: &[&str]) -> String {
    let lines: Vec<String> = items.iter().map(|item| format!("{{{}}}", named(item))).collect();
    format!(r#""items":[{}]"#, lines.join(","))
}

fn quantity(units: Option<u8>) -> String {
    units.map(|units| format!(r#","quantity":{units}.5"#)).unwrap_or_default()
}
