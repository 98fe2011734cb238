//! The answer to a trigger: an offer, one kept back, or the reason why there is none.
//!
//! Invariant: every trigger (an event, or a timer, at a placement that is on) ends as exactly one [`Outcome`], counted
//! as a total. An offer's id is a hash of its cause, and of nothing that was decided before: an event that is answered
//! again after a crash, with more known by then, has the same id, by which consumers know that they have it already.

use super::apply::{Effects, Ended};
use super::attribution;
use super::experiment::{arm_of, subject_of};
use super::facts::Fact;
use super::hash::hash_128;
use super::offer::{Cause, Frame, compose};
use super::outstanding::{Outstanding, OutstandingItem};
use super::policy::{self, Beside, Choice, Chosen, Dropped, Ground, Situation};
use super::segment;
use super::session::{Session, SessionKey};
use super::settings::{PlacementPolicy, Settings};
use super::shop::Shop;
use super::totals::{TotalKey, basket_age_bucket};
use super::vocabulary::{Arm, Outcome, Placement};
use crate::event::{Id, ItemId, Timestamp};

/// What asks for an offer.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    /// Where.
    pub(super) placement: Placement,
    /// The time the offer is made for.
    pub(super) at: Timestamp,
    /// The newest time the partition has seen.
    pub(super) newest: Timestamp,
    /// What is said to have caused it.
    pub(super) cause: Cause,
    /// Whose it is: the event's own first id. A timer has no event; its session's key.
    pub(super) of: SessionKey,
    /// The item in view.
    pub(super) focus: Option<ItemId>,
    /// What the offer is to go with, the newest last.
    pub(super) beside: Vec<Beside>,
    /// The order it follows, where there is one.
    pub(super) order_id: Option<Id>,
}

/// Answers a trigger, unless its placement is off.
pub(super) fn answer(settings: &Settings, shop: &Shop, key: &SessionKey, session: &mut Session, trigger: &Trigger, effects: &mut Effects) {
    let Some(policy) = settings.policy(trigger.placement) else { return };
    let id = offer_id(session, trigger);
    let outcome = match choose(settings, shop, session, policy, trigger, id, &mut effects.dropped) {
        Ok(choice) => offer(settings, shop, key, session, policy, trigger, id, &choice, effects),
        Err(reason) => reason,
    };
    ended(trigger.placement, trigger.at, outcome, effects);
}

/// Counts how a trigger ended.
pub(super) fn ended(placement: Placement, at: Timestamp, outcome: Outcome, effects: &mut Effects) {
    effects.ended = Some(Ended { placement, at, outcome });
    effects.facts.push(Fact::Total(TotalKey::Triggers(placement, outcome), 1));
}

/// Chooses what is offered on a trigger.
pub(super) fn choose(
    settings: &Settings,
    shop: &Shop,
    session: &Session,
    policy: &PlacementPolicy,
    trigger: &Trigger,
    offer_id: u128,
    dropped: &mut Vec<Dropped>,
) -> Result<Choice, Outcome> {
    if trigger.beside.is_empty() {
        return Err(Outcome::EmptyBasket);
    }
    if trigger.at.plus_ms(policy.expires_after.0) < trigger.newest {
        return Err(Outcome::TooLate);
    }
    let segment = segment_of(settings, shop, session, trigger.at);
    let situation = Situation {
        settings,
        shop,
        session,
        placement: trigger.placement,
        policy,
        ranking: &settings.ranking,
        bundle_ratio: None,
        now: trigger.at,
        beside: &trigger.beside,
        focus: trigger.focus.as_ref(),
        follows_up: trigger.placement == Placement::FollowUp,
        segment: &segment,
        offer_id,
    };
    policy::choose(&situation, dropped)
}

/// The segment that the shop names, else the one worked out.
fn segment_of(settings: &Settings, shop: &Shop, session: &Session, now: Timestamp) -> Id {
    if let Some(told) = &session.told.segment {
        return told.clone();
    }
    let of = |customer: &Id| shop.customers.with(customer, |history| segment::of(Some(history), now, &settings.segments));
    Id::const_new(session.customer.as_ref().and_then(of).unwrap_or(segment::NEW))
}

#[allow(clippy::too_many_arguments, reason = "a step of `answer`, with what it has at hand")]
fn offer(
    settings: &Settings,
    shop: &Shop,
    key: &SessionKey,
    session: &mut Session,
    policy: &PlacementPolicy,
    trigger: &Trigger,
    id: u128,
    choice: &Choice,
    effects: &mut Effects,
) -> Outcome {
    let arm = arm_of(session, key, &settings.experiment);
    enter(session, key, arm, (trigger.placement, trigger.order_id.as_ref(), trigger.at), settings, &mut effects.facts);
    let placement = trigger.placement;
    let frame = Frame {
        id,
        ts: trigger.at,
        placement,
        arm,
        cause: Some(&trigger.cause),
        session_id: session.told.session_id.as_ref(),
        cart_id: session.told.cart_id.as_ref(),
        order_id: trigger.order_id.as_ref(),
        channel: session.channel.as_ref(),
        customer: session.customer.as_ref(),
        locale: session.told.locale.as_ref().unwrap_or(&settings.locale),
        expires_at: trigger.at.plus_ms(policy.expires_after.0),
        supersedes: session.newest_offers.iter().find(|(at, _)| *at == placement).map(|(_, id)| *id),
    };
    effects.offer = Some(compose(frame, choice, settings, shop));
    is_newest(session, placement, id);
    let outstanding = Outstanding {
        id,
        placement,
        channel: attribution::channel_label(session.channel.as_ref(), settings),
        arm,
        variant: choice.variant.counted(),
        ts: trigger.at,
        basket_age: basket_age_bucket(session.basket.opened_at.map_or(0, |opened| (trigger.at.0 - opened.0).max(0))),
        expires_at: trigger.at.plus_ms(policy.expires_after.0),
        over_at: trigger.at.plus_ms(policy.expires_after.0.saturating_add(settings.attribution.window.0)),
        items: choice.items.iter().map(outstanding_item).collect(),
        seen: false,
        dismissed: false,
        earned_micros: 0,
    };
    attribution::made(session, outstanding, shop.hears_feedback(), settings, &mut effects.facts);
    if arm == Arm::Holdout { Outcome::Withheld } else { Outcome::Offered }
}

/// It takes the place of whatever was offered there before.
pub(super) fn is_newest(session: &mut Session, placement: Placement, id: u128) {
    session.newest_offers.retain(|(at, _)| *at != placement);
    session.newest_offers.push((placement, id));
}

/// The shopper's first would-be offer at a placement; the first of all of them is when the experiment begins for them.
/// Where, after which order, and when.
pub(super) fn enter(
    session: &mut Session,
    key: &SessionKey,
    arm: Arm,
    (placement, order_id, at): (Placement, Option<&Id>, Timestamp),
    settings: &Settings,
    facts: &mut Vec<Fact>,
) {
    if settings.experiment.holdout_ratio == 0.0 || session.eligible_at.contains(&placement) {
        return;
    }
    session.eligible_at.push(placement);
    let is_first = session.entered.is_none();
    let Session { entered, customer, .. } = session;
    let (plan, subject) = *entered.get_or_insert_with(|| (settings.experiment.plan(), subject_of(customer.as_ref(), key)));
    // The order that the offer follows was placed before: it is no outcome, and neither is what of it goes back.
    if let Some(order) = session.orders.iter_mut().find(|order| is_first && order_id == Some(&order.id)) {
        order.subject = None;
        facts.retain(|fact| !matches!(fact, Fact::Spent { .. }));
    }
    facts.push(Fact::Eligible { plan, subject, arm, placement, ts: at });
}

/// An item as it is remembered.
pub(super) fn outstanding_item(chosen: &Chosen) -> OutstandingItem {
    // The page's own item would have been bought without its ladder, too: it is in the place of itself.
    let page_itself = matches!(&chosen.evidence, Ground::Level(page) if *page == chosen.item);
    let itself = || (chosen.item.clone(), None);
    OutstandingItem {
        replaces: chosen.replaces.clone().or_else(|| page_itself.then(itself)),
        ..OutstandingItem::new(chosen.item.clone(), chosen.kind, chosen.evidence.with().cloned())
    }
}

/// A hash of the cause: whose, when, where, and which. How many events the session had before tells causes apart, too, but
/// not for good: whether it is still the same session may depend on an offer that was made days ago, or was not.
fn offer_id(session: &Session, trigger: &Trigger) -> u128 {
    let Trigger { of, at, placement, cause, order_id, .. } = trigger;
    let text = |id: Option<&Id>| id.cloned().unwrap_or_default();
    // Of a timer, the event that was heard last may be another when it is decided again.
    let event = Some(cause).filter(|_| !matches!(placement, Placement::AbandonedCart | Placement::FollowUp));
    let event_id = text(event.and_then(|cause| cause.event_id.as_ref()));
    let item = event.and_then(|cause| cause.item_id.clone()).unwrap_or_default();
    let order_id = text(order_id.as_ref());
    let nth_like_it = |nth: u32| {
        let parts: [&[u8]; 7] = [
            of.as_bytes(),
            &at.0.to_le_bytes(),
            placement.as_str().as_bytes(),
            event_id.as_bytes(),
            item.as_bytes(),
            order_id.as_bytes(),
            &nth.to_le_bytes(),
        ];
        hash_128("offer", &parts)
    };
    // Events that have no id of their own may be alike to the millisecond.
    let mut nth = 0;
    while is_known(session, nth_like_it(nth)) {
        nth += 1;
    }
    nth_like_it(nth)
}

fn is_known(session: &Session, offer_id: u128) -> bool {
    session.offers.iter().any(|offer| offer.id == offer_id) || session.newest_offers.iter().any(|(_, newest)| *newest == offer_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::apply::tick;
    use crate::engine::test_support::{DAY_MS, HOUR_MS, START, World, item, raw};
    use crate::event::ShopEvent;

    /// A basket is left behind in a shop that knows so many baskets; two days later there is an event of the cart. Returns
    /// whose event that was, and the offer it made.
    fn come_back(known_before: usize) -> (SessionKey, String) {
        let mut settings = World::new().settings;
        settings.placements.get_mut(Placement::AbandonedCart).enabled = true;
        let mut world = World::with(settings);
        world.baskets(known_before, &["x", "y"]);
        let add = |at_ms: i64, ids: &str| raw("cart_add", at_ms, &format!(r#"{ids},{}"#, item("x")));
        world.take(&add(0, r#""session_id":"s","cart_id":"k""#));
        let left = tick(&world.settings, &mut world.sessions, START.plus_ms(HOUR_MS), &world.shop);
        assert_eq!(left.unwrap().offer.is_some(), known_before > 0);
        world.baskets(3, &["x", "z"]);
        world.take(&raw("product_viewed", 2 * DAY_MS - 1, r#""session_id":"other","item_id":"x""#));
        let back = world.take(&add(2 * DAY_MS, r#""cart_id":"k""#));
        (back.session, back.offer.unwrap().offer_id)
    }

    #[test]
    fn an_event_has_the_same_offer_id_whether_an_earlier_offer_kept_its_session_or_not() {
        let ((kept, id), (anew, other_id)) = (come_back(3), come_back(0));
        assert_eq!([kept.as_str(), anew.as_str()], ["s:s", "c:k"]);
        assert_eq!(id, other_id);
    }

    /// The offer for a basket that was left behind, after these events besides the one that filled it.
    fn left_behind(heard_late: &[ShopEvent]) -> String {
        let mut settings = World::new().settings;
        settings.placements.get_mut(Placement::AbandonedCart).enabled = true;
        let mut world = World::with(settings);
        world.baskets(3, &["x", "y"]);
        world.take(&raw("cart_add", 1_000, &format!(r#""event_id":"e1","session_id":"s",{}"#, item("x"))));
        heard_late.iter().for_each(|event| _ = world.take(event));
        let left = tick(&world.settings, &mut world.sessions, START.plus_ms(HOUR_MS), &world.shop);
        left.unwrap().offer.unwrap().offer_id
    }

    #[test]
    fn an_offer_by_a_timer_has_the_same_id_whatever_was_heard_late_before_it() {
        let late = raw("product_viewed", 500, r#""event_id":"e2","session_id":"s","item_id":"z""#);
        assert_eq!(left_behind(&[]), left_behind(&[late]));
    }
}
