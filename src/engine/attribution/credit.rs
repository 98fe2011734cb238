//! What credited units earned, and what of it went back.
//!
//! Invariant: a credit's two amounts are a function of its order's line, of what was bought beside it and of the
//! settings; what is counted is the change from the amounts that were counted before. Nothing is counted below 0, and
//! no more goes back than was earned.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::count::{Counter, Earned};
use crate::engine::facts::{CombinationStep, Fact};
use crate::engine::local_time::weekday_and_hour;
use crate::engine::orders::{Credit, Order, OrderLine};
use crate::engine::session::Session;
use crate::engine::settings::AttributionScope;
use crate::engine::source::Source;
use crate::engine::totals::TotalKey;
use crate::event::{Currency, ItemId, Quantity, Timestamp};

/// An order's labels, as its credits are counted by.
#[derive(Clone, Copy)]
struct At {
    ts: Timestamp,
    currency: Currency,
}

/// Works out anew what the credits of lines that have to do with these items earned.
pub(super) fn reprice(session: &mut Session, touched: &[ItemId], counter: &mut Counter<'_>) {
    let whole_orders = counter.settings.attribution.scope == AttributionScope::Order;
    let touched: HashSet<&str, FixedState> = touched.iter().map(ItemId::as_str).collect();
    let replaced = |credit: &Credit| credit.source.replaces.as_ref().is_some_and(|(item, _)| touched.contains(item.as_str()));
    for at in 0..session.orders.len() {
        let order = &mut session.orders[at];
        if order.counted_with_offer.is_none() && order.lines.iter().all(|line| line.credits.is_empty()) {
            continue;
        }
        if whole_orders {
            spread(order, counter);
        }
        let has_to_do = |line: &OrderLine| {
            !line.credits.is_empty() && (whole_orders || touched.contains(line.item.as_str()) || line.credits.iter().any(replaced))
        };
        let lines: Vec<usize> = (0..order.lines.len()).filter(|line| has_to_do(&order.lines[*line])).collect();
        for line in lines {
            reprice_line(session, at, line, counter);
        }
        count_order(&mut session.orders[at], counter);
    }
}

/// Gives a line its credits; what an old one that is not among them earned is taken back.
pub(super) fn give(order: &mut Order, line: usize, credits: Vec<Credit>, counter: &mut Counter<'_>) {
    let at = At { ts: order.closed_at, currency: order.currency };
    let line = &mut order.lines[line];
    let old = std::mem::replace(&mut line.credits, credits);
    for old in old {
        match line.credits.iter_mut().find(|new| new.is_same(&old)) {
            Some(new) => (new.gross_micros, new.refunded_micros) = (old.gross_micros, old.refunded_micros),
            None => count(&line.item, &old, at, (-old.gross_micros, -old.refunded_micros), counter),
        }
    }
}

/// The order turns out to have been placed earlier: what was counted by its hour is counted by the other.
pub(super) fn placed_earlier(order: &mut Order, ts: Timestamp, counter: &mut Counter<'_>) {
    let before = std::mem::replace(&mut order.closed_at, ts);
    for credit in order.lines.iter().flat_map(|line| line.credits.iter()) {
        for (ts, gross) in [(before, -credit.gross_micros), (ts, credit.gross_micros)] {
            count_by_hour(&credit.source, At { ts, currency: order.currency }, gross, counter);
        }
    }
}

fn reprice_line(session: &mut Session, order: usize, line: usize, counter: &mut Counter<'_>) {
    let own = counter.settings.currency;
    let whole_orders = counter.settings.attribution.scope == AttributionScope::Order;
    let credits = std::mem::take(&mut session.orders[order].lines[line].credits);
    let repriced = credits.into_iter().map(|mut credit| {
        let of = &session.orders[order];
        let (gross, refunded) = match &credit.source.replaces {
            Some(_) if whole_orders => amounts(&of.lines[line], &credit, |micros, _| micros),
            // Who buys both, or had bought the other, has replaced nothing.
            Some((replaced, _)) if session.keeps(replaced) => (0, 0),
            Some((_, Some(price))) if of.currency == own => {
                amounts(&of.lines[line], &credit, |micros, quantity| micros.saturating_sub(price.times(quantity)).max(0))
            }
            Some(_) => (0, 0),
            None => amounts(&of.lines[line], &credit, |micros, _| micros),
        };
        let change = (gross - credit.gross_micros, refunded - credit.refunded_micros);
        count(&of.lines[line].item, &credit, At { ts: of.closed_at, currency: of.currency }, change, counter);
        (credit.gross_micros, credit.refunded_micros) = (gross, refunded);
        credit
    });
    let repriced = repriced.collect();
    session.orders[order].lines[line].credits = repriced;
}

/// What a credit earned, and what of it went back: `extra` is what of a value is extra.
fn amounts(line: &OrderLine, credit: &Credit, extra: impl Fn(i128, Quantity) -> i128) -> (i128, i128) {
    let kept_to = line.kept_milli().clamp(credit.from_milli, credit.to_milli);
    let between = |to: u32| {
        let quantity = Quantity(to - credit.from_milli);
        if quantity.0 == 0 { 0 } else { extra(line.value_up_to(to) - line.value_up_to(credit.from_milli), quantity) }
    };
    let gross = between(credit.to_milli);
    (gross, gross - between(kept_to).min(gross))
}

/// Where whole orders are credited: the newest offer that has anything of the order has all that is nobody's.
fn spread(order: &mut Order, counter: &mut Counter<'_>) {
    let own = order.lines.iter().flat_map(|line| line.credits.iter().filter(|credit| !credit.is_spread).map(|credit| (&line.item, credit)));
    // Of one offer's items it is the last by name, whichever was heard of last.
    let lead = own.max_by_key(|(item, credit)| (credit.source.ts, credit.source.offer, *item)).map(|(_, credit)| credit.source.clone());
    for at in 0..order.lines.len() {
        let line = &order.lines[at];
        let mut credits: Vec<Credit> = line.credits.iter().filter(|credit| !credit.is_spread).cloned().collect();
        if let Some(lead) = &lead {
            let mut free = Vec::new();
            let mut from = 0;
            for (start, end) in
                credits.iter().map(|credit| (credit.from_milli, credit.to_milli)).chain([(line.quantity.0, line.quantity.0)])
            {
                if start > from {
                    free.push((from, start));
                }
                from = from.max(end);
            }
            let mut source = lead.clone();
            (source.anchor, source.replaces) = (None, None);
            credits.extend(free.into_iter().map(|(from, to)| Credit { is_spread: true, ..Credit::new(source.clone(), from, to) }));
            credits.sort_by_key(|credit| credit.from_milli);
        }
        give(order, at, credits, counter);
    }
}

/// An order is one with an offer, or is not; its revenue, likewise.
fn count_order(order: &mut Order, counter: &mut Counter<'_>) {
    let is_with = order.lines.iter().any(|line| !line.credits.is_empty());
    let now = is_with.then(|| order.lines.iter().map(|line| line.net_micros).sum::<i128>());
    let before = std::mem::replace(&mut order.counted_with_offer, now);
    counter.total(TotalKey::OrdersWithOffer, i128::from(now.is_some()) - i128::from(before.is_some()));
    counter.total(TotalKey::OrderRevenueWithOffer(order.currency), now.unwrap_or(0) - before.unwrap_or(0));
}

/// Counts what a credit's two amounts changed by.
fn count(item: &ItemId, credit: &Credit, at: At, (gross, refunded): (i128, i128), counter: &mut Counter<'_>) {
    if (gross, refunded) == (0, 0) {
        return;
    }
    let source = &credit.source;
    let (placement, kind, currency) = (source.placement, source.kind, at.currency);
    counter.total(TotalKey::ExtraRevenue { placement, kind, currency }, gross);
    count_by_hour(source, at, gross, counter);
    counter.total(TotalKey::RevenueByChannel { placement, channel: source.channel.clone(), currency }, gross);
    counter.total(TotalKey::RevenueByBasketAge { placement, bucket: source.basket_age, currency }, gross);
    counter.total(TotalKey::ExtraRevenueRefunded { placement, kind, currency }, refunded);
    let net = gross - refunded;
    if let Some(anchor) = source.anchor.clone().filter(|_| net != 0) {
        counter.facts.push(Fact::Combination { anchor, companion: item.clone(), step: CombinationStep::Earned(currency, net) });
    }
    if source.variant.is_some() && net != 0 && currency == counter.settings.currency {
        let before_micros = credit.gross_micros - credit.refunded_micros;
        counter.earned.push(Earned { source: source.clone(), before_micros, change_micros: net });
    }
}

fn count_by_hour(source: &Source, at: At, gross: i128, counter: &mut Counter<'_>) {
    let (weekday, hour) = weekday_and_hour(at.ts, &counter.settings.time_zone.0);
    counter.total(TotalKey::RevenueByHour { placement: source.placement, weekday, hour, currency: at.currency }, gross);
}
