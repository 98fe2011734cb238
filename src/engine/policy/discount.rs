//! Discounts: how much cheaper an item may be.
//!
//! Invariant: a discounted price leaves at least the configured share of itself as margin, and an item of unknown
//! margin gets no discount. All in whole numbers, rounded in the shop's favour.

use crate::engine::settings::Discounts;
use crate::event::Money;

const PPM: i128 = 1_000_000;

/// The price after a discount of `ratio`, as far as the margin allows; `None` where nothing of it is left.
///
/// `margin_ppm` is the share of the full price that is margin, in millionths.
pub(super) fn discounted(price: Money, ratio: f64, margin_ppm: Option<u32>, discounts: &Discounts) -> Option<Money> {
    let margin_ppm = i128::from(margin_ppm?);
    let (off_ppm, floor_ppm) = (ppm(ratio), ppm(discounts.margin_ratio_min));
    let full = i128::from(price.0);
    let wanted = ceil_div(full * (PPM - off_ppm), PPM);
    let cost = ceil_div(full * (PPM - margin_ppm).max(0), PPM);
    // What is left of the price p as margin, (p - cost) / p, is at least the floor from here on.
    let least = if floor_ppm >= PPM { return None } else { ceil_div(cost * PPM, PPM - floor_ppm) };
    let step = i128::from(discounts.price_step.0.0).max(1);
    let after = ceil_div(wanted.max(least), step) * step;
    (after < full).then(|| i64::try_from(after).ok().map(Money)).flatten()
}

fn ppm(ratio: f64) -> i128 {
    (ratio * PPM as f64).round() as i128
}

fn ceil_div(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::settings::Amount;

    fn discounts(margin_ratio_min: f64, step: &str) -> Discounts {
        Discounts { margin_ratio_min, price_step: Amount(Money::parse(step).unwrap()), ..Discounts::default() }
    }

    fn after(price: &str, ratio: f64, margin: Option<u32>, floor: f64, step: &str) -> Option<String> {
        discounted(Money::parse(price).unwrap(), ratio, margin, &discounts(floor, step)).map(|money| money.to_string())
    }

    #[test]
    fn a_discount_goes_as_far_as_the_margin_and_is_rounded_up() {
        // In full: 10 % of 100 with 40 % margin.
        assert_eq!(after("100", 0.1, Some(400_000), 0.1, "0.01").as_deref(), Some("90"));
        // Cost 85: 15 % of the price is margin, and a tenth of the new price has to be: 94.444… at least.
        assert_eq!(after("100", 0.1, Some(150_000), 0.1, "0.01").as_deref(), Some("94.45"));
        assert_eq!(after("100", 0.1, Some(150_000), 0.1, "1").as_deref(), Some("95"));
        // Nothing left to give.
        assert_eq!(after("100", 0.1, Some(100_000), 0.1, "0.01"), None);
        assert_eq!(after("100", 0.1, None, 0.1, "0.01"), None);
        assert_eq!(after("100", 0.1, Some(400_000), 1.0, "0.01"), None);
        // Rounding eats it up.
        assert_eq!(after("100", 0.1, Some(400_000), 0.1, "100"), None);
        assert_eq!(after("50000", 0.15, Some(300_000), 0.1, "1000").as_deref(), Some("43000"));
    }

    proptest! {
        #[test]
        fn no_discount_breaks_the_margin_floor(
            price in 1..=Money::MAX.0, ratio in 0.0..0.9_f64, margin in 0..=1_000_000_u32, floor in 0.0..0.99_f64
        ) {
            if let Some(after) = discounted(Money(price), ratio, Some(margin), &discounts(floor, "0.01")) {
                let cost = price as f64 * (1.0 - f64::from(margin) / 1e6);
                prop_assert!(after.0 < price);
                prop_assert!((after.0 as f64 - cost) / after.0 as f64 >= floor - 1e-6);
                prop_assert!(after.0 as f64 >= price as f64 * (1.0 - ratio - 1e-6));
            }
        }
    }
}
