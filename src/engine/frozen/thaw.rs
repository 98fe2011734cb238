//! Entries back into a shop.

use super::Entry;
use crate::engine::shop::Shop;
use crate::engine::totals::Totals;

/// An entry that does not fit the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadEntry(&'static str);

/// Fills an empty shop with entries.
#[derive(Debug)]
pub struct Thaw<'a> {
    shop: &'a Shop,
    totals: Totals,
}

impl Shop {
    /// Begins to fill the shop, which has to be empty.
    #[must_use]
    pub fn thaw(&self) -> Thaw<'_> {
        Thaw { shop: self, totals: Totals::default() }
    }

    /// Forgets everything but what the shop's catalogue gave.
    pub fn clear(&self) {
        *self.totals() = Totals::default();
    }
}

impl Thaw<'_> {
    /// Takes the next of the ordered entries.
    ///
    /// # Errors
    /// It does not fit those before it.
    pub fn ordered(&mut self, entry: Entry) -> Result<(), BadEntry> {
        match entry {
            Entry::Total(key, sum) => self.totals.add(key, sum),
        }
        Ok(())
    }

    /// Takes any of the free entries, in whatever thread.
    ///
    /// # Errors
    /// It is none, or does not fit the ordered ones.
    pub fn free(&self, entry: Entry) -> Result<(), BadEntry> {
        let _ = entry;
        Err(BadEntry("an entry is out of order"))
    }

    /// All entries were taken: what is beyond the limits is dropped as the fold would.
    ///
    /// # Errors
    /// Something is missing.
    pub fn finish(&mut self) -> Result<(), BadEntry> {
        *self.shop.totals() = std::mem::take(&mut self.totals);
        Ok(())
    }
}
