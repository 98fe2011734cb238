//! Kinds of values that settings have: lengths of time, bytes, time zones.

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

/// A length of time in milliseconds, written as a number with its unit: `500ms`, `30s`, `5m`, `24h`, `90d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DurationMs(pub i64);

const DURATION_UNITS: [(&str, i64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// A hundred years: longer is a mistake.
const DURATION_MAX_MS: i64 = 36_525 * 86_400_000;

impl DurationMs {
    /// That many hours.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self(hours * 3_600_000)
    }

    /// That many days.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self(days * 86_400_000)
    }

    /// Reads a number with its unit; `None` when it is not that, or longer than a hundred years.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (_, unit_ms) = DURATION_UNITS.into_iter().find(|(unit, _)| *unit == &text[digits.len()..])?;
        let number: i64 = digits.trim().parse().ok()?;
        number.checked_mul(unit_ms).filter(|ms| (0..=DURATION_MAX_MS).contains(ms)).map(Self)
    }
}

impl std::fmt::Display for DurationMs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let largest = DURATION_UNITS.into_iter().rev().find(|(_, ms)| self.0 % ms == 0).unwrap_or(("ms", 1));
        write!(f, "{}{}", self.0 / largest.1, largest.0)
    }
}

impl<'de> Deserialize<'de> for DurationMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a length of time such as 500ms, 30s, 5m, 24h or 90d")))
    }
}

/// So many bytes, written as a number with its unit: `512MiB`, `2GiB`; `0` needs none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

const BYTE_UNITS: [(&str, u64); 7] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];

impl Bytes {
    /// Reads a number with its unit; `None` when it is not that, or too large to count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if matches!(text, "" | "0") {
            return Some(Self(0));
        }
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (_, unit) = BYTE_UNITS.into_iter().find(|(unit, _)| *unit == &text[digits.len()..])?;
        digits.trim().parse::<u64>().ok()?.checked_mul(unit).map(Self)
    }
}

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let binary = BYTE_UNITS[..4].iter().rev().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit));
        match binary {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a number of bytes such as 512MiB or 2GiB")))
    }
}

/// A time zone, by its IANA name; the database is in the binary, so that every machine agrees.
#[derive(Clone, Debug)]
pub struct Zone(pub TimeZone);

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        jiff::tz::TimeZoneDatabase::bundled()
            .get(&name)
            .map(Self)
            .map_err(|_| serde::de::Error::custom(format!("{name:?} is not an IANA time zone such as Asia/Tashkent")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_a_number_with_its_unit() {
        assert_eq!((Bytes::parse("512MiB"), Bytes::parse("0"), Bytes::parse("")), (Some(Bytes(512 << 20)), Some(Bytes(0)), Some(Bytes(0))));
        assert_eq!(
            (Bytes::parse("2GB"), Bytes(2 << 30).to_string(), Bytes(0).to_string()),
            (Some(Bytes(2_000_000_000)), "2GiB".into(), "0".into())
        );
        for text in ["512", "MiB", "-1MiB", "1.5GiB", "1TiB", "99999999999GiB", "512 Mi"] {
            assert_eq!(Bytes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_length_of_time_is_a_number_with_its_unit() {
        assert_eq!(DurationMs::parse("24h"), Some(DurationMs(86_400_000)));
        assert_eq!(DurationMs::parse("500ms"), Some(DurationMs(500)));
        assert_eq!(DurationMs(86_400_000).to_string(), "1d");
        for text in ["", "24", "h", "-1h", "1w", "1.5h", "99999999999d", "24 hours"] {
            assert_eq!(DurationMs::parse(text), None, "{text}");
        }
    }
}
