//! What the property test keeps of the events: whose basket, what was bought, shown and sent away. By hand, and apart
//! from the engine's own sessions.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::settings::Settings;
use crate::engine::test_support::{DAY_MS, START};
use crate::engine::vocabulary::Placement;

/// An offer that a shopper got.
#[derive(Clone, Debug)]
pub struct Made {
    pub id: String,
    pub placement: Placement,
    pub items: Vec<String>,
    pub seen: bool,
    pub dismissed: bool,
    pub over_at_ms: i64,
}

/// One session.
#[derive(Clone, Debug, Default)]
pub struct Shopper {
    pub customer: Option<String>,
    pub channel: Option<String>,
    /// Items with their units.
    pub basket: Vec<(String, u32)>,
    /// In this visit.
    pub bought: BTreeSet<String>,
    pub offers: Vec<Made>,
    pub seen: BTreeMap<Placement, u32>,
    pub last_seen: BTreeSet<String>,
    pub dismissals: u32,
    pub resting: BTreeSet<String>,
    /// All orders, with their items.
    pub orders: BTreeMap<String, Vec<String>>,
    last_at_ms: i64,
    idle_ms: i64,
}

/// A known customer.
#[derive(Clone, Debug, Default)]
pub struct Customer {
    /// When each item was bought.
    pub bought: BTreeMap<String, Vec<i64>>,
    pub declined: BTreeMap<String, i64>,
    /// Days and placements of the offers seen.
    pub seen: Vec<(i64, Placement)>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub shoppers: BTreeMap<String, Shopper>,
    pub customers: BTreeMap<String, Customer>,
    pub orders: Vec<BTreeSet<String>>,
    pub zone_ms: i64,
}

impl Shopper {
    /// Whether the visit is over by then, with no event to say so.
    pub fn is_over(&self, at_ms: i64) -> bool {
        at_ms > self.last_at_ms + self.idle_ms
    }

    pub fn seen_at(&self, placement: Placement) -> u32 {
        self.seen.get(&placement).copied().unwrap_or_default()
    }

    /// The basket, unless the visit is over.
    pub fn open_basket(&self, at_ms: i64) -> impl Iterator<Item = &(String, u32)> {
        self.basket.iter().filter(move |_| at_ms <= self.last_at_ms + self.idle_ms)
    }
}

impl Ledger {
    /// The shop's day.
    pub fn day(&self, at_ms: i64) -> i64 {
        (START.0 + at_ms + self.zone_ms).div_euclid(DAY_MS)
    }

    /// The session's next event comes.
    pub fn come(&mut self, settings: &Settings, session: &str, at_ms: i64) -> &mut Shopper {
        let idle_ms = settings.session.idle.0;
        let fresh = || Shopper { last_at_ms: at_ms, idle_ms, ..Shopper::default() };
        let shopper = self.shoppers.entry(session.into()).or_insert_with(fresh);
        if at_ms > shopper.last_at_ms + idle_ms {
            let mailed = |offer: &Made| !matches!(offer.placement, Placement::ProductPage | Placement::Cart | Placement::Checkout);
            let offers = shopper.offers.drain(..).filter(mailed).collect();
            let (customer, orders) = (shopper.customer.take(), std::mem::take(&mut shopper.orders));
            let channel = shopper.channel.take();
            *shopper = Shopper { customer, channel, orders, offers, ..fresh() };
        }
        shopper.offers.retain(|offer| at_ms <= offer.over_at_ms);
        shopper.last_at_ms = at_ms;
        shopper
    }

    /// Buyers of an item that are known, those who came back, and after how long.
    pub fn rebuys(&self, item: &str) -> (usize, usize, Vec<i64>) {
        let times: Vec<&Vec<i64>> = self.customers.values().filter_map(|customer| customer.bought.get(item)).collect();
        let gaps = times.iter().flat_map(|times| times.windows(2).map(|two| two[1] - two[0])).collect();
        (times.len(), times.iter().filter(|times| times.len() > 1).count(), gaps)
    }

    pub fn bought(&mut self, session: &str, order: &str, at_ms: i64, items: &[String]) {
        let shopper = self.shoppers.get_mut(session).unwrap();
        shopper.basket.clear();
        shopper.bought.extend(items.iter().cloned());
        shopper.resting.retain(|item| !items.contains(item));
        shopper.orders.insert(order.into(), items.to_vec());
        if let Some(customer) = shopper.customer.clone() {
            let customer = self.customers.entry(customer).or_default();
            items.iter().for_each(|item| customer.bought.entry(item.clone()).or_default().push(at_ms));
        }
        self.orders.push(items.iter().cloned().collect());
    }

    /// An offer was made; it counts as seen where nothing more will be heard of it.
    pub fn made(&mut self, session: &str, offer: Made, at_ms: i64, is_seen: bool) {
        let id = offer.id.clone();
        self.shoppers.get_mut(session).unwrap().offers.push(offer);
        if is_seen {
            self.saw(session, &id, at_ms);
        }
    }

    /// Feedback came; returns whether the offer is still known.
    pub fn saw(&mut self, session: &str, id: &str, at_ms: i64) -> bool {
        let day = self.day(at_ms);
        let shopper = self.shoppers.get_mut(session).unwrap();
        let Some(offer) = shopper.offers.iter_mut().find(|offer| offer.id == id) else { return false };
        if !std::mem::replace(&mut offer.seen, true) {
            *shopper.seen.entry(offer.placement).or_default() += 1;
            shopper.last_seen = offer.items.iter().cloned().collect();
            if let Some(customer) = &shopper.customer {
                self.customers.entry(customer.clone()).or_default().seen.push((day, offer.placement));
            }
        }
        true
    }

    pub fn dismissed(&mut self, session: &str, id: &str, at_ms: i64) {
        if !self.saw(session, id, at_ms) {
            return;
        }
        let shopper = self.shoppers.get_mut(session).unwrap();
        let offer = shopper.offers.iter_mut().find(|offer| offer.id == id).unwrap();
        shopper.dismissals += u32::from(!std::mem::replace(&mut offer.dismissed, true));
        shopper.resting.extend(offer.items.iter().cloned());
        if let Some(customer) = &shopper.customer {
            let customer = self.customers.entry(customer.clone()).or_default();
            customer.declined.extend(offer.items.iter().map(|item| (item.clone(), at_ms)));
        }
    }
}
