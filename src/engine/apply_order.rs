//! What a purchase, a refund and a cancellation do to their session and to the shop.
//!
//! Invariant: an order's evidence is that of its lines at the order's first time, however many events it came in;
//! a cancellation takes all of it back.

use super::apply::Step;
use super::attribution;
use super::decay::Stage;
use super::facts::Fact;
use super::orders::{Credit, Order, OrderLine, share};
use super::totals::TotalKey;
use crate::event::{Currency, Id, ItemId, Line, OrderAmounts, Quantity};

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
        let known = self.session.orders.iter().position(|order| order.id == order_id);
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
        let mut new_items = Vec::new();
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
                None => attribution::bought(self.session, &line.item_id, net, currency, ts, self.settings, facts),
            };
            if self.session.orders[at].add(line, net, credit, self.settings.limits.order_lines_per_session) {
                new_items.push(line.item_id.clone());
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
        if let Some(customer) = self.session.orders[at].customer.clone() {
            self.effects.facts.push(Fact::Bought { add: true, first: known.is_none(), customer, items: new_items });
        }
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
        let currency = order.currency;
        let mut refunded = 0;
        for line in &mut order.lines {
            let quantity = match lines {
                None => Some(line.quantity),
                Some(lines) => lines.iter().filter(|back| back.item_id == line.item).map(|back| back.quantity).reduce(Quantity::plus),
            };
            let Some(quantity) = quantity else { continue };
            let micros = line.refund(quantity);
            refunded += micros;
            if let Some(credit) = line.credit.as_ref().filter(|_| micros > 0) {
                attribution::refunded(credit, &line.item, micros, currency, &mut self.effects.facts);
            }
        }
        self.total(TotalKey::OrderRevenueRefunded(currency), refunded);
    }

    /// A cancelled order is refunded, and its evidence taken back.
    pub(super) fn cancel(&mut self) {
        self.refund(None);
        let Some(at) = self.session.orders.iter().position(|order| Some(&order.id) == self.event.order_id.as_ref()) else { return };
        let Some(order) = self.session.orders.remove(at) else { return };
        let before = order.evidence(self.settings.rules(Stage::Purchase));
        let items: Vec<ItemId> = before.iter().map(|line| line.item.clone()).collect();
        self.effects.facts.push(Fact::Basket { before, after: Vec::new() });
        if let Some(customer) = order.customer {
            self.effects.facts.push(Fact::Bought { add: false, first: true, customer, items });
        }
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
