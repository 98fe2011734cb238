//! Totals: every figure the shop adds up, under one closed kind of key.
//!
//! Invariant: a total changes by deltas only, and deltas of different sessions commute. The same keys make
//! the process's counters (`metrics.rs`) and the shop's durable totals, so the two can't drift apart.

use std::collections::HashMap;

use compact_str::CompactString;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::vocabulary::{AmountIgnored, FeedbackIgnored, ItemStep, OfferKind, Outcome, Placement};
use crate::event::{Currency, EventType, RejectReason, Timestamp};

/// An hour, the width of the windows that recent figures are kept in.
pub const HOUR_MS: i64 = 3_600_000;
/// How many hours of event time "recent" covers.
pub const RECENT_HOURS: i64 = 24;
/// Upper bounds of the basket-age histogram, in seconds; the last bucket has none.
pub const BASKET_AGE_BOUNDS_S: [i64; 10] = [10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 86_400];

/// What a total is of. Money is in millionths, ages in milliseconds, all else are counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named after the closed sets they come from")]
pub enum TotalKey {
    /// Events that were used.
    Events(EventType),
    /// Records that could not be used.
    Rejected(RejectReason),
    /// Orders placed.
    Orders,
    /// Orders of whose basket nothing was known.
    OrdersUnmatched,
    /// Their net revenue.
    OrderRevenue(Currency),
    /// What of it went back.
    OrderRevenueRefunded(Currency),
    /// Triggers by how they ended.
    Triggers(Placement, Outcome),
    /// Offered items by how far they came.
    OfferItems { step: ItemStep, placement: Placement, kind: OfferKind, channel: CompactString },
    /// Sessions that got an offer.
    ShoppersOffered(Placement),
    /// Sessions that accepted one.
    ShoppersAccepted(Placement),
    /// Net revenue of offered items that were bought.
    ExtraRevenue { placement: Placement, kind: OfferKind, currency: Currency },
    /// What of it went back.
    ExtraRevenueRefunded { placement: Placement, kind: OfferKind, currency: Currency },
    /// Offered items by weekday (1 is Monday) and hour in the shop's time zone.
    ItemsByHour { step: ItemStep, placement: Placement, weekday: u8, hour: u8 },
    /// Extra revenue likewise.
    RevenueByHour { placement: Placement, weekday: u8, hour: u8, currency: Currency },
    /// Offered items by hour since the epoch; kept for [`RECENT_HOURS`].
    Recent { hour: i64, step: ItemStep, placement: Placement, kind: OfferKind },
    /// Acceptances by the basket's age: an index into [`BASKET_AGE_BOUNDS_S`], one past it for older.
    BasketAge { placement: Placement, bucket: u8 },
    /// The sum of those ages.
    BasketAgeSumMs(Placement),
    /// Feedback that says nothing of any offer, by why.
    FeedbackIgnored(FeedbackIgnored),
    /// Bought lines of which no price is known.
    Unpriced,
    /// Lines whose pairs were not learned because the basket was too long.
    LinesNotPaired,
    /// Amounts that are left out of figures, by why.
    AmountsIgnored(AmountIgnored),
    /// Orders of which something is credited to an offer.
    OrdersWithOffer,
    /// Their net revenue, what is not credited with it.
    OrderRevenueWithOffer(Currency),
    /// Extra revenue by the channel the offer was made on.
    RevenueByChannel { placement: Placement, channel: CompactString, currency: Currency },
    /// Offered items by the age the basket had when the offer was made: an index as in [`TotalKey::BasketAge`].
    ItemsByBasketAge { step: ItemStep, placement: Placement, bucket: u8 },
    /// Extra revenue likewise.
    RevenueByBasketAge { placement: Placement, bucket: u8, currency: Currency },
    /// Sessions that got an offer, wherever.
    ShoppersOfferedAnywhere,
    /// Sessions that accepted one, wherever.
    ShoppersAcceptedAnywhere,
    /// Well-formed events of other formats that say nothing of baskets or offers.
    PassedOver,
}

/// Sums by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    sums: HashMap<TotalKey, i128, FixedState>,
    newest_hour: i64,
}

impl Totals {
    /// Adds `delta` to the total of `key`.
    pub fn add(&mut self, key: TotalKey, delta: i128) {
        if let TotalKey::Recent { hour, .. } = key {
            if hour > self.newest_hour {
                self.newest_hour = hour;
                self.drop_old_hours();
            }
            if hour <= self.newest_hour - RECENT_HOURS {
                return;
            }
        }
        let sum = self.sums.entry(key).or_default();
        *sum = sum.saturating_add(delta);
    }

    /// The total of `key`; 0 if nothing was ever added.
    #[must_use]
    pub fn get(&self, key: &TotalKey) -> i128 {
        self.sums.get(key).copied().unwrap_or_default()
    }

    /// What was added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut risen = Self::default();
        for (key, sum) in self.sorted() {
            let delta = sum.saturating_sub(earlier.get(key));
            if delta != 0 {
                risen.add(key.clone(), delta);
            }
        }
        risen
    }

    /// The sum of all totals whose key `matches`.
    #[must_use]
    pub fn sum(&self, matches: impl Fn(&TotalKey) -> bool) -> i128 {
        self.sums.iter().filter(|(key, _)| matches(key)).map(|(_, sum)| sum).sum()
    }

    /// All totals, sorted by key.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&TotalKey, i128)> {
        let mut all: Vec<_> = self.sums.iter().map(|(key, sum)| (key, *sum)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// Takes all sums out, in key order.
    pub fn drain_sorted(&mut self) -> Vec<(TotalKey, i128)> {
        let mut all: Vec<_> = self.sums.drain().collect();
        all.sort_unstable();
        all
    }

    /// How many totals there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// The newest hour of recent figures, which is known even where those are gone; what a snapshot holds beside the sums.
    #[must_use]
    pub fn newest_hour(&self) -> i64 {
        self.newest_hour
    }

    /// Totals that were kept. The hour goes first: it tells which recent ones are too old.
    #[must_use]
    pub fn since_hour(newest_hour: i64) -> Self {
        Self { sums: HashMap::default(), newest_hour }
    }

    fn drop_old_hours(&mut self) {
        let oldest = self.newest_hour - RECENT_HOURS;
        self.sums.retain(|key, _| !matches!(key, TotalKey::Recent { hour, .. } if *hour <= oldest));
    }
}

/// The hour since the epoch that `ts` falls into.
#[must_use]
pub fn hour_of(ts: Timestamp) -> i64 {
    ts.0.div_euclid(HOUR_MS)
}

/// The labels of the buckets of basket ages: upper bounds, and what is older.
pub const BASKET_AGE_LABELS: [&str; 11] = ["10s", "30s", "1m", "2m", "5m", "10m", "30m", "1h", "2h", "1d", "older"];

/// The label of a bucket of basket ages.
#[must_use]
pub fn basket_age_label(bucket: u8) -> &'static str {
    BASKET_AGE_LABELS[usize::from(bucket).min(BASKET_AGE_LABELS.len() - 1)]
}

/// The histogram bucket of an age in milliseconds.
#[must_use]
pub fn basket_age_bucket(age_ms: i64) -> u8 {
    BASKET_AGE_BOUNDS_S.iter().position(|bound| age_ms <= bound * 1_000).unwrap_or(BASKET_AGE_BOUNDS_S.len()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent(hour: i64) -> TotalKey {
        TotalKey::Recent { hour, step: ItemStep::Shown, placement: Placement::Cart, kind: OfferKind::CrossSell }
    }

    #[test]
    fn deltas_add_up_and_commute() {
        let mut one = Totals::default();
        one.add(TotalKey::Orders, 2);
        one.add(TotalKey::OrderRevenue(Currency::USD), -5);
        let mut other = Totals::default();
        other.add(TotalKey::OrderRevenue(Currency::USD), -5);
        other.add(TotalKey::Orders, 3);
        other.add(TotalKey::Orders, -1);
        assert_eq!(one.sorted(), other.sorted());
    }

    #[test]
    fn what_was_added_since_and_what_there_was_make_what_there_is() {
        let mut earlier = Totals::default();
        earlier.add(TotalKey::Orders, 2);
        earlier.add(TotalKey::Unpriced, 4);
        let mut now = earlier.clone();
        now.add(TotalKey::Orders, 5);
        now.add(TotalKey::LinesNotPaired, -1);
        assert_eq!(now.since(&earlier).sorted(), [(&TotalKey::Orders, 5), (&TotalKey::LinesNotPaired, -1)]);
    }

    #[test]
    fn recent_hours_are_forgotten_after_a_day_whatever_the_order() {
        let mut totals = Totals::default();
        totals.add(recent(100), 1);
        totals.add(recent(101), 1);
        totals.add(recent(124), 1);
        totals.add(recent(100), 7);
        assert_eq!(totals.sorted(), [(&recent(101), 1), (&recent(124), 1)]);
    }

    #[test]
    fn an_age_falls_into_the_first_bucket_that_holds_it() {
        assert_eq!(basket_age_bucket(0), 0);
        assert_eq!(basket_age_bucket(10_000), 0);
        assert_eq!(basket_age_bucket(10_001), 1);
        assert_eq!(basket_age_bucket(i64::MAX), 10);
    }
}
