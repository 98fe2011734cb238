//! A product, as the shop's catalogue gives it and as it is known in all.
//!
//! Invariant: plain data; a field that is absent is not known, never a default.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::event::{Currency, ItemId, Money};

/// What the shop's catalogue says of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its title.
    pub title: Option<CompactString>,
    /// A sentence or two.
    pub description: Option<CompactString>,
    /// Price of a unit.
    pub price: Option<Money>,
    /// The price's currency; the shop's own if absent.
    pub currency: Option<Currency>,
    /// Its category.
    pub category: Option<CompactString>,
    /// Its brand.
    pub brand: Option<CompactString>,
    /// A picture.
    pub image_url: Option<CompactString>,
    /// Its page.
    pub url: Option<CompactString>,
    /// The link that puts it into the basket.
    pub add_url: Option<CompactString>,
    /// Whether it can be bought now.
    pub in_stock: Option<bool>,
    /// How many units there are.
    pub stock: Option<u64>,
    /// The share of the price that is margin, in millionths.
    pub margin_ppm: Option<u32>,
    /// Its rating, in hundredths of a point of five.
    pub rating_centi: Option<u16>,
    /// How many ratings that is of.
    pub rating_count: Option<u32>,
    /// The item it is a better one than.
    pub upgrade_of: Option<ItemId>,
    /// The item it is a variant of: a size, a colour.
    pub variant_of: Option<ItemId>,
    /// Companions to put first.
    pub pinned: Vec<ItemId>,
    /// Items it is never offered with.
    pub excluded: Vec<ItemId>,
    /// After how many days it is used up, or due again (`attributes.replenish_days`).
    pub replenish_days: Option<u16>,
}

impl Product {
    /// Whether it can be bought: nothing says that it is out of stock.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.in_stock != Some(false) && self.stock != Some(0)
    }

    /// The price, if it is in `currency`; one without a currency is in the shop's.
    #[must_use]
    pub fn price_in(&self, currency: Currency, shop_currency: Currency) -> Option<Money> {
        self.price.filter(|_| self.currency.unwrap_or(shop_currency) == currency)
    }
}
