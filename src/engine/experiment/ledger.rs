//! The ledger: the experiments as the whole shop knows them, folded from facts.
//!
//! Sessions of several partitions tell of one customer, and a commit of one may come after a later one of another. So
//! what is told waits for [`GRACE_MS`] of event time and is then booked in the order of its time. What comes later than
//! that is booked at once, where it still can be: a shopper whose days are over gets nothing added any more.
//!
//! Invariant: a pure function of the facts folded, and of their order only where one is more than the grace behind.
//! Limits: experiments, shoppers of all of them together, and as many facts that wait. Where they are met, the experiment
//! longest without a shopper, or the shopper remembered for longest, makes room, and where nobody's days are over
//! newcomers stay out; the fact that has waited for longest is booked. None of that looks at the arm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::book::Book;
use super::cap::Orders;
use crate::engine::facts::{Fact, Plan};
use crate::engine::memory;
use crate::engine::vocabulary::{Arm, Placement};

/// How far facts may be out of order, in milliseconds.
pub const GRACE_MS: i64 = 3_600_000;
/// Most experiments with figures.
const BOOKS_MAX: usize = 4;

/// All experiments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    shoppers_max: usize,
    /// The newest time heard of.
    clock: i64,
    /// What came before this is booked.
    horizon: i64,
    waiting: BTreeMap<(i64, Note), u32>,
    orders: Orders,
    books: Vec<Book>,
    /// Evictions of experiments that are gone.
    evicted: u64,
    /// What was booked before its time for want of room.
    booked_early: u64,
}

/// A fact as it waits. At one time, who comes in goes before what is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in the facts of the same name")]
pub enum Note {
    Eligible { plan: Plan, subject: u64, arm: Arm, placement: Placement },
    Spent { subject: u64, ts: i64, net_micros: i128, first: bool },
}

impl Ledger {
    /// No experiments yet; of at most `shoppers_max` shoppers.
    #[must_use]
    pub fn new(shoppers_max: usize) -> Self {
        let (waiting, orders) = (BTreeMap::new(), Orders::default());
        Self { shoppers_max, clock: i64::MIN, horizon: i64::MIN, waiting, orders, books: Vec::new(), evicted: 0, booked_early: 0 }
    }

    /// Folds a fact in; of others than those of experiments only the time counts, so that days are over in a shop that
    /// goes on without offers.
    pub fn fold(&mut self, fact: &Fact) {
        match *fact {
            Fact::Eligible { plan, subject, arm, placement, ts } => {
                self.open_book(plan, ts.0);
                self.note(ts.0, Note::Eligible { plan, subject, arm, placement });
            }
            Fact::Spent { subject, ts, at, net_micros, first } => {
                self.note(at.0.max(ts.0), Note::Spent { subject, ts: ts.0, net_micros, first });
            }
            Fact::Crossover { plan } => {
                self.open_book(plan, self.clock);
                if let Some(book) = self.book_mut(&plan) {
                    book.crossovers += 1;
                }
            }
            Fact::Learned { ts, .. } | Fact::Declined { ts, .. } | Fact::Offered { from: ts, .. } => self.reach(ts.0),
            Fact::Sale(ref sale) => self.reach(sale.ts.0),
            _ => {}
        }
    }

    /// It is this late.
    fn reach(&mut self, time: i64) {
        if time > self.clock {
            self.clock = time;
            self.advance();
        }
    }

    /// The book of an experiment, if anybody was told to be in it.
    #[must_use]
    pub fn book(&self, plan: &Plan) -> Option<&Book> {
        self.books.iter().find(|book| book.plan == *plan)
    }

    /// Whether offers at a placement surely cost more than they bring, by an experiment.
    #[must_use]
    pub fn loses_money(&self, plan: &Plan, placement: Placement) -> bool {
        self.book(plan).is_some_and(|book| book.loses_money(placement))
    }

    /// The newest time heard of, in milliseconds.
    #[must_use]
    pub fn clock(&self) -> i64 {
        self.clock
    }

    /// The time up to which everything is booked, in milliseconds.
    #[must_use]
    pub fn horizon(&self) -> i64 {
        self.horizon
    }

    /// How many shoppers came that are not booked yet, of an arm of an experiment.
    #[must_use]
    pub fn arriving(&self, plan: &Plan, arm: Arm) -> u64 {
        let Some(book) = self.book(plan) else { return 0 };
        let mut subjects: Vec<u64> = self
            .waiting
            .keys()
            .filter_map(|(_, note)| match note {
                Note::Eligible { plan: of, subject, arm: its, .. } if of == plan && *its == arm => Some(*subject),
                _ => None,
            })
            .filter(|subject| !book.knows(*subject))
            .collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects.len() as u64
    }

    /// How many shoppers are held in memory: those whose days run, and those who are not to enter again.
    #[must_use]
    pub fn shoppers(&self) -> usize {
        self.books.iter().map(Book::held).sum()
    }

    /// How many shoppers were forgotten, or found no room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted + self.books.iter().map(Book::evicted).sum::<u64>()
    }

    /// How many facts wait to be booked.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many facts were booked before the grace was over, for want of room.
    #[must_use]
    pub fn booked_early(&self) -> u64 {
        self.booked_early
    }

    /// How many bytes they take: see [`memory`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        memory::tree(self.waiting.len(), size_of::<((i64, Note), u32)>()) + self.books.iter().map(Book::bytes).sum::<usize>()
    }

    /// Forgets the hundredth of shoppers remembered for longest; whether there was any whose days are over.
    pub fn evict(&mut self) -> bool {
        let goal = memory::hundredth(self.shoppers());
        (0..goal).take_while(|_| self.books.iter_mut().any(Book::forget_oldest)).count() > 0
    }

    fn book_mut(&mut self, plan: &Plan) -> Option<&mut Book> {
        self.books.iter_mut().find(|book| book.plan == *plan)
    }

    /// Makes sure that there is a book, unless it would be the one to go.
    fn open_book(&mut self, plan: Plan, at: i64) {
        if let Some(book) = self.book_mut(&plan) {
            book.last_at = book.last_at.max(at);
            return;
        }
        self.books.push(Book::new(plan, at));
        self.books.sort_by_key(|book| (book.last_at, book.plan));
        if self.books.len() > BOOKS_MAX {
            self.evicted += self.books.remove(0).evicted();
        }
    }

    fn note(&mut self, time: i64, note: Note) {
        self.clock = self.clock.max(time);
        if time < self.horizon {
            self.book_note(time, note, true);
        } else {
            *self.waiting.entry((time, note)).or_default() += 1;
        }
        self.advance();
    }

    /// Books what has waited long enough; and earlier, where more waits than there may be shoppers.
    fn advance(&mut self) {
        let until = self.clock.saturating_sub(GRACE_MS);
        while let Some((&(time, note), &times)) = self.waiting.first_key_value() {
            if time >= until && self.waiting.len() <= self.shoppers_max {
                break;
            }
            self.waiting.pop_first();
            self.booked_early += u64::from(time >= until);
            self.close(time);
            (0..times).for_each(|_| self.book_note(time, note, false));
        }
        self.close(until);
    }

    fn close(&mut self, before: i64) {
        self.horizon = self.horizon.max(before);
        self.books.iter_mut().for_each(|book| book.close(before, &self.orders));
    }

    fn book_note(&mut self, time: i64, note: Note, late: bool) {
        match note {
            Note::Eligible { plan, subject, arm, placement } => {
                if self.book(&plan).is_some_and(|book| !book.knows(subject)) {
                    self.enter(&plan, subject, arm, placement, time);
                }
            }
            Note::Spent { subject, ts, net_micros, first } => {
                self.orders.add(first, net_micros);
                self.books.iter_mut().for_each(|book| book.spent(subject, ts, time, net_micros, late));
            }
        }
    }

    fn enter(&mut self, plan: &Plan, subject: u64, arm: Arm, placement: Placement, at: i64) {
        let room = self.shoppers() < self.shoppers_max || self.books.iter_mut().any(Book::forget_oldest);
        let Some(book) = self.book_mut(plan) else { return };
        if room {
            book.enter(subject, arm, placement, at);
        } else {
            book.refused += 1;
        }
    }
}

#[path = "../frozen/ledger.rs"]
pub mod frozen;
#[cfg(test)]
#[path = "losses_tests.rs"]
mod losses_tests;
#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
