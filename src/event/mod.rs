//! Wire formats in, [`ShopEvent`] out. One file a format; no state, no I/O.
//!
//! Invariant: whatever the bytes are, decoding ends as an event that keeps every limit of this module, or as
//! a [`Reject`] with a reason out of a closed set. It never panics.

mod around;
mod cloudevents;
mod currency;
mod decimal;
mod decoded;
mod detect;
mod field;
mod format;
mod ga4;
mod key;
mod native;
mod object;
mod reject;
mod segment;
mod shopify;
mod time;
mod unicode;

pub use around::{Around, Headers};
pub use currency::Currency;
pub use decimal::{DecimalError, Money, Quantity, micros_to_text};
pub use decoded::{CatalogueRow, Decoded, Part};
pub use detect::read;
pub use format::{Format, Reading, ShopifyItem, ShopifyTopic};
pub use key::record_key;
pub use native::decode;
pub use reject::{Reject, RejectReason};
pub use time::Timestamp;
pub use unicode::{hidden_in, is_hidden, shown};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// An identifier as the shop wrote it: 1 to [`ID_BYTES_MAX`] bytes, no character that nobody sees.
pub type Id = CompactString;
/// An [`Id`] that names an item of the catalogue.
pub type ItemId = CompactString;

/// The longest identifier, in bytes.
pub const ID_BYTES_MAX: usize = 256;
/// The most lines a purchase, checkout or refund may have.
pub const ITEMS_MAX: usize = 5_000;
/// The longest text (title, category, …) that is kept, in bytes; longer ones are cut.
pub const TEXT_BYTES_MAX: usize = 300;
/// The longest `offer_token`, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// The largest record that is looked at, in bytes.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// One thing that happened at the shop.
#[derive(Clone, Debug, PartialEq)]
pub struct ShopEvent {
    /// What happened.
    pub kind: EventKind,
    /// When it happened, at the shop.
    pub ts: Timestamp,
    /// Dedupes within the session.
    pub event_id: Option<Id>,
    /// The browser's or till's session.
    pub session_id: Option<Id>,
    /// The basket.
    pub cart_id: Option<Id>,
    /// The order.
    pub order_id: Option<Id>,
    /// The customer, where known.
    pub customer_id: Option<Id>,
    /// The currency of every amount in this event; the shop's own if absent.
    pub currency: Option<Currency>,
    /// `web`, `app`, `store`, …
    pub channel: Option<Id>,
    /// The shopper's language, as BCP 47.
    pub locale: Option<Id>,
    /// The segment the shop itself puts the shopper into.
    pub segment: Option<Id>,
}

impl ShopEvent {
    /// An event of which no more is known.
    fn bare(kind: EventKind, ts: Timestamp) -> Self {
        Self {
            kind,
            ts,
            event_id: None,
            session_id: None,
            cart_id: None,
            order_id: None,
            customer_id: None,
            currency: None,
            channel: None,
            locale: None,
            segment: None,
        }
    }
}

/// What happened, with what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A product page was opened.
    ProductViewed(Line),
    /// A line was put into the basket, or its quantity raised by the line's.
    CartAdd {
        /// The item and how many more of it.
        line: Line,
        /// The offer whose one-click link was used.
        offer: Option<OfferRef>,
    },
    /// Units of an item left the basket; all of them without a quantity.
    CartRemove {
        /// The item.
        item_id: ItemId,
        /// How many units, all if absent.
        quantity: Option<Quantity>,
    },
    /// The shopper went to the checkout; lines, if there are any, replace the basket known.
    Checkout(Vec<Line>),
    /// An order was placed.
    Purchase {
        /// What was bought: at least one line.
        lines: Vec<Line>,
        /// Amounts of the whole order.
        amounts: OrderAmounts,
    },
    /// Units of an order came back; the whole of it without lines.
    Refund(Option<Vec<Line>>),
    /// The whole order was cancelled.
    OrderCancelled,
    /// The shopper did something with an offer.
    Feedback {
        /// What was done.
        action: FeedbackAction,
        /// The offer.
        offer: OfferRef,
        /// One item of it, or the whole offer.
        item_id: Option<ItemId>,
    },
    /// The customer asked to be forgotten.
    CustomerErased,
    /// The basket is now these lines, and nothing else; none: it is empty.
    CartUpdated(Vec<Line>),
}

/// Which offer is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferRef {
    /// The one of this id.
    Id(Id),
    /// The one that was given over HTTP with this token. Nobody has looked yet whether it is one of ours.
    Token(CompactString),
}

impl OfferRef {
    /// Its id, where that is how it is named.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Id(id) => Some(id),
            Self::Token(_) => None,
        }
    }
}

/// What a shopper did with an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FeedbackAction {
    /// It was on the screen.
    Shown,
    /// It was opened.
    Clicked,
    /// It was sent away.
    Dismissed,
}

/// One line of a basket or an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The item.
    pub item_id: ItemId,
    /// The price of a unit, after the item's own discount.
    pub price: Option<Money>,
    /// How many units.
    pub quantity: Quantity,
    /// What the event tells about the product.
    pub product: ProductFacts,
}

/// What an event tells about a product in passing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductFacts {
    /// Its title.
    pub title: Option<CompactString>,
    /// Its category.
    pub category: Option<CompactString>,
    /// Its brand.
    pub brand: Option<CompactString>,
}

/// Amounts of a whole order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderAmounts {
    /// Shared over the lines by their value.
    pub discount: Option<Money>,
    /// Subtracted where the shop's prices include it.
    pub tax: Option<Money>,
    /// Never counted.
    pub shipping: Option<Money>,
}

/// The type of an event: the closed set that metrics are labelled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the contract's own words")]
pub enum EventType {
    ProductViewed,
    CartAdd,
    CartRemove,
    Checkout,
    Purchase,
    Refund,
    OrderCancelled,
    OfferShown,
    OfferClicked,
    OfferDismissed,
    CustomerErased,
    CartUpdated,
}

impl EventType {
    /// Every type, in the contract's order.
    pub const ALL: [Self; 12] = [
        Self::ProductViewed,
        Self::CartAdd,
        Self::CartRemove,
        Self::Checkout,
        Self::Purchase,
        Self::Refund,
        Self::OrderCancelled,
        Self::OfferShown,
        Self::OfferClicked,
        Self::OfferDismissed,
        Self::CustomerErased,
        Self::CartUpdated,
    ];

    /// The type's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProductViewed => "product_viewed",
            Self::CartAdd => "cart_add",
            Self::CartRemove => "cart_remove",
            Self::Checkout => "checkout",
            Self::Purchase => "purchase",
            Self::Refund => "refund",
            Self::OrderCancelled => "order_cancelled",
            Self::OfferShown => "offer_shown",
            Self::OfferClicked => "offer_clicked",
            Self::OfferDismissed => "offer_dismissed",
            Self::CustomerErased => "customer_erased",
            Self::CartUpdated => "cart_updated",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl EventKind {
    /// The event's type.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        match self {
            Self::ProductViewed(_) => EventType::ProductViewed,
            Self::CartAdd { .. } => EventType::CartAdd,
            Self::CartRemove { .. } => EventType::CartRemove,
            Self::Checkout(_) => EventType::Checkout,
            Self::Purchase { .. } => EventType::Purchase,
            Self::Refund(_) => EventType::Refund,
            Self::OrderCancelled => EventType::OrderCancelled,
            Self::Feedback { action: FeedbackAction::Shown, .. } => EventType::OfferShown,
            Self::Feedback { action: FeedbackAction::Clicked, .. } => EventType::OfferClicked,
            Self::Feedback { action: FeedbackAction::Dismissed, .. } => EventType::OfferDismissed,
            Self::CustomerErased => EventType::CustomerErased,
            Self::CartUpdated(_) => EventType::CartUpdated,
        }
    }
}

#[cfg(test)]
mod hostile_tests;
