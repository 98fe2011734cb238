//! Whose doing is what: the units of baskets followed one by one, and what of orders is credited to which offer.

use std::collections::BTreeSet;

use serde_json::Value;

use super::reading::{lines_of, must, quantity, text, times, ts};
use super::{Credit, Ledger, Offered, Order, Units, Walk};

impl Ledger<'_> {
    pub(super) fn follow_units(&mut self) {
        let offered = self.offered.iter().map(|offered| (offered.session.clone(), offered.item.clone()));
        let ordered = self.orders.iter().flat_map(|order| order.lines.iter().map(|line| (order.session.clone(), line.item.clone())));
        let all: BTreeSet<_> = offered.chain(ordered).collect();
        self.units = all.into_iter().map(|of| (of.clone(), self.walk(&of.0, &of.1, &self.events, &self.all_of(&of.1)))).collect();
    }

    /// Follows the units of an item in a session, by these events alone and by the orders that were `heard`, each with how
    /// much of the item.
    fn walk(&self, session: &str, item: &str, events: &[&Value], heard: &[(usize, i128)]) -> Walk {
        enum Move {
            Add(i128),
            Set(i128),
            Remove(Option<i128>),
            Buy(usize, i128),
        }
        let mut moves = Vec::new();
        // Baskets are followed from an item's first offer on: what was heard of it before is not remembered.
        let first =
            self.offered.iter().filter(|offered| offered.session == session && offered.item == item).map(|offered| offered.came).min();
        let is_followed = |place: usize| first.is_some_and(|first| place > first);
        let followed = events.iter().zip(&self.places).filter(|(_, place)| is_followed(**place)).map(|(event, _)| event);
        for event in followed.filter(|event| must(event, "session_id") == session) {
            let is_it = text(event, "item_id") == Some(item);
            let milli = quantity(event);
            match must(event, "type") {
                "cart_add" if is_it => {
                    let milli = milli.unwrap_or(1_000);
                    moves.push(((ts(event), 0, String::new(), milli), Move::Add(milli)));
                }
                "cart_remove" if is_it => moves.push(((ts(event), 2, String::new(), milli.unwrap_or(i128::MAX)), Move::Remove(milli))),
                "checkout" => {
                    if let Some(lines) = lines_of(event).filter(|lines| !lines.is_empty()) {
                        let of_item = lines.iter().filter(|line| must(line, "item_id") == item);
                        let sum: i128 = of_item.map(|line| quantity(line).unwrap_or(1_000)).sum();
                        moves.push(((ts(event), 1, String::new(), sum), Move::Set(sum)));
                    }
                }
                _ => {}
            }
        }
        for (at, milli) in heard.iter().filter(|(at, _)| self.orders[*at].session == session) {
            moves.push(((self.orders[*at].ts, 3, self.orders[*at].id.clone(), *milli), Move::Buy(*at, *milli)));
        }
        moves.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (mut entered, mut basket, mut bought) = (Vec::new(), Vec::<Units>::new(), Vec::new());
        for ((ts, ..), step) in moves {
            let mut enter = |basket: &mut Vec<Units>, milli: i128| {
                let units = Units { entered: ts, milli };
                if milli > 0 {
                    entered.push(units.clone());
                    basket.push(units);
                }
            };
            let there: i128 = basket.iter().map(|units| units.milli).sum();
            match step {
                Move::Add(milli) => enter(&mut basket, milli),
                Move::Set(milli) if milli > there => enter(&mut basket, milli - there),
                Move::Set(milli) => drop(take(&mut basket, there - milli, true)),
                Move::Remove(milli) => drop(take(&mut basket, milli.unwrap_or(there), true)),
                Move::Buy(at, milli) => {
                    enter(&mut basket, milli - there);
                    bought.push((at, take(&mut basket, milli, false)));
                    basket.clear();
                }
            }
        }
        (entered, bought)
    }

    /// The offered item that units belong to: of the newest offer that can be accepted when they come in.
    fn owner(&self, session: &str, item: &str, entered: i64) -> Option<usize> {
        let fits = |offered: &Offered| offered.session == session && offered.item == item && offered.can_be_accepted(self.rules, entered);
        let all = (0..self.offered.len()).filter(|at| fits(&self.offered[*at]));
        all.max_by_key(|at| (self.offered[*at].ts, *at))
    }

    /// Follows the purchases as they come: units that no offer of their own session has a part in may be what the
    /// customer was offered in another.
    pub(super) fn credit_elsewhere(&mut self) {
        if self.orders.iter().all(|order| self.offered.iter().all(|offered| offered.session == order.session)) {
            return;
        }
        let mut taken = BTreeSet::new();
        for (heard, event) in self.events.clone().into_iter().enumerate().filter(|(_, event)| must(event, "type") == "purchase") {
            let Some(customer) = text(event, "customer_id") else { continue };
            let order_at = self.order_at(must(event, "session_id"), must(event, "order_id")).unwrap();
            let so_far = self.events[..=heard].to_vec();
            let mut items: Vec<&str> = lines_of(event).unwrap().into_iter().map(|line| must(line, "item_id")).collect();
            let mut seen = BTreeSet::new();
            items.retain(|item| seen.insert(*item));
            for item in items {
                let in_order = |event: &&Value, at: usize| {
                    must(event, "type") == "purchase" && self.order_at(must(event, "session_id"), must(event, "order_id")) == Some(at)
                };
                let of_item = |event: &Value| -> i128 {
                    let lines = lines_of(event).unwrap_or_default();
                    lines.iter().filter(|line| must(line, "item_id") == item).map(|line| quantity(line).unwrap_or(1_000)).sum()
                };
                if so_far[..heard].iter().any(|event| in_order(event, order_at) && of_item(event) > 0) {
                    continue;
                }
                let mut heard_of = Vec::new();
                for at in 0..self.orders.len() {
                    let of_order: Vec<_> = so_far.iter().filter(|event| in_order(event, at)).collect();
                    if !of_order.is_empty() {
                        heard_of.push((at, of_order.into_iter().map(|event| of_item(event)).sum()));
                    }
                }
                let session = self.orders[order_at].session.clone();
                let (_, bought) = self.walk(&session, item, &so_far, &heard_of);
                let (_, units) = bought.iter().find(|(at, _)| *at == order_at).unwrap();
                if units.iter().all(|units| self.owner(&session, item, units.entered).is_some()) {
                    continue;
                }
                let order_ts = self.orders[order_at].ts;
                let fits = |at: usize, offered: &Offered| {
                    offered.session != session
                        && offered.item == item
                        && offered.customer.as_deref() == Some(customer)
                        && offered.can_be_accepted(self.rules, order_ts)
                        && !taken.contains(&at)
                        && self.accepted_at(at).is_none()
                };
                let newest =
                    (0..self.offered.len()).filter(|at| fits(*at, &self.offered[*at])).max_by_key(|at| (self.offered[*at].ts, *at));
                if let Some(newest) = newest {
                    taken.insert(newest);
                    let line = self.orders[order_at].lines.iter_mut().find(|line| line.item == item).unwrap();
                    line.elsewhere = Some(newest);
                }
            }
        }
    }

    /// When an offered item was accepted in its own session: at the earliest entry of units that belong to it.
    pub(super) fn accepted_at(&self, at: usize) -> Option<i64> {
        let Offered { session, item, .. } = &self.offered[at];
        let (entered, _) = &self.units[&(session.clone(), item.clone())];
        entered.iter().filter(|units| self.owner(session, item, units.entered) == Some(at)).map(|units| units.entered).min()
    }

    fn all_of(&self, item: &str) -> Vec<(usize, i128)> {
        let of_item = |order: &Order| order.lines.iter().filter(|line| line.item == item).map(|line| line.milli).sum();
        self.orders.iter().enumerate().map(|(at, order)| (at, of_item(order))).collect()
    }

    pub(super) fn credits(&self) -> Vec<Credit> {
        let mut credits = Vec::<Credit>::new();
        for (order_at, order) in self.orders.iter().enumerate() {
            let first_of_order = credits.len();
            let mut nobodys = Vec::new();
            for (line_at, line) in order.lines.iter().enumerate() {
                let (_, bought) = &self.units[&(order.session.clone(), line.item.clone())];
                let (_, units) = bought.iter().find(|(at, _)| *at == order_at).unwrap();
                let mut from = 0;
                for units in units {
                    let to = from + units.milli;
                    let own = self.owner(&order.session, &line.item, units.entered);
                    let paid = own.filter(|at| self.offered[*at].can_be_accepted(self.rules, order.ts));
                    let offered = if own.is_some() { paid } else { line.elsewhere };
                    match offered {
                        Some(offered) => give(&mut credits, order_at, line_at, offered, (from, to)),
                        None => nobodys.push((line_at, from, to)),
                    }
                    from = to;
                }
            }
            // Of one offer's items it is the last by name.
            let age = |at: &usize| (self.offered[*at].ts, self.offered[*at].offer_id.as_str(), self.offered[*at].item.as_str());
            let newest = credits[first_of_order..].iter().map(|credit| credit.offered).max_by_key(age);
            if let Some(newest) = newest.filter(|_| self.rules.whole_order) {
                for (line, from, to) in nobodys {
                    give(&mut credits, order_at, line, newest, (from, to));
                }
            }
        }
        credits
    }

    /// What a credit comes to by the first `kept` units of its line.
    pub(super) fn extra(&self, credit: &Credit, kept: i128) -> i128 {
        let (order, offered) = (&self.orders[credit.order], &self.offered[credit.offered]);
        let line = &order.lines[credit.line];
        let spans = credit.spans.iter().map(|(from, to)| (*from.min(&kept), *to.min(&kept)));
        let (value, milli) =
            spans.fold((0, 0), |(value, milli), (from, to)| (value + line.value(to) - line.value(from), milli + to - from));
        let Some(replaced) = offered.replaces.as_ref().filter(|_| !self.rules.whole_order) else { return value };
        let is_kept = |order: &Order| {
            order.session == self.orders[credit.order].session && order.lines.iter().any(|line| line.item == *replaced && line.kept() > 0)
        };
        if order.currency != self.rules.currency || self.orders.iter().any(is_kept) {
            return 0;
        }
        (value - times(self.catalogue_price(replaced).unwrap(), milli)).max(0)
    }
}

/// Takes units out of a basket, from one of its ends.
fn take(basket: &mut Vec<Units>, milli: i128, newest_first: bool) -> Vec<Units> {
    let (mut left, mut taken) = (milli, Vec::new());
    while left > 0 && !basket.is_empty() {
        let at = if newest_first { basket.len() - 1 } else { 0 };
        let part = basket[at].milli.min(left);
        taken.push(Units { entered: basket[at].entered, milli: part });
        left -= part;
        basket[at].milli -= part;
        if basket[at].milli == 0 {
            basket.remove(at);
        }
    }
    taken
}

fn give(credits: &mut Vec<Credit>, order: usize, line: usize, offered: usize, span: (i128, i128)) {
    let same = |credit: &&mut Credit| (credit.order, credit.line, credit.offered) == (order, line, offered);
    match credits.iter_mut().find(same) {
        Some(credit) => credit.spans.push(span),
        None => credits.push(Credit { order, line, offered, spans: vec![span] }),
    }
}
