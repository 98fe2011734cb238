//! Fields of JSON as the text they stand in: what all formats read their values by.
//!
//! Invariant: a number keeps its digits, and a value that can't be read is named by its field and shown, cut.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{
    Currency, DecimalError, EVENT_BYTES_MAX, EventKind, ID_BYTES_MAX, ITEMS_MAX, Id, ItemId, Money, Quantity, Reject, RejectReason,
    ShopEvent, TEXT_BYTES_MAX, hidden_in, shown,
};

/// A field's value as it stands; `None` where it is absent or null.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// The lines of a list as far as they are allowed, and how many there are: a megabyte has room for 300,000 empty ones.
pub(super) struct Few<T> {
    pub(super) kept: Vec<T>,
    pub(super) count: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counted<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Counted<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut few = Few { kept: Vec::new(), count: 0 };
                while few.count < ITEMS_MAX {
                    let Some(one) = list.next_element()? else { return Ok(few) };
                    few.kept.push(one);
                    few.count += 1;
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    few.count += 1;
                }
                Ok(few)
            }
        }

        deserializer.deserialize_seq(Counted(PhantomData))
    }
}

/// What an event of its type needs beside its own fields.
pub(super) fn check_ids(event: &ShopEvent) -> Result<(), Reject> {
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

pub(super) fn parse_object<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Reject> {
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
pub(super) fn id(field: &str, raw: Raw<'_>) -> Result<Option<Id>, Reject> {
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

pub(super) fn bad_id(field: &str, raw: &RawValue, allowed: &str) -> Reject {
    Reject::new(RejectReason::BadId, format!("{field} is {}; {allowed}", show(raw)))
}

pub(super) fn item(field: &str, raw: Raw<'_>) -> Result<ItemId, Reject> {
    id(field, raw)?.ok_or_else(|| Reject::new(RejectReason::MissingItem, format!("{field} is missing or empty")))
}

pub(super) fn money(field: &str, raw: Raw<'_>, reason: RejectReason) -> Result<Option<Money>, Reject> {
    let Some(raw) = raw else { return Ok(None) };
    let allowed = "an amount from 0 to 1000000000000 with at most 6 decimals is needed";
    decimal(field, raw, Money::parse, reason, allowed).map(Some)
}

pub(super) fn quantity(raw: Raw<'_>) -> Result<Option<Quantity>, Reject> {
    let Some(raw) = raw else { return Ok(None) };
    let allowed = "a quantity above 0, at most 1000000, with at most 3 decimals is needed";
    decimal("quantity", raw, Quantity::parse, RejectReason::BadQuantity, allowed).map(Some)
}

/// A JSON number, or a JSON string that holds one.
pub(super) fn decimal<T>(
    field: &str,
    raw: &RawValue,
    parse: impl Fn(&str) -> Result<T, DecimalError>,
    reason: RejectReason,
    allowed: &str,
) -> Result<T, Reject> {
    parse(quoted(raw).unwrap_or(raw.get()))
        .map_err(|error| Reject::new(reason, format!("{field} is {}, which {error}; {allowed}", show(raw))))
}

pub(super) fn currency(raw: Raw<'_>) -> Result<Option<Currency>, Reject> {
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
pub(super) fn text(raw: Raw<'_>) -> Option<Id> {
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

/// What stands between the quotes of a JSON string, escapes and all.
pub(super) fn quoted(raw: &RawValue) -> Option<&str> {
    raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
}

pub(super) fn string<'a>(field: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, Reject> {
    match quoted(raw) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str::<String>(raw.get())
            .map(Cow::Owned)
            .map_err(|_| Reject::new(RejectReason::BadField, format!("{field} is {}; text is needed", show(raw)))),
    }
}

/// So much of a value is shown in an error.
const SHOWN_CHARS: usize = 60;

/// A text for an error message: in quotes, cut.
pub(super) fn show_text(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A value for an error message: its own JSON, cut.
pub(super) fn show(raw: &RawValue) -> Cow<'_, str> {
    match raw.get().char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &raw.get()[..end])),
        None => Cow::Borrowed(raw.get()),
    }
}
