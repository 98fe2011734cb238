//! Shelves: the items of each category that sell best.
//!
//! Invariant: a pure function of the sales folded and of the items' own weights. Beyond the limit of categories those
//! of least weight make room; a full shelf gives the lightest item's place to a heavier one.

use std::sync::Arc;

use super::bounded::Bounded;
use super::memory::{Heap, block, list};
use super::slot::Slot;
use crate::event::Id;

/// Most items on a shelf.
const SHELF_MAX: usize = 32;

/// The items of one category, in no order. Copied when it changes while a frozen shop still holds it.
pub type Shelf = Vec<Arc<Slot>>;

/// The shelves of a shop.
#[derive(Debug)]
pub struct Shelves {
    shelves: Bounded<Arc<Shelf>>,
}

impl Shelves {
    /// No shelves yet; at most `categories_max`.
    #[must_use]
    pub fn new(categories_max: usize) -> Self {
        Self { shelves: Bounded::new(categories_max) }
    }

    /// An item of the category was sold.
    pub fn sold(&self, category: &Id, slot: &Arc<Slot>) {
        self.shelves.change(category, |shelf| put(shelf, slot));
    }

    /// The items of a category, the heaviest first, ties by item id.
    #[must_use]
    pub fn of(&self, category: &str) -> Vec<Arc<Slot>> {
        let mut items = self.shelves.with(category, |shelf| shelf.to_vec()).unwrap_or_default();
        items.retain(|slot| slot.weight() > 0);
        items.sort_unstable_by(order);
        items
    }

    /// The shelves, to be counted.
    #[must_use]
    pub fn entries(&self) -> &Bounded<Arc<Shelf>> {
        &self.shelves
    }
}

impl Heap for Arc<Shelf> {
    fn heap(&self) -> usize {
        block(size_of::<Shelf>() + 16) + list::<Arc<Slot>>(self.len())
    }
}

fn put(shelf: &mut Arc<Shelf>, slot: &Arc<Slot>) {
    if shelf.iter().any(|other| other.number == slot.number) {
        return;
    }
    if shelf.len() >= SHELF_MAX {
        let lightest = shelf.iter().enumerate().min_by(|(_, a), (_, b)| order(b, a)).map(|(at, slot)| (at, slot.weight()));
        match lightest {
            Some((at, weight)) if weight < slot.weight() => drop(Arc::make_mut(shelf).swap_remove(at)),
            _ => return,
        }
    }
    Arc::make_mut(shelf).push(Arc::clone(slot));
}

fn order(a: &Arc<Slot>, b: &Arc<Slot>) -> std::cmp::Ordering {
    b.weight().cmp(&a.weight()).then_with(|| a.item.cmp(&b.item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u32, weight: u64) -> Arc<Slot> {
        let slot = Slot::new(number, format!("i{number:02}").into());
        slot.set(weight, 1);
        Arc::new(slot)
    }

    #[test]
    fn a_full_shelf_makes_room_for_what_sells_better_and_for_nothing_else() {
        let shelves = Shelves::new(1);
        let category = Id::new("tea");
        for number in 0..SHELF_MAX as u32 {
            shelves.sold(&category, &slot(number, 10));
        }
        shelves.sold(&category, &slot(90, 10));
        shelves.sold(&category, &slot(91, 11));
        let items = shelves.of("tea");
        assert_eq!((items.len(), items[0].number), (SHELF_MAX, 91));
        // Of equals, the last by item id made room.
        assert!(!items.iter().any(|slot| slot.number == 90 || slot.number == SHELF_MAX as u32 - 1));
        shelves.sold(&"cups".into(), &slot(1, 10));
        shelves.entries().keep_limit(|category, _| category != "tea");
        assert_eq!((shelves.of("tea").len(), shelves.of("cups").len(), shelves.entries().evicted()), (0, 1, 1));
    }
}
