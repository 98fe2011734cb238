//! Gauges of the experiment: what the held-out arm says.
//!
//! Invariant: a figure of an effect is there only while there is enough to tell one; what is not known is absent, never
//! a zero. The same on every instance at equal positions of the shop log.

use anyhow::Result;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

use super::MICROS;
use super::families::register;
use crate::engine::experiment::reading::{ArmReading, Reading};
use crate::engine::experiment::sequence::Band;
use crate::engine::facts::Plan;
use crate::engine::settings::{AttributionTrigger, Settings};
use crate::engine::shop::Shop;
use crate::engine::vocabulary::{Arm, ExperimentState};
use crate::event::Currency;

/// The gauges, and which experiment they are of.
pub struct ExperimentGauges {
    plan: Plan,
    detectable_ratio: f64,
    trigger: AttributionTrigger,
    currency: Currency,
    shoppers: IntGaugeVec,
    open_shoppers: IntGaugeVec,
    revenue: GaugeVec,
    revenue_per_shopper: GaugeVec,
    incremental_per_shopper: GaugeVec,
    incremental_lift: GaugeVec,
    incremental: GaugeVec,
    state: IntGaugeVec,
    detectable: GaugeVec,
    ready_at: IntGaugeVec,
    p_value: GaugeVec,
    holdout_ratio: GaugeVec,
    crossovers: IntGaugeVec,
    cap: GaugeVec,
}

impl ExperimentGauges {
    /// Makes and registers them.
    pub fn new(registry: &Registry, settings: &Settings) -> Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("offerstream_shop_{name}"), help);
        let count = |name, help, labels: &[&str]| register(registry, IntGaugeVec::new(opts(name, help), labels));
        let gauge = |name, help, labels: &[&str]| register(registry, GaugeVec::new(opts(name, help), labels));
        Ok(Self {
            plan: settings.experiment.plan(),
            detectable_ratio: settings.experiment.detectable_ratio,
            trigger: settings.attribution.trigger,
            currency: settings.currency,
            shoppers: count("experiment_shoppers", "Shoppers of the experiment whose days are over.", &["arm"])?,
            open_shoppers: count("experiment_open_shoppers", "Shoppers of the experiment whose days run.", &["arm"])?,
            revenue: gauge("experiment_revenue", "What those spent whose days are over, each up to the cap.", &["arm", "currency"])?,
            revenue_per_shopper: gauge(
                "experiment_revenue_per_shopper",
                "What one shopper spends, with bounds that hold however often one looks; absent until there is enough.",
                &["arm", "bound", "currency"],
            )?,
            incremental_per_shopper: gauge(
                "incremental_revenue_per_shopper",
                "How much more one shopper spends for the offers, by comparison with those held out; absent until there is enough.",
                &["bound", "currency"],
            )?,
            incremental_lift: gauge(
                "incremental_revenue_lift_ratio",
                "The same as a share of what the held out spend; absent until there is enough, or where a bound is unknown.",
                &["bound", "currency"],
            )?,
            incremental: gauge(
                "incremental_revenue",
                "The same for all shoppers of the treatment arm whose days are over; absent until there is enough.",
                &["bound", "currency"],
            )?,
            state: count("experiment_state", "1 for how far the experiment is, 0 for the others.", &["state"])?,
            detectable: gauge(
                "experiment_detectable_ratio",
                "The smallest effect that could be seen with today's data, as a share of what the held out spend; absent while unknown.",
                &[],
            )?,
            ready_at: count(
                "experiment_ready_at_seconds",
                "When, at the present rate, the effect asked for could be seen; absent when ready or unknown.",
                &[],
            )?,
            p_value: gauge(
                "experiment_sample_ratio_p_value",
                "How likely arms as uneven as these ever were are, where the plan is kept; below 0.001 the figures are not shown.",
                &[],
            )?,
            holdout_ratio: gauge("experiment_holdout_ratio", "The share of shoppers held out, as planned and as seen.", &["of"])?,
            crossovers: count("experiment_crossovers", "Shoppers who logged in as a customer of the other arm.", &[])?,
            cap: gauge("experiment_revenue_cap", "The most that one shopper counts for; absent until it is known.", &["currency"])?,
        })
    }

    /// Sets what the experiment says now.
    pub fn observe(&self, shop: &Shop) {
        let reading = Reading::of(&shop.experiment(), &self.plan, self.detectable_ratio, shop.is_heard(self.trigger));
        self.observe_arm(Arm::Treatment, &reading.treatment);
        self.observe_arm(Arm::Holdout, &reading.holdout);
        self.observe_effect(&reading);
        for state in ExperimentState::ALL {
            self.state.with_label_values(&[state.as_str()]).set(i64::from(*state == reading.state));
        }
        set_or_reset(&self.detectable, &[], reading.detectable_ratio);
        self.ready_at.reset();
        if let Some(ready_at) = reading.ready_at {
            self.ready_at.with_label_values::<&str>(&[]).set(ready_at);
        }
        set_or_reset(&self.p_value, &[], Some(reading.sample_ratio_p_value));
        self.holdout_ratio.reset();
        for (of, ratio) in [("planned", Some(reading.planned)), ("seen", reading.seen)] {
            ratio.into_iter().for_each(|ratio| self.holdout_ratio.with_label_values(&[of]).set(ratio));
        }
        self.crossovers.with_label_values::<&str>(&[]).set(reading.crossovers as i64);
        set_or_reset(&self.cap, &[self.currency.as_str()], reading.cap_micros.map(|cap| cap as f64 * MICROS));
    }

    fn observe_arm(&self, arm: Arm, reading: &ArmReading) {
        let arm = arm.as_str();
        self.shoppers.with_label_values(&[arm]).set(reading.shoppers as i64);
        self.open_shoppers.with_label_values(&[arm]).set(reading.open as i64);
        self.revenue.with_label_values(&[arm, self.currency.as_str()]).set(reading.revenue_micros as f64 * MICROS);
    }

    /// The figures of the effect, of which what an arm's shopper spends is one.
    fn observe_effect(&self, reading: &Reading) {
        let currency = self.currency.as_str();
        self.revenue_per_shopper.reset();
        for (arm, of) in [(Arm::Treatment, &reading.treatment), (Arm::Holdout, &reading.holdout)] {
            for (bound, value) in of.per_shopper.iter().flat_map(bounds) {
                self.revenue_per_shopper.with_label_values(&[arm.as_str(), bound, currency]).set(value * MICROS);
            }
        }
        for (gauge, band) in [(&self.incremental_per_shopper, reading.difference), (&self.incremental, reading.incremental)] {
            gauge.reset();
            for (bound, value) in band.iter().flat_map(bounds) {
                gauge.with_label_values(&[bound, currency]).set(value * MICROS);
            }
        }
        self.incremental_lift.reset();
        if let Some(ratio) = reading.ratio {
            for (bound, value) in [("lower", Some(ratio.lower)), ("estimate", ratio.estimate), ("upper", ratio.upper)] {
                value.into_iter().for_each(|value| self.incremental_lift.with_label_values(&[bound, currency]).set(value));
            }
        }
    }
}

fn bounds(band: &Band) -> [(&'static str, f64); 3] {
    [("lower", band.lower), ("estimate", band.estimate), ("upper", band.upper)]
}

fn set_or_reset(gauge: &GaugeVec, labels: &[&str], value: Option<f64>) {
    gauge.reset();
    value.into_iter().for_each(|value| gauge.with_label_values(labels).set(value));
}
