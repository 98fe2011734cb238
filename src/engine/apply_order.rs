//! What a purchase does to its session and to the shop.
//!
//! Invariant: an order's evidence is that of its lines at the order's first time, however many events it came in.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::apply::Step;
use super::attribution;
use super::basket::{Basket, BasketRules};
use super::decay::Stage;
use super::examples;
use super::experiment::subject_of;
use super::facts::{BoughtItem, EvidenceLine, Fact, Sale, SaleLine};
use super::orders::{Order, OrderLine, share};
use super::ratio::is_between;
use super::settings::Settings;
use super::shop::Shop;
use super::totals::TotalKey;
use super::vocabulary::{AmountIgnored, Placement};
use crate::event::{Currency, Id, ItemId, Line, Money, OrderAmounts};

impl Step<'_> {
    pub(super) fn purchase(&mut self, lines: &[Line], amounts: OrderAmounts) {
        for line in lines {
            self.learn(line);
        }
        let Some(order_id) = self.event.order_id.clone() else { return };
        let currency = self.event.currency.unwrap_or(self.settings.currency);
        let mut nets = self.net_values(lines, amounts, currency);
        let basket = self.session.basket.take();
        // The basket closes, but its age is still asked for below.
        self.session.basket.opened_at = basket.opened_at;
        self.session.basket_answered = false;
        let is_it = |order: &Order| order.id == order_id;
        if let Some(at) = self.session.orders.iter().position(|order| is_it(order) && order.cancelled_at >= Some(self.event.ts)) {
            if self.session.orders[at].currency != currency {
                nets.fill(0);
            }
            return self.part_of_cancelled(at, &basket.evidence(), lines, &nets);
        }
        let known = self.session.orders.iter().position(|order| is_it(order) && !order.is_cancelled());
        if known.is_some_and(|at| self.session.orders[at].currency != currency) {
            // One order has one currency: what this part cost can't be added to it.
            self.total(TotalKey::AmountsIgnored(AmountIgnored::OrderInOtherCurrency), 1);
            nets.fill(0);
        }
        self.order_is_new = known.is_none();
        let at = known.unwrap_or_else(|| self.open_order(order_id, currency, basket.lines.is_empty()));
        let at = self.make_room(at, lines.len());
        let rules = self.settings.rules(Stage::Purchase);
        let mut before = basket.evidence();
        if known.is_some() {
            if !before.is_empty() {
                self.effects.facts.push(Fact::Basket { before, after: Vec::new() });
            }
            before = self.session.orders[at].evidence(rules);
        }
        let currency = self.session.orders[at].currency;
        let net_micros = if currency == self.settings.currency { nets.iter().sum() } else { 0 };
        let mut new_lines = Vec::new();
        if self.event.ts < self.session.orders[at].closed_at {
            attribution::placed_earlier(self.session, at, self.event.ts, self.settings, &mut self.effects.facts);
        }
        let mut places = places_of(&self.session.orders[at]);
        for index in by_adding(&basket, lines) {
            let (line, net) = (&lines[index], nets[index]);
            self.session.pressure.wake(&line.item_id);
            if self.add_line(at, line, net, &mut places) {
                new_lines.push(self.sale_line(line));
            }
        }
        self.credit(at, &basket, lines, &new_lines);
        self.spent(at, net_micros, self.order_is_new);
        self.session.basket.opened_at = None;
        let after = self.session.orders[at].evidence(rules);
        let unpaired = after.iter().filter(|line| line.evidence.partners == 0).count();
        if after.len() > 1 && unpaired > 0 {
            self.total(TotalKey::LinesNotPaired, unpaired as i128);
        }
        let (shop, settings) = (self.shop, self.settings);
        let bought = lines.iter().zip(&nets).map(|(line, net)| bought_item(&line.item_id, *net, currency, shop, settings));
        self.effects.facts.extend(examples::answered(self.session, self.event.ts, bought));
        self.effects.facts.push(Fact::Basket { before, after });
        self.sold(at, new_lines, net_micros, rules);
        self.passed_over(lines);
    }

    /// Adds a bought line to an order; returns whether the item is new to it.
    fn add_line(&mut self, at: usize, line: &Line, net_micros: i128, places: &mut Places) -> bool {
        let order = &mut self.session.orders[at];
        let currency = order.currency;
        let (is_new, refunded) = order.add(line, net_micros, self.settings.limits.order_lines_per_session, places);
        self.total(TotalKey::OrderRevenue(currency), net_micros);
        self.total(TotalKey::OrderRevenueRefunded(currency), refunded);
        if refunded != 0 && currency == self.settings.currency {
            self.spent(at, -refunded, false);
        }
        is_new
    }

    /// A part of an order that is heard after the order was called off: it was, too.
    fn part_of_cancelled(&mut self, at: usize, basket: &[EvidenceLine], lines: &[Line], nets: &[i128]) {
        self.session.basket.opened_at = None;
        self.effects.facts.push(Fact::Basket { before: basket.to_vec(), after: Vec::new() });
        let mut places = places_of(&self.session.orders[at]);
        for (line, net) in lines.iter().zip(nets) {
            self.add_line(at, line, *net, &mut places);
        }
        let items: Vec<ItemId> = lines.iter().map(|line| line.item_id.clone()).collect();
        let bought = nets.iter().sum();
        if self.session.orders[at].currency == self.settings.currency {
            self.spent(at, bought, false);
        }
        attribution::ordered(self.session, &items, self.settings, &mut self.effects.facts);
        self.give_back(at, None);
    }

    /// What of the order is offers' doing.
    fn credit(&mut self, at: usize, basket: &Basket, lines: &[Line], new_lines: &[SaleLine]) {
        let (session, settings, facts) = (&mut *self.session, self.settings, &mut self.effects.facts);
        let order = &mut session.orders[at];
        let bought_at = order.closed_at;
        let new_lines: HashSet<&str, FixedState> = new_lines.iter().map(|new| new.item.as_str()).collect();
        let is_new = |item: &ItemId| new_lines.contains(item.as_str());
        if let Some(customer) = order.customer.clone().filter(|customer| self.shop.offered.knows(customer)) {
            let in_basket = basket.by_item();
            for line in order.lines.iter_mut().filter(|line| is_new(&line.item)) {
                let is_own = |offer: u128| session.offers.iter().any(|own| own.id == offer);
                // What was in the basket before is nobody's doing, here as elsewhere.
                let entered_at = in_basket.get(line.item.as_str()).map_or(bought_at, |known| known.added_at.min(bought_at));
                line.elsewhere = self.shop.offered.newest(&customer, &line.item, entered_at, bought_at, is_own).map(Box::new);
            }
        }
        let items: Vec<ItemId> = lines.iter().map(|line| line.item_id.clone()).collect();
        attribution::learn_taken(session, &items, &self.shop.offered);
        attribution::ordered(session, &items, settings, facts);
        for line in 0..session.orders[at].lines.len() {
            if session.orders[at].lines[line].elsewhere.is_some() && is_new(&session.orders[at].lines[line].item) {
                attribution::elsewhere(session, at, line, settings, facts);
            }
        }
    }

    /// What the shopper's order is worth to the experiment.
    pub(super) fn spent(&mut self, at: usize, net_micros: i128, first: bool) {
        let order = &self.session.orders[at];
        if order.currency != self.settings.currency {
            return self.total(TotalKey::AmountsIgnored(AmountIgnored::OrderInOtherCurrency), i128::from(first));
        }
        let (Some(subject), ts, at) = (order.subject, order.ts, self.event.ts) else { return };
        if self.settings.experiment.holdout_ratio > 0.0 {
            self.effects.facts.push(Fact::Spent { subject, ts, at, net_micros, first });
        }
    }

    /// What the sale itself tells: who bought what of which category, for how much.
    fn sold(&mut self, at: usize, lines: Vec<SaleLine>, net_micros: i128, rules: BasketRules) {
        let follow_up_at = self.follow_up_at(&lines);
        let order = &mut self.session.orders[at];
        order.follow_up_at = order.follow_up_at.into_iter().chain(follow_up_at.map(|after_ms| order.ts.plus_ms(after_ms))).min();
        let before = order.category_evidence(rules);
        let mut known: HashSet<Id, FixedState> = order.categories.iter().cloned().collect();
        for category in lines.iter().filter_map(|line| line.category.as_ref()) {
            if known.insert(category.clone()) {
                order.categories.push(category.clone());
            }
        }
        let after = order.category_evidence(rules);
        let (customer, first, ts) = (order.customer.clone(), self.order_is_new, order.ts);
        if before != after {
            self.effects.facts.push(Fact::CategoryBasket { before, after });
        }
        self.effects.facts.push(Fact::Sale(Sale { add: true, first, ts, customer, net_micros, lines }));
    }

    fn sale_line(&self, line: &Line) -> SaleLine {
        let known = self.shop.catalogue.facets(&line.item_id, self.settings.currency).category;
        let category = known.or_else(|| line.product.category.clone());
        SaleLine { item: line.item_id.clone(), units: line.quantity.0.div_ceil(1_000), category }
    }

    /// How long after the order it is to be followed up, in milliseconds: when the first of its items is used up or
    /// due again, as the catalogue says, else as the policy does.
    fn follow_up_at(&self, lines: &[SaleLine]) -> Option<i64> {
        let policy = self.settings.policy(Placement::FollowUp)?;
        let replenish_days = |line: &SaleLine| self.shop.catalogue.facets(&line.item, self.settings.currency).replenish_days;
        let first_days = lines.iter().filter_map(replenish_days).min();
        Some(first_days.map_or(policy.after.0, |days| i64::from(days) * 86_400_000))
    }

    /// What the shopper considered before buying, and what dearer one of its category was bought instead, if any was.
    fn passed_over(&mut self, lines: &[Line]) {
        let considered = std::mem::take(&mut self.session.considered);
        if !self.order_is_new || considered.is_empty() {
            return;
        }
        let of = |item: &ItemId, told: Option<Money>| {
            let facets = self.shop.catalogue.facets(item, self.settings.currency);
            (facets.category, told.or(facets.price))
        };
        let rules = &self.settings.rules;
        // Worked out once: an order may have thousands of lines.
        let bought: Vec<(&ItemId, Option<Id>, Option<Money>)> = lines
            .iter()
            .map(|line| {
                let (category, price) = of(&line.item_id, line.price);
                (&line.item_id, category, price)
            })
            .collect();
        let mut facts = Vec::new();
        for item in considered {
            let is_bought = lines.iter().any(|line| line.item_id == item);
            let (Some(category), Some(price)) = of(&item, None) else { continue };
            let is_better = |(_, other, other_price): &&(&ItemId, Option<Id>, Option<Money>)| {
                other.as_ref() == Some(&category)
                    && other_price.is_some_and(|other| is_between(other, rules.upsell_price_ratio_min, rules.upsell_price_ratio_max, price))
            };
            // Who bought it itself has bought nothing instead, and counts among those who considered it.
            let instead = bought.iter().filter(|_| !is_bought).filter(is_better).map(|(item, ..)| (*item).clone()).collect();
            facts.push(Fact::PassedOver { item, instead });
        }
        self.effects.facts.extend(facts);
    }

    /// Opens an order; returns where it stands.
    fn open_order(&mut self, id: Id, currency: Currency, unmatched: bool) -> usize {
        self.total(TotalKey::Orders, 1);
        if unmatched {
            self.total(TotalKey::OrdersUnmatched, 1);
        }
        let rules = self.settings.rules(Stage::Purchase);
        self.session.orders.push_back(Order {
            id,
            ts: self.event.ts,
            currency,
            customer: self.session.customer.clone(),
            lines: Vec::new(),
            weight_milli: rules.weight_milli,
            paired_lines: rules.paired_lines as u32,
            categories: Vec::new(),
            follow_up_at: None,
            closed_at: self.event.ts,
            subject: self.subject(),
            cancelled_at: None,
            counted_with_offer: None,
        });
        while self.session.orders.len() > self.settings.limits.orders_per_session {
            self.session.orders.pop_front();
        }
        self.session.orders.len() - 1
    }

    /// The shopper that an order counts for: as whom they entered the experiment, else the customer, who may have.
    fn subject(&self) -> Option<u64> {
        let customer = || self.session.customer.as_ref().map(|customer| subject_of(Some(customer), self.key));
        self.session.entered.map(|(_, subject)| subject).or_else(customer)
    }

    /// Forgets the oldest other orders until `lines` more find room; returns where the order stands then.
    fn make_room(&mut self, at: usize, lines: usize) -> usize {
        let orders = &mut self.session.orders;
        let (mut at, most) = (at, self.settings.limits.order_lines_per_session);
        while orders.len() > 1 && orders.iter().map(|order| order.lines.len()).sum::<usize>() + lines > most {
            let oldest = usize::from(at == 0);
            orders.remove(oldest);
            at -= usize::from(oldest < at);
        }
        at
    }

    /// What each line is worth: price times quantity, less its share of the order's discount, and of its tax
    /// where prices include it. A price that is missing is the one the shop's catalogue gives, then the basket's.
    /// Learned prices are not asked: what is known of them here depends on how events fell into commits.
    fn net_values(&mut self, lines: &[Line], amounts: OrderAmounts, currency: Currency) -> Vec<i128> {
        let basket = self.session.basket.by_item();
        let price = |line: &Line| {
            let given = || self.shop.catalogue.given_price(&line.item_id, currency, self.settings.currency);
            // Baskets keep prices in the shop's own currency alone.
            let in_basket = || basket.get(line.item_id.as_str())?.price.filter(|_| currency == self.settings.currency);
            line.price.or_else(given).or_else(in_basket)
        };
        let prices: Vec<Option<Money>> = lines.iter().map(price).collect();
        for _ in prices.iter().filter(|price| price.is_none()) {
            self.total(TotalKey::Unpriced, 1);
        }
        let mut values: Vec<i128> = lines.iter().zip(prices).map(|(line, price)| price.unwrap_or_default().times(line.quantity)).collect();
        let tax = amounts.tax.filter(|_| self.settings.money.prices_include_tax);
        for amount in [amounts.discount, tax].into_iter().flatten() {
            let parts = share(amount, &values);
            values.iter_mut().zip(parts).for_each(|(value, part)| *value -= part);
        }
        values
    }
}

impl Order {
    /// Adds a bought line; returns whether the item is new to the order, and what went back of it before it was heard of.
    fn add(&mut self, line: &Line, net_micros: i128, lines_max: usize, places: &mut Places) -> (bool, i128) {
        if let Some(known) = places.get(&line.item_id).and_then(|place| self.lines.get_mut(*place)) {
            return (false, known.grow(line.quantity, net_micros));
        }
        if self.lines.len() >= lines_max {
            return (false, 0);
        }
        let (item, quantity, credits) = (line.item_id.clone(), line.quantity, Vec::new());
        places.insert(item.clone(), self.lines.len());
        self.lines.push(OrderLine { item, quantity, net_micros, refunded_milli: 0, refunded_micros: 0, credits, elsewhere: None });
        (true, 0)
    }
}

/// A bought line and what it earned; nothing in another currency than the shop's own.
fn bought_item(item: &ItemId, net_micros: i128, currency: Currency, shop: &Shop, settings: &Settings) -> BoughtItem {
    let is_own = currency == settings.currency;
    let margin_ppm = shop.catalogue.facets(item, settings.currency).margin_ppm.filter(|_| is_own).unwrap_or_default();
    let net_micros = if is_own { i64::try_from(net_micros).unwrap_or(i64::MAX) } else { 0 };
    let margin_micros = (i128::from(net_micros) * i128::from(margin_ppm) / 1_000_000) as i64;
    BoughtItem { item: item.clone(), net_micros, margin_micros }
}

/// The places of the lines in the order in which their items came into the basket, which is what an order learned from is
/// to tell; what never was in it comes last, as the purchase lists it.
fn by_adding(basket: &Basket, lines: &[Line]) -> Vec<usize> {
    let known = basket.by_item();
    let mut places: Vec<usize> = (0..lines.len()).collect();
    places.sort_by_key(|at| known.get(lines[*at].item_id.as_str()).map_or((true, None), |line| (false, Some(line.added_at))));
    places
}

/// Where the lines of an order stand, by their items: an order may have thousands.
type Places = HashMap<ItemId, usize, FixedState>;

fn places_of(order: &Order) -> Places {
    order.lines.iter().enumerate().map(|(place, line)| (line.item.clone(), place)).collect()
}
