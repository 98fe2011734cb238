//! How many baskets each item was in during the last seven days: what "this week" rests on.
//!
//! Invariant: a pure function of the sales folded: days are those of the sales (UTC), and an item that was not sold
//! for a week is dropped when the newest day moves on. Beyond the limit no new item is taken in.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use dashmap::DashMap;
use foldhash::fast::FixedState;

use crate::event::{ItemId, Timestamp};

const DAY_MS: i64 = 86_400_000;
const DAYS: i64 = 7;

#[derive(Clone, Copy, Debug, Default)]
struct Week {
    newest_day: i64,
    /// By day, the newest first.
    counts: [u32; DAYS as usize],
}

/// The week's figures.
#[derive(Debug)]
pub struct Weekly {
    items_max: usize,
    items: DashMap<ItemId, Week, FixedState>,
    newest_day: AtomicI64,
    refused: AtomicU64,
}

impl Weekly {
    /// No figures yet; of at most `items_max` items.
    #[must_use]
    pub fn new(items_max: usize) -> Self {
        Self {
            items_max,
            items: DashMap::with_hasher(FixedState::default()),
            newest_day: AtomicI64::new(i64::MIN),
            refused: AtomicU64::new(0),
        }
    }

    /// A basket with the item was sold, or such a sale is taken back.
    pub fn sold(&self, item: &ItemId, add: bool, ts: Timestamp) {
        let day = ts.0.div_euclid(DAY_MS);
        self.move_to(day);
        if self.items.len() >= self.items_max && !self.items.contains_key(item) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut week = self.items.entry(item.clone()).or_insert(Week { newest_day: day, ..Week::default() });
        week.move_to(day);
        if let Some(count) = week.count_of(day) {
            *count = if add { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
    }

    /// In how many baskets the item was during the seven days that end at `now`.
    #[must_use]
    pub fn of(&self, item: &str, now: Timestamp) -> u32 {
        let Some(mut week) = self.items.get(item).map(|week| *week) else { return 0 };
        week.move_to(now.0.div_euclid(DAY_MS));
        week.counts.iter().sum()
    }

    /// How many items were sold this week.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many times an item found no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn move_to(&self, day: i64) {
        if self.newest_day.fetch_max(day, Ordering::Relaxed) >= day {
            return;
        }
        self.items.retain(|_, week| week.newest_day > day - DAYS);
    }
}

impl Week {
    fn move_to(&mut self, day: i64) {
        let by = day - self.newest_day;
        if by <= 0 {
            return;
        }
        let by = usize::try_from(by.min(DAYS)).unwrap_or_default();
        self.counts.rotate_right(by % DAYS as usize);
        self.counts[..by].fill(0);
        self.newest_day = day;
    }

    fn count_of(&mut self, day: i64) -> Option<&mut u32> {
        usize::try_from(self.newest_day - day).ok().and_then(|at| self.counts.get_mut(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp(day * DAY_MS + 5)
    }

    #[test]
    fn a_week_is_the_last_seven_days_whatever_the_order_of_sales() {
        let weekly = Weekly::new(2);
        let item = ItemId::new("a");
        for day in [100, 103, 101, 103, 90] {
            weekly.sold(&item, true, at(day));
        }
        assert_eq!((weekly.of("a", at(103)), weekly.of("a", at(107)), weekly.of("a", at(108)), weekly.of("a", at(110))), (4, 3, 2, 0));
        weekly.sold(&item, false, at(103));
        assert_eq!(weekly.of("a", at(103)), 3);
    }

    #[test]
    fn what_was_not_sold_for_a_week_is_dropped_and_makes_room() {
        let weekly = Weekly::new(1);
        weekly.sold(&"a".into(), true, at(100));
        weekly.sold(&"b".into(), true, at(101));
        assert_eq!((weekly.len(), weekly.refused(), weekly.of("b", at(101))), (1, 1, 0));
        weekly.sold(&"b".into(), true, at(107));
        assert_eq!((weekly.len(), weekly.of("b", at(107)), weekly.of("a", at(107))), (1, 1, 0));
    }
}
