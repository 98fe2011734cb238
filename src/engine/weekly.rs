//! How many baskets each item was in during the last seven days: what "this week" rests on.
//!
//! Invariant: a pure function of the sales folded: days are those of the sales (UTC), and an item that was not sold
//! for a week is dropped when the newest day moves on. Beyond the limit what was not sold for longest makes room.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::bounded::Bounded;
use super::memory::Heap;
use crate::event::{ItemId, Timestamp};

const DAY_MS: i64 = 86_400_000;
const DAYS: i64 = 7;

/// In how many baskets an item was, by day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    newest_day: i64,
    /// By day, the newest first.
    counts: [u32; DAYS as usize],
}

impl Heap for Week {
    fn heap(&self) -> usize {
        0
    }
}

/// The week's figures.
#[derive(Debug)]
pub struct Weekly {
    items: Bounded<Week>,
    /// All baskets.
    baskets: Mutex<Week>,
    newest_day: AtomicI64,
}

impl Weekly {
    /// No figures yet; of at most `items_max` items.
    #[must_use]
    pub fn new(items_max: usize) -> Self {
        Self { items: Bounded::new(items_max), baskets: Mutex::default(), newest_day: AtomicI64::new(i64::MIN) }
    }

    /// A basket was sold, whatever was in it, or such a sale is taken back.
    pub fn sold_basket(&self, add: bool, ts: Timestamp) {
        self.all().sold(ts.0.div_euclid(DAY_MS), add);
    }

    /// How many baskets were sold during the seven days that end at `now`.
    #[must_use]
    pub fn baskets(&self, now: Timestamp) -> u32 {
        self.all().until(now)
    }

    /// The baskets of the week, locked.
    pub(super) fn all(&self) -> MutexGuard<'_, Week> {
        self.baskets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A basket with the item was sold, or such a sale is taken back.
    pub fn sold(&self, item: &ItemId, add: bool, ts: Timestamp) {
        let day = ts.0.div_euclid(DAY_MS);
        self.move_to(day);
        self.items.change(item, |week| week.sold(day, add));
        self.items.keep_limit(usefulness);
    }

    /// In how many baskets the item was during the seven days that end at `now`.
    #[must_use]
    pub fn of(&self, item: &str, now: Timestamp) -> u32 {
        self.items.with(item, |week| week.until(now)).unwrap_or_default()
    }

    /// The items sold this week, to be counted.
    #[must_use]
    pub fn entries(&self) -> &Bounded<Week> {
        &self.items
    }

    /// The newest day of any sale; what a snapshot holds beside the entries.
    #[must_use]
    pub fn newest_day(&self) -> i64 {
        self.newest_day.load(Ordering::Relaxed)
    }

    pub(super) fn set_newest_day(&self, day: i64) {
        self.newest_day.store(day, Ordering::Relaxed);
    }

    /// Drops a hundredth: what was not sold for longest, of equals what was sold least; whether there was any.
    pub fn evict(&self) -> bool {
        self.items.evict(usefulness)
    }

    fn move_to(&self, day: i64) {
        if self.newest_day.fetch_max(day, Ordering::Relaxed) >= day {
            return;
        }
        self.items.keep(|week| week.newest_day > day - DAYS);
    }
}

fn usefulness(_: &ItemId, week: &Week) -> (i64, u32) {
    (week.newest_day, week.counts.iter().sum())
}

impl Week {
    fn sold(&mut self, day: i64, add: bool) {
        self.move_to(day);
        if let Some(count) = self.count_of(day) {
            *count = if add { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
    }

    fn until(mut self, now: Timestamp) -> u32 {
        self.move_to(now.0.div_euclid(DAY_MS));
        self.counts.iter().sum()
    }

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
        let weekly = Weekly::new(2);
        weekly.sold(&"a".into(), true, at(100));
        weekly.sold(&"b".into(), true, at(101));
        weekly.sold(&"c".into(), true, at(107));
        assert_eq!((weekly.entries().len(), weekly.entries().evicted(), weekly.of("a", at(107))), (2, 0, 0));
        weekly.sold(&"d".into(), true, at(107));
        assert_eq!((weekly.entries().len(), weekly.entries().evicted()), (2, 1));
        assert_eq!((weekly.of("b", at(107)), weekly.of("c", at(107)), weekly.of("d", at(107))), (0, 1, 1), "sold last, kept last");
    }
}
