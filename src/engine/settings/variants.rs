//! Variants of a placement's policy: what each changes of it.
//!
//! Invariant: a variant changes what is offered, never whom, when or how often; what it makes of the policy passes the
//! policy's own checks, under the variant's name.

use compact_str::CompactString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::placements::PlacementPolicy;
use super::ranking::{CartOrder, Ranking};
use super::rules::Discounts;
use super::{BadSetting, in_range};
use crate::engine::optimiser::{EXPLORED, PLAIN};
use crate::engine::vocabulary::{OfferKind, Placement};

/// Variants beside the plain policy of a placement.
const VARIANTS_MAX: usize = 7;
/// Characters of a name.
const NAME_MAX: usize = 32;

/// What a variant changes of its placement's policy; what it leaves out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyVariant {
    /// Its name, in offers and figures.
    pub name: CompactString,
    /// What may be offered, in the order of their places in the offer.
    #[serde(default, deserialize_with = "kinds")]
    pub kinds: Option<Vec<OfferKind>>,
    /// At most this many items an offer.
    pub items_max: Option<usize>,
    /// The share a bundle's companions are cheaper by, in the place of `discounts.bundle_ratio`; what a segment is
    /// promised stands, and so does the margin's floor.
    pub bundle_ratio: Option<f64>,
    /// As in `[ranking]`, and so are all that follow.
    pub prior_baskets: Option<f64>,
    /// See [`Ranking::popularity_prior`].
    pub popularity_prior: Option<f64>,
    /// See [`Ranking::popularity_exponent`].
    pub popularity_exponent: Option<f64>,
    /// See [`Ranking::cart_order`].
    pub cart_order: Option<CartOrder>,
    /// See [`Ranking::position_decay`].
    pub position_decay: Option<f64>,
    /// See [`Ranking::personal`].
    pub personal: Option<bool>,
    /// See [`Ranking::history_weight`].
    pub history_weight: Option<f64>,
    /// See [`Ranking::history_prior_baskets`].
    pub history_prior_baskets: Option<f64>,
}

/// Kinds by their names, so that an unknown one is named with those that are known.
fn kinds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<OfferKind>>, D::Error> {
    let known = |name: &CompactString| {
        let kind = OfferKind::ALL.iter().find(|kind| kind.as_str() == name).copied();
        kind.ok_or_else(|| D::Error::custom(format!("{name:?} is not allowed (cross_sell, upsell, add_on and bundle are)")))
    };
    Vec::<CompactString>::deserialize(deserializer)?.iter().map(known).collect::<Result<_, _>>().map(Some)
}

impl PolicyVariant {
    /// What it makes of the placement's policy.
    #[must_use]
    pub fn policy(&self, plain: &PlacementPolicy) -> PlacementPolicy {
        PlacementPolicy {
            kinds: self.kinds.clone().unwrap_or_else(|| plain.kinds.clone()),
            items_max: self.items_max.unwrap_or(plain.items_max),
            ..plain.clone()
        }
    }

    /// What it makes of the shop's ranking.
    #[must_use]
    pub fn ranking(&self, plain: &Ranking) -> Ranking {
        let ranking = Ranking {
            prior_baskets: self.prior_baskets.unwrap_or(plain.prior_baskets),
            popularity_prior: self.popularity_prior.unwrap_or(plain.popularity_prior),
            popularity_exponent: self.popularity_exponent.unwrap_or(plain.popularity_exponent),
            cart_order: self.cart_order.unwrap_or(plain.cart_order),
            position_decay: self.position_decay.unwrap_or(plain.position_decay),
            personal: self.personal.unwrap_or(plain.personal),
            history_weight: self.history_weight.unwrap_or(plain.history_weight),
            history_prior_baskets: self.history_prior_baskets.unwrap_or(plain.history_prior_baskets),
            ..plain.clone()
        };
        // Whoever compares formulas compares those, and not what is made of them.
        let is_its_own = Ranking { personal: plain.personal, ..ranking.clone() } != *plain;
        Ranking { tuned: ranking.tuned && !is_its_own, learned: ranking.learned && !is_its_own, ..ranking }
    }
}

/// Checks all variants of a placement, each by what it makes of the policy and of the ranking.
pub(super) fn check(placement: Placement, plain: &PlacementPolicy, ranking: &Ranking, discounts: &Discounts) -> Result<(), BadSetting> {
    let all = format!("placements.{}.variants", placement.as_str());
    if plain.variants.len() > VARIANTS_MAX {
        return Err(BadSetting::new(all, plain.variants.len(), "at most 7 are allowed, beside the plain policy"));
    }
    for (at, variant) in plain.variants.iter().enumerate() {
        let name = format!("{all}[{at}]");
        check_name(&name, variant, &plain.variants[..at])?;
        let (policy, ranked) = (variant.policy(plain), variant.ranking(ranking));
        policy.check(&name, placement)?;
        ranked.check(&name)?;
        if let Some(ratio) = variant.bundle_ratio {
            in_range(&format!("{name}.bundle_ratio"), ratio, 0.0, 0.9)?;
            if !policy.has(OfferKind::Bundle) {
                return Err(BadSetting::new(format!("{name}.bundle_ratio"), ratio, "it needs bundle among the variant's kinds"));
            }
        }
        if policy.kinds == [OfferKind::Bundle] && !gives(variant, discounts) {
            let allowed = "a bundle without a discount is none, and it offers nothing else: it needs a bundle_ratio above 0";
            return Err(BadSetting::new(format!("{name}.kinds"), "bundle alone", allowed));
        }
        if variant.bundle_ratio.is_none() && policy == *plain && ranked == *ranking {
            let allowed = "it is the same as the plain policy: give it what it changes, or take it out";
            return Err(BadSetting::new(format!("{name}.name"), &variant.name, allowed));
        }
        let is_same = |other: &&PolicyVariant| {
            other.bundle_ratio == variant.bundle_ratio && other.policy(plain) == policy && other.ranking(ranking) == ranked
        };
        if let Some(other) = plain.variants[..at].iter().find(is_same) {
            let allowed = format!("it is the same as {}: no figure could tell them apart; take one out", other.name);
            return Err(BadSetting::new(format!("{name}.name"), &variant.name, allowed));
        }
    }
    Ok(())
}

/// Whether its bundles are cheaper for anybody.
fn gives(variant: &PolicyVariant, discounts: &Discounts) -> bool {
    variant.bundle_ratio.unwrap_or(discounts.bundle_ratio) > 0.0 || discounts.bundle_ratio_by_segment.values().any(|ratio| *ratio > 0.0)
}

fn check_name(setting: &str, variant: &PolicyVariant, before: &[PolicyVariant]) -> Result<(), BadSetting> {
    let name = &variant.name;
    let bad = |allowed: &str| Err(BadSetting::new(format!("{setting}.name"), format!("{name:?}"), allowed));
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        return bad("1 to 32 letters, digits, dashes or underscores are allowed");
    }
    if [PLAIN, EXPLORED].contains(&name.as_str()) {
        return bad("it is the name of what is there without variants; another one is needed");
    }
    if before.iter().any(|other| other.name == *name) {
        return bad("another variant of the placement has this name; each needs its own");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::Settings;

    fn named(name: &str) -> PolicyVariant {
        PolicyVariant { name: name.into(), items_max: Some(1), ..PolicyVariant::default() }
    }

    /// Variants of these names, each of its own kind.
    fn different(names: &[&str]) -> Vec<PolicyVariant> {
        let variant = |(at, name): (usize, &&str)| PolicyVariant { prior_baskets: Some(100.0 + at as f64), ..named(name) };
        names.iter().enumerate().map(variant).collect()
    }

    fn check_of(variants: Vec<PolicyVariant>) -> Result<(), String> {
        let mut settings = Settings::default();
        settings.placements.get_mut(Placement::Cart).variants = variants;
        settings.check().map_err(|bad| bad.to_string())
    }

    #[test]
    fn a_variant_changes_what_it_names_and_nothing_else() {
        let (plain, ranking) = (PlacementPolicy::of(Placement::Cart), Ranking::default());
        let variant = PolicyVariant { kinds: Some(vec![OfferKind::Upsell]), popularity_exponent: Some(0.5), ..PolicyVariant::default() };
        assert_eq!(variant.policy(&plain), PlacementPolicy { kinds: vec![OfferKind::Upsell], ..plain.clone() });
        assert_eq!(variant.ranking(&ranking), Ranking { popularity_exponent: 0.5, tuned: false, learned: false, ..ranking.clone() });
        let impersonal = PolicyVariant { personal: Some(false), ..PolicyVariant::default() };
        assert_eq!(impersonal.ranking(&ranking), Ranking { personal: false, ..ranking.clone() });
        let nothing = PolicyVariant::default();
        assert_eq!((nothing.policy(&plain), nothing.ranking(&ranking)), (plain, ranking));
    }

    #[test]
    fn seven_variants_are_allowed_and_what_cannot_be_used_is_named_with_the_remedy() {
        use OfferKind::{Bundle, CrossSell, Upsell};
        let names = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
        assert_eq!(check_of(different(&names[..7])), Ok(()));
        let refused: [(Vec<PolicyVariant>, &str); 14] = [
            (different(&names), "placements.cart.variants is 8; at most 7 are allowed, beside the plain policy"),
            (vec![named("")], "[0].name is \"\"; 1 to 32 letters, digits, dashes or underscores are allowed"),
            (
                vec![named(&"x".repeat(33))],
                "[0].name is \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"; 1 to 32 letters, digits, dashes or underscores are allowed",
            ),
            (vec![named("a+b")], "[0].name is \"a+b\"; 1 to 32 letters, digits, dashes or underscores are allowed"),
            (vec![named("explore")], "[0].name is \"explore\"; it is the name of what is there without variants; another one is needed"),
            (vec![named("default")], "[0].name is \"default\"; it is the name of what is there without variants; another one is needed"),
            (vec![named("a"), named("a")], "[1].name is \"a\"; another variant of the placement has this name; each needs its own"),
            (vec![named("a"), PolicyVariant { items_max: Some(4), ..named("c") }], "[1].items_max is 4; 1, 2 or 3 is allowed"),
            (
                vec![PolicyVariant { kinds: Some(vec![Upsell, Upsell]), ..named("a") }],
                "[0].kinds is [\"upsell\", \"upsell\"]; one kind or more is needed, each once",
            ),
            (
                vec![PolicyVariant { bundle_ratio: Some(0.1), ..named("a") }],
                "[0].bundle_ratio is 0.1; it needs bundle among the variant's kinds",
            ),
            (
                vec![PolicyVariant { kinds: Some(vec![Bundle]), bundle_ratio: Some(0.95), ..named("a") }],
                "[0].bundle_ratio is 0.95; 0 to 0.9 is allowed",
            ),
            (vec![PolicyVariant { popularity_exponent: Some(1.5), ..named("a") }], "[0].popularity_exponent is 1.5; 0 to 1 is allowed"),
            (
                vec![PolicyVariant { items_max: None, ..named("a") }],
                "[0].name is a; it is the same as the plain policy: give it what it changes, or take it out",
            ),
            (
                vec![PolicyVariant {
                    items_max: Some(3),
                    kinds: Some(vec![CrossSell, Upsell]),
                    popularity_exponent: Some(0.1),
                    ..named("a")
                }],
                "[0].name is a; it is the same as the plain policy: give it what it changes, or take it out",
            ),
        ];
        for (variants, says) in refused {
            let says = if says.starts_with('[') { format!("placements.cart.variants{says}") } else { says.to_owned() };
            assert_eq!(check_of(variants), Err(says));
        }
    }

    #[test]
    fn two_variants_that_do_the_same_are_refused_however_they_say_it() {
        let same = |other: PolicyVariant| {
            let says = "placements.cart.variants[1].name is b; it is the same as a: no figure could tell them apart; take one out";
            assert_eq!(check_of(vec![named("a"), other]), Err(says.to_owned()));
        };
        same(named("b"));
        same(PolicyVariant { popularity_exponent: Some(Ranking::default().popularity_exponent), ..named("b") });
        assert_eq!(check_of(vec![named("a"), PolicyVariant { items_max: Some(2), ..named("b") }]), Ok(()));
        let bundles = |name, ratio| PolicyVariant { kinds: Some(vec![OfferKind::Bundle]), bundle_ratio: Some(ratio), ..named(name) };
        assert_eq!(check_of(vec![bundles("a", 0.1), bundles("b", 0.2)]), Ok(()));
    }

    #[test]
    fn bundles_alone_need_a_discount() {
        let check = |bundle_ratio: Option<f64>, change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            let bundles = PolicyVariant { kinds: Some(vec![OfferKind::Bundle]), bundle_ratio, ..named("bundles") };
            settings.placements.get_mut(Placement::Cart).variants = vec![bundles];
            change(&mut settings);
            settings.check().map_err(|bad| bad.to_string())
        };
        let refused =
            Err("placements.cart.variants[0].kinds is bundle alone; a bundle without a discount is none, and it offers nothing else: it \
                           needs a bundle_ratio above 0"
                .to_owned());
        assert_eq!(check(None, |_| {}), refused);
        assert_eq!(check(Some(0.0), |settings| settings.discounts.bundle_ratio = 0.1), refused);
        assert_eq!(check(None, |settings| settings.discounts.bundle_ratio = 0.1), Ok(()));
        assert_eq!(check(Some(0.1), |_| {}), Ok(()));
        let loyal = |settings: &mut Settings| {
            settings.discounts.bundle_ratio_by_segment.insert("loyal".into(), 0.1);
        };
        assert_eq!(check(None, loyal), Ok(()));
        let mixed = PolicyVariant { kinds: Some(vec![OfferKind::Bundle, OfferKind::CrossSell]), ..named("mixed") };
        assert_eq!(check_of(vec![mixed]), Ok(()));
    }

    #[test]
    fn what_contradicts_the_placement_is_refused() {
        let mut settings = Settings::default();
        let page = settings.placements.get_mut(Placement::ProductPage);
        (page.ladder, page.variants) = (true, vec![named("short")]);
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "placements.product_page.variants[0].ladder is true; three levels need items_max = 3"
        );
        let mut settings = Settings::default();
        let bundles = PolicyVariant { kinds: Some(vec![OfferKind::Bundle]), ..named("bundles") };
        settings.placements.get_mut(Placement::PostPurchase).variants = vec![bundles];
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "placements.post_purchase.variants[0].kinds is with bundle; a bundle has a price together with an item that is already paid here"
        );
    }
}
