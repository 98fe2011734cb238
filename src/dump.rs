//! State as sorted JSON lines: what `state dump` and `replay --counts` write.
//!
//! Invariant: the same state gives the same bytes.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::engine::session::Sessions;
use crate::engine::shop::Shop;
use crate::engine::totals::{TotalKey, basket_age_label};
use crate::event::micros_to_text;

/// The counts: a line for the whole, a line an item, a line a pair (once, items in order). Weights are the
/// stored integers; `landmark` and `half_life_ms` tell how to read them.
///
/// # Errors
/// What the writer fails with.
pub fn counts(shop: &Shop, out: &mut impl Write) -> io::Result<()> {
    let Some(decay) = shop.decay() else { return Ok(()) };
    let counts = &shop.counts;
    let head = json!({"baskets": counts.baskets(), "half_life_ms": decay.half_life_ms, "landmark": decay.landmark.to_string()});
    line(out, &head)?;
    let items = counts.items_sorted();
    for item in &items {
        let own = counts.with_row(item, |row| (row.slot.baskets(), row.slot.weight()));
        let Some((baskets, weight)) = own.filter(|own| *own != (0, 0)) else { continue };
        line(out, &json!({"item": item, "baskets": baskets, "weight": weight}))?;
    }
    for item in &items {
        let pairs = counts.with_row(item, |row| {
            let later = row.neighbours_sorted().into_iter().filter(|(other, _)| *other > item);
            later.map(|(other, pair)| (other.clone(), pair)).collect::<Vec<_>>()
        });
        for (other, pair) in pairs.unwrap_or_default() {
            line(out, &json!({"item": item, "with": other, "together": pair.together, "weight": pair.weight}))?;
        }
    }
    Ok(())
}

/// The totals: a line each. Money is a decimal string, all else a number.
///
/// # Errors
/// What the writer fails with.
pub fn totals(shop: &Shop, out: &mut impl Write) -> io::Result<()> {
    let totals = shop.totals();
    totals.sorted().into_iter().try_for_each(|(key, sum)| line(out, &total(key, sum)))
}

/// The open sessions of one partition, a line each, sorted by key.
///
/// # Errors
/// What the writer fails with.
pub fn sessions(partition: i32, sessions: &Sessions, out: &mut impl Write) -> io::Result<()> {
    for (key, session) in sessions.sorted() {
        let items: Vec<Value> = session
            .basket
            .lines
            .iter()
            .map(|line| json!({"item_id": line.item, "quantity": line.quantity.to_string(), "price": line.price.map(|p| p.to_string())}))
            .collect();
        let orders: Vec<&str> = session.orders.iter().map(|order| order.id.as_str()).collect();
        line(
            out,
            &json!({
                "partition": partition, "session": key, "customer_id": session.customer, "last_at": session.last_at.to_string(),
                "events": session.events, "arm": session.arm.map(|arm| arm.as_str()), "basket": items, "orders": orders,
                "offers": session.offers.len(),
            }),
        )?;
    }
    Ok(())
}

fn line(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A total as JSON: its name, its labels, its value.
#[must_use]
pub fn total(key: &TotalKey, sum: i128) -> Value {
    let count = || json!(i64::try_from(sum).unwrap_or(i64::MAX));
    let money = || json!(micros_to_text(sum));
    match key {
        TotalKey::Events(kind) => json!({"total": "events", "type": kind.as_str(), "value": count()}),
        TotalKey::Rejected(reason) => json!({"total": "events_rejected", "reason": reason.as_str(), "value": count()}),
        TotalKey::PassedOver => json!({"total": "events_passed_over", "value": count()}),
        TotalKey::Orders => json!({"total": "orders", "value": count()}),
        TotalKey::OrdersUnmatched => json!({"total": "orders_unmatched", "value": count()}),
        TotalKey::OrderRevenue(currency) => json!({"total": "order_revenue", "currency": currency, "value": money()}),
        TotalKey::OrderRevenueRefunded(currency) => json!({"total": "order_revenue_refunded", "currency": currency, "value": money()}),
        TotalKey::Triggers(placement, outcome) => {
            json!({"total": "offer_triggers", "placement": placement.as_str(), "outcome": outcome.as_str(), "value": count()})
        }
        TotalKey::OfferItems { step, placement, kind, channel } => json!({
            "total": format!("offer_items_{}", step.as_str()), "placement": placement.as_str(), "kind": kind.as_str(),
            "channel": channel, "value": count(),
        }),
        TotalKey::ShoppersOffered(placement) => json!({"total": "shoppers_offered", "placement": placement.as_str(), "value": count()}),
        TotalKey::ShoppersAccepted(placement) => json!({"total": "shoppers_accepted", "placement": placement.as_str(), "value": count()}),
        TotalKey::ExtraRevenue { placement, kind, currency } => json!({
            "total": "extra_revenue", "placement": placement.as_str(), "kind": kind.as_str(), "currency": currency, "value": money(),
        }),
        TotalKey::ExtraRevenueRefunded { placement, kind, currency } => json!({
            "total": "extra_revenue_refunded", "placement": placement.as_str(), "kind": kind.as_str(), "currency": currency, "value": money(),
        }),
        TotalKey::ItemsByHour { step, placement, weekday, hour } => json!({
            "total": format!("offer_items_{}_by_hour", step.as_str()), "placement": placement.as_str(), "weekday": weekday, "hour": hour,
            "value": count(),
        }),
        TotalKey::RevenueByHour { placement, weekday, hour, currency } => json!({
            "total": "extra_revenue_by_hour", "placement": placement.as_str(), "weekday": weekday, "hour": hour, "currency": currency,
            "value": money(),
        }),
        TotalKey::Recent { hour, step, placement, kind } => json!({
            "total": "recent_offer_items", "hour": hour, "step": step.as_str(), "placement": placement.as_str(), "kind": kind.as_str(),
            "value": count(),
        }),
        TotalKey::BasketAge { placement, bucket } => {
            json!({"total": "basket_age_at_acceptance", "placement": placement.as_str(), "bucket": bucket, "value": count()})
        }
        TotalKey::BasketAgeSumMs(placement) => {
            json!({"total": "basket_age_at_acceptance_sum_ms", "placement": placement.as_str(), "value": count()})
        }
        TotalKey::FeedbackIgnored(reason) => json!({"total": "feedback_ignored", "reason": reason.as_str(), "value": count()}),
        TotalKey::Unpriced => json!({"total": "lines_unpriced", "value": count()}),
        TotalKey::LinesNotPaired => json!({"total": "lines_not_paired", "value": count()}),
        TotalKey::AmountsIgnored(reason) => json!({"total": "amounts_ignored", "reason": reason.as_str(), "value": count()}),
        TotalKey::OrdersWithOffer => json!({"total": "orders_with_offer", "value": count()}),
        TotalKey::OrderRevenueWithOffer(currency) => json!({"total": "order_revenue_with_offer", "currency": currency, "value": money()}),
        TotalKey::RevenueByChannel { placement, channel, currency } => json!({
            "total": "extra_revenue_by_channel", "placement": placement.as_str(), "channel": channel, "currency": currency,
            "value": money(),
        }),
        TotalKey::ItemsByBasketAge { step, placement, bucket } => json!({
            "total": format!("offer_items_{}_by_basket_age", step.as_str()), "placement": placement.as_str(),
            "age": basket_age_label(*bucket), "value": count(),
        }),
        TotalKey::RevenueByBasketAge { placement, bucket, currency } => json!({
            "total": "extra_revenue_by_basket_age", "placement": placement.as_str(), "age": basket_age_label(*bucket),
            "currency": currency, "value": money(),
        }),
        TotalKey::ShoppersOfferedAnywhere => json!({"total": "shoppers_offered_anywhere", "value": count()}),
        TotalKey::ShoppersAcceptedAnywhere => json!({"total": "shoppers_accepted_anywhere", "value": count()}),
    }
}
