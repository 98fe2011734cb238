//! The rules of an offer once more, told from the events alone: slow, obvious, and knowing nothing of the policy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ledger::{Customer, Ledger, Shopper};
use crate::engine::catalogue::Product;
use crate::engine::settings::{PlacementPolicy, Settings};
use crate::engine::test_support::DAY_MS;
use crate::engine::vocabulary::Placement;

/// What an offer was asked for with.
pub struct Asked<'a> {
    pub placement: Placement,
    pub at_ms: i64,
    pub session: &'a str,
    /// The page's item.
    pub page: Option<&'a str>,
    /// The items of the order that it follows.
    pub order: Option<&'a [String]>,
}

/// An offer beside all that its rules are about.
pub struct Case<'a> {
    settings: &'a Settings,
    policy: &'a PlacementPolicy,
    products: &'a BTreeMap<String, Product>,
    ledger: &'a Ledger,
    asked: &'a Asked<'a>,
    shopper: &'a Shopper,
    customer: Option<&'a Customer>,
    items: &'a [Value],
    offer: &'a Value,
    beside: Vec<String>,
    basket: BTreeSet<String>,
    is_ladder: bool,
}

fn text<'a>(item: &'a Value, field: &str) -> &'a str {
    item[field].as_str().unwrap_or_default()
}

fn micros(item: &Value, field: &str) -> Option<i64> {
    item[field].as_str().map(|text| crate::event::Money::parse(text).unwrap().0)
}

/// Breaks with the name of the rule that an offer breaks.
pub fn check(settings: &Settings, products: &BTreeMap<String, Product>, ledger: &Ledger, asked: &Asked<'_>, offer: &Value) {
    let shopper = &ledger.shoppers[asked.session];
    let basket: BTreeSet<String> = shopper.open_basket(asked.at_ms).map(|(item, _)| item.clone()).collect();
    let beside: Vec<String> = match asked.order {
        Some(order) => order.to_vec(),
        None => shopper.basket.iter().map(|(item, _)| item.clone()).chain(asked.page.map(Into::into)).collect(),
    };
    let items = offer["items"].as_array().unwrap();
    let case = Case {
        settings,
        policy: settings.placements.get(asked.placement),
        products,
        ledger,
        asked,
        shopper,
        customer: shopper.customer.as_ref().and_then(|customer| ledger.customers.get(customer)),
        is_ladder: items.len() == 3 && items.iter().all(|item| text(item, "kind") == "upsell"),
        items,
        offer,
        beside,
        basket,
    };
    case.check_gates();
    case.check_whole();
    items.iter().for_each(|item| case.check_item(item));
    case.check_discounts();
}

impl Case<'_> {
    fn product(&self, item: &str) -> &Product {
        &self.products[item]
    }

    fn price(&self, item: &str) -> Option<i64> {
        self.product(item).price.map(|price| price.0)
    }

    fn family<'a>(&'a self, item: &'a str) -> &'a str {
        self.product(item).variant_of.as_deref().unwrap_or(item)
    }

    fn keep_apart(&self, one: &str, other: &str) -> bool {
        let excludes = |one: &str, other: &str| self.product(one).excluded.iter().any(|item| item == other);
        excludes(one, other) || excludes(other, one)
    }

    /// Of the order that is followed up: it may run out.
    fn is_again(&self, item: &str) -> bool {
        self.asked.placement == Placement::FollowUp && self.beside.iter().any(|beside| beside == item)
    }

    /// Cheaper by a stamp card.
    fn is_stamped(item: &Value) -> bool {
        !item["price_before"].is_null() && text(item, "kind") != "bundle"
    }

    fn check_gates(&self) {
        let (rules, policy, shopper) = (&self.settings.rules, self.policy, self.shopper);
        assert!(policy.enabled, "the placement is off");
        let channel = shopper.channel.as_deref().unwrap_or("other");
        assert!(policy.channels.is_empty() || policy.channels.iter().any(|allowed| allowed == channel), "not on this channel");
        let decided = !shopper.basket.is_empty() || !shopper.bought.is_empty();
        assert!(!policy.after_decision || decided, "nothing was decided on");
        let below = |cap: u32, count: u32| cap == 0 || count < cap;
        assert!(below(rules.dismissals_max, shopper.dismissals), "to be left alone");
        assert!(below(rules.session_max, shopper.seen.values().sum()), "the session's cap");
        assert!(below(policy.session_max, shopper.seen_at(self.asked.placement)), "the placement's cap");
        let Some(customer) = self.customer else { return };
        let day = self.ledger.day(self.asked.at_ms);
        let of_day = |placement: Option<Placement>| {
            customer.seen.iter().filter(|(on, at)| *on == day && placement.is_none_or(|placement| placement == *at)).count() as u32
        };
        assert!(
            below(rules.customer_day_max, of_day(None)),
            "the customer's cap of a day {day} {:?} {:?} {}",
            customer.seen,
            self.asked.placement,
            self.asked.at_ms
        );
        assert!(below(policy.customer_day_max, of_day(Some(self.asked.placement))), "the customer's cap of a day and placement");
    }

    fn check_whole(&self) {
        let names: Vec<&str> = self.items.iter().map(|item| text(item, "item_id")).collect();
        assert!((1..=self.policy.items_max.min(3)).contains(&names.len()), "{} items", names.len());
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "an item twice");
        let upsells = self.items.iter().filter(|item| text(item, "kind") == "upsell").count();
        assert!(upsells <= 1 || self.is_ladder && self.policy.ladder, "{upsells} upsells");
        for (at, one) in names.iter().enumerate() {
            for other in &names[..at] {
                assert!(!self.keep_apart(one, other), "{one} and {other} keep apart");
                assert!(self.is_ladder || self.family(one) != self.family(other), "two variants");
            }
        }
        if let ([a, b, c], false) = (&names[..], self.is_ladder) {
            assert!(!(self.near(a, b) && self.near(b, c) && self.near(a, c)), "three near-identical items");
        }
        if self.is_ladder && self.policy.ladder {
            assert_eq!(Some(names[0]), self.asked.page, "a ladder begins with the page's item");
            assert!(self.price(names[0]) < self.price(names[1]) && self.price(names[1]) < self.price(names[2]), "a ladder rises");
        }
        let is_certain = |item: &&Value| {
            let pinned =
                text(&item["evidence"], "step") == "pinned" && text(item, "kind") != "upsell" && !item["evidence"]["with"].is_null();
            pinned || Self::is_stamped(item) || self.is_again(text(item, "item_id"))
        };
        let certain = self.items.iter().take_while(is_certain).count();
        assert!(!self.items[certain..].iter().any(|item| is_certain(&item)), "pinned companions come first");
    }

    fn near(&self, one: &str, other: &str) -> bool {
        let (a, b) = (self.product(one), self.product(other));
        let (Some(low), Some(high)) = (self.price(one).min(self.price(other)), self.price(one).max(self.price(other))) else {
            return false;
        };
        a.category.is_some() && a.category == b.category && a.brand == b.brand && high * 4 <= low * 5
    }

    fn check_item(&self, item: &Value) {
        let name = text(item, "item_id");
        let product = self.product(name);
        let (rules, shopper) = (&self.settings.rules, self.shopper);
        let is_page = self.is_ladder && self.asked.page == Some(name);
        let is_again = self.is_again(name);
        assert!(!self.basket.contains(name), "{name} is in the basket");
        assert!(is_page || is_again || !self.beside.iter().any(|beside| beside == name), "{name} is there");
        assert!(is_again || !shopper.bought.contains(name), "{name} was just bought");
        assert!(product.is_available(), "{name} is out of stock");
        assert!(!rules.excluded_items.iter().any(|excluded| excluded == name), "{name} is excluded");
        assert!(!product.category.as_ref().is_some_and(|category| rules.excluded_categories.contains(category)), "{name}'s category is");
        let replaces = item["replaces"].as_str();
        for there in self.beside.iter().chain(&self.basket).filter(|there| *there != name) {
            assert!(!self.keep_apart(name, there), "{name} keeps apart from {there}");
            let counts = Some(there.as_str()) != replaces && !is_page && (!is_again || self.basket.contains(there));
            assert!(!counts || self.family(name) != self.family(there), "{name} is a variant of {there}");
        }
        assert!(!shopper.resting.contains(name), "{name} rests");
        let declined = self.customer.and_then(|customer| customer.declined.get(name));
        assert!(declined.is_none_or(|at| self.asked.at_ms >= at + rules.item_rest.0), "{name} was sent away by the customer");
        let is_over = shopper.is_over(self.asked.at_ms);
        assert!(rules.repeat_shown || is_over || !shopper.last_seen.contains(name), "{name} twice in a row");
        let seen = shopper.offers.iter().filter(|offer| offer.seen && offer.items.iter().any(|item| item == name)).count();
        assert!(rules.item_session_max == 0 || seen < rules.item_session_max as usize, "{name} too often");
        self.check_owned(item, name);
        self.check_kind(item, name);
        self.check_evidence(item, name);
    }

    fn check_owned(&self, item: &Value, name: &str) {
        let Some(times) = self.customer.and_then(|customer| customer.bought.get(name)) else { return };
        if Self::is_stamped(item) {
            return;
        }
        let (buyers, rebuyers, gaps) = self.ledger.rebuys(name);
        let own_gap = (times.len() > 1).then(|| (times[times.len() - 1] - times[0]) / (times.len() as i64 - 1));
        let others_gap = (!gaps.is_empty()).then(|| gaps.iter().sum::<i64>() / gaps.len() as i64);
        let lasts = self.product(name).replenish_days.map(|days| i64::from(days) * DAY_MS);
        let is_rebought = rebuyers as f64 >= self.settings.rules.rebuy_share_min * buyers as f64;
        assert!(lasts.is_some() || own_gap.is_some() || is_rebought, "{name} is owned");
        let gap = lasts.or(own_gap).or(others_gap).unwrap_or_default();
        let due = times[times.len() - 1] + (gap as f64 * self.settings.rules.rebuy_gap_share) as i64;
        assert!(self.asked.at_ms >= due, "{name} is not due");
    }

    fn check_kind(&self, item: &Value, name: &str) {
        let rules = &self.settings.rules;
        let kind = text(item, "kind");
        assert!(self.is_ladder || self.policy.kinds.iter().any(|allowed| allowed.as_str() == kind), "{kind} is not made here");
        let (price, dearest) = (self.price(name), self.beside.iter().filter_map(|beside| self.price(beside)).max());
        let is_cheaper = || price.zip(dearest).is_none_or(|(price, dearest)| price <= dearest);
        let is_pinned = self.beside.iter().any(|beside| self.product(beside).pinned.iter().any(|pinned| pinned == name));
        let certain = Self::is_stamped(item) || self.is_again(name) || is_pinned;
        match kind {
            "upsell" if item["replaces"].is_null() => assert!(self.is_ladder, "an upsell in the place of nothing"),
            "upsell" => {
                let replaced = text(item, "replaces");
                assert!(self.beside.iter().any(|beside| beside == replaced), "{replaced} is not there");
                let (price, replaced) = (price.unwrap() as f64, self.price(replaced).unwrap() as f64);
                let most = if self.is_ladder { rules.upsell_price_ratio_max.powi(2) } else { rules.upsell_price_ratio_max };
                assert!((replaced * rules.upsell_price_ratio_min..=replaced * most).contains(&price), "{price} is out of the band");
            }
            "add_on" => assert!(price.unwrap() as f64 <= self.value() * rules.add_on_share_max, "{name} is not small"),
            _ => assert!(certain || is_cheaper(), "{name} is dearer than what it goes with"),
        }
    }

    fn value(&self) -> f64 {
        let worth = |item: &str, units: u32| self.price(item).unwrap_or_default() as f64 * f64::from(units);
        match self.asked.order {
            Some(order) => order.iter().map(|item| worth(item, 1)).sum(),
            None => self.shopper.basket.iter().map(|(item, units)| worth(item, *units)).sum(),
        }
    }

    fn check_evidence(&self, item: &Value, name: &str) {
        let evidence = &item["evidence"];
        let together = evidence["together"].as_u64().unwrap();
        let with_both = |with: &str| self.ledger.orders.iter().filter(|order| order.contains(name) && order.contains(with)).count() as u64;
        match (text(evidence, "step"), text(item, "kind")) {
            ("pair", "upsell") => assert!(together >= u64::from(self.policy.baskets_together_min), "too rarely bought instead"),
            ("pair", _) => {
                let with = text(evidence, "with");
                assert!(self.beside.iter().any(|beside| beside == with), "{with} is not there");
                assert_eq!(together, with_both(with), "{name} with {with}");
                assert!(together >= u64::from(self.policy.baskets_together_min), "too few baskets");
            }
            ("popular", _) => {
                assert_eq!(together, with_both(name), "{name}");
                assert!(together >= u64::from(self.policy.popular_baskets_min), "{name} is not popular");
            }
            _ => {}
        }
    }

    fn check_discounts(&self) {
        let floor = (self.settings.discounts.margin_ratio_min * 1e6).round() as i128;
        let mut off = 0;
        for item in self.items {
            let Some(before) = micros(item, "price_before") else { continue };
            let (name, after) = (text(item, "item_id"), micros(item, "price").unwrap());
            assert_eq!(Some(before), self.price(name), "{name} was never at that price");
            let margin = self.product(name).margin_ppm.expect("a discount of what has no known margin");
            assert!(after < before, "{name} is not cheaper");
            let cost = i128::from(before) * (1_000_000 - i128::from(margin));
            assert!(i128::from(after) * (1_000_000 - floor) >= cost, "{name} below the margin floor");
            off += if text(item, "kind") == "bundle" { before - after } else { 0 };
        }
        let bundled = self.items.iter().filter(|item| text(item, "kind") == "bundle");
        let bundle = &self.offer["bundle"];
        match bundled.clone().count() {
            0 => assert!(bundle.is_null(), "a bundle of nothing"),
            companions => {
                assert!(companions <= 2 && bundled.clone().all(|item| !item["price_before"].is_null()), "a bundle of the wrong things");
                assert_eq!(micros(bundle, "price_before").unwrap() - micros(bundle, "price").unwrap(), off, "the bundle's discount");
                assert!(text(bundle, "code").starts_with(self.settings.discounts.code_prefix.as_str()), "the bundle's code");
                assert!(text(self.offer, "expires_at") > text(self.offer, "ts"), "the bundle's expiry");
            }
        }
    }
}
