//! Segment: track calls of its e-commerce specification, one a record or a batch of them.
//!
//! Sources: <https://segment.com/docs/connections/spec/ecommerce/v2/>, <https://segment.com/docs/connections/spec/ecommerce/>
//! (the names of version 1), <https://segment.com/docs/connections/spec/common/>,
//! <https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/#batch>.
//!
//! Invariant: `messageId` tells a call from its repetition; calls and events that say nothing of baskets are passed over.

use super::decoded::tell_apart;
use super::field::show_text;
use super::object::Object;
use super::{
    Around, Decoded, EventKind, FeedbackAction, ITEMS_MAX, Id, Line, OfferRef, OrderAmounts, Part, ProductFacts, Quantity, Reject,
    RejectReason, ShopEvent, Timestamp,
};

/// The kinds of calls there are.
pub(super) const CALLS: [&str; 6] = ["track", "identify", "page", "screen", "group", "alias"];
/// As many calls as a batch of 500 kB has room for, generously.
const BATCH_MAX: usize = 5_000;
/// A clock is ahead by so much at most that it is put back; more than that is refused as of the future.
const WRONG_CLOCK_MS_MAX: i64 = 86_400_000;
/// What a product goes by: its id, which is `id` in version 1, else its public number.
const ITEM: [&str; 5] = ["product_id", "productId", "item_id", "id", "sku"];
const ORDER: [&str; 2] = ["order_id", "orderId"];
const CART: [&str; 2] = ["cart_id", "cartId"];

/// What an event of a name is to us.
#[derive(Clone, Copy)]
enum Name {
    Viewed,
    Added,
    Removed,
    CartViewed,
    CheckoutStarted,
    Completed,
    Refunded,
    Cancelled,
    Promotion(FeedbackAction),
}

impl Name {
    /// Names are told apart by their letters alone: `Product Added`, `product_added`, and `Added Product` of version 1.
    fn parse(event: &str) -> Option<Self> {
        let letters: String = event.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(40).collect();
        Some(match letters.as_str() {
            "productviewed" | "viewedproduct" => Self::Viewed,
            "productadded" | "addedproduct" | "wishlistproductaddedtocart" => Self::Added,
            "productremoved" | "removedproduct" => Self::Removed,
            "cartviewed" | "viewedcart" => Self::CartViewed,
            "checkoutstarted" | "startedcheckout" | "orderstarted" | "startedorder" => Self::CheckoutStarted,
            "ordercompleted" | "completedorder" => Self::Completed,
            "orderrefunded" | "refundedorder" => Self::Refunded,
            "ordercancelled" | "cancelledorder" | "ordercanceled" | "canceledorder" => Self::Cancelled,
            "promotionviewed" | "viewedpromotion" => Self::Promotion(FeedbackAction::Shown),
            "promotionclicked" | "clickedpromotion" => Self::Promotion(FeedbackAction::Clicked),
            _ => return None,
        })
    }
}

/// Decodes a call, or a batch.
pub(super) fn read(payload: &[u8], around: &Around<'_>) -> Result<Decoded, Reject> {
    let record = Object::of_record(payload)?;
    let Some(calls) = record.list("batch", BATCH_MAX)? else {
        return call(&record, None, around).map(Decoded::of);
    };
    let count = calls.len();
    let mut parts = Vec::with_capacity(count);
    for (place, one) in calls.iter().enumerate() {
        let inside = Around { event_id: around.event_id_at(place, count), ..around.clone() };
        match call(one, Some(&record), &inside) {
            Ok(events) => parts.extend(events),
            Err(reject) => parts.push(Part::Bad(reject)),
        }
    }
    Ok(Decoded::of(parts))
}

/// One call; of several products, each is an event.
fn call(call: &Object<'_>, batch: Option<&Object<'_>>, around: &Around<'_>) -> Result<Vec<Part>, Reject> {
    let kind = call.word("type")?.or(call.word("action")?);
    match kind.as_deref().unwrap_or("track") {
        "track" => {}
        other if CALLS.contains(&other) => return Ok(vec![Part::PassedOver]),
        other => {
            let detail = format!("{} is {}; a call such as \"track\" is needed", call.name("type"), show_text(other));
            return Err(Reject::new(RejectReason::UnknownType, detail));
        }
    }
    let name = call.word("event")?;
    let missing = || Reject::new(RejectReason::MissingType, format!("{} is missing or empty; a track call needs it", call.name("event")));
    let Some(name) = Name::parse(&name.ok_or_else(missing)?) else { return Ok(vec![Part::PassedOver]) };
    let properties = call.object("properties")?;
    let Some(kinds) = kinds_of(name, call, properties.as_ref())? else { return Ok(vec![Part::PassedOver]) };
    let ts = time_of(call, batch, around)?;
    let mut events: Vec<ShopEvent> = kinds.into_iter().map(|kind| ShopEvent::bare(kind, ts)).collect();
    for event in &mut events {
        tell(event, call, properties.as_ref(), around)?;
    }
    tell_apart(&mut events);
    Ok(events.into_iter().map(Part::Event).collect())
}

/// What happened; `None` where nothing did that matters here.
fn kinds_of(name: Name, call: &Object<'_>, properties: Option<&Object<'_>>) -> Result<Option<Vec<EventKind>>, Reject> {
    let Some(properties) = properties else {
        let detail = format!("{} is missing; the event needs them", call.name("properties"));
        return Err(Reject::new(RejectReason::BadField, detail));
    };
    let lines = || properties.lines("products", |product| line(product).map(Some));
    Ok(Some(match name {
        Name::Viewed => each(properties, |product| seen(product).map(EventKind::ProductViewed))?,
        Name::Added => each(properties, |product| {
            Ok(EventKind::CartAdd { line: line(product)?, offer: product.id(&["offer_id"])?.map(OfferRef::Id) })
        })?,
        Name::Removed => each(properties, |product| {
            Ok(EventKind::CartRemove { item_id: product.item(&ITEM)?, quantity: product.quantity("quantity")? })
        })?,
        // A cart that is looked at without its products says nothing of them.
        Name::CartViewed => match lines()? {
            Some(lines) => vec![EventKind::CartUpdated(lines)],
            None => return Ok(None),
        },
        Name::CheckoutStarted => vec![EventKind::Checkout(lines()?.unwrap_or_default())],
        Name::Completed => {
            let missing = || Reject::new(RejectReason::MissingItem, format!("{} has no products", properties.name("products")));
            let lines = lines()?.filter(|lines| !lines.is_empty()).ok_or_else(missing)?;
            vec![EventKind::Purchase { lines, amounts: amounts(properties)? }]
        }
        Name::Refunded => vec![EventKind::Refund(lines()?.filter(|lines| !lines.is_empty()))],
        Name::Cancelled => vec![EventKind::OrderCancelled],
        Name::Promotion(action) => {
            let missing = || Reject::new(RejectReason::MissingOffer, format!("{} is missing or empty", properties.name("promotion_id")));
            let offer_id = properties.id(&["promotion_id", "offer_id", "id"])?.ok_or_else(missing)?;
            vec![EventKind::Feedback { action, offer: OfferRef::Id(offer_id), item_id: properties.id(&["product_id", "item_id", "sku"])? }]
        }
    }))
}

/// An event that is of one product is described by the properties themselves. Some libraries put it into a list; a list
/// beside it is the cart.
fn each<T>(properties: &Object<'_>, read: impl Fn(&Object<'_>) -> Result<T, Reject>) -> Result<Vec<T>, Reject> {
    if properties.id(&ITEM)?.is_none()
        && let Some(list) = properties.list("products", ITEMS_MAX)?.filter(|list| !list.is_empty())
    {
        return list.iter().map(read).collect();
    }
    read(properties).map(|one| vec![one])
}

fn facts(product: &Object<'_>) -> ProductFacts {
    ProductFacts { title: product.text(&["name", "title"]), category: product.text(&["category"]), brand: product.text(&["brand"]) }
}

fn line(product: &Object<'_>) -> Result<Line, Reject> {
    let price = product.money("price", RejectReason::BadPrice)?;
    product.line(product.item(&ITEM)?, price, product.quantity("quantity")?.unwrap_or(Quantity::ONE), facts(product))
}

/// A product that is looked at: how many there are of it, or in which place of a list, does not matter.
fn seen(product: &Object<'_>) -> Result<Line, Reject> {
    let price = product.money("price", RejectReason::BadPrice)?;
    product.line(product.item(&ITEM)?, price, Quantity::ONE, facts(product))
}

fn amounts(properties: &Object<'_>) -> Result<OrderAmounts, Reject> {
    let amount = |field| properties.money(field, RejectReason::BadAmount);
    Ok(OrderAmounts { discount: amount("discount")?, tax: amount("tax")?, shipping: amount("shipping")? })
}

/// When it happened, by the shop's clock: `timestamp` of what Segment hands on, else what it would be. What a library sent has
/// no `receivedAt`, and its times are those of the shopper's clock: where that was ahead when it was sent, they are put back.
fn time_of(call: &Object<'_>, batch: Option<&Object<'_>>, around: &Around<'_>) -> Result<Timestamp, Reject> {
    let time = |field| Ok::<_, Reject>(call.time(field)?.or(batch.map_or(Ok(None), |batch| batch.time(field))?));
    let (stated, original, sent, received) = (time("timestamp")?, time("originalTimestamp")?, time("sentAt")?, time("receivedAt")?);
    if let Some(corrected) = stated.filter(|_| received.is_some() || original.is_some()) {
        return Ok(corrected);
    }
    let is_ahead = |written: &Timestamp| sent.is_some_and(|sent| (0..=WRONG_CLOCK_MS_MAX).contains(&(sent.0 - written.0)));
    match (stated.or(original), sent, received.or(around.written_at.filter(is_ahead))) {
        (Some(original), Some(sent), Some(received)) => {
            Ok(Timestamp((received.0 + original.0 - sent.0).clamp(Timestamp::MIN.0, Timestamp::MAX.0)))
        }
        (Some(original), ..) => Ok(original),
        (None, sent, received) => received.or(around.time()).or(sent).ok_or_else(|| {
            Reject::new(RejectReason::MissingTime, format!("{} is missing, and so is the record's own time", call.name("timestamp")))
        }),
    }
}

/// Who it was, and what else the call says.
fn tell(event: &mut ShopEvent, call: &Object<'_>, properties: Option<&Object<'_>>, around: &Around<'_>) -> Result<(), Reject> {
    let own = |fields: &[&'static str]| properties.map_or(Ok(None), |properties| properties.id(fields));
    event.event_id = call.id(&["messageId", "message_id"])?.or_else(|| around.event_id.clone());
    event.session_id = call.id(&["anonymousId", "anonymous_id"])?;
    event.customer_id = call.id(&["userId", "user_id"])?;
    event.cart_id = own(&CART)?;
    event.order_id = own(&ORDER)?;
    let missing = |reason, field| Reject::new(reason, format!("{field} is missing or empty"));
    if needs_order(&event.kind) && event.order_id.is_none() {
        let field = properties.map_or_else(|| "order_id".to_owned(), |properties| properties.name("order_id"));
        return Err(missing(RejectReason::MissingOrder, field));
    }
    if super::record_key(event).is_none() {
        return Err(missing(RejectReason::MissingId, format!("{}, and so is userId: it", call.name("anonymousId"))));
    }
    event.currency = properties.map_or(Ok(None), |properties| properties.currency("currency"))?;
    // What is of no use in there is no reason to lose the event.
    let context = call.object("context").ok().flatten();
    event.locale = context.as_ref().and_then(|context| context.label("locale"));
    event.channel = channel(call, context.as_ref());
    Ok(())
}

fn needs_order(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Purchase { .. } | EventKind::Refund(_) | EventKind::OrderCancelled)
}

/// Where it happened, by the library that told it.
fn channel(call: &Object<'_>, context: Option<&Object<'_>>) -> Option<Id> {
    let library = context.and_then(|context| context.object("library").ok().flatten()).and_then(|library| library.label("name"));
    let library = library.unwrap_or_default().to_ascii_lowercase();
    let is = |names: &[&str]| names.iter().any(|name| library.contains(name));
    let channel = match call.label("channel").as_deref() {
        Some("browser" | "client" | "web") => "web",
        Some("mobile") => "app",
        _ if is(&["ios", "android", "kotlin", "swift", "react-native", "flutter", "xamarin"]) => "app",
        _ if is(&["analytics.js", "analytics-next"]) => "web",
        _ => return None,
    };
    Some(Id::from(channel))
}
