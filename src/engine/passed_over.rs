//! What shoppers bought instead: how often an item was looked at or put back, and which dearer one of its category
//! was bought in its place.
//!
//! Invariant: a pure function of the facts folded. Limits: items, and alternatives an item; the rarest alternative,
//! then the last by id, makes room, and so do the items of least weight in the shop's counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bounded::Bounded;
use super::memory::{Heap, block, text, tree};
use crate::event::ItemId;

/// Most alternatives of one item.
const ALTERNATIVES_MAX: usize = 16;

/// How often an item was passed over. Copied when it changes while a frozen shop still holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Shoppers who considered it and then bought something: it, or another.
    pub times: u32,
    /// How many of them bought each of these instead.
    pub instead: BTreeMap<ItemId, u32>,
}

/// The figures of all items.
#[derive(Debug)]
pub struct PassedOver {
    items: Bounded<Arc<Passed>>,
}

impl PassedOver {
    /// No figures yet; of at most `items_max` items.
    #[must_use]
    pub fn new(items_max: usize) -> Self {
        Self { items: Bounded::new(items_max) }
    }

    /// See [`super::facts::Fact::PassedOver`].
    pub fn add(&self, item: &ItemId, instead: &[ItemId]) {
        self.items.change(item, |passed| Arc::make_mut(passed).add(instead));
    }

    /// How often it was passed over, and the alternatives with their counts, most frequent first, ties by item id.
    #[must_use]
    pub fn of(&self, item: &str) -> (u32, Vec<(ItemId, u32)>) {
        let told = self.items.with(item, |passed| {
            let mut instead: Vec<(ItemId, u32)> = passed.instead.iter().map(|(item, count)| (item.clone(), *count)).collect();
            instead.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            (passed.times, instead)
        });
        told.unwrap_or_default()
    }

    /// The figures, to be counted.
    #[must_use]
    pub fn entries(&self) -> &Bounded<Arc<Passed>> {
        &self.items
    }
}

impl Heap for Arc<Passed> {
    fn heap(&self) -> usize {
        block(size_of::<Passed>() + 16)
            + tree(self.instead.len(), size_of::<(ItemId, u32)>())
            + self.instead.keys().map(|item| text(item)).sum::<usize>()
    }
}

impl Passed {
    fn add(&mut self, instead: &[ItemId]) {
        self.times = self.times.saturating_add(1);
        for other in instead {
            let count = self.instead.entry(other.clone()).or_default();
            *count = count.saturating_add(1);
            if self.instead.len() > ALTERNATIVES_MAX {
                let rarest = self.instead.iter().filter(|(known, _)| *known != other).rev().min_by_key(|(_, count)| **count);
                if let Some(rarest) = rarest.map(|(item, _)| item.clone()) {
                    self.instead.remove(&rarest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_counted_most_frequent_first_and_the_rarest_makes_room() {
        let passed = PassedOver::new(1);
        let item = ItemId::new("phone");
        for n in 0..ALTERNATIVES_MAX {
            passed.add(&item, &[ItemId::from(format!("a{n:02}"))]);
        }
        passed.add(&item, &["a03".into()]);
        passed.add(&item, &["new".into()]);
        passed.add(&item, &[]);
        let (times, instead) = passed.of("phone");
        assert_eq!((times, instead.len(), &instead[0]), (19, ALTERNATIVES_MAX, &("a03".into(), 2)));
        assert!(instead.iter().any(|(item, _)| item == "new") && !instead.iter().any(|(item, _)| item == "a15"));
        passed.add(&"case".into(), &[]);
        passed.entries().keep_limit(|item, _| item != "phone");
        assert_eq!((passed.of("phone").0, passed.of("case").0, passed.entries().evicted()), (0, 1, 1));
    }
}
