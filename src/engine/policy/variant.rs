//! Which variant of its placement's policy an offer is made by, and whether it may carry a new item.
//!
//! Invariant: both are drawn by hashes of the offer's id, with probabilities that are published; an offer's own is
//! exact to the millionth it is written with.

use super::Situation;
use crate::engine::hash::unit_interval;
use crate::engine::optimiser::{EXPLORED, PLAIN, WHOLE};
use crate::engine::settings::PolicyVariant;
use crate::event::Id;

/// What an offer is made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    name: Id,
    /// The last place may go to a new item.
    pub explored: bool,
    /// The probability of both, in millionths.
    propensity: u32,
}

impl Variant {
    /// Its name in an offer.
    #[must_use]
    pub fn label(&self) -> Id {
        match (self.name == PLAIN, self.explored) {
            (_, false) => self.name.clone(),
            (true, true) => Id::const_new(EXPLORED),
            (false, true) => compact_str::format_compact!("{}+{EXPLORED}", self.name),
        }
    }

    /// The name that its figures are kept by; a new item's are not the variant's.
    #[must_use]
    pub fn counted(&self) -> Option<Id> {
        (!self.explored).then(|| self.name.clone())
    }

    /// The probability that it was drawn, as text: six decimals, exact.
    #[must_use]
    pub fn propensity(&self) -> String {
        format!("{}.{:06}", self.propensity / WHOLE, self.propensity % WHOLE)
    }
}

/// Draws the variant of an offer: what it changes, unless it is the plain policy, and its name.
pub(super) fn draw<'a>(situation: &Situation<'a>) -> (Option<&'a PolicyVariant>, Variant) {
    let Situation { policy, shop, placement, settings, offer_id, .. } = *situation;
    let (at, share) = if policy.variants.is_empty() {
        (0, WHOLE)
    } else {
        shop.optimiser.vector(placement, &policy.variant_names(), &settings.optimiser).draw(offer_id)
    };
    let changes = at.checked_sub(1).and_then(|at| policy.variants.get(at));
    let (explored, propensity) = draw_explored(share, settings.rules.exploration_ratio, offer_id);
    let name = changes.map_or(Id::const_new(PLAIN), |variant| variant.name.clone());
    (changes, Variant { name, explored, propensity })
}

/// Whether the offer may carry a new item, and how probable that is together with a variant of this share. What both
/// are to have is rounded to whole millionths before it is drawn, not after.
fn draw_explored(share: u32, exploration_ratio: f64, offer_id: u128) -> (bool, u32) {
    let explored = ((f64::from(share) * exploration_ratio).round() as u32).min(share);
    let draw = unit_interval("variant", &[&offer_id.to_le_bytes()]);
    if draw < f64::from(explored) / f64::from(share.max(1)) { (true, explored) } else { (false, share - explored) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_share_add_up_to_it() {
        for (share, ratio) in [(WHOLE, 0.05), (333_333, 0.05), (1, 0.5), (7, 0.3), (20_000, 0.0), (20_000, 1.0)] {
            let drawn: Vec<(bool, u32)> = (0..200).map(|id| draw_explored(share, ratio, id)).collect();
            let of = |explored: bool| drawn.iter().find(|(is, _)| *is == explored).map(|(_, propensity)| *propensity);
            let whole = (of(true), of(false));
            match whole {
                (Some(one), Some(other)) => assert_eq!(one + other, share, "{share} {ratio}"),
                (Some(all), None) | (None, Some(all)) => assert_eq!(all, share, "{share} {ratio}"),
                (None, None) => unreachable!(),
            }
            assert!(drawn.iter().all(|(_, propensity)| *propensity > 0), "what was drawn was possible: {share} {ratio}");
        }
    }

    #[test]
    fn a_name_says_what_was_drawn() {
        let of = |name: &str, explored| Variant { name: name.into(), explored, propensity: 12_345 };
        let labels = [of("default", false), of("default", true), of("short", false), of("short", true)].map(|variant| variant.label());
        assert_eq!(labels, ["default", "explore", "short", "short+explore"]);
        assert_eq!((of("short", true).counted(), of("short", false).counted()), (None, Some("short".into())));
        assert_eq!(of("short", false).propensity(), "0.012345");
        assert_eq!(Variant { propensity: WHOLE, ..of("default", false) }.propensity(), "1.000000");
    }
}
