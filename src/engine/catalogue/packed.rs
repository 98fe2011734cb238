//! Products as they are held, a million of them: all texts of one in one piece of memory.
//!
//! Invariant: what is packed comes out again, but for empty texts, which are as good as none. Nothing is shared
//! between products: a category or brand of twenty letters costs less here than a pointer to it would.

use compact_str::CompactString;

use super::Product;
use crate::engine::memory::{Heap, block};
use crate::event::{Currency, ItemId, Money, ProductFacts, Timestamp};

/// Stands between the items of a list; no id has it, for it is a control character.
const BETWEEN: char = '\0';
/// No price, stock or day: stands for `None`, at no cost in memory.
const NO_PRICE: i64 = -1;

/// Packs texts into one piece, with the place where each ends. One that would go beyond 64 KiB in all is left out,
/// which no reader of rows lets happen. (No type of their own: it would be padded, and that a million times.)
fn pack<const N: usize>(parts: [&str; N]) -> (Box<str>, [u16; N]) {
    let mut all = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    let ends = parts.map(|part| {
        if all.len() + part.len() <= usize::from(u16::MAX) {
            all.push_str(part);
        }
        all.len() as u16
    });
    (all.into_boxed_str(), ends)
}

/// One of the texts that were packed; `None` where it is empty.
fn part<'a>(all: &'a str, ends: &[u16], at: usize) -> Option<&'a str> {
    let start = at.checked_sub(1).map_or(0, |before| ends[before]);
    all.get(usize::from(start)..usize::from(ends[at])).filter(|part| !part.is_empty())
}

/// Where each text of a given product is.
#[derive(Clone, Copy)]
enum Text {
    Title,
    Description,
    Category,
    Brand,
    ImageUrl,
    Url,
    AddUrl,
    UpgradeOf,
    VariantOf,
    Pinned,
    Excluded,
}
const TEXTS: usize = 11;

/// What the catalogue's own check found to be ignored, as bits.
pub const UPGRADE: u8 = 1;
/// See [`UPGRADE`].
pub const VARIANT: u8 = 2;

/// What the catalogue says of a product.
#[derive(Clone, Debug)]
pub struct Given {
    texts: Box<str>,
    ends: [u16; TEXTS],
    price: i64,
    stock: u64,
    margin_ppm: u32,
    rating_count: u32,
    rating_centi: u16,
    replenish_days: u16,
    currency: Option<Currency>,
    in_stock: Option<bool>,
    /// Relations that make no sense beside other products.
    pub ignored: u8,
}

impl Given {
    /// Packs a product.
    pub fn new(product: &Product) -> Self {
        let [pinned, excluded] = [&product.pinned, &product.excluded].map(|list| join(list));
        let texts = [
            &product.title,
            &product.description,
            &product.category,
            &product.brand,
            &product.image_url,
            &product.url,
            &product.add_url,
            &product.upgrade_of,
            &product.variant_of,
        ];
        let [title, description, category, brand, image_url, url, add_url, upgrade_of, variant_of] =
            texts.map(|text| text.as_deref().unwrap_or_default());
        let (texts, ends) =
            pack([title, description, category, brand, image_url, url, add_url, upgrade_of, variant_of, &pinned, &excluded]);
        Self {
            texts,
            ends,
            price: product.price.map_or(NO_PRICE, |price| price.0),
            stock: product.stock.unwrap_or(u64::MAX),
            margin_ppm: product.margin_ppm.unwrap_or(u32::MAX),
            rating_count: product.rating_count.unwrap_or(u32::MAX),
            rating_centi: product.rating_centi.unwrap_or(u16::MAX),
            replenish_days: product.replenish_days.unwrap_or(u16::MAX),
            currency: product.currency,
            in_stock: product.in_stock,
            ignored: 0,
        }
    }

    /// The whole product.
    pub fn product(&self) -> Product {
        let text = |which: Text| self.text(which).map(CompactString::from);
        Product {
            title: text(Text::Title),
            description: text(Text::Description),
            price: self.price(),
            currency: self.currency,
            category: text(Text::Category),
            brand: text(Text::Brand),
            image_url: text(Text::ImageUrl),
            url: text(Text::Url),
            add_url: text(Text::AddUrl),
            in_stock: self.in_stock,
            stock: self.stock(),
            margin_ppm: self.margin_ppm(),
            rating_centi: Some(self.rating_centi).filter(|rating| *rating != u16::MAX),
            rating_count: Some(self.rating_count).filter(|count| *count != u32::MAX),
            upgrade_of: self.upgrade_of().map(ItemId::from),
            variant_of: self.variant_of().map(ItemId::from),
            pinned: self.pinned(),
            excluded: self.excluded(),
            replenish_days: self.replenish_days(),
        }
    }

    /// Price of a unit.
    pub fn price(&self) -> Option<Money> {
        (self.price >= 0).then_some(Money(self.price))
    }

    /// The price's currency, where it is told.
    pub fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// The price, if it is in `currency`; one without a currency is in the shop's.
    pub fn price_in(&self, currency: Currency, shop_currency: Currency) -> Option<Money> {
        self.price().filter(|_| self.currency.unwrap_or(shop_currency) == currency)
    }

    fn stock(&self) -> Option<u64> {
        Some(self.stock).filter(|stock| *stock != u64::MAX)
    }

    /// See [`Product::is_available`].
    pub fn is_available(&self) -> bool {
        self.in_stock != Some(false) && self.stock() != Some(0)
    }

    /// The share of the price that is margin, in millionths.
    pub fn margin_ppm(&self) -> Option<u32> {
        Some(self.margin_ppm).filter(|margin| *margin != u32::MAX)
    }

    /// After how many days it is due again.
    pub fn replenish_days(&self) -> Option<u16> {
        Some(self.replenish_days).filter(|days| *days != u16::MAX)
    }

    /// Its category.
    pub fn category(&self) -> Option<&str> {
        self.text(Text::Category)
    }

    /// Its brand.
    pub fn brand(&self) -> Option<&str> {
        self.text(Text::Brand)
    }

    /// What the catalogue calls it a better one than, ignored or not.
    pub fn upgrade_of(&self) -> Option<&str> {
        self.text(Text::UpgradeOf)
    }

    /// What the catalogue calls it a variant of, ignored or not.
    pub fn variant_of(&self) -> Option<&str> {
        self.text(Text::VariantOf)
    }

    /// Companions to put first.
    pub fn pinned(&self) -> Vec<ItemId> {
        self.list(Text::Pinned).map(ItemId::from).collect()
    }

    /// What it is never offered with.
    pub fn excluded(&self) -> Vec<ItemId> {
        self.list(Text::Excluded).map(ItemId::from).collect()
    }

    /// Whether it pins or excludes anything.
    pub fn pins_or_excludes(&self) -> bool {
        self.list(Text::Pinned).next().is_some() || self.list(Text::Excluded).next().is_some()
    }

    fn text(&self, which: Text) -> Option<&str> {
        part(&self.texts, &self.ends, which as usize)
    }

    fn list(&self, which: Text) -> impl Iterator<Item = &str> {
        self.text(which).into_iter().flat_map(|list| list.split(BETWEEN))
    }
}

fn join(list: &[ItemId]) -> String {
    list.join(&BETWEEN.to_string())
}

/// What events told of a product.
#[derive(Clone, Debug)]
pub struct Learned {
    texts: Box<str>,
    ends: [u16; 3],
    price: i64,
    at: Timestamp,
    currency: Option<Currency>,
}

impl Heap for Learned {
    fn heap(&self) -> usize {
        block(size_of::<Self>()) + block(self.texts.len())
    }
}

impl Heap for Given {
    fn heap(&self) -> usize {
        block(size_of::<Self>()) + block(self.texts.len())
    }
}

impl Learned {
    /// What was known and what an event tells at `ts`, which is the later; a field it says nothing of stays.
    pub fn with(before: Option<&Self>, ts: Timestamp, price: Option<(Money, Currency)>, facts: &ProductFacts) -> Self {
        let known = |look: fn(&Self) -> Option<&str>| before.and_then(look);
        let title = facts.title.as_deref().or_else(|| known(Self::title)).unwrap_or_default();
        let category = facts.category.as_deref().or_else(|| known(Self::category)).unwrap_or_default();
        let brand = facts.brand.as_deref().or_else(|| known(Self::brand)).unwrap_or_default();
        let (texts, ends) = pack([title, category, brand]);
        let price = price.or_else(|| before.and_then(Self::price));
        Self { texts, ends, price: price.map_or(NO_PRICE, |(price, _)| price.0), at: ts, currency: price.map(|(_, currency)| currency) }
    }

    /// When it was told.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Price of a unit, with its currency.
    pub fn price(&self) -> Option<(Money, Currency)> {
        self.currency.map(|currency| (Money(self.price), currency))
    }

    /// The price, if it is in `currency`.
    pub fn price_in(&self, currency: Currency) -> Option<Money> {
        self.price().filter(|(_, known)| *known == currency).map(|(price, _)| price)
    }

    /// Its title.
    pub fn title(&self) -> Option<&str> {
        part(&self.texts, &self.ends, 0)
    }

    /// Its category.
    pub fn category(&self) -> Option<&str> {
        part(&self.texts, &self.ends, 1)
    }

    /// Its brand.
    pub fn brand(&self) -> Option<&str> {
        part(&self.texts, &self.ends, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let product = Product {
            title: Some("Aster 5".into()),
            description: Some("A phone, ü".into()),
            price: Some(Money(0)),
            currency: Some(Currency::USD),
            category: None,
            brand: Some("Aster".into()),
            image_url: None,
            url: Some("https://shop.example/a".into()),
            add_url: None,
            in_stock: Some(false),
            stock: Some(0),
            margin_ppm: Some(1_000_000),
            rating_centi: Some(467),
            rating_count: Some(12),
            upgrade_of: Some("aster-4".into()),
            variant_of: None,
            pinned: vec!["case".into(), "film".into()],
            excluded: vec!["other".into()],
            replenish_days: Some(30),
        };
        assert_eq!(Given::new(&product).product(), product);
        assert_eq!(Given::new(&Product::default()).product(), Product::default());
    }

    #[test]
    fn a_text_that_does_not_fit_is_left_out_and_the_others_stay() {
        let long = "x".repeat(70_000);
        let product =
            Product { title: Some("a".into()), description: Some(long.as_str().into()), brand: Some("b".into()), ..Product::default() };
        let expected = Product { description: None, ..product.clone() };
        assert_eq!(Given::new(&product).product(), expected);
    }

    #[test]
    fn a_product_takes_no_more_than_72_bytes_beside_its_texts() {
        assert_eq!((size_of::<Given>(), size_of::<Learned>()), (72, 48));
    }
}
