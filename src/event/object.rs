//! An object of another's format, read with the patience that real payloads need.
//!
//! Invariant: null, an empty text and an absent field are the same; a number may be text; an amount is rounded to six
//! decimals; a value of the wrong type is named by its whole path. Of a field that is there twice the last counts, as in
//! JavaScript.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::field::{Few, Raw, id, parse_object, quoted, show, string, text};
use super::{Currency, ITEMS_MAX, Id, ItemId, Line, Money, ProductFacts, Quantity, Reject, RejectReason, Timestamp};

/// An object, and where in its record it stands.
pub(super) struct Object<'a> {
    fields: Fields<'a>,
    /// What its fields' names are preceded by, such as `properties.products[1].`.
    path: String,
}

struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), value)) = object.next_entry::<Name<'de>, &'de RawValue>()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(All)
    }
}

impl<'a> Object<'a> {
    /// A record's own object.
    pub(super) fn of_record(payload: &'a [u8]) -> Result<Self, Reject> {
        Ok(Self { fields: parse_object(payload)?, path: String::new() })
    }

    fn of(raw: &'a RawValue, field: String) -> Result<Self, Reject> {
        let fields = serde_json::from_str(raw.get()).map_err(|_| bad(&field, raw, "an object is needed"))?;
        Ok(Self { fields, path: field + "." })
    }

    /// The whole name of a field, for an error.
    pub(super) fn name(&self, field: &str) -> String {
        format!("{}{field}", self.path)
    }

    /// Whether a field is there, be it null.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.0.iter().any(|(name, _)| name == field)
    }

    /// A field as it stands.
    pub(super) fn raw(&self, field: &str) -> Raw<'a> {
        let raw = self.fields.0.iter().rev().find(|(name, _)| name == field).map(|(_, raw)| *raw);
        raw.filter(|raw| !matches!(raw.get(), "null" | "\"\""))
    }

    /// The first of these fields that is there, with its name.
    fn first(&self, fields: &[&'static str]) -> Option<(&'static str, &'a RawValue)> {
        fields.iter().find_map(|field| self.raw(field).map(|raw| (*field, raw)))
    }

    pub(super) fn is_list(&self, field: &str) -> bool {
        self.raw(field).is_some_and(|raw| raw.get().starts_with('['))
    }

    pub(super) fn is_object(&self, field: &str) -> bool {
        self.raw(field).is_some_and(|raw| raw.get().starts_with('{'))
    }

    /// An identifier: the first of these fields that has one.
    pub(super) fn id(&self, fields: &[&'static str]) -> Result<Option<Id>, Reject> {
        self.first(fields).map_or(Ok(None), |(field, raw)| id(&self.name(field), Some(raw)))
    }

    /// An item, which has to be there; an error names the first of the fields.
    pub(super) fn item(&self, fields: &[&'static str]) -> Result<ItemId, Reject> {
        let missing = || Reject::new(RejectReason::MissingItem, format!("{} is missing or empty", self.name(fields[0])));
        self.id(fields)?.ok_or_else(missing)
    }

    /// A text that has to be one where it is there: a name, a version.
    pub(super) fn word(&self, field: &str) -> Result<Option<Cow<'a, str>>, Reject> {
        self.raw(field).map(|raw| string(&self.name(field), raw)).transpose()
    }

    /// A text for people; what is none is left out.
    pub(super) fn text(&self, fields: &[&'static str]) -> Option<Id> {
        text(self.first(fields).map(|(_, raw)| raw))
    }

    /// What tells figures or languages apart and has no need to be right: left out where it can't be an id.
    pub(super) fn label(&self, field: &str) -> Option<Id> {
        id(field, self.raw(field)).ok().flatten()
    }

    /// A link, which may be longer than an id; judged where it is used.
    pub(super) fn link(&self, field: &str) -> Option<Cow<'a, str>> {
        self.raw(field).and_then(|raw| string(field, raw).ok())
    }

    /// An amount, rounded to six decimals.
    pub(super) fn money(&self, field: &str, reason: RejectReason) -> Result<Option<Money>, Reject> {
        let Some((raw, text)) = self.number(field) else { return Ok(None) };
        Money::parse_rounded(text).map(Some).map_err(|error| {
            let needed = "an amount from 0 to 1000000000000 is needed";
            Reject::new(reason, format!("{} is {}, which {error}; {needed}", self.name(field), show(raw)))
        })
    }

    /// A quantity.
    pub(super) fn quantity(&self, field: &str) -> Result<Option<Quantity>, Reject> {
        let Some((raw, text)) = self.number(field) else { return Ok(None) };
        Quantity::parse(text).map(Some).map_err(|error| {
            let needed = "a quantity above 0, at most 1000000, with at most 3 decimals is needed";
            Reject::new(RejectReason::BadQuantity, format!("{} is {}, which {error}; {needed}", self.name(field), show(raw)))
        })
    }

    /// A number's own text; `None` where there is none, or an empty text.
    fn number(&self, field: &str) -> Option<(&'a RawValue, &'a str)> {
        let raw = self.raw(field)?;
        let text = quoted(raw).unwrap_or(raw.get()).trim();
        (!text.is_empty()).then_some((raw, text))
    }

    /// A currency's code, whose letters' case does not matter.
    pub(super) fn currency(&self, field: &str) -> Result<Option<Currency>, Reject> {
        let Some(raw) = self.raw(field) else { return Ok(None) };
        let code = quoted(raw).map(|text| text.trim().to_ascii_uppercase());
        match code.as_deref().map(|code| (code, Currency::parse(code))) {
            Some(("", _)) => Ok(None),
            Some((_, Some(currency))) => Ok(Some(currency)),
            _ => Err(Reject::new(RejectReason::BadCurrency, format!("{} is {}; an ISO 4217 code is needed", self.name(field), show(raw)))),
        }
    }

    /// A time as ISO 8601 has it.
    pub(super) fn time(&self, field: &str) -> Result<Option<Timestamp>, Reject> {
        let Some(raw) = self.raw(field) else { return Ok(None) };
        let time = quoted(raw).and_then(Timestamp::parse_iso_8601);
        let needed = "a time such as 2026-01-31T12:00:00.000Z is needed";
        let is_bad = || Reject::new(RejectReason::BadTime, format!("{} is {}; {needed}", self.name(field), show(raw)));
        time.map(Some).ok_or_else(is_bad)
    }

    /// An object within.
    pub(super) fn object(&self, field: &str) -> Result<Option<Self>, Reject> {
        self.raw(field).map(|raw| Self::of(raw, self.name(field))).transpose()
    }

    /// A list of objects: at most `most` of them.
    pub(super) fn list(&self, field: &str, most: usize) -> Result<Option<Vec<Self>>, Reject> {
        let Some(raw) = self.raw(field) else { return Ok(None) };
        let name = self.name(field);
        let few: Few<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| bad(&name, raw, "a list of objects is needed"))?;
        let Few { kept, count } = few;
        if count > most {
            return Err(Reject::new(RejectReason::TooManyItems, format!("{name} has {count} entries; {most} are allowed")));
        }
        kept.into_iter().enumerate().map(|(at, raw)| Self::of(raw, format!("{name}[{at}]"))).collect::<Result<_, _>>().map(Some)
    }

    /// Lines of a basket or an order.
    pub(super) fn lines(&self, field: &str, line: impl Fn(&Self) -> Result<Option<Line>, Reject>) -> Result<Option<Vec<Line>>, Reject> {
        let Some(objects) = self.list(field, ITEMS_MAX)? else { return Ok(None) };
        objects.iter().filter_map(|object| line(object).transpose()).collect::<Result<_, _>>().map(Some)
    }

    /// A line, its price and quantity within what may be added up.
    pub(super) fn line(&self, item_id: ItemId, price: Option<Money>, quantity: Quantity, product: ProductFacts) -> Result<Line, Reject> {
        if price.is_some_and(|price| price.times(quantity) > i128::from(Money::MAX.0)) {
            let detail = format!("{} times quantity is beyond the limit; at most 1000000000000 is allowed", self.name("price"));
            return Err(Reject::new(RejectReason::BadPrice, detail));
        }
        Ok(Line { item_id, price, quantity, product })
    }
}

fn bad(field: &str, raw: &RawValue, needed: &str) -> Reject {
    Reject::new(RejectReason::BadField, format!("{field} is {}; {needed}", show(raw)))
}
