//! The slow way to keep the ledger: all events of a history and all offers that came out, laid side by side by their
//! own times. It reads JSON alone and shares no code with the engine; nothing here is kept up to date, everything is
//! worked out once, from the whole.

#[path = "credit.rs"]
mod credit;
#[path = "reading.rs"]
mod reading;

use std::collections::{BTreeMap, BTreeSet};

use reading::{content, lines_of, millis, money, must, quantity, scaled, shares, text, times, ts};
use serde_json::Value;

/// Figures by name; what is 0 is left out.
pub type Figures = BTreeMap<String, i128>;

/// What the figures are to be worked out by.
pub struct Rules {
    pub trigger: &'static str,
    pub whole_order: bool,
    pub prices_include_tax: bool,
    pub window_ms: i64,
    /// How far the shop's clock is ahead of UTC.
    pub zone_ms: i64,
    pub currency: &'static str,
    /// Catalogue prices in millionths, in the shop's currency.
    pub prices: &'static [(&'static str, i128)],
    pub channels: &'static [&'static str],
}

/// An item of an offer, and what was heard of it.
struct Offered {
    session: String,
    customer: Option<String>,
    item: String,
    replaces: Option<String>,
    place: Place,
    offer_id: String,
    /// The place of the event that it came out with.
    came: usize,
    ts: i64,
    expires_at: i64,
    shown: Option<i64>,
    clicked: Option<i64>,
    one_click: Option<i64>,
    is_dismissed: bool,
}

#[derive(Clone)]
struct Place {
    placement: String,
    kind: String,
    channel: String,
}

/// Units that came into a basket together.
#[derive(Clone)]
struct Units {
    entered: i64,
    milli: i128,
}

/// One item of an order: all of it, of all its events.
#[derive(Default)]
struct Line {
    item: String,
    milli: i128,
    net: i128,
    /// Thousandths that came back.
    returned: i128,
    /// Of another session's offer, found out when it was bought.
    elsewhere: Option<usize>,
}

struct Order {
    session: String,
    id: String,
    ts: i64,
    currency: String,
    lines: Vec<Line>,
}

/// A part of a line, from one unit to another, that is some offer's doing.
struct Credit {
    order: usize,
    line: usize,
    offered: usize,
    spans: Vec<(i128, i128)>,
}

pub struct Ledger<'a> {
    rules: &'a Rules,
    offered: Vec<Offered>,
    /// Events that count, in the order in which they came,
    events: Vec<&'a Value>,
    /// and their places among all.
    places: Vec<usize>,
    orders: Vec<Order>,
    /// What became of the units of each item of each session, in the end.
    units: BTreeMap<(String, String), Walk>,
    figures: Figures,
}

/// All units of an item that ever came into a session's basket, and which of them each order bought, in the order
/// bought.
type Walk = (Vec<Units>, Vec<(usize, Vec<Units>)>);

/// The figures of a history: its events in the order in which they came, and its offers likewise, each with the place
/// of the event that it came out with.
pub fn figures(rules: &Rules, events: &[Value], offers: &[(usize, Value)]) -> Figures {
    let mut ledger = Ledger {
        rules,
        offered: Vec::new(),
        events: Vec::new(),
        places: Vec::new(),
        orders: Vec::new(),
        units: BTreeMap::new(),
        figures: Figures::new(),
    };
    ledger.read_offers(offers);
    ledger.drop_repeats(events);
    ledger.hear_feedback();
    ledger.read_orders();
    ledger.take_back();
    ledger.follow_units();
    ledger.credit_elsewhere();
    ledger.settle();
    ledger.figures.retain(|_, figure| *figure != 0);
    ledger.figures
}

impl Line {
    /// The value of its first units.
    fn value(&self, first: i128) -> i128 {
        self.net - (self.net * (self.milli - first)).div_euclid(self.milli)
    }

    fn kept(&self) -> i128 {
        self.milli - self.returned
    }
}

impl Offered {
    /// From when on it can be accepted.
    fn from(&self, trigger: &str) -> Option<i64> {
        let from = match trigger {
            "emitted" => Some(self.ts),
            "shown" => self.shown,
            "clicked" => self.clicked.into_iter().chain(self.one_click).min(),
            "added" => self.one_click,
            other => panic!("{other}"),
        };
        // What follows an order has no part in it, though its time is the order's.
        from.map(|from| if self.place.placement == "post_purchase" { from.max(self.ts + 1) } else { from })
    }

    fn can_be_accepted(&self, rules: &Rules, at: i64) -> bool {
        self.from(rules.trigger).is_some_and(|from| from <= at && at <= from + rules.window_ms)
    }
}

fn earlier(known: &mut Option<i64>, ts: i64) {
    *known = Some(known.map_or(ts, |known| known.min(ts)));
}

impl<'a> Ledger<'a> {
    fn add(&mut self, name: String, figure: i128) {
        *self.figures.entry(name).or_default() += figure;
    }

    fn step(&mut self, step: &str, place: &Place) {
        self.add(format!("items {step} {} {} {}", place.placement, place.kind, place.channel), 1);
    }

    fn step_at(&mut self, step: &str, place: &Place, ts: i64) {
        self.step(step, place);
        let hour = self.hour(ts);
        self.add(format!("items {step} by hour {} {hour}", place.placement), 1);
    }

    /// Weekday (1 is Monday) and hour of the shop's clock.
    fn hour(&self, ts: i64) -> String {
        let local = ts + self.rules.zone_ms;
        // 2026-03-02 is a Monday.
        let day = local.div_euclid(86_400_000) - 2;
        format!("{}/{}", day.rem_euclid(7) + 1, local.div_euclid(3_600_000).rem_euclid(24))
    }

    fn catalogue_price(&self, item: &str) -> Option<i128> {
        self.rules.prices.iter().find(|(known, _)| *known == item).map(|(_, price)| *price)
    }

    fn read_offers(&mut self, offers: &[(usize, Value)]) {
        for (came, offer) in offers {
            let channel = text(offer, "channel").filter(|channel| self.rules.channels.contains(channel)).unwrap_or("other");
            for item in offer["items"].as_array().unwrap() {
                let place = Place { placement: must(offer, "placement").into(), kind: must(item, "kind").into(), channel: channel.into() };
                self.step("emitted", &place);
                self.offered.push(Offered {
                    session: must(offer, "session_id").into(),
                    customer: text(offer, "customer_id").map(Into::into),
                    item: must(item, "item_id").into(),
                    replaces: text(item, "replaces").map(Into::into),
                    place,
                    offer_id: must(offer, "offer_id").into(),
                    came: *came,
                    ts: ts(offer),
                    expires_at: millis(must(offer, "expires_at")),
                    shown: None,
                    clicked: None,
                    one_click: None,
                    is_dismissed: false,
                });
            }
        }
    }

    /// An event that is heard again is told by its id; what is of an order and has none, by order and content.
    fn drop_repeats(&mut self, events: &'a [Value]) {
        let (mut heard, mut cancelled) = (BTreeSet::new(), BTreeSet::new());
        for (place, event) in events.iter().enumerate() {
            let (session, kind) = (must(event, "session_id"), must(event, "type"));
            let mark = match text(event, "event_id") {
                Some(id) => Some(id.to_owned()),
                None => matches!(kind, "purchase" | "refund" | "order_cancelled").then(|| content(event)),
            };
            if mark.is_some_and(|mark| !heard.insert((session, mark))) {
                continue;
            }
            let order = text(event, "order_id").map(|order| (session, order));
            // Of a cancelled order nothing more can come back: that is a dead letter.
            if matches!(kind, "refund" | "order_cancelled") && cancelled.contains(&order) {
                continue;
            }
            if kind == "order_cancelled" {
                cancelled.insert(order);
            }
            self.events.push(event);
            self.places.push(place);
        }
    }

    /// The newest time that was heard of in its session when an event came.
    fn newest_heard(&self) -> Vec<i64> {
        let mut newest = BTreeMap::new();
        let mut heard = |event: &Value| {
            let newest = newest.entry(must(event, "session_id").to_owned()).or_insert(i64::MIN);
            *newest = ts(event).max(*newest);
            *newest
        };
        self.events.iter().map(|event| heard(event)).collect()
    }

    fn hear_feedback(&mut self) {
        let newest = self.newest_heard();
        for (at, event) in self.events.clone().into_iter().enumerate() {
            let kind = must(event, "type");
            let Some(offer_id) = text(event, "offer_id").filter(|_| kind.starts_with("offer_") || kind == "cart_add") else { continue };
            let (session, item, ts) = (must(event, "session_id"), text(event, "item_id"), ts(event));
            // An offer is remembered for as long as anything may be bought for it.
            let over_ms = self.rules.window_ms;
            let of_offer = |offered: &&mut Offered| {
                offered.session == session && offered.offer_id == offer_id && newest[at] <= offered.expires_at + over_ms
            };
            let mut named: Vec<&mut Offered> = self.offered.iter_mut().filter(of_offer).collect();
            let is_known = !named.is_empty();
            named.retain(|offered| item.is_none_or(|item| offered.item == item));
            let ignored = match named.first() {
                None if is_known => Some("unknown_item"),
                None => Some("unknown_offer"),
                Some(offered) if kind != "offer_dismissed" && ts > offered.expires_at => Some("expired"),
                Some(_) => None,
            };
            if let Some(why) = ignored {
                self.add(format!("feedback ignored {why}"), 1);
                continue;
            }
            for offered in named {
                match kind {
                    "offer_shown" => earlier(&mut offered.shown, ts),
                    "offer_clicked" => earlier(&mut offered.clicked, ts),
                    "offer_dismissed" => offered.is_dismissed = true,
                    _ => {
                        earlier(&mut offered.shown, ts);
                        earlier(&mut offered.one_click, ts);
                    }
                }
            }
        }
    }

    /// What a purchase's lines come to, its discount, and tax where prices include it, shared out.
    fn nets(&self, event: &Value, lines: &[&Value]) -> Vec<i128> {
        let value = |line: &&Value| {
            let price = text(line, "price").map(|price| scaled(price, 6)).or_else(|| self.catalogue_price(must(line, "item_id")));
            times(price.unwrap(), quantity(line).unwrap_or(1_000))
        };
        let values: Vec<i128> = lines.iter().map(value).collect();
        let less = |amount: i128, values: &[i128]| -> Vec<i128> {
            values.iter().zip(shares(amount, values)).map(|(value, share)| value - share).collect()
        };
        let paid = less(money(event, "discount"), &values);
        if self.rules.prices_include_tax { less(money(event, "tax"), &paid) } else { paid }
    }

    fn read_orders(&mut self) {
        for event in self.events.clone().into_iter().filter(|event| must(event, "type") == "purchase") {
            let (session, id) = (must(event, "session_id"), must(event, "order_id"));
            let lines = lines_of(event).unwrap();
            let nets = self.nets(event, &lines);
            let at = self.order_at(session, id).unwrap_or_else(|| {
                let currency = text(event, "currency").unwrap_or(self.rules.currency).into();
                let (session, id) = (session.to_owned(), id.to_owned());
                self.orders.push(Order { session, id, ts: ts(event), currency, lines: Vec::new() });
                self.orders.len() - 1
            });
            let order = &mut self.orders[at];
            order.ts = order.ts.min(ts(event));
            for (line, net) in lines.iter().zip(nets) {
                let item = must(line, "item_id");
                let at = order.lines.iter().position(|line| line.item == item).unwrap_or_else(|| {
                    order.lines.push(Line { item: item.to_owned(), ..Line::default() });
                    order.lines.len() - 1
                });
                order.lines[at].milli += quantity(line).unwrap_or(1_000);
                order.lines[at].net += net;
            }
        }
    }

    fn order_at(&self, session: &str, id: &str) -> Option<usize> {
        self.orders.iter().position(|order| order.session == session && order.id == id)
    }

    /// Refunds and cancellations, in the order in which they came.
    fn take_back(&mut self) {
        for event in self.events.clone() {
            let kind = must(event, "type");
            if !matches!(kind, "refund" | "order_cancelled") {
                continue;
            }
            // Of an order that nobody heard of nothing can come back: that is a dead letter.
            let Some(at) = self.order_at(must(event, "session_id"), must(event, "order_id")) else { continue };
            let order = &mut self.orders[at];
            let (mut too_large, mut unknown) = (0, 0);
            match lines_of(event).filter(|_| kind == "refund") {
                Some(lines) => {
                    for line in &mut order.lines {
                        let of_item = lines.iter().filter(|back| must(back, "item_id") == line.item);
                        let milli: i128 = of_item.map(|back| quantity(back).unwrap_or(1_000)).sum();
                        too_large += i128::from(milli > line.kept());
                        line.returned += milli.min(line.kept());
                    }
                    let is_known = |back: &&&Value| order.lines.iter().any(|line| line.item == must(back, "item_id"));
                    unknown += lines.iter().filter(|back| !is_known(back)).count() as i128;
                }
                None => {
                    let is_empty = order.lines.iter().all(|line| line.kept() == 0);
                    too_large += i128::from(is_empty);
                    order.lines.iter_mut().for_each(|line| line.returned = line.milli);
                }
            }
            self.add("amounts ignored refund_too_large".into(), too_large);
            self.add("amounts ignored refund_of_unknown_item".into(), unknown);
        }
    }

    fn settle(&mut self) {
        self.settle_offers();
        self.settle_orders();
        // Who took what was offered elsewhere has paid for it, whatever is heard of the basket later.
        let mut paid: BTreeSet<usize> = self.orders.iter().flat_map(|order| order.lines.iter().filter_map(|line| line.elsewhere)).collect();
        for at in paid.clone() {
            self.step("paid", &self.offered[at].place.clone());
        }
        let mut with_offer = BTreeSet::new();
        for credit in self.credits() {
            let order = &self.orders[credit.order];
            let place = self.offered[credit.offered].place.clone();
            let Place { placement, kind, channel } = &place;
            let (gross, kept) = (self.extra(&credit, order.lines[credit.line].milli), self.extra(&credit, order.lines[credit.line].kept()));
            let (currency, hour) = (order.currency.clone(), self.hour(order.ts));
            self.add(format!("extra {placement} {kind} {currency}"), gross);
            self.add(format!("extra refunded {placement} {kind} {currency}"), (gross - kept).max(0));
            self.add(format!("extra by hour {placement} {hour} {currency}"), gross);
            self.add(format!("extra by channel {placement} {channel} {currency}"), gross);
            if paid.insert(credit.offered) {
                self.step("paid", &place);
            }
            with_offer.insert(credit.order);
        }
        for at in with_offer {
            let order = &self.orders[at];
            let (net, currency) = (order.lines.iter().map(|line| line.net).sum(), order.currency.clone());
            self.add("orders with offer".into(), 1);
            self.add(format!("order revenue with offer {currency}"), net);
        }
    }

    fn settle_offers(&mut self) {
        let mut shoppers = BTreeSet::new();
        for at in 0..self.offered.len() {
            let Offered { shown, clicked, is_dismissed, ref place, ref session, .. } = self.offered[at];
            let (place, session) = (place.clone(), session.clone());
            if let Some(shown) = shown {
                self.step_at("shown", &place, shown);
            }
            if clicked.is_some() {
                self.step("clicked", &place);
            }
            if is_dismissed {
                self.step("dismissed", &place);
            }
            let elsewhere = self.orders.iter().find(|order| order.lines.iter().any(|line| line.elsewhere == Some(at)));
            let own = self.accepted_at(at);
            if let Some(accepted) = own.or(elsewhere.map(|order| order.ts)) {
                self.step_at("accepted", &place, accepted);
            }
            // Of a shopper who comes back, the session that got the offer hears nothing.
            if own.is_some() && shoppers.insert((session, place.placement.clone())) {
                self.add(format!("shoppers accepted {}", place.placement), 1);
            }
        }
    }

    fn settle_orders(&mut self) {
        for at in 0..self.orders.len() {
            let order = &self.orders[at];
            let net: i128 = order.lines.iter().map(|line| line.net).sum();
            let kept: i128 = order.lines.iter().map(|line| line.value(line.kept())).sum();
            let currency = order.currency.clone();
            self.add("orders".into(), 1);
            self.add(format!("order revenue {currency}"), net);
            self.add(format!("order revenue refunded {currency}"), net - kept);
        }
    }
}
