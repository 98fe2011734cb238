//! Attribution: which basket adds and purchases are credited to which offer.
//!
//! Invariant: the newest offer of an item within the window gets the credit, and each offered item is accepted
//! once and paid once. Held-out offers are never credited: nobody saw them.

use super::facts::{CombinationStep, Fact};
use super::local_time::{day_of, weekday_and_hour};
use super::orders::{Credit, ExtraShare};
use super::outstanding::{Outstanding, OutstandingItem};
use super::pressure::Pressure;
use super::session::Session;
use super::settings::{Attribution, AttributionTrigger, Settings};
use super::totals::{TotalKey, basket_age_bucket, hour_of};
use super::vocabulary::{Arm, FeedbackIgnored, ItemStep};
use crate::event::{Currency, FeedbackAction, Id, ItemId, Line, Timestamp};

/// The shopper did something with an offer.
pub fn feedback(
    session: &mut Session,
    action: FeedbackAction,
    offer_id: Option<u128>,
    item: Option<&ItemId>,
    ts: Timestamp,
    settings: &Settings,
    facts: &mut Vec<Fact>,
) {
    let Session { offers, pressure, customer, .. } = session;
    let offer = offers.iter_mut().find(|offer| Some(offer.id) == offer_id && offer.arm == Arm::Treatment);
    let Some(offer) = offer else {
        facts.push(Fact::Total(TotalKey::FeedbackIgnored(FeedbackIgnored::UnknownOffer), 1));
        return;
    };
    let mut known = false;
    seen(offer, pressure, customer.as_ref(), ts, settings, facts);
    for at in 0..offer.items.len() {
        if item.is_some_and(|item| *item != offer.items[at].item) {
            continue;
        }
        known = true;
        if offer.items[at].take(action, ts) {
            count_feedback(offer, at, action, ts, settings, facts);
        }
        if action == FeedbackAction::Dismissed {
            let item = offer.items[at].item.clone();
            pressure.rest(&item);
            facts.extend(customer.clone().map(|customer| Fact::Declined { customer, item, ts }));
            pressure.dismissals += u32::from(!std::mem::replace(&mut offer.dismissed, true));
        }
    }
    if !known {
        facts.push(Fact::Total(TotalKey::FeedbackIgnored(FeedbackIgnored::UnknownItem), 1));
    }
}

/// An offer counts as seen, once.
fn seen(
    offer: &mut Outstanding,
    pressure: &mut Pressure,
    customer: Option<&Id>,
    ts: Timestamp,
    settings: &Settings,
    facts: &mut Vec<Fact>,
) {
    if std::mem::replace(&mut offer.seen, true) {
        return;
    }
    pressure.saw(offer.items.iter().map(|item| item.item.clone()).collect(), offer.placement);
    if let Some(customer) = customer.cloned() {
        facts.push(Fact::Seen { customer, day: day_of(ts, &settings.time_zone.0), placement: offer.placement });
    }
}

/// An offer was made, or kept back. Where nothing more will be heard of it, it counts as seen: where sending is enough,
/// and, if storefronts `speak` at all, when it was kept back, since others would be seen then.
pub fn made(session: &mut Session, mut offer: Outstanding, speak: bool, settings: &Settings, facts: &mut Vec<Fact>) {
    if offer.arm == Arm::Treatment {
        emitted(session, &offer, settings, facts);
    }
    if (offer.arm == Arm::Holdout && speak) || settings.attribution.trigger == AttributionTrigger::Emitted {
        let Session { pressure, customer, .. } = session;
        let at = offer.ts;
        seen(&mut offer, pressure, customer.as_ref(), at, settings, facts);
    }
    session.offers.push_back(offer);
    while session.offers.len() > settings.limits.offers_per_session {
        session.offers.pop_front();
    }
}

/// An item entered the basket at `ts`. `marked` is the offer whose one-click link was used: it was seen, then.
pub fn added(session: &mut Session, item: &ItemId, marked: Option<u128>, ts: Timestamp, settings: &Settings, facts: &mut Vec<Fact>) {
    if let Some(offer_id) = marked
        && session.offers.iter().any(|offer| offer.id == offer_id)
    {
        feedback(session, FeedbackAction::Shown, Some(offer_id), Some(item), ts, settings, facts);
    }
    session.pressure.wake(item);
    matched(session, item, facts);
    let opened_at = session.basket.opened_at;
    let Some((offer, at)) = creditable(session, item, ts, &settings.attribution, |item| !item.accepted) else { return };
    offer.items[at].accepted = true;
    let placement = offer.placement;
    count_item(offer, at, ItemStep::Accepted, ts, settings, facts);
    if let Some(anchor) = offer.items[at].anchor.clone() {
        facts.push(Fact::Combination { anchor, companion: item.clone(), step: CombinationStep::Accepted(1) });
    }
    let age_ms = opened_at.map_or(0, |opened| (ts.0 - opened.0).max(0));
    facts.push(Fact::Total(TotalKey::BasketAge { placement, bucket: basket_age_bucket(age_ms) }, 1));
    facts.push(Fact::Total(TotalKey::BasketAgeSumMs(placement), i128::from(age_ms)));
    if !session.accepted_at.contains(&placement) {
        session.accepted_at.push(placement);
        facts.push(Fact::Total(TotalKey::ShoppersAccepted(placement), 1));
    }
}

/// An item was bought at `ts`, `with` these lines; returns the offer that gets the credit, and counts its revenue.
#[allow(clippy::too_many_arguments, reason = "what a bought line is, and where its facts go")]
pub fn bought(
    session: &mut Session,
    line: &Line,
    with: &[Line],
    net_micros: i128,
    currency: Currency,
    ts: Timestamp,
    settings: &Settings,
    facts: &mut Vec<Fact>,
) -> Option<Credit> {
    let item = &line.item_id;
    // A purchase without a cart add is an acceptance too.
    added(session, item, None, ts, settings, facts);
    let (offer, at) = creditable(session, item, ts, &settings.attribution, |item| item.accepted && !item.paid)?;
    offer.items[at].paid = true;
    count_item(offer, at, ItemStep::Paid, ts, settings, facts);
    let offered = &offer.items[at];
    let (placement, kind, anchor, replaces) = (offer.placement, offered.kind, offered.anchor.clone(), offered.replaces.clone());
    let extra = match replaces {
        // Who buys both, or had bought the other, has replaced nothing.
        Some((replaced, _)) if with.iter().any(|other| other.item_id == replaced) || session.keeps(&replaced) => ExtraShare::NONE,
        Some((_, Some(price))) => ExtraShare::of_upgrade(net_micros, price, line.quantity),
        Some((_, None)) => ExtraShare::NONE,
        None => ExtraShare::ALL,
    };
    let credit = Credit { placement, kind, anchor, extra };
    earned(&credit, item, net_micros, currency, ts, settings, facts);
    Some(credit)
}

/// Units that are credited earned revenue.
pub fn earned(
    credit: &Credit,
    item: &ItemId,
    net_micros: i128,
    currency: Currency,
    ts: Timestamp,
    settings: &Settings,
    facts: &mut Vec<Fact>,
) {
    let Credit { placement, kind, ref anchor, extra } = *credit;
    let net_micros = extra.of(net_micros);
    let (weekday, hour) = weekday_and_hour(ts, &settings.time_zone.0);
    facts.push(Fact::Total(TotalKey::ExtraRevenue { placement, kind, currency }, net_micros));
    facts.push(Fact::Total(TotalKey::RevenueByHour { placement, weekday, hour, currency }, net_micros));
    if let Some(anchor) = anchor.clone() {
        let step = CombinationStep::Earned(currency, net_micros);
        facts.push(Fact::Combination { anchor, companion: item.clone(), step });
    }
}

/// Revenue that was credited went back.
pub fn refunded(credit: &Credit, item: &ItemId, micros: i128, currency: Currency, facts: &mut Vec<Fact>) {
    let Credit { placement, kind, ref anchor, extra } = *credit;
    let micros = extra.of(micros);
    facts.push(Fact::Total(TotalKey::ExtraRevenueRefunded { placement, kind, currency }, micros));
    if let Some(anchor) = anchor.clone() {
        let step = CombinationStep::Earned(currency, -micros);
        facts.push(Fact::Combination { anchor, companion: item.clone(), step });
    }
}

fn emitted(session: &mut Session, offer: &Outstanding, settings: &Settings, facts: &mut Vec<Fact>) {
    for at in 0..offer.items.len() {
        count_item(offer, at, ItemStep::Emitted, offer.ts, settings, facts);
    }
    if !session.offered_at.contains(&offer.placement) {
        session.offered_at.push(offer.placement);
        facts.push(Fact::Total(TotalKey::ShoppersOffered(offer.placement), 1));
    }
}

/// The newest offer of the item that is within the window, if it is still open: an older one never takes its place.
fn creditable<'a>(
    session: &'a mut Session,
    item: &ItemId,
    ts: Timestamp,
    attribution: &Attribution,
    is_open: impl Fn(&OutstandingItem) -> bool,
) -> Option<(&'a mut Outstanding, usize)> {
    let in_window = |from: Timestamp| from <= ts && ts.0 - from.0 <= attribution.window.0;
    let newest = session.offers.iter_mut().rev().filter(|offer| offer.arm == Arm::Treatment).find_map(|offer| {
        let at = offer.items.iter().position(|offered| offered.item == *item)?;
        let from = match attribution.trigger {
            AttributionTrigger::Shown | AttributionTrigger::Clicked | AttributionTrigger::Added => offer.items[at].shown_at?,
            AttributionTrigger::Emitted => offer.ts,
        };
        in_window(from).then_some((offer, at))
    });
    newest.filter(|(offer, at)| is_open(&offer.items[*at]))
}

/// Counts the first time the item enters the basket after it was offered, whether shown or not.
fn matched(session: &mut Session, item: &ItemId, facts: &mut Vec<Fact>) {
    let offers = session.offers.iter_mut().rev().filter(|offer| offer.arm == Arm::Treatment);
    let found = offers
        .filter_map(|offer| {
            let at = offer.items.iter().position(|offered| offered.item == *item)?;
            Some((offer, at))
        })
        .next();
    let Some((offer, at)) = found else { return };
    if !std::mem::replace(&mut offer.items[at].matched, true) {
        facts.push(Fact::Total(item_key(offer, at, ItemStep::Matched), 1));
    }
}

fn count_feedback(offer: &Outstanding, at: usize, action: FeedbackAction, ts: Timestamp, settings: &Settings, facts: &mut Vec<Fact>) {
    let step = match action {
        FeedbackAction::Shown => ItemStep::Shown,
        FeedbackAction::Clicked => ItemStep::Clicked,
        FeedbackAction::Dismissed => ItemStep::Dismissed,
    };
    count_item(offer, at, step, ts, settings, facts);
    if let (ItemStep::Shown, Some(anchor)) = (step, offer.items[at].anchor.clone()) {
        let companion = offer.items[at].item.clone();
        facts.push(Fact::Combination { anchor, companion, step: CombinationStep::Shown(1) });
    }
}

/// Counts one step of one offered item under every heading it belongs to.
fn count_item(offer: &Outstanding, at: usize, step: ItemStep, ts: Timestamp, settings: &Settings, facts: &mut Vec<Fact>) {
    let (placement, kind) = (offer.placement, offer.items[at].kind);
    facts.push(Fact::Total(item_key(offer, at, step), 1));
    if matches!(step, ItemStep::Shown | ItemStep::Accepted | ItemStep::Emitted) {
        facts.push(Fact::Total(TotalKey::Recent { hour: hour_of(ts), step, placement, kind }, 1));
    }
    if matches!(step, ItemStep::Emitted | ItemStep::Accepted) {
        let (weekday, hour) = weekday_and_hour(ts, &settings.time_zone.0);
        facts.push(Fact::Total(TotalKey::ItemsByHour { step, placement, weekday, hour }, 1));
    }
}

fn item_key(offer: &Outstanding, at: usize, step: ItemStep) -> TotalKey {
    TotalKey::OfferItems { step, placement: offer.placement, kind: offer.items[at].kind, channel: offer.channel.clone() }
}

/// The label of a channel: itself if it is a configured one, else `other`.
#[must_use]
pub fn channel_label(channel: Option<&Id>, settings: &Settings) -> Id {
    channel.filter(|channel| settings.channels.contains(channel)).cloned().unwrap_or_else(|| Id::const_new("other"))
}

#[cfg(test)]
#[path = "attribution_tests.rs"]
mod tests;
