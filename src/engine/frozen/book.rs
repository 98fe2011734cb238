//! A book, frozen and thawed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::remembered::Remembered;
use super::{Book, Entry};

/// A book at one moment.
#[derive(Debug)]
pub struct FrozenBook {
    /// The book, with nobody in it.
    pub book: Box<Book>,
    /// Shoppers whose days run, by their hash.
    pub entries: Vec<(u64, Entry)>,
    /// Shoppers whose days are over, first what came first.
    pub closed: VecDeque<u64>,
}

impl Book {
    /// The book as it is now. Who is due when follows from who came in when.
    #[must_use]
    pub fn freeze(&self) -> FrozenBook {
        let entries = self.entries.iter().map(|(subject, entry)| (*subject, *entry)).collect();
        FrozenBook { book: Box::new(self.of_nobody()), entries, closed: self.closed.queue().clone() }
    }

    /// The figures alone.
    fn of_nobody(&self) -> Self {
        Self { entries: BTreeMap::new(), due: BTreeSet::new(), closed: Remembered::default(), open: [0; 2], ..*self }
    }

    /// Whether its figures can be those of a book: with others, arithmetic on them would fail later.
    pub(in crate::engine) fn is_sound(&self) -> bool {
        let all = self.placements.iter().chain([&self.arms]).flat_map(|arms| [&arms.treatment, &arms.holdout]);
        self.cap_micros >= 0 && all.into_iter().all(|sums| sums.is_sound(self.cap_micros))
    }

    /// Begins with the figures of a book.
    pub(in crate::engine) fn thawed(book: &Self) -> Self {
        book.of_nobody()
    }

    /// Puts a shopper back whose days run; `false` if they were there already.
    pub(in crate::engine) fn thaw_entry(&mut self, subject: u64, entry: Entry) -> bool {
        self.due.insert((entry.entered.saturating_add(self.plan.window_ms), subject));
        self.open[entry.arm as usize] += 1;
        self.entries.insert(subject, entry).is_none()
    }

    /// Puts a shopper back whose days are over.
    pub(in crate::engine) fn thaw_closed(&mut self, subject: u64) {
        self.closed.push(subject);
    }
}
