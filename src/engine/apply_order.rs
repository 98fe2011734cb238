//! What a purchase, a refund and a cancellation do to their session and to the shop.
//!
//! Invariant: an order's evidence is that of its lines at the order's first time, however many events it came in;
//! a cancellation takes all of it back.

use super::apply::Step;
use super::attribution;
use super::basket::BasketRules;
use super::decay::Stage;
use super::facts::{Fact, Sale, SaleLine};
use super::orders::{Credit, Order, OrderLine, share};
use super::ratio::is_between;
use super::totals::TotalKey;
use super::vocabulary::Placement;
use crate::event::{Currency, Id, ItemId, Line, Money, OrderAmounts, Quantity, Timestamp};

impl Step<'_> {
    pub(super) fn purchase(&mut self, lines: &[Line], amounts: OrderAmounts) {
        for line in lines {
            self.learn(line);
        }
        let Some(order_id) = self.event.order_id.clone() else { return };
        let currency = self.event.currency.unwrap_or(self.settings.currency);
        let nets = self.net_values(lines, amounts, currency);
        let basket = self.session.basket.take();
        // The basket closes, but its age is still asked for below.
        self.session.basket.opened_at = basket.opened_at;
        self.session.basket_answered = false;
        let known = self.session.orders.iter().position(|order| order.id == order_id);
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
        let net_micros = if currency == self.settings.currency { nets.iter().sum() } else { 0 };
        let mut new_lines = Vec::new();
        for (line, net) in lines.iter().zip(nets) {
            // Further units of an item are the doing of the offer that its first ones are credited to.
            let credited =
                self.session.orders[at].lines.iter().find(|known| known.item == line.item_id).and_then(|known| known.credit.clone());
            let (ts, facts) = (self.event.ts, &mut self.effects.facts);
            let credit = match credited {
                Some(credit) => {
                    attribution::earned(&credit, &line.item_id, net, currency, ts, self.settings, facts);
                    Some(credit)
                }
                None => attribution::bought(self.session, line, lines, net, currency, ts, self.settings, facts),
            };
            if self.session.orders[at].add(line, net, credit, self.settings.limits.order_lines_per_session) {
                new_lines.push(self.sale_line(line));
            }
            self.total(TotalKey::OrderRevenue(currency), net);
        }
        self.session.basket.opened_at = None;
        let after = self.session.orders[at].evidence(rules);
        let unpaired = after.iter().filter(|line| line.evidence.partners == 0).count();
        if after.len() > 1 && unpaired > 0 {
            self.total(TotalKey::LinesNotPaired, unpaired as i128);
        }
        self.effects.facts.push(Fact::Basket { before, after });
        self.sold(at, new_lines, net_micros, rules);
        self.passed_over(lines);
    }

    /// What the sale itself tells: who bought what of which category, for how much.
    fn sold(&mut self, at: usize, lines: Vec<SaleLine>, net_micros: i128, rules: BasketRules) {
        let follow_up_at = self.follow_up_at(&lines);
        let order = &mut self.session.orders[at];
        order.follow_up_at = order.follow_up_at.into_iter().chain(follow_up_at.map(|after_ms| order.ts.plus_ms(after_ms))).min();
        let before = order.category_evidence(rules);
        for category in lines.iter().filter_map(|line| line.category.as_ref()) {
            if !order.categories.contains(category) {
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
        let mut facts = Vec::new();
        for item in considered {
            let is_bought = lines.iter().any(|line| line.item_id == item);
            let (Some(category), Some(price)) = of(&item, None) else { continue };
            let is_better = |line: &&Line| {
                let (other, other_price) = of(&line.item_id, line.price);
                other.as_ref() == Some(&category)
                    && other_price.is_some_and(|other| is_between(other, rules.upsell_price_ratio_min, rules.upsell_price_ratio_max, price))
            };
            // Who bought it itself has bought nothing instead, and counts among those who considered it.
            let instead = lines.iter().filter(|_| !is_bought).filter(is_better).map(|line| line.item_id.clone()).collect();
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
        });
        while self.session.orders.len() > self.settings.limits.orders_per_session {
            self.session.orders.pop_front();
        }
        self.session.orders.len() - 1
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
        let mut values = Vec::with_capacity(lines.len());
        for line in lines {
            let given = || self.shop.catalogue.given_price(&line.item_id, currency, self.settings.currency);
            // Baskets keep prices in the shop's own currency alone.
            let in_basket = || self.session.basket.price_of(&line.item_id).filter(|_| currency == self.settings.currency);
            let price = line.price.or_else(given).or_else(in_basket);
            if price.is_none() {
                self.total(TotalKey::Unpriced, 1);
            }
            values.push(price.unwrap_or_default().times(line.quantity));
        }
        let tax = amounts.tax.filter(|_| self.settings.money.prices_include_tax);
        for amount in [amounts.discount, tax].into_iter().flatten() {
            let parts = share(amount, &values);
            values.iter_mut().zip(parts).for_each(|(value, part)| *value -= part);
        }
        values
    }

    pub(super) fn refund(&mut self, lines: Option<&[Line]>) {
        let Some(order) = self.session.orders.iter_mut().find(|order| Some(&order.id) == self.event.order_id.as_ref()) else { return };
        let (currency, ts, customer) = (order.currency, order.ts, order.customer.clone());
        let (mut refunded, mut gone) = (0, Vec::new());
        for line in &mut order.lines {
            let quantity = match lines {
                None => Some(line.quantity),
                Some(lines) => lines.iter().filter(|back| back.item_id == line.item).map(|back| back.quantity).reduce(Quantity::plus),
            };
            let Some(quantity) = quantity else { continue };
            let was_gone = line.is_gone();
            let micros = line.refund(quantity);
            refunded += micros;
            if line.is_gone() && !was_gone {
                gone.push((line.item.clone(), line.quantity));
            }
            if let Some(credit) = line.credit.as_ref().filter(|_| micros > 0) {
                attribution::refunded(credit, &line.item, micros, currency, &mut self.effects.facts);
            }
        }
        self.total(TotalKey::OrderRevenueRefunded(currency), refunded);
        self.given_back(ts, customer, if currency == self.settings.currency { refunded } else { 0 }, gone);
    }

    /// What came back whole is not owned any more, and makes no stamps.
    fn given_back(&mut self, ts: Timestamp, customer: Option<Id>, net_micros: i128, gone: Vec<(ItemId, Quantity)>) {
        if gone.is_empty() && net_micros == 0 {
            return;
        }
        let line = |(item, quantity): (ItemId, Quantity)| {
            let category = self.shop.catalogue.facets(&item, self.settings.currency).category;
            SaleLine { item, units: quantity.0.div_ceil(1_000), category }
        };
        let lines = gone.into_iter().map(line).collect();
        self.effects.facts.push(Fact::Sale(Sale { add: false, first: false, ts, customer, net_micros, lines }));
    }

    /// A cancelled order is refunded, and its evidence taken back.
    pub(super) fn cancel(&mut self) {
        self.refund(None);
        let Some(at) = self.session.orders.iter().position(|order| Some(&order.id) == self.event.order_id.as_ref()) else { return };
        let Some(order) = self.session.orders.remove(at) else { return };
        let rules = self.settings.rules(Stage::Purchase);
        let (before, categories) = (order.evidence(rules), order.category_evidence(rules));
        self.effects.facts.push(Fact::Basket { before, after: Vec::new() });
        if !categories.is_empty() {
            self.effects.facts.push(Fact::CategoryBasket { before: categories, after: Vec::new() });
        }
        // Its lines and their value went back as a refund.
        self.effects.facts.push(Fact::Sale(Sale {
            add: false,
            first: true,
            ts: order.ts,
            customer: order.customer,
            net_micros: 0,
            lines: Vec::new(),
        }));
    }
}

impl Order {
    /// Adds a bought line; returns whether the item is new to the order.
    fn add(&mut self, line: &Line, net_micros: i128, credit: Option<Credit>, lines_max: usize) -> bool {
        if let Some(known) = self.lines.iter_mut().find(|known| known.item == line.item_id) {
            known.quantity = known.quantity.plus(line.quantity);
            known.net_micros += net_micros;
            known.credit = known.credit.take().or(credit);
            return false;
        }
        if self.lines.len() >= lines_max {
            return false;
        }
        let (item, quantity) = (line.item_id.clone(), line.quantity);
        self.lines.push(OrderLine { item, quantity, net_micros, refunded_milli: 0, credit });
        true
    }
}
