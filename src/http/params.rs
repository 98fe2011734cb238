//! Parameters of a request's address.
//!
//! Invariant: whatever the address is, it ends as parameters that keep every limit here, or as a refusal that names the
//! parameter. One that is not known is refused: a misspelt `item` would be an empty basket.

use crate::engine::vocabulary::Placement;
use crate::event::{ID_BYTES_MAX, Id, hidden_in};
use crate::http::Refusal;

/// Most items that may be named.
pub const ITEMS_MAX: usize = 100;
/// The longest language tag (RFC 5646 asks readers to take 35).
const LOCALE_CHARS_MAX: usize = 35;

/// What ids look like, for the document: none of the characters that nobody sees (see `event::is_hidden`).
pub const ID_PATTERN: &str =
    r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+$";
/// What language tags look like.
pub const LOCALE_PATTERN: &str = r"^[A-Za-z0-9-]{1,35}$";

/// The parameters of an address.
#[derive(Debug, Default)]
pub struct Params {
    named: Vec<(&'static str, String)>,
}

impl Params {
    /// Reads an address; `known` are the names that it may have, and `many` those that may come again.
    ///
    /// # Errors
    /// One is not known, or comes again.
    pub fn read(query: Option<&str>, known: &[&'static str], many: &[&str]) -> Result<Self, Refusal> {
        let mut params = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let Some(name) = known.iter().copied().find(|known| *known == name) else {
                let shown: String = name.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect();
                return Err(Refusal::Unusable(format!("{shown:?} is no parameter here; {} are", known.join(", "))));
            };
            let before = params.named.iter().filter(|(other, _)| *other == name).count();
            let most = if many.contains(&name) { ITEMS_MAX } else { 1 };
            if before >= most {
                return Err(Refusal::Unusable(format!("{name} comes more than {most} times")));
            }
            params.named.push((name, value.into_owned()));
        }
        Ok(params)
    }

    /// An id, where it is there.
    ///
    /// # Errors
    /// It can't be one.
    pub fn id(&self, name: &'static str) -> Result<Option<Id>, Refusal> {
        self.all(name).next().map(|value| id(name, value)).transpose()
    }

    /// All ids of that name.
    ///
    /// # Errors
    /// One of them can't be one.
    pub fn ids(&self, name: &'static str) -> Result<Vec<Id>, Refusal> {
        self.all(name).map(|value| id(name, value)).collect()
    }

    /// The placement.
    ///
    /// # Errors
    /// It is missing, or there is none of that name.
    pub fn placement(&self) -> Result<Placement, Refusal> {
        let known = || Placement::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", ");
        let Some(value) = self.all("placement").next() else {
            return Err(Refusal::Unusable(format!("placement is missing; one of {} is needed", known())));
        };
        let found = Placement::ALL.iter().copied().find(|placement| placement.as_str() == value);
        found.ok_or_else(|| Refusal::Unusable(format!("placement is {:.40?}; one of {} is needed", value, known())))
    }

    /// A language tag, where it is there.
    ///
    /// # Errors
    /// It can't be one.
    pub fn locale(&self) -> Result<Option<Id>, Refusal> {
        let Some(value) = self.all("locale").next() else { return Ok(None) };
        let fits = (1..=LOCALE_CHARS_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits { Ok(Some(Id::new(value))) } else { Err(Refusal::Unusable("locale is no language tag, such as en or uz-Latn".into())) }
    }

    /// A whole number within bounds, or the one it is without.
    ///
    /// # Errors
    /// It is none, or beyond them.
    pub fn number(&self, name: &'static str, (low, high): (usize, usize), default: usize) -> Result<usize, Refusal> {
        let Some(value) = self.all(name).next() else { return Ok(default) };
        let is_plain = !value.is_empty() && value.len() <= 9 && value.bytes().all(|byte| byte.is_ascii_digit());
        let number = value.parse().ok().filter(|number| is_plain && (low..=high).contains(number));
        number.ok_or_else(|| Refusal::Unusable(format!("{name} is no whole number from {low} to {high}")))
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.named.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// A value that is to be an id.
///
/// # Errors
/// It can't be one.
pub fn id(name: &str, value: &str) -> Result<Id, Refusal> {
    if value.is_empty() {
        return Err(Refusal::Unusable(format!("{name} is empty; leave it out, or give an id")));
    }
    if value.len() > ID_BYTES_MAX {
        return Err(Refusal::Unusable(format!("{name} has {} bytes; at most {ID_BYTES_MAX} are allowed", value.len())));
    }
    match hidden_in(value) {
        Some(needed) => Err(Refusal::Unusable(format!("{name}: {needed}"))),
        None => Ok(Id::new(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["placement", "item", "session_id", "locale", "limit"];

    fn read(query: &str) -> Result<Params, Refusal> {
        Params::read(Some(query), &KNOWN, &["item"])
    }

    #[test]
    fn a_name_may_come_again_only_where_it_names_several_things() {
        let params = read("placement=cart&item=a&item=b%20c&item=%C3%A9").unwrap();
        assert_eq!((params.placement(), params.ids("item")), (Ok(Placement::Cart), Ok(vec!["a".into(), "b c".into(), "é".into()])));
        assert_eq!((params.id("session_id"), params.locale(), params.number("limit", (1, 50), 20)), (Ok(None), Ok(None), Ok(20)));
        assert!(read("placement=cart&placement=cart").is_err() && read("items=a").is_err());
        assert!(read(&"item=a&".repeat(ITEMS_MAX)).is_ok() && read(&"item=a&".repeat(ITEMS_MAX + 1)).is_err());
    }

    #[test]
    fn what_breaks_a_limit_is_refused_by_its_name() {
        let why = |query: &str| {
            let params = read(query).unwrap();
            let checked = params.placement().map(|_| ()).and(params.ids("item").map(|_| ())).and(params.locale().map(|_| ()));
            match checked.and(params.number("limit", (1, 50), 1).map(|_| ())).unwrap_err() {
                Refusal::Unusable(why) => why,
                other => panic!("{other:?}"),
            }
        };
        for (query, named) in [
            ("", "placement is missing"),
            ("placement=kart", "\"kart\""),
            ("placement=cart&item=", "item is empty"),
            ("placement=cart&item=a%00b", "control"),
            ("placement=cart&item=a%E2%80%8Bb", "nobody sees"),
            ("placement=cart&locale=e_n", "locale"),
            ("placement=cart&limit=0", "limit"),
            ("placement=cart&limit=51", "limit"),
            ("placement=cart&limit=+5", "limit"),
        ] {
            assert!(why(query).contains(named), "{query}: {}", why(query));
        }
        assert!(why(&format!("placement=cart&item={}", "x".repeat(257))).contains("256"));
    }
}
