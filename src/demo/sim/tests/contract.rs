//! Purpose: the event contract as a listener knows it, checked event by event.
//!
//! Invariant: it knows the shop by its events only.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::behaviour as b;
use super::super::{CURRENCY, SHOP_NAME, SimEvent};
use super::{cents, parse, text};

/// Follows the sessions as a listener would, and refuses what makes no sense.
#[derive(Default)]
pub(super) struct Contract {
    /// How many events of each type there were.
    pub(super) kinds: BTreeMap<String, u32>,
    event_ids: BTreeSet<String>,
    baskets: BTreeMap<String, Vec<(String, u64)>>,
    orders: BTreeMap<String, Value>,
    offers: BTreeSet<String>,
}

impl Contract {
    /// Refuses an event that breaks the contract or contradicts those before it.
    pub(super) fn check(&mut self, event: &SimEvent) {
        assert!(!event.json.contains('\n'));
        let value = parse(event);
        self.check_head(event, &value);
        let kind = text(&value, "type").to_owned();
        *self.kinds.entry(kind.clone()).or_default() += 1;
        let session = event.key.to_string();
        match kind.as_str() {
            "product_viewed" => check_product(&value),
            "cart_add" => {
                check_product(&value);
                let line = (text(&value, "item_id").to_owned(), value["quantity"].as_u64().expect("a number"));
                let basket = self.baskets.entry(session).or_default();
                assert!(basket.iter().all(|(item, _)| *item != line.0), "there already: {value}");
                basket.push(line);
            }
            "cart_remove" => {
                let basket = self.baskets.get_mut(&session).expect("a basket");
                let lines = basket.len();
                basket.retain(|(item, _)| item != text(&value, "item_id"));
                assert_eq!(basket.len(), lines - 1, "not in the basket: {value}");
            }
            "checkout" if value.get("items").is_none() => assert!(!self.baskets[&session].is_empty()),
            "checkout" => self.check_lines(&session, &value),
            "purchase" => {
                self.check_lines(&session, &value);
                check_order(&value);
                assert!(self.orders.insert(text(&value, "order_id").to_owned(), value.clone()).is_none());
            }
            "refund" | "order_cancelled" => self.check_aftermath(&value),
            "offer_shown" => {
                assert!(value.get("item_id").is_none());
                assert!(self.offers.insert(text(&value, "offer_id").to_owned()), "shown twice: {value}");
            }
            "offer_clicked" => assert!(text(&value, "item_id").starts_with("sim-")),
            "offer_dismissed" => assert!(value.get("item_id").is_none()),
            other => panic!("unknown type {other}"),
        }
        let is_about_offer = kind.starts_with("offer_") || value.get("offer_id").is_some();
        assert!(!is_about_offer || self.offers.contains(text(&value, "offer_id")), "before it was shown: {value}");
    }

    fn check_head(&mut self, event: &SimEvent, value: &Value) {
        let ts = text(value, "ts");
        assert!(ts.len() == 24 && ts.ends_with('Z'), "{ts}");
        let ts: jiff::Timestamp = ts.parse().expect("RFC 3339");
        assert_eq!(ts.as_millisecond(), event.ts_ms);
        assert_eq!(text(value, "session_id"), event.key);
        assert!(self.event_ids.insert(text(value, "event_id").to_owned()), "id twice: {value}");
        assert!(["web", "app"].contains(&text(value, "channel")));
        assert!(["en", "uz", "ka"].contains(&text(value, "locale")));
        assert_eq!(value["attributes"], json!({"simulated": "true", "shop": SHOP_NAME}));
        assert!(value.get("customer_id").is_none_or(|id| id.as_str().is_some_and(|id| id.starts_with("sim-c"))));
    }

    fn check_lines(&self, session: &str, value: &Value) {
        assert_eq!(text(value, "currency"), CURRENCY);
        let lines = value["items"].as_array().expect("a list");
        assert!(!lines.is_empty() && lines.iter().all(|line| cents(&line["price"]) > 0));
        let line = |line: &Value| (text(line, "item_id").to_owned(), line["quantity"].as_u64().expect("a number"));
        assert_eq!(lines.iter().map(line).collect::<Vec<_>>(), self.baskets[session], "{value}");
    }

    fn check_aftermath(&self, value: &Value) {
        let order = &self.orders[text(value, "order_id")];
        assert_eq!(value["session_id"], order["session_id"]);
        assert_eq!(value.get("customer_id"), order.get("customer_id"));
        if let Some(lines) = value.get("items").and_then(Value::as_array) {
            let bought = order["items"].as_array().expect("a list");
            assert!(value["type"] == "refund" && lines.iter().all(|line| bought.contains(line)));
        }
    }
}

fn check_product(value: &Value) {
    assert!(text(value, "item_id").starts_with("sim-"));
    assert!(cents(&value["price"]) > 0);
    assert_eq!(text(value, "currency"), CURRENCY);
    for field in ["title", "category", "brand"] {
        assert!(!text(value, field).is_empty());
    }
    assert!(value.get("quantity").is_none_or(|n| (1..=4).contains(&n.as_u64().expect("a number"))));
}

fn check_order(value: &Value) {
    let lines = value["items"].as_array().expect("a list");
    let total: i64 = lines.iter().map(|line| cents(&line["price"]) * line["quantity"].as_i64().expect("a number")).sum();
    let amount = |field: &str| value.get(field).map(cents);
    assert_eq!(value.get("coupon").is_some(), amount("discount").is_some());
    assert!(amount("discount").unwrap_or(0) < total && amount("tax").unwrap_or(0) < total);
    assert_eq!(amount("shipping"), (total < b::FREE_SHIPPING_FROM_CENTS).then_some(b::SHIPPING_CENTS));
}
