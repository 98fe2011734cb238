//! Where an offered item comes from: what its figures are kept by.
//!
//! Invariant: plain labels, fixed when the offer is made.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::memory::{Heap, maybe, text};
use super::vocabulary::{OfferKind, Placement};
use crate::event::{Id, ItemId, Money, Timestamp};

/// The offer an item was in, as far as figures go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The offer.
    pub offer: u128,
    /// When it was made.
    pub ts: Timestamp,
    /// Where it was made.
    pub placement: Placement,
    /// What the item was offered as.
    pub kind: OfferKind,
    /// The channel's label.
    pub channel: CompactString,
    /// What it was offered beside.
    pub anchor: Option<ItemId>,
    /// What it is to replace, with its price in the shop's own currency, where that is known.
    pub replaces: Option<(ItemId, Option<Money>)>,
    /// The basket's age when the offer was made: an index into [`super::totals::BASKET_AGE_LABELS`].
    pub basket_age: u8,
    /// The policy's variant, where the figures of variants are to count it.
    pub variant: Option<Id>,
}

impl Heap for Source {
    fn heap(&self) -> usize {
        let texts = [self.anchor.as_ref(), self.replaces.as_ref().map(|(item, _)| item), self.variant.as_ref()];
        text(&self.channel) + texts.into_iter().map(maybe).sum::<usize>()
    }
}
