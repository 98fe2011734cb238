//! The budget in bytes: what of the shop makes room once all of it together takes too much.
//!
//! Every kind has a share that it may have at any rate; what one does not need, others use. Once the whole is spent, the
//! kind furthest beyond its share drops the hundredth that is least useful in it, and so on until the whole fits.
//!
//! Invariant: what goes is a function of what is held and of the settings, so of the shop log: nobody asks the allocator.

use super::catalogue::Catalogue;
use super::shop::Shop;

/// One kind of the shop's state, as far as memory goes.
pub struct Kind {
    /// Its name in metrics.
    pub name: &'static str,
    /// Its share of the whole, in hundredths.
    share: u64,
    /// How many bytes it takes.
    pub bytes: fn(&Shop) -> usize,
    /// Drops the least useful hundredth; whether there was anything to drop.
    evict: fn(&Shop) -> bool,
}

/// All kinds; the shares are about what they take where each item has ten neighbours and two customers.
pub const KINDS: [Kind; 11] = [
    Kind { name: "items", share: 38, bytes: |shop| shop.counts.bytes(), evict: |shop| shop.counts.evict() },
    Kind { name: "customers", share: 24, bytes: |shop| shop.customers.bytes(), evict: |shop| shop.customers.evict() },
    Kind { name: "products", share: 9, bytes: |shop| shop.catalogue.learned_bytes(), evict: |shop| evict_products(&shop.catalogue, shop) },
    Kind { name: "experiment_shoppers", share: 6, bytes: |shop| shop.experiment().bytes(), evict: |shop| shop.experiment().evict() },
    Kind { name: "customer_offers", share: 6, bytes: |shop| shop.offered.bytes(), evict: |shop| shop.offered.evict() },
    Kind {
        name: "items_passed_over",
        share: 6,
        bytes: |shop| shop.passed_over.entries().bytes(),
        evict: |shop| shop.passed_over.entries().evict(|item, passed| (shop.weight_of(item), passed.times)),
    },
    Kind { name: "items_of_the_week", share: 4, bytes: |shop| shop.weekly.entries().bytes(), evict: |shop| shop.weekly.evict() },
    Kind {
        name: "items_bought_again",
        share: 3,
        bytes: |shop| shop.customers.rebuys.entries().bytes(),
        evict: |shop| shop.customers.rebuys.entries().evict(|item, rebuy| (shop.weight_of(item), rebuy.buyers)),
    },
    Kind { name: "combinations", share: 1, bytes: |shop| shop.combinations().bytes(), evict: |shop| shop.combinations().evict() },
    Kind { name: "categories", share: 2, bytes: |shop| shop.categories.bytes(), evict: |shop| shop.categories.evict() },
    Kind {
        name: "shelves",
        share: 1,
        bytes: |shop| shop.shelves.entries().bytes(),
        evict: |shop| shop.shelves.entries().evict(|category, _| shop.category_weight_of(category)),
    },
];

fn evict_products(catalogue: &Catalogue, shop: &Shop) -> bool {
    catalogue.evict(false, |item| shop.weight_of(item))
}

/// How many bytes all of a shop's state takes: see [`super::memory`].
#[must_use]
pub fn bytes_of(shop: &Shop) -> usize {
    KINDS.iter().map(|kind| (kind.bytes)(shop)).sum()
}

/// Makes room until the whole fits into `bytes_max`, or nothing can go.
pub fn keep(shop: &Shop, bytes_max: usize) {
    while bytes_of(shop) > bytes_max {
        let mut by_need: Vec<(u64, usize)> =
            KINDS.iter().enumerate().map(|(at, kind)| ((kind.bytes)(shop) as u64 * 1_000 / kind.share, at)).collect();
        by_need.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        if !by_need.into_iter().any(|(_, at)| (KINDS[at].evict)(shop)) {
            return;
        }
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
