//! An offer that is asked for, without an event: the same ranking, policy and arms as for one.
//!
//! Invariant: nothing changes by being asked: what is given is heard of by an event that names it (see `given`). What is
//! not told is taken from the session, where it is known; what is told goes before it, being newer.

use compact_str::format_compact;

use super::answer::{Trigger, choose, outstanding_item};
use super::apply::{basket_of, lines_of};
use super::basket::{Basket, BasketLine};
use super::decay::{Evidence, Stage};
use super::experiment::arm_of;
use super::given::{Given, GivenItem};
use super::hash::hash_128;
use super::offer::{Cause, Frame, Offer, compose};
use super::policy::{Beside, Choice, Dropped};
use super::session::{Session, SessionKey};
use super::settings::{PlacementPolicy, Settings};
use super::shop::Shop;
use super::totals::basket_age_bucket;
use super::vocabulary::{Arm, Outcome, Placement};
use crate::event::{EventType, Id, ItemId, Quantity, Timestamp};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where.
    pub placement: Placement,
    /// The basket's items, or an order's where the offer follows one, the newest last; on a product page its own item comes
    /// after those. None: what the session is known to hold.
    pub items: Vec<ItemId>,
    /// The shopper's session,
    pub session_id: Option<Id>,
    /// and who they are, where known.
    pub customer: Option<Id>,
    /// Where they are.
    pub channel: Option<Id>,
    /// Their language.
    pub locale: Option<Id>,
    /// When.
    pub at: Timestamp,
    /// Tells asks from each other that are alike otherwise.
    pub nonce: u64,
}

/// What comes of it.
#[derive(Debug)]
pub struct Asked {
    /// How it ended; `None` where the placement is off.
    pub outcome: Option<Outcome>,
    /// What is given; of a shopper who is held out, what is kept back.
    pub made: Option<(Offer, Given)>,
    /// What was looked at and left out, with the rule that did it.
    pub dropped: Vec<Dropped>,
}

/// The key of the session that an ask is for, as events would name it.
#[must_use]
pub fn session_key(ask: &Ask) -> SessionKey {
    match (&ask.session_id, &ask.customer) {
        (Some(session), _) => format_compact!("s:{session}"),
        (None, Some(customer)) => format_compact!("u:{customer}"),
        // Nobody knows who asks: everyone is another shopper.
        (None, None) => format_compact!("a:{:x}", ask.nonce),
    }
}

/// Answers an ask; `known` is the shopper's session under its key, where it is here.
#[must_use]
pub fn ask(settings: &Settings, shop: &Shop, known: Option<Session>, ask: &Ask) -> Asked {
    let mut asked = Asked { outcome: None, made: None, dropped: Vec::new() };
    let Some(policy) = settings.policy(ask.placement) else { return asked };
    let key = session_key(ask);
    let mut session = known.unwrap_or_default();
    // An event that is ahead of this clock has been heard of already.
    let at = ask.at.max(session.last_at);
    bring_up_to_date(&mut session, ask, at, settings);
    let trigger = trigger(settings, shop, &session, &key, ask, at);
    let id = offer_id(&key, ask, at);
    asked.outcome = Some(match choose(settings, shop, &session, policy, &trigger, id, &mut asked.dropped) {
        Err(reason) => reason,
        Ok(choice) => {
            let arm = arm_of(&mut session, &key, &settings.experiment);
            asked.made = Some(made(settings, shop, &session, policy, &trigger, (id, arm), &choice));
            if arm == Arm::Holdout { Outcome::Withheld } else { Outcome::Offered }
        }
    });
    asked
}

/// The session as it is by what is told with the ask.
fn bring_up_to_date(session: &mut Session, ask: &Ask, at: Timestamp, settings: &Settings) {
    session.renew(at, settings.session.idle.0, settings.attribution.refund_window.0);
    let fields = [
        (&mut session.customer, &ask.customer),
        (&mut session.channel, &ask.channel),
        (&mut session.told.session_id, &ask.session_id),
        (&mut session.told.locale, &ask.locale),
    ];
    for (known, told) in fields {
        if told.is_some() {
            known.clone_from(told);
        }
    }
    if ask.items.is_empty() || follows_order(ask.placement) {
        return;
    }
    let in_basket = if ask.placement == Placement::ProductPage { &ask.items[..ask.items.len() - 1] } else { &ask.items[..] };
    // On a product page there is nothing to say what is in the basket unless there is more than the page's item.
    if in_basket.is_empty() {
        return;
    }
    session.basket = told_basket(&session.basket, in_basket, at);
}

/// The basket of these items; what is known of a line stays known.
fn told_basket(known: &Basket, items: &[ItemId], at: Timestamp) -> Basket {
    let by_item = known.by_item();
    let mut lines: Vec<BasketLine> = Vec::with_capacity(items.len());
    for item in items {
        if lines.iter().any(|line| line.item == *item) {
            continue;
        }
        let evidence = Evidence { stage: Stage::CartAdd, weight_milli: 0, ts: at, partners: 0 };
        let unknown = || BasketLine { item: item.clone(), quantity: Quantity::ONE, price: None, evidence, added_at: at };
        lines.push(by_item.get(item.as_str()).map_or_else(unknown, |line| (*line).clone()));
    }
    Basket { lines, opened_at: Some(known.opened_at.unwrap_or(at)) }
}

fn follows_order(placement: Placement) -> bool {
    matches!(placement, Placement::PostPurchase | Placement::FollowUp)
}

fn trigger(settings: &Settings, shop: &Shop, session: &Session, key: &SessionKey, ask: &Ask, at: Timestamp) -> Trigger {
    let placement = ask.placement;
    let listed = |item: &ItemId| shop.catalogue.facets(item, settings.currency).price;
    let beside_told = |item: &ItemId| {
        let price = listed(item);
        Beside { item: item.clone(), price, value_micros: price.map_or(0, |price| price.times(Quantity::ONE)) }
    };
    let (focus, beside) = if follows_order(placement) {
        let newest = || session.orders.iter().filter(|order| !order.is_cancelled()).max_by_key(|order| order.ts);
        let told: Vec<Beside> = ask.items.iter().map(beside_told).collect();
        (None, if told.is_empty() { newest().map(|order| lines_of(order, settings)).unwrap_or_default() } else { told })
    } else {
        let mut beside = basket_of(session, listed);
        let focus = ask.items.last().filter(|_| matches!(placement, Placement::ProductPage | Placement::Cart));
        if let Some(page) = focus.filter(|item| !session.basket.has(item)) {
            beside.push(Beside { value_micros: 0, ..beside_told(page) });
        }
        (focus.cloned(), beside)
    };
    // No event: what is said to have caused it is left out of the offer.
    let cause = Cause { kind: EventType::ProductViewed, event_id: None, item_id: None };
    Trigger { placement, at, newest: at, of: key.clone(), cause, focus, beside, order_id: None }
}

fn offer_id(key: &SessionKey, ask: &Ask, at: Timestamp) -> u128 {
    let parts: [&[u8]; 4] = [key.as_bytes(), &at.0.to_le_bytes(), ask.placement.as_str().as_bytes(), &ask.nonce.to_le_bytes()];
    hash_128("given", &parts)
}

fn made(
    settings: &Settings,
    shop: &Shop,
    session: &Session,
    policy: &PlacementPolicy,
    trigger: &Trigger,
    (id, arm): (u128, Arm),
    choice: &Choice,
) -> (Offer, Given) {
    let expires_at = trigger.at.plus_ms(policy.expires_after.0);
    let frame = Frame {
        id,
        ts: trigger.at,
        placement: trigger.placement,
        arm,
        cause: None,
        session_id: session.told.session_id.as_ref(),
        cart_id: session.told.cart_id.as_ref(),
        order_id: None,
        channel: session.channel.as_ref(),
        customer: session.customer.as_ref(),
        locale: session.told.locale.as_ref().unwrap_or(&settings.locale),
        expires_at,
        supersedes: session.newest_offers.iter().find(|(at, _)| *at == trigger.placement).map(|(_, id)| *id),
    };
    let offer = compose(frame, choice, settings, shop);
    let price_of = |item: &ItemId| offer.items.iter().find(|offered| offered.item_id == *item).and_then(|offered| offered.price);
    let items = choice.items.iter().map(outstanding_item).map(|item| GivenItem {
        price: price_of(&item.item),
        item: item.item,
        kind: item.kind,
        anchor: item.anchor,
        replaces: item.replaces,
    });
    let given = Given {
        id,
        ts: trigger.at,
        expires_at,
        placement: trigger.placement,
        arm,
        variant: choice.variant.counted(),
        propensity: choice.variant.propensity().into(),
        basket_age: basket_age_bucket(session.basket.opened_at.map_or(0, |opened| (trigger.at.0 - opened.0).max(0))),
        // Whoever is kept from offers is not told what they would have been.
        items: if arm == Arm::Holdout { Vec::new() } else { items.collect() },
    };
    (offer, given)
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
