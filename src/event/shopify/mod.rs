//! Shopify: webhooks of orders, refunds, carts and products.
//!
//! Sources: <https://shopify.dev/docs/api/webhooks>, <https://shopify.dev/docs/api/admin-rest/latest/resources/order>,
//! <https://shopify.dev/docs/api/admin-rest/latest/resources/refund>,
//! <https://shopify.dev/docs/api/admin-rest/latest/resources/product>,
//! <https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates>.
//!
//! Invariant: amounts are those of the shop's own currency, ids are their digits, however long. Whether a webhook is Shopify's
//! is for the gateway to check, by its HMAC.

mod order;
mod product;

use super::object::Object;
use super::{Around, Decoded, Id, Part, Reject, RejectReason, ShopEvent, ShopifyItem, ShopifyTopic};

/// The header that says which webhook it is.
pub(super) const TOPIC: &str = "x-shopify-topic";
const EVENT_ID: &str = "x-shopify-event-id";
const TRIGGERED_AT: &str = "x-shopify-triggered-at";
const SHOP_DOMAIN: &str = "x-shopify-shop-domain";

/// Decodes a webhook: of the topic in its header, else the configured one, else the one it looks like.
pub(super) fn read(payload: &[u8], around: &Around<'_>, configured: Option<ShopifyTopic>, item: ShopifyItem) -> Result<Decoded, Reject> {
    let webhook = Object::of_record(payload)?;
    let (topic, is_certain) = match (around.header(TOPIC), configured) {
        (Some(name), _) => match ShopifyTopic::parse(name) {
            Some(topic) => (topic, true),
            None => return Ok(Decoded::Several(vec![Part::PassedOver])),
        },
        (None, Some(topic)) => (topic, true),
        (None, None) => (topic_of(&webhook).ok_or_else(unknown)?, false),
    };
    let mut parts = match topic {
        ShopifyTopic::OrdersCreate => vec![Part::Event(order::placed(&webhook, around, item)?)],
        // Without its topic a cancelled order may be the first that is heard of it; one that is known is not placed again.
        ShopifyTopic::OrdersCancelled if !is_certain => {
            vec![Part::Event(order::placed(&webhook, around, item)?), Part::Event(order::cancelled(&webhook, around)?)]
        }
        ShopifyTopic::OrdersCancelled => vec![Part::Event(order::cancelled(&webhook, around)?)],
        ShopifyTopic::RefundsCreate => vec![order::refunded(&webhook, around, item)?],
        ShopifyTopic::CartsUpdate => vec![Part::Event(order::cart(&webhook, around, item)?)],
        ShopifyTopic::CheckoutsCreate => vec![Part::Event(order::checkout(&webhook, around, item)?)],
        ShopifyTopic::ProductsUpdate => product::updated(&webhook, around, item)?,
        ShopifyTopic::ProductsDelete => product::deleted(&webhook, item)?,
    };
    if let Some(id) = event_id(around)? {
        for event in parts.iter_mut().filter_map(|part| if let Part::Event(event) = part { Some(event) } else { None }) {
            event.event_id = Some(id.clone());
        }
    }
    Ok(Decoded::of(parts))
}

/// Which webhook it looks like.
pub(super) fn topic_of(webhook: &Object<'_>) -> Option<ShopifyTopic> {
    let any = |fields: &[&str]| fields.iter().any(|field| webhook.has(field));
    Some(match () {
        () if webhook.has("refund_line_items") => ShopifyTopic::RefundsCreate,
        () if webhook.is_list("variants") && any(&["title", "handle", "body_html"]) => ShopifyTopic::ProductsUpdate,
        () if !webhook.has("line_items") => return None,
        () if any(&["abandoned_checkout_url"]) => ShopifyTopic::CheckoutsCreate,
        () if any(&["order_number", "financial_status", "total_price"]) => {
            if webhook.raw("cancelled_at").is_some() {
                ShopifyTopic::OrdersCancelled
            } else {
                ShopifyTopic::OrdersCreate
            }
        }
        () if webhook.has("token") => ShopifyTopic::CartsUpdate,
        () => return None,
    })
}

fn unknown() -> Reject {
    let detail = "the webhook's topic is not told by X-Shopify-Topic, nor by what it looks like; configure it as shopify:orders/create";
    Reject::new(RejectReason::MissingType, detail)
}

/// What is the same for each attempt to deliver it, and other for each topic that one change at the shop makes webhooks of.
fn event_id(around: &Around<'_>) -> Result<Option<Id>, Reject> {
    let (Some(topic), Some(id)) = (around.header(TOPIC), around.header(EVENT_ID)) else { return Ok(None) };
    let json = serde_json::value::to_raw_value(&format!("{topic}:{id}")).ok();
    super::field::id("X-Shopify-Event-Id", json.as_deref())
}

/// When it happened: the first of these fields that is there.
fn time_of(webhook: &Object<'_>, fields: &[&'static str], around: &Around<'_>) -> Result<super::Timestamp, Reject> {
    for field in fields {
        if let Some(time) = webhook.time(field)? {
            return Ok(time);
        }
    }
    let triggered = || around.header(TRIGGERED_AT).and_then(super::Timestamp::parse_iso_8601);
    let missing =
        || Reject::new(RejectReason::MissingTime, format!("{} is missing, and so is the record's own time", webhook.name(fields[0])));
    around.ts.or_else(triggered).or(around.written_at).ok_or_else(missing)
}

/// The fields of an item, in the order in which they are looked at.
fn item_fields(item: ShopifyItem) -> &'static [&'static str] {
    match item {
        ShopifyItem::Product => &["product_id", "variant_id", "sku"],
        ShopifyItem::Variant => &["variant_id", "product_id", "sku"],
        ShopifyItem::Sku => &["sku", "variant_id", "product_id"],
    }
}

/// An event with the id of its envelope.
fn bare(kind: super::EventKind, ts: super::Timestamp, around: &Around<'_>) -> ShopEvent {
    ShopEvent { event_id: around.event_id.clone(), ..ShopEvent::bare(kind, ts) }
}
