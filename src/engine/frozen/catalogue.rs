//! What events told of products, frozen and thawed. What the shop's catalogue gives comes from its own topic.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::packed::Learned;
use super::{Catalogue, Entry, learned_heap};
use crate::event::{Currency, ItemId, Money, ProductFacts, Timestamp};

/// What events told, at one moment.
#[derive(Debug)]
pub struct FrozenLearned {
    products: Vec<(ItemId, Arc<Learned>)>,
    /// How many found no room.
    pub refused: u64,
}

/// What events told of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptProduct {
    item: ItemId,
    at: Timestamp,
    price: Option<(Money, Currency)>,
    facts: ProductFacts,
}

impl FrozenLearned {
    /// The products, sorted by item.
    pub fn sorted(mut self) -> impl Iterator<Item = KeptProduct> {
        self.products.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.products.into_iter().map(|(item, learned)| {
            let text = |text: Option<&str>| text.map(CompactString::from);
            let facts = ProductFacts { title: text(learned.title()), category: text(learned.category()), brand: text(learned.brand()) };
            KeptProduct { item, at: learned.at(), price: learned.price(), facts }
        })
    }
}

impl Catalogue {
    /// What events told, up to now.
    #[must_use]
    pub fn freeze(&self) -> FrozenLearned {
        let mut products = Vec::with_capacity(self.len());
        let learned = self.products.iter().filter_map(|entry| Some((entry.key().clone(), Arc::clone(entry.learned.as_ref()?))));
        products.extend(learned);
        FrozenLearned { products, refused: self.refused_learned.load(Ordering::Relaxed) }
    }

    /// Puts a product back, room or not; `false` if it was there already.
    pub(in crate::engine) fn thaw(&self, product: KeptProduct) -> bool {
        let mut entry = self.products.entry(product.item).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            Entry::default()
        });
        let learned = Learned::with(None, product.at, product.price, &product.facts);
        self.learned.fetch_add(1, Ordering::Relaxed);
        self.learned_heap.fetch_add(learned_heap(entry.key(), &learned), Ordering::Relaxed);
        entry.learned.replace(Arc::new(learned)).is_none()
    }

    /// All are back: those beyond the limit, the last by item of which the catalogue says nothing, are refused.
    pub(in crate::engine) fn thawed(&self, refused: u64) {
        self.refuse(refused);
        let mut over = self.len().saturating_sub(self.products_max);
        if over == 0 {
            return;
        }
        let learned_only = self.products.iter().filter(|entry| entry.given.is_none());
        let mut items: Vec<ItemId> = learned_only.map(|entry| entry.key().clone()).collect();
        items.sort_unstable();
        while let (Some(item), true) = (items.pop(), over > 0) {
            self.unlearn(&item);
            self.refuse(1);
            over -= 1;
        }
    }

    /// Forgets what events told; what the catalogue gave stays.
    pub(in crate::engine) fn forget_learned(&self) {
        self.products.retain(|_, entry| {
            entry.learned = None;
            let stays = entry.given.is_some();
            self.count.fetch_sub(usize::from(!stays), Ordering::Relaxed);
            stays
        });
        self.learned.store(0, Ordering::Relaxed);
        self.learned_heap.store(0, Ordering::Relaxed);
        let refused = self.refused_learned.swap(0, Ordering::Relaxed);
        self.refused.fetch_sub(refused, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, times: u64) {
        self.refused.fetch_add(times, Ordering::Relaxed);
        self.refused_learned.fetch_add(times, Ordering::Relaxed);
    }
}
