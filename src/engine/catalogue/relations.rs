//! How the catalogue's products relate: which are variants and upgrades of which, which are new in a category.
//!
//! Invariant: every entry is a product that the catalogue gives now. Each list is bounded; where it is full, the
//! oldest entry makes room.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use foldhash::fast::FixedState;

use super::Product;
use crate::event::{Id, ItemId};

/// Most items in one list.
const LIST_MAX: usize = 64;

type Lists = DashMap<Id, Vec<ItemId>, FixedState>;

/// Lists of items by what they have in common.
#[derive(Debug, Default)]
pub struct Relations {
    variants: Lists,
    upgrades: Lists,
    newest: Lists,
    related: AtomicUsize,
}

impl Relations {
    /// Takes a product in.
    pub fn add(&self, item: &ItemId, product: &Product) {
        self.related.fetch_add(usize::from(is_related(product)), Ordering::Relaxed);
        for (lists, of) in self.lists(product) {
            let mut list = lists.entry(of.clone()).or_default();
            if list.len() >= LIST_MAX {
                list.remove(0);
            }
            list.push(item.clone());
        }
    }

    /// Takes a product out.
    pub fn remove(&self, item: &str, product: &Product) {
        self.related.fetch_sub(usize::from(is_related(product)), Ordering::Relaxed);
        for (lists, of) in self.lists(product) {
            if let Some(mut list) = lists.get_mut(of) {
                list.retain(|other| other != item);
            }
            lists.remove_if(of, |_, list| list.is_empty());
        }
    }

    /// Whether any product is a variant, pins or excludes.
    pub fn are_any(&self) -> bool {
        self.related.load(Ordering::Relaxed) > 0
    }

    /// The variants of an item.
    pub fn variants_of(&self, item: &str) -> Vec<ItemId> {
        self.variants.get(item).map(|list| list.clone()).unwrap_or_default()
    }

    /// The upgrades of an item.
    pub fn upgrades_of(&self, item: &str) -> Vec<ItemId> {
        self.upgrades.get(item).map(|list| list.clone()).unwrap_or_default()
    }

    /// The newest items of a category, oldest first.
    pub fn newest_of(&self, category: &str) -> Vec<ItemId> {
        self.newest.get(category).map(|list| list.clone()).unwrap_or_default()
    }

    fn lists<'a>(&'a self, product: &'a Product) -> impl Iterator<Item = (&'a Lists, &'a Id)> {
        let all = [(&self.variants, &product.variant_of), (&self.upgrades, &product.upgrade_of), (&self.newest, &product.category)];
        all.into_iter().filter_map(|(lists, of)| of.as_ref().map(|of| (lists, of)))
    }
}

fn is_related(product: &Product) -> bool {
    product.variant_of.is_some() || !product.pinned.is_empty() || !product.excluded.is_empty()
}
