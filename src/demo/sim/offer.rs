//! Purpose: offers as a storefront reads them, and how much a shopper likes what is in one.
//!
//! Invariant: an offer is judged by what the shopper has and wants and by its price, never by its
//! reason, its score or its evidence: those are the engine's opinion.

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::Value;

use super::behaviour as b;
use super::catalogue::{CURRENCY, Catalogue, ItemIx};
use super::event::Line;
use super::money::Cents;

/// Items read from one offer; there are three at most in a proper one.
const ITEMS_MAX: usize = 8;
/// Bytes in an offer's id beyond which it is none of ours.
const OFFER_ID_BYTES_MAX: usize = 256;

/// An offer for one of this shop's sessions.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) offer_id: CompactString,
    pub(super) session_id: CompactString,
    pub(super) placement: CompactString,
    pub(super) items: Vec<OfferedItem>,
}

/// One item of it, at the price offered.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfferedItem {
    pub(super) item: ItemIx,
    pub(super) price: Cents,
}

#[derive(Deserialize)]
struct WireOffer {
    #[serde(rename = "type")]
    kind: Option<CompactString>,
    offer_id: CompactString,
    session_id: CompactString,
    #[serde(default)]
    placement: Option<CompactString>,
    #[serde(default)]
    arm: Option<CompactString>,
    items: Vec<WireItem>,
}

#[derive(Deserialize)]
struct WireItem {
    item_id: CompactString,
    #[serde(default)]
    price: Value,
    #[serde(default)]
    currency: Option<CompactString>,
}

impl Offer {
    /// Reads an offer; nothing if there is none to be shown in it, for whatever reason.
    pub(super) fn read(json: &[u8], catalogue: &Catalogue) -> Option<Self> {
        let wire: WireOffer = serde_json::from_slice(json).ok()?;
        let is_offer = wire.kind.is_none_or(|kind| kind == "offer");
        let withheld = wire.arm.is_some_and(|arm| arm == "holdout");
        let named = (1..=OFFER_ID_BYTES_MAX).contains(&wire.offer_id.len());
        let items: Vec<_> = wire.items.iter().take(ITEMS_MAX).filter_map(|item| item.read(catalogue)).collect();
        (is_offer && !withheld && named && !items.is_empty()).then_some(Self {
            offer_id: wire.offer_id,
            session_id: wire.session_id,
            placement: wire.placement.unwrap_or_default(),
            items,
        })
    }
}

impl WireItem {
    /// The item at the price offered, if that is a proper one below the shop's own, else at that.
    fn read(&self, catalogue: &Catalogue) -> Option<OfferedItem> {
        let item = catalogue.find(&self.item_id)?;
        let own = catalogue.product(item).price;
        let ours = self.currency.as_deref().is_none_or(|currency| currency == CURRENCY);
        let offered = match &self.price {
            Value::String(text) => Cents::parse(text),
            Value::Number(number) => Cents::parse(&number.to_string()),
            _ => None,
        };
        let price = offered.filter(|&price| ours && price > Cents(0) && price < own).unwrap_or(own);
        Some(OfferedItem { item, price })
    }
}

/// What the shopper has before them when an offer is seen.
pub(super) struct Situation<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) lines: &'a [Line],
    pub(super) looked_at: Option<ItemIx>,
    pub(super) staples: &'a [ItemIx],
    /// What they mean to add later in this visit.
    pub(super) intended: &'a [ItemIx],
}

impl Situation<'_> {
    /// How likely the shopper accepts this item at this place (0 is the first) of an offer.
    pub(super) fn acceptance(&self, offered: OfferedItem, place: usize) -> f64 {
        let has = self.lines.iter().any(|line| line.item == offered.item);
        if has {
            return 0.0;
        }
        let by_position = b::BY_POSITION[place.min(b::BY_POSITION.len() - 1)];
        self.liking(offered.item) * by_position * self.price_factor(offered)
    }

    /// What the item would take the place of.
    pub(super) fn replaced_by(&self, item: ItemIx) -> Option<&Line> {
        self.lines.iter().find(|line| self.catalogue.is_better(item, line.item))
    }

    fn liking(&self, item: ItemIx) -> f64 {
        if self.intended.contains(&item) {
            b::ACCEPTS_INTENDED
        } else if self.replaced_by(item).is_some() {
            b::ACCEPTS_BETTER
        } else if self.anchors().any(|anchor| self.catalogue.goes_with(anchor, item)) {
            b::ACCEPTS_COMPANION
        } else if self.staples.contains(&item) {
            b::ACCEPTS_STAPLE
        } else {
            b::ACCEPTS_OTHER
        }
    }

    /// What is in the basket; while that is empty, what was looked at last.
    fn anchors(&self) -> impl Iterator<Item = ItemIx> {
        let looked_at = self.looked_at.filter(|_| self.lines.is_empty());
        self.lines.iter().map(|line| line.item).chain(looked_at)
    }

    fn price_factor(&self, offered: OfferedItem) -> f64 {
        let replaced = self.replaced_by(offered.item).map_or(0, |line| line.price.0);
        let extra = (offered.price.0 - replaced) as f64;
        let basket = if self.lines.is_empty() {
            self.looked_at.map_or(0, |item| self.catalogue.product(item).price.0)
        } else {
            self.lines.iter().map(|line| line.price.times(line.quantity).0).sum()
        } as f64;
        let within = |&&(share, _): &&(f64, f64)| extra <= share * basket;
        b::BY_PRICE.iter().find(within).map_or(b::TOO_DEAR, |&(_, factor)| factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        catalogue: Catalogue,
        lines: Vec<Line>,
        intended: Vec<ItemIx>,
    }

    impl Case {
        fn new(basket: &[&str]) -> Self {
            let catalogue = Catalogue::new();
            let line = |id: &&str| {
                let item = catalogue.find(id).expect("in the table");
                Line { item, price: catalogue.product(item).price, quantity: 1 }
            };
            let lines = basket.iter().map(line).collect();
            Self { catalogue, lines, intended: Vec::new() }
        }

        fn acceptance(&self, id: &str, place: usize) -> f64 {
            let item = self.catalogue.find(id).expect("in the table");
            let price = self.catalogue.product(item).price;
            let situation =
                Situation { catalogue: &self.catalogue, lines: &self.lines, looked_at: None, staples: &[], intended: &self.intended };
            situation.acceptance(OfferedItem { item, price }, place)
        }
    }

    fn read(json: &str) -> Option<Offer> {
        Offer::read(json.as_bytes(), &Catalogue::new())
    }

    #[test]
    fn companions_are_liked_random_things_hardly_and_what_is_there_not_at_all() {
        let case = Case::new(&["sim-phone-zelvo5"]);
        assert_eq!(case.acceptance("sim-case-zelvo5", 0), b::ACCEPTS_COMPANION);
        assert_eq!(case.acceptance("sim-cat-litter", 0), b::ACCEPTS_OTHER);
        assert_eq!(case.acceptance("sim-phone-zelvo5", 0), 0.0);
        assert_eq!(case.acceptance("sim-phone-zelvo6", 0), b::ACCEPTS_BETTER * 0.5);
    }

    #[test]
    fn what_was_wanted_anyway_is_liked_most() {
        let mut case = Case::new(&["sim-phone-zelvo5"]);
        case.intended.extend(case.catalogue.find("sim-cat-litter"));
        assert_eq!(case.acceptance("sim-cat-litter", 0), b::ACCEPTS_INTENDED);
    }

    #[test]
    fn later_places_and_dear_things_are_liked_less() {
        let case = Case::new(&["sim-phone-zelvo5"]);
        let first = case.acceptance("sim-case-zelvo5", 0);
        assert!(case.acceptance("sim-case-zelvo5", 1) < first);
        assert_eq!(case.acceptance("sim-case-zelvo5", 9), first * 0.55);
        let cheap = Case::new(&["sim-case-zelvo5"]);
        assert_eq!(cheap.acceptance("sim-glass-zelvo5", 0), b::ACCEPTS_COMPANION * 0.5);
        assert!(cheap.acceptance("sim-phone-zelvo5", 0) < b::ACCEPTS_OTHER);
    }

    #[test]
    fn reads_an_offer_leniently_and_what_is_none_not_at_all() {
        let item = r#"{"item_id":"sim-cat-litter","price":"9.50","lift":{"x":[1]}}"#;
        let offer = |kind: &str, items: &str| read(&format!(r#"{{"type":"{kind}","offer_id":"o","session_id":"s","items":[{items}]}}"#));
        let good = offer("offer", item).expect("an offer");
        assert_eq!(good.items[0].price, Cents(950));
        let mixed = offer("offer", &format!(r#"{{"item_id":"unknown"}},{item}"#));
        assert_eq!(mixed.expect("an offer").items.len(), 1);
        assert!(offer("purchase", item).is_none());
        assert!(offer("offer", "").is_none());
        for bad in ["", "{", "null", "[]", "{}", "\u{0}", r#"{"offer_id":7}"#] {
            assert!(read(bad).is_none(), "{bad}");
        }
        let held = r#"{"offer_id":"o","session_id":"s","arm":"holdout","items":[{"item_id":"sim-cat-litter"}]}"#;
        assert!(read(held).is_none());
        assert!(read(&held.replace("holdout", "treatment")).is_some());
    }

    #[test]
    fn a_price_that_is_no_discount_is_the_shops_own() {
        for price in ["99.99", "0", "-1", "1e1", "", "USD 3"] {
            let json = format!(r#"{{"offer_id":"o","session_id":"s","items":[{{"item_id":"sim-cat-litter","price":"{price}"}}]}}"#);
            assert_eq!(read(&json).expect("an offer").items[0].price, Cents(1399), "{price}");
        }
    }
}
