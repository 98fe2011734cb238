//! The shop at one moment: taken by the fold's thread between two records, written by another while the fold goes on.
//!
//! Rows, histories and the like are behind an `Arc`: freezing clones the pointers, and the fold copies what it changes only
//! while a frozen shop still holds it. What is small is cloned at once.
//!
//! Invariant: a frozen shop never changes, and holds all that the fold knows: what is thawed folds, ranks, offers and
//! evicts as the shop it was taken of. The entries handed out are sorted: the same state gives the same entries.

mod entry;
mod thaw;

pub use entry::Entry;
pub use thaw::{BadEntry, Thaw};

use super::shop::Shop;
use super::totals::Totals;

/// The shop at one moment.
#[derive(Debug)]
pub struct FrozenShop {
    totals: Totals,
}

impl Shop {
    /// The shop as it is now. Only the fold's thread may ask, between two records; nobody who reads waits for it.
    #[must_use]
    pub fn freeze(&self) -> FrozenShop {
        FrozenShop { totals: self.totals().clone() }
    }
}

impl FrozenShop {
    /// Hands out all entries, in the order in which [`Thaw`] takes them: those that are ordered first.
    ///
    /// # Errors
    /// What `take` fails with.
    pub fn hand_out<E>(self, take: &mut impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        self.totals.sorted().into_iter().try_for_each(|(key, sum)| take(Entry::Total(key.clone(), sum)))
    }
}
