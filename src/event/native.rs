//! The native format: one JSON object a record.
//!
//! Every field is first taken as the text it stands in, so that numbers keep their digits and a wrong field
//! can be named and shown.

use serde::Deserialize;

use super::field::{Few, Raw, check_ids, currency, id, item, money, parse_object, quantity, show, string, text};
use super::{
    Around, EventKind, EventType, FeedbackAction, ITEMS_MAX, Id, ItemId, Line, Money, OfferRef, OrderAmounts, ProductFacts, Quantity,
    Reject, RejectReason, ShopEvent, TOKEN_BYTES_MAX, Timestamp,
};

/// Decodes one record.
///
/// # Errors
/// A [`Reject`] that names the field, its value and what is allowed.
pub fn decode(payload: &[u8]) -> Result<ShopEvent, Reject> {
    RawEvent::of(payload)?.event(&Around::default())
}

/// A record's fields as they stand.
#[derive(Deserialize)]
pub(super) struct RawEvent<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow, default)]
    ts: Raw<'a>,
    #[serde(borrow, default)]
    event_id: Raw<'a>,
    #[serde(borrow, default)]
    session_id: Raw<'a>,
    #[serde(borrow, default)]
    cart_id: Raw<'a>,
    #[serde(borrow, default)]
    order_id: Raw<'a>,
    #[serde(borrow, default)]
    customer_id: Raw<'a>,
    #[serde(borrow, default)]
    currency: Raw<'a>,
    #[serde(borrow, default)]
    channel: Raw<'a>,
    #[serde(borrow, default)]
    locale: Raw<'a>,
    #[serde(borrow, default)]
    segment: Raw<'a>,
    #[serde(borrow, default)]
    offer_id: Raw<'a>,
    #[serde(borrow, default)]
    offer_token: Raw<'a>,
    #[serde(borrow, default)]
    items: Raw<'a>,
    #[serde(borrow, default)]
    discount: Raw<'a>,
    #[serde(borrow, default)]
    tax: Raw<'a>,
    #[serde(borrow, default)]
    shipping: Raw<'a>,
    #[serde(borrow, default)]
    item_id: Raw<'a>,
    #[serde(borrow, default)]
    price: Raw<'a>,
    #[serde(borrow, default)]
    quantity: Raw<'a>,
    #[serde(borrow, default)]
    title: Raw<'a>,
    #[serde(borrow, default)]
    category: Raw<'a>,
    #[serde(borrow, default)]
    brand: Raw<'a>,
}

#[derive(Deserialize)]
struct RawLine<'a> {
    #[serde(borrow, default)]
    item_id: Raw<'a>,
    #[serde(borrow, default)]
    price: Raw<'a>,
    #[serde(borrow, default)]
    quantity: Raw<'a>,
    #[serde(borrow, default)]
    title: Raw<'a>,
    #[serde(borrow, default)]
    category: Raw<'a>,
    #[serde(borrow, default)]
    brand: Raw<'a>,
}

impl<'a> RawEvent<'a> {
    pub(super) fn of(payload: &'a [u8]) -> Result<Self, Reject> {
        parse_object(payload)
    }

    /// The event, with what stands around it where it says nothing itself.
    pub(super) fn event(&self, around: &Around<'_>) -> Result<ShopEvent, Reject> {
        self.event_of(self.event_type(around.kind)?, around)
    }

    /// The event, whose type is known.
    pub(super) fn event_of(&self, event_type: EventType, around: &Around<'_>) -> Result<ShopEvent, Reject> {
        let event = ShopEvent {
            ts: self.time(around.ts)?,
            event_id: id("event_id", self.event_id)?.or_else(|| around.event_id.clone()),
            session_id: id("session_id", self.session_id)?,
            cart_id: id("cart_id", self.cart_id)?,
            order_id: id("order_id", self.order_id)?,
            customer_id: id("customer_id", self.customer_id)?,
            currency: currency(self.currency)?,
            channel: id("channel", self.channel)?,
            locale: id("locale", self.locale)?,
            segment: id("segment", self.segment)?,
            kind: self.kind_of(event_type)?,
        };
        check_ids(&event)?;
        Ok(event)
    }

    /// Its type, or the one that its envelope names where it has none.
    pub(super) fn event_type(&self, around: Option<EventType>) -> Result<EventType, Reject> {
        let Some(raw) = self.kind else {
            return around.ok_or_else(|| Reject::new(RejectReason::MissingType, "the record has no type"));
        };
        let name = string("type", raw)?;
        EventType::parse(&name)
            .ok_or_else(|| Reject::new(RejectReason::UnknownType, format!("type is {}; see the list of event types", show(raw))))
    }

    fn time(&self, around: Option<Timestamp>) -> Result<Timestamp, Reject> {
        let Some(raw) = self.ts else {
            return around.ok_or_else(|| Reject::new(RejectReason::MissingTime, "the record has no ts"));
        };
        let text = string("ts", raw).map_err(|reject| Reject { reason: RejectReason::BadTime, ..reject })?;
        Timestamp::parse(&text).ok_or_else(|| {
            Reject::new(RejectReason::BadTime, format!("ts is {}; RFC 3339 such as 2026-01-31T12:00:00Z is needed", show(raw)))
        })
    }

    fn kind_of(&self, event_type: EventType) -> Result<EventKind, Reject> {
        Ok(match event_type {
            EventType::ProductViewed => EventKind::ProductViewed(self.line()?),
            EventType::CartAdd => EventKind::CartAdd { line: self.line()?, offer: self.offer()? },
            EventType::CartRemove => EventKind::CartRemove { item_id: self.item()?, quantity: quantity(self.quantity)? },
            EventType::Checkout => EventKind::Checkout(self.lines()?.unwrap_or_default()),
            EventType::Purchase => EventKind::Purchase { lines: self.purchased_lines()?, amounts: self.amounts()? },
            EventType::Refund => EventKind::Refund(self.lines()?),
            EventType::OrderCancelled => EventKind::OrderCancelled,
            EventType::OfferShown => self.feedback(FeedbackAction::Shown)?,
            EventType::OfferClicked => self.feedback(FeedbackAction::Clicked)?,
            EventType::OfferDismissed => self.feedback(FeedbackAction::Dismissed)?,
            EventType::CustomerErased => EventKind::CustomerErased,
            EventType::CartUpdated => EventKind::CartUpdated(self.basket()?),
        })
    }

    fn item(&self) -> Result<ItemId, Reject> {
        item("item_id", self.item_id)
    }

    fn line(&self) -> Result<Line, Reject> {
        RawLine {
            item_id: self.item_id,
            price: self.price,
            quantity: self.quantity,
            title: self.title,
            category: self.category,
            brand: self.brand,
        }
        .line("item_id")
    }

    /// The lines of `items`; of the event itself where a bus writes one event an item; `None` without either.
    fn lines(&self) -> Result<Option<Vec<Line>>, Reject> {
        let Some(raw) = self.items else {
            return self.item_id.is_some().then(|| self.line().map(|line| vec![line])).transpose();
        };
        let Few { kept: lines, count }: Few<RawLine<'_>> = serde_json::from_str(raw.get())
            .map_err(|_| Reject::new(RejectReason::BadField, format!("items is {}; a list of objects is needed", show(raw))))?;
        if count > ITEMS_MAX {
            return Err(Reject::new(RejectReason::TooManyItems, format!("items has {count} lines; {ITEMS_MAX} are allowed")));
        }
        lines.iter().enumerate().map(|(at, line)| line.line(&format!("items[{at}].item_id"))).collect::<Result<_, _>>().map(Some)
    }

    fn purchased_lines(&self) -> Result<Vec<Line>, Reject> {
        match self.lines()? {
            Some(lines) if !lines.is_empty() => Ok(lines),
            _ => Err(Reject::new(RejectReason::MissingItem, "the purchase has no items")),
        }
    }

    /// Lines of a basket that is told whole: it may be empty, but not left out.
    fn basket(&self) -> Result<Vec<Line>, Reject> {
        self.lines()?.ok_or_else(|| Reject::new(RejectReason::MissingItem, "items is missing; an empty list says that the basket is empty"))
    }

    fn amounts(&self) -> Result<OrderAmounts, Reject> {
        let amount = |name, raw| money(name, raw, RejectReason::BadAmount);
        Ok(OrderAmounts {
            discount: amount("discount", self.discount)?,
            tax: amount("tax", self.tax)?,
            shipping: amount("shipping", self.shipping)?,
        })
    }

    fn feedback(&self, action: FeedbackAction) -> Result<EventKind, Reject> {
        let missing = || Reject::new(RejectReason::MissingOffer, "feedback on an offer needs offer_id or offer_token");
        Ok(EventKind::Feedback { action, offer: self.offer()?.ok_or_else(missing)?, item_id: id("item_id", self.item_id)? })
    }

    /// The offer that is meant. A token says more than an id, and goes before it.
    fn offer(&self) -> Result<Option<OfferRef>, Reject> {
        match token(self.offer_token)? {
            Some(token) => Ok(Some(OfferRef::Token(token))),
            None => Ok(id("offer_id", self.offer_id)?.map(OfferRef::Id)),
        }
    }
}

impl RawLine<'_> {
    fn line(&self, item_field: &str) -> Result<Line, Reject> {
        let price = money("price", self.price, RejectReason::BadPrice)?;
        let quantity = quantity(self.quantity)?.unwrap_or(Quantity::ONE);
        if price.is_some_and(|price| price.times(quantity) > i128::from(Money::MAX.0)) {
            return Err(Reject::new(RejectReason::BadPrice, "price times quantity is beyond the limit; at most 1000000000000 is allowed"));
        }
        Ok(Line {
            item_id: item(item_field, self.item_id)?,
            price,
            quantity,
            product: ProductFacts { title: text(self.title), category: text(self.category), brand: text(self.brand) },
        })
    }
}

/// A token: text of the characters that tokens are written in. An empty one counts as absent.
fn token(raw: Raw<'_>) -> Result<Option<Id>, Reject> {
    let Some(raw) = raw else { return Ok(None) };
    let bad = |allowed: &str| Reject::new(RejectReason::BadToken, format!("offer_token is {}; {allowed}", show(raw)));
    let value = string("offer_token", raw).map_err(|_| bad("text is needed"))?;
    if value.len() > TOKEN_BYTES_MAX {
        return Err(bad(&format!("at most {TOKEN_BYTES_MAX} bytes are allowed")));
    }
    if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
        return Err(bad("a token as GET /v1/offers gave it is needed"));
    }
    Ok((!value.is_empty()).then(|| Id::new(value)))
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;
