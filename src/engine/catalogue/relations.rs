//! How the catalogue's products relate: which are variants and upgrades of which, which are new in a category.
//!
//! Invariant: every entry is a product that the catalogue gives now, under what it says now. A category's list is
//! bounded: where it is full, the oldest entry makes room. Nothing here looks at products, so that a product's
//! place here can change while the product is locked.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dashmap::DashMap;
use foldhash::fast::FixedState;

use super::packed::Given;
use crate::event::{Id, ItemId};

/// Most items of a category that are known to be new in it.
const NEWEST_MAX: usize = 64;

/// Items by what they have in common.
pub type Lists = DashMap<Id, Vec<ItemId>, FixedState>;

/// Lists of items by what they have in common.
#[derive(Debug, Default)]
pub struct Relations {
    /// By the item they name as the one they are variants of.
    pub variants: Lists,
    /// By the item they name as the one they are better than.
    pub upgrades: Lists,
    newest: Lists,
    /// Something changed that decides whether relations make sense.
    changed: AtomicBool,
    related: AtomicUsize,
}

impl Relations {
    /// Takes over what is said of a product, in the place of what was said.
    pub fn change(&self, item: &ItemId, before: Option<&Given>, after: Option<&Given>) {
        self.related.fetch_add(usize::from(after.is_some_and(is_related)), Ordering::Relaxed);
        self.related.fetch_sub(usize::from(before.is_some_and(is_related)), Ordering::Relaxed);
        let variants = move_between(&self.variants, item, before.and_then(Given::variant_of), after.and_then(Given::variant_of));
        let upgrades = move_between(&self.upgrades, item, before.and_then(Given::upgrade_of), after.and_then(Given::upgrade_of));
        // Only who comes into a category is new in it, not whose price changes there.
        if move_between(&self.newest, item, before.and_then(Given::category), after.and_then(Given::category)) {
            self.keep_newest(after.and_then(Given::category));
        }
        let price = |given: Option<&Given>| given.map(|given| (given.price(), given.currency()));
        let is_upgrade = || after.is_some_and(|after| after.upgrade_of().is_some()) || self.upgrades.contains_key(item);
        if variants || upgrades || (price(before) != price(after) && is_upgrade()) {
            self.changed.store(true, Ordering::Release);
        }
    }

    fn keep_newest(&self, category: Option<&str>) {
        let Some(mut list) = category.and_then(|category| self.newest.get_mut(category)) else { return };
        if list.len() > NEWEST_MAX {
            list.remove(0);
        }
    }

    /// Whether any product is a variant or a better one of another, pins or excludes.
    pub fn are_any(&self) -> bool {
        self.related.load(Ordering::Relaxed) > 0
    }

    /// Whether relations have to be looked at; from now on they have been.
    pub fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Acquire)
    }

    /// The newest items of a category, oldest first.
    pub fn newest_of(&self, category: &str) -> Vec<ItemId> {
        self.newest.get(category).map(|list| list.clone()).unwrap_or_default()
    }
}

/// The first items in the list of that name.
pub fn list(lists: &Lists, of: &str, most: usize) -> Vec<ItemId> {
    lists.get(of).map(|list| list.iter().take(most).cloned().collect()).unwrap_or_default()
}

/// Moves an item to the list of another name; whether it moved.
fn move_between(lists: &Lists, item: &ItemId, before: Option<&str>, after: Option<&str>) -> bool {
    if before == after {
        return false;
    }
    if let Some(before) = before {
        if let Some(mut list) = lists.get_mut(before) {
            list.retain(|other| other != item);
        }
        lists.remove_if(before, |_, list| list.is_empty());
    }
    if let Some(after) = after {
        lists.entry(Id::from(after)).or_default().push(item.clone());
    }
    true
}

fn is_related(given: &Given) -> bool {
    given.variant_of().is_some() || given.upgrade_of().is_some() || given.pins_or_excludes()
}
