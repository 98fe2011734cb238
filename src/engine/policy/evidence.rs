//! What speaks for an offered item.
//!
//! Invariant: every figure is one that was counted.

use super::Situation;
use crate::engine::ranking::{Candidate, PairEvidence};
use crate::engine::vocabulary::EvidenceStep;
use crate::event::{Id, ItemId};

/// What speaks for an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Ground {
    /// Bought together with an item in the basket.
    Pair(PairEvidence),
    /// Its category is bought together with that of an item in the basket.
    Category {
        /// The category of the item in the basket.
        with: Id,
        /// Baskets with that category.
        baskets: u32,
        /// Those with the item's category, too.
        together: u32,
    },
    /// Bought by this customer, in so many of so many baskets.
    History(u32, u32),
    /// Bought by this customer so many days ago, and due again.
    Rebuy {
        /// In how many orders.
        orders: u32,
        /// How many days ago last.
        days: u32,
    },
    /// Bought by many, of the category of an item in the basket.
    PopularInCategory,
    /// Bought by many.
    Popular,
    /// Put first by the shop, beside this item or anywhere.
    Pinned(Option<ItemId>),
    /// The shop calls it better than this item, or a variant of it that costs more.
    Upgrade(ItemId),
    /// Bought instead of this item.
    LearnedUpgrade {
        /// The item that was passed over.
        with: ItemId,
        /// How often it was.
        times: u32,
        /// How often this one was bought instead.
        instead: u32,
    },
    /// A price level of the page's item.
    Level(ItemId),
    /// The shopper's stamp card of a category is full: the next one is cheaper.
    StampCard {
        /// The category.
        category: Id,
        /// The how many-th one it is.
        number: u32,
    },
    /// New in a category that goes with the basket.
    New(Id),
}

impl Ground {
    /// The step it stands on.
    #[must_use]
    pub fn step(&self) -> EvidenceStep {
        match self {
            Self::Pair(_) | Self::LearnedUpgrade { .. } => EvidenceStep::Pair,
            Self::Category { .. } | Self::New(_) => EvidenceStep::Category,
            Self::History(..) | Self::Rebuy { .. } | Self::StampCard { .. } => EvidenceStep::History,
            Self::Popular | Self::PopularInCategory => EvidenceStep::Popular,
            Self::Pinned(_) | Self::Upgrade(_) | Self::Level(_) => EvidenceStep::Pinned,
        }
    }

    /// The item in the basket, or on the page, that it speaks of.
    #[must_use]
    pub fn with(&self) -> Option<&ItemId> {
        match self {
            Self::Pair(pair) => Some(&pair.with),
            Self::Pinned(with) => with.as_ref(),
            Self::Upgrade(with) | Self::LearnedUpgrade { with, .. } | Self::Level(with) => Some(with),
            _ => None,
        }
    }

    /// Whether it comes before all that is counted: the shop wants it so, or the shopper has earned it.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        matches!(self, Self::Pinned(Some(_)) | Self::StampCard { .. } | Self::Rebuy { .. })
    }

    /// What speaks for a ranked candidate, if it is enough, and of baskets enough to be shown. A pair that is bought together less often than chance would have it speaks against the item.
    #[must_use]
    pub fn of(candidate: &Candidate, situation: &Situation<'_>) -> Option<Self> {
        let (policy, all_baskets) = (situation.policy, situation.shop.counts.baskets());
        let by_chance = |pair: &PairEvidence| u64::from(pair.baskets) * u64::from(candidate.slot.baskets());
        let is_lifted = |pair: &PairEvidence| u64::from(pair.together) * all_baskets >= by_chance(pair);
        let pair = candidate.pair.clone().filter(|pair| pair.together >= situation.together_min() && is_lifted(pair)).map(Self::Pair);
        let history = || candidate.history.filter(|(orders, _)| *orders > 1).map(|(orders, baskets)| Self::History(orders, baskets));
        let baskets = candidate.slot.baskets();
        let is_popular = baskets >= situation.popular_min() && f64::from(baskets) >= policy.popular_share_min * all_baskets as f64;
        pair.or_else(history).or_else(|| is_popular.then_some(Self::Popular))
    }
}
