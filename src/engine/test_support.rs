//! What the engine's tests share: events in a line, and a shop that learns at once.

use super::decay::Decay;
use super::facts::Fact;
use super::offer::Offer;
use super::session::Sessions;
use super::settings::Settings;
use super::shop::Shop;
use super::totals::TotalKey;
use super::vocabulary::{ItemStep, OfferKind, Outcome, Placement};
use super::{Effects, apply};
use crate::event::{Reject, ShopEvent, Timestamp, decode};

pub const SECOND_MS: i64 = 1_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 86_400_000;
/// When the tests' days begin: 2026-03-02, a Monday.
pub const START: Timestamp = Timestamp(1_772_409_600_000);

/// An event `at_ms` after [`START`], of the session `session`; `fields` is more JSON.
pub fn event(kind: &str, at_ms: i64, session: &str, fields: &str) -> ShopEvent {
    raw(kind, at_ms, &format!(r#""session_id":"{session}"{}{fields}"#, if fields.is_empty() { "" } else { "," }))
}

/// An event `at_ms` after [`START`] with just these fields.
pub fn raw(kind: &str, at_ms: i64, fields: &str) -> ShopEvent {
    let json = format!(r#"{{"type":"{kind}","ts":"{}",{fields}}}"#, START.plus_ms(at_ms));
    decode(json.as_bytes()).unwrap_or_else(|reject| panic!("{reject}: {json}"))
}

/// An item with a price of 10 as a cart add has it.
pub fn item(item: &str) -> String {
    format!(r#""item_id":"{item}","price":10"#)
}

/// The fields of a purchase: its order, and a unit of each item at 10.
pub fn order(order: &str, items: &[&str]) -> String {
    let lines: Vec<String> = items.iter().map(|name| format!("{{{}}}", item(name))).collect();
    format!(r#""order_id":"{order}","items":[{}]"#, lines.join(","))
}

/// One partition and its shop, which learns after every event.
pub struct World {
    pub settings: Settings,
    pub sessions: Sessions,
    pub shop: Shop,
}

impl World {
    /// A shop in which nobody is held out or explored with, a pair is evidence from its second basket on, an item is
    /// popular from its twentieth, may be shown twice in a row, and cross-sells are made in the basket and at the checkout alone.
    pub fn new() -> Self {
        let mut settings = Settings::default();
        settings.experiment.holdout_ratio = 0.0;
        settings.rules.exploration_ratio = 0.0;
        settings.rules.repeat_shown = true;
        for placement in Placement::ALL {
            let policy = settings.placements.get_mut(*placement);
            policy.enabled = matches!(placement, Placement::Cart | Placement::Checkout);
            policy.kinds = vec![OfferKind::CrossSell];
            policy.popular_baskets_min = 20;
        }
        Self::with(settings)
    }

    pub fn with(settings: Settings) -> Self {
        let (sessions, shop) = (Sessions::new(&settings), Shop::new(&settings.limits));
        shop.set_decay(Decay::starting(START, settings.ranking.half_life.0));
        Self { settings, sessions, shop }
    }

    pub fn try_take(&mut self, event: &ShopEvent) -> Result<Effects, Reject> {
        let effects = apply(&self.settings, &mut self.sessions, event, &self.shop)?;
        effects.facts.iter().for_each(|fact| self.shop.fold(fact));
        Ok(effects)
    }

    pub fn take(&mut self, event: &ShopEvent) -> Effects {
        self.try_take(event).unwrap_or_else(|reject| panic!("{reject}: {event:?}"))
    }

    /// Purchases of these items, each by a session of its own, an hour before [`START`].
    pub fn baskets(&mut self, times: usize, items: &[&str]) {
        for n in 0..times {
            let name = format!("{}-{n}", items.join("-"));
            self.take(&event("purchase", -HOUR_MS, &name, &order(&name, items)));
        }
    }

    /// Takes a cart add of the item; returns the offer it makes.
    pub fn add(&mut self, at_ms: i64, session: &str, name: &str) -> Option<Offer> {
        self.take(&event("cart_add", at_ms, session, &item(name))).offer
    }

    /// Takes feedback on the whole offer.
    pub fn feedback(&mut self, kind: &str, at_ms: i64, session: &str, offer: &Offer) {
        self.take(&event(kind, at_ms, session, &format!(r#""offer_id":"{}""#, offer.offer_id)));
    }

    pub fn total(&self, key: &TotalKey) -> i128 {
        self.shop.totals().get(key)
    }

    pub fn sum(&self, matches: impl Fn(&TotalKey) -> bool) -> i128 {
        self.shop.totals().sum(matches)
    }

    /// How many offered items came as far as `step`, wherever.
    pub fn steps(&self, wanted: ItemStep) -> i128 {
        self.sum(|key| matches!(key, TotalKey::OfferItems { step, .. } if *step == wanted))
    }

    pub fn triggers(&self, placement: Placement, outcome: Outcome) -> i128 {
        self.total(&TotalKey::Triggers(placement, outcome))
    }

    /// The counts as `replay --counts` writes them.
    pub fn counts(&self) -> String {
        let mut out = Vec::new();
        crate::dump::counts(&self.shop, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// In how many purchased baskets the item was, and its weight.
    pub fn own(&self, item: &str) -> (u32, u64) {
        self.shop.counts.with_row(item, |row| (row.slot.baskets(), row.slot.weight())).unwrap_or_default()
    }
}

/// The total keys of a list of facts with their deltas.
pub fn totals_of(facts: &[Fact]) -> Vec<(&TotalKey, i128)> {
    let total = |fact: &'_ Fact| matches!(fact, Fact::Total(..));
    facts
        .iter()
        .filter(|fact| total(fact))
        .filter_map(|fact| if let Fact::Total(key, delta) = fact { Some((key, *delta)) } else { None })
        .collect()
}

/// The items of an offer, in order.
pub fn items_of(offer: Option<&Offer>) -> Vec<&str> {
    offer.map(|offer| offer.items.iter().map(|item| item.item_id.as_str()).collect()).unwrap_or_default()
}
