//! Reasons: one plain sentence a person would believe, with its numbers.
//!
//! Invariant: only whole counts that are in the evidence, never a percentage from a handful of baskets.

use super::catalogue::Product;
use super::offer::Frame;
use super::policy::{Chosen, Ground};
use super::settings::Settings;
use super::shop::Shop;

/// Why the item is offered.
#[must_use]
pub fn reason(_frame: Frame<'_>, chosen: &Chosen, _product: &Product, _settings: &Settings, shop: &Shop) -> String {
    match &chosen.evidence {
        Ground::Pair(pair) => {
            let with = shop.catalogue.get(&pair.with).title.map_or_else(|| "an item of yours".to_owned(), Into::into);
            format!("{} of {} baskets with {with} had it too", pair.together, pair.baskets)
        }
        Ground::History(count, baskets) => format!("You had it in {count} of your {baskets} earlier orders"),
        Ground::Popular => format!("A favourite: in {} of {} baskets here", chosen.item_baskets, shop.counts.baskets()),
        other => format!("{other:?}"),
    }
}
