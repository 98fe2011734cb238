//! Offers that were really sent, and what became of them by the log's own events.
//!
//! Invariant: an offer is accepted at most once, by an event of its own session, within the attribution window after it
//! could be; of several offers of an item the newest is. Held-out offers are left out: nobody saw them.

use std::collections::{BTreeMap, HashMap};

use compact_str::format_compact;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::off_policy::{Trial, VariantFigures, estimate};
use crate::engine::offer::parse_id;
use crate::engine::session::SessionKey;
use crate::engine::settings::{Attribution, AttributionTrigger};
use crate::engine::vocabulary::{Arm, Placement};
use crate::event::{EventKind, FeedbackAction, ItemId, Money, OfferRef, Timestamp};
use crate::pipeline::Applied;

/// An offer as its topic has it, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: String,
    offer_id: String,
    ts: String,
    placement: Placement,
    arm: Arm,
    variant: String,
    propensity: String,
    items: Vec<RecordItem>,
    session_id: Option<String>,
    cart_id: Option<String>,
    order_id: Option<String>,
    customer_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RecordItem {
    item_id: ItemId,
}

/// The figures of a placement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OffPolicy {
    /// Where.
    pub placement: Placement,
    /// Variants by name.
    pub variants: Vec<VariantFigures>,
}

#[derive(Debug)]
struct Logged {
    placement: Placement,
    variant: String,
    propensity: u32,
    ts: Timestamp,
    items: Vec<ItemId>,
    /// When something of it could be accepted first, and by whose session.
    open_from: Option<Timestamp>,
    shopper: u64,
    accepted: bool,
}

/// What is known of one session's offers.
#[derive(Debug, Default)]
struct Session {
    offers: Vec<u128>,
    taken: Vec<ItemId>,
}

/// Logged offers; memory grows with them.
#[derive(Debug)]
pub struct LoggedOffers {
    attribution: Attribution,
    offers: BTreeMap<u128, Logged>,
    sessions: HashMap<SessionKey, Session, FixedState>,
    shoppers: u64,
}

impl LoggedOffers {
    /// None yet.
    #[must_use]
    pub fn new(attribution: Attribution) -> Self {
        Self { attribution, offers: BTreeMap::new(), sessions: HashMap::default(), shoppers: 0 }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }

    /// Takes a line that may be an offer.
    ///
    /// # Errors
    /// Why it is none that an estimate could rest on.
    pub fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let record: Record = serde_json::from_slice(line).map_err(|error| format!("it is no offer: {error}"))?;
        if record.kind != "offer" {
            return Err(format!("type is {:?}; \"offer\" is needed", record.kind));
        }
        let id =
            parse_id(&record.offer_id).ok_or_else(|| format!("offer_id is {:?}; 32 hexadecimal digits are needed", record.offer_id))?;
        let ts = Timestamp::parse(&record.ts).ok_or_else(|| format!("ts is {:?}; RFC 3339 is needed", record.ts))?;
        let propensity = Money::parse(&record.propensity).ok().map(|micros| micros.0).filter(|micros| (1..=1_000_000).contains(micros));
        let propensity = propensity.ok_or_else(|| format!("propensity is {:?}; above 0, at most 1, is needed", record.propensity))? as u32;
        if record.arm == Arm::Holdout || self.offers.contains_key(&id) {
            return Ok(());
        }
        let key = key_of(&record);
        let items = record.items.into_iter().map(|item| item.item_id).collect();
        let Record { placement, variant, .. } = record;
        self.offers.insert(id, Logged { placement, variant, propensity, ts, items, open_from: None, shopper: 0, accepted: false });
        if let (AttributionTrigger::Emitted, Some(key)) = (self.attribution.trigger, key) {
            self.open(id, &key, ts);
        }
        Ok(())
    }

    /// Takes an event of the log.
    pub fn observe(&mut self, applied: &Applied<'_>) {
        if self.offers.is_empty() {
            return;
        }
        let (event, key) = (applied.event, applied.key);
        match &event.kind {
            EventKind::Feedback { action, offer, .. } if self.opens(*action) => {
                if let Some(id) = offer.id().and_then(|id| parse_id(id)) {
                    self.open(id, key, event.ts);
                }
            }
            EventKind::CartAdd { line, offer } => {
                let one_click = offer.as_ref().and_then(OfferRef::id).and_then(|id| parse_id(id));
                if let (AttributionTrigger::Clicked, Some(id)) = (self.attribution.trigger, one_click) {
                    self.open(id, key, event.ts);
                }
                if self.attribution.trigger != AttributionTrigger::Added || one_click.is_some() {
                    self.accept(key, &line.item_id, event.ts, one_click);
                }
            }
            EventKind::Purchase { lines, .. } if self.attribution.trigger != AttributionTrigger::Added => {
                lines.iter().for_each(|line| self.accept(key, &line.item_id, event.ts, None));
                // The next basket may take the same again.
                if let Some(session) = self.sessions.get_mut(key) {
                    session.taken.clear();
                }
            }
            _ => {}
        }
    }

    /// The figures by placement.
    #[must_use]
    pub fn figures(&self) -> Vec<OffPolicy> {
        let mut trials: BTreeMap<Placement, BTreeMap<String, Vec<Trial>>> = BTreeMap::new();
        for offer in self.offers.values().filter(|offer| offer.open_from.is_some()) {
            let Logged { shopper, propensity, accepted, .. } = *offer;
            let of_variant = trials.entry(offer.placement).or_default().entry(offer.variant.clone()).or_default();
            of_variant.push(Trial { shopper, propensity, accepted });
        }
        trials.into_iter().map(|(placement, trials)| OffPolicy { placement, variants: estimate(&trials) }).collect()
    }

    /// Forgets sessions whose offers can no longer be accepted.
    pub fn sweep(&mut self, newest: Timestamp) {
        let Self { offers, sessions, attribution, .. } = self;
        let is_over = |id: &u128| {
            let from = offers.get(id).and_then(|offer| offer.open_from);
            from.is_none_or(|from| from.plus_ms(attribution.window.0) < newest)
        };
        sessions.retain(|_, session| !session.offers.iter().all(is_over));
    }

    fn opens(&self, action: FeedbackAction) -> bool {
        match self.attribution.trigger {
            AttributionTrigger::Emitted => false,
            AttributionTrigger::Shown | AttributionTrigger::Added => action == FeedbackAction::Shown,
            AttributionTrigger::Clicked => action == FeedbackAction::Clicked,
        }
    }

    /// From now on something of the offer can be accepted.
    fn open(&mut self, id: u128, key: &SessionKey, at: Timestamp) {
        let Some(offer) = self.offers.get_mut(&id).filter(|offer| offer.open_from.is_none()) else { return };
        let session = self.sessions.entry(key.clone()).or_default();
        // A session is one shopper; its first offer names them.
        let first = session.offers.first().copied();
        session.offers.push(id);
        offer.open_from = Some(at);
        self.shoppers += u64::from(first.is_none());
        let shopper = first.and_then(|first| self.offers.get(&first)).map_or(self.shoppers, |first| first.shopper);
        if let Some(offer) = self.offers.get_mut(&id) {
            offer.shopper = shopper;
        }
    }

    /// An item came into the session's basket, by the link of an offer or without.
    fn accept(&mut self, key: &SessionKey, item: &ItemId, at: Timestamp, one_click: Option<u128>) {
        let Some(session) = self.sessions.get_mut(key).filter(|session| !session.taken.contains(item)) else { return };
        session.taken.push(item.clone());
        let window_ms = self.attribution.window.0;
        let (offers, trigger) = (&self.offers, self.attribution.trigger);
        let could = |id: &&u128| {
            offers.get(id).is_some_and(|offer| {
                let is_open = offer.open_from.is_some_and(|from| from <= at && at <= from.plus_ms(window_ms));
                is_open && offer.items.contains(item) && (trigger != AttributionTrigger::Added || one_click == Some(**id))
            })
        };
        let newest = session.offers.iter().filter(could).max_by_key(|id| (offers[id].ts, **id)).copied();
        if let Some(offer) = newest.and_then(|id| self.offers.get_mut(&id)) {
            offer.accepted = true;
        }
    }
}

/// The session an offer names: the first of its ids, as an event's.
fn key_of(record: &Record) -> Option<SessionKey> {
    let ids = [("s", &record.session_id), ("c", &record.cart_id), ("o", &record.order_id), ("u", &record.customer_id)];
    ids.into_iter().find_map(|(kind, id)| id.as_ref().map(|id| format_compact!("{kind}:{id}")))
}

#[cfg(test)]
#[path = "logged_tests.rs"]
mod tests;
