//! The ledger, frozen and thawed.

use std::collections::BTreeMap;

use super::{BOOKS_MAX, Ledger, Note};
use crate::engine::experiment::book::Book;
use crate::engine::experiment::book::frozen::FrozenBook;
use crate::engine::frozen::BadEntry;

/// The ledger at one moment.
#[derive(Debug)]
pub struct FrozenLedger {
    /// The ledger, with no books and nothing that waits.
    pub ledger: Ledger,
    /// What waits, by its time, with how often it was told.
    pub waiting: Vec<((i64, Note), u32)>,
    /// The books.
    pub books: Vec<FrozenBook>,
}

impl Ledger {
    /// The ledger as it is now.
    #[must_use]
    pub fn freeze(&self) -> FrozenLedger {
        let waiting = self.waiting.iter().map(|(note, times)| (*note, *times)).collect();
        FrozenLedger { ledger: self.of_nothing(self.shoppers_max), waiting, books: self.books.iter().map(Book::freeze).collect() }
    }

    /// The clock and the sums alone, with a limit.
    fn of_nothing(&self, shoppers_max: usize) -> Self {
        Self { shoppers_max, waiting: BTreeMap::new(), books: Vec::new(), ..*self }
    }

    /// Takes over the clock and the sums.
    pub(in crate::engine) fn thaw(&mut self, ledger: &Self) {
        *self = ledger.of_nothing(self.shoppers_max);
    }

    /// Puts back what waited; `false` if it was there already.
    pub(in crate::engine) fn thaw_waiting(&mut self, time: i64, note: Note, times: u32) -> bool {
        self.waiting.insert((time, note), times).is_none()
    }

    /// Puts a book back, nobody being in it yet.
    pub(in crate::engine) fn thaw_book(&mut self, book: &Book) -> Result<(), BadEntry> {
        if self.books.len() >= BOOKS_MAX || self.book(&book.plan).is_some() {
            return Err(BadEntry("an experiment is there twice, or one too many"));
        }
        if !book.is_sound() {
            return Err(BadEntry("the sums of an experiment cannot be true"));
        }
        self.books.push(Book::thawed(book));
        Ok(())
    }

    /// The book that was put back last.
    pub(in crate::engine) fn newest_book(&mut self) -> Result<&mut Book, BadEntry> {
        self.books.last_mut().ok_or(BadEntry("a shopper is in no experiment"))
    }

    /// All are back: shoppers beyond the limit are forgotten, facts beyond it booked early.
    pub(in crate::engine) fn thawed(&mut self) {
        if self.waiting.len() > self.shoppers_max {
            self.advance();
        }
        while self.shoppers() > self.shoppers_max && self.books.iter_mut().any(Book::forget_oldest) {}
    }

    /// Forgets everything.
    pub(in crate::engine) fn clear(&mut self) {
        *self = Self::new(self.shoppers_max);
    }
}
