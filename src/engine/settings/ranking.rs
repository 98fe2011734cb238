//! How evidence weighs and candidates are scored; the formula is in `ranking.rs`.
//!
//! Invariant: plain numbers, each within its range.

use serde::Deserialize;

use super::types::DurationMs;
use super::{BadSetting, at_least, in_range};

/// How evidence weighs and candidates are scored; the formula is in `ranking.rs`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ranking {
    /// The time in which evidence loses half its weight.
    pub half_life: DurationMs,
    /// Weight of a cart add's evidence, until it is retracted or replaced.
    pub cart_add_weight: f64,
    /// Weight of a checkout's evidence, likewise.
    pub checkout_weight: f64,
    /// Baskets added to an item's own before dividing: few baskets prove little.
    pub prior_baskets: f64,
    /// Baskets of that prior that are shared out by popularity: where little is known, what is popular comes first.
    pub popularity_prior: f64,
    /// How much popular items are held back: the exponent of their count.
    pub popularity_exponent: f64,
    /// Whether the order of cart adds means anything.
    pub cart_order: CartOrder,
    /// The weight of a cart item against the one added after it, where the order is recorded.
    pub position_decay: f64,
    /// Whether a known customer's own history counts.
    pub personal: bool,
    /// How much.
    pub history_weight: f64,
    /// Baskets added to a customer's own before dividing.
    pub history_prior_baskets: f64,
    /// Whether `position_decay` and `popularity_exponent` give way to others that offer what is bought more often.
    pub tuned: bool,
    /// Whether the best candidates are put in the order that was learned, while that is better.
    pub learned: bool,
    /// What offers are to bring most of.
    pub objective: RankingObjective,
}

/// What offers are to bring most of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum RankingObjective {
    /// Items taken.
    Acceptance,
    /// What is paid for them.
    Revenue,
    /// What of that is margin, as the catalogue says.
    Margin,
}

impl RankingObjective {
    /// Its name in settings and figures.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Revenue => "revenue",
            Self::Margin => "margin",
        }
    }
}

impl TryFrom<String> for RankingObjective {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let all = [Self::Acceptance, Self::Revenue, Self::Margin];
        let found = all.into_iter().find(|objective| objective.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is not allowed (acceptance, revenue or margin is)"))
    }
}

/// Whether the order of cart adds is the shopper's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum CartOrder {
    /// It is: what was added last counts most.
    Recorded,
    /// It is not: all count alike.
    Unknown,
    /// What shoppers do tells.
    Auto,
}

impl TryFrom<String> for CartOrder {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "recorded" => Ok(Self::Recorded),
            "unknown" => Ok(Self::Unknown),
            "auto" => Ok(Self::Auto),
            _ => Err(format!("{text:?} is not allowed (auto, recorded or unknown is)")),
        }
    }
}

impl Default for Ranking {
    fn default() -> Self {
        Self {
            half_life: DurationMs::days(90),
            cart_add_weight: 0.2,
            checkout_weight: 0.5,
            prior_baskets: 20.0,
            popularity_prior: 2.0,
            popularity_exponent: 0.1,
            cart_order: CartOrder::Auto,
            position_decay: 0.6,
            personal: true,
            history_weight: 0.1,
            history_prior_baskets: 5.0,
            tuned: true,
            learned: true,
            objective: RankingObjective::Acceptance,
        }
    }
}

impl Ranking {
    /// Whether anything is to be learned from what shoppers do with a ranked list.
    #[must_use]
    pub fn learns(&self) -> bool {
        self.learned || self.tuned || self.objective != RankingObjective::Acceptance
    }

    /// Checks every value under the name of its `section` of the file.
    pub(super) fn check(&self, section: &str) -> Result<(), BadSetting> {
        at_least(&format!("{section}.half_life"), self.half_life, DurationMs::days(1))?;
        in_range(&format!("{section}.cart_add_weight"), self.cart_add_weight, 0.0, 1.0)?;
        in_range(&format!("{section}.checkout_weight"), self.checkout_weight, 0.0, 1.0)?;
        in_range(&format!("{section}.prior_baskets"), self.prior_baskets, 0.0, 1e6)?;
        in_range(&format!("{section}.popularity_prior"), self.popularity_prior, 0.0, 1e6)?;
        in_range(&format!("{section}.popularity_exponent"), self.popularity_exponent, 0.0, 1.0)?;
        in_range(&format!("{section}.position_decay"), self.position_decay, 0.01, 1.0)?;
        in_range(&format!("{section}.history_weight"), self.history_weight, 0.0, 10.0)?;
        in_range(&format!("{section}.history_prior_baskets"), self.history_prior_baskets, 0.0, 1e6)
    }
}
