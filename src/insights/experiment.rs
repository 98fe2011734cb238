//! What the comparison with shoppers who are kept from offers says.
//!
//! Invariant: no figure of what offers caused while it is not ready: then there is the smallest effect that could be
//! seen, and when there will be enough.

use serde::Serialize;

use super::figures::{Amount, as_text, rounded};
use crate::engine::experiment::reading::{ArmReading, Reading};
use crate::engine::experiment::sequence;
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::engine::vocabulary::ExperimentState;
use crate::event::Timestamp;

/// A hundredth of a unit of money.
const CENT_MICROS: f64 = 10_000.0;

/// An amount with its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Band {
    /// It is hardly less.
    pub lower: Amount,
    /// The best guess.
    pub estimate: Amount,
    /// It is hardly more.
    pub upper: Amount,
}

/// A share with its bounds; one that is not known is absent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RatioBand {
    /// It is hardly less.
    pub lower: Option<f64>,
    /// The best guess.
    pub estimate: Option<f64>,
    /// It is hardly more.
    pub upper: Option<f64>,
}

/// One arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Arms {
    /// Shoppers whose days are over.
    pub shoppers: u64,
    /// Shoppers whose days run.
    pub open_shoppers: u64,
    /// What the former spent, each up to the cap.
    pub revenue: Amount,
    /// That of one shopper; when ready.
    pub revenue_per_shopper: Option<Band>,
}

/// What the comparison says.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Experiment {
    /// How far it is.
    pub state: ExperimentState,
    /// Those who get offers.
    pub treatment: Arms,
    /// Those who are kept from them.
    pub holdout: Arms,
    /// How long a shopper's orders count.
    pub window: String,
    /// The most that one shopper counts for, once known.
    pub revenue_cap: Option<Amount>,
    /// By how much offers raise what a shopper spends; when ready.
    pub incremental_per_shopper: Option<Band>,
    /// The same, as a share of what the held out spend; when ready.
    pub incremental_ratio: Option<RatioBand>,
    /// What offers brought in all; when ready.
    pub incremental_revenue: Option<Band>,
    /// The effect that has to be visible.
    pub asked_ratio: f64,
    /// The smallest effect that could be seen with today's data.
    pub detectable_ratio: Option<f64>,
    /// When the effect asked for could be seen, at the present rate.
    pub ready_at: Option<ReadyAt>,
    /// How likely arms as uneven as these are, where all is well.
    pub sample_ratio_p_value: Option<f64>,
    /// The share to be held out.
    pub holdout_planned: f64,
    /// The share that was.
    pub holdout_seen: Option<f64>,
    /// Shoppers who logged in as a customer of the other arm.
    pub crossovers: u64,
}

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct ReadyAt(#[serde(serialize_with = "as_text")] pub Timestamp);

/// What it says now.
pub(super) fn read(shop: &Shop, settings: &Settings) -> Experiment {
    let rules = &settings.experiment;
    let is_heard = shop.is_heard(settings.attribution.trigger);
    let reading = Reading::of(&shop.experiment(), &rules.plan(), rules.detectable_ratio, is_heard);
    Experiment {
        state: reading.state,
        treatment: Arms::of(&reading.treatment),
        holdout: Arms::of(&reading.holdout),
        window: rules.window.to_string(),
        revenue_cap: reading.cap_micros.map(Amount),
        incremental_per_shopper: reading.difference.as_ref().map(Band::of),
        incremental_ratio: reading.ratio.as_ref().map(RatioBand::of),
        incremental_revenue: reading.incremental.as_ref().map(Band::of),
        asked_ratio: rules.detectable_ratio,
        detectable_ratio: reading.detectable_ratio.map(rounded),
        ready_at: reading.ready_at.map(|seconds| ReadyAt(Timestamp(seconds.saturating_mul(1_000)))),
        sample_ratio_p_value: Some(reading.sample_ratio_p_value).filter(|_| reading.seen.is_some()).map(rounded),
        holdout_planned: rounded(reading.planned),
        holdout_seen: reading.seen.map(rounded),
        crossovers: reading.crossovers,
    }
}

impl Arms {
    fn of(reading: &ArmReading) -> Self {
        Self {
            shoppers: reading.shoppers,
            open_shoppers: reading.open,
            revenue: Amount(reading.revenue_micros),
            revenue_per_shopper: reading.per_shopper.as_ref().map(Band::of),
        }
    }
}

impl Band {
    /// Whether it could be nothing.
    #[must_use]
    pub fn includes_zero(&self) -> bool {
        self.lower.0 <= 0 && self.upper.0 >= 0
    }

    /// Bounds are floats in millionths; they are given to the hundredth of a unit, and say no more than that.
    fn of(band: &sequence::Band) -> Self {
        let amount = |micros: f64| Amount((micros / CENT_MICROS).round() as i128 * CENT_MICROS as i128);
        Self { lower: amount(band.lower), estimate: amount(band.estimate), upper: amount(band.upper) }
    }
}

impl RatioBand {
    fn of(band: &sequence::RatioBand) -> Self {
        Self { lower: Some(rounded(band.lower)), estimate: band.estimate.map(rounded), upper: band.upper.map(rounded) }
    }
}
