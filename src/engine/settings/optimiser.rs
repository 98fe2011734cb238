//! How variants of policies are chosen, and how placements hold themselves back.
//!
//! Invariant: shares, each from 0 to 1.

use serde::Deserialize;

use super::{BadSetting, in_range};

/// How variants of policies are chosen, and how placements hold themselves back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimiserSettings {
    /// What is to be as large as possible.
    pub objective: Objective,
    /// The share of offers whose variant is chosen evenly among all.
    pub exploration_ratio: f64,
    /// A placement where more than this share of the shown offers is sent away holds itself back.
    pub dismissed_ratio_max: f64,
    /// The share of triggers that it still answers then.
    pub throttled_ratio: f64,
}

/// What is to be as large as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Objective {
    /// The share of shown offers that are accepted.
    Acceptance,
    /// The extra revenue of a shown offer.
    Revenue,
}

impl TryFrom<String> for Objective {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "acceptance" => Ok(Self::Acceptance),
            "revenue" => Ok(Self::Revenue),
            _ => Err(format!("{text:?} is not allowed (acceptance or revenue is)")),
        }
    }
}

impl Default for OptimiserSettings {
    fn default() -> Self {
        Self { objective: Objective::Revenue, exploration_ratio: 0.04, dismissed_ratio_max: 0.3, throttled_ratio: 0.1 }
    }
}

impl OptimiserSettings {
    pub(super) fn check(&self) -> Result<(), BadSetting> {
        in_range("optimiser.exploration_ratio", self.exploration_ratio, 0.0, 1.0)?;
        let percent = self.dismissed_ratio_max * 100.0;
        // Bounds of whole per cents are kept (see `optimiser::throttle`); a double of two decimals is nearly one.
        if !(1.0..=100.0).contains(&percent.round()) || (percent - percent.round()).abs() > 1e-9 {
            let allowed = "0.01 to 1 is allowed, in steps of 0.01; 1 holds nothing back";
            return Err(BadSetting::new("optimiser.dismissed_ratio_max", self.dismissed_ratio_max, allowed));
        }
        in_range("optimiser.throttled_ratio", self.throttled_ratio, 0.0, 1.0)
    }
}
