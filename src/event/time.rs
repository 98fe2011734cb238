//! Event time: milliseconds since the Unix epoch, UTC, read from RFC 3339 text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point of event time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The earliest time an event may have: 1970-01-01.
    pub const MIN: Self = Self(0);
    /// The latest time an event may have: 9999-12-30T00:00:00Z, the last whole day that can be written back.
    pub const MAX: Self = Self(253_402_128_000_000);

    /// Reads RFC 3339 text with any offset; `None` when it is not that, or outside the years 1970 to 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The parser takes shorter ISO 8601 forms, and annotations, too; RFC 3339 has neither.
        let shape = text.as_bytes();
        if shape.len() < 20
            || shape.len() > 40
            || shape[4] != b'-'
            || !matches!(shape[10], b'T' | b't' | b' ')
            || shape[13] != b':'
            || shape.contains(&b'[')
        {
            return None;
        }
        let ms = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        (Self::MIN.0..=Self::MAX.0).contains(&ms).then_some(Self(ms))
    }

    /// Reads what other formats write as ISO 8601: RFC 3339, an offset without its colon, a time without one (which is UTC),
    /// or a date alone.
    #[must_use]
    pub fn parse_iso_8601(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(time) = Self::parse(text) {
            return Some(time);
        }
        if text.len() > 40 || text.len() < 10 || text.contains('[') || text.as_bytes()[4] != b'-' {
            return None;
        }
        let instant = text.parse::<jiff::Timestamp>().ok();
        let civil = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        let ms = instant.or_else(civil)?.as_millisecond();
        (Self::MIN.0..=Self::MAX.0).contains(&ms).then_some(Self(ms))
    }

    /// This time moved by `ms` milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// RFC 3339 in UTC with milliseconds: `2010-12-01T08:26:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_text_is_read_with_any_offset() {
        for text in ["2010-12-01T08:26:00.000Z", "2010-12-01T13:26:00+05:00", "2010-12-01T08:26:00Z"] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(1_291_191_960_000)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "yesterday",
            "2010-12-01",
            "2010-12-01T08:26",
            "2010-13-01T08:26:00Z",
            "1291191960",
            "2010-12-01T08:26:00+05:00[Asia/Tashkent]",
            "1969-12-31T23:59:59Z",
            "20101201T082600.000000Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_other_formats_write_as_iso_8601_is_read_as_utc_unless_it_says_otherwise() {
        let at = Timestamp(1_291_191_960_000);
        for text in
            ["2010-12-01T08:26:00Z", "2010-12-01T13:26:00+0500", "2010-12-01T08:26:00", "2010-12-01 08:26:00.000", " 2010-12-01T08:26:00Z "]
        {
            assert_eq!(Timestamp::parse_iso_8601(text), Some(at), "{text}");
        }
        assert_eq!(Timestamp::parse_iso_8601("2010-12-01"), Some(Timestamp(1_291_161_600_000)));
        for text in
            ["", "yesterday", "1291191960", "2010-13-01T08:26:00Z", "1969-12-31", "2010-12-01T08:26:00+05:00[Asia/Tashkent]", "жжжжж"]
        {
            assert_eq!(Timestamp::parse_iso_8601(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(Timestamp(1_291_191_960_007).to_string(), "2010-12-01T08:26:00.007Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T00:00:00.000Z");
    }
}
