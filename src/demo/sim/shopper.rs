//! Purpose: who comes into the shop.
//!
//! Invariant: a customer is a function of their number alone, so that they are the same person at
//! every visit, under every seed, without the shop keeping anything about them.

use compact_str::{CompactString, format_compact};

use super::behaviour as b;
use super::catalogue::{Catalogue, ItemIx};
use super::event::Identity;
use super::rng::{Rng, derive};

/// Keeps customers' dice apart from everyone else's.
const CUSTOMER_SEED: u64 = 0x0ff5_e125_72ea_3001;

/// How many staples a customer has.
const STAPLES: usize = 3;

/// A shopper and their taste.
#[derive(Clone, Debug)]
pub(super) struct Shopper {
    pub(super) who: Identity,
    /// What a customer buys again and again; nothing for a guest.
    pub(super) staples: Vec<ItemIx>,
}

impl Shopper {
    /// A guest or a customer, by the dice.
    pub(super) fn arriving(session_id: CompactString, catalogue: &Catalogue, rng: &mut Rng) -> Self {
        if !rng.chance(b::CUSTOMER) {
            return Self::with_habits(session_id, None, Vec::new(), rng);
        }
        // The square makes low numbers come often: the first tenth of them makes a third of all visits.
        let draw = rng.unit();
        let number = (draw * draw * b::CUSTOMERS as f64) as u64;
        let mut own = Rng::new(derive(CUSTOMER_SEED, number));
        let staples = (0..STAPLES).filter_map(|_| catalogue.pick_consumable(&mut own)).collect();
        let customer_id = Some(format_compact!("sim-c{number}"));
        let mut shopper = Self::with_habits(session_id, customer_id, staples, &mut own);
        shopper.who.logged_in = !rng.chance(b::LOGS_IN_LATE);
        shopper
    }

    fn with_habits(session_id: CompactString, customer_id: Option<CompactString>, staples: Vec<ItemIx>, rng: &mut Rng) -> Self {
        let channel = if rng.chance(b::ON_THE_WEB) { "web" } else { "app" };
        let locale = locale(rng.unit());
        let who = Identity { session_id, customer_id, channel, locale, logged_in: false, events: 0 };
        Self { who, staples }
    }
}

fn locale(draw: f64) -> &'static str {
    let mut sum = 0.0;
    for (name, share) in b::LOCALES {
        sum += share;
        if draw < sum {
            return name;
        }
    }
    b::LOCALES[0].0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn visits(n: usize) -> Vec<Shopper> {
        let catalogue = Catalogue::new();
        let mut rng = Rng::new(9);
        (0..n).map(|_| Shopper::arriving("sim-s".into(), &catalogue, &mut rng)).collect()
    }

    #[test]
    fn two_in_five_are_customers_and_come_back_as_the_same_person() {
        let visits = visits(20_000);
        let known: Vec<_> = visits.iter().filter(|s| s.who.customer_id.is_some()).collect();
        assert!((7_600..8_400).contains(&known.len()), "{}", known.len());
        let mut people = BTreeMap::new();
        for shopper in &known {
            let habits = (shopper.who.channel, shopper.who.locale, &shopper.staples);
            assert_eq!(*people.entry(&shopper.who.customer_id).or_insert(habits), habits);
        }
        assert!(people.len() <= b::CUSTOMERS && people.len() * 2 < known.len());
    }

    #[test]
    fn every_channel_and_locale_is_there() {
        let visits = visits(5_000);
        for channel in ["web", "app"] {
            assert!(visits.iter().filter(|s| s.who.channel == channel).count() > 1_000);
        }
        for (locale, share) in b::LOCALES {
            let here = visits.iter().filter(|s| s.who.locale == locale).count() as f64;
            assert!((here / 5_000.0 - share).abs() < 0.03, "{locale}");
        }
    }
}
