//! The shop at one moment: taken by the fold's thread between two records, written by another while the fold goes on.
//!
//! Rows, histories and the like are behind an `Arc`: freezing clones the pointers, and the fold copies what it changes only
//! while a frozen shop still holds it. What is small is cloned at once.
//!
//! Invariant: a frozen shop never changes, and holds all that the fold knows: what is thawed folds, ranks, offers and
//! evicts as the shop it was taken of. The entries handed out are sorted: the same state gives the same entries.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `entry` | what a snapshot is made of |
//! | `thaw` | entries back into a shop |
//! | the others | the part of the shop of that name, frozen and thawed |

mod entry;
mod shelves;
mod thaw;

pub use entry::{Entry, Heads, Which};
pub use shelves::OnShelf;
pub use thaw::{BadEntry, Thaw};

use std::sync::Arc;

use super::bounded::frozen::FrozenEntries;
use super::catalogue::frozen::FrozenLearned;
use super::combinations::Combinations;
use super::counts::frozen::{FrozenCounts, Places};
use super::customers::frozen::FrozenCustomers;
use super::erased::ErasedCustomers;
use super::experiment::ledger::frozen::FrozenLedger;
use super::offered::frozen::FrozenOffered;
use super::optimiser::State;
use super::passed_over::Passed;
use super::ranking::learner::Kept;
use super::shelves::Shelf;
use super::totals::Totals;
use super::weekly::Week;

/// Shoppers whose days are over, in one entry.
const CLOSED_AN_ENTRY: usize = 1_024;

/// Offered items of one customer in one entry: there is no limit a customer, so that one of them may have been offered all.
const OFFERED_AN_ENTRY: usize = 256;

/// The shop at one moment.
#[derive(Debug)]
pub struct FrozenShop {
    pub(super) heads: Heads,
    pub(super) counts: FrozenCounts,
    pub(super) categories: FrozenCounts,
    pub(super) customers: FrozenCustomers,
    pub(super) learned: FrozenLearned,
    pub(super) shelves: FrozenEntries<Arc<Shelf>>,
    pub(super) passed_over: FrozenEntries<Arc<Passed>>,
    pub(super) weekly: FrozenEntries<Week>,
    pub(super) offered: FrozenOffered,
    pub(super) erased: Arc<ErasedCustomers>,
    pub(super) optimiser: State,
    pub(super) learner: Kept,
    pub(super) totals: Totals,
    pub(super) combinations: Combinations,
    pub(super) experiment: FrozenLedger,
}

impl FrozenShop {
    /// Hands out all entries, in the order in which [`Thaw`] takes them: those that are ordered first. Each part is let
    /// go as soon as it is told.
    ///
    /// # Errors
    /// What `take` fails with.
    pub fn hand_out<E>(mut self, take: &mut impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        take(Entry::Heads(Box::new(self.heads)))?;
        let places = of_counts(Which::Items, &mut self.counts, take)?;
        let category_places = of_counts(Which::Categories, &mut self.categories, take)?;
        take(Entry::Optimiser(Box::new(self.optimiser)))?;
        take(Entry::Learner(Box::new(self.learner)))?;
        self.totals.sorted().into_iter().try_for_each(|(key, sum)| take(Entry::Total(key.clone(), sum)))?;
        for ((anchor, companion), combination) in self.combinations.into_sorted() {
            take(Entry::Combination(anchor, companion, combination))?;
        }
        std::mem::take(&mut self.offered.queue).into_iter().try_for_each(|(customer, offer)| take(Entry::Queued(customer, offer)))?;
        for (customer, entries) in self.offered.sorted() {
            let mut parts = entries.chunks(OFFERED_AN_ENTRY);
            parts.try_for_each(|part| take(Entry::Offered(customer.clone(), part.to_vec())))?;
        }
        self.erased.parts().into_iter().try_for_each(|part| take(Entry::Erased(part)))?;
        of_experiment(self.experiment, take)?;
        // From here on all are free.
        self.counts.into_rows(&places).try_for_each(|row| take(Entry::Row(Which::Items, row)))?;
        self.categories.into_rows(&category_places).try_for_each(|row| take(Entry::Row(Which::Categories, row)))?;
        self.learned.sorted().try_for_each(|product| take(Entry::Product(product)))?;
        for (category, shelf) in self.shelves.sorted() {
            take(Entry::Shelf(category, shelves::kept(&shelf, &places)))?;
        }
        self.passed_over.sorted().into_iter().try_for_each(|(item, passed)| take(Entry::Passed(item, passed)))?;
        self.weekly.sorted().into_iter().try_for_each(|(item, week)| take(Entry::Week(item, week)))?;
        let (rebuys, histories) = self.customers.sorted();
        rebuys.into_iter().try_for_each(|(item, rebuy)| take(Entry::Rebuy(item, rebuy)))?;
        histories.into_iter().try_for_each(|(customer, history)| take(Entry::Customer(customer, history)))
    }
}

fn of_counts<E>(which: Which, counts: &mut FrozenCounts, take: &mut impl FnMut(Entry) -> Result<(), E>) -> Result<Places, E> {
    let places = counts.sort();
    counts.items().try_for_each(|item| take(Entry::Item(which, item)))?;
    take(Entry::Popular(which, counts.popular(&places)))?;
    Ok(places)
}

fn of_experiment<E>(experiment: FrozenLedger, take: &mut impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
    take(Entry::Ledger(Box::new(experiment.ledger)))?;
    experiment.waiting.into_iter().try_for_each(|((time, note), times)| take(Entry::Waiting(time, note, times)))?;
    for mut book in experiment.books {
        take(Entry::Book(book.book))?;
        book.entries.into_iter().try_for_each(|(subject, entry)| take(Entry::Shopper(subject, entry)))?;
        let closed = book.closed.make_contiguous().chunks(CLOSED_AN_ENTRY);
        closed.into_iter().try_for_each(|subjects| take(Entry::Closed(subjects.to_vec())))?;
    }
    Ok(())
}
