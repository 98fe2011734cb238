//! Which relations between products make no sense: an upgrade that is not dearer, a chain that leads to its start.
//!
//! Invariant: what is found depends on the products alone, not on the order they came in, so that all instances
//! find the same.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::FixedState;

use super::Catalogue;
use super::packed::{UPGRADE, VARIANT};
use super::relations::Lists;
use crate::event::ItemId;

/// So many items of a chain are named.
const CHAIN_SHOWN: usize = 5;

/// Something a product says that is ignored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The product.
    pub item: ItemId,
    /// The field that is ignored, or a part of it.
    pub field: &'static str,
    /// Why.
    pub detail: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?} is ignored: {}", self.field, self.item, self.detail)
    }
}

type Chains = HashMap<ItemId, ItemId, FixedState>;
type Reasons = HashMap<ItemId, String, FixedState>;

impl Catalogue {
    /// Looks which relations make no sense beside other products, and leaves them out of use until they do:
    /// upgrades that cost no more than what they upgrade (both prices in one currency), and chains of upgrades or
    /// variants that lead back to their start, where that of the last item by id is left out. Returns those that
    /// were in use before, sorted. Costs nothing where nothing changed that matters to it.
    pub fn check_relations(&self) -> Vec<Warning> {
        if !self.relations.take_changed() {
            return Vec::new();
        }
        let upgrades = chains(&self.relations.upgrades);
        let mut cheap: Reasons = upgrades.iter().filter_map(|(item, base)| Some((item.clone(), self.not_dearer(item, base)?))).collect();
        let dear = upgrades.iter().filter(|(item, _)| !cheap.contains_key(*item));
        cheap.extend(closing(&dear.map(|(item, base)| (item.clone(), base.clone())).collect()));
        let variants = chains(&self.relations.variants);
        let mut warnings = self.ignore("upgrade_of", UPGRADE, &upgrades, &cheap);
        warnings.extend(self.ignore("variant_of", VARIANT, &variants, &closing(&variants)));
        warnings.sort_unstable();
        warnings
    }

    /// Why an upgrade is none, by its price.
    fn not_dearer(&self, item: &str, base: &str) -> Option<String> {
        let price = |item: &str| self.given(item, |given| given.price().map(|price| (price, given.currency()))).flatten();
        let ((price, currency), (base_price, base_currency)) = (price(item)?, price(base)?);
        let is_dearer = price > base_price || currency != base_currency;
        (!is_dearer).then(|| format!("it costs {price}, and {base:?}, which it is to be better than, {base_price}"))
    }

    /// Leaves out the relations that there is a reason against, and takes back in the others.
    fn ignore(&self, field: &'static str, bit: u8, all: &Chains, reasons: &Reasons) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for item in all.keys() {
            let reason = reasons.get(item);
            // Most stay as they are: no need to lock them.
            if self.given(item, |given| (given.ignored & bit != 0) == reason.is_some()) != Some(false) {
                continue;
            }
            if let Some(given) = self.products.get_mut(item).as_mut().and_then(|entry| entry.given.as_mut()) {
                given.ignored ^= bit;
            }
            if let Some(detail) = reason {
                warnings.push(Warning { item: item.clone(), field, detail: detail.clone() });
            }
        }
        warnings
    }
}

/// What each item names.
fn chains(lists: &Lists) -> Chains {
    let named = lists.iter().flat_map(|list| list.value().iter().map(|item| (item.clone(), list.key().clone())).collect::<Vec<_>>());
    named.collect()
}

/// The relations that close a circle, one of each: that of its last item by id.
fn closing(chains: &Chains) -> Reasons {
    let mut walks: HashMap<&ItemId, usize, FixedState> = HashMap::default();
    let mut closing = Reasons::default();
    for (walk, start) in chains.keys().enumerate() {
        let mut at = start;
        while let Some(next) = chains.get(at)
            && !walks.contains_key(at)
        {
            walks.insert(at, walk);
            at = next;
        }
        if walks.get(at) == Some(&walk) {
            let (item, detail) = circle(chains, at);
            closing.insert(item, detail);
        }
    }
    closing
}

/// The last item by id of the circle that `at` is on, and the way round it.
fn circle(chains: &Chains, at: &ItemId) -> (ItemId, String) {
    let mut last = at;
    let mut next = &chains[at];
    while next != at {
        last = last.max(next);
        next = &chains[next];
    }
    let mut way = vec![last.as_str()];
    let mut next = &chains[last];
    while next != last && way.len() < CHAIN_SHOWN {
        way.push(next);
        next = &chains[next];
    }
    way.push(if next == last { last } else { "…" });
    (last.clone(), format!("it leads back to the item itself ({})", way.join(" -> ")))
}
