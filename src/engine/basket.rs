//! The open basket, and the evidence its lines have given.
//!
//! Invariant: the evidence the shop holds from a basket is exactly that of its lines: each line's own, and its
//! pairs with all lines before it, under the line's recorded [`Evidence`]. Every change returns the facts that
//! keep it so.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::decay::{Evidence, Stage};
use super::facts::{EvidenceLine, Fact};
use super::memory::{Heap, list, text};
use crate::event::{ItemId, Line, Money, Quantity, Timestamp};

/// An open basket; a line an item, in the order they were first added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Basket {
    /// Its lines.
    pub lines: Vec<BasketLine>,
    /// When its first line came.
    pub opened_at: Option<Timestamp>,
}

/// A line of an open basket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BasketLine {
    /// The item.
    pub item: ItemId,
    /// How many units.
    pub quantity: Quantity,
    /// The price of a unit, where an event told it.
    pub price: Option<Money>,
    /// The evidence given.
    pub evidence: Evidence,
    /// When it first came into the basket.
    pub added_at: Timestamp,
}

/// How a basket may grow, and what its evidence weighs.
#[derive(Clone, Copy, Debug)]
pub struct BasketRules {
    /// Most lines; further ones are not taken.
    pub lines_max: usize,
    /// Lines past this many make no pairs.
    pub paired_lines: usize,
    /// The weight of evidence given now, in thousandths.
    pub weight_milli: u16,
    /// What the evidence comes from.
    pub stage: Stage,
}

impl Heap for Basket {
    fn heap(&self) -> usize {
        list::<BasketLine>(self.lines.len()) + self.lines.iter().map(|line| text(&line.item)).sum::<usize>()
    }
}

impl Basket {
    /// Whether the item is in it.
    #[must_use]
    pub fn has(&self, item: &str) -> bool {
        self.lines.iter().any(|line| line.item == item)
    }

    /// The lines by their items: to look up one for each of thousands.
    #[must_use]
    pub fn by_item(&self) -> HashMap<&str, &BasketLine, FixedState> {
        self.lines.iter().map(|line| (line.item.as_str(), line)).collect()
    }

    /// Adds a line, or units to the one that is there. Returns the fact it makes, if any.
    pub fn add(&mut self, line: &Line, ts: Timestamp, rules: BasketRules) -> Option<Fact> {
        if let Some(known) = self.lines.iter_mut().find(|known| known.item == line.item_id) {
            known.grow(line);
            return None;
        }
        if self.lines.len() >= rules.lines_max {
            return None;
        }
        self.opened_at.get_or_insert(ts);
        let paired = self.lines.len() < rules.paired_lines;
        let others = if paired { self.lines.iter().map(|other| other.item.clone()).collect() } else { Vec::new() };
        let evidence = Evidence { stage: rules.stage, weight_milli: rules.weight_milli, ts, partners: others.len() as u32 };
        self.lines.push(BasketLine { item: line.item_id.clone(), quantity: line.quantity, price: line.price, evidence, added_at: ts });
        let line = EvidenceLine { item: line.item_id.clone(), evidence };
        Some(Fact::Line { add: true, pairs_only: false, line, others })
    }

    /// Sets the price of a line that is there.
    pub fn reprice(&mut self, by: &Line) {
        if let Some(known) = self.lines.iter_mut().find(|known| known.item == by.item_id) {
            known.price = by.price.or(known.price);
        }
    }

    /// Takes units of an item out, all of them without a quantity. Returns the facts that retract its evidence
    /// once the line is gone.
    pub fn remove(&mut self, item: &str, quantity: Option<Quantity>) -> Vec<Fact> {
        let Some(at) = self.lines.iter().position(|line| line.item == item) else { return Vec::new() };
        if let Some(left) = quantity.and_then(|quantity| self.lines[at].quantity.0.checked_sub(quantity.0)).filter(|left| *left > 0) {
            self.lines[at].quantity = Quantity(left);
            return Vec::new();
        }
        let gone = self.lines.remove(at);
        let before = &self.lines[..at];
        let others = if gone.evidence.partners > 0 { before.iter().map(|line| line.item.clone()).collect() } else { Vec::new() };
        let own = EvidenceLine { item: gone.item.clone(), evidence: gone.evidence };
        let mut facts = vec![Fact::Line { add: false, pairs_only: false, line: own, others }];
        facts.extend(self.lines[at..].iter().filter(|line| line.evidence.partners > 0).map(|later| Fact::Line {
            add: false,
            pairs_only: true,
            line: EvidenceLine { item: later.item.clone(), evidence: later.evidence },
            others: vec![gone.item.clone()],
        }));
        if self.lines.is_empty() {
            self.opened_at = None;
        }
        facts
    }

    /// Moves all lines to a later stage: their old evidence is replaced. Lines given replace those known.
    pub fn advance(&mut self, lines: &[Line], ts: Timestamp, rules: BasketRules) -> Fact {
        let before = self.evidence();
        if !lines.is_empty() {
            self.replace_lines(lines, ts, rules);
        }
        self.opened_at.get_or_insert(ts);
        let evidence = evidence_of(self.lines.len(), ts, rules);
        for (line, evidence) in self.lines.iter_mut().zip(evidence) {
            line.evidence = evidence;
        }
        Fact::Basket { before, after: self.evidence() }
    }

    /// Empties the basket; what it was stays with the caller, its evidence with the shop.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The evidence of all lines.
    #[must_use]
    pub fn evidence(&self) -> Vec<EvidenceLine> {
        self.lines.iter().map(|line| EvidenceLine { item: line.item.clone(), evidence: line.evidence }).collect()
    }

    /// Which evidence they have beside their own is for the caller to say. A map finds lines of one item: there may be
    /// thousands.
    fn replace_lines(&mut self, lines: &[Line], ts: Timestamp, rules: BasketRules) {
        let old = Self { lines: std::mem::take(&mut self.lines), opened_at: None };
        let (old, mut places) = (old.by_item(), HashMap::<&str, usize, FixedState>::default());
        let evidence = Evidence { stage: rules.stage, weight_milli: rules.weight_milli, ts, partners: 0 };
        for line in lines {
            if let Some(place) = places.get(line.item_id.as_str()) {
                self.lines[*place].grow(line);
            } else if self.lines.len() < rules.lines_max {
                places.insert(&line.item_id, self.lines.len());
                let Line { item_id, quantity, price, .. } = line;
                self.lines.push(BasketLine { item: item_id.clone(), quantity: *quantity, price: *price, evidence, added_at: ts });
            }
        }
        for line in &mut self.lines {
            let known = old.get(line.item.as_str());
            line.price = line.price.or(known.and_then(|known| known.price));
            line.added_at = known.map_or(line.added_at, |known| known.added_at);
        }
    }
}

impl BasketLine {
    fn grow(&mut self, by: &Line) {
        self.quantity = self.quantity.plus(by.quantity);
        self.price = by.price.or(self.price);
    }
}

/// The evidence of `lines` distinct lines that come together.
#[must_use]
pub fn evidence_of(lines: usize, ts: Timestamp, rules: BasketRules) -> Vec<Evidence> {
    let paired = lines.min(rules.paired_lines);
    let evidence = |at: usize| Evidence {
        stage: rules.stage,
        weight_milli: rules.weight_milli,
        ts,
        partners: if at < paired { paired as u32 - 1 } else { 0 },
    };
    (0..lines).map(evidence).collect()
}

#[cfg(test)]
#[path = "basket_tests.rs"]
mod tests;
