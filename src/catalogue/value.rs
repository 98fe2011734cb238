//! One value of a row, whether it is JSON or the cell of a table, and what may be read from it.
//!
//! Invariant: a number is read from its text, so that it keeps its digits. An empty text is no value.

use std::borrow::Cow;

use compact_str::CompactString;
use serde_json::value::RawValue;

use super::row::{BadRow, RowReason};
use super::{LIST_MAX, URL_BYTES_MAX};
use crate::event::{Currency, ID_BYTES_MAX, Id, Money, hidden_in, shown};

/// What separates the items of a list in a table's cell.
const LIST_SEPARATOR: char = '|';
/// So much of a value is shown in an error.
const SHOWN_CHARS: usize = 60;
/// What links begin with that a page would run.
const RUNS: [&str; 3] = ["javascript:", "vbscript:", "data:text/"];
/// A whole unit of what [`Money::parse`] reads.
const WHOLE: i64 = 1_000_000;

/// A value as it stands in its row.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A JSON value; not null.
    Json(&'a RawValue),
    /// A table's cell; not empty.
    Cell(&'a str),
}

/// What may be absent.
pub type Maybe<'a> = Option<Value<'a>>;

impl<'a> Value<'a> {
    /// A JSON string, or a cell.
    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Cell(cell) => Some(Cow::Borrowed(cell)),
            Self::Json(raw) => match raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
                Some(_) => serde_json::from_str(raw.get()).ok().map(Cow::Owned),
                None => None,
            },
        }
    }

    /// A JSON number's own text, a JSON string, or a cell.
    fn number(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(raw) if raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                Some(Cow::Borrowed(raw.get()))
            }
            _ => self.text(),
        }
    }

    /// The members of a JSON list, or of a cell; a single value is a list of one.
    fn members(self) -> Option<Vec<Value<'a>>> {
        match self {
            Self::Cell(cell) => {
                let members = cell.split(LIST_SEPARATOR).map(str::trim).filter(|member| !member.is_empty());
                Some(members.map(Value::Cell).collect())
            }
            Self::Json(raw) if raw.get().starts_with('[') => {
                let members: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
                Some(members.into_iter().map(Value::Json).collect())
            }
            Self::Json(_) => Some(vec![self]),
        }
    }

    /// For an error: JSON as it stands, a cell in quotes; cut.
    fn shown(self) -> String {
        let whole = match self {
            Self::Json(raw) => Cow::Borrowed(raw.get()),
            Self::Cell(cell) => Cow::Owned(serde_json::Value::from(cell).to_string()),
        };
        match whole.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", &whole[..end]),
            None => whole.into_owned(),
        }
    }

    fn bad(self, field: &str, reason: RowReason, needed: &str) -> BadRow {
        BadRow::new(reason, format!("{field} is {}; {needed}", self.shown()))
    }
}

/// An identifier: text, or a whole number as its digits.
pub fn id(field: &str, value: Maybe<'_>) -> Result<Option<Id>, BadRow> {
    let Some(value) = value else { return Ok(None) };
    let text = value.number().filter(|text| matches!(value, Value::Cell(_)) || value.text().is_some() || is_digits(text));
    let text = text.ok_or_else(|| value.bad(field, RowReason::BadId, "text or a whole number is needed"))?;
    check_id(&text).map_err(|needed| value.bad(field, RowReason::BadId, &needed))?;
    Ok((!text.is_empty()).then(|| Id::new(text)))
}

/// What an identifier has to be, where it is not that.
pub fn check_id(text: &str) -> Result<(), String> {
    if text.len() > ID_BYTES_MAX {
        return Err(format!("at most {ID_BYTES_MAX} bytes are allowed"));
    }
    hidden_in(text).map_or(Ok(()), |needed| Err(needed.to_owned()))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A list of identifiers: the first [`LIST_MAX`], each once.
pub fn ids(field: &str, value: Maybe<'_>) -> Result<Vec<Id>, BadRow> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let members = value.members().ok_or_else(|| value.bad(field, RowReason::BadId, "a list of ids is needed"))?;
    let mut ids: Vec<Id> = Vec::new();
    for member in members {
        match id(field, Some(member))? {
            Some(id) if ids.len() < LIST_MAX && !ids.contains(&id) => ids.push(id),
            _ => {}
        }
    }
    Ok(ids)
}

/// A text for people, cut to `bytes_max`: one line, without control characters.
pub fn text(field: &str, value: Maybe<'_>, bytes_max: usize) -> Result<Option<CompactString>, BadRow> {
    let Some(value) = value else { return Ok(None) };
    let text = value.text().ok_or_else(|| value.bad(field, RowReason::BadField, "text is needed"))?;
    // As nearly every text is.
    if text.len() <= bytes_max && text.chars().all(|c| shown(c) == Some(c)) {
        let text = text.trim();
        return Ok((!text.is_empty()).then(|| CompactString::from(text)));
    }
    let one_line = text.chars().filter_map(shown);
    let mut kept = CompactString::default();
    for character in one_line {
        if kept.len() + character.len_utf8() > bytes_max {
            break;
        }
        kept.push(character);
    }
    let kept = kept.trim();
    Ok((!kept.is_empty()).then(|| CompactString::from(kept)))
}

/// A link: never cut.
pub fn url(field: &str, value: Maybe<'_>) -> Result<Option<CompactString>, BadRow> {
    let Some(value) = value else { return Ok(None) };
    let text = value.text().ok_or_else(|| value.bad(field, RowReason::BadField, "a link is needed"))?;
    if text.len() > URL_BYTES_MAX {
        let needed = format!("it has {} bytes, and at most {URL_BYTES_MAX} are allowed", text.len());
        return Err(value.bad(field, RowReason::BadField, &needed));
    }
    if let Some(needed) = hidden_in(&text) {
        return Err(value.bad(field, RowReason::BadField, needed));
    }
    let text = text.trim();
    if RUNS.iter().any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))) {
        return Err(value.bad(field, RowReason::BadField, "a link that runs as a program where it is shown is not allowed"));
    }
    Ok((!text.is_empty()).then(|| CompactString::from(text)))
}

/// An amount of money.
pub fn money(field: &str, value: Maybe<'_>) -> Result<Option<Money>, BadRow> {
    let Some((value, text)) = number(field, value, RowReason::BadPrice)? else { return Ok(None) };
    Money::parse(&text).map(Some).map_err(|error| {
        let needed = "an amount from 0 to 1000000000000 with at most 6 decimals is needed";
        BadRow::new(RowReason::BadPrice, format!("{field} is {}, which {error}; {needed}", value.shown()))
    })
}

/// A share from 0 to 1, in millionths.
pub fn share(field: &str, value: Maybe<'_>) -> Result<Option<u32>, BadRow> {
    let Some((value, text)) = number(field, value, RowReason::BadField)? else { return Ok(None) };
    let share = Money::parse(&text).ok().filter(|share| share.0 <= WHOLE).and_then(|share| u32::try_from(share.0).ok());
    let needed = "a share of the price from 0 to 1 with at most 6 decimals is needed, such as 0.35";
    share.map(Some).ok_or_else(|| value.bad(field, RowReason::BadField, needed))
}

/// Points from 0 to 5, in hundredths, rounded.
pub fn rating(field: &str, value: Maybe<'_>) -> Result<Option<u16>, BadRow> {
    let Some((value, text)) = number(field, value, RowReason::BadField)? else { return Ok(None) };
    // An average has as many decimals as its maker's division gave it, and none of them is money.
    let points = text.parse::<f64>().ok().filter(|points| (0.0..=5.0).contains(points));
    let hundredths = points.map(|points| (points * 100.0).round() as u16);
    hundredths.map(Some).ok_or_else(|| value.bad(field, RowReason::BadField, "a number from 0 to 5 is needed"))
}

/// A whole number from `low` to `high`, at most 10^12.
pub fn whole(field: &str, value: Maybe<'_>, low: u64, high: u64) -> Result<Option<u64>, BadRow> {
    let Some((value, text)) = number(field, value, RowReason::BadField)? else { return Ok(None) };
    let whole = Money::parse(&text).ok().filter(|number| number.0 % WHOLE == 0).and_then(|number| u64::try_from(number.0 / WHOLE).ok());
    let needed = || value.bad(field, RowReason::BadField, &format!("a whole number from {low} to {high} is needed"));
    whole.filter(|whole| (low..=high).contains(whole)).map(Some).ok_or_else(needed)
}

/// True or false; a table's cell may say it as spreadsheets do.
pub fn flag(field: &str, value: Maybe<'_>) -> Result<Option<bool>, BadRow> {
    let Some(value) = value else { return Ok(None) };
    let (word, needed) = match value {
        Value::Json(raw) => (raw.get().to_owned(), "true or false is needed"),
        Value::Cell(cell) => (cell.to_ascii_lowercase(), "true or false, 1 or 0, yes or no is needed"),
    };
    match (word.as_str(), value) {
        ("true", _) | ("1" | "yes", Value::Cell(_)) => Ok(Some(true)),
        ("false", _) | ("0" | "no", Value::Cell(_)) => Ok(Some(false)),
        _ => Err(value.bad(field, RowReason::BadField, needed)),
    }
}

/// A currency.
pub fn currency(field: &str, value: Maybe<'_>) -> Result<Option<Currency>, BadRow> {
    let Some(value) = value else { return Ok(None) };
    let bad = || value.bad(field, RowReason::BadCurrency, "an ISO 4217 code is needed, such as UZS");
    match value.text().ok_or_else(bad)? {
        text if text.is_empty() => Ok(None),
        text => Currency::parse(&text).map(Some).ok_or_else(bad),
    }
}

/// A number's text; `None` where there is none, or an empty text.
fn number<'a>(field: &str, value: Maybe<'a>, reason: RowReason) -> Result<Option<(Value<'a>, Cow<'a, str>)>, BadRow> {
    let Some(value) = value else { return Ok(None) };
    let text = value.number().ok_or_else(|| value.bad(field, reason, "a number is needed"))?;
    Ok((!text.is_empty()).then_some((value, text)))
}
