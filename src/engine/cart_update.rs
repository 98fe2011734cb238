//! A basket that is told whole, taken as what changed: lines that were added, and lines that are gone.
//!
//! Invariant: what follows is what single adds and removes would have brought about. A line that was added after the update
//! was made stays, as does its quantity: updates may come late, and out of order.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::apply::Step;
use super::basket::Basket;
use crate::event::{ItemId, Line, Quantity, Timestamp};

/// One change of a basket.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A line, or more units of one.
    Added(Line),
    /// Units of a line; all of them without a quantity.
    Removed(ItemId, Option<Quantity>),
    /// The price of a line, and nothing else.
    Repriced(Line),
}

/// What has to happen to `basket` to have it hold `lines`, as it did at `ts`: first what is gone, then what came, in the order
/// of the lines.
#[must_use]
pub fn changes(basket: &Basket, lines: &[Line], ts: Timestamp) -> Vec<Change> {
    let lines = merged(lines);
    let told: HashMap<&str, &Line, FixedState> = lines.iter().map(|line| (line.item_id.as_str(), line)).collect();
    let known = basket.by_item();
    let gone = basket.lines.iter().filter(|line| line.added_at <= ts && !told.contains_key(line.item.as_str()));
    let mut changes: Vec<Change> = gone.map(|line| Change::Removed(line.item.clone(), None)).collect();
    for line in &lines {
        let Some(known) = known.get(line.item_id.as_str()) else {
            changes.push(Change::Added(line.clone()));
            continue;
        };
        if known.added_at > ts {
            continue;
        }
        let (now, before) = (line.quantity.0, known.quantity.0);
        if now > before {
            changes.push(Change::Added(Line { quantity: Quantity(now - before), ..line.clone() }));
            continue;
        }
        if now < before {
            changes.push(Change::Removed(line.item_id.clone(), Some(Quantity(before - now))));
        }
        if line.price.is_some() && line.price != known.price {
            changes.push(Change::Repriced(line.clone()));
        }
    }
    changes
}

/// A line an item: a shop may have two of one, with other wishes engraved.
fn merged(lines: &[Line]) -> Vec<Line> {
    let (mut merged, mut places) = (Vec::<Line>::new(), HashMap::<&str, usize, FixedState>::default());
    for line in lines {
        match places.get(line.item_id.as_str()) {
            Some(place) => {
                let known = &mut merged[*place];
                known.quantity = known.quantity.plus(line.quantity);
                known.price = line.price.or(known.price);
            }
            None => {
                places.insert(&line.item_id, merged.len());
                merged.push(line.clone());
            }
        }
    }
    merged
}

impl Step<'_> {
    /// Takes the update in; the line that was added last, if one was, is what offers go with.
    pub(super) fn cart_updated(&mut self, lines: &[Line]) {
        let own: Vec<Line> = lines.iter().map(|line| self.in_own_currency(line)).collect();
        for change in changes(&self.session.basket, &own, self.event.ts) {
            match change {
                Change::Added(line) => {
                    self.cart_add(&line, None);
                    if self.session.basket.has(&line.item_id) {
                        self.added = Some(line.item_id);
                    }
                }
                Change::Removed(item, quantity) => self.cart_remove(&item, quantity),
                Change::Repriced(line) => {
                    self.learn(&line);
                    self.session.basket.reprice(&line);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "cart_update_tests.rs"]
mod tests;
