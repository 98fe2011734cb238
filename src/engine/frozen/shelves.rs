//! Shelves, frozen and thawed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::BadEntry;
use crate::engine::counts::frozen::Places;
use crate::engine::shelves::Shelf;
use crate::engine::slot::Slot;
use crate::event::ItemId;

/// An item on a shelf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OnShelf {
    /// One that is counted, by its place among all items.
    Counted(u32),
    /// One that was evicted, and keeps its place on the shelf until a heavier one takes it.
    Gone(ItemId),
}

/// The items of a shelf, sorted.
pub(super) fn kept(shelf: &Shelf, places: &Places) -> Vec<OnShelf> {
    let on_shelf =
        |slot: &Arc<Slot>| places.get(&slot.number).map_or_else(|| OnShelf::Gone(slot.item.clone()), |place| OnShelf::Counted(*place));
    let mut items: Vec<OnShelf> = shelf.iter().map(on_shelf).collect();
    items.sort_unstable();
    items
}

/// The shelf of those items; `gone` makes the slot of one that was evicted.
pub(super) fn thawed(items: Vec<OnShelf>, slots: &[Arc<Slot>], gone: impl Fn(ItemId) -> Arc<Slot>) -> Result<Shelf, BadEntry> {
    let slot = |item| match item {
        OnShelf::Counted(place) => slots.get(place as usize).cloned().ok_or(BadEntry("an item on a shelf is none")),
        OnShelf::Gone(item) => Ok(gone(item)),
    };
    items.into_iter().map(slot).collect()
}
