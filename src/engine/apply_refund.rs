//! What a refund and a cancellation do to their session and to the shop.
//!
//! Invariant: no more goes back than was bought, and a cancellation takes all of the order's evidence back.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::apply::Step;
use super::attribution;
use super::decay::Stage;
use super::facts::{Fact, Sale, SaleLine};
use super::orders::{Order, OrderLine};
use super::totals::TotalKey;
use super::vocabulary::AmountIgnored;
use crate::event::{Id, ItemId, Line, Quantity, Timestamp};

impl Step<'_> {
    pub(super) fn refund(&mut self, lines: Option<&[Line]>) {
        let Some(at) = self.session.orders.iter().rposition(|order| Some(&order.id) == self.event.order_id.as_ref()) else { return };
        self.count_ignored(at, lines);
        let (ts, customer, refunded, gone) = self.give_back(at, lines);
        self.given_back(ts, customer, refunded, gone);
    }

    /// Takes lines of an order back; returns when it was placed, by whom, what went back in the shop's own currency, and
    /// which items have gone back whole.
    pub(super) fn give_back(&mut self, at: usize, lines: Option<&[Line]>) -> (Timestamp, Option<Id>, i128, Vec<(ItemId, Quantity)>) {
        let order = &mut self.session.orders[at];
        let (currency, ts, customer) = (order.currency, order.ts, order.customer.clone());
        let (mut refunded, mut touched, mut gone) = (0, Vec::new(), Vec::new());
        let asked = lines.map(quantities);
        for line in &mut order.lines {
            let Some(quantity) = asked_back(line, asked.as_ref()) else { continue };
            let was_gone = line.is_gone();
            refunded += line.refund(quantity);
            touched.push(line.item.clone());
            if line.is_gone() && !was_gone {
                gone.push((line.item.clone(), line.quantity));
            }
        }
        self.total(TotalKey::OrderRevenueRefunded(currency), refunded);
        attribution::given_back(self.session, &touched, self.settings, &mut self.effects.facts);
        let refunded = if currency == self.settings.currency { refunded } else { 0 };
        if refunded != 0 {
            self.spent(at, -refunded, false);
        }
        (ts, customer, refunded, gone)
    }

    /// Counts what of a refund can't be: more than is left, what was never bought, another currency than the order's.
    fn count_ignored(&mut self, at: usize, lines: Option<&[Line]>) {
        let order = &self.session.orders[at];
        let asked = lines.map(quantities);
        let is_over = |line: &OrderLine| asked_back(line, asked.as_ref()).is_some_and(|quantity| quantity.0 > line.kept_milli());
        let known: HashSet<&str, FixedState> = order.lines.iter().map(|line| line.item.as_str()).collect();
        let is_unknown = |back: &&Line| !known.contains(back.item_id.as_str());
        let too_large = match lines {
            None => usize::from(order.lines.iter().all(OrderLine::is_gone)),
            Some(_) => order.lines.iter().filter(|line| is_over(line)).count(),
        };
        let unknown = lines.unwrap_or_default().iter().filter(is_unknown).count();
        let is_foreign = self.event.currency.is_some_and(|currency| currency != order.currency);
        for (reason, count) in [
            (AmountIgnored::RefundTooLarge, too_large),
            (AmountIgnored::RefundOfUnknownItem, unknown),
            (AmountIgnored::RefundInOtherCurrency, usize::from(is_foreign)),
        ] {
            self.total(TotalKey::AmountsIgnored(reason), count as i128);
        }
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
        let is_it = |order: &&mut Order| Some(&order.id) == self.event.order_id.as_ref() && !order.is_cancelled();
        let Some(order) = self.session.orders.iter_mut().find(is_it) else { return };
        // What was credited of it has to stay known, as long as late events may ask.
        (order.cancelled_at, order.follow_up_at) = (Some(self.event.ts), None);
        let order = order.clone();
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

/// How many units of each item, by item.
type Quantities<'a> = HashMap<&'a str, Quantity, FixedState>;

fn quantities(lines: &[Line]) -> Quantities<'_> {
    let mut all = Quantities::default();
    for line in lines {
        all.entry(&line.item_id).and_modify(|known| *known = known.plus(line.quantity)).or_insert(line.quantity);
    }
    all
}

/// How much of a line is asked back: all of it without a list.
fn asked_back(line: &OrderLine, asked: Option<&Quantities<'_>>) -> Option<Quantity> {
    asked.map_or(Some(line.quantity), |asked| asked.get(line.item.as_str()).copied())
}
