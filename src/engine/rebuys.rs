//! What is bought again and again: how many known buyers came back for an item, and after how long.
//!
//! Invariant: a pure function of the sales folded. Cancelled orders are not taken back: the figures say what people
//! tend to do. Beyond the limit the items of least weight in the shop's counts make room.

use serde::{Deserialize, Serialize};

use super::bounded::Bounded;
use super::customers::Bought;
use super::memory::Heap;
use crate::event::{ItemId, Timestamp};

/// Fewer buyers than this tell nothing of the others.
const BUYERS_MIN: u32 = 4;

/// How an item is bought again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuy {
    /// Customers who bought it.
    pub buyers: u32,
    /// Those who bought it again.
    pub rebuyers: u32,
    gaps: u32,
    gap_sum_ms: i64,
}

impl Rebuy {
    /// The share of buyers who came back for it; 0 as long as they are too few to tell anything of the others.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.buyers < BUYERS_MIN { 0.0 } else { f64::from(self.rebuyers) / f64::from(self.buyers) }
    }

    /// The mean time until they did; `None` if nobody has.
    #[must_use]
    pub fn gap_ms(&self) -> Option<i64> {
        (self.gaps > 0).then(|| self.gap_sum_ms / i64::from(self.gaps))
    }
}

impl Heap for Rebuy {
    fn heap(&self) -> usize {
        0
    }
}

/// The figures of all items.
#[derive(Debug)]
pub struct Rebuys {
    items: Bounded<Rebuy>,
}

impl Rebuys {
    /// No figures yet; of at most `items_max` items.
    #[must_use]
    pub fn new(items_max: usize) -> Self {
        Self { items: Bounded::new(items_max) }
    }

    /// A known customer, who had bought the item as `before` says, bought it.
    pub fn bought(&self, item: &ItemId, before: Option<Bought>, ts: Timestamp) {
        self.items.change(item, |rebuy| {
            let Some(before) = before else {
                rebuy.buyers = rebuy.buyers.saturating_add(1);
                return;
            };
            rebuy.rebuyers = rebuy.rebuyers.saturating_add(u32::from(before.orders == 1));
            rebuy.gaps = rebuy.gaps.saturating_add(1);
            rebuy.gap_sum_ms = rebuy.gap_sum_ms.saturating_add((ts.0 - before.last_at.0).max(0));
        });
    }

    /// How an item is bought again.
    #[must_use]
    pub fn of(&self, item: &str) -> Rebuy {
        self.items.with(item, |rebuy| *rebuy).unwrap_or_default()
    }

    /// The figures, to be counted.
    #[must_use]
    pub fn entries(&self) -> &Bounded<Rebuy> {
        &self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_come_back_are_counted_with_their_gaps() {
        let rebuys = Rebuys::new(1);
        let once = Bought { orders: 1, first_at: Timestamp(0), ..Bought::default() };
        let twice = Bought { orders: 2, last_at: Timestamp(10), ..Bought::default() };
        let item = ItemId::new("a");
        rebuys.bought(&item, None, Timestamp(0));
        rebuys.bought(&item, None, Timestamp(5));
        rebuys.bought(&item, Some(once), Timestamp(10));
        rebuys.bought(&item, Some(twice), Timestamp(40));
        let rebuy = rebuys.of("a");
        assert_eq!((rebuy.buyers, rebuy.rebuyers, rebuy.share(), rebuy.gap_ms()), (2, 1, 0.0, Some(20)));
        (2..BUYERS_MIN).for_each(|_| rebuys.bought(&item, None, Timestamp(50)));
        assert_eq!(rebuys.of("a").share(), 0.25, "from the fourth buyer on, a share is told");
        rebuys.bought(&"b".into(), None, Timestamp(0));
        rebuys.entries().keep_limit(|item, _| item == "b");
        assert_eq!((rebuys.of("a"), rebuys.entries().evicted(), rebuys.entries().len()), (Rebuy::default(), 1, 1));
        assert_eq!(rebuys.of("b").buyers, 1);
    }
}
