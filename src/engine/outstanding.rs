//! Offers made to a session, and what became of each item: the ground of acceptance and attribution.
//!
//! Invariant: each item of an offer is shown, clicked, dismissed, accepted, paid and matched at most once.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::vocabulary::{Arm, OfferKind, Placement};
use crate::event::{FeedbackAction, ItemId, Money, Timestamp};

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
    /// When.
    pub ts: Timestamp,
    /// When it is forgotten here: past its expiry and the attribution window.
    pub over_at: Timestamp,
    /// Its items.
    pub items: Vec<OutstandingItem>,
    /// It counts as seen.
    pub seen: bool,
    /// Something of it was sent away.
    pub dismissed: bool,
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
    /// It was opened.
    pub clicked: bool,
    /// It was sent away.
    pub dismissed: bool,
    /// It was put into the basket in time.
    pub accepted: bool,
    /// It was bought in time.
    pub paid: bool,
    /// It was put into the basket, shown or not.
    pub matched: bool,
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
            clicked: false,
            dismissed: false,
            accepted: false,
            paid: false,
            matched: false,
        }
    }

    /// Takes feedback; returns whether it was the first of its kind.
    pub fn take(&mut self, action: FeedbackAction, ts: Timestamp) -> bool {
        let (flag, set) = match action {
            FeedbackAction::Shown => return self.shown_at.replace(self.shown_at.unwrap_or(ts)).is_none(),
            FeedbackAction::Clicked => (&mut self.clicked, true),
            FeedbackAction::Dismissed => (&mut self.dismissed, true),
        };
        !std::mem::replace(flag, set)
    }
}
