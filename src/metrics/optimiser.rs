//! Gauges of the optimiser: how likely each variant is, what its offers did, and which placements hold themselves back.
//!
//! Invariant: the same on every instance at equal positions of the shop log; the variants are those of the settings, so
//! the series are a closed set.

use super::Metrics;
use super::gauges::set_money;
use crate::engine::facts::Plan;
use crate::engine::optimiser::{Reason, WHOLE};
use crate::engine::settings::{AttributionTrigger, OptimiserSettings, Settings};
use crate::engine::shop::Shop;
use crate::engine::vocabulary::Placement;
use crate::event::Id;

/// What is watched: the placements that are on, with the names of their variants.
pub(super) struct Watched {
    placements: Vec<(Placement, Vec<Id>)>,
    settings: OptimiserSettings,
    experiment: Plan,
    trigger: AttributionTrigger,
}

impl Watched {
    pub(super) fn of(settings: &Settings) -> Self {
        let policies = Placement::ALL.iter().filter_map(|placement| Some((*placement, settings.policy(*placement)?)));
        let placements = policies.map(|(placement, policy)| (placement, policy.variant_names().into_iter().map(Id::new).collect()));
        Self {
            placements: placements.collect(),
            settings: settings.optimiser.clone(),
            experiment: settings.experiment.plan(),
            trigger: settings.attribution.trigger,
        }
    }
}

impl Metrics {
    pub(super) fn observe_optimiser(&self, shop: &Shop) {
        let (families, Watched { placements, settings, experiment, trigger }) = (&self.families, &self.optimiser);
        let is_heard = shop.is_heard(*trigger);
        for (placement, names) in placements {
            let names: Vec<&str> = names.iter().map(Id::as_str).collect();
            let vector = shop.optimiser.vector(*placement, &names, settings);
            for (name, share) in names.iter().zip(vector.shares()) {
                let (labels, stats) = ([placement.as_str(), name], shop.optimiser.stats(*placement, name));
                families.variant_probability.with_label_values(&labels).set(f64::from(*share) / f64::from(WHOLE));
                families.variant_offers_shown.with_label_values(&labels).set(i64::try_from(stats.shown).unwrap_or(i64::MAX));
                families.variant_offers_accepted.with_label_values(&labels).set(i64::try_from(stats.accepted).unwrap_or(i64::MAX));
                let labels = [placement.as_str(), name, self.currency.as_str()];
                set_money(&families.variant_extra_revenue, &labels, stats.earned_micros);
            }
            for reason in Reason::ALL {
                let holds = reason.holds(shop, *placement, settings, experiment, is_heard);
                families.placement_throttled.with_label_values(&[placement.as_str(), reason.as_str()]).set(holds.into());
            }
        }
    }
}
