//! Purpose: the shop's prices.
//!
//! Invariant: money is whole cents, written as a decimal string with two places; never a float.

use std::fmt;

use serde::{Serialize, Serializer};

/// An amount in hundredths of the shop's currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

impl Cents {
    /// Reads an unsigned amount such as `19.99`, `50` or `17.500000`; nothing if it is not whole cents.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 12 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let cents = match fraction.len() {
            0 => 0,
            1 => fraction.parse::<i64>().ok()? * 10,
            2 => fraction.parse().ok()?,
            _ => return None,
        };
        Some(Self(whole.parse::<i64>().ok()? * 100 + cents))
    }

    /// `quantity` times this amount.
    pub(super) fn times(self, quantity: u32) -> Self {
        Self(self.0 * i64::from(quantity))
    }

    /// `percent` hundredths of this amount, rounded half up.
    pub(super) fn percent(self, percent: i64) -> Self {
        Self((self.0 * percent + 50) / 100)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_cents_and_refuses_everything_else() {
        let read = |text| Cents::parse(text).map(|c| c.0);
        assert_eq!(read("19.99"), Some(1999));
        assert_eq!(read("50"), Some(5000));
        assert_eq!(read("17.5"), Some(1750));
        assert_eq!(read("17.500000"), Some(1750));
        for bad in ["", ".", ".5", "-1", "1.005", "1e3", "1,50", "9999999999999"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn writes_two_decimals() {
        assert_eq!(Cents(29_900).to_string(), "299.00");
        assert_eq!(Cents(-5).to_string(), "-0.05");
        assert_eq!(Cents(1999).percent(10), Cents(200));
    }
}
