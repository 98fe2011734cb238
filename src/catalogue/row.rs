//! A row's fields into a product, and a record of the topic into a row.
//!
//! Invariant: unknown fields are ignored; a known one that can't be read refuses its row, by name. Key and row
//! never disagree on the item.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::sense::leave_out_nonsense;
use super::value::{Maybe, Value, check_id, currency, flag, id, ids, money, rating, share, text, url, whole};
use super::{DESCRIPTION_BYTES_MAX, ROW_BYTES_MAX};
use crate::engine::catalogue::{Product, Warning};
use crate::event::{ItemId, TEXT_BYTES_MAX, is_hidden};

/// A day later than this is no day by which anything is used up.
const REPLENISH_DAYS_MAX: u64 = 3_650;
/// As many units as can be told from any number at all.
const STOCK_MAX: u64 = 1_000_000_000_000;

/// One row of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The item it is about.
    pub item: ItemId,
    /// The product; `None` where the row takes it out of the catalogue.
    pub product: Option<Product>,
    /// What was left out of the product, and why.
    pub warnings: Vec<Warning>,
}

/// Why a row can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BadRow {
    /// Out of the closed set.
    pub reason: RowReason,
    /// One line for a person: the field, its value (shortened), what is allowed.
    pub detail: String,
}

/// The closed set of reasons, which a metric is labelled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named as on the wire")]
pub enum RowReason {
    Empty,
    TooLarge,
    NotUtf8,
    NotJson,
    NotAnObject,
    MissingItem,
    BadId,
    OtherKey,
    BadPrice,
    BadCurrency,
    BadField,
}

impl RowReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Empty,
        Self::TooLarge,
        Self::NotUtf8,
        Self::NotJson,
        Self::NotAnObject,
        Self::MissingItem,
        Self::BadId,
        Self::OtherKey,
        Self::BadPrice,
        Self::BadCurrency,
        Self::BadField,
    ];

    /// The reason's name as a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingItem => "missing_item",
            Self::BadId => "bad_id",
            Self::OtherKey => "other_key",
            Self::BadPrice => "bad_price",
            Self::BadCurrency => "bad_currency",
            Self::BadField => "bad_field",
        }
    }
}

impl BadRow {
    /// A reason with its detail, which is made one line that shows what it has.
    pub fn new(reason: RowReason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.chars().any(is_hidden) {
            detail = detail.chars().map(|c| if is_hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect();
        }
        Self { reason, detail }
    }
}

/// Declares the fields of a row, each with its name on the wire.
macro_rules! fields {
    ($($field:ident: $name:literal),+ $(,)?) => {
        /// The fields of a row as they stand.
        #[derive(Clone, Debug, Default)]
        pub struct Fields<'a> {
            $(pub $field: Maybe<'a>,)+
        }

        impl<'a> Fields<'a> {
            /// Where the field of that name goes; `None` for one that is not known.
            pub fn named(&mut self, name: &str) -> Option<&mut Maybe<'a>> {
                match name {
                    $($name => Some(&mut self.$field),)+
                    _ => None,
                }
            }
        }
    };
}

fields! {
    item_id: "item_id",
    deleted: "deleted",
    title: "title",
    description: "description",
    price: "price",
    currency: "currency",
    category: "category",
    brand: "brand",
    image_url: "image_url",
    url: "url",
    add_url: "add_url",
    in_stock: "in_stock",
    stock: "stock",
    margin: "margin",
    rating: "rating",
    rating_count: "rating_count",
    upgrade_of: "upgrade_of",
    variant_of: "variant_of",
    pinned: "pinned",
    excluded: "excluded",
    attributes: "attributes",
    // As a table has it, and a JSON row that was flattened.
    replenish_days: "attributes.replenish_days",
}

/// A record of the catalogue's topic: its key names the item, and a null value takes it out.
///
/// # Errors
/// Why the record can't be used.
pub fn from_record(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Row, BadRow> {
    let key = key.map(key_text).transpose()?.filter(|key| !key.is_empty());
    match value.map(<[u8]>::trim_ascii) {
        // Some producers can only write a null that is JSON.
        None | Some(b"null") => Row::new(key, &Fields { deleted: Some(Value::Cell("true")), ..Fields::default() }),
        Some(value) => from_json(key, value),
    }
}

fn key_text(key: &[u8]) -> Result<&str, BadRow> {
    let text = std::str::from_utf8(key)
        .map_err(|error| BadRow::new(RowReason::BadId, format!("the key is not UTF-8 from byte {}", error.valid_up_to())))?;
    check_id(text).map_err(|needed| BadRow::new(RowReason::BadId, format!("the key is no item id: {needed}")))?;
    Ok(text)
}

/// A row that is a JSON object.
pub fn from_json(key: Option<&str>, value: &[u8]) -> Result<Row, BadRow> {
    if value.len() > ROW_BYTES_MAX {
        return Err(BadRow::new(RowReason::TooLarge, format!("the row has {} bytes; {ROW_BYTES_MAX} are allowed", value.len())));
    }
    let json = std::str::from_utf8(value)
        .map_err(|error| BadRow::new(RowReason::NotUtf8, format!("not UTF-8 from byte {}", error.valid_up_to())))?;
    match json.trim_ascii_start().as_bytes().first() {
        None => Err(BadRow::new(RowReason::Empty, "the row is empty")),
        Some(b'{') => Row::new(key, &object(json)?),
        Some(_) if serde_json::from_str::<&RawValue>(json).is_ok() => {
            Err(BadRow::new(RowReason::NotAnObject, "the row is JSON, but not an object"))
        }
        Some(_) => Err(BadRow::new(RowReason::NotJson, "the row is not JSON; one object with the product's fields is needed")),
    }
}

fn object(json: &str) -> Result<Fields<'_>, BadRow> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let fields = reader.deserialize_map(Object).and_then(|fields| reader.end().map(|()| fields));
    fields.map_err(|error| match error.classify() {
        Category::Data => BadRow::new(RowReason::BadField, in_its_line(&error)),
        _ => BadRow::new(RowReason::NotJson, format!("the row is not JSON: {}", in_its_line(&error))),
    })
}

/// An error's place within its row, which is one line as a rule.
fn in_its_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// Takes the known fields out of an object.
struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        let mut seen = Fields::default();
        while let Some(name) = object.next_key::<Cow<'de, str>>()? {
            let Some(field) = fields.named(&name) else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            *field = object.next_value::<Option<&RawValue>>()?.map(Value::Json);
            if seen.named(&name).and_then(|seen| seen.replace(Value::Cell(""))).is_some() {
                return Err(A::Error::custom(format!("{name} is there twice")));
            }
        }
        Ok(fields)
    }
}

impl Row {
    /// A row of these fields; `key` names the item where there is one.
    pub fn new(key: Option<&str>, fields: &Fields<'_>) -> Result<Self, BadRow> {
        let item = item(key, fields)?;
        if flag("deleted", fields.deleted)? == Some(true) {
            return Ok(Self { item, product: None, warnings: Vec::new() });
        }
        let mut product = fields.product()?;
        let warnings = leave_out_nonsense(&item, &mut product);
        Ok(Self { item, product: Some(product), warnings })
    }
}

fn item(key: Option<&str>, fields: &Fields<'_>) -> Result<ItemId, BadRow> {
    match (key, id("item_id", fields.item_id)?) {
        (None, None) => Err(BadRow::new(RowReason::MissingItem, "item_id is missing or empty")),
        (Some(key), Some(item)) if key != item => {
            Err(BadRow::new(RowReason::OtherKey, format!("item_id is {item:?}, and the record's key {key:?}; they have to be the same")))
        }
        (Some(key), _) => Ok(ItemId::from(key)),
        (None, Some(item)) => Ok(item),
    }
}

impl Fields<'_> {
    fn product(&self) -> Result<Product, BadRow> {
        let small = |field, value, high: u32| whole(field, value, 0, high.into()).map(|n| n.and_then(|n| u32::try_from(n).ok()));
        Ok(Product {
            title: text("title", self.title, TEXT_BYTES_MAX)?,
            description: text("description", self.description, DESCRIPTION_BYTES_MAX)?,
            price: money("price", self.price)?,
            currency: currency("currency", self.currency)?,
            category: text("category", self.category, TEXT_BYTES_MAX)?,
            brand: text("brand", self.brand, TEXT_BYTES_MAX)?,
            image_url: url("image_url", self.image_url)?,
            url: url("url", self.url)?,
            add_url: url("add_url", self.add_url)?,
            in_stock: flag("in_stock", self.in_stock)?,
            stock: whole("stock", self.stock, 0, STOCK_MAX)?,
            margin_ppm: share("margin", self.margin)?,
            rating_centi: rating("rating", self.rating)?,
            rating_count: small("rating_count", self.rating_count, 1_000_000_000)?,
            upgrade_of: id("upgrade_of", self.upgrade_of)?,
            variant_of: id("variant_of", self.variant_of)?,
            pinned: ids("pinned", self.pinned)?,
            excluded: ids("excluded", self.excluded)?,
            replenish_days: self.replenish_days()?,
        })
    }

    fn replenish_days(&self) -> Result<Option<u16>, BadRow> {
        let mut value = self.replenish_days;
        if let Some(Value::Json(raw)) = self.attributes {
            let attributes: Attributes<'_> = serde_json::from_str(raw.get()).map_err(|_| {
                BadRow::new(RowReason::BadField, "attributes is no object; one such as {\"replenish_days\":30} is needed".to_owned())
            })?;
            value = attributes.replenish_days.map(Value::Json).or(value);
        }
        let days = whole("attributes.replenish_days", value, 1, REPLENISH_DAYS_MAX)?;
        Ok(days.and_then(|days| u16::try_from(days).ok()))
    }
}

#[derive(serde::Deserialize)]
struct Attributes<'a> {
    #[serde(borrow, default)]
    replenish_days: Option<&'a RawValue>,
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
