//! Bundles: the item in view with one or two companions, which are cheaper then.
//!
//! Invariant: a bundle has a known price before and after, the second lower; its companions are bought together with
//! the item, and none of them is sold below the margin floor.

use super::discount::discounted;
use super::rules::{Role, Rules};
use super::{Chosen, Ground, Situation};
use crate::engine::hash::hash_128;
use crate::engine::ranking::Candidate;
use crate::engine::vocabulary::Outcome;
use crate::event::{ItemId, Money};

/// Most companions of a bundle.
const COMPANIONS_MAX: usize = 2;

/// What a bundle costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The code that the shop's checkout asks for.
    pub code: String,
    /// The price of the trigger and the companions together,
    pub price: Money,
    /// and what they cost without the bundle.
    pub price_before: Money,
}

/// Adds the companions of a bundle, if there is one; returns its terms.
pub(super) fn add(situation: &Situation<'_>, rules: &mut Rules<'_>, candidates: &[Candidate], chosen: &mut Vec<Chosen>) -> Option<Terms> {
    let discounts = &situation.settings.discounts;
    let ratio = discounts.bundle_ratio_for(situation.segment, situation.bundle_ratio);
    if ratio <= 0.0 {
        return None;
    }
    let (trigger, trigger_price) = trigger(situation)?;
    let mut terms = Terms { code: code(situation), price: trigger_price, price_before: trigger_price };
    let mut companions = 0;
    for candidate in candidates {
        if companions >= COMPANIONS_MAX || chosen.len() >= situation.policy.items_max {
            break;
        }
        let Some(evidence @ Ground::Pair(_)) = Ground::of(candidate, situation) else { continue };
        if evidence.with() != Some(&trigger) {
            continue;
        }
        let Some(found) = rules.choose(&candidate.slot.item, Role::Bundled, evidence, chosen) else { continue };
        let Some(price) = found.facets.price else { continue };
        let Some(after) = discounted(price, ratio, found.facets.margin_ppm, discounts) else {
            rules.drop(&found.item, Outcome::NoMargin);
            continue;
        };
        terms.price.0 = terms.price.0.saturating_add(after.0);
        terms.price_before.0 = terms.price_before.0.saturating_add(price.0);
        chosen.push(Chosen { discounted: Some(after), ..found });
        companions += 1;
    }
    (companions > 0).then_some(terms)
}

/// The item in view, if it can be had; where none is in view, the dearest.
fn trigger(situation: &Situation<'_>) -> Option<(ItemId, Money)> {
    let focus = situation.beside.iter().find(|beside| Some(&beside.item) == situation.focus);
    let beside = focus.or_else(|| situation.beside.iter().max_by_key(|beside| beside.price))?;
    let facets = situation.shop.catalogue.facets(&beside.item, situation.settings.currency);
    if facets.sold_out { None } else { Some((beside.item.clone(), beside.price.or(facets.price)?)) }
}

fn code(situation: &Situation<'_>) -> String {
    let hash = hash_128("bundle", &[&situation.offer_id.to_le_bytes()]);
    format!("{}-{:010X}", situation.settings.discounts.code_prefix, hash & 0xff_ffff_ffff)
}
