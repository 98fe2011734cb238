//! What a snapshot is made of.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::shelves::OnShelf;
use crate::engine::catalogue::frozen::KeptProduct;
use crate::engine::combinations::Combination;
use crate::engine::combinations::frozen::CombinationsHead;
use crate::engine::counts::frozen::{CountsHead, FrozenItem, KeptRow};
use crate::engine::customers::History;
use crate::engine::decay::Decay;
use crate::engine::erased::ErasedPart;
use crate::engine::experiment::book::{self, Book};
use crate::engine::experiment::ledger::{Ledger, Note};
use crate::engine::offered;
use crate::engine::optimiser::State;
use crate::engine::passed_over::Passed;
use crate::engine::ranking::learner::Kept;
use crate::engine::rebuys::Rebuy;
use crate::engine::totals::TotalKey;
use crate::engine::weekly::Week;
use crate::event::{Id, ItemId, Timestamp};

/// Which counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    /// Those of items.
    Items,
    /// Those of categories.
    Categories,
}

/// One piece of the shop. Another kind, or another field, is another version of the format.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are what the module that they come from says")]
pub enum Entry {
    /// What is there once; the first entry.
    Heads(Box<Heads>),
    /// The next item by id, with its own figures.
    Item(Which, FrozenItem),
    /// The most bought items by their places, heaviest first.
    Popular(Which, Vec<u32>),
    /// What variants did.
    Optimiser(Box<State>),
    /// What was learned of ranking.
    Learner(Box<Kept>),
    /// A total.
    Total(TotalKey, i128),
    /// A combination.
    Combination(ItemId, ItemId, Combination),
    /// The next offer of those that customers were made lately.
    Queued(Id, u128),
    /// What a customer was offered lately, or more of it.
    Offered(Id, Vec<offered::Entry>),
    /// The experiments' clock and sums.
    Ledger(Box<Ledger>),
    /// A fact of an experiment that waits, and how often it was told.
    Waiting(i64, Note, u32),
    /// An experiment; the shoppers that follow are in it.
    Book(Box<Book>),
    /// A shopper whose days run.
    Shopper(u64, book::Entry),
    /// The next shoppers whose days are over.
    Closed(Vec<u64>),
    /// A row, free like all that follow.
    Row(Which, KeptRow),
    /// What events told of a product.
    Product(KeptProduct),
    /// What is on a shelf.
    Shelf(Id, Vec<OnShelf>),
    /// How often an item was passed over.
    Passed(ItemId, Arc<Passed>),
    /// In how many baskets an item was this week.
    Week(ItemId, Week),
    /// How an item is bought again.
    Rebuy(ItemId, Rebuy),
    /// What a customer bought, saw and sent away.
    Customer(Id, Arc<History>),
    /// The next customers who were erased.
    Erased(ErasedPart),
}

/// What is there once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are what the module that they come from says")]
pub struct Heads {
    pub decay: Option<Decay>,
    pub feedback_heard: bool,
    pub counts: CountsHead,
    pub categories: CountsHead,
    pub products_refused: u64,
    pub shelves_refused: u64,
    pub passed_over_refused: u64,
    pub weekly_refused: u64,
    pub newest_day: i64,
    pub week: Week,
    pub rebuys_refused: u64,
    pub customer_facts: u64,
    pub customers_evicted: u64,
    pub newest_offered: Timestamp,
    pub offered_evicted: u64,
    pub newest_hour: i64,
    pub combinations: CombinationsHead,
}

impl Entry {
    /// Whether it may be thawed by any thread, in any order, once all that are not were.
    #[must_use]
    pub fn is_free(&self) -> bool {
        match self {
            Self::Heads(_)
            | Self::Item(..)
            | Self::Popular(..)
            | Self::Optimiser(_)
            | Self::Learner(_)
            | Self::Total(..)
            | Self::Combination(..)
            | Self::Queued(..)
            | Self::Offered(..)
            | Self::Ledger(_)
            | Self::Waiting(..)
            | Self::Book(_)
            | Self::Shopper(..)
            | Self::Closed(_)
            | Self::Erased(_) => false,
            Self::Row(..)
            | Self::Product(_)
            | Self::Shelf(..)
            | Self::Passed(..)
            | Self::Week(..)
            | Self::Rebuy(..)
            | Self::Customer(..) => true,
        }
    }
}
