//! Segments: who a shopper is to the shop, by recency, frequency and money.
//!
//! Invariant: a function of the customer's history, the time and the configured limits; a segment that the shop
//! itself names wins.

use super::customers::History;
use super::settings::Segments;
use crate::event::Timestamp;

/// Nobody known, or nothing bought yet.
pub const NEW: &str = "new";
/// Bought before.
pub const RETURNING: &str = "returning";
/// Bought often.
pub const LOYAL: &str = "loyal";
/// Spent much.
pub const BIG_SPENDER: &str = "big_spender";
/// Bought nothing for long.
pub const LAPSED: &str = "lapsed";

/// The segment of a customer; `None` stands for one of whom nothing is known.
#[must_use]
pub fn of(history: Option<&History>, now: Timestamp, limits: &Segments) -> &'static str {
    let Some(history) = history.filter(|history| history.baskets > 0) else { return NEW };
    if history.last_order_at.plus_ms(limits.lapsed_after.0) < now {
        return LAPSED;
    }
    if history.spent_micros >= i128::from(limits.big_spender_revenue_min.0.0) {
        return BIG_SPENDER;
    }
    if history.baskets >= limits.loyal_orders_min { LOYAL } else { RETURNING }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_told_by_recency_then_money_then_frequency() {
        const DAY: i64 = 86_400_000;
        let limits = Segments::default();
        let big = i128::from(limits.big_spender_revenue_min.0.0);
        for (baskets, spent, days_ago, segment) in [
            (0, 0, 0, NEW),
            (1, 0, 10, RETURNING),
            (4, big - 1, 180, RETURNING),
            (5, big - 1, 10, LOYAL),
            (5, big, 10, BIG_SPENDER),
            (1, big, 10, BIG_SPENDER),
            (50, big, 181, LAPSED),
        ] {
            let last_order_at = Timestamp((1_000 - days_ago) * DAY);
            let mut history = History::default();
            (history.baskets, history.spent_micros, history.last_order_at) = (baskets, spent, last_order_at);
            assert_eq!(of(Some(&history), Timestamp(1_000 * DAY), &limits), segment, "{baskets} orders, {spent}, {days_ago} days ago");
        }
        assert_eq!(of(None, Timestamp(0), &limits), NEW);
    }
}
