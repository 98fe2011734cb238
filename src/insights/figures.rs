//! Amounts, counts by name, and shares, as they are written.
//!
//! Invariant: money is an exact decimal string, counts are whole and never below 0, and a share has six decimals, so
//! that equal figures are equal bytes.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::event::micros_to_text;

/// An amount in millionths; written as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, utoipa::ToSchema)]
#[schema(value_type = String, pattern = r"^-?[0-9]+(\.[0-9]{1,6})?$")]
pub struct Amount(pub i128);

impl Amount {
    /// What one of `count` has of it, to the millionth; `None` of nobody.
    #[must_use]
    pub fn each_of(self, count: u64) -> Option<Self> {
        (count > 0).then(|| Self(self.0 / i128::from(count)))
    }

    /// This less that.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&micros_to_text(self.0))
    }
}

/// Counts by name, in the order of their closed set; those that are 0 are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, utoipa::ToSchema)]
#[schema(value_type = std::collections::BTreeMap<String, u64>)]
pub struct Counts(pub Vec<(&'static str, u64)>);

impl Counts {
    pub(super) fn of(counts: impl Iterator<Item = (&'static str, i128)>) -> Self {
        Self(counts.map(|(name, sum)| (name, count(sum))).filter(|(_, count)| *count > 0).collect())
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, count)| map.serialize_entry(name, count))?;
        map.end()
    }
}

/// A sum that counts things. One that was corrected too far is nothing, not less.
pub(super) fn count(sum: i128) -> u64 {
    u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
}

/// A part of a whole, to six decimals; `None` of nothing.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| rounded(part as f64 / whole as f64))
}

pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// As its text.
pub(super) fn as_text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_an_exact_decimal_and_a_share_of_nothing_is_none() {
        assert_eq!(serde_json::to_string(&Amount(-1_500_000)).unwrap(), "\"-1.5\"");
        assert_eq!((Amount(10).each_of(3), Amount(10).each_of(0)), (Some(Amount(3)), None));
        assert_eq!((ratio(1, 3), ratio(0, 0)), (Some(0.333_333), None));
    }

    #[test]
    fn counts_keep_their_order_and_leave_out_what_never_happened() {
        let counts = Counts::of([("z", 2), ("a", 0), ("b", -1), ("c", 3)].into_iter());
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"z":2,"c":3}"#);
        assert_eq!(counts.sum(), 5);
    }
}
