//! Items as small numbers, with what is remembered of each.
//!
//! Invariant: an item keeps its number for as long as the backtest runs; a number never decides an order that shows.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::event::{ItemId, Timestamp};

/// Items by number; memory grows with the log's distinct items.
#[derive(Debug, Default)]
pub struct Items {
    numbers: HashMap<ItemId, u32, FixedState>,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    item: ItemId,
    added_at: Option<Timestamp>,
}

impl Items {
    /// The item's number.
    pub fn number(&mut self, item: &ItemId) -> u32 {
        if let Some(number) = self.numbers.get(item) {
            return *number;
        }
        let number = self.known.len() as u32;
        self.known.push(Known { item: item.clone(), added_at: None });
        self.numbers.insert(item.clone(), number);
        number
    }

    /// The item of that number.
    #[must_use]
    pub fn name(&self, number: u32) -> &ItemId {
        &self.known[number as usize].item
    }

    /// When the item last came into any basket; `None` before the first time.
    #[must_use]
    pub fn added_at(&self, number: u32) -> Option<Timestamp> {
        self.known[number as usize].added_at
    }

    /// The item came into a basket.
    pub fn add(&mut self, number: u32, at: Timestamp) {
        let known = &mut self.known[number as usize].added_at;
        *known = (*known).max(Some(at));
    }

    /// How many items ever came into a basket.
    #[must_use]
    pub fn in_baskets(&self) -> usize {
        self.known.iter().filter(|known| known.added_at.is_some()).count()
    }
}
