//! Purpose: what the simulated shop sells, and the truth about what goes with what.
//!
//! Invariant: that truth (`companions`, `betters`) moves shoppers only. It is in no event and no
//! catalogue row, so whoever listens has to learn it from what is bought.

use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};
use serde::Serialize;

use super::event::{Attributes, SIMULATED};
use super::money::Cents;
use super::rng::{Rng, derive};

/// The one currency of the simulated shop.
pub const CURRENCY: &str = "USD";

/// The range as a table: see the head of the file.
const TABLE: &str = include_str!("products.txt");

/// A product's place in [`Catalogue::products`].
pub(super) type ItemIx = u16;

/// One product of the simulated shop.
#[derive(Clone, Debug)]
pub struct Product {
    /// `sim-` and the name in the table.
    pub item_id: CompactString,
    /// What a shopper reads.
    pub title: &'static str,
    /// One of twenty.
    pub category: &'static str,
    /// An invented one.
    pub brand: &'static str,
    /// A unit, in [`CURRENCY`].
    pub price: Cents,
    /// The product this one is another size of.
    pub variant_of: Option<CompactString>,
    /// The product this one is a better one than.
    pub upgrade_of: Option<CompactString>,
    /// Bought again and again, and often more than one.
    pub(super) consumable: bool,
    /// Strongest first.
    pub(super) companions: Vec<ItemIx>,
    /// The cheaper product behind `variant_of` or `upgrade_of`.
    pub(super) betters: Option<ItemIx>,
    popularity: u32,
}

#[derive(Serialize)]
struct CatalogueRow<'a> {
    item_id: &'a str,
    title: &'a str,
    description: &'a str,
    price: Cents,
    currency: &'a str,
    category: &'a str,
    brand: &'a str,
    url: CompactString,
    add_url: CompactString,
    in_stock: bool,
    rating: CompactString,
    rating_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upgrade_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant_of: Option<&'a str>,
    attributes: &'a Attributes,
}

impl Product {
    /// The product's row for the catalogue topic, or a line of a catalogue file: one JSON object.
    pub fn to_json(&self) -> String {
        let dice = self.item_id.bytes().fold(0, |seed, byte| derive(seed, byte.into()));
        let row = CatalogueRow {
            item_id: &self.item_id,
            title: self.title,
            description: "A product of the simulated shop",
            price: self.price,
            currency: CURRENCY,
            category: self.category,
            brand: self.brand,
            url: format_compact!("https://shop.example/p/{}", self.item_id),
            add_url: format_compact!("https://shop.example/cart/add?item={}", self.item_id),
            in_stock: true,
            rating: format_compact!("{}.{}", 3 + dice % 2, 5 + dice / 2 % 5),
            rating_count: 10 + u64::from(self.popularity) * (20 + dice / 10 % 60),
            upgrade_of: self.upgrade_of.as_deref(),
            variant_of: self.variant_of.as_deref(),
            attributes: &SIMULATED,
        };
        // Strings, numbers and a flag: there is nothing in it that could fail.
        serde_json::to_string(&row).unwrap_or_default()
    }
}

/// The whole range, with the ways shoppers find something in it.
pub(super) struct Catalogue {
    products: Vec<Product>,
    by_id: BTreeMap<CompactString, ItemIx>,
    /// Running sums of the squares of popularity, one a product.
    popularity_sums: Vec<u32>,
    consumables: Vec<ItemIx>,
    shelves: BTreeMap<&'static str, Vec<ItemIx>>,
}

impl Catalogue {
    pub(super) fn new() -> Self {
        let rows: Vec<Row> = read_table(TABLE);
        let by_id: BTreeMap<_, _> = (0..).zip(&rows).map(|(ix, row)| (item_id(row.name), ix)).collect();
        let products: Vec<Product> = rows.iter().map(|row| product(row, &rows, &by_id)).collect();
        let popularity_sums = products
            .iter()
            .scan(0, |sum, product| {
                *sum += product.popularity * product.popularity;
                Some(*sum)
            })
            .collect();
        let consumables = (0..).zip(&products).filter(|(_, p)| p.consumable).map(|(ix, _)| ix).collect();
        let mut shelves: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (ix, product) in (0..).zip(&products) {
            shelves.entry(product.category).or_default().push(ix);
        }
        Self { products, by_id, popularity_sums, consumables, shelves }
    }

    pub(super) fn products(&self) -> &[Product] {
        &self.products
    }

    pub(super) fn product(&self, item: ItemIx) -> &Product {
        &self.products[usize::from(item)]
    }

    pub(super) fn find(&self, item_id: &str) -> Option<ItemIx> {
        self.by_id.get(item_id).copied()
    }

    /// Does a shopper who has `anchor` have a use for `other`?
    pub(super) fn goes_with(&self, anchor: ItemIx, other: ItemIx) -> bool {
        self.product(anchor).companions.contains(&other)
    }

    /// The next dearer product that is a variant or an upgrade of this one.
    pub(super) fn better_than(&self, item: ItemIx) -> Option<ItemIx> {
        (0..).zip(&self.products).find(|(_, p)| p.betters == Some(item)).map(|(ix, _)| ix)
    }

    /// Is this one a variant or an upgrade of the other, directly or step by step?
    pub(super) fn is_better(&self, item: ItemIx, than: ItemIx) -> bool {
        let below = |&item: &ItemIx| self.product(item).betters;
        std::iter::successors(below(&item), below).take(self.products.len()).any(|base| base == than)
    }

    /// Any product, the popular ones more often.
    pub(super) fn pick(&self, rng: &mut Rng) -> ItemIx {
        let total = self.popularity_sums.last().copied().unwrap_or(0);
        let draw = rng.below(total as usize) as u32;
        self.popularity_sums.partition_point(|&sum| sum <= draw) as ItemIx
    }

    /// Any product that is bought again and again, all equally often.
    pub(super) fn pick_consumable(&self, rng: &mut Rng) -> Option<ItemIx> {
        rng.pick(&self.consumables)
    }

    /// Any other product of the same category, if there is one.
    pub(super) fn pick_alike(&self, item: ItemIx, rng: &mut Rng) -> Option<ItemIx> {
        let other = rng.pick(self.shelves.get(self.product(item).category)?)?;
        (other != item).then_some(other)
    }
}

/// One line of the table, its columns still text.
struct Row {
    name: &'static str,
    category: &'static str,
    title: &'static str,
    brand: &'static str,
    price: Cents,
    popularity: u32,
    companions: &'static str,
    notes: &'static str,
}

/// Reads the table; a test sees to it that no line of it is passed over.
fn read_table(table: &'static str) -> Vec<Row> {
    let mut category = "";
    let mut rows = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            category = name;
        } else if let Some(row) = read_row(category, line) {
            rows.push(row);
        }
    }
    rows
}

fn read_row(category: &'static str, line: &'static str) -> Option<Row> {
    let mut columns = line.split('|').map(str::trim);
    Some(Row {
        category,
        name: columns.next()?,
        title: columns.next()?,
        brand: columns.next()?,
        price: Cents::parse(columns.next()?)?,
        popularity: columns.next()?.parse().ok()?,
        companions: columns.next()?,
        notes: columns.next()?,
    })
}

fn item_id(name: &str) -> CompactString {
    format_compact!("sim-{name}")
}

fn note(row: &Row, key: &str) -> Option<CompactString> {
    let value = |word: &'static str| word.strip_prefix(key)?.strip_prefix('=');
    row.notes.split_whitespace().find_map(value).map(item_id)
}

fn product(row: &Row, rows: &[Row], by_id: &BTreeMap<CompactString, ItemIx>) -> Product {
    let find = |id: &CompactString| by_id.get(id).copied();
    let variant_of = note(row, "variant_of");
    let upgrade_of = note(row, "upgrade_of");
    let betters = variant_of.as_ref().or(upgrade_of.as_ref()).and_then(find);
    let names = match betters {
        Some(base) if row.companions.is_empty() => rows[usize::from(base)].companions,
        _ => row.companions,
    };
    Product {
        item_id: item_id(row.name),
        title: row.title,
        category: row.category,
        brand: row.brand,
        price: row.price,
        consumable: row.notes.split_whitespace().any(|word| word == "consumable"),
        companions: names.split_whitespace().filter_map(|n| find(&item_id(n))).collect(),
        betters,
        variant_of,
        upgrade_of,
        popularity: row.popularity,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_every_name_in_it_exists() {
        let catalogue = Catalogue::new();
        let lines = TABLE.lines().filter(|l| !l.starts_with('#') && l.contains('|')).count();
        assert_eq!(catalogue.products().len(), lines);
        assert_eq!(catalogue.by_id.len(), lines, "a name twice");
        for row in read_table(TABLE) {
            let linked = row.companions.split_whitespace().map(item_id);
            for id in linked.chain(note(&row, "variant_of")).chain(note(&row, "upgrade_of")) {
                assert!(catalogue.find(&id).is_some(), "{}: {id}", row.name);
            }
        }
    }

    #[test]
    fn the_range_is_some_300_products_in_20_categories() {
        let catalogue = Catalogue::new();
        let categories: BTreeSet<_> = catalogue.products().iter().map(|p| p.category).collect();
        assert_eq!(categories.len(), 20);
        assert!((290..=330).contains(&catalogue.products().len()));
    }

    #[test]
    fn what_is_better_is_dearer_and_of_the_same_category() {
        let catalogue = Catalogue::new();
        let mut pairs = 0;
        for product in catalogue.products() {
            assert!(product.variant_of.is_none() || product.upgrade_of.is_none());
            let Some(base) = product.betters else { continue };
            let base = catalogue.product(base);
            assert!(product.price > base.price, "{}", product.item_id);
            assert_eq!(product.category, base.category);
            pairs += 1;
        }
        assert!(pairs >= 30);
    }

    #[test]
    fn nothing_goes_with_itself_or_with_its_own_upgrade() {
        let catalogue = Catalogue::new();
        for (ix, product) in (0..).zip(catalogue.products()) {
            assert!(!catalogue.goes_with(ix, ix));
            assert!(product.companions.len() <= 4);
            assert!(product.betters.is_none_or(|base| !catalogue.goes_with(ix, base)));
        }
    }

    #[test]
    fn a_row_has_the_fields_of_the_contract_and_says_that_it_is_simulated() {
        let catalogue = Catalogue::new();
        let item = catalogue.find("sim-phone-zelvo5-256").expect("in the table");
        let row: Value = serde_json::from_str(&catalogue.product(item).to_json()).expect("JSON");
        assert_eq!(row["item_id"], "sim-phone-zelvo5-256");
        assert_eq!(row["price"], "349.00");
        assert_eq!(row["currency"], "USD");
        assert_eq!(row["category"], "Phones");
        assert_eq!(row["variant_of"], "sim-phone-zelvo5");
        assert_eq!(row["attributes"]["simulated"], "true");
        assert!(row.get("companions").is_none() && row.get("upgrade_of").is_none());
    }

    #[test]
    fn popular_products_are_picked_more_often() {
        let catalogue = Catalogue::new();
        let mut rng = Rng::new(3);
        let mut picks = vec![0; catalogue.products().len()];
        for _ in 0..200_000 {
            picks[usize::from(catalogue.pick(&mut rng))] += 1;
        }
        assert!(picks.iter().all(|&n| n > 0));
        let of = |id| picks[usize::from(catalogue.find(id).expect("in the table"))];
        assert!(of("sim-phone-zelvo5") > 30 * of("sim-phone-cord"));
    }
}
