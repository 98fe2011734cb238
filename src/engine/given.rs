//! Offers that were given to whoever asked for them, and how the stream hears of one: by what its token says.
//!
//! Invariant: such an offer changes nothing until an event names it; from then on it is an offer of that session like any
//! other: it counts for caps, attribution and the experiment. One that does not fit the session's arm is not taken up:
//! somebody else was asked for.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::answer::{enter, is_newest};
use super::attribution::{self, channel_label};
use super::experiment::{customer_arm, subject_of};
use super::facts::Fact;
use super::outstanding::{Outstanding, OutstandingItem};
use super::session::{Session, SessionKey};
use super::settings::Settings;
use super::shop::Shop;
use super::totals::TotalKey;
use super::vocabulary::{Arm, FeedbackIgnored, OfferKind, Placement};
use crate::event::{Id, ItemId, Money, Timestamp};

/// What is to be remembered of an offer that was given. It is what a token holds, so its fields keep their order: a change
/// is a new version of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The offer's id.
    pub id: u128,
    /// When it was given.
    pub ts: Timestamp,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// Where.
    pub placement: Placement,
    /// Given, or kept back: then it has no items.
    pub arm: Arm,
    /// The policy's variant, where the figures of variants are to count it.
    pub variant: Option<Id>,
    /// The probability of what was drawn, as the offer has it.
    pub propensity: CompactString,
    /// The basket's age then: an index into [`super::totals::BASKET_AGE_LABELS`].
    pub basket_age: u8,
    /// Its items.
    pub items: Vec<GivenItem>,
}

/// One item of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenItem {
    /// The item.
    pub item: ItemId,
    /// What it was offered as.
    pub kind: OfferKind,
    /// The price of a unit, as the offer said.
    pub price: Option<Money>,
    /// The item it was offered beside.
    pub anchor: Option<ItemId>,
    /// What it is to replace, and what that costs, where it is known.
    pub replaces: Option<(ItemId, Option<Money>)>,
}

/// Takes up an offer that an event of `ts` names, unless it is known here or over.
pub(super) fn register(
    given: &Given,
    session: &mut Session,
    key: &SessionKey,
    ts: Timestamp,
    shop: &Shop,
    settings: &Settings,
    facts: &mut Vec<Fact>,
) {
    if ts > given.expires_at || session.offers.iter().any(|known| known.id == given.id) {
        return;
    }
    // A shopper without an arm was asked for before anything else was decided: theirs is the one that was drawn then.
    let is_first = session.arm.is_none();
    let arm = *session.arm.get_or_insert(given.arm);
    if arm != given.arm {
        facts.push(Fact::Total(TotalKey::FeedbackIgnored(FeedbackIgnored::Withheld), 1));
        return;
    }
    let experiment = &settings.experiment;
    if is_first && session.customer.as_ref().is_some_and(|customer| customer_arm(customer, experiment) != arm) {
        // They were drawn as a session, and have logged in since.
        session.entered.get_or_insert_with(|| (experiment.plan(), subject_of(None, key)));
    }
    // A shop's clocks differ: it was not given after it was seen.
    let at = given.ts.min(ts);
    enter(session, key, arm, (given.placement, None, at), settings, facts);
    is_newest(session, given.placement, given.id);
    attribution::made(session, outstanding(given, at, session.channel.as_ref(), settings), shop.hears_feedback(), settings, facts);
}

fn outstanding(given: &Given, at: Timestamp, channel: Option<&Id>, settings: &Settings) -> Outstanding {
    let item = |item: &GivenItem| OutstandingItem {
        replaces: item.replaces.clone(),
        ..OutstandingItem::new(item.item.clone(), item.kind, item.anchor.clone())
    };
    Outstanding {
        id: given.id,
        placement: given.placement,
        channel: channel_label(channel, settings),
        arm: given.arm,
        variant: given.variant.clone(),
        ts: at,
        basket_age: given.basket_age,
        expires_at: given.expires_at,
        over_at: given.expires_at.plus_ms(settings.attribution.window.0),
        items: given.items.iter().map(item).collect(),
        seen: false,
        dismissed: false,
        earned_micros: 0,
    }
}

#[cfg(test)]
#[path = "given_tests.rs"]
mod tests;
