//! Offers as they leave: the contract's JSON, with reason and evidence.
//!
//! Invariant: an offer's id is a hash of its cause, so the same cause never makes two. Money is a decimal
//! string; what is not known is left out.

use compact_str::CompactString;
use serde::{Serialize, Serializer};

use super::policy::{Chosen, Ground};
use super::reason::reason;
use super::shop::Shop;
use super::vocabulary::{Arm, OfferKind, Placement};
use crate::event::{Currency, EventType, Id, ItemId, Money, ShopEvent, Timestamp};

/// An offer, as it is written to `shop.offers` or `shop.offers.withheld`.
#[derive(Clone, Debug, Serialize)]
pub struct Offer {
    #[serde(rename = "type")]
    kind: &'static str,
    /// A hash of the cause, 32 hexadecimal digits.
    pub offer_id: String,
    /// The time of the event that caused it.
    #[serde(serialize_with = "display")]
    pub ts: Timestamp,
    /// Where it is made.
    #[serde(serialize_with = "placement_name")]
    pub placement: Placement,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cart_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<Id>,
    locale: Id,
    cause: Cause,
    /// Made, or kept back.
    #[serde(serialize_with = "arm_name")]
    pub arm: Arm,
    variant: &'static str,
    propensity: &'static str,
    #[serde(serialize_with = "display")]
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes: Option<String>,
    /// At most three.
    pub items: Vec<OfferItem>,
}

#[derive(Clone, Debug, Serialize)]
struct Cause {
    #[serde(rename = "type", serialize_with = "event_name")]
    kind: EventType,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<ItemId>,
}

/// One item of an offer.
#[derive(Clone, Debug, Serialize)]
pub struct OfferItem {
    /// The item.
    pub item_id: ItemId,
    #[serde(serialize_with = "kind_name")]
    kind: OfferKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "display_some")]
    price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_url: Option<CompactString>,
    reason: String,
    evidence: Evidence,
}

/// The figures behind an offered item.
#[derive(Clone, Debug, Serialize)]
struct Evidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<ItemId>,
    step: &'static str,
    baskets: u64,
    together: u32,
    support: f64,
    confidence: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lift: Option<f64>,
}

/// What an offer is made of beside its items.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The offer's id.
    pub id: u128,
    /// The event that caused it.
    pub event: &'a ShopEvent,
    /// The item of that event, where there is one.
    pub cause_item: Option<&'a ItemId>,
    /// Where it is made.
    pub placement: Placement,
    /// Made, or kept back.
    pub arm: Arm,
    /// The session's channel.
    pub channel: Option<&'a Id>,
    /// The session's customer.
    pub customer: Option<&'a Id>,
    /// The shop's language, where the event names none.
    pub locale: &'a CompactString,
    /// The shop's currency, where the catalogue names none.
    pub currency: Currency,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The offer it takes the place of.
    pub supersedes: Option<u128>,
}

/// Writes an offer out.
#[must_use]
pub fn compose(frame: Frame<'_>, chosen: &[Chosen], shop: &Shop) -> Offer {
    let event = frame.event;
    Offer {
        kind: "offer",
        offer_id: id_text(frame.id),
        ts: event.ts,
        placement: frame.placement,
        channel: frame.channel.cloned(),
        session_id: event.session_id.clone(),
        cart_id: event.cart_id.clone(),
        order_id: event.order_id.clone(),
        customer_id: frame.customer.cloned(),
        locale: event.locale.clone().unwrap_or_else(|| frame.locale.clone()),
        cause: Cause { kind: event.kind.event_type(), event_id: event.event_id.clone(), item_id: frame.cause_item.cloned() },
        arm: frame.arm,
        variant: "default",
        // The one variant there is, is always chosen.
        propensity: "1.000000",
        expires_at: frame.expires_at,
        supersedes: frame.supersedes.map(id_text),
        items: chosen.iter().map(|item| compose_item(item, frame.currency, shop)).collect(),
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

fn compose_item(chosen: &Chosen, shop_currency: Currency, shop: &Shop) -> OfferItem {
    let product = shop.catalogue.get(&chosen.item);
    OfferItem {
        item_id: chosen.item.clone(),
        kind: OfferKind::CrossSell,
        reason: reason(&chosen.evidence, chosen.item_baskets, shop),
        evidence: evidence(chosen, shop.counts.baskets()),
        title: product.title,
        description: product.description,
        currency: product.price.map(|_| product.currency.unwrap_or(shop_currency)),
        price: product.price,
        image_url: product.image_url,
        url: product.url,
        add_url: product.add_url,
    }
}

fn evidence(chosen: &Chosen, all_baskets: u64) -> Evidence {
    let step = chosen.evidence.step().as_str();
    let all = all_baskets.max(1) as f64;
    match &chosen.evidence {
        Ground::Pair(pair) => {
            let confidence = f64::from(pair.together) / f64::from(pair.baskets.max(1));
            let share = f64::from(chosen.item_baskets) / all;
            Evidence {
                with: Some(pair.with.clone()),
                step,
                baskets: u64::from(pair.baskets),
                together: pair.together,
                support: rounded(f64::from(pair.together) / all),
                confidence: rounded(confidence),
                lift: (share > 0.0).then(|| rounded(confidence / share)),
            }
        }
        Ground::History(count, baskets) => counted(step, u64::from(*baskets), *count),
        Ground::Popular => counted(step, all_baskets, chosen.item_baskets),
    }
}

fn counted(step: &'static str, baskets: u64, together: u32) -> Evidence {
    let share = rounded(f64::from(together) / baskets.max(1) as f64);
    Evidence { with: None, step, baskets, together, support: share, confidence: share, lift: None }
}

/// Six decimals: enough to read, and the same text on every machine.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn display<S: Serializer>(value: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn display_some<S: Serializer>(value: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(money) => serializer.collect_str(money),
        None => serializer.serialize_none(),
    }
}

fn placement_name<S: Serializer>(value: &Placement, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

fn arm_name<S: Serializer>(value: &Arm, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

fn kind_name<S: Serializer>(value: &OfferKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
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
