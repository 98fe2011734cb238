//! Upsells: a dearer, better one in the place of an item.
//!
//! Invariant: an upgrade's price is known and within the band of what it replaces; it is of the same category, or the
//! catalogue itself says that it is better or a variant. At most one an offer.

use super::rules::{Role, Rules};
use super::{Beside, Chosen, Ground, Situation};
use crate::engine::catalogue::Facets;
use crate::engine::ratio::is_between;
use crate::engine::vocabulary::Placement;
use crate::event::{ItemId, Money};

/// Items that an upgrade is looked for: the one in view, then the dearest.
const TARGETS_MAX: usize = 3;

/// Adds the best upgrade, if there is one.
pub(super) fn add(situation: &Situation<'_>, rules: &mut Rules<'_>, chosen: &mut Vec<Chosen>) {
    for target in targets(situation) {
        if let Some(upgrade) = best_for(situation, rules, &target.item, target.price, Role::Instead(&target.item), chosen) {
            chosen.push(upgrade);
            return;
        }
    }
}

/// The best upgrade of an item: what shoppers bought instead, then what the shop calls better, then its dearer
/// variants, then what sells best of its category.
pub(super) fn best_for(
    situation: &Situation<'_>,
    rules: &mut Rules<'_>,
    of: &ItemId,
    price: Option<Money>,
    role: Role<'_>,
    chosen: &[Chosen],
) -> Option<Chosen> {
    let replaced = situation.shop.catalogue.facets(of, situation.settings.currency);
    let target = Target { of, role, price: price.or(replaced.price)?, facets: replaced };
    // What sells best is looked at only where nothing stronger is known: there may be much of it.
    let said = first_fit(situation, rules, &target, learned_and_said(situation, &target), chosen);
    said.or_else(|| first_fit(situation, rules, &target, popular(situation, &target), chosen))
}

/// What is to be replaced.
struct Target<'a> {
    of: &'a ItemId,
    /// What the better one is to be in the offer.
    role: Role<'a>,
    price: Money,
    facets: Facets,
}

fn first_fit(
    situation: &Situation<'_>,
    rules: &mut Rules<'_>,
    target: &Target<'_>,
    alternatives: Vec<(ItemId, Ground)>,
    chosen: &[Chosen],
) -> Option<Chosen> {
    for (item, ground) in alternatives {
        let facets = situation.shop.catalogue.facets(&item, situation.settings.currency);
        let is_same = facets.category.is_some() && facets.category == target.facets.category;
        let is_said = matches!(ground, Ground::Upgrade(_));
        if item == *target.of || !(is_same || is_said) || !is_in_band(situation, facets.price, target.price) {
            continue;
        }
        if let Some(found) = rules.choose(&item, target.role, ground, chosen) {
            return Some(Chosen { replaces: Some((target.of.clone(), Some(target.price))), ..found });
        }
    }
    None
}

/// What shoppers bought instead, what the shop calls better, and its dearer variants: of each the nearest price first.
fn learned_and_said(situation: &Situation<'_>, target: &Target<'_>) -> Vec<(ItemId, Ground)> {
    let Situation { shop, settings, .. } = *situation;
    let with = target.of;
    let (times, instead) = shop.passed_over.of(with);
    let learned = instead.into_iter().filter(|(_, instead)| *instead >= situation.together_min());
    let mut all: Vec<(ItemId, Ground)> =
        learned.map(|(item, instead)| (item, Ground::LearnedUpgrade { with: with.clone(), times, instead })).collect();
    let family = target.facets.family.as_ref().unwrap_or(with);
    let mut variants = shop.catalogue.variants_of(family);
    // What the others are variants of is one of them.
    variants.push(family.clone());
    for mut said in [shop.catalogue.upgrades_of(with), variants] {
        said.sort_by_cached_key(|item| (shop.catalogue.facets(item, settings.currency).price, item.clone()));
        all.extend(said.into_iter().map(|item| (item, Ground::Upgrade(with.clone()))));
    }
    all
}

/// What sells best of the same category.
fn popular(situation: &Situation<'_>, target: &Target<'_>) -> Vec<(ItemId, Ground)> {
    let Some(category) = &target.facets.category else { return Vec::new() };
    let shelf = situation.shop.shelves.of(category).into_iter();
    let popular = shelf.filter(|slot| slot.baskets() >= situation.popular_min());
    popular.map(|slot| (slot.item.clone(), Ground::PopularInCategory)).collect()
}

fn is_in_band(situation: &Situation<'_>, price: Option<Money>, replaced: Money) -> bool {
    let rules = &situation.settings.rules;
    price.is_some_and(|price| is_between(price, rules.upsell_price_ratio_min, rules.upsell_price_ratio_max, replaced))
}

/// The item in view, then the dearest others. Who has just taken a better one is not asked for yet another.
fn targets<'a>(situation: &Situation<'a>) -> Vec<&'a Beside> {
    let taken = |item: &ItemId| {
        let offered = situation.session.offers.iter().flat_map(|offer| offer.items.iter());
        offered.filter(|offered| offered.item == *item).any(|offered| offered.accepted_at.is_some() && offered.replaces.is_some())
    };
    // On a product's page it is that product.
    let is_asked = |item: &ItemId| situation.placement != Placement::ProductPage || Some(item) == situation.focus;
    let mut targets: Vec<&Beside> = situation.beside.iter().filter(|beside| !taken(&beside.item) && is_asked(&beside.item)).collect();
    targets.sort_by_key(|beside| (Some(&beside.item) != situation.focus, std::cmp::Reverse(beside.price)));
    targets.truncate(TARGETS_MAX);
    targets
}
