//! Google Analytics 4: bodies of the Measurement Protocol, and pushes to a dataLayer.
//!
//! Sources: <https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference>,
//! <https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference/events>,
//! <https://developers.google.com/analytics/devguides/collection/ga4/ecommerce?client_type=gtm>,
//! <https://developers.google.com/analytics/devguides/collection/ga4/apply-discount>.
//!
//! Invariant: of a body each event stands for itself. `price` is after discount, and an order earns `value`, which has neither
//! tax nor shipping in it: so neither is handed on to be subtracted.

use super::decoded::tell_apart;
use super::object::Object;
use super::{
    Around, Decoded, EventKind, FeedbackAction, ITEMS_MAX, Id, Line, Money, OfferRef, OrderAmounts, Part, ProductFacts, Quantity, Reject,
    RejectReason, ShopEvent, TEXT_BYTES_MAX, Timestamp,
};

/// As many events a body may have.
const EVENTS_MAX: usize = 25;
/// What an item goes by; a name alone is enough by the specification.
const ITEM: [&str; 3] = ["item_id", "id", "item_name"];
const CATEGORIES: [&str; 5] = ["item_category", "item_category2", "item_category3", "item_category4", "item_category5"];

/// Whose events they are.
struct Who {
    session_id: Option<Id>,
    customer_id: Option<Id>,
}

/// Decodes a body or a push.
pub(super) fn read(payload: &[u8], around: &Around<'_>) -> Result<Decoded, Reject> {
    let record = Object::of_record(payload)?;
    if record.has("events") { body(&record, around) } else { push(&record, around).map(Decoded::of) }
}

/// A request to the Measurement Protocol.
fn body(body: &Object<'_>, around: &Around<'_>) -> Result<Decoded, Reject> {
    let missing = || Reject::new(RejectReason::MissingType, "events is missing; a list of objects is needed");
    let events = body.list("events", EVENTS_MAX)?.ok_or_else(missing)?;
    let who = Who { session_id: body.id(&["client_id", "app_instance_id"])?, customer_id: body.id(&["user_id"])? };
    if who.session_id.is_none() && who.customer_id.is_none() {
        return Err(Reject::new(RejectReason::MissingId, "client_id is missing or empty, and so are app_instance_id and user_id"));
    }
    let (sent, count) = (micros(body)?, events.len());
    let mut parts = Vec::with_capacity(count);
    for (place, event) in events.iter().enumerate() {
        let inside = Around { event_id: around.event_id_at(place, count), ..around.clone() };
        match of_body(event, &who, sent, &inside) {
            Ok(found) => parts.extend(found),
            Err(reject) => parts.push(Part::Bad(reject)),
        }
    }
    Ok(Decoded::of(parts))
}

fn of_body(event: &Object<'_>, who: &Who, sent: Option<Timestamp>, around: &Around<'_>) -> Result<Vec<Part>, Reject> {
    let missing = || Reject::new(RejectReason::MissingType, format!("{} is missing or empty", event.name("name")));
    let name = event.word("name")?.ok_or_else(missing)?;
    let ts = || Ok(micros(event)?.or(sent));
    match event.object("params")? {
        Some(params) => happened(&name, &params, who, ts, around),
        None => happened(&name, event, who, ts, around),
    }
}

/// A push to a dataLayer: an object with `event` and `ecommerce`, or the arguments of `gtag`.
fn push(push: &Object<'_>, around: &Around<'_>) -> Result<Vec<Part>, Reject> {
    let is_gtag = push.has("0");
    if is_gtag && push.word("0")?.as_deref() != Some("event") {
        return Ok(vec![Part::PassedOver]);
    }
    let Some(name) = push.word(if is_gtag { "1" } else { "event" })? else { return Ok(vec![Part::PassedOver]) };
    if !is_known(&name) {
        return Ok(vec![Part::PassedOver]);
    }
    let within = push.object(if is_gtag { "2" } else { "ecommerce" })?;
    let params = within.as_ref().unwrap_or(push);
    let named = |fields: &[&'static str]| push.id(fields).and_then(|id| id.map_or_else(|| params.id(fields), |id| Ok(Some(id))));
    let session_id = named(&["client_id", "clientId", "session_id", "sessionId"])?;
    let who = Who { session_id: session_id.or_else(|| key_of(around)), customer_id: named(&["user_id", "userId", "customer_id"])? };
    if who.session_id.is_none() && who.customer_id.is_none() {
        return Err(Reject::new(
            RejectReason::MissingId,
            "client_id is missing or empty, and so are session_id, user_id and the record's key",
        ));
    }
    let ts = || Ok(micros(push)?.or(push.time("timestamp")?));
    happened(&name, params, &who, ts, around)
}

/// The record's key, which is the session of whoever put a push on the bus.
fn key_of(around: &Around<'_>) -> Option<Id> {
    let key = std::str::from_utf8(around.key?).ok()?;
    let fits = (1..=super::ID_BYTES_MAX).contains(&key.len()) && super::hidden_in(key).is_none();
    fits.then(|| Id::new(key))
}

fn is_known(name: &str) -> bool {
    matches!(
        name,
        "view_item"
            | "add_to_cart"
            | "remove_from_cart"
            | "view_cart"
            | "begin_checkout"
            | "purchase"
            | "refund"
            | "view_promotion"
            | "select_promotion"
    )
}

/// An event of its name; of several items, each is one where the event is about items.
fn happened(
    name: &str,
    params: &Object<'_>,
    who: &Who,
    ts: impl FnOnce() -> Result<Option<Timestamp>, Reject>,
    around: &Around<'_>,
) -> Result<Vec<Part>, Reject> {
    if !is_known(name) {
        return Ok(vec![Part::PassedOver]);
    }
    let kinds = kinds_of(name, params)?;
    let missing = || {
        let detail = "timestamp_micros is missing, and so is the record's own time";
        Reject::new(RejectReason::MissingTime, detail)
    };
    let ts = ts()?.or(around.time()).ok_or_else(missing)?;
    let order_id = params.id(&["transaction_id"])?;
    let needs_order = matches!(name, "purchase" | "refund");
    if needs_order && order_id.is_none() {
        return Err(Reject::new(RejectReason::MissingOrder, format!("{} is missing or empty", params.name("transaction_id"))));
    }
    let currency = params.currency("currency")?;
    let mut events: Vec<ShopEvent> = kinds
        .into_iter()
        .map(|kind| ShopEvent {
            event_id: around.event_id.clone(),
            session_id: who.session_id.clone(),
            customer_id: who.customer_id.clone(),
            order_id: order_id.clone().filter(|_| needs_order),
            currency,
            ..ShopEvent::bare(kind, ts)
        })
        .collect();
    tell_apart(&mut events);
    if events.is_empty() {
        return Ok(vec![Part::PassedOver]);
    }
    Ok(events.into_iter().map(Part::Event).collect())
}

fn kinds_of(name: &str, params: &Object<'_>) -> Result<Vec<EventKind>, Reject> {
    let lines = || params.lines("items", |item| line(item).map(Some));
    let needed = || {
        let missing = || Reject::new(RejectReason::MissingItem, format!("{} is missing or empty", params.name("items")));
        lines()?.filter(|lines| !lines.is_empty()).ok_or_else(missing)
    };
    Ok(match name {
        "view_item" => priced(needed()?, params)?.into_iter().map(EventKind::ProductViewed).collect(),
        "add_to_cart" => priced(needed()?, params)?.into_iter().map(|line| EventKind::CartAdd { line, offer: None }).collect(),
        "remove_from_cart" => {
            let items = params.list("items", ITEMS_MAX)?.unwrap_or_default();
            needed()?;
            let removed =
                |item: &Object<'_>| Ok(EventKind::CartRemove { item_id: item.item(&ITEM)?, quantity: item.quantity("quantity")? });
            items.iter().map(removed).collect::<Result<_, Reject>>()?
        }
        // A cart that is looked at without its items says nothing of them.
        "view_cart" => lines()?.map(EventKind::CartUpdated).into_iter().collect(),
        "begin_checkout" => vec![EventKind::Checkout(lines()?.unwrap_or_default())],
        "purchase" => {
            let lines = priced(needed()?, params)?;
            let amounts = amounts(&lines, params)?;
            vec![EventKind::Purchase { lines, amounts }]
        }
        "refund" => vec![EventKind::Refund(lines()?.filter(|lines| !lines.is_empty()))],
        "view_promotion" => promotions(FeedbackAction::Shown, params)?,
        _ => promotions(FeedbackAction::Clicked, params)?,
    })
}

fn line(item: &Object<'_>) -> Result<Line, Reject> {
    let price = item.money("price", RejectReason::BadPrice)?;
    let product =
        ProductFacts { title: item.text(&["item_name", "name"]), category: category(item), brand: item.text(&["item_brand", "brand"]) };
    item.line(item.item(&ITEM)?, price, item.quantity("quantity")?.unwrap_or(Quantity::ONE), product)
}

/// The category with those within it, as the path that a catalogue would have.
fn category(item: &Object<'_>) -> Option<Id> {
    let mut path = item.text(&["item_category", "category"])?;
    for narrower in CATEGORIES[1..].iter().map_while(|field| item.text(&[*field])) {
        if path.len() + narrower.len() + 3 > TEXT_BYTES_MAX {
            break;
        }
        path.push_str(" > ");
        path.push_str(&narrower);
    }
    Some(path)
}

/// A single line without a price has that of `value`, where it comes out even.
fn priced(mut lines: Vec<Line>, params: &Object<'_>) -> Result<Vec<Line>, Reject> {
    let value = params.money("value", RejectReason::BadAmount)?;
    if let ([only], Some(value)) = (lines.as_mut_slice(), value)
        && only.price.is_none()
    {
        let (whole, rest) =
            (i128::from(value.0) * 1_000 / i128::from(only.quantity.0), i128::from(value.0) * 1_000 % i128::from(only.quantity.0));
        only.price = i64::try_from(whole).ok().filter(|_| rest == 0).map(Money).filter(|price| *price <= Money::MAX);
    }
    Ok(lines)
}

/// An order earns its `value`: what its lines come to beyond that is a discount of the whole order, or tax that was in their
/// prices.
fn amounts(lines: &[Line], params: &Object<'_>) -> Result<OrderAmounts, Reject> {
    let value = params.money("value", RejectReason::BadAmount)?.filter(|value| *value > Money::ZERO);
    for informative in ["tax", "shipping"] {
        params.money(informative, RejectReason::BadAmount)?;
    }
    let sum = lines.iter().map(|line| line.price.map(|price| price.times(line.quantity))).sum::<Option<i128>>();
    let beyond = value.zip(sum).and_then(|(value, sum)| i64::try_from(sum - i128::from(value.0)).ok());
    Ok(OrderAmounts { discount: beyond.filter(|beyond| *beyond > 0).map(Money), tax: None, shipping: None })
}

/// Promotions that carry an offer's id: of items, where they are named, else as a whole.
fn promotions(action: FeedbackAction, params: &Object<'_>) -> Result<Vec<EventKind>, Reject> {
    let whole = params.id(&["promotion_id"])?;
    let missing = |of: &Object<'_>| Reject::new(RejectReason::MissingOffer, format!("{} is missing or empty", of.name("promotion_id")));
    let items = params.list("items", ITEMS_MAX)?.unwrap_or_default();
    if items.is_empty() {
        let offer_id = whole.ok_or_else(|| missing(params))?;
        return Ok(vec![EventKind::Feedback { action, offer: OfferRef::Id(offer_id), item_id: None }]);
    }
    let of_item = |item: &Object<'_>| {
        let offer_id = item.id(&["promotion_id"])?.or_else(|| whole.clone()).ok_or_else(|| missing(item))?;
        Ok(EventKind::Feedback { action, offer: OfferRef::Id(offer_id), item_id: item.id(&["item_id", "id"])? })
    };
    items.iter().map(of_item).collect()
}

/// Microseconds since the epoch, as a number or as text.
fn micros(of: &Object<'_>) -> Result<Option<Timestamp>, Reject> {
    let Some(raw) = of.raw("timestamp_micros") else { return Ok(None) };
    let text = super::field::quoted(raw).unwrap_or(raw.get()).trim();
    let ms = text.parse::<i64>().ok().map(|micros| micros / 1_000);
    let needed = "microseconds since 1970 are needed, such as 1767225600000000";
    let bad = || Reject::new(RejectReason::BadTime, format!("{} is {}; {needed}", of.name("timestamp_micros"), super::field::show(raw)));
    ms.filter(|ms| (Timestamp::MIN.0..=Timestamp::MAX.0).contains(ms)).map(|ms| Some(Timestamp(ms))).ok_or_else(bad)
}
