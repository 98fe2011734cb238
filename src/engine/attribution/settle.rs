//! Who gets the credit for what of one item: offers of it, its moves in and out of the basket, and orders, put in the
//! order of their own times.
//!
//! Invariant: a function of what happened and when, not of the order in which it was heard. Every unit has one time at
//! which it entered the basket (bought without a cart add, it entered when it was bought), and at most one offer: the
//! newest that could be accepted then. Units leave the basket as the last in, the first out, and are bought as the
//! first in, the first out: what the shopper had already is bought first.

use crate::event::{Id, Timestamp};

/// One offer of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When the offer was made.
    pub made_at: Timestamp,
    /// From when on it can be accepted, if at all.
    pub from: Option<Timestamp>,
}

/// What became of one offer of the item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// When the item first entered the basket after the offer was made, seen or not.
    pub matched_at: Option<Timestamp>,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
}

/// What happened to the item in the session. The order of the members is that of what happens at the same time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happened {
    /// Units, in thousandths, were put into the basket.
    Added(u64),
    /// The basket has so many of it now.
    Set(u64),
    /// Units were taken out.
    Removed(u64),
    /// An order closed the basket; of that id, with so many units of the item (perhaps none), at this place of the list.
    Ordered(Id, u64, usize),
}

/// Units of an order's line, in thousandths, that have the same offer, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// How many.
    pub milli: u64,
    /// Which of the slots.
    pub slot: Option<usize>,
}

/// What came of it all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Of each slot.
    pub fates: Vec<Fate>,
    /// Of each order with the item: its place in the list, and its units in the order in which they count as bought.
    pub orders: Vec<(usize, Vec<Units>)>,
}

/// Settles one item. `slots` are sorted by when they were made.
#[must_use]
pub fn settle(slots: &[Slot], mut happened: Vec<(Timestamp, Happened)>, window_ms: i64) -> Settled {
    happened.sort_unstable();
    let settled = Settled { fates: vec![Fate::default(); slots.len()], orders: Vec::new() };
    let mut till = Till { slots, window_ms, basket: Vec::new(), settled };
    for (ts, what) in happened {
        match what {
            Happened::Added(milli) => till.enter(ts, milli),
            Happened::Set(milli) => till.set(ts, milli),
            Happened::Removed(milli) => till.leave(milli),
            Happened::Ordered(_, milli, order) => till.order(ts, milli, order),
        }
    }
    till.settled
}

struct Till<'a> {
    slots: &'a [Slot],
    window_ms: i64,
    /// Units in the basket, with when they entered it, oldest first.
    basket: Vec<(Timestamp, u64)>,
    settled: Settled,
}

impl Till<'_> {
    fn enter(&mut self, ts: Timestamp, milli: u64) {
        if milli == 0 {
            return;
        }
        self.basket.push((ts, milli));
        if let Some(at) = self.newest(ts, |slot| Some(slot.made_at)) {
            self.settled.fates[at].matched_at.get_or_insert(ts);
        }
        if let Some(at) = self.newest(ts, |slot| slot.from) {
            self.settled.fates[at].accepted_at.get_or_insert(ts);
        }
    }

    fn leave(&mut self, milli: u64) {
        let mut left = milli;
        while let Some((_, last)) = self.basket.last_mut().filter(|_| left > 0) {
            let gone = left.min(*last);
            (*last, left) = (*last - gone, left - gone);
            if *last == 0 {
                self.basket.pop();
            }
        }
    }

    fn set(&mut self, ts: Timestamp, milli: u64) {
        let now: u64 = self.basket.iter().map(|(_, milli)| milli).sum();
        if milli > now { self.enter(ts, milli - now) } else { self.leave(now - milli) }
    }

    fn order(&mut self, ts: Timestamp, milli: u64, order: usize) {
        let there: u64 = self.basket.iter().map(|(_, milli)| milli).sum();
        self.enter(ts, milli.saturating_sub(there));
        let basket = std::mem::take(&mut self.basket);
        let (mut left, mut units) = (milli, Vec::new());
        for (entered, there) in basket {
            let bought = left.min(there);
            if bought == 0 {
                break;
            }
            left -= bought;
            let slot = self.newest(entered, |slot| slot.from).filter(|at| self.is_in_window(self.slots[*at].from, ts));
            if let Some(at) = slot {
                self.settled.fates[at].paid_at.get_or_insert(ts);
            }
            units.push(Units { milli: bought, slot });
        }
        if milli > 0 {
            self.settled.orders.push((order, units));
        }
    }

    /// The newest slot whose window is open.
    fn newest(&self, ts: Timestamp, from: impl Fn(&Slot) -> Option<Timestamp>) -> Option<usize> {
        self.slots.iter().rposition(|slot| self.is_in_window(from(slot), ts))
    }

    fn is_in_window(&self, from: Option<Timestamp>, ts: Timestamp) -> bool {
        from.is_some_and(|from| from <= ts && ts.0 - from.0 <= self.window_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: i64 = 100;

    fn slot(made_at: i64, from: i64) -> Slot {
        Slot { made_at: Timestamp(made_at), from: Some(Timestamp(from)) }
    }

    fn order(milli: u64) -> Happened {
        Happened::Ordered("o".into(), milli, 0)
    }

    /// Of each slot when it was accepted and paid, and of each part of an order how many units it has and whose they are.
    type Outcome = (Vec<(Option<i64>, Option<i64>)>, Vec<(u64, Option<usize>)>);

    fn settled(slots: &[Slot], happened: &[(i64, Happened)]) -> Outcome {
        let settled = settle(slots, happened.iter().map(|(ts, what)| (Timestamp(*ts), what.clone())).collect(), WINDOW_MS);
        let time = |ts: Option<Timestamp>| ts.map(|ts| ts.0);
        let fates = settled.fates.iter().map(|fate| (time(fate.accepted_at), time(fate.paid_at))).collect();
        let units = settled.orders.iter().flat_map(|(_, units)| units.iter().map(|units| (units.milli, units.slot))).collect();
        (fates, units)
    }

    #[test]
    fn an_add_is_accepted_and_its_purchase_paid_whatever_was_heard_first() {
        let happened = [(20, Happened::Added(1_000)), (30, order(1_000))];
        let expected = (vec![(Some(20), Some(30))], vec![(1_000, Some(0))]);
        assert_eq!(settled(&[slot(0, 10)], &happened), expected);
        assert_eq!(settled(&[slot(0, 10)], &[happened[1].clone(), happened[0].clone()]), expected);
    }

    #[test]
    fn units_that_were_there_before_are_bought_first_and_are_nobodys_doing() {
        let before = (5, Happened::Added(1_000));
        let after = (20, Happened::Added(2_000));
        let bought = |milli| settled(&[slot(0, 10)], &[before.clone(), after.clone(), (30, order(milli))]).1;
        assert_eq!(bought(3_000), [(1_000, None), (2_000, Some(0))]);
        assert_eq!(bought(2_000), [(1_000, None), (1_000, Some(0))]);
        assert_eq!(bought(1_000), [(1_000, None)]);
        // Further units enter when they are bought.
        assert_eq!(bought(3_500), [(1_000, None), (2_000, Some(0)), (500, Some(0))]);
    }

    #[test]
    fn the_last_unit_in_is_the_first_that_is_taken_out() {
        let happened = [(5, Happened::Added(1_000)), (20, Happened::Added(1_000)), (25, Happened::Removed(1_000)), (30, order(1_000))];
        assert_eq!(settled(&[slot(0, 10)], &happened), (vec![(Some(20), None)], vec![(1_000, None)]));
    }

    #[test]
    fn a_unit_belongs_to_the_newest_offer_that_could_be_accepted_when_it_entered() {
        let slots = [slot(0, 10), slot(15, 16)];
        let happened = [(12, Happened::Added(1_000)), (20, Happened::Added(1_000)), (30, order(2_000))];
        let fates = vec![(Some(12), Some(30)), (Some(20), Some(30))];
        assert_eq!(settled(&slots, &happened), (fates, vec![(1_000, Some(0)), (1_000, Some(1))]));
    }

    #[test]
    fn what_is_bought_too_late_is_accepted_and_not_paid() {
        let happened = [(50, Happened::Added(1_000)), (111, order(1_000))];
        assert_eq!(settled(&[slot(0, 10)], &happened), (vec![(Some(50), None)], vec![(1_000, None)]));
    }

    #[test]
    fn an_order_without_the_item_empties_the_basket_all_the_same() {
        let happened = [(5, Happened::Added(1_000)), (6, order(0)), (20, order(1_000))];
        assert_eq!(settled(&[slot(0, 10)], &happened), (vec![(Some(20), Some(20))], vec![(1_000, Some(0))]));
    }

    #[test]
    fn a_list_of_the_basket_adds_what_is_more_and_takes_what_is_less() {
        let happened = [(12, Happened::Set(2_000)), (14, Happened::Set(500)), (20, order(500))];
        assert_eq!(settled(&[slot(0, 10)], &happened), (vec![(Some(12), Some(20))], vec![(500, Some(0))]));
    }
}
