//! What a shopper was shown and refused in one visit: what caps and rests are measured by.
//!
//! Invariant: an offer counts as seen once, when the first word of it comes back; where the shop sends no feedback,
//! and for offers kept back, when it is made.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::memory::{Heap, list, text};
use super::vocabulary::Placement;
use crate::event::ItemId;

/// Most items that rest in one session; the oldest makes room.
const RESTING_MAX: usize = 64;

/// How much a session was offered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressure {
    /// Offers seen, by placement.
    seen: [u32; Placement::ALL.len()],
    /// Offers of which something was sent away.
    pub dismissals: u32,
    /// The items of the offer seen last, which may be forgotten itself.
    pub last_seen: Vec<ItemId>,
    resting: VecDeque<ItemId>,
}

impl Heap for Pressure {
    fn heap(&self) -> usize {
        let texts = self.last_seen.iter().chain(&self.resting).map(|item| text(item)).sum::<usize>();
        list::<ItemId>(self.last_seen.len()) + list::<ItemId>(self.resting.len()) + texts
    }
}

impl Pressure {
    /// An offer was seen.
    pub fn saw(&mut self, items: Vec<ItemId>, placement: Placement) {
        self.seen[placement as usize] = self.seen[placement as usize].saturating_add(1);
        self.last_seen = items;
    }

    /// How many offers were seen at a placement.
    #[must_use]
    pub fn seen_at(&self, placement: Placement) -> u32 {
        self.seen[placement as usize]
    }

    /// How many offers were seen in all.
    #[must_use]
    pub fn seen(&self) -> u32 {
        self.seen.iter().fold(0, |sum, seen| sum.saturating_add(*seen))
    }

    /// The shopper does not want this item: it was sent away, or taken out of the basket.
    pub fn rest(&mut self, item: &ItemId) {
        if self.rests(item) {
            return;
        }
        if self.resting.len() >= RESTING_MAX {
            self.resting.pop_front();
        }
        self.resting.push_back(item.clone());
    }

    /// The shopper wants it after all.
    pub fn wake(&mut self, item: &str) {
        self.resting.retain(|other| other != item);
    }

    /// Whether the item is left in peace.
    #[must_use]
    pub fn rests(&self, item: &str) -> bool {
        self.resting.iter().any(|other| other == item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rest_makes_room_and_a_wish_ends_one() {
        let mut pressure = Pressure::default();
        for n in 0..=RESTING_MAX {
            pressure.rest(&ItemId::from(format!("i{n}")));
            pressure.rest(&ItemId::from(format!("i{n}")));
        }
        assert!(!pressure.rests("i0") && pressure.rests("i1") && pressure.rests("i64"));
        pressure.wake("i1");
        assert!(!pressure.rests("i1"));
    }

    #[test]
    fn offers_seen_are_counted_by_placement_and_in_all() {
        let mut pressure = Pressure::default();
        pressure.saw(vec!["a".into()], Placement::Cart);
        pressure.saw(vec!["a".into()], Placement::Cart);
        pressure.saw(vec!["b".into()], Placement::FollowUp);
        assert_eq!((pressure.seen_at(Placement::Cart), pressure.seen(), pressure.last_seen), (2, 3, vec!["b".into()]));
    }
}
