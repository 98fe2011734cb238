//! What is known of products: given by the shop's catalogue, and learned from events where it says nothing.
//!
//! Invariant: a field the catalogue gives is never overruled by an event; among events the latest wins.

mod product;
mod relations;

pub use product::Product;

use compact_str::CompactString;
use dashmap::DashMap;
use foldhash::fast::FixedState;

use crate::event::{Currency, ItemId, Money, ProductFacts, Timestamp};
use relations::Relations;

#[derive(Clone, Debug, Default)]
struct Entry {
    given: Option<Box<Product>>,
    learned: Product,
    learned_at: Timestamp,
}

/// What the rules of an offer ask of an item; cheap to make, since only the category is shared text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// Price of a unit in the shop's own currency.
    pub price: Option<Money>,
    /// Its category.
    pub category: Option<CompactString>,
    /// Its brand.
    pub brand: Option<CompactString>,
    /// It can't be bought now.
    pub sold_out: bool,
    /// The share of the price that is margin, in millionths.
    pub margin_ppm: Option<u32>,
    /// The item that it and its variants go by: the one they are variants of.
    pub family: Option<ItemId>,
    /// The item it is a better one than.
    pub upgrade_of: Option<ItemId>,
    /// After how many days it is used up, or due again.
    pub replenish_days: Option<u16>,
}

/// The products of a shop.
#[derive(Debug)]
pub struct Catalogue {
    products_max: usize,
    products: DashMap<ItemId, Entry, FixedState>,
    relations: Relations,
    refused: std::sync::atomic::AtomicU64,
}

impl Catalogue {
    /// No products yet; at most `products_max` are learned.
    #[must_use]
    pub fn new(products_max: usize) -> Self {
        Self {
            products_max,
            products: DashMap::with_hasher(FixedState::default()),
            relations: Relations::default(),
            refused: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Sets what the shop's catalogue says, in the place of what it said before.
    pub fn give(&self, item: ItemId, product: Product) {
        self.withdraw(&item);
        self.relations.add(&item, &product);
        self.products.entry(item).or_default().given = Some(Box::new(product));
    }

    /// The shop's catalogue no longer has the item; what events told of it stays.
    pub fn withdraw(&self, item: &str) {
        let Some(mut entry) = self.products.get_mut(item) else { return };
        if let Some(given) = entry.given.take() {
            self.relations.remove(item, &given);
        }
    }

    /// What rules ask of an item.
    #[must_use]
    pub fn facets(&self, item: &str, shop_currency: Currency) -> Facets {
        let Some(entry) = self.products.get(item) else { return Facets::default() };
        let learned = &entry.learned;
        let learned_price = learned.price_in(shop_currency, shop_currency);
        let Some(given) = &entry.given else {
            let (category, brand) = (learned.category.clone(), learned.brand.clone());
            return Facets { price: learned_price, category, brand, ..Facets::default() };
        };
        Facets {
            // A list in another currency says nothing; what events told, does.
            price: given.price_in(shop_currency, shop_currency).or(learned_price),
            category: given.category.clone().or_else(|| learned.category.clone()),
            brand: given.brand.clone().or_else(|| learned.brand.clone()),
            sold_out: !given.is_available(),
            margin_ppm: given.margin_ppm,
            family: given.variant_of.clone(),
            upgrade_of: given.upgrade_of.clone(),
            replenish_days: given.replenish_days,
        }
    }

    /// The companions the catalogue pins to an item.
    #[must_use]
    pub fn pinned(&self, item: &str) -> Vec<ItemId> {
        self.given(item, |product| product.pinned.clone()).unwrap_or_default()
    }

    /// The items the catalogue keeps away from an item.
    #[must_use]
    pub fn excluded_with(&self, item: &str) -> Vec<ItemId> {
        self.given(item, |product| product.excluded.clone()).unwrap_or_default()
    }

    /// Whether any product is a variant, pins or excludes: where none does, nobody need ask.
    #[must_use]
    pub fn has_relations(&self) -> bool {
        self.relations.are_any()
    }

    /// The items that are variants of this one.
    #[must_use]
    pub fn variants_of(&self, item: &str) -> Vec<ItemId> {
        self.relations.variants_of(item)
    }

    /// The items that the catalogue calls better than this one.
    #[must_use]
    pub fn upgrades_of(&self, item: &str) -> Vec<ItemId> {
        self.relations.upgrades_of(item)
    }

    /// The items of a category that came into the catalogue last, oldest first.
    #[must_use]
    pub fn newest_of(&self, category: &str) -> Vec<ItemId> {
        self.relations.newest_of(category)
    }

    fn given<T>(&self, item: &str, look: impl FnOnce(&Product) -> T) -> Option<T> {
        let entry = self.products.get(item)?;
        entry.given.as_deref().map(look)
    }

    /// Learns from an event: see [`super::facts::Fact::Learned`].
    pub fn learn(&self, item: &ItemId, ts: Timestamp, price: Option<(Money, Currency)>, facts: &ProductFacts) {
        if !self.products.contains_key(item) && self.products.len() >= self.products_max {
            self.refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return;
        }
        let mut entry = self.products.entry(item.clone()).or_default();
        if ts < entry.learned_at {
            return;
        }
        entry.learned_at = ts;
        let learned = &mut entry.learned;
        if let Some((price, currency)) = price {
            (learned.price, learned.currency) = (Some(price), Some(currency));
        }
        for (field, value) in
            [(&mut learned.title, &facts.title), (&mut learned.category, &facts.category), (&mut learned.brand, &facts.brand)]
        {
            if value.is_some() {
                field.clone_from(value);
            }
        }
    }

    /// All that is known of an item.
    #[must_use]
    pub fn get(&self, item: &str) -> Product {
        let Some(entry) = self.products.get(item) else { return Product::default() };
        let Some(given) = &entry.given else { return entry.learned.clone() };
        let learned = &entry.learned;
        let mut product = (**given).clone();
        if product.price.is_none() {
            (product.price, product.currency) = (learned.price, learned.currency);
        }
        product.title = product.title.or_else(|| learned.title.clone());
        product.category = product.category.or_else(|| learned.category.clone());
        product.brand = product.brand.or_else(|| learned.brand.clone());
        product
    }

    /// The price that the shop's catalogue gives, if it is in `currency`; a price without one is in `shop_currency`.
    #[must_use]
    pub fn given_price(&self, item: &str, currency: Currency, shop_currency: Currency) -> Option<Money> {
        self.given(item, |product| product.price_in(currency, shop_currency)).flatten()
    }

    /// Whether an event that tells this would teach anything.
    #[must_use]
    pub fn would_learn(&self, item: &str, price: Option<(Money, Currency)>, facts: &ProductFacts) -> bool {
        let Some(entry) = self.products.get(item) else { return price.is_some() || *facts != ProductFacts::default() };
        let known = &entry.learned;
        let new_text = |known: &Option<CompactString>, told: &Option<CompactString>| told.is_some() && told != known;
        price.is_some_and(|(price, currency)| known.price != Some(price) || known.currency != Some(currency))
            || new_text(&known.title, &facts.title)
            || new_text(&known.category, &facts.category)
            || new_text(&known.brand, &facts.brand)
    }

    /// How many products are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// Whether no product is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// How many times a product was not learned for want of room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titled(title: &str) -> ProductFacts {
        ProductFacts { title: Some(title.into()), ..ProductFacts::default() }
    }

    #[test]
    fn the_catalogue_overrules_events_field_by_field() {
        let catalogue = Catalogue::new(10);
        let price = Some((Money(5), Currency::USD));
        catalogue.learn(&"a".into(), Timestamp(1), price, &titled("from an event"));
        catalogue.give("a".into(), Product { title: Some("given".into()), ..Product::default() });
        let product = catalogue.get("a");
        assert_eq!((product.title.as_deref(), product.price), (Some("given"), Some(Money(5))));
    }

    #[test]
    fn among_events_the_latest_wins_whatever_the_order() {
        let catalogue = Catalogue::new(10);
        catalogue.learn(&"a".into(), Timestamp(2), None, &titled("new"));
        catalogue.learn(&"a".into(), Timestamp(1), None, &titled("old"));
        assert_eq!(catalogue.get("a").title.as_deref(), Some("new"));
        assert!(!catalogue.would_learn("a", None, &titled("new")) && catalogue.would_learn("a", None, &titled("newer")));
    }

    #[test]
    fn beyond_its_limit_nothing_is_learned_and_that_is_counted() {
        let catalogue = Catalogue::new(1);
        catalogue.learn(&"a".into(), Timestamp(1), None, &titled("a"));
        catalogue.learn(&"b".into(), Timestamp(1), None, &titled("b"));
        assert_eq!((catalogue.len(), catalogue.refused()), (1, 1));
    }
}
