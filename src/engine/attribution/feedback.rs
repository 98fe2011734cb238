//! What shoppers did with offers, as storefronts tell.
//!
//! Invariant: feedback is about one offer of the session, while it holds; any other is counted with its reason, and
//! changes no figure. Sending away is taken whenever it comes, and what was on the screen too long was seen all the same.

use compact_str::CompactString;

use super::count::Counter;
use super::resettle;
use crate::engine::facts::{Fact, TriedStep};
use crate::engine::local_time::day_of;
use crate::engine::outstanding::{Outstanding, OutstandingItem};
use crate::engine::pressure::Pressure;
use crate::engine::session::Session;
use crate::engine::settings::{AttributionTrigger, Settings};
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::{Arm, FeedbackIgnored, ItemStep};
use crate::event::{FeedbackAction, Id, ItemId, Timestamp};

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
    let offer = match find(session, action, offer_id, item, ts) {
        Ok(offer) => offer,
        Err(reason) => return ignore(session, reason, offer_id, ts, settings, facts),
    };
    let Session { offers, pressure, customer, .. } = session;
    let offer = &mut offers[offer];
    seen(offer, pressure, customer.as_ref(), ts, settings, facts);
    let mut touched = Vec::new();
    for at in 0..offer.items.len() {
        if item.is_some_and(|item| *item != offer.items[at].item) {
            continue;
        }
        touched.push(offer.items[at].item.clone());
        take(offer, at, action, ts, settings, facts);
        if action == FeedbackAction::Dismissed {
            let item = offer.items[at].item.clone();
            pressure.rest(&item);
            facts.extend(customer.clone().map(|customer| Fact::Declined { customer, item, ts }));
        }
    }
    if action == FeedbackAction::Dismissed && !std::mem::replace(&mut offer.dismissed, true) {
        pressure.dismissals += 1;
        tried(offer, TriedStep::Dismissed, facts);
    }
    resettle(session, &touched, settings, facts);
}

/// An item was put into the basket by the offer's one-click link: it was seen, then.
pub fn one_click(session: &mut Session, offer_id: Option<u128>, item: &ItemId, ts: Timestamp, settings: &Settings, facts: &mut Vec<Fact>) {
    let at = match find(session, FeedbackAction::Clicked, offer_id, Some(item), ts) {
        Ok(at) => at,
        Err(reason) => return ignore(session, reason, offer_id, ts, settings, facts),
    };
    let Session { offers, pressure, customer, .. } = session;
    let offer = &mut offers[at];
    seen(offer, pressure, customer.as_ref(), ts, settings, facts);
    for place in (0..offer.items.len()).filter(|place| offer.items[*place].item == *item).collect::<Vec<_>>() {
        take(offer, place, FeedbackAction::Shown, ts, settings, facts);
        let added_at = &mut offer.items[place].added_at;
        *added_at = Some(added_at.map_or(ts, |known| known.min(ts)));
    }
}

/// Feedback that no figure counts. An offer that had expired was seen, though: caps count it.
fn ignore(
    session: &mut Session,
    reason: FeedbackIgnored,
    offer_id: Option<u128>,
    ts: Timestamp,
    settings: &Settings,
    facts: &mut Vec<Fact>,
) {
    facts.push(Fact::Total(TotalKey::FeedbackIgnored(reason), 1));
    let Session { offers, pressure, customer, .. } = session;
    let expired = offers.iter_mut().find(|offer| reason == FeedbackIgnored::Expired && Some(offer.id) == offer_id);
    if let Some(offer) = expired {
        seen(offer, pressure, customer.as_ref(), ts, settings, facts);
    }
}

/// The offer that is meant.
///
/// # Errors
/// Why nothing is.
fn find(
    session: &Session,
    action: FeedbackAction,
    offer_id: Option<u128>,
    item: Option<&ItemId>,
    ts: Timestamp,
) -> Result<usize, FeedbackIgnored> {
    let at = session.offers.iter().position(|offer| Some(offer.id) == offer_id).ok_or(FeedbackIgnored::UnknownOffer)?;
    let offer = &session.offers[at];
    if offer.arm == Arm::Holdout {
        return Err(FeedbackIgnored::Withheld);
    }
    if item.is_some_and(|item| !offer.has(item)) {
        return Err(FeedbackIgnored::UnknownItem);
    }
    if ts > offer.expires_at && action != FeedbackAction::Dismissed {
        return Err(FeedbackIgnored::Expired);
    }
    Ok(at)
}

/// Takes feedback on one item: the earliest of its kind is when it happened.
fn take(offer: &mut Outstanding, at: usize, action: FeedbackAction, ts: Timestamp, settings: &Settings, facts: &mut Vec<Fact>) {
    let source = offer.source(at);
    let OutstandingItem { item, shown_at, clicked_at, dismissed_at, .. } = &mut offer.items[at];
    let (known, step) = match action {
        FeedbackAction::Shown => (shown_at, ItemStep::Shown),
        FeedbackAction::Clicked => (clicked_at, ItemStep::Clicked),
        FeedbackAction::Dismissed => (dismissed_at, ItemStep::Dismissed),
    };
    let before = *known;
    *known = Some(before.map_or(ts, |before| before.min(ts)));
    Counter::new(settings, facts).step(&source, item, step, before, *known);
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
    if offer.arm == Arm::Treatment {
        tried(offer, TriedStep::Shown, facts);
    }
    if let Some(customer) = customer.cloned() {
        facts.push(Fact::Seen { customer, day: day_of(ts, &settings.time_zone.0), placement: offer.placement, ts });
    }
}

fn tried(offer: &Outstanding, step: TriedStep, facts: &mut Vec<Fact>) {
    if let Some(variant) = offer.variant.clone() {
        facts.push(Fact::Tried { placement: offer.placement, variant, step });
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
    let items: Vec<ItemId> = offer.items.iter().map(|item| item.item.clone()).collect();
    session.offers.push_back(offer);
    while session.offers.len() > settings.limits.offers_per_session {
        session.offers.pop_front();
    }
    // What was heard of these items before may be of later than the offer.
    resettle(session, &items, settings, facts);
}

fn emitted(session: &mut Session, offer: &Outstanding, settings: &Settings, facts: &mut Vec<Fact>) {
    let mut counter = Counter::new(settings, facts);
    for at in 0..offer.items.len() {
        counter.step(&offer.source(at), &offer.items[at].item, ItemStep::Emitted, None, Some(offer.ts));
    }
    if session.offered_at.is_empty() {
        counter.total(TotalKey::ShoppersOfferedAnywhere, 1);
    }
    if !session.offered_at.contains(&offer.placement) {
        session.offered_at.push(offer.placement);
        counter.total(TotalKey::ShoppersOffered(offer.placement), 1);
    }
}

/// The label of a channel: itself if it is a configured one, else `other`.
#[must_use]
pub fn channel_label(channel: Option<&Id>, settings: &Settings) -> CompactString {
    channel.filter(|channel| settings.channels.contains(channel)).cloned().unwrap_or_else(|| Id::const_new("other"))
}
