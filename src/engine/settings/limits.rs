//! What may grow, and how far.
//!
//! Invariant: whatever grows has its limit here, a gauge and an eviction counter.

use serde::Deserialize;

use super::BadSetting;

/// What may grow, and how far. Each has a gauge and an eviction counter.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
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
            None => Ok(()),
        }
    }

    /// How many of a basket's lines make pairs: as many as give no more than `pairs_per_basket`.
    #[must_use]
    pub fn paired_lines(&self) -> usize {
        // The largest n with n(n-1)/2 <= pairs.
        let pairs = self.pairs_per_basket as f64;
        ((1.0 + (1.0 + 8.0 * pairs).sqrt()) / 2.0) as usize
    }
}
