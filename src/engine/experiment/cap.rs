//! The most that one shopper counts for, where the settings leave it to be found out.
//!
//! The bounds need a largest outcome, and it must not be chosen by looking at outcomes by arm: whoever may move the cap
//! until an effect shows will see one. So it is fixed once, when the first shopper's days are over, from nothing but the
//! mean order of both arms together, and so coarsely (1, 2 or 5 times a power of ten) that what single orders do to it
//! is next to nothing. Ten mean orders: few shoppers spend more in a week, and the fewer are cut, the nearer are the
//! outcomes to what was spent; a higher cap would widen the bounds for a few orders' sake.
//!
//! Invariant: a function of sums only.

use serde::{Deserialize, Serialize};

/// How many mean orders the cap is.
const MEAN_ORDERS: i128 = 10;

/// All orders seen, of both arms together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    number: i128,
    net_micros: i128,
}

impl Orders {
    /// An order, a further part of one, or what of one went back.
    pub fn add(&mut self, first: bool, net_micros: i128) {
        self.number += i128::from(first);
        self.net_micros = self.net_micros.saturating_add(net_micros);
    }

    /// The cap that follows; `None` while there is no order that was kept.
    #[must_use]
    pub fn cap_micros(&self) -> Option<i128> {
        let mean = self.net_micros.checked_div(self.number).filter(|mean| *mean > 0)?;
        Some(round_up(mean.saturating_mul(MEAN_ORDERS)))
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `value`.
fn round_up(value: i128) -> i128 {
    let steps = (0..37).map(|exponent| 10_i128.pow(exponent)).flat_map(|power| [1, 2, 5].map(|step| step * power));
    steps.into_iter().find(|step| *step >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_ten_mean_orders_rounded_up_to_one_two_or_five() {
        for (orders, cap) in [
            (&[(true, 50)][..], Some(500)),
            (&[(true, 51)], Some(1_000)),
            (&[(true, 10), (true, 20)], Some(200)),
            // A further part, and half of it back again.
            (&[(true, 10), (false, 10), (false, -5), (true, 25)], Some(200)),
            (&[(true, 1)], Some(10)),
            (&[], None),
            (&[(false, 10)], None),
            (&[(true, 10), (false, -10)], None),
        ] {
            let mut sums = Orders::default();
            orders.iter().for_each(|(first, net)| sums.add(*first, *net));
            assert_eq!(sums.cap_micros(), cap, "{orders:?}");
        }
    }

    #[test]
    fn rounding_up_keeps_what_is_round() {
        for (value, rounded) in [(1, 1), (2, 2), (3, 5), (5, 5), (6, 10), (999, 1_000), (1_001, 2_000), (i128::MAX, i128::MAX)] {
            assert_eq!(round_up(value), rounded, "{value}");
        }
    }
}
