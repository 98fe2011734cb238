//! Prices beside one another, without floats between them.
//!
//! Invariant: a ratio is taken to the millionth, and what is compared are whole numbers: 3.30 is 1.1 times 3.00.

use crate::event::Money;

const PPM: f64 = 1_000_000.0;

/// Whether `price` is at most `ratio` times `of`.
#[must_use]
pub fn is_at_most(price: Money, ratio: f64, of: i128) -> bool {
    i128::from(price.0).saturating_mul(PPM as i128) <= of.saturating_mul(ppm(ratio))
}

/// Whether `price` is between `least` and `most` times `of`.
#[must_use]
pub fn is_between(price: Money, least: f64, most: f64, of: Money) -> bool {
    let (price_ppm, of) = (i128::from(price.0) * PPM as i128, i128::from(of.0));
    of * ppm(least) <= price_ppm && price_ppm <= of * ppm(most)
}

fn ppm(ratio: f64) -> i128 {
    (ratio * PPM).round() as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_to_the_last_digit() {
        let money = |text: &str| Money::parse(text).unwrap();
        for (price, of) in [("3.30", "3.00"), ("1.1", "1"), ("109.89", "99.90"), ("1100000000000", "1000000000000")] {
            let (price, of) = (Money::parse(price).unwrap_or(Money::MAX), money(of));
            assert!(price == Money::MAX || is_between(price, 1.1, 2.0, of), "{price} of {of}");
        }
        assert!(!is_between(money("3.299999"), 1.1, 2.0, money("3")) && !is_between(money("6.000001"), 1.1, 2.0, money("3")));
        assert!(is_at_most(money("25"), 0.25, 100_000_000) && !is_at_most(money("25.000001"), 0.25, 100_000_000));
        assert!(is_at_most(Money::MAX, 1_000.0, i128::MAX), "no overflow");
    }
}
