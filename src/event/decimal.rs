//! Exact decimal amounts: money with six decimals, quantities with three.
//!
//! Invariant: an amount is read from the digits of its text and held as an integer; no float is ever
//! between the wire and a sum.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of money in millionths of the currency unit (`2.55` is `2_550_000`).
///
/// The currency stands beside it, never in it: sums of two currencies are two sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money(pub i64);

/// A quantity in thousandths of a unit (`1` is `1_000`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Quantity(pub u32);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a decimal number at all.
    #[error("is not a decimal number")]
    Malformed,
    /// Below zero.
    #[error("is negative")]
    Negative,
    /// More decimals than the amount keeps, and not just zeros.
    #[error("has too many decimals")]
    TooPrecise,
    /// Above the limit of its kind.
    #[error("is beyond the limit")]
    TooLarge,
}

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The highest price a unit may have: 10^12 of the currency unit.
    pub const MAX: Self = Self(1_000_000_000_000_000_000);

    /// Reads a non-negative amount from decimal text, with an exponent if there is one.
    ///
    /// # Errors
    /// Says why the text is no amount of at most six decimals and at most [`Money::MAX`].
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        parse_scaled(text, 6, Self::MAX.0 as u64, Rest::Refused).map(|value| Self(value as i64))
    }

    /// As [`Money::parse`], rounded half up to six decimals: for formats whose amounts went through floats, as JavaScript's
    /// `25.990000000000002`.
    ///
    /// # Errors
    /// As [`Money::parse`], but for too many decimals.
    pub fn parse_rounded(text: &str) -> Result<Self, DecimalError> {
        parse_scaled(text, 6, Self::MAX.0 as u64, Rest::Rounded).map(|value| Self(value as i64))
    }

    /// This price for `quantity` units, in millionths, rounded half up; at most 10^24, which 38 digits hold.
    #[must_use]
    pub fn times(self, quantity: Quantity) -> i128 {
        (i128::from(self.0) * i128::from(quantity.0) + 500).div_euclid(1_000)
    }
}

impl Quantity {
    /// One unit.
    pub const ONE: Self = Self(1_000);
    /// The highest quantity of one line: a million units.
    pub const MAX: Self = Self(1_000_000_000);

    /// Reads a positive quantity from decimal text.
    ///
    /// # Errors
    /// Says why the text is no quantity of at most three decimals, above 0, at most a million.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        match parse_scaled(text, 3, u64::from(Self::MAX.0), Rest::Refused)? {
            0 => Err(DecimalError::TooLarge),
            value => Ok(Self(value as u32)),
        }
    }

    /// Both together, kept within [`Quantity::MAX`].
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).min(Self::MAX.0))
    }
}

/// An amount in millionths as the shortest exact decimal text: `2.55`, `-80000`, `0`.
#[must_use]
pub fn micros_to_text(micros: i128) -> String {
    scaled_to_text(micros, 6)
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&micros_to_text(i128::from(self.0)))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&scaled_to_text(i128::from(self.0), 3))
    }
}

fn scaled_to_text(value: i128, decimals: usize) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", value.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// What becomes of decimals past those that are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Refused,
    Rounded,
}

/// Reads `text` as an integer number of `10^-decimals`, at most `max`.
fn parse_scaled(text: &str, decimals: i32, max: u64, rest: Rest) -> Result<u64, DecimalError> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || (fraction.is_empty() && mantissa.contains('.')) {
        return Err(DecimalError::Malformed);
    }
    // The place of the first digit, in powers of ten of the unit we count in.
    let mut place = decimals + exponent + whole.len() as i32 - 1;
    let mut value: u64 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return Err(DecimalError::Malformed);
        }
        if place < 0 && rest == Rest::Rounded {
            value += u64::from(place == -1 && digit >= b'5');
        } else if digit != b'0' {
            let part = place_value(u64::from(digit - b'0'), place)?;
            value = value.checked_add(part).ok_or(DecimalError::TooLarge)?;
        }
        place -= 1;
    }
    match value {
        _ if value > max => Err(DecimalError::TooLarge),
        0 => Ok(0),
        _ if negative => Err(DecimalError::Negative),
        _ => Ok(value),
    }
}

fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Malformed);
    }
    text.parse().map_err(|_| DecimalError::Malformed)
}

fn place_value(digit: u64, place: i32) -> Result<u64, DecimalError> {
    let power = u32::try_from(place).map_err(|_| DecimalError::TooPrecise)?;
    10_u64.checked_pow(power).and_then(|ten| ten.checked_mul(digit)).ok_or(DecimalError::TooLarge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn money_is_read_from_the_digits_of_its_text() {
        for (text, micros) in [
            ("2.55", 2_550_000),
            ("0.4417", 441_700),
            ("50000", 50_000_000_000),
            ("0", 0),
            ("-0", 0),
            ("1e3", 1_000_000_000),
            ("2.5E-1", 250_000),
            ("1.2500000", 1_250_000),
            ("0.000001", 1),
        ] {
            assert_eq!(Money::parse(text), Ok(Money(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        use DecimalError::*;
        for (text, error) in [
            ("", Malformed),
            ("-", Malformed),
            ("1.", Malformed),
            (".5", Malformed),
            ("1,5", Malformed),
            ("1e", Malformed),
            ("1e99999", Malformed),
            ("NaN", Malformed),
            ("1.2.3", Malformed),
            ("-1", Negative),
            ("-0.5", Negative),
            ("0.0000001", TooPrecise),
            ("1e-7", TooPrecise),
            ("1000000000001", TooLarge),
            ("99999999999999999999999", TooLarge),
            ("1e400", TooLarge),
        ] {
            assert_eq!(Money::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_amount_that_went_through_floats_is_rounded_half_up_where_that_is_asked_for() {
        for (text, micros) in [
            ("25.990000000000002", 25_990_000),
            ("0.0000005", 1),
            ("0.00000049", 0),
            ("1e-7", 0),
            ("9.9999995", 10_000_000),
            ("2.5", 2_500_000),
        ] {
            assert_eq!(Money::parse_rounded(text), Ok(Money(micros)), "{text}");
        }
        assert_eq!(Money::parse_rounded("-0.0000005"), Err(DecimalError::Negative));
        assert_eq!(Money::parse_rounded("1.00000x"), Err(DecimalError::Malformed));
    }

    #[test]
    fn a_quantity_is_above_zero_and_at_most_a_million() {
        assert_eq!(Quantity::parse("1"), Ok(Quantity::ONE));
        assert_eq!(Quantity::parse("0.125"), Ok(Quantity(125)));
        assert_eq!(Quantity::parse("1000000"), Ok(Quantity::MAX));
        for text in ["0", "-1", "0.0001", "1000000.001"] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_line_is_price_times_quantity_rounded_half_up() {
        assert_eq!(Money(441_700).times(Quantity(3_000)), 1_325_100);
        assert_eq!(Money(1).times(Quantity(500)), 1);
        assert_eq!(Money(1).times(Quantity(499)), 0);
    }

    proptest! {
        #[test]
        fn an_amount_survives_its_own_text(micros in 0..=Money::MAX.0) {
            prop_assert_eq!(Money::parse(&Money(micros).to_string()), Ok(Money(micros)));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
            let _ = Money::parse(&text);
            let _ = Quantity::parse(&text);
        }
    }
}
