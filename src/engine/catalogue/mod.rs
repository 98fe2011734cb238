//! What is known of products: given by the shop's catalogue, and learned from events where it says nothing.
//!
//! Invariant: a field the catalogue gives is never overruled by an event; among events the latest wins. There are
//! never more than the limit, given and learned together: what was learned of products that no longer sell makes room for what
//! is learned anew, and never what is given. Locks are taken in one order: a product, then a relation.

mod check;
mod packed;
mod product;
mod relations;

pub use check::Warning;
pub use product::Product;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use compact_str::CompactString;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Place;
use foldhash::fast::FixedState;

use super::memory::{self, Heap};
use crate::event::{Currency, ItemId, Money, ProductFacts, Timestamp};
use packed::{Given, Learned, UPGRADE, VARIANT};
use relations::{Relations, list};

/// Steps a chain of variants is followed.
const CHAIN_MAX: usize = 32;
/// Most variants or upgrades told of an item.
const TOLD_MAX: usize = 64;

/// What is known of one item. Both are pointers: a place in the map is there up to twice an item.
#[derive(Clone, Debug, Default)]
struct Entry {
    given: Option<Box<Given>>,
    /// Never changed, only replaced: a frozen shop may hold it.
    learned: Option<Arc<Learned>>,
}

/// What the rules of an offer ask of an item; cheap to make: a look-up, and one more where it is a variant.
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
    /// The item that it and its variants go by: the root of the chain of `variant_of`; none for the root itself.
    pub family: Option<ItemId>,
    /// The item it is a better one than.
    pub upgrade_of: Option<ItemId>,
    /// After how many days it is used up, or due again.
    pub replenish_days: Option<u16>,
}

/// Whether a category, which may be a path (`Drinks > Wine`), is another one or lies within it.
#[must_use]
pub fn is_within(category: &str, of: &str) -> bool {
    category.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with('>'))
}

/// The products of a shop.
#[derive(Debug)]
pub struct Catalogue {
    products_max: usize,
    products: DashMap<ItemId, Entry, FixedState>,
    /// How many there are: the map itself would have to lock all its parts to tell.
    count: AtomicUsize,
    relations: Relations,
    /// Products of which something was learned, and the bytes that takes; the fold's alone.
    learned: AtomicUsize,
    learned_heap: AtomicUsize,
    given_heap: AtomicUsize,
    refused: AtomicU64,
    /// Those of `refused` that events told of: what the shop log tells, and nothing else, is in a snapshot.
    refused_learned: AtomicU64,
}

impl Catalogue {
    /// No products yet; at most `products_max` are taken in, given and learned together.
    #[must_use]
    pub fn new(products_max: usize) -> Self {
        Self {
            products_max,
            products: DashMap::with_hasher(FixedState::default()),
            count: AtomicUsize::new(0),
            relations: Relations::default(),
            learned: AtomicUsize::new(0),
            learned_heap: AtomicUsize::new(0),
            given_heap: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            refused_learned: AtomicU64::new(0),
        }
    }

    /// Sets what the shop's catalogue says, in the place of what it said before; whether there was room for it,
    /// which there is for every item that is known. Whoever gives many looks at their relations at the end, by
    /// [`Catalogue::check_relations`].
    pub fn give(&self, item: ItemId, product: Product) -> bool {
        let mut given = Box::new(Given::new(&product));
        let mut entry = match self.products.entry(item.clone()) {
            Place::Occupied(known) => known.into_ref(),
            Place::Vacant(_) if !self.take_room() => return false,
            Place::Vacant(vacant) => vacant.insert(Entry::default()),
        };
        let before = entry.given.take();
        self.given_heap.fetch_add(given.heap(), Ordering::Relaxed);
        self.given_heap.fetch_sub(before.as_deref().map_or(0, Heap::heap), Ordering::Relaxed);
        if let Some(before) = &before {
            given.ignored = still_ignored(before, &given);
        }
        self.relations.change(&item, before.as_deref(), Some(&given));
        entry.given = Some(given);
        true
    }

    /// The shop's catalogue no longer has the item; what events told of it stays.
    pub fn withdraw(&self, item: &str) {
        let item = ItemId::from(item);
        let Place::Occupied(mut entry) = self.products.entry(item.clone()) else { return };
        let Some(given) = entry.get_mut().given.take() else { return };
        self.relations.change(&item, Some(&given), None);
        self.given_heap.fetch_sub(given.heap(), Ordering::Relaxed);
        if entry.get().learned.is_none() {
            entry.remove();
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// What rules ask of an item.
    #[must_use]
    pub fn facets(&self, item: &str, shop_currency: Currency) -> Facets {
        let Some(entry) = self.products.get(item) else { return Facets::default() };
        let learned = entry.learned.as_deref();
        let learned_price = learned.and_then(|learned| learned.price_in(shop_currency));
        let learned_category = || learned.and_then(Learned::category);
        let learned_brand = || learned.and_then(Learned::brand);
        let Some(given) = entry.given.as_deref() else {
            let (category, brand) = (learned_category().map(CompactString::from), learned_brand().map(CompactString::from));
            return Facets { price: learned_price, category, brand, ..Facets::default() };
        };
        let mut facets = Facets {
            // A list in another currency says nothing; what events told, does.
            price: given.price_in(shop_currency, shop_currency).or(learned_price),
            category: given.category().or_else(learned_category).map(CompactString::from),
            brand: given.brand().or_else(learned_brand).map(CompactString::from),
            sold_out: !given.is_available(),
            margin_ppm: given.margin_ppm(),
            family: variant_of(given),
            upgrade_of: upgrade_of(given),
            replenish_days: given.replenish_days(),
        };
        // Another product is looked at: this one must not be locked any more.
        drop(entry);
        facets.family = facets.family.map(|parent| self.root_of(parent));
        facets
    }

    /// The item at the end of a chain of variants.
    fn root_of(&self, mut item: ItemId) -> ItemId {
        for _ in 0..CHAIN_MAX {
            let Some(parent) = self.given(&item, variant_of).flatten() else { return item };
            item = parent;
        }
        item
    }

    /// The companions the catalogue pins to an item.
    #[must_use]
    pub fn pinned(&self, item: &str) -> Vec<ItemId> {
        self.given(item, Given::pinned).unwrap_or_default()
    }

    /// The items the catalogue keeps away from an item.
    #[must_use]
    pub fn excluded_with(&self, item: &str) -> Vec<ItemId> {
        self.given(item, Given::excluded).unwrap_or_default()
    }

    /// Whether any product is a variant or a better one of another, pins or excludes: where none is, nobody need ask.
    #[must_use]
    pub fn has_relations(&self) -> bool {
        self.relations.are_any()
    }

    /// The items that are variants of this one, and those that are variants of them; at most 64.
    #[must_use]
    pub fn variants_of(&self, item: &str) -> Vec<ItemId> {
        let mut found = self.naming(&self.relations.variants, item, VARIANT);
        let mut next = 0;
        while next < found.len() && found.len() < TOLD_MAX {
            let more = self.naming(&self.relations.variants, &found[next].clone(), VARIANT);
            let new: Vec<ItemId> = more.into_iter().filter(|one| one != item && !found.contains(one)).collect();
            found.extend(new);
            next += 1;
        }
        found.truncate(TOLD_MAX);
        found
    }

    /// The items that the catalogue calls better than this one; at most 64.
    #[must_use]
    pub fn upgrades_of(&self, item: &str) -> Vec<ItemId> {
        self.naming(&self.relations.upgrades, item, UPGRADE)
    }

    /// The items that name this one, but for those whose relation is ignored.
    fn naming(&self, lists: &relations::Lists, item: &str, bit: u8) -> Vec<ItemId> {
        let names = |other: &ItemId| self.given(other, |given| given.ignored & bit == 0) == Some(true);
        list(lists, item, TOLD_MAX).into_iter().filter(names).collect()
    }

    /// The items of a category that came into the catalogue last, oldest first.
    #[must_use]
    pub fn newest_of(&self, category: &str) -> Vec<ItemId> {
        self.relations.newest_of(category)
    }

    fn given<T>(&self, item: &str, look: impl FnOnce(&Given) -> T) -> Option<T> {
        let entry = self.products.get(item)?;
        entry.given.as_deref().map(look)
    }

    /// Learns from an event: see [`super::facts::Fact::Learned`]; whether there was room for it.
    pub fn learn(&self, item: &ItemId, ts: Timestamp, price: Option<(Money, Currency)>, facts: &ProductFacts) -> bool {
        let mut entry = match self.products.entry(item.clone()) {
            Place::Occupied(known) => known.into_ref(),
            Place::Vacant(_) if !self.take_room() => {
                self.refused_learned.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            Place::Vacant(vacant) => vacant.insert(Entry::default()),
        };
        let before = entry.learned.as_deref();
        if before.is_some_and(|before| ts < before.at()) {
            return true;
        }
        let now = Learned::with(before, ts, price, facts);
        let before = before.map(|before| learned_heap(item, before));
        self.learned.fetch_add(usize::from(before.is_none()), Ordering::Relaxed);
        self.learned_heap.fetch_add(learned_heap(item, &now), Ordering::Relaxed);
        self.learned_heap.fetch_sub(before.unwrap_or(0), Ordering::Relaxed);
        entry.learned = Some(Arc::new(now));
        true
    }

    /// Forgets a hundredth of what was learned: of the items of least `weight` that one of which nothing new was heard for
    /// longest; whether there was any. For room among products, of those the shop's catalogue does not have.
    pub fn evict(&self, for_room: bool, weight: impl Fn(&str) -> u64) -> bool {
        let may_go = |entry: &Entry| !(for_room && entry.given.is_some());
        let all = |tell: &mut dyn FnMut((u64, Timestamp), &ItemId)| {
            for entry in self.products.iter().filter(|entry| may_go(entry.value())) {
                if let Some(learned) = &entry.learned {
                    tell((weight(entry.key()), learned.at()), entry.key());
                }
            }
        };
        let gone = memory::least(memory::hundredth(self.learned.load(Ordering::Relaxed)), all);
        gone.iter().for_each(|item| self.unlearn(item));
        self.refuse(gone.len() as u64);
        !gone.is_empty()
    }

    fn unlearn(&self, item: &ItemId) {
        let Place::Occupied(mut entry) = self.products.entry(item.clone()) else { return };
        let Some(learned) = entry.get_mut().learned.take() else { return };
        self.learned.fetch_sub(1, Ordering::Relaxed);
        self.learned_heap.fetch_sub(learned_heap(item, &learned), Ordering::Relaxed);
        if entry.get().given.is_none() {
            entry.remove();
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many bytes takes what was learned: see [`super::memory`]. What the shop's catalogue gives is no part of it, for
    /// that is not in the shop's log.
    #[must_use]
    pub fn learned_bytes(&self) -> usize {
        memory::table(self.learned.load(Ordering::Relaxed), size_of::<(ItemId, Entry)>()) + self.learned_heap.load(Ordering::Relaxed)
    }

    /// How many bytes all products take, given and learned.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let heap = self.learned_heap.load(Ordering::Relaxed) + self.given_heap.load(Ordering::Relaxed);
        memory::table(self.len(), size_of::<(ItemId, Entry)>()) + heap
    }

    /// Makes room for one more; counts where there is none.
    fn take_room(&self) -> bool {
        let more = |count: usize| (count < self.products_max).then_some(count + 1);
        let has_room = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if !has_room {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// All that is known of an item; relations as the catalogue gives them.
    #[must_use]
    pub fn get(&self, item: &str) -> Product {
        let Some(entry) = self.products.get(item) else { return Product::default() };
        let mut product = entry.given.as_deref().map(Given::product).unwrap_or_default();
        let Some(learned) = entry.learned.as_deref() else { return product };
        if let (None, Some((price, currency))) = (product.price, learned.price()) {
            (product.price, product.currency) = (Some(price), Some(currency));
        }
        let text = |text: Option<&str>| text.map(CompactString::from);
        product.title = product.title.or_else(|| text(learned.title()));
        product.category = product.category.or_else(|| text(learned.category()));
        product.brand = product.brand.or_else(|| text(learned.brand()));
        product
    }

    /// The price that the shop's catalogue gives, if it is in `currency`; a price without one is in `shop_currency`.
    #[must_use]
    pub fn given_price(&self, item: &str, currency: Currency, shop_currency: Currency) -> Option<Money> {
        self.given(item, |given| given.price_in(currency, shop_currency)).flatten()
    }

    /// Whether an event that tells this would teach anything.
    #[must_use]
    pub fn would_learn(&self, item: &str, price: Option<(Money, Currency)>, facts: &ProductFacts) -> bool {
        let entry = self.products.get(item);
        let Some(known) = entry.as_ref().and_then(|entry| entry.learned.as_deref()) else {
            return price.is_some() || *facts != ProductFacts::default();
        };
        let new_text = |known: Option<&str>, told: &Option<CompactString>| told.is_some() && told.as_deref() != known;
        price.is_some_and(|price| known.price() != Some(price))
            || new_text(known.title(), &facts.title)
            || new_text(known.category(), &facts.category)
            || new_text(known.brand(), &facts.brand)
    }

    /// How many products are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether no product is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many times a product was not taken in for want of room, or made room for another.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// An id that is long is reckoned with here, whether the catalogue has the item or not.
fn learned_heap(item: &ItemId, learned: &Learned) -> usize {
    learned.heap() + memory::text(item)
}

/// What it is a variant of, if that makes sense.
fn variant_of(given: &Given) -> Option<ItemId> {
    given.variant_of().filter(|_| given.ignored & VARIANT == 0).map(ItemId::from)
}

/// What it is better than, if that makes sense.
fn upgrade_of(given: &Given) -> Option<ItemId> {
    given.upgrade_of().filter(|_| given.ignored & UPGRADE == 0).map(ItemId::from)
}

/// What was ignored stays so while it says the same, until relations are looked at again.
fn still_ignored(before: &Given, after: &Given) -> u8 {
    let upgrade = if before.upgrade_of() == after.upgrade_of() { UPGRADE } else { 0 };
    let variant = if before.variant_of() == after.variant_of() { VARIANT } else { 0 };
    before.ignored & (upgrade | variant)
}

#[path = "../frozen/catalogue.rs"]
pub mod frozen;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
