//! Recorded samples of every format, written from the public specifications: what each of their fields means, and what is
//! said of those that are wrong. docs/formats.md is the same as a table.
//!
//! Specifications: <https://github.com/cloudevents/spec/tree/v1.0.2>, <https://segment.com/docs/connections/spec/ecommerce/v2/>,
//! <https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference/events>,
//! <https://shopify.dev/docs/api/webhooks>.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use offerstream::event::{
    Around, Decoded, EventKind, Format, Headers, Line, Part, Reading, Reject, ShopEvent, ShopifyItem, Timestamp, read,
};
use serde_json::{Value, json};

/// When the samples' records were written: 2026-03-02T09:30:00Z.
const WRITTEN_AT: Timestamp = Timestamp(1_772_443_800_000);

const CE: &[(&str, &str)] = &[
    ("ce_specversion", "1.0"),
    ("ce_id", "B-1"),
    ("ce_source", "/shop"),
    ("ce_type", "viewed"),
    ("ce_time", "2026-03-02T09:10:00Z"),
    ("content-type", "application/json; charset=utf-8"),
];
const CE_STRUCTURED: &[(&str, &str)] = &[("content-type", "application/cloudevents+json; charset=utf-8")];

/// Samples, each with the headers its record has.
const SAMPLES: &[(&str, &[(&str, &str)])] = &[
    ("native/cart_add", &[]),
    ("native/cart_updated", &[]),
    ("native/purchase", &[]),
    ("cloudevents/structured", CE_STRUCTURED),
    ("cloudevents/structured_base64", &[]),
    ("cloudevents/structured_segment", CE_STRUCTURED),
    ("cloudevents/binary_data", CE),
    ("segment/product_viewed", &[]),
    ("segment/product_added", &[]),
    ("segment/product_removed", &[]),
    ("segment/added_product_v1", &[]),
    ("segment/cart_viewed", &[]),
    ("segment/checkout_started", &[]),
    ("segment/order_completed", &[]),
    ("segment/order_refunded", &[]),
    ("segment/order_cancelled", &[]),
    ("segment/promotion_viewed", &[]),
    ("segment/promotion_clicked", &[]),
    ("segment/page", &[]),
    ("segment/batch", &[]),
    ("ga4/purchase", &[]),
    ("ga4/basket", &[]),
    ("ga4/datalayer", &[]),
    ("ga4/gtag", &[]),
    ("ga4/datalayer_clear", &[]),
    ("shopify/orders_create", &[("X-Shopify-Topic", "orders/create"), ("X-Shopify-Event-Id", "e-1")]),
    ("shopify/orders_cancelled", &[("X-Shopify-Topic", "orders/cancelled")]),
    ("shopify/refunds_create", &[("x-shopify-topic", "refunds/create")]),
    ("shopify/refund_of_money", &[("x-shopify-topic", "refunds/create")]),
    ("shopify/carts_update", &[("X-Shopify-Topic", "carts/update")]),
    ("shopify/products_update", &[("X-Shopify-Topic", "products/update"), ("X-Shopify-Shop-Domain", "tea.example")]),
];

fn sample(name: &str) -> Value {
    let path = Path::new("tests/formats").join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn headers_of(name: &str) -> &'static [(&'static str, &'static str)] {
    SAMPLES.iter().find(|(sample, _)| *sample == name).map(|(_, headers)| *headers).unwrap()
}

fn decode(payload: &Value, headers: &[(&str, &str)], reading: Reading) -> Result<Decoded, Reject> {
    let headers = Some(&headers as &dyn Headers).filter(|_| !headers.is_empty());
    let around = Around::of(headers, Some(b"the-key"), Some(WRITTEN_AT));
    read(payload.to_string().as_bytes(), &around, reading)
}

/// What a record says, by meaning.
type Meanings = BTreeMap<String, String>;

fn meanings(decoded: &Decoded) -> Meanings {
    let mut said = Meanings::new();
    let one;
    let parts: &[Part] = match decoded {
        Decoded::One(event) => {
            one = [Part::Event(event.clone())];
            &one
        }
        Decoded::Several(parts) => parts,
    };
    for (at, part) in parts.iter().enumerate() {
        let mut say = |what: &str, value: String| drop(said.insert(format!("{at}.{what}"), value));
        match part {
            Part::Event(event) => say_event(event, &mut say),
            Part::Product(row) => {
                say("row", row.item_id.to_string());
                let fields: Value = row.json.as_ref().map_or(Value::Null, |json| serde_json::from_slice(json).unwrap());
                fields.as_object().into_iter().flatten().for_each(|(field, value)| say(&format!("row.{field}"), value.to_string()));
            }
            Part::PassedOver => say("type", "passed over".into()),
            Part::Bad(reject) => say("bad", reject.to_string()),
        }
    }
    said
}

fn say_event(event: &ShopEvent, say: &mut impl FnMut(&str, String)) {
    say("type", event.kind.event_type().as_str().into());
    say("ts", event.ts.to_string());
    let ids = [
        ("event_id", &event.event_id),
        ("session_id", &event.session_id),
        ("cart_id", &event.cart_id),
        ("order_id", &event.order_id),
        ("customer_id", &event.customer_id),
        ("channel", &event.channel),
        ("locale", &event.locale),
        ("segment", &event.segment),
    ];
    ids.into_iter().filter_map(|(what, id)| Some((what, id.as_ref()?))).for_each(|(what, id)| say(what, id.to_string()));
    event.currency.into_iter().for_each(|currency| say("currency", currency.to_string()));
    match &event.kind {
        EventKind::ProductViewed(line) => say_line("", line, say),
        EventKind::CartAdd { line, offer } => {
            say_line("", line, say);
            offer.iter().filter_map(|offer| offer.id()).for_each(|id| say("offer_id", id.to_string()));
        }
        EventKind::CartRemove { item_id, quantity } => {
            say("item_id", item_id.to_string());
            say("quantity", quantity.map_or("all".into(), |quantity| quantity.to_string()));
        }
        EventKind::Purchase { lines, amounts } => {
            say_lines(lines, say);
            for (what, amount) in [("discount", amounts.discount), ("tax", amounts.tax), ("shipping", amounts.shipping)] {
                amount.into_iter().for_each(|amount| say(what, amount.to_string()));
            }
        }
        EventKind::Checkout(lines) | EventKind::CartUpdated(lines) => say_lines(lines, say),
        EventKind::Refund(Some(lines)) => say_lines(lines, say),
        EventKind::Refund(None) => say("items", "the whole order".into()),
        EventKind::Feedback { offer, item_id, .. } => {
            offer.id().into_iter().for_each(|id| say("offer_id", id.to_string()));
            item_id.iter().for_each(|id| say("item_id", id.to_string()));
        }
        EventKind::OrderCancelled | EventKind::CustomerErased => {}
    }
}

fn say_lines(lines: &[Line], say: &mut impl FnMut(&str, String)) {
    say("items", lines.len().to_string());
    lines.iter().enumerate().for_each(|(at, line)| say_line(&format!("items.{at}."), line, say));
}

fn say_line(of: &str, line: &Line, say: &mut impl FnMut(&str, String)) {
    say(&format!("{of}item_id"), line.item_id.to_string());
    say(&format!("{of}quantity"), line.quantity.to_string());
    line.price.into_iter().for_each(|price| say(&format!("{of}price"), price.to_string()));
    let product = &line.product;
    let texts = [("title", &product.title), ("category", &product.category), ("brand", &product.brand)];
    texts
        .into_iter()
        .filter_map(|(what, text)| Some((what, text.as_ref()?)))
        .for_each(|(what, text)| say(&format!("{of}{what}"), text.to_string()));
}

#[test]
fn every_sample_says_what_its_snapshot_has() {
    let mut all = String::new();
    for (name, headers) in SAMPLES {
        writeln!(all, "# {name}").unwrap();
        for (what, value) in meanings(&decode(&sample(name), headers, Reading::default()).unwrap()) {
            writeln!(all, "{what} = {value}").unwrap();
        }
        all.push('\n');
    }
    insta::assert_snapshot!("formats", all);
}

/// A sample, one of its fields, another value for it, what changes then, and to what.
type Meaning = (&'static str, &'static str, Value, &'static str, &'static str);

/// Which field means what: changed alone, it changes nothing but that.
fn table() -> Vec<Meaning> {
    let mut table = vec![
        ("cloudevents/structured", "/id", json!("Z"), "0.event_id", "Z"),
        ("cloudevents/structured", "/time", json!("2026-01-01T00:00:00Z"), "0.ts", "2026-01-01T00:00:00.000Z"),
        ("cloudevents/structured", "/data/session_id", json!(5), "0.session_id", "5"),
        ("cloudevents/structured", "/type", json!("other.product_viewed"), "0.type", "product_viewed"),
        ("segment/product_added", "/messageId", json!("Z"), "0.event_id", "Z"),
        ("segment/product_added", "/anonymousId", json!("Z"), "0.session_id", "Z"),
        ("segment/product_added", "/userId", json!(77), "0.customer_id", "77"),
        ("segment/product_added", "/timestamp", json!("2026-03-02T10:00:00+0100"), "0.ts", "2026-03-02T09:00:00.000Z"),
        ("segment/product_added", "/context/locale", json!("fr"), "0.locale", "fr"),
        ("segment/product_added", "/context/library/name", json!("analytics-ios"), "0.channel", "app"),
        ("segment/product_added", "/event", json!("added product"), "0.type", "cart_add"),
        ("segment/product_added", "/properties/cart_id", json!("Z"), "0.cart_id", "Z"),
        ("segment/product_added", "/properties/product_id", json!(9_007_199_254_740_993_u64), "0.item_id", "9007199254740993"),
        ("segment/product_added", "/properties/product_id", Value::Null, "0.item_id", "L-2-RED"),
        ("segment/product_added", "/properties/price", json!("12.345"), "0.price", "12.345"),
        ("segment/product_added", "/properties/quantity", json!("3"), "0.quantity", "3"),
        ("segment/product_added", "/properties/currency", json!("usd"), "0.currency", "USD"),
        ("segment/product_added", "/properties/name", json!("Z"), "0.title", "Z"),
        ("segment/product_added", "/properties/category", json!("Z"), "0.category", "Z"),
        ("segment/product_added", "/properties/brand", json!("Z"), "0.brand", "Z"),
        ("segment/product_removed", "/properties/quantity", Value::Null, "0.quantity", "all"),
        ("segment/order_completed", "/properties/order_id", json!(31), "0.order_id", "31"),
        ("segment/order_completed", "/properties/discount", json!("1"), "0.discount", "1"),
        ("segment/order_completed", "/properties/tax", json!(1), "0.tax", "1"),
        ("segment/order_completed", "/properties/shipping", json!(0), "0.shipping", "0"),
        ("segment/order_completed", "/properties/products/1/price", json!(25.990000000000002), "0.items.1.price", "25.99"),
        ("segment/promotion_viewed", "/properties/promotion_id", json!("Z"), "0.offer_id", "Z"),
        ("segment/promotion_clicked", "/properties/product_id", json!("Z"), "0.item_id", "Z"),
        ("ga4/purchase", "/client_id", json!("Z"), "0.session_id", "Z"),
        ("ga4/purchase", "/user_id", json!("Z"), "0.customer_id", "Z"),
        ("ga4/purchase", "/timestamp_micros", json!(1_772_442_000_000_000_i64), "0.ts", "2026-03-02T09:00:00.000Z"),
        ("ga4/purchase", "/events/0/params/transaction_id", json!("Z"), "0.order_id", "Z"),
        ("ga4/purchase", "/events/0/params/value", json!("20"), "0.discount", "3.8"),
        ("ga4/purchase", "/events/0/params/currency", json!("EUR"), "0.currency", "EUR"),
        ("ga4/purchase", "/events/0/params/items/1/item_id", json!("Z"), "0.items.1.item_id", "Z"),
        ("ga4/purchase", "/events/0/params/items/1/item_id", Value::Null, "0.items.1.item_id", "Cup"),
        ("ga4/purchase", "/events/0/params/items/0/item_category2", json!("Z"), "0.items.0.category", "Drinks > Z > Green"),
        ("ga4/purchase", "/events/0/params/items/0/item_brand", json!("Z"), "0.items.0.brand", "Z"),
        ("ga4/purchase", "/events/0/params/items/0/item_name", json!("Z"), "0.items.0.title", "Z"),
        ("ga4/datalayer", "/ecommerce/items/0/quantity", json!("2"), "0.quantity", "2"),
        ("ga4/datalayer", "/client_id", Value::Null, "0.session_id", "the-key"),
        ("shopify/orders_create", "/id", json!(6_000_000_000_000_000_001_i64), "0.order_id", "6000000000000000001"),
        ("shopify/orders_create", "/cart_token", json!("Z"), "0.cart_id", "Z"),
        ("shopify/orders_create", "/customer/id", json!(1), "0.customer_id", "1"),
        ("shopify/orders_create", "/currency", json!("USD"), "0.currency", "USD"),
        ("shopify/orders_create", "/processed_at", json!("2026-03-02T11:20:00+01:00"), "0.ts", "2026-03-02T10:20:00.000Z"),
        ("shopify/orders_create", "/customer_locale", json!("fr"), "0.locale", "fr"),
        ("shopify/orders_create", "/source_name", json!("pos"), "0.channel", "store"),
        ("shopify/orders_create", "/total_discounts", json!("2.00"), "0.discount", "0.000002"),
        ("shopify/orders_create", "/total_tax", json!("1"), "0.tax", "1"),
        ("shopify/orders_create", "/line_items/1/price", json!("5.50"), "0.items.1.price", "5.5"),
        ("shopify/orders_create", "/line_items/1/quantity", json!(2), "0.items.1.quantity", "2"),
        ("shopify/orders_create", "/line_items/1/product_id", json!(5), "0.items.1.item_id", "5"),
        ("shopify/orders_create", "/line_items/1/vendor", json!("Z"), "0.items.1.brand", "Z"),
        ("shopify/orders_cancelled", "/cancelled_at", json!("2026-03-02T12:00:00Z"), "0.ts", "2026-03-02T12:00:00.000Z"),
        ("shopify/refunds_create", "/order_id", json!(5), "0.order_id", "5"),
        ("shopify/refunds_create", "/id", json!(5), "0.event_id", "5:refund"),
        ("shopify/refunds_create", "/refund_line_items/0/quantity", json!(2), "0.items.0.quantity", "2"),
        ("shopify/refunds_create", "/refund_line_items/0/line_item/product_id", json!(5), "0.items.0.item_id", "5"),
        ("shopify/carts_update", "/token", json!("Z"), "0.cart_id", "Z"),
        ("shopify/carts_update", "/line_items/0/discounted_price", json!("7.00"), "0.items.0.price", "7"),
        ("shopify/carts_update", "/line_items/0/discounted_price", Value::Null, "0.items.0.price", "8.9"),
        ("shopify/carts_update", "/updated_at", json!("2026-03-02T09:11:00Z"), "0.ts", "2026-03-02T09:11:00.000Z"),
        ("shopify/products_update", "/variants/1/inventory_quantity", json!(-1), "0.row.in_stock", "false"),
        ("shopify/products_update", "/variants/0/price", json!("7.00"), "0.row.price", "\"7\""),
        ("shopify/products_update", "/vendor", json!("Z"), "0.row.brand", "\"Z\""),
        ("shopify/products_update", "/product_type", json!("Z"), "0.row.category", "\"Z\""),
        ("shopify/products_update", "/body_html", json!("<br>a&lt;b"), "0.row.description", "\"a<b\""),
        ("shopify/products_update", "/image/src", json!("https://z.example/z.jpg"), "0.row.image_url", "\"https://z.example/z.jpg\""),
        ("shopify/products_update", "/handle", json!("z"), "0.row.url", "\"https://tea.example/products/z\""),
        ("shopify/products_update", "/status", json!("archived"), "0.row.in_stock", "false"),
    ];
    // All others say nothing, whatever they are.
    for (name, field) in [
        ("segment/order_completed", "/properties/total"),
        ("segment/order_completed", "/properties/revenue"),
        ("segment/product_viewed", "/properties/quantity"),
        ("segment/product_viewed", "/properties/value"),
        ("ga4/purchase", "/events/0/params/tax"),
        ("ga4/purchase", "/events/0/params/shipping"),
        ("ga4/purchase", "/events/0/params/items/0/discount"),
        ("shopify/orders_create", "/presentment_currency"),
        ("shopify/carts_update", "/line_items/0/price"),
    ] {
        table.push((name, field, json!("9"), "", ""));
    }
    table
}

#[test]
fn a_field_means_what_the_table_says_and_nothing_else() {
    for (name, pointer, value, what, expected) in table() {
        let (mut payload, headers) = (sample(name), headers_of(name));
        let before = meanings(&decode(&payload, headers, Reading::default()).unwrap());
        *payload.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = value;
        let after = meanings(&decode(&payload, headers, Reading::default()).unwrap_or_else(|reject| panic!("{name}{pointer}: {reject}")));
        let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let changed: Vec<&String> = keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect();
        let expected_changes: Vec<&str> = [what].into_iter().filter(|what| !what.is_empty()).collect();
        if what == "0.type" {
            assert_eq!(after.get(what).map(String::as_str), Some(expected), "{name}{pointer}");
            continue;
        }
        // The item of a row is in the row as well.
        assert_eq!(changed, expected_changes, "{name}{pointer}: {before:#?}\n{after:#?}");
        assert_eq!(after.get(what).map_or("", String::as_str), expected, "{name}{pointer}");
    }
}

/// A sample, one of its fields, what is put there (null takes it away), the reason and what its detail names.
const BAD: &[(&str, &str, &str, &str, &str)] = &[
    ("cloudevents/structured", "/specversion", r#""0.3""#, "unknown_version", "specversion is \"0.3\"; 1.0 is needed"),
    ("cloudevents/structured", "/specversion", "2", "unknown_version", "specversion is \"2\""),
    ("cloudevents/structured", "/id", "null", "missing_id", "id is missing"),
    ("cloudevents/structured", "/id", "{}", "bad_id", "id is {}"),
    ("cloudevents/structured", "/source", "null", "bad_field", "source is missing"),
    ("cloudevents/structured", "/type", "null", "missing_type", "type is missing"),
    ("cloudevents/structured", "/type", "[]", "bad_field", "type is []"),
    ("cloudevents/structured", "/time", r#""noon""#, "bad_time", "time is \"noon\""),
    ("cloudevents/structured", "/data", "[1]", "bad_field", "data is [1]; an object is needed"),
    ("cloudevents/structured", "/data", "null", "empty", "data is missing"),
    ("cloudevents/structured", "/datacontenttype", r#""application/xml""#, "bad_field", "datacontenttype is \"application/xml\""),
    ("cloudevents/structured", "/data/item_id", "null", "missing_item", "item_id is missing"),
    ("cloudevents/structured_base64", "/data_base64", r#""%%%""#, "bad_field", "data_base64"),
    ("segment/product_added", "/event", "null", "missing_type", "event is missing"),
    ("segment/product_added", "/event", "[]", "bad_field", "event is []"),
    ("segment/product_added", "/properties", "[]", "bad_field", "properties is []; an object is needed"),
    ("segment/product_added", "/properties", "null", "bad_field", "properties is missing"),
    ("segment/product_added", "/properties/price", "-1", "bad_price", "properties.price is -1, which is negative"),
    ("segment/product_added", "/properties/price", r#""$12""#, "bad_price", "properties.price is \"$12\""),
    ("segment/product_added", "/properties/price", "{}", "bad_price", "properties.price is {}"),
    ("segment/product_added", "/properties/quantity", "0", "bad_quantity", "properties.quantity is 0"),
    ("segment/product_added", "/properties/currency", r#""EURO""#, "bad_currency", "properties.currency is \"EURO\""),
    ("segment/product_added", "/timestamp", "1772442901", "bad_time", "timestamp is 1772442901"),
    ("segment/product_added", "/messageId", "{}", "bad_id", "messageId is {}"),
    ("segment/order_completed", "/properties/order_id", "null", "missing_order", "properties.order_id is missing"),
    ("segment/order_completed", "/properties/products", "{}", "bad_field", "properties.products is {}; a list of objects is needed"),
    ("segment/order_completed", "/properties/products", "[]", "missing_item", "properties.products has no products"),
    ("segment/order_completed", "/properties/products/1", "7", "bad_field", "properties.products[1] is 7; an object is needed"),
    ("segment/order_completed", "/properties/products/1/product_id", "[]", "bad_id", "properties.products[1].product_id is []"),
    ("segment/order_completed", "/properties/tax", "-2", "bad_amount", "properties.tax is -2"),
    ("segment/promotion_viewed", "/properties/promotion_id", "null", "missing_offer", "properties.promotion_id is missing"),
    ("segment/product_viewed", "/anonymousId", "null", "missing_id", "anonymousId"),
    ("segment/batch", "/batch", "{}", "bad_field", "batch is {}; a list of objects is needed"),
    ("ga4/purchase", "/client_id", "null", "ok", ""),
    ("ga4/purchase", "/events", "{}", "bad_field", "events is {}; a list of objects is needed"),
    ("ga4/purchase", "/events/0", "[]", "bad_field", "events[0] is []; an object is needed"),
    ("ga4/purchase", "/events/0/name", "null", "missing_type", "events[0].name is missing"),
    ("ga4/purchase", "/events/0/params", "[]", "bad_field", "events[0].params is []; an object is needed"),
    ("ga4/purchase", "/events/0/params/transaction_id", "null", "missing_order", "events[0].params.transaction_id is missing"),
    ("ga4/purchase", "/events/0/params/items", "null", "missing_item", "events[0].params.items is missing"),
    ("ga4/purchase", "/events/0/params/items", "{}", "bad_field", "events[0].params.items is {}; a list of objects is needed"),
    ("ga4/purchase", "/events/0/params/items/1/price", "true", "bad_price", "events[0].params.items[1].price is true"),
    ("ga4/purchase", "/events/0/params/value", r#""a lot""#, "bad_amount", "events[0].params.value is \"a lot\""),
    ("ga4/purchase", "/timestamp_micros", r#""today""#, "bad_time", "timestamp_micros is \"today\""),
    ("ga4/datalayer", "/event", "{}", "bad_field", "event is {}"),
    ("ga4/datalayer", "/ecommerce", "[]", "bad_field", "ecommerce is []; an object is needed"),
    ("ga4/datalayer", "/ecommerce/items/0", r#"{"price":1}"#, "missing_item", "ecommerce.items[0].item_id is missing"),
    ("shopify/orders_create", "/id", "null", "missing_order", "id is missing"),
    ("shopify/orders_create", "/id", "{}", "bad_id", "id is {}"),
    ("shopify/orders_create", "/line_items", "{}", "bad_field", "line_items is {}; a list of objects is needed"),
    ("shopify/orders_create", "/line_items", "[]", "missing_item", "line_items has no products"),
    ("shopify/orders_create", "/line_items/0", r#"{"quantity":1}"#, "missing_item", "line_items[0].product_id is missing"),
    ("shopify/orders_create", "/line_items/0/quantity", "-1", "bad_quantity", "line_items[0].quantity is -1"),
    ("shopify/orders_create", "/line_items/0/price", r#""8,90""#, "bad_price", "line_items[0].price is \"8,90\""),
    ("shopify/orders_create", "/line_items/0/discount_allocations", "5", "bad_field", "line_items[0].discount_allocations is 5"),
    ("shopify/orders_create", "/customer", "[]", "bad_field", "customer is []; an object is needed"),
    ("shopify/orders_create", "/currency", "7", "bad_currency", "currency is 7"),
    ("shopify/orders_create", "/processed_at", r#""soon""#, "bad_time", "processed_at is \"soon\""),
    ("shopify/orders_cancelled", "/id", "null", "missing_order", "id is missing"),
    ("shopify/refunds_create", "/order_id", "null", "missing_order", "order_id is missing"),
    ("shopify/refunds_create", "/refund_line_items/0/line_item", "null", "missing_item", "refund_line_items[0].line_item is missing"),
    ("shopify/carts_update", "/line_items", "null", "missing_item", "line_items is missing"),
    ("shopify/products_update", "/id", "null", "missing_item", "id is missing"),
    ("shopify/products_update", "/variants", "{}", "bad_field", "variants is {}; a list of objects is needed"),
    ("shopify/products_update", "/variants/0/price", r#""free""#, "bad_price", "variants[0].price is \"free\""),
];

#[test]
fn what_is_wrong_is_refused_with_a_reason_that_names_the_field() {
    for (name, pointer, value, reason, names) in BAD {
        let mut payload = sample(name);
        *payload.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = serde_json::from_str(value).unwrap();
        let done = decode(&payload, headers_of(name), Reading::default());
        let reject = done.and_then(|decoded| decoded.first_bad().cloned().map_or(Ok(decoded), Err));
        let said = reject.map_or_else(|reject| (reject.reason.as_str(), reject.detail), |_| ("ok", String::new()));
        assert!(said.0 == *reason && said.1.contains(names), "{name}{pointer} = {value}: {said:?}");
    }
}

#[test]
fn headers_of_a_cloud_event_are_judged_as_its_fields_are() {
    let payload = sample("cloudevents/binary_data");
    for (header, value, reason, names) in [
        ("ce_specversion", "0.3", "unknown_version", "ce_specversion is \"0.3\""),
        ("ce_specversion", "", "unknown_version", "ce_specversion is missing"),
        ("ce_id", "", "missing_id", "ce_id is missing"),
        ("ce_source", "", "bad_field", "ce_source is missing"),
        ("ce_type", "", "missing_type", "ce_type is missing"),
        ("ce_time", "soon", "bad_time", "ce_time is \"soon\""),
        ("content-type", "application/avro", "bad_field", "content-type is \"application/avro\""),
        ("content-type", "application/cloudevents+avro", "bad_field", "content-type is \"application/cloudevents+avro\""),
    ] {
        let headers: Vec<(&str, &str)> = CE.iter().map(|(name, known)| (*name, if *name == header { value } else { known })).collect();
        let reject = decode(&payload, &headers, Reading::default()).unwrap_err();
        assert!(reject.reason.as_str() == reason && reject.detail.contains(names), "{header}: {value}: {reject}");
    }
}

#[test]
fn a_body_has_25_events_at_most() {
    let body = |count: usize| json!({"client_id": "c", "events": vec![json!({"name": "page_view"}); count]});
    assert!(decode(&body(25), &[], Reading::default()).is_ok());
    let reject = decode(&body(26), &[], Reading::default()).unwrap_err();
    assert_eq!((reject.reason.as_str(), reject.detail.as_str()), ("too_many_items", "events has 26 entries; 25 are allowed"));
}

#[test]
fn the_time_of_a_segment_call_is_set_right_as_segment_does() {
    let at = |minute: u8| format!("2026-03-02T09:{minute:02}:00Z");
    // timestamp, originalTimestamp, sentAt, receivedAt: minutes past nine; the record was written at half past.
    for (times, expected) in [
        ([Some(15), None, None, None], 15),
        ([Some(15), Some(40), Some(41), Some(16)], 15),
        ([None, Some(40), Some(41), Some(16)], 15),
        ([None, Some(14), None, Some(16)], 14),
        ([Some(50), None, Some(52), None], 28),
        ([Some(10), None, Some(12), None], 10),
        ([None, None, None, Some(16)], 16),
        ([None, None, Some(12), None], 30),
        ([None; 4], 30),
    ] {
        let mut call = json!({"type": "track", "event": "Product Viewed", "anonymousId": "s", "properties": {"product_id": "a"}});
        for (field, minute) in ["timestamp", "originalTimestamp", "sentAt", "receivedAt"].iter().zip(times) {
            call[field] = json!(minute.map(at));
        }
        let decoded = decode(&call, &[], Reading::default()).unwrap();
        assert_eq!(meanings(&decoded)["0.ts"], format!("2026-03-02T09:{expected:02}:00.000Z"), "{times:?}");
    }
}

#[test]
fn a_topic_of_one_format_is_read_as_that_and_what_it_does_not_use_is_passed_over() {
    let custom = json!({"event": "scroll", "percent": 50});
    let reading = |format: &str| Reading { format: Format::try_from(format.to_owned()).unwrap(), ..Reading::default() };
    assert_eq!(decode(&custom, &[], reading("ga4")), Ok(Decoded::Several(vec![Part::PassedOver])));
    assert!(decode(&custom, &[], reading("native")).is_err());
    let cart = json!({"id": "c1", "line_items": []});
    assert!(decode(&cart, &[], reading("auto")).is_err());
    let decoded = decode(&cart, &[], reading("shopify:carts/update")).unwrap();
    assert_eq!(meanings(&decoded).get("0.items").map(String::as_str), Some("0"));
    assert_eq!(decode(&sample("native/cart_add"), &[], reading("segment")).unwrap_err().reason.as_str(), "unknown_type");
}

#[test]
fn the_headers_of_a_webhook_overrule_what_it_looks_like_and_other_topics_are_passed_over() {
    let order = sample("shopify/orders_cancelled");
    let kinds = |headers: &[(&str, &str)]| {
        let decoded = decode(&order, headers, Reading::default()).unwrap();
        decoded.events().map(|event| event.kind.event_type().as_str()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&[]), ["purchase", "order_cancelled"]);
    assert_eq!(kinds(&[("X-Shopify-Topic", "orders/cancelled")]), ["order_cancelled"]);
    assert_eq!(kinds(&[("X-Shopify-Topic", "orders/create")]), ["purchase"]);
    assert_eq!(kinds(&[("X-Shopify-Topic", "orders/fulfilled")]), [""; 0]);
}

#[test]
fn shopify_s_items_go_by_what_is_configured() {
    for (item, expected) in [
        (ShopifyItem::Product, vec!["7440012233445566"]),
        (ShopifyItem::Variant, vec!["43900112233001", "43900112233002"]),
        (ShopifyItem::Sku, vec!["TEA-100", "TEA-250"]),
    ] {
        let reading = Reading { shopify_item: item, ..Reading::default() };
        let Decoded::Several(rows) = decode(&sample("shopify/products_update"), &[], reading).unwrap() else { panic!() };
        let items: Vec<&str> =
            rows.iter().filter_map(|row| if let Part::Product(row) = row { Some(row.item_id.as_str()) } else { None }).collect();
        assert_eq!(items, expected);
        let order = decode(&sample("shopify/orders_create"), &[], reading).unwrap();
        assert_eq!(meanings(&order)["0.items.0.item_id"], expected[0]);
    }
}

#[test]
fn an_order_of_shopify_comes_to_what_was_paid_for_its_lines() {
    let decoded = decode(&sample("shopify/orders_create"), headers_of("shopify/orders_create"), Reading::default()).unwrap();
    let Decoded::One(ShopEvent { kind: EventKind::Purchase { lines, amounts }, .. }) = decoded else { panic!() };
    let lines: i128 = lines.iter().map(|line| line.price.unwrap().times(line.quantity)).sum();
    // 3 × 8.90 − 2.00 and 6.00, less 1.00 of the whole order; the tip is no product.
    assert_eq!(lines - i128::from(amounts.discount.unwrap().0), 29_700_000);
}
