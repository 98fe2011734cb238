//! Offers made to a session, and what became of each item: the ground of acceptance and attribution.
//!
//! Invariant: of each item, every step has one time: the earliest that was told of it.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::memory::{Heap, list, maybe, text};
use super::settings::AttributionTrigger;
use super::source::Source;
use super::vocabulary::{Arm, OfferKind, Placement};
use crate::event::{Id, ItemId, Money, Timestamp};

/// An offer that was made, or kept back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outstanding {
    /// The offer's id.
    pub id: u128,
    /// Where it was made.
    pub placement: Placement,
    /// The channel's label.
    pub channel: CompactString,
    /// Made, or kept back.
    pub arm: Arm,
    /// The policy's variant, where the figures of variants are to count it.
    pub variant: Option<Id>,
    /// When it was made.
    pub ts: Timestamp,
    /// The basket's age then: an index into [`super::totals::BASKET_AGE_LABELS`].
    pub basket_age: u8,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// When it is forgotten here: past its expiry and the attribution window.
    pub over_at: Timestamp,
    /// Its items.
    pub items: Vec<OutstandingItem>,
    /// It counts as seen.
    pub seen: bool,
    /// Something of it was sent away.
    pub dismissed: bool,
    /// What it earned, in millionths of the shop's currency, net of refunds.
    pub earned_micros: i128,
}

/// One item of an offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutstandingItem {
    /// The item.
    pub item: ItemId,
    /// What it was offered as.
    pub kind: OfferKind,
    /// The item in the basket it was offered beside.
    pub anchor: Option<ItemId>,
    /// What it is to replace, and what that costs, where it is known.
    pub replaces: Option<(ItemId, Option<Money>)>,
    /// When it was shown.
    pub shown_at: Option<Timestamp>,
    /// When it was opened.
    pub clicked_at: Option<Timestamp>,
    /// When its one-click link was used.
    pub added_at: Option<Timestamp>,
    /// When it was sent away.
    pub dismissed_at: Option<Timestamp>,
    /// When it was put into the basket, in time after it could be accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was bought, likewise.
    pub paid_at: Option<Timestamp>,
    /// When it was put into the basket, shown or not.
    pub matched_at: Option<Timestamp>,
    /// The basket's age when it was accepted, in milliseconds, as it was counted.
    pub accepted_age_ms: Option<i64>,
    /// The shop was told that the customer was offered it.
    pub is_told: bool,
    /// It was accepted in another session of the customer, and is not accepted again.
    pub is_taken: bool,
}

impl Heap for Outstanding {
    fn heap(&self) -> usize {
        let of_item = |item: &OutstandingItem| {
            let replaced = item.replaces.as_ref().map(|(item, _)| item);
            text(&item.item) + maybe(item.anchor.as_ref()) + maybe(replaced)
        };
        let items = list::<OutstandingItem>(self.items.len()) + self.items.iter().map(of_item).sum::<usize>();
        items + text(&self.channel) + maybe(self.variant.as_ref())
    }
}

impl Outstanding {
    /// Whether the item is in it.
    #[must_use]
    pub fn has(&self, item: &str) -> bool {
        self.items.iter().any(|offered| offered.item == item)
    }

    /// Whether it can be forgotten.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now > self.over_at
    }

    /// What the figures of its item at that place are kept by.
    #[must_use]
    pub fn source(&self, at: usize) -> Source {
        let item = &self.items[at];
        Source {
            offer: self.id,
            ts: self.ts,
            placement: self.placement,
            kind: item.kind,
            channel: self.channel.clone(),
            anchor: item.anchor.clone(),
            replaces: item.replaces.clone(),
            basket_age: self.basket_age,
            variant: self.variant.clone(),
        }
    }

    /// From when on what is bought can be its doing: what follows an order comes after it, and has nothing of it.
    #[must_use]
    pub fn follows_from(&self) -> Timestamp {
        let follows_order = matches!(self.placement, Placement::PostPurchase | Placement::FollowUp);
        self.ts.plus_ms(i64::from(follows_order))
    }

    /// From when on its item at that place can be accepted.
    #[must_use]
    pub fn acceptable_from(&self, at: usize, trigger: AttributionTrigger) -> Option<Timestamp> {
        let item = &self.items[at];
        let from = match trigger {
            AttributionTrigger::Emitted => Some(self.ts),
            AttributionTrigger::Shown => item.shown_at,
            AttributionTrigger::Clicked => item.clicked_at.into_iter().chain(item.added_at).min(),
            AttributionTrigger::Added => item.added_at,
        };
        from.map(|from| from.max(self.follows_from()))
    }
}

impl OutstandingItem {
    /// An item just offered.
    #[must_use]
    pub fn new(item: ItemId, kind: OfferKind, anchor: Option<ItemId>) -> Self {
        Self {
            item,
            kind,
            anchor,
            replaces: None,
            shown_at: None,
            clicked_at: None,
            added_at: None,
            dismissed_at: None,
            accepted_at: None,
            paid_at: None,
            matched_at: None,
            accepted_age_ms: None,
            is_told: false,
            is_taken: false,
        }
    }
}
