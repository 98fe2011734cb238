//! The rules that always hold, whatever the placement, and what rests on money: discounts, stamp cards, segments.
//!
//! Invariant: a rule can be set, never forgotten: what a file leaves out has the default, and no rule is off by
//! default.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer};

use super::types::DurationMs;
use super::{BadSetting, in_range};
use crate::event::{ItemId, Money};

/// What every offer keeps to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// A companion costs at most this many times the dearest item it goes with; 0 is no rule.
    pub companion_price_ratio_max: f64,
    /// An upgrade costs at least this many times what it replaces,
    pub upsell_price_ratio_min: f64,
    /// and at most this many times.
    pub upsell_price_ratio_max: f64,
    /// An add-on costs at most this share of the basket's value.
    pub add_on_share_max: f64,
    /// Offers shown in one session; 0 is no cap.
    pub session_max: u32,
    /// Offers shown to one customer on one day of the shop's time zone; 0 is no cap.
    pub customer_day_max: u32,
    /// How often one item is shown in one session; 0 is no cap.
    pub item_session_max: u32,
    /// Whether an item may be in two offers in a row that were shown.
    pub repeat_shown: bool,
    /// After so many offers sent away, a session is left alone; 0 is never.
    pub dismissals_max: u32,
    /// How long an item that a customer sent away is not offered to them.
    pub item_rest: DurationMs,
    /// Most nearly identical items in one offer (same category and brand, prices within a quarter).
    pub similar_max: usize,
    /// An item is bought again and again from this share of its known buyers on.
    pub rebuy_share_min: f64,
    /// What is bought again is offered again once this share of its usual gap has passed.
    pub rebuy_gap_share: f64,
    /// Items that are never offered.
    pub excluded_items: Vec<ItemId>,
    /// Categories that nothing is offered of.
    pub excluded_categories: Vec<CompactString>,
    /// Items to offer where nothing else is known.
    pub pinned: Vec<ItemId>,
    /// The share of offers that may carry a new item, so that it can earn evidence.
    pub exploration_ratio: f64,
    /// An item is new until it was in this many baskets.
    pub new_item_baskets_max: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            companion_price_ratio_max: 1.0,
            upsell_price_ratio_min: 1.05,
            upsell_price_ratio_max: 2.0,
            add_on_share_max: 0.25,
            session_max: 20,
            customer_day_max: 40,
            item_session_max: 3,
            repeat_shown: false,
            dismissals_max: 3,
            item_rest: DurationMs::days(30),
            similar_max: 2,
            rebuy_share_min: 0.2,
            rebuy_gap_share: 0.7,
            excluded_items: Vec::new(),
            excluded_categories: Vec::new(),
            pinned: Vec::new(),
            exploration_ratio: 0.05,
            new_item_baskets_max: 10,
        }
    }
}

/// Discounts of bundles, and what limits every discount.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Discounts {
    /// The share a bundle's companions are cheaper by; 0 makes no bundles.
    pub bundle_ratio: f64,
    /// The same for shoppers of a segment.
    pub bundle_ratio_by_segment: BTreeMap<CompactString, f64>,
    /// The least share of a discounted price that is left as margin. Items of unknown margin get no discount.
    pub margin_ratio_min: f64,
    /// Discounted prices are rounded up to a multiple of this.
    pub price_step: Amount,
    /// What a bundle's code begins with.
    pub code_prefix: CompactString,
}

impl Default for Discounts {
    fn default() -> Self {
        Self {
            bundle_ratio: 0.0,
            bundle_ratio_by_segment: BTreeMap::new(),
            margin_ratio_min: 0.1,
            price_step: Amount(Money(10_000)),
            code_prefix: "SET".into(),
        }
    }
}

/// Buy so many of a category, and the next one is cheaper.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StampCard {
    /// The category.
    pub category: CompactString,
    /// How many are bought before.
    pub buy: u32,
    /// The share the next one is cheaper by.
    pub discount_ratio: f64,
}

/// The limits of the segments that are worked out from a customer's orders.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Segments {
    /// Loyal from this many orders on.
    pub loyal_orders_min: u32,
    /// A big spender from this much on, over all orders in the shop's currency.
    pub big_spender_revenue_min: Amount,
    /// Lapsed after this long without an order.
    pub lapsed_after: DurationMs,
}

impl Default for Segments {
    fn default() -> Self {
        Self { loyal_orders_min: 5, big_spender_revenue_min: Amount(Money(1_000_000_000)), lapsed_after: DurationMs::days(180) }
    }
}

/// An amount of money as decimal text, so that no float is between the file and the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub Money);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Money::parse(&text)
            .map(Self)
            .map_err(|error| serde::de::Error::custom(format!("{text:?} {error}; an amount such as \"0.01\" is needed")))
    }
}

impl Rules {
    pub(super) fn check(&self) -> Result<(), BadSetting> {
        in_range("rules.companion_price_ratio_max", self.companion_price_ratio_max, 0.0, 1_000.0)?;
        in_range("rules.upsell_price_ratio_min", self.upsell_price_ratio_min, 1.000_001, 100.0)?;
        in_range("rules.upsell_price_ratio_max", self.upsell_price_ratio_max, 1.000_001, 100.0)?;
        if self.upsell_price_ratio_max <= self.upsell_price_ratio_min {
            let allowed = format!("more than rules.upsell_price_ratio_min, {}, is needed", self.upsell_price_ratio_min);
            return Err(BadSetting::new("rules.upsell_price_ratio_max", self.upsell_price_ratio_max, allowed));
        }
        in_range("rules.add_on_share_max", self.add_on_share_max, 0.0, 1.0)?;
        in_range("rules.rebuy_share_min", self.rebuy_share_min, 0.0, 1.0)?;
        in_range("rules.rebuy_gap_share", self.rebuy_gap_share, 0.0, 10.0)?;
        in_range("rules.exploration_ratio", self.exploration_ratio, 0.0, 0.5)?;
        if self.similar_max == 0 {
            return Err(BadSetting::new("rules.similar_max", 0, "1 or more is allowed"));
        }
        match self.pinned.iter().find(|item| self.excluded_items.contains(item)) {
            Some(both) => Err(BadSetting::new("rules.pinned", both, "it is in rules.excluded_items, too")),
            None => Ok(()),
        }
    }
}

impl Discounts {
    pub(super) fn check(&self) -> Result<(), BadSetting> {
        in_range("discounts.bundle_ratio", self.bundle_ratio, 0.0, 0.9)?;
        for (segment, ratio) in &self.bundle_ratio_by_segment {
            in_range(&format!("discounts.bundle_ratio_by_segment.{segment}"), *ratio, 0.0, 0.9)?;
        }
        in_range("discounts.margin_ratio_min", self.margin_ratio_min, 0.0, 1.0)?;
        if self.price_step.0 <= Money::ZERO {
            return Err(BadSetting::new("discounts.price_step", self.price_step.0, "an amount above 0 is needed"));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.code_prefix.len() > 16 || !self.code_prefix.chars().all(fits) {
            return Err(BadSetting::new("discounts.code_prefix", &self.code_prefix, "at most 16 letters, digits or dashes are allowed"));
        }
        Ok(())
    }

    /// The share that a bundle is cheaper by: what the segment is promised, else the variant's own, else the shop's.
    #[must_use]
    pub fn bundle_ratio_for(&self, segment: &str, variants: Option<f64>) -> f64 {
        self.bundle_ratio_by_segment.get(segment).copied().or(variants).unwrap_or(self.bundle_ratio)
    }
}

impl StampCard {
    pub(super) fn check(&self, at: usize) -> Result<(), BadSetting> {
        if self.category.is_empty() {
            return Err(BadSetting::new(format!("stamp_cards[{at}].category"), "\"\"", "the name of a category is needed"));
        }
        if !(1..=100).contains(&self.buy) {
            return Err(BadSetting::new(format!("stamp_cards[{at}].buy"), self.buy, "1 to 100 is allowed"));
        }
        in_range(&format!("stamp_cards[{at}].discount_ratio"), self.discount_ratio, 0.01, 1.0)
    }
}

impl Segments {
    pub(super) fn check(&self) -> Result<(), BadSetting> {
        match self.loyal_orders_min {
            0 | 1 => Err(BadSetting::new("segments.loyal_orders_min", self.loyal_orders_min, "2 or more is allowed")),
            _ => super::at_least("segments.lapsed_after", self.lapsed_after, DurationMs::days(1)),
        }
    }
}
