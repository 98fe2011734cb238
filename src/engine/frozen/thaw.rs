//! Entries back into a shop.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Entry, Heads, Which, shelves};
use crate::engine::counts::Counts;
use crate::engine::counts::frozen::FrozenItem;
use crate::engine::shop::Shop;
use crate::engine::slot::Slot;
use crate::engine::totals::Totals;
use crate::event::Id;

/// An entry that does not fit the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadEntry(pub(in crate::engine) &'static str);

/// Fills an empty shop with entries; whoever gives up half way clears the shop.
#[derive(Debug)]
pub struct Thaw<'a> {
    shop: &'a Shop,
    heads: Option<Box<Heads>>,
    items: Slots,
    categories: Slots,
    queue: VecDeque<(Id, u128)>,
}

/// The slots of all items by their places, and the places of the most bought.
#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Arc<Slot>>,
    popular: Vec<u32>,
}

impl Slots {
    fn put(&mut self, counts: &Counts, item: FrozenItem) -> Result<(), BadEntry> {
        if self.slots.last().is_some_and(|before| before.item >= item.item) {
            return Err(BadEntry("items are out of order"));
        }
        self.slots.push(counts.thaw_slot(item));
        Ok(())
    }
}

impl Shop {
    /// Begins to fill the shop, which has to be empty but for what its catalogue gave.
    #[must_use]
    pub fn thaw(&self) -> Thaw<'_> {
        Thaw { shop: self, heads: None, items: Slots::default(), categories: Slots::default(), queue: VecDeque::new() }
    }
}

impl Thaw<'_> {
    /// Takes the next of the ordered entries.
    ///
    /// # Errors
    /// It does not fit those before it.
    pub fn ordered(&mut self, entry: Entry) -> Result<(), BadEntry> {
        let shop = self.shop;
        match entry {
            Entry::Heads(heads) => self.begin(heads),
            Entry::Item(Which::Items, item) => self.items.put(&shop.counts, item),
            Entry::Item(Which::Categories, item) => self.categories.put(&shop.categories, item),
            Entry::Popular(Which::Items, places) => {
                self.items.popular = places;
                Ok(())
            }
            Entry::Popular(Which::Categories, places) => {
                self.categories.popular = places;
                Ok(())
            }
            Entry::Optimiser(state) => {
                shop.optimiser.restore(*state);
                Ok(())
            }
            Entry::Learner(kept) if kept.is_sound() => {
                shop.learner.thaw(*kept);
                Ok(())
            }
            Entry::Learner(_) => Err(BadEntry("what was learned of ranking is not whole")),
            Entry::Total(key, sum) => {
                shop.totals().add(key, sum);
                Ok(())
            }
            Entry::Combination(anchor, companion, combination) => once(shop.combinations().thaw((anchor, companion), combination)),
            Entry::Queued(customer, offer) => {
                self.queue.push_back((customer, offer));
                Ok(())
            }
            Entry::Offered(customer, entries) => {
                shop.offered.thaw(customer, entries);
                Ok(())
            }
            Entry::Erased(part) => {
                shop.erased.thaw(part);
                Ok(())
            }
            experiment => self.experiment(experiment),
        }
    }

    fn begin(&mut self, heads: Box<Heads>) -> Result<(), BadEntry> {
        let shop = self.shop;
        shop.thaw_decay(heads.decay, heads.feedback_heard);
        shop.counts.thaw_head(heads.counts);
        shop.categories.thaw_head(heads.categories);
        shop.weekly.set_newest_day(heads.newest_day);
        *shop.weekly.all() = heads.week;
        *shop.totals() = Totals::since_hour(heads.newest_hour);
        once(self.heads.replace(heads).is_none())
    }

    fn experiment(&self, entry: Entry) -> Result<(), BadEntry> {
        let mut ledger = self.shop.experiment();
        match entry {
            Entry::Ledger(kept) => ledger.thaw(&kept),
            Entry::Waiting(time, note, times) => return once(ledger.thaw_waiting(time, note, times)),
            Entry::Book(book) => return ledger.thaw_book(&book),
            Entry::Shopper(subject, shopper) => return once(ledger.newest_book()?.thaw_entry(subject, shopper)),
            Entry::Closed(subjects) => {
                let book = ledger.newest_book()?;
                subjects.into_iter().for_each(|subject| book.thaw_closed(subject));
            }
            _ => return Err(BadEntry("an entry is out of order")),
        }
        Ok(())
    }

    /// Takes any of the free entries, in whatever thread.
    ///
    /// # Errors
    /// It is none, or does not fit the others.
    pub fn free(&self, entry: Entry) -> Result<(), BadEntry> {
        let shop = self.shop;
        match entry {
            Entry::Row(Which::Items, row) => shop.counts.thaw_row(&row, &self.items.slots),
            Entry::Row(Which::Categories, row) => shop.categories.thaw_row(&row, &self.categories.slots),
            Entry::Product(product) => once(shop.catalogue.thaw(product)),
            Entry::Shelf(category, items) => {
                let gone = |item| shop.counts.thaw_slot(FrozenItem { item, weight: 0, baskets: 0, worth: [0.0; 2] });
                let shelf = shelves::thawed(items, &self.items.slots, gone)?;
                once(shop.shelves.entries().thaw(category, Arc::new(shelf)))
            }
            Entry::Passed(item, passed) => once(shop.passed_over.entries().thaw(item, passed)),
            Entry::Week(item, week) => once(shop.weekly.entries().thaw(item, week)),
            Entry::Rebuy(item, rebuy) => once(shop.customers.rebuys.entries().thaw(item, rebuy)),
            Entry::Customer(customer, history) => once(shop.customers.thaw(customer, history)),
            _ => Err(BadEntry("an entry is out of order")),
        }
    }

    /// All entries were taken: what is beyond the limits makes room, as it does when the fold goes on.
    ///
    /// # Errors
    /// Something is missing.
    pub fn finish(self) -> Result<(), BadEntry> {
        let shop = self.shop;
        let heads = self.heads.ok_or(BadEntry("the first entry is missing"))?;
        shop.counts.thawed(&self.items.popular, &self.items.slots)?;
        shop.categories.thawed(&self.categories.popular, &self.categories.slots)?;
        shop.customers.thawed(heads.customer_facts, heads.customers_evicted, heads.rebuys_refused);
        shop.catalogue.thawed(heads.products_refused);
        shop.shelves.entries().thawed(heads.shelves_refused);
        shop.passed_over.entries().thawed(heads.passed_over_refused);
        shop.weekly.entries().thawed(heads.weekly_refused);
        shop.offered.thawed(self.queue, heads.newest_offered, heads.offered_evicted);
        shop.combinations().thawed(heads.combinations);
        shop.experiment().thawed();
        Ok(())
    }
}

fn once(is_new: bool) -> Result<(), BadEntry> {
    if is_new { Ok(()) } else { Err(BadEntry("an entry is there twice")) }
}
