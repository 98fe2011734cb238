//! What may grow, and how far.
//!
//! Invariant: whatever grows has its limit here, a gauge and an eviction counter.

use serde::Deserialize;

use super::{BadSetting, Bytes};

/// What the program itself takes, with what it reads and writes ahead.
const PROGRAM_BYTES: u64 = 32 << 20;
/// Least memory that can be set.
const MEMORY_MIN: u64 = 64 << 20;
/// Hundredths of the rest that are the shop's and the sessions'; what is left is lost between blocks.
const SHOP_SHARE: u64 = 60;
const SESSIONS_SHARE: u64 = 25;
/// Whose days run can't be evicted, so that experiments are held to a tenth of the shop's part from the start: a shopper
/// takes so many bytes, with the facts that wait.
const SHOPPER_BYTES: usize = 400;

/// What may grow, and how far. Each has a gauge and an eviction counter.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Memory of the process, as `512MiB` or `2GiB`; `0` for none. Besides it every other limit holds.
    pub memory: Bytes,
    /// Items counted, and products learned.
    pub items: usize,
    /// Neighbours of one item.
    pub neighbours_per_item: usize,
    /// Pairs, each counted once.
    pub pairs: usize,
    /// Pairs learned from one basket: from its first lines.
    pub pairs_per_basket: usize,
    /// Categories counted.
    pub categories: usize,
    /// Customers with a history.
    pub customers: usize,
    /// Offered items that customers may still buy in other sessions.
    pub customer_offers: usize,
    /// Customers who asked to be forgotten, as long as a session may name them.
    pub erased_customers: usize,
    /// Combinations with figures.
    pub combinations: usize,
    /// Shoppers of experiments: those whose days run, and those who are not to enter again.
    pub experiment_shoppers: usize,
    /// Sessions of one partition.
    pub sessions: usize,
    /// Lines of one basket.
    pub basket_lines: usize,
    /// Event ids remembered in one session.
    pub event_ids: usize,
    /// Offers remembered in one session.
    pub offers_per_session: usize,
    /// Orders remembered in one session.
    pub orders_per_session: usize,
    /// Lines of all orders remembered in one session: with the basket, what a changelog record can grow to.
    pub order_lines_per_session: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Bytes(0),
            items: 1_000_000,
            neighbours_per_item: 8_192,
            pairs: 10_000_000,
            pairs_per_basket: 200_000,
            categories: 20_000,
            customers: 1_000_000,
            customer_offers: 200_000,
            erased_customers: 100_000,
            combinations: 10_000,
            experiment_shoppers: 1_000_000,
            sessions: 1_000_000,
            basket_lines: 5_000,
            event_ids: 256,
            offers_per_session: 32,
            orders_per_session: 32,
            order_lines_per_session: 10_000,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), BadSetting> {
        let all = [
            ("items", self.items),
            ("neighbours_per_item", self.neighbours_per_item),
            ("pairs", self.pairs),
            ("pairs_per_basket", self.pairs_per_basket),
            ("categories", self.categories),
            ("customers", self.customers),
            ("customer_offers", self.customer_offers),
            ("erased_customers", self.erased_customers),
            ("combinations", self.combinations),
            ("experiment_shoppers", self.experiment_shoppers),
            ("sessions", self.sessions),
            ("basket_lines", self.basket_lines),
            ("event_ids", self.event_ids),
            ("offers_per_session", self.offers_per_session),
            ("orders_per_session", self.orders_per_session),
            ("order_lines_per_session", self.order_lines_per_session),
        ];
        match all.into_iter().find(|(_, value)| *value == 0) {
            Some((name, value)) => Err(BadSetting::new(format!("limits.{name}"), value, "1 or more is allowed")),
            None if self.memory.0 > 0 && self.memory.0 < MEMORY_MIN => {
                Err(BadSetting::new("limits.memory", self.memory, "64MiB or more is allowed, or 0 for no limit"))
            }
            None => Ok(()),
        }
    }

    /// The bytes that the shop's state may take; `None` where no memory is set.
    #[must_use]
    pub fn shop_bytes(&self) -> Option<usize> {
        self.share_of_memory(SHOP_SHARE)
    }

    /// Shoppers of experiments, as the setting says and as memory allows.
    #[must_use]
    pub fn shoppers_max(&self) -> usize {
        self.shop_bytes().map_or(self.experiment_shoppers, |bytes| self.experiment_shoppers.min(bytes / 10 / SHOPPER_BYTES))
    }

    /// The bytes that the sessions of all partitions of this process may take.
    #[must_use]
    pub fn sessions_bytes(&self) -> Option<usize> {
        self.share_of_memory(SESSIONS_SHARE)
    }

    /// The kilobytes that one reader of topics may hold ahead; `None` where no memory is set. There are up to four at a time.
    #[must_use]
    pub fn read_ahead_kb(&self) -> Option<u64> {
        (self.memory.0 > 0).then(|| (self.memory.0 / 64 / 1024).clamp(1_024, 65_536))
    }

    fn share_of_memory(&self, share: u64) -> Option<usize> {
        let bytes = (self.memory.0 > 0).then(|| self.memory.0.saturating_sub(PROGRAM_BYTES) / 100 * share)?;
        Some(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// How many of a basket's lines make pairs: as many as give no more than `pairs_per_basket`.
    #[must_use]
    pub fn paired_lines(&self) -> usize {
        // The largest n with n(n-1)/2 <= pairs.
        let pairs = self.pairs_per_basket as f64;
        ((1.0 + (1.0 + 8.0 * pairs).sqrt()) / 2.0) as usize
    }
}
