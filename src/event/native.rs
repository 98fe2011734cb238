//! The native format: one JSON object a record.
//!
//! Every field is first taken as the text it stands in, so that numbers keep their digits and a wrong field
//! can be named and shown.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{
    Currency, DecimalError, EVENT_BYTES_MAX, EventKind, EventType, FeedbackAction, ID_BYTES_MAX, ITEMS_MAX, Id, ItemId, Line, Money,
    OrderAmounts, ProductFacts, Quantity, Reject, RejectReason, ShopEvent, TEXT_BYTES_MAX, Timestamp, hidden_in, shown,
};

type Raw<'a> = Option<&'a RawValue>;

/// Decodes one record.
///
/// # Errors
/// A [`Reject`] that names the field, its value and what is allowed.
pub fn decode(payload: &[u8]) -> Result<ShopEvent, Reject> {
    let raw: RawEvent<'_> = parse_object(payload)?;
    let event_type = raw.event_type()?;
    let ts = raw.time()?;
    let event = ShopEvent {
        ts,
        event_id: id("event_id", raw.event_id)?,
        session_id: id("session_id", raw.session_id)?,
        cart_id: id("cart_id", raw.cart_id)?,
        order_id: id("order_id", raw.order_id)?,
        customer_id: id("customer_id", raw.customer_id)?,
        currency: currency(raw.currency)?,
        channel: id("channel", raw.channel)?,
        locale: id("locale", raw.locale)?,
        segment: id("segment", raw.segment)?,
        kind: raw.kind_of(event_type)?,
    };
    check_ids(&event)?;
    Ok(event)
}

#[derive(Deserialize)]
struct RawEvent<'a> {
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
    fn event_type(&self) -> Result<EventType, Reject> {
        let raw = self.kind.ok_or_else(|| Reject::new(RejectReason::MissingType, "the record has no type"))?;
        let name = string("type", raw)?;
        EventType::parse(&name)
            .ok_or_else(|| Reject::new(RejectReason::UnknownType, format!("type is {}; see the list of event types", show(raw))))
    }

    fn time(&self) -> Result<Timestamp, Reject> {
        let raw = self.ts.ok_or_else(|| Reject::new(RejectReason::MissingTime, "the record has no ts"))?;
        let text = string("ts", raw).map_err(|reject| Reject { reason: RejectReason::BadTime, ..reject })?;
        Timestamp::parse(&text).ok_or_else(|| {
            Reject::new(RejectReason::BadTime, format!("ts is {}; RFC 3339 such as 2026-01-31T12:00:00Z is needed", show(raw)))
        })
    }

    fn kind_of(&self, event_type: EventType) -> Result<EventKind, Reject> {
        Ok(match event_type {
            EventType::ProductViewed => EventKind::ProductViewed(self.line()?),
            EventType::CartAdd => EventKind::CartAdd { line: self.line()?, offer_id: id("offer_id", self.offer_id)? },
            EventType::CartRemove => EventKind::CartRemove { item_id: self.item()?, quantity: quantity(self.quantity)? },
            EventType::Checkout => EventKind::Checkout(self.lines()?.unwrap_or_default()),
            EventType::Purchase => EventKind::Purchase { lines: self.purchased_lines()?, amounts: self.amounts()? },
            EventType::Refund => EventKind::Refund(self.lines()?),
            EventType::OrderCancelled => EventKind::OrderCancelled,
            EventType::OfferShown => self.feedback(FeedbackAction::Shown)?,
            EventType::OfferClicked => self.feedback(FeedbackAction::Clicked)?,
            EventType::OfferDismissed => self.feedback(FeedbackAction::Dismissed)?,
            EventType::CustomerErased => EventKind::CustomerErased,
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
        let Few { kept: lines, count } = serde_json::from_str(raw.get())
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

    fn amounts(&self) -> Result<OrderAmounts, Reject> {
        let amount = |name, raw| money(name, raw, RejectReason::BadAmount);
        Ok(OrderAmounts {
            discount: amount("discount", self.discount)?,
            tax: amount("tax", self.tax)?,
            shipping: amount("shipping", self.shipping)?,
        })
    }

    fn feedback(&self, action: FeedbackAction) -> Result<EventKind, Reject> {
        let offer_id =
            id("offer_id", self.offer_id)?.ok_or_else(|| Reject::new(RejectReason::MissingOffer, "feedback on an offer needs offer_id"))?;
        Ok(EventKind::Feedback { action, offer_id, item_id: id("item_id", self.item_id)? })
    }
}

/// The lines of a list as far as they are allowed, and how many there are: a megabyte has room for 300,000 empty ones.
struct Few<'a> {
    kept: Vec<RawLine<'a>>,
    count: usize,
}

impl<'de> Deserialize<'de> for Few<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counted;

        impl<'de> Visitor<'de> for Counted {
            type Value = Few<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut few = Few { kept: Vec::new(), count: 0 };
                while few.count < ITEMS_MAX {
                    let Some(line) = list.next_element()? else { return Ok(few) };
                    few.kept.push(line);
                    few.count += 1;
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    few.count += 1;
                }
                Ok(few)
            }
        }

        deserializer.deserialize_seq(Counted)
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

/// What an event of its type needs beside its own fields.
fn check_ids(event: &ShopEvent) -> Result<(), Reject> {
    if event.session_id.is_none() && event.cart_id.is_none() && event.order_id.is_none() && event.customer_id.is_none() {
        return Err(Reject::new(RejectReason::MissingId, "one of session_id, cart_id, order_id, customer_id is needed"));
    }
    match event.kind {
        EventKind::Purchase { .. } | EventKind::Refund(_) | EventKind::OrderCancelled if event.order_id.is_none() => {
            Err(Reject::new(RejectReason::MissingOrder, format!("{} needs order_id", event.kind.event_type().as_str())))
        }
        EventKind::CustomerErased if event.customer_id.is_none() => {
            Err(Reject::new(RejectReason::MissingCustomer, "customer_erased needs customer_id"))
        }
        _ => Ok(()),
    }
}

fn parse_object<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Reject> {
    if payload.len() > EVENT_BYTES_MAX {
        let detail = format!("the record has {} bytes; {EVENT_BYTES_MAX} are allowed", payload.len());
        return Err(Reject::new(RejectReason::TooLarge, detail));
    }
    let text = std::str::from_utf8(payload)
        .map_err(|error| Reject::new(RejectReason::NotUtf8, format!("not UTF-8 from byte {}", error.valid_up_to())))?;
    match text.trim_ascii_start().as_bytes().first() {
        None => return Err(Reject::new(RejectReason::Empty, "the record is empty")),
        Some(b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') if serde_json::from_str::<&RawValue>(text).is_ok() => {
            return Err(Reject::new(RejectReason::NotAnObject, "the record is JSON, but not an object"));
        }
        Some(_) => {}
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => Reject::new(RejectReason::BadField, error.to_string()),
        _ => Reject::new(RejectReason::NotJson, error.to_string()),
    })
}

/// An identifier: a JSON string or whole number. An empty one counts as absent.
fn id(field: &str, raw: Raw<'_>) -> Result<Option<Id>, Reject> {
    let Some(raw) = raw else { return Ok(None) };
    let value = match raw.get().as_bytes()[0] {
        b'0'..=b'9' if raw.get().bytes().all(|b| b.is_ascii_digit()) => Cow::Borrowed(raw.get()),
        b'"' => string(field, raw)?,
        _ => return Err(bad_id(field, raw, "text or a whole number is needed")),
    };
    if value.len() > ID_BYTES_MAX {
        return Err(bad_id(field, raw, &format!("at most {ID_BYTES_MAX} bytes are allowed")));
    }
    if let Some(needed) = hidden_in(&value) {
        return Err(bad_id(field, raw, needed));
    }
    Ok((!value.is_empty()).then(|| Id::new(value)))
}

fn bad_id(field: &str, raw: &RawValue, allowed: &str) -> Reject {
    Reject::new(RejectReason::BadId, format!("{field} is {}; {allowed}", show(raw)))
}

fn item(field: &str, raw: Raw<'_>) -> Result<ItemId, Reject> {
    id(field, raw)?.ok_or_else(|| Reject::new(RejectReason::MissingItem, format!("{field} is missing or empty")))
}

fn money(field: &str, raw: Raw<'_>, reason: RejectReason) -> Result<Option<Money>, Reject> {
    let Some(raw) = raw else { return Ok(None) };
    let allowed = "an amount from 0 to 1000000000000 with at most 6 decimals is needed";
    decimal(field, raw, Money::parse, reason, allowed).map(Some)
}

fn quantity(raw: Raw<'_>) -> Result<Option<Quantity>, Reject> {
    let Some(raw) = raw else { return Ok(None) };
    let allowed = "a quantity above 0, at most 1000000, with at most 3 decimals is needed";
    decimal("quantity", raw, Quantity::parse, RejectReason::BadQuantity, allowed).map(Some)
}

/// A JSON number, or a JSON string that holds one.
fn decimal<T>(
    field: &str,
    raw: &RawValue,
    parse: impl Fn(&str) -> Result<T, DecimalError>,
    reason: RejectReason,
    allowed: &str,
) -> Result<T, Reject> {
    let quoted = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    parse(quoted.unwrap_or(raw.get())).map_err(|error| Reject::new(reason, format!("{field} is {}, which {error}; {allowed}", show(raw))))
}

fn currency(raw: Raw<'_>) -> Result<Option<Currency>, Reject> {
    let Some(raw) = raw else { return Ok(None) };
    let bad = || Reject::new(RejectReason::BadCurrency, format!("currency is {}; an ISO 4217 code is needed", show(raw)));
    let code = string("currency", raw).map_err(|_| bad())?;
    if code.is_empty() {
        return Ok(None);
    }
    Currency::parse(&code).map(Some).ok_or_else(bad)
}

/// A text for people: cut to [`TEXT_BYTES_MAX`], in one line, without what nobody sees. What is no text is left out whole:
/// it is no reason to lose the event.
fn text(raw: Raw<'_>) -> Option<Id> {
    let value = string("", raw?).ok()?;
    let mut kept = Id::default();
    for character in value.chars().filter_map(shown) {
        if kept.len() + character.len_utf8() > TEXT_BYTES_MAX {
            break;
        }
        kept.push(character);
    }
    (!kept.is_empty()).then_some(kept)
}

fn string<'a>(field: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, Reject> {
    let json = raw.get();
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str::<String>(json)
            .map(Cow::Owned)
            .map_err(|_| Reject::new(RejectReason::BadField, format!("{field} is {}; text is needed", show(raw)))),
    }
}

/// A value for an error message: its own JSON, cut.
fn show(raw: &RawValue) -> Cow<'_, str> {
    const SHOWN_CHARS: usize = 60;
    match raw.get().char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &raw.get()[..end])),
        None => Cow::Borrowed(raw.get()),
    }
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;
