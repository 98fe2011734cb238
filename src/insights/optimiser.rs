//! Variants of policies, and placements that hold themselves back.
//!
//! Invariant: what is listed is what the optimiser goes by, not a second reading of its own.

use serde::Serialize;

use super::figures::Amount;
use crate::engine::optimiser::{Reason, WHOLE};
use crate::engine::settings::{PlacementPolicy, Settings};
use crate::engine::shop::Shop;
use crate::engine::vocabulary::Placement;

/// A variant of a placement's policy.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Variant {
    /// Where.
    pub placement: Placement,
    /// Its name; `default` is the plain policy.
    pub variant: String,
    /// How often it is chosen from now on.
    pub probability: f64,
    /// Offers of it that were shown.
    pub shown: u64,
    /// Offers of it of which something was accepted.
    pub accepted: u64,
    /// What they earned, net of refunds.
    pub extra_revenue: Amount,
}

/// A placement that holds itself back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Throttle {
    /// Where.
    pub placement: Placement,
    /// Why.
    pub reason: &'static str,
}

/// The variants of all placements that have more than one.
pub(super) fn variants(shop: &Shop, settings: &Settings) -> Vec<Variant> {
    placements(settings).filter(|(_, policy)| !policy.variants.is_empty()).flat_map(|(at, policy)| of(at, policy, shop, settings)).collect()
}

fn of(placement: Placement, policy: &PlacementPolicy, shop: &Shop, settings: &Settings) -> Vec<Variant> {
    let names = policy.variant_names();
    let vector = shop.optimiser.vector(placement, &names, &settings.optimiser);
    let variant = |(name, share): (&&str, &u32)| {
        let stats = shop.optimiser.stats(placement, name);
        Variant {
            placement,
            variant: (*name).to_owned(),
            probability: f64::from(*share) / f64::from(WHOLE),
            shown: stats.shown,
            accepted: stats.accepted,
            extra_revenue: Amount(stats.earned_micros),
        }
    };
    names.iter().zip(vector.shares()).map(variant).collect()
}

/// The placements that hold themselves back now.
pub(super) fn throttles(shop: &Shop, settings: &Settings) -> Vec<Throttle> {
    let plan = settings.experiment.plan();
    let is_heard = shop.is_heard(settings.attribution.trigger);
    let holds = |reason: &Reason, placement| reason.holds(shop, placement, &settings.optimiser, &plan, is_heard);
    let held_back = |placement| Reason::ALL.into_iter().filter(move |reason| holds(reason, placement));
    placements(settings)
        .flat_map(|(placement, _)| held_back(placement).map(move |reason| Throttle { placement, reason: reason.as_str() }))
        .collect()
}

fn placements(settings: &Settings) -> impl Iterator<Item = (Placement, &PlacementPolicy)> {
    Placement::ALL.iter().filter_map(|placement| Some((*placement, settings.policy(*placement)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::facts::{Fact, TriedStep};
    use crate::event::Id;

    #[test]
    fn variants_are_listed_as_the_optimiser_has_them_and_a_placement_that_annoys_as_held_back() {
        let mut settings = Settings::default();
        let policy = settings.placements.get_mut(Placement::Cart);
        policy.variants = serde_json::from_str(r#"[{"name":"one","items_max":1}]"#).unwrap();
        let shop = Shop::new(&settings.limits);
        let tried = |variant: &str, step| shop.fold(&Fact::Tried { placement: Placement::Cart, variant: Id::new(variant), step });
        for n in 0..200 {
            tried("one", TriedStep::Shown);
            if n % 2 == 0 {
                tried("one", TriedStep::Dismissed);
            }
        }
        tried("one", TriedStep::Accepted);
        tried("one", TriedStep::Earned { before_micros: 0, after_micros: 5 });
        let listed = variants(&shop, &settings);
        let named: Vec<(&str, u64, u64, i128)> =
            listed.iter().map(|v| (v.variant.as_str(), v.shown, v.accepted, v.extra_revenue.0)).collect();
        assert_eq!(named, [("default", 0, 0, 0), ("one", 200, 1, 5)]);
        assert!((listed.iter().map(|variant| variant.probability).sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!(throttles(&shop, &settings), [Throttle { placement: Placement::Cart, reason: "dismissals" }]);
    }
}
