//! Offers as they leave: the contract's JSON, with reason and evidence.
//!
//! Invariant: an offer's id is a hash of its cause, so the same cause never makes two. Money is a decimal
//! string; what is not known is left out.

use compact_str::CompactString;
use serde::{Serialize, Serializer};

use super::policy::{Choice, Chosen, Ground, Terms};
use super::reason::reason;
use super::settings::Settings;
use super::shop::Shop;
use super::vocabulary::{Arm, OfferKind, Placement};
use crate::event::{Currency, EventType, Id, ItemId, Money, Timestamp};

/// An offer, as it is written to `shop.offers` or `shop.offers.withheld`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Offer {
    #[serde(rename = "type")]
    kind: &'static str,
    /// A hash of the cause, 32 hexadecimal digits.
    pub offer_id: String,
    /// The time of the event that caused it.
    #[serde(serialize_with = "display")]
    #[schema(value_type = String)]
    pub ts: Timestamp,
    /// Where it is made.
    pub placement: Placement,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    channel: Option<Id>,
    /// The session's id, where one was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    cart_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    order_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    customer_id: Option<Id>,
    #[schema(value_type = String)]
    locale: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    /// Made, or kept back.
    pub arm: Arm,
    #[schema(value_type = String)]
    variant: Id,
    propensity: String,
    /// Until when it holds.
    #[serde(serialize_with = "display")]
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes: Option<String>,
    /// At most three.
    pub items: Vec<OfferItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<Bundle>,
}

/// The event that an offer is said to be caused by.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Cause {
    /// Its type.
    #[serde(rename = "type", serialize_with = "event_name")]
    #[schema(value_type = String)]
    pub kind: EventType,
    /// Its id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub event_id: Option<Id>,
    /// Its item, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub item_id: Option<ItemId>,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct Bundle {
    code: String,
    #[serde(serialize_with = "display")]
    #[schema(value_type = String)]
    price: Money,
    #[serde(serialize_with = "display")]
    #[schema(value_type = String)]
    price_before: Money,
}

/// One item of an offer.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OfferItem {
    /// The item.
    #[schema(value_type = String)]
    pub item_id: ItemId,
    /// What it is offered as.
    pub kind: OfferKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    title: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    description: Option<CompactString>,
    /// The price of a unit, after a discount.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "display_some")]
    #[schema(value_type = Option<String>)]
    pub price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "display_some")]
    #[schema(value_type = Option<String>)]
    price_before: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    image_url: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    url: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    add_url: Option<CompactString>,
    /// The item it is to replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub replaces: Option<ItemId>,
    reason: String,
    evidence: Evidence,
}

/// The figures behind an offered item.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct Evidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    with: Option<ItemId>,
    step: &'static str,
    baskets: u64,
    together: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    support: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lift: Option<f64>,
}

/// What an offer is made of beside its items.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The offer's id.
    pub id: u128,
    /// The time it is made for.
    pub ts: Timestamp,
    /// Where it is made.
    pub placement: Placement,
    /// Made, or kept back.
    pub arm: Arm,
    /// The event that caused it; none where it was asked for.
    pub cause: Option<&'a Cause>,
    /// The session's id.
    pub session_id: Option<&'a Id>,
    /// The basket's id.
    pub cart_id: Option<&'a Id>,
    /// The order it follows.
    pub order_id: Option<&'a Id>,
    /// The session's channel.
    pub channel: Option<&'a Id>,
    /// The session's customer.
    pub customer: Option<&'a Id>,
    /// The shopper's language.
    pub locale: &'a Id,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The offer it takes the place of.
    pub supersedes: Option<u128>,
}

/// Writes an offer out.
#[must_use]
pub fn compose(frame: Frame<'_>, choice: &Choice, settings: &Settings, shop: &Shop) -> Offer {
    Offer {
        kind: "offer",
        offer_id: id_text(frame.id),
        ts: frame.ts,
        placement: frame.placement,
        channel: frame.channel.cloned(),
        session_id: frame.session_id.cloned(),
        cart_id: frame.cart_id.cloned(),
        order_id: frame.order_id.cloned(),
        customer_id: frame.customer.cloned(),
        locale: frame.locale.clone(),
        cause: frame.cause.cloned(),
        arm: frame.arm,
        variant: choice.variant.label(),
        propensity: choice.variant.propensity(),
        expires_at: frame.expires_at,
        supersedes: frame.supersedes.map(id_text),
        items: choice.items.iter().map(|item| compose_item(frame, item, settings, shop)).collect(),
        bundle: choice.bundle.clone().map(|Terms { code, price, price_before }| Bundle { code, price, price_before }),
    }
}

/// An offer's id as text: 32 hexadecimal digits.
#[must_use]
pub fn id_text(id: u128) -> String {
    format!("{id:032x}")
}

/// The id in that text; `None` when it is not one of ours.
#[must_use]
pub fn parse_id(text: &str) -> Option<u128> {
    (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn compose_item(frame: Frame<'_>, chosen: &Chosen, settings: &Settings, shop: &Shop) -> OfferItem {
    let product = shop.catalogue.get(&chosen.item);
    // The price that rules and discounts rest on; one in another currency is only shown.
    let (price, currency) = match chosen.facets.price {
        Some(price) => (Some(price), settings.currency),
        None => (product.price, product.currency.unwrap_or(settings.currency)),
    };
    OfferItem {
        item_id: chosen.item.clone(),
        kind: chosen.kind,
        reason: reason(frame, chosen, &product, settings, shop),
        evidence: evidence(chosen, settings, shop),
        title: product.title,
        description: product.description,
        currency: price.map(|_| currency),
        price: chosen.discounted.or(price),
        price_before: chosen.discounted.and(price),
        image_url: product.image_url,
        url: product.url,
        add_url: product.add_url,
        replaces: chosen.replaces.as_ref().map(|(item, _)| item.clone()),
    }
}

fn evidence(chosen: &Chosen, settings: &Settings, shop: &Shop) -> Evidence {
    let all_baskets = shop.counts.baskets();
    let with = chosen.evidence.with().cloned();
    let step = chosen.evidence.step().as_str();
    let of_item = || counted(step, all_baskets, chosen.item_baskets);
    match &chosen.evidence {
        Ground::Pair(pair) => {
            let all = all_baskets.max(1) as f64;
            let counted = counted(step, u64::from(pair.baskets), pair.together);
            let share = f64::from(chosen.item_baskets) / all;
            let lift = counted.confidence.filter(|_| share > 0.0).map(|_| {
                let confidence = f64::from(pair.together) / f64::from(pair.baskets.max(1));
                rounded(confidence / share)
            });
            Evidence { with, support: Some(rounded(f64::from(pair.together) / all)), lift, ..counted }
        }
        Ground::LearnedUpgrade { times, instead, .. } => Evidence { with, support: None, ..counted(step, u64::from(*times), *instead) },
        Ground::Category { baskets, together, .. } => Evidence { support: None, ..counted(step, u64::from(*baskets), *together) },
        Ground::History(orders, baskets) => counted(step, u64::from(*baskets), *orders),
        Ground::Rebuy { orders, .. } => bare(None, step, 0, *orders),
        Ground::StampCard { number, .. } => bare(None, step, 0, *number),
        Ground::Popular | Ground::PopularInCategory => of_item(),
        // It does not rest on counts, so few of them need not keep it from being offered.
        Ground::Pinned(_) | Ground::Upgrade(_) | Ground::Level(_) | Ground::New(_) => {
            bare(with, step, all_baskets, settings.shown(chosen.item_baskets))
        }
    }
}

fn counted(step: &'static str, baskets: u64, together: u32) -> Evidence {
    let share = Some(rounded(f64::from(together) / baskets.max(1) as f64));
    Evidence { with: None, step, baskets, together, support: share, confidence: share, lift: None }
}

/// Counts that are no share of one another.
fn bare(with: Option<ItemId>, step: &'static str, baskets: u64, together: u32) -> Evidence {
    Evidence { with, step, baskets, together, support: None, confidence: None, lift: None }
}

/// Six decimals: enough to read, and the same text on every machine.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn display<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn display_some<S: Serializer>(value: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(money) => serializer.collect_str(money),
        None => serializer.serialize_none(),
    }
}

fn event_name<S: Serializer>(value: &EventType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_own_text() {
        assert_eq!(parse_id(&id_text(7)), Some(7));
        assert_eq!(parse_id(&id_text(u128::MAX)), Some(u128::MAX));
        for text in ["", "7", "zz", &"g".repeat(32)] {
            assert_eq!(parse_id(text), None);
        }
    }
}
