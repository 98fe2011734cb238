//! Gates: whether this shopper gets an offer here and now, whatever it would be.
//!
//! Invariant: caps count what was seen (see `pressure`), and 0 is no cap. A gate that is shut costs nothing more:
//! nothing is ranked.

use super::Situation;
use crate::engine::attribution::channel_label;
use crate::engine::customers::History;
use crate::engine::hash::unit_interval;
use crate::engine::local_time::day_of;
use crate::engine::optimiser::Reason;
use crate::engine::vocabulary::Outcome;

/// Whether an offer may be made.
///
/// # Errors
/// The first reason why not.
pub(super) fn check(situation: &Situation<'_>) -> Result<(), Outcome> {
    let Situation { policy, session, settings, placement, .. } = *situation;
    let channel = channel_label(session.channel.as_ref(), settings);
    if !policy.channels.is_empty() && !policy.channels.contains(&channel) {
        return Err(Outcome::ChannelOff);
    }
    if !policy.segments.is_empty() && !policy.segments.iter().any(|allowed| allowed == situation.segment) {
        return Err(Outcome::SegmentOff);
    }
    if policy.after_decision && session.basket.lines.is_empty() && session.bought_now().next().is_none() {
        return Err(Outcome::NotDecided);
    }
    let (rules, pressure) = (&settings.rules, &session.pressure);
    let caps = [
        (rules.dismissals_max, pressure.dismissals, Outcome::LeftAlone),
        (rules.session_max, pressure.seen(), Outcome::SessionCap),
        (policy.session_max, pressure.seen_at(placement), Outcome::PlacementCap),
    ];
    match caps.into_iter().find(|(cap, count, _)| *cap > 0 && count >= cap) {
        Some((_, _, reason)) => Err(reason),
        None => check_day(situation).and_then(|()| check_throttle(situation)),
    }
}

/// The caps of a customer's day.
fn check_day(situation: &Situation<'_>) -> Result<(), Outcome> {
    let (day_max, placement_max) = (situation.settings.rules.customer_day_max, situation.policy.customer_day_max);
    let Some(customer) = situation.session.customer.as_deref().filter(|_| day_max > 0 || placement_max > 0) else { return Ok(()) };
    let is_full = |history: &History| {
        let day = day_of(situation.now, &situation.settings.time_zone.0);
        let is_reached = |cap: u32, placement| cap > 0 && history.seen_on(day, placement) >= cap;
        is_reached(day_max, None) || is_reached(placement_max, Some(situation.placement))
    };
    match situation.shop.customers.with(customer, is_full) {
        Some(true) => Err(Outcome::CustomerCap),
        _ => Ok(()),
    }
}

/// A placement that holds itself back answers some of its triggers all the same: how else would it be known that it is
/// better now? The same ones for all arms, since it is drawn before a shopper's arm is.
fn check_throttle(situation: &Situation<'_>) -> Result<(), Outcome> {
    let Situation { shop, settings, placement, offer_id, .. } = *situation;
    let plan = settings.experiment.plan();
    let is_heard = shop.is_heard(settings.attribution.trigger);
    let is_held_back = Reason::ALL.iter().any(|reason| reason.holds(shop, placement, &settings.optimiser, &plan, is_heard));
    if is_held_back && unit_interval("throttle", &[&offer_id.to_le_bytes()]) >= settings.optimiser.throttled_ratio {
        return Err(Outcome::Throttled);
    }
    Ok(())
}
