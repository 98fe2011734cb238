//! Attribution: which basket adds and purchases are credited to which offer.
//!
//! Invariant: what is counted is a function of what happened and when, as long as offers and orders are remembered: an
//! event that is heard late changes the figures to what they would have been. (Moves of an item that are heard before its
//! first offer are not remembered: what is offered is in no basket then.) Each offered item is accepted once and paid
//! once; each unit that was bought has one offer at most, the newest. Held-out offers are never credited: nobody saw them.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `settle` | which units are whose, from times alone |
//! | `credit` | what credited units earned, and what went back |
//! | `count` | the facts of an item's steps |
//! | `moves` | what is remembered of the basket |
//! | `feedback` | what shoppers did with offers |

mod count;
mod credit;
mod feedback;
mod moves;
mod settle;

pub use feedback::{channel_label, feedback, made, one_click};
pub use moves::{Moves, What};

use super::facts::{Fact, TriedStep};
use super::offered::OfferedLately;
use super::orders::Credit;
use super::session::Session;
use super::settings::{Attribution, Settings};
use super::totals::{TotalKey, basket_age_bucket};
use super::vocabulary::{Arm, ItemStep, Placement};
use crate::event::{ItemId, Line, Quantity, Timestamp};
use count::{Counter, Earned};
use settle::{Fate, Happened, Settled, Slot, Units, settle};

/// An item moved in or out of the basket at `ts`.
pub fn moved(session: &mut Session, item: &ItemId, ts: Timestamp, what: What, settings: &Settings, facts: &mut Vec<Fact>) {
    if !is_offered(session, item) {
        return;
    }
    session.moves.add(item, ts, what);
    resettle(session, std::slice::from_ref(item), settings, facts);
}

/// The basket was listed at `ts`: what is offered and not in the list is not in the basket.
pub fn listed(session: &mut Session, lines: &[Line], ts: Timestamp, settings: &Settings, facts: &mut Vec<Fact>) {
    for item in offered_items(session) {
        let quantity = lines.iter().filter(|line| line.item_id == item).map(|line| line.quantity).reduce(Quantity::plus);
        moved(session, &item, ts, What::Set(quantity.unwrap_or(Quantity(0))), settings, facts);
    }
}

/// An order has these items now: whatever is offered is settled anew, since an order closes the basket for all of it.
pub fn ordered(session: &mut Session, items: &[ItemId], settings: &Settings, facts: &mut Vec<Fact>) {
    let lines = session.orders.iter().flat_map(|order| order.lines.iter());
    let elsewhere = lines.filter(|line| line.elsewhere.is_some()).map(|line| line.item.clone());
    let mut settled: Vec<ItemId> = offered_items(session).into_iter().chain(elsewhere).collect();
    settled.sort_unstable();
    settled.dedup();
    let mut counter = Counter::new(settings, facts);
    settled.iter().for_each(|item| resettle_item(session, item, &mut counter));
    settled.extend_from_slice(items);
    credit::reprice(session, &settled, &mut counter);
    tell_earned(session, counter);
}

/// An event of the order at that place of the list happened earlier than those that were heard before.
pub fn placed_earlier(session: &mut Session, order: usize, ts: Timestamp, settings: &Settings, facts: &mut Vec<Fact>) {
    credit::placed_earlier(&mut session.orders[order], ts, &mut Counter::new(settings, facts));
}

/// Orders have less of these items than before.
pub fn given_back(session: &mut Session, items: &[ItemId], settings: &Settings, facts: &mut Vec<Fact>) {
    let mut counter = Counter::new(settings, facts);
    credit::reprice(session, items, &mut counter);
    tell_earned(session, counter);
}

/// A line of an order at that place was bought for an offer of another session of the customer: that one was accepted and
/// paid with it, unless an offer of this session was.
pub fn elsewhere(session: &Session, order: usize, line: usize, settings: &Settings, facts: &mut Vec<Fact>) {
    let order = &session.orders[order];
    let line = &order.lines[line];
    let Some(source) = line.elsewhere.as_deref().filter(|source| line.credits.iter().any(|credit| credit.source.offer == source.offer))
    else {
        return;
    };
    let mut counter = Counter::new(settings, facts);
    for step in [ItemStep::Accepted, ItemStep::Paid] {
        counter.step(source, &line.item, step, None, Some(order.closed_at));
    }
    if let Some(customer) = order.customer.clone() {
        facts.push(Fact::Taken { customer, item: line.item.clone(), offer: source.offer });
    }
}

/// Tells the shop what its customer was offered, for what they do in other sessions.
pub fn tell(session: &mut Session, settings: &Settings, facts: &mut Vec<Fact>) {
    let Session { offers, customer: Some(customer), .. } = session else { return };
    for offer in offers.iter_mut().filter(|offer| offer.arm == Arm::Treatment) {
        for at in 0..offer.items.len() {
            let Some(from) = offer.acceptable_from(at, settings.attribution.trigger).filter(|_| !offer.items[at].is_told) else { continue };
            let (item, source) = (offer.items[at].item.clone(), offer.source(at));
            offer.items[at].is_told = true;
            // Heard to be shown after it was bought: it was accepted here, and can't be elsewhere.
            if offer.items[at].accepted_at.is_some() {
                continue;
            }
            let until = from.plus_ms(settings.attribution.window.0);
            facts.push(Fact::Offered { customer: customer.clone(), item, from, until, source });
        }
    }
}

fn resettle(session: &mut Session, items: &[ItemId], settings: &Settings, facts: &mut Vec<Fact>) {
    let mut counter = Counter::new(settings, facts);
    items.iter().for_each(|item| resettle_item(session, item, &mut counter));
    credit::reprice(session, items, &mut counter);
    tell_earned(session, counter);
}

/// Learns which of these items, offered in this session, the customer accepted in another one.
pub fn learn_taken(session: &mut Session, items: &[ItemId], offered: &OfferedLately) {
    let Session { offers, customer: Some(customer), .. } = session else { return };
    for offer in offers.iter_mut().filter(|offer| offer.arm == Arm::Treatment) {
        let id = offer.id;
        for item in offer.items.iter_mut().filter(|item| item.is_told && item.accepted_at.is_none() && items.contains(&item.item)) {
            item.is_taken = offered.is_taken(customer, &item.item, id);
        }
    }
}

/// Tells what offers of variants earned: of each offer in all, as long as it is remembered, else of the units at hand.
fn tell_earned(session: &mut Session, counter: Counter<'_>) {
    for Earned { source, before_micros, change_micros } in counter.earned {
        let Some(variant) = source.variant else { continue };
        let offer = session.offers.iter_mut().find(|offer| offer.id == source.offer);
        let before_micros = match offer {
            Some(offer) => {
                let before = offer.earned_micros;
                offer.earned_micros += change_micros;
                before
            }
            None => before_micros,
        };
        let step = TriedStep::Earned { before_micros, after_micros: before_micros + change_micros };
        counter.facts.push(Fact::Tried { placement: source.placement, variant, step });
    }
}

fn is_offered(session: &Session, item: &str) -> bool {
    session.offers.iter().any(|offer| offer.arm == Arm::Treatment && offer.has(item))
}

fn offered_items(session: &Session) -> Vec<ItemId> {
    let offers = session.offers.iter().filter(|offer| offer.arm == Arm::Treatment);
    let mut items: Vec<ItemId> = offers.flat_map(|offer| offer.items.iter().map(|item| item.item.clone())).collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// The places of an item among the offers of a session, by when the offers were made.
fn places(session: &Session, item: &str) -> Vec<(usize, usize)> {
    let treated = session.offers.iter().enumerate().filter(|(_, offer)| offer.arm == Arm::Treatment);
    let mut places: Vec<(usize, usize)> =
        treated.filter_map(|(at, offer)| Some((at, offer.items.iter().position(|offered| offered.item == item)?))).collect();
    places.sort_by_key(|(at, _)| (session.offers[*at].ts, *at));
    places
}

fn resettle_item(session: &mut Session, item: &ItemId, counter: &mut Counter<'_>) {
    let places = places(session, item);
    let Attribution { trigger, window, .. } = counter.settings.attribution;
    let slot = |(offer, at): &(usize, usize)| {
        let offer = &session.offers[*offer];
        Slot { made_at: offer.follows_from(), from: offer.acceptable_from(*at, trigger) }
    };
    let slots: Vec<Slot> = places.iter().map(slot).collect();
    let orders = session.orders.iter().enumerate().map(|(at, order)| {
        let bought = order.lines.iter().find(|line| line.item == *item).map_or(0, |line| line.quantity.0.into());
        (order.closed_at, Happened::Ordered(order.id.clone(), bought, at))
    });
    let happened = session.moves.of(item).chain(orders).collect();
    let Settled { fates, orders } = settle(&slots, happened, window.0);
    for (place, fate) in places.iter().zip(fates) {
        take_fate(session, *place, fate, counter);
    }
    for (order, units) in orders {
        give_credits(session, order, item, &units, &places, counter);
    }
}

/// Counts what changed of one offer of the item.
fn take_fate(session: &mut Session, (offer_at, at): (usize, usize), fate: Fate, counter: &mut Counter<'_>) {
    let opened_at = session.basket.opened_at;
    let Session { offers, accepted_at, customer, .. } = session;
    let offer = &mut offers[offer_at];
    let source = offer.source(at);
    let offered = &mut offer.items[at];
    // Accepted once, wherever the customer did it.
    let fate = if offered.is_taken { Fate { accepted_at: None, paid_at: None, ..fate } } else { fate };
    let before = Fate { matched_at: offered.matched_at, accepted_at: offered.accepted_at, paid_at: offered.paid_at };
    (offered.matched_at, offered.accepted_at, offered.paid_at) = (fate.matched_at, fate.accepted_at, fate.paid_at);
    let item = offered.item.clone();
    counter.step(&source, &item, ItemStep::Matched, before.matched_at, fate.matched_at);
    counter.step(&source, &item, ItemStep::Accepted, before.accepted_at, fate.accepted_at);
    counter.step(&source, &item, ItemStep::Paid, before.paid_at, fate.paid_at);
    let change = i32::from(fate.accepted_at.is_some()) - i32::from(before.accepted_at.is_some());
    if change == 0 {
        return;
    }
    shopper(accepted_at, source.placement, change, counter);
    if let Some(ts) = fate.accepted_at {
        offered.accepted_age_ms = Some(opened_at.map_or(0, |opened| (ts.0 - opened.0).max(0)));
        if let Some(customer) = customer.clone() {
            counter.facts.push(Fact::Taken { customer, item, offer: source.offer });
        }
    } else {
        // Another offer had it: this one is open again, for the customer's other sessions, too.
        offered.is_told = false;
    }
    count_age(source.placement, offered.accepted_age_ms.unwrap_or_default(), change.into(), counter);
    let others = offer.items.iter().enumerate().any(|(other, item)| other != at && item.accepted_at.is_some());
    if let Some(variant) = source.variant.filter(|_| !others) {
        let step = if change > 0 { TriedStep::Accepted } else { TriedStep::AcceptedBack };
        counter.facts.push(Fact::Tried { placement: source.placement, variant, step });
    }
}

fn count_age(placement: Placement, age_ms: i64, times: i128, counter: &mut Counter<'_>) {
    counter.total(TotalKey::BasketAge { placement, bucket: basket_age_bucket(age_ms) }, times);
    counter.total(TotalKey::BasketAgeSumMs(placement), i128::from(age_ms) * times);
}

/// A session is one shopper who accepted, at each placement and anywhere, as long as something of it is accepted.
fn shopper(accepted: &mut Vec<(Placement, u32)>, placement: Placement, change: i32, counter: &mut Counter<'_>) {
    let all = |accepted: &[(Placement, u32)]| accepted.iter().map(|(_, items)| items).sum::<u32>();
    let all_before = all(accepted);
    if !accepted.iter().any(|(at, _)| *at == placement) {
        accepted.push((placement, 0));
    }
    let turned = |before: u32, after: u32| i128::from(after > 0) - i128::from(before > 0);
    for (_, items) in accepted.iter_mut().filter(|(at, _)| *at == placement) {
        let before = std::mem::replace(items, items.saturating_add_signed(change));
        counter.total(TotalKey::ShoppersAccepted(placement), turned(before, *items));
    }
    counter.total(TotalKey::ShoppersAcceptedAnywhere, turned(all_before, all(accepted)));
}

/// Gives an order's line the credits of its units. A line that is credited to an offer which is forgotten keeps them.
fn give_credits(session: &mut Session, order: usize, item: &ItemId, units: &[Units], places: &[(usize, usize)], counter: &mut Counter<'_>) {
    let Session { orders, offers, .. } = session;
    let order = &mut orders[order];
    let Some(at) = order.lines.iter().position(|line| line.item == *item) else { return };
    let line = &order.lines[at];
    let elsewhere = line.elsewhere.as_deref();
    let is_known = |offer: u128| elsewhere.is_some_and(|source| source.offer == offer) || offers.iter().any(|known| known.id == offer);
    if line.credits.iter().any(|credit| !is_known(credit.source.offer)) {
        return;
    }
    let mut credits: Vec<Credit> = Vec::new();
    let mut from: u32 = 0;
    for units in units {
        let to = from.saturating_add(u32::try_from(units.milli).unwrap_or(u32::MAX));
        let source = units.slot.map(|slot| offers[places[slot].0].source(places[slot].1)).or_else(|| elsewhere.cloned());
        match (source, credits.last_mut()) {
            (Some(source), Some(last)) if last.source.offer == source.offer && last.to_milli == from => last.to_milli = to,
            (Some(source), _) => credits.push(Credit::new(source, from, to)),
            (None, _) => {}
        }
        from = to;
    }
    credits.extend(line.credits.iter().filter(|credit| credit.is_spread).cloned());
    credit::give(order, at, credits, counter);
}

#[cfg(test)]
mod late_tests;
#[cfg(test)]
mod tests;
