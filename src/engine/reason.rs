//! Reasons: one plain sentence a person would believe, with its numbers.
//!
//! Invariant: only whole counts that are in the evidence, never a percentage from a handful of baskets.

use super::policy::Ground;
use super::shop::Shop;

/// Why the item is offered, in English.
#[must_use]
pub fn reason(ground: &Ground, item_baskets: u32, shop: &Shop) -> String {
    match ground {
        Ground::Pair(pair) => {
            let with = shop.catalogue.get(&pair.with).title.map_or_else(|| "an item of yours".to_owned(), Into::into);
            format!("{} of {} baskets with {with} had it too", pair.together, pair.baskets)
        }
        Ground::History(count, baskets) => format!("You had it in {count} of your {baskets} earlier orders"),
        Ground::Popular => format!("A favourite: in {item_baskets} of {} baskets here", shop.counts.baskets()),
    }
}
