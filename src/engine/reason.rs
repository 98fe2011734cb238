//! Reasons: what is said of an offered item, from the evidence that speaks for it.
//!
//! Invariant: only what is in the evidence or the catalogue is said; the words are those of `texts`.

use super::catalogue::Product;
use super::offer::Frame;
use super::policy::{Chosen, Ground};
use super::settings::Settings;
use super::shop::Shop;
use super::texts::{Basis, Proof, Said};
use super::vocabulary::{OfferKind, Placement};
use crate::event::{Currency, Money};

/// Why the item is offered, in the shopper's language.
#[must_use]
pub fn reason(frame: Frame<'_>, chosen: &Chosen, product: &Product, settings: &Settings, shop: &Shop) -> String {
    let with = with_title(chosen, shop);
    let is_paid = matches!(frame.placement, Placement::PostPurchase | Placement::FollowUp);
    let (basis, together, baskets) = basis(chosen, product, settings, shop);
    let said = Said {
        placement: frame.placement,
        kind: chosen.kind,
        basis,
        with: with.as_deref(),
        category: category(chosen),
        together,
        baskets,
        // Who has paid for the one pays the whole price of the other.
        difference: difference(chosen, settings.currency).filter(|_| !is_paid),
        saving: saving(chosen, settings.currency),
        days: if let Ground::Rebuy { days, .. } = chosen.evidence { Some(u64::from(days)) } else { None },
        number: number(&chosen.evidence),
    };
    let proof = Proof {
        rating_centi: product.rating_centi,
        rating_count: product.rating_count,
        bought_this_week: Some(settings.shown(shop.weekly.of(&chosen.item, frame.ts))),
    };
    settings.texts.reason(frame.locale, &said, &proof)
}

/// The template, and the counts it speaks of.
fn basis(chosen: &Chosen, product: &Product, settings: &Settings, shop: &Shop) -> (Basis, u64, u64) {
    let all = shop.counts.baskets();
    let own = u64::from(settings.shown(chosen.item_baskets));
    match &chosen.evidence {
        Ground::Pair(pair) if chosen.kind == OfferKind::Bundle => (Basis::Bundle, u64::from(pair.together), u64::from(pair.baskets)),
        Ground::Pair(pair) => (Basis::Pair, u64::from(pair.together), u64::from(pair.baskets)),
        Ground::Category { baskets, together, .. } => (Basis::Category, u64::from(*together), u64::from(*baskets)),
        Ground::History(orders, baskets) => (Basis::History, u64::from(*orders), u64::from(*baskets)),
        Ground::Rebuy { orders, .. } => (Basis::Rebuy, u64::from(*orders), 0),
        Ground::PopularInCategory => (Basis::PopularInCategory, own, all),
        Ground::Popular | Ground::Level(_) => (Basis::Popular, own, all),
        Ground::Pinned(_) => (Basis::Pinned, 0, 0),
        Ground::Upgrade(_) => (Basis::Upgrade, 0, 0),
        Ground::LearnedUpgrade { times, instead, .. } => (Basis::LearnedUpgrade, u64::from(*instead), u64::from(*times)),
        Ground::StampCard { .. } => (Basis::StampCard, 0, 0),
        // What was bought or rated before has been here for a while, however little is known of it.
        Ground::New(_) if chosen.item_baskets > 0 || product.rating_count.is_some_and(|count| count > 0) => {
            (Basis::PopularInCategory, 0, 0)
        }
        Ground::New(_) => (Basis::New, 0, 0),
    }
}

/// The title of what it goes with, or replaces; the category's name where that is all that is known.
fn with_title(chosen: &Chosen, shop: &Shop) -> Option<String> {
    if let Ground::Category { with, .. } = &chosen.evidence {
        return Some(with.to_string());
    }
    let replaced = chosen.replaces.as_ref().map(|(item, _)| item);
    // How much dearer an upgrade is, is told from what it replaces.
    let item = if let Ground::Upgrade(with) = &chosen.evidence { replaced.unwrap_or(with) } else { chosen.evidence.with().or(replaced)? };
    shop.catalogue.get(item).title.map(Into::into)
}

fn category(chosen: &Chosen) -> Option<&str> {
    match &chosen.evidence {
        Ground::StampCard { category, .. } | Ground::New(category) => Some(category),
        _ => chosen.facets.category.as_deref(),
    }
}

fn number(ground: &Ground) -> Option<u64> {
    match ground {
        Ground::History(orders, _) => Some(u64::from(*orders)),
        Ground::StampCard { number, .. } => Some(u64::from(*number)),
        _ => None,
    }
}

/// How much dearer it is than what it replaces.
fn difference(chosen: &Chosen, currency: Currency) -> Option<(Money, Currency)> {
    let replaced = chosen.replaces.as_ref().and_then(|(_, price)| *price)?;
    let more = chosen.facets.price?.0.checked_sub(replaced.0).filter(|more| *more > 0)?;
    Some((Money(more), currency))
}

fn saving(chosen: &Chosen, currency: Currency) -> Option<(Money, Currency)> {
    let less = chosen.facets.price?.0.checked_sub(chosen.discounted?.0).filter(|less| *less > 0)?;
    Some((Money(less), currency))
}
