//! Facts: what a session tells the whole shop, and the only thing that changes shop state.
//!
//! Invariant: a fact means the same whoever folds it and whenever: it carries its own times and weights and
//! refers to no session. New kinds are added at the end; what a kind means never changes.

use serde::{Deserialize, Serialize};

use super::decay::Evidence;
use super::erased::Erasure;
use super::source::Source;
use super::totals::TotalKey;
use super::vocabulary::{Arm, Placement};
use crate::event::{Currency, Id, ItemId, Money, ProductFacts, Timestamp};

/// One thing the whole shop learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// A basket's evidence changed from one list of lines to another. In each list every line weighs for its
    /// own item, and for its pairs with all lines before it.
    Basket {
        /// Evidence to take back.
        before: Vec<EvidenceLine>,
        /// Evidence to add.
        after: Vec<EvidenceLine>,
    },
    /// One line's evidence, for its own item (unless `pairs_only`) and its pairs with `others`.
    Line {
        /// Added, or taken back.
        add: bool,
        /// Leaves the item's own weight alone.
        pairs_only: bool,
        /// The line.
        line: EvidenceLine,
        /// The items it pairs with.
        others: Vec<ItemId>,
    },
    /// What an event told about a product.
    Learned {
        /// The item.
        item: ItemId,
        /// When.
        ts: Timestamp,
        /// Price of a unit, with its currency.
        price: Option<(Money, Currency)>,
        /// Title, category, brand.
        product: ProductFacts,
    },
    /// An offered item did something beside the item it was offered with.
    Combination {
        /// The item in the basket.
        anchor: ItemId,
        /// The item offered.
        companion: ItemId,
        /// What happened.
        step: CombinationStep,
    },
    /// A total moved.
    Total(TotalKey, i128),
    /// The customer is to be forgotten. It is told by the session that heard it, and again by those that may have told of
    /// the customer since.
    Erased {
        /// The customer.
        customer: Id,
        /// When, and how long to remember that.
        erasure: Erasure,
    },
    /// An order, or a further part of it, or a cancelled one.
    Sale(Sale),
    /// The categories of an order changed: as [`Fact::Basket`], with categories in the place of items.
    CategoryBasket {
        /// Evidence to take back.
        before: Vec<EvidenceLine>,
        /// Evidence to add.
        after: Vec<EvidenceLine>,
    },
    /// A shopper looked at an item, or took it out of the basket, and then bought: this one, another, or anything.
    PassedOver {
        /// The item that was considered.
        item: ItemId,
        /// Dearer items of its category that were bought instead.
        instead: Vec<ItemId>,
    },
    /// A customer saw an offer; one that was kept back counts as seen.
    Seen {
        /// The customer.
        customer: Id,
        /// The day in the shop's time zone, counted from 1970-01-01.
        day: i32,
        /// Where.
        placement: Placement,
        /// When.
        ts: Timestamp,
    },
    /// A customer sent an offered item away.
    Declined {
        /// The customer.
        customer: Id,
        /// The item.
        item: ItemId,
        /// When.
        ts: Timestamp,
    },
    /// A shopper's first would-be offer at a placement; the first of all of them is when the experiment begins for them.
    Eligible {
        /// The experiment.
        plan: Plan,
        /// The shopper: a hash of the customer, else of the session.
        subject: u64,
        /// The shopper's arm.
        arm: Arm,
        /// Where.
        placement: Placement,
        /// When.
        ts: Timestamp,
    },
    /// A shopper paid, or got money back, in the shop's own currency.
    Spent {
        /// The shopper, as in [`Fact::Eligible`].
        subject: u64,
        /// When the order was placed.
        ts: Timestamp,
        /// When this happened.
        at: Timestamp,
        /// How much, in millionths; less than zero when it went back.
        net_micros: i128,
        /// It opens the order.
        first: bool,
    },
    /// A shopper whose arm was drawn logged in as a customer whose arm is the other one.
    Crossover {
        /// The experiment.
        plan: Plan,
    },
    /// An offer of a variant came a step further.
    Tried {
        /// Where.
        placement: Placement,
        /// The policy's variant.
        variant: Id,
        /// How far.
        step: TriedStep,
    },
    /// A known customer can be credited with an offered item from now on, in other sessions, too.
    Offered {
        /// The customer.
        customer: Id,
        /// The item.
        item: ItemId,
        /// Since when,
        from: Timestamp,
        /// and until when.
        until: Timestamp,
        /// The offer.
        source: Source,
    },
    /// What [`Fact::Offered`] told of was taken in another session: it is not to be accepted twice.
    Taken {
        /// The customer.
        customer: Id,
        /// The item.
        item: ItemId,
        /// The offer.
        offer: u128,
    },
    /// A step of a basket that ranking is to learn from.
    Example {
        /// Its number.
        number: u64,
        /// What was in the basket, in the order of adding.
        basket: Vec<ItemId>,
        /// The customer, where known.
        customer: Option<Id>,
        /// When.
        ts: Timestamp,
    },
    /// The basket of these examples was bought.
    Outcome {
        /// Their numbers.
        numbers: Vec<u64>,
        /// All that was bought.
        bought: Vec<BoughtItem>,
        /// When.
        ts: Timestamp,
    },
}

/// An experiment: what makes its figures comparable. Whatever of it changes begins another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Plan {
    /// A hash of the salt.
    pub salt: u64,
    /// The share of shoppers kept from offers, in millionths.
    pub holdout_millionths: u32,
    /// How long a shopper's orders count after the first would-be offer, in milliseconds.
    pub window_ms: i64,
    /// The most that one shopper counts for, in millionths of the currency; 0: found out, and kept from then on.
    pub cap_micros: i64,
}

/// How far an offer of a variant came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TriedStep {
    /// It was shown.
    Shown,
    /// Something of it was accepted.
    Accepted,
    /// What it earned in all changed, in millionths of the shop's currency, net of refunds.
    Earned {
        /// From,
        before_micros: i128,
        /// to.
        after_micros: i128,
    },
    /// It was sent away.
    Dismissed,
    /// What was accepted of it turns out to be another offer's doing.
    AcceptedBack,
}

/// An item of a basket that was bought, and what it earned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoughtItem {
    /// The item.
    pub item: ItemId,
    /// What was paid for it, in millionths of the shop's own currency; 0 in another one.
    pub net_micros: i64,
    /// What of that is margin, as the catalogue says; 0 where it says nothing.
    pub margin_micros: i64,
}

/// What was bought at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// Added, or taken back by a cancellation.
    pub add: bool,
    /// It is the order's first event.
    pub first: bool,
    /// When.
    pub ts: Timestamp,
    /// The customer, where known.
    pub customer: Option<Id>,
    /// What it was worth, in millionths of the shop's own currency; 0 in another one.
    pub net_micros: i128,
    /// The items that are new to the order, each once.
    pub lines: Vec<SaleLine>,
}

/// One item of a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleLine {
    /// The item.
    pub item: ItemId,
    /// Whole units, rounded up.
    pub units: u32,
    /// Its category, where known.
    pub category: Option<Id>,
}

/// What happened to an offered item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CombinationStep {
    /// It was shown so often; less than zero takes it back.
    Shown(i64),
    /// It was accepted so often; likewise.
    Accepted(i64),
    /// It earned this much, in millionths; less than zero when refunded.
    Earned(Currency, i128),
}

/// One line of a basket, as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceLine {
    /// The item.
    pub item: ItemId,
    /// How heavy.
    pub evidence: Evidence,
}
