//! The held-out arm: how large, for how long, and how exactly it is to be known.
//!
//! Invariant: what makes figures comparable is one [`Plan`]; whatever of it changes begins another experiment.

use compact_str::CompactString;
use serde::Deserialize;

use super::rules::Amount;
use super::types::DurationMs;
use super::{BadSetting, at_least, in_range};
use crate::engine::facts::Plan;
use crate::engine::hash::hash_128;
use crate::event::Money;

/// The held-out arm.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Experiment {
    /// The share of shoppers kept from offers.
    pub holdout_ratio: f64,
    /// What the draw is salted with. Changing it starts a new experiment.
    pub salt: CompactString,
    /// How long a shopper's orders count after the first would-be offer.
    pub window: DurationMs,
    /// The most that one shopper counts for.
    pub revenue_cap: RevenueCap,
    /// The effect, as a share of what the held out spend, that has to be visible before a figure is given.
    pub detectable_ratio: f64,
}

/// The most that one shopper counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum RevenueCap {
    /// Found out from the first orders, and kept from then on.
    Auto,
    /// This much, in the shop's currency.
    Fixed(Amount),
}

impl TryFrom<String> for RevenueCap {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let amount = Money::parse(&text).ok().filter(|amount| *amount > Money::ZERO);
        amount
            .map(|amount| Self::Fixed(Amount(amount)))
            .ok_or_else(|| format!("{text:?} is not allowed (\"auto\" or an amount above 0, such as \"500\", is)"))
    }
}

impl Default for Experiment {
    fn default() -> Self {
        Self {
            holdout_ratio: 0.05,
            salt: "offerstream".into(),
            window: DurationMs::days(7),
            revenue_cap: RevenueCap::Auto,
            detectable_ratio: 0.1,
        }
    }
}

impl Experiment {
    /// What makes the figures comparable.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let cap_micros = match self.revenue_cap {
            RevenueCap::Auto => 0,
            RevenueCap::Fixed(Amount(amount)) => amount.0,
        };
        Plan {
            salt: hash_128("experiment", &[self.salt.as_bytes()]) as u64,
            holdout_millionths: (self.holdout_ratio * 1e6).round() as u32,
            window_ms: self.window.0,
            cap_micros,
        }
    }

    pub(super) fn check(&self) -> Result<(), BadSetting> {
        in_range("experiment.holdout_ratio", self.holdout_ratio, 0.0, 0.5)?;
        at_least("experiment.window", self.window, DurationMs(60_000))?;
        in_range("experiment.detectable_ratio", self.detectable_ratio, 0.001, 1_000.0)
    }
}
