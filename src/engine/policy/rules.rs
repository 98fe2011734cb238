//! Rules: what every offered item keeps to, whatever speaks for it.
//!
//! Invariant: an item that any rule speaks against is never offered. The rules are asked in the order of
//! [`Rules::check`], cheap ones first, and the first that says no is the item's reason.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::{Chosen, Dropped, Ground, Situation};
use crate::engine::catalogue::{Facets, is_within};
use crate::engine::ratio::is_at_most;
use crate::engine::vocabulary::{OfferKind, Outcome};
use crate::event::{Id, ItemId, Money};

/// Most items left out that are remembered.
const DROPPED_MAX: usize = 64;
/// Steps a chain of upgrades is followed.
const GRADES_MAX: usize = 8;
/// Prices count as near up to this ratio, as two whole numbers.
const NEAR: (i128, i128) = (5, 4);

/// What an item is to be in the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role<'a> {
    /// A cross-sell or add-on, whichever of the policy's kinds it fits.
    Companion,
    /// A companion of a bundle.
    Bundled,
    /// Something the shopper is known to want again.
    Again,
    /// Something the shop itself puts beside an item: its word outranks what is usual of prices.
    Pinned,
    /// In the place of this item.
    Instead(&'a ItemId),
    /// A price level of this item, or the item itself.
    Level(&'a ItemId),
}

/// The rules, with what they ask of a situation worked out once.
pub(super) struct Rules<'a> {
    situation: &'a Situation<'a>,
    there: HashSet<&'a str, FixedState>,
    /// The items of the order that is followed up, if one is.
    followed_up: HashSet<&'a str, FixedState>,
    bought: HashSet<&'a str, FixedState>,
    shown_last: &'a [ItemId],
    kept_away: HashSet<ItemId, FixedState>,
    /// What is there by the item that it and its variants go by; empty where the catalogue relates nothing.
    families: HashMap<ItemId, Vec<&'a ItemId>, FixedState>,
    /// What is there, likewise.
    related: HashSet<&'a ItemId, FixedState>,
    lesser: HashSet<ItemId, FixedState>,
    dearest: Option<Money>,
    value_micros: i128,
    candidates: usize,
    /// What was left out, and why.
    pub(super) dropped: Vec<Dropped>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(situation: &'a Situation<'a>) -> Self {
        let Situation { session, beside, shop, .. } = *situation;
        let basket = session.basket.lines.iter().map(|line| line.item.as_str());
        let there = beside.iter().map(|beside| beside.item.as_str()).chain(basket).collect();
        // An order is followed up whether the shopper is there or not: what they saw weeks ago was not shown just now.
        let is_related = shop.catalogue.has_relations();
        // What follows an order stands beside that; the basket may hold something else by now.
        let basket_items = session.basket.lines.iter().map(|line| &line.item).filter(|_| situation.follows_up);
        // Nor is a variant wanted of what was just bought.
        let bought_items = session.bought_now().filter(|_| !situation.follows_up);
        let related: Vec<&ItemId> = if is_related {
            beside.iter().map(|beside| &beside.item).chain(basket_items).chain(bought_items).collect()
        } else {
            Vec::new()
        };
        let mut families: HashMap<ItemId, Vec<&ItemId>, FixedState> = HashMap::default();
        for item in &related {
            families.entry(family_of(situation, item)).or_default().push(item);
        }
        Self {
            situation,
            there,
            followed_up: beside.iter().filter(|_| situation.follows_up).map(|beside| beside.item.as_str()).collect(),
            bought: session.bought_now().map(|item| item.as_str()).collect(),
            shown_last: if situation.is_visit_over() || situation.settings.rules.repeat_shown { &[] } else { &session.pressure.last_seen },
            kept_away: related.iter().flat_map(|item| shop.catalogue.excluded_with(item)).collect(),
            lesser: related.iter().flat_map(|item| lesser_than(situation, item)).collect(),
            families,
            related: related.into_iter().collect(),
            dearest: beside.iter().filter_map(|beside| beside.price).max(),
            value_micros: beside.iter().map(|beside| beside.value_micros).sum(),
            candidates: 0,
            dropped: Vec::new(),
        }
    }

    /// So many candidates were ranked.
    pub(super) fn candidates_seen(&mut self, candidates: usize) {
        self.candidates += candidates;
    }

    /// Why nothing is left: the first rule that left something out; else there was too little evidence, or nothing.
    pub(super) fn reason(&self) -> Outcome {
        let by_rule = self.dropped.iter().map(|(_, reason)| *reason).find(|reason| *reason != Outcome::TooLittleEvidence);
        match by_rule {
            Some(reason) => reason,
            None if self.candidates == 0 && self.dropped.is_empty() => Outcome::NoCandidates,
            None => Outcome::TooLittleEvidence,
        }
    }

    /// Whether the item is one that the offer is to go with, or in the basket.
    pub(super) fn is_there(&self, item: &ItemId) -> bool {
        self.there.contains(item.as_str())
    }

    /// Leaves an item out.
    pub(super) fn drop(&mut self, item: &ItemId, reason: Outcome) {
        self.candidates += 1;
        if self.dropped.len() < DROPPED_MAX && !self.dropped.iter().any(|(other, why)| other == item && *why == reason) {
            self.dropped.push((item.clone(), reason));
        }
    }

    /// The item with what speaks for it, if no rule speaks against it beside those `chosen` already.
    pub(super) fn choose(&mut self, item: &ItemId, role: Role<'_>, evidence: Ground, chosen: &[Chosen]) -> Option<Chosen> {
        if chosen.iter().any(|other| other.item == *item) {
            return None;
        }
        match self.check(item, role, chosen) {
            Ok((kind, facets)) => {
                let item_baskets = self.situation.shop.counts.with_row(item, |row| row.slot.baskets()).unwrap_or_default();
                Some(Chosen { item: item.clone(), kind, item_baskets, evidence, facets, replaces: None, discounted: None })
            }
            Err(reason) => {
                self.drop(item, reason);
                None
            }
        }
    }

    fn check(&self, item: &ItemId, role: Role<'_>, chosen: &[Chosen]) -> Result<(OfferKind, Facets), Outcome> {
        self.check_presence(item, role)?;
        self.check_patience(item)?;
        let Situation { settings, shop, .. } = *self.situation;
        let facets = shop.catalogue.facets(item, settings.currency);
        self.check_catalogue(item, &facets, role)?;
        self.check_others(item, chosen)?;
        self.check_ownership(item, &facets, role)?;
        let kind = self.check_price(&facets, role)?;
        self.check_similar(item, &facets, role, chosen)?;
        Ok((kind, facets))
    }

    /// Neither in the basket nor bought in this visit.
    fn check_presence(&self, item: &ItemId, role: Role<'_>) -> Result<(), Outcome> {
        if self.is_due_again(item, role) {
            return if self.is_in_open_basket(item) { Err(Outcome::InBasket) } else { Ok(()) };
        }
        let is_page_itself = matches!(role, Role::Level(of) if of == item) && !self.situation.session.basket.has(item);
        if self.is_there(item) && !is_page_itself {
            return Err(Outcome::InBasket);
        }
        if self.bought.contains(item.as_str()) { Err(Outcome::JustBought) } else { Ok(()) }
    }

    /// Whether it was bought by the order that is followed up, and may be offered again.
    fn is_due_again(&self, item: &ItemId, role: Role<'_>) -> bool {
        role == Role::Again && self.followed_up.contains(item.as_str())
    }

    /// Whether it is in a basket that is not over yet: an order is followed up whether the shopper is there or not.
    fn is_in_open_basket(&self, item: &ItemId) -> bool {
        self.situation.session.basket.has(item) && !self.situation.is_visit_over()
    }

    /// Not what was refused, or seen often enough.
    fn check_patience(&self, item: &ItemId) -> Result<(), Outcome> {
        let Situation { session, settings, shop, now, .. } = *self.situation;
        let rules = &settings.rules;
        if session.pressure.rests(item) {
            return Err(Outcome::Resting);
        }
        let declined_at = session.customer.as_deref().and_then(|customer| {
            let declined_at = shop.customers.with(customer, |history| history.declined_at(item));
            declined_at.flatten()
        });
        if declined_at.is_some_and(|at| now < at.plus_ms(rules.item_rest.0)) {
            return Err(Outcome::Resting);
        }
        if self.shown_last.contains(item) {
            return Err(Outcome::JustShown);
        }
        let seen = session.offers.iter().filter(|offer| offer.seen && offer.has(item)).count();
        if rules.item_session_max > 0 && seen >= rules.item_session_max as usize { Err(Outcome::SeenTooOften) } else { Ok(()) }
    }

    /// What the catalogue and the shop's own lists say.
    fn check_catalogue(&self, item: &ItemId, facets: &Facets, role: Role<'_>) -> Result<(), Outcome> {
        let Situation { settings, shop, .. } = *self.situation;
        if facets.sold_out {
            return Err(Outcome::OutOfStock);
        }
        let rules = &settings.rules;
        let of_category = |category: &Id| rules.excluded_categories.iter().any(|excluded| is_within(category, excluded));
        if rules.excluded_items.contains(item) || facets.category.as_ref().is_some_and(of_category) || self.kept_away.contains(item) {
            return Err(Outcome::Excluded);
        }
        if self.families.is_empty() {
            return Ok(());
        }
        if shop.catalogue.excluded_with(item).iter().any(|other| self.there.contains(other.as_str())) {
            return Err(Outcome::Excluded);
        }
        let replaced = match role {
            Role::Instead(of) | Role::Level(of) => Some(of),
            _ => None,
        };
        let family = facets.family.as_ref().unwrap_or(item);
        let is_due_again = self.is_due_again(item, role);
        let stands = |there: &&ItemId| *there != item && Some(*there) != replaced && (!is_due_again || self.is_in_open_basket(there));
        if self.families.get(family).is_some_and(|there| there.iter().any(stands)) || self.is_another_grade(item, role) {
            Err(Outcome::VariantThere)
        } else {
            Ok(())
        }
    }

    /// Whether a companion is what the shop calls better or worse than something that is there: one or the other is
    /// wanted, not both.
    fn is_another_grade(&self, item: &ItemId, role: Role<'_>) -> bool {
        let is_companion = matches!(role, Role::Companion | Role::Bundled);
        let is_better = || lesser_than(self.situation, item).iter().any(|lesser| self.related.contains(lesser));
        is_companion && (self.lesser.contains(item) || is_better())
    }

    /// Not beside an item of the offer that the catalogue keeps it away from, or it from that.
    fn check_others(&self, item: &ItemId, chosen: &[Chosen]) -> Result<(), Outcome> {
        let catalogue = &self.situation.shop.catalogue;
        if chosen.is_empty() || !catalogue.has_relations() {
            return Ok(());
        }
        let excluded = catalogue.excluded_with(item);
        let is_apart = |other: &Chosen| excluded.contains(&other.item) || catalogue.excluded_with(&other.item).contains(item);
        if chosen.iter().any(is_apart) { Err(Outcome::Excluded) } else { Ok(()) }
    }

    /// Not again what the customer owns and buys once, nor too soon what they buy again.
    fn check_ownership(&self, item: &ItemId, facets: &Facets, role: Role<'_>) -> Result<(), Outcome> {
        let Situation { session, settings, shop, now, .. } = *self.situation;
        if role == Role::Again {
            return Ok(());
        }
        let Some(bought) = shop.customers.bought_by(session.customer.as_ref(), item) else { return Ok(()) };
        let (rebuy, rules) = (shop.customers.rebuys.of(item), &settings.rules);
        let replenish_ms = facets.replenish_days.map(|days| i64::from(days) * 86_400_000);
        if replenish_ms.is_none() && bought.orders < 2 && rebuy.share() < rules.rebuy_share_min {
            return Err(Outcome::Owned);
        }
        let gap_ms = replenish_ms.or_else(|| bought.gap_ms()).or_else(|| rebuy.gap_ms()).unwrap_or_default();
        let due_at = bought.last_at.plus_ms((gap_ms as f64 * rules.rebuy_gap_share) as i64);
        if now < due_at { Err(Outcome::NotDue) } else { Ok(()) }
    }

    /// The kind it can be offered as at its price.
    fn check_price(&self, facets: &Facets, role: Role<'_>) -> Result<OfferKind, Outcome> {
        match role {
            Role::Instead(_) | Role::Level(_) => Ok(OfferKind::Upsell),
            Role::Bundled => self.check_cheaper(facets).map(|()| OfferKind::Bundle),
            Role::Again | Role::Pinned if self.situation.policy.has(OfferKind::CrossSell) => Ok(OfferKind::CrossSell),
            Role::Again | Role::Pinned => self.companion_kind(facets),
            Role::Companion => self.companion_kind(facets),
        }
    }

    fn companion_kind(&self, facets: &Facets) -> Result<OfferKind, Outcome> {
        let mut reason = Outcome::TooLittleEvidence;
        for kind in &self.situation.policy.kinds {
            let fits = match kind {
                OfferKind::CrossSell => self.check_cheaper(facets),
                OfferKind::AddOn => self.check_small(facets),
                OfferKind::Upsell | OfferKind::Bundle => continue,
            };
            match fits {
                Ok(()) => return Ok(*kind),
                Err(no) => reason = no,
            }
        }
        Err(reason)
    }

    /// Cheaper, as the rule has it, than the dearest item it goes with. Where a price is not known, nothing is said.
    fn check_cheaper(&self, facets: &Facets) -> Result<(), Outcome> {
        let ratio = self.situation.settings.rules.companion_price_ratio_max;
        let (Some(price), Some(dearest)) = (facets.price, self.dearest) else { return Ok(()) };
        if ratio > 0.0 && !is_at_most(price, ratio, i128::from(dearest.0)) { Err(Outcome::TooDear) } else { Ok(()) }
    }

    /// A small share of the basket's value. Where a price is not known, nobody can tell that it is.
    fn check_small(&self, facets: &Facets) -> Result<(), Outcome> {
        let share = self.situation.settings.rules.add_on_share_max;
        match facets.price {
            Some(price) if is_at_most(price, share, self.value_micros) => Ok(()),
            _ => Err(Outcome::NotSmall),
        }
    }

    /// Not nearly the same as too many others of the offer, and no variant of one of them.
    fn check_similar(&self, item: &ItemId, facets: &Facets, role: Role<'_>, chosen: &[Chosen]) -> Result<(), Outcome> {
        if matches!(role, Role::Level(_)) {
            return Ok(());
        }
        let family = |item, facets: &Facets| facets.family.clone().unwrap_or_else(|| ItemId::clone(item));
        if chosen.iter().any(|other| family(&other.item, &other.facets) == family(item, facets)) {
            return Err(Outcome::TooSimilar);
        }
        let similar = chosen.iter().filter(|other| is_similar(&other.facets, facets)).count();
        if similar >= self.situation.settings.rules.similar_max { Err(Outcome::TooSimilar) } else { Ok(()) }
    }
}

/// The item that an item and its variants go by.
fn family_of(situation: &Situation<'_>, item: &ItemId) -> ItemId {
    situation.shop.catalogue.facets(item, situation.settings.currency).family.unwrap_or_else(|| item.clone())
}

/// What an item is called better than, down to the least.
fn lesser_than(situation: &Situation<'_>, item: &ItemId) -> Vec<ItemId> {
    let of = |item: &ItemId| situation.shop.catalogue.facets(item, situation.settings.currency).upgrade_of;
    std::iter::successors(of(item), of).take(GRADES_MAX).collect()
}

/// Of the same category and brand, at nearly the same price.
fn is_similar(one: &Facets, other: &Facets) -> bool {
    let (Some(a), Some(b)) = (one.price, other.price) else { return false };
    let is_near = |a: Money, b: Money| i128::from(a.0) * NEAR.1 <= i128::from(b.0) * NEAR.0;
    one.category.is_some() && one.category == other.category && one.brand == other.brand && is_near(a, b) && is_near(b, a)
}
