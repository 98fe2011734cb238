//! What works beside what: the best by revenue, the best by acceptance, and those that work worst.
//!
//! Invariant: acceptance is drawn towards the shop's own, so that one of one does not lead. Nothing is listed that fewer
//! shoppers did than evidence needs to be shown.

use serde::Serialize;

use super::figures::{Amount, ratio, rounded};
use crate::engine::combinations::{Named, Share};
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::event::{Currency, ItemId};

/// How many a list has.
const LISTED: usize = 20;

/// An item in the basket, and one that was offered beside it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Combination {
    /// The item in the basket.
    #[schema(value_type = String)]
    pub anchor: ItemId,
    /// Its title, where known.
    pub anchor_title: Option<String>,
    /// The item offered.
    #[schema(value_type = String)]
    pub companion: ItemId,
    /// Its title, where known.
    pub companion_title: Option<String>,
    /// How often it was shown.
    pub shown: u64,
    /// How often it was then accepted.
    pub accepted: u64,
    /// The share of that.
    pub acceptance: Option<f64>,
    /// The same, drawn towards the acceptance of all combinations together.
    pub acceptance_shrunk: f64,
    /// What it earned, net of refunds.
    pub extra_revenue: Amount,
}

/// Lists of at most twenty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Combinations {
    /// Those that earned most.
    pub best_by_revenue: Vec<Combination>,
    /// Those that are accepted most, with shrinkage.
    pub best_by_acceptance: Vec<Combination>,
    /// Those that work worst: shown ten times or more, accepted least and less than the shop's own, with
    /// shrinkage.
    pub worst: Vec<Combination>,
}

impl Combinations {
    pub(super) fn of(shop: &Shop, settings: &Settings) -> Self {
        let (currency, least) = (settings.currency, settings.evidence_baskets_min);
        let combinations = shop.combinations();
        let base = combinations.acceptance();
        let listed = |named: Vec<Named<'_>>| named.into_iter().map(|named| Combination::of(named, base, shop, currency)).collect();
        Self {
            best_by_revenue: listed(combinations.by_revenue(currency, LISTED, least)),
            best_by_acceptance: listed(combinations.by_acceptance(LISTED, least)),
            worst: listed(combinations.worst(LISTED, least)),
        }
    }
}

impl Combination {
    fn of(((anchor, companion), figures): Named<'_>, base: Share, shop: &Shop, currency: Currency) -> Self {
        let title = |item: &ItemId| shop.catalogue.get(item).title.map(|title| title.to_string());
        Self {
            anchor: anchor.clone(),
            anchor_title: title(anchor),
            companion: companion.clone(),
            companion_title: title(companion),
            shown: figures.shown,
            accepted: figures.accepted,
            acceptance: ratio(figures.accepted, figures.shown),
            acceptance_shrunk: rounded(figures.acceptance(base).value()),
            extra_revenue: Amount(figures.earned.get(&currency).copied().unwrap_or_default()),
        }
    }
}

impl Combination {
    /// What the item in the basket is called.
    #[must_use]
    pub fn anchor_name(&self) -> &str {
        self.anchor_title.as_deref().unwrap_or(&self.anchor)
    }

    /// What the item offered is called.
    #[must_use]
    pub fn companion_name(&self) -> &str {
        self.companion_title.as_deref().unwrap_or(&self.companion)
    }
}
