//! Baskets as they fill, the questions put on the way, and what came into the basket afterwards.
//!
//! Invariant: a basket's arrivals are the distinct items put into it, in the order of their first coming; taking one out
//! and putting it back makes no other. What a question is judged by is what arrived after it, whatever was known then.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::items::Items;
use crate::engine::session::SessionKey;
use crate::engine::vocabulary::{Outcome, Placement};
use crate::event::{Currency, EventKind, Id, ItemId, Line, ShopEvent, Timestamp};
use crate::pipeline::Applied;

/// Most items of an answer.
pub const ANSWER_ITEMS: usize = 3;

/// What one ranker answered to one question.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// The items' numbers, best first; the first `count` of them.
    pub items: [u32; ANSWER_ITEMS],
    /// How many there are.
    pub count: usize,
    /// The shares of all baskets that the items were in, summed.
    pub popularity: f64,
    /// The days since each last came into a basket, summed.
    pub stale_days: f64,
}

impl Answer {
    /// The items' numbers, best first.
    #[must_use]
    pub fn items(&self) -> &[u32] {
        &self.items[..self.count]
    }
}

/// An item that came into a basket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Its number.
    pub item: u32,
    /// Its price times its quantity, as first told, in millionths; 0 where no price is told.
    pub micros: i128,
    /// The share of all baskets it was in by then.
    pub popularity: f64,
    /// The days since it last came into any basket.
    pub stale_days: f64,
}

/// A question, with what each ranker answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Where an offer would be made.
    pub placement: Placement,
    /// How many items had arrived.
    pub arrived: usize,
    /// The item in view, which is none to be offered.
    pub focus: Option<u32>,
    /// The answers, one a ranker.
    pub answers: Vec<Answer>,
}

/// A basket, open or over.
#[derive(Clone, Debug, PartialEq)]
pub struct Basket {
    /// Which one it is, by its session's first event; orders baskets that end at once.
    pub serial: u64,
    /// Its rank by first cart add; `None` before it.
    pub index: Option<u32>,
    /// Its order, once known.
    pub order_id: Option<Id>,
    /// Its session's key.
    pub key: SessionKey,
    /// What came into it.
    pub arrivals: Vec<Arrival>,
    /// What was asked about it.
    pub asked: Vec<Asked>,
    last_at: Timestamp,
    /// The order before it in its session: further parts of that are no question.
    answered: Option<Id>,
}

/// A question to put to every ranker.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Where an offer would be made.
    pub placement: Placement,
    /// The item in view.
    pub focus: Option<ItemId>,
    /// The basket's rank by first cart add; `None` before it.
    pub index: Option<u32>,
    /// The basket it is about.
    pub serial: u64,
}

/// The open baskets.
#[derive(Debug)]
pub struct Baskets {
    open: HashMap<SessionKey, Basket, FixedState>,
    idle_ms: i64,
    open_max: usize,
    asked_max: usize,
    currency: Currency,
    newest: Timestamp,
    begun: u64,
    counted: u32,
    over: Vec<Basket>,
}

impl Baskets {
    /// None yet. A session is over after `idle_ms`; of questions at other placements than the cart, a basket keeps the first
    /// `asked_max` each, and of more than `open_max` baskets those idle for longest end.
    #[must_use]
    pub fn new(idle_ms: i64, open_max: usize, asked_max: usize, currency: Currency) -> Self {
        let (open, over) = (HashMap::default(), Vec::new());
        Self { open, idle_ms, open_max, asked_max, currency, newest: Timestamp::MIN, begun: 0, counted: 0, over }
    }

    /// How many baskets have begun with a cart add.
    #[must_use]
    pub fn counted(&self) -> u32 {
        self.counted
    }

    /// Takes an event; the question that it is, if it is one.
    pub fn take(&mut self, applied: &Applied<'_>, items: &mut Items) -> Option<Question> {
        let Applied { event, key, .. } = applied;
        self.newest = self.newest.max(event.ts);
        if self.open.get(*key).is_some_and(|basket| event.ts.0 > basket.last_at.0.saturating_add(self.idle_ms)) {
            self.end(key);
        }
        if applied.ended.is_some_and(|ended| ended.outcome == Outcome::Duplicate) {
            return None;
        }
        match &event.kind {
            EventKind::ProductViewed(line) => self.ask(applied, Placement::ProductPage, Some(&line.item_id)),
            EventKind::CartAdd { line, .. } => self.cart_add(applied, line, items),
            EventKind::Checkout(lines) => {
                self.lines(applied, lines.iter().filter(|line| applied.session.basket.has(&line.item_id)), items);
                let asks = !applied.session.basket.lines.is_empty();
                asks.then(|| self.ask(applied, Placement::Checkout, None)).flatten()
            }
            EventKind::Purchase { lines, .. } => self.purchase(applied, lines, items),
            _ => {
                if let Some(basket) = self.open.get_mut(*key) {
                    basket.touch(event);
                }
                None
            }
        }
    }

    /// Keeps the answers to the question that was just asked.
    pub fn keep(&mut self, key: &SessionKey, question: &Question, items: &mut Items, answers: Vec<Answer>) {
        let Some(basket) = self.open.get_mut(key) else { return };
        let (placement, arrived) = (question.placement, basket.arrivals.len());
        let focus = question.focus.as_ref().map(|item| items.number(item));
        basket.asked.push(Asked { placement, arrived, focus, answers });
    }

    /// Ends what has been idle for too long, and what has been so for longest where there are too many.
    pub fn sweep(&mut self) {
        let over_at = |basket: &Basket| basket.last_at.0.saturating_add(self.idle_ms);
        let mut by_end: Vec<_> = self.open.values().map(|basket| (over_at(basket), basket.serial, basket.key.clone())).collect();
        by_end.sort_unstable();
        let too_many = by_end.len().saturating_sub(self.open_max);
        for (at, (over_at, _, key)) in by_end.into_iter().enumerate() {
            if at < too_many || over_at < self.newest.0 {
                self.end(&key);
            }
        }
    }

    /// Ends all: the log is over.
    pub fn end_all(&mut self) {
        let mut keys: Vec<_> = self.open.values().map(|basket| (basket.serial, basket.key.clone())).collect();
        keys.sort_unstable();
        keys.iter().for_each(|(_, key)| self.end(key));
    }

    /// The baskets that have ended since, in the order of their ends.
    pub fn take_over(&mut self) -> Vec<Basket> {
        std::mem::take(&mut self.over)
    }

    fn end(&mut self, key: &SessionKey) {
        self.over.extend(self.open.remove(key).filter(|basket| !basket.arrivals.is_empty()));
    }

    /// The basket of an event's session.
    fn basket(&mut self, applied: &Applied<'_>) -> &mut Basket {
        let begun = &mut self.begun;
        let basket = self.open.entry(applied.key.clone()).or_insert_with(|| {
            *begun += 1;
            Basket::new(*begun, applied.key.clone())
        });
        basket.touch(applied.event);
        basket
    }

    fn cart_add(&mut self, applied: &Applied<'_>, line: &Line, items: &mut Items) -> Option<Question> {
        let is_in = applied.session.basket.has(&line.item_id);
        let before = self.basket(applied).arrivals.len();
        self.lines(applied, std::iter::once(line).filter(|_| is_in), items);
        let counted = self.counted;
        let basket = self.basket(applied);
        if basket.arrivals.len() == before {
            return None;
        }
        if basket.index.is_none() {
            basket.index = Some(counted);
            self.counted += 1;
        }
        self.ask(applied, Placement::Cart, None)
    }

    /// What an order has arrives with it at the latest; then the session's next basket begins.
    fn purchase(&mut self, applied: &Applied<'_>, lines: &[Line], items: &mut Items) -> Option<Question> {
        let order_id = applied.event.order_id.clone();
        let basket = self.basket(applied);
        if basket.arrivals.is_empty() && basket.answered.is_some() && basket.answered == order_id {
            return None;
        }
        basket.order_id.clone_from(&order_id);
        self.lines(applied, lines.iter(), items);
        let uncounted = self.counted;
        self.basket(applied).index.get_or_insert(uncounted);
        self.end(applied.key);
        let next = self.basket(applied);
        (next.order_id, next.answered) = (None, order_id);
        self.ask(applied, Placement::PostPurchase, None)
    }

    fn lines<'a>(&mut self, applied: &Applied<'_>, lines: impl Iterator<Item = &'a Line>, items: &mut Items) {
        let (at, own) = (applied.event.ts, applied.event.currency.is_none_or(|currency| currency == self.currency));
        let basket = self.basket(applied);
        for line in lines {
            let item = items.number(&line.item_id);
            if basket.arrivals.iter().any(|arrival| arrival.item == item) {
                continue;
            }
            let micros = line.price.filter(|_| own).map_or(0, |price| price.times(line.quantity));
            let (popularity, stale_days) = traits(applied, items, item);
            basket.arrivals.push(Arrival { item, micros, popularity, stale_days });
            items.add(item, at);
        }
    }

    fn ask(&mut self, applied: &Applied<'_>, placement: Placement, focus: Option<&ItemId>) -> Option<Question> {
        let asked_max = self.asked_max;
        let basket = self.basket(applied);
        let asked = basket.asked.iter().filter(|asked| asked.placement == placement);
        if placement != Placement::Cart && asked.count() >= asked_max {
            return None;
        }
        Some(Question { placement, focus: focus.cloned(), index: basket.index, serial: basket.serial })
    }
}

impl Basket {
    fn new(serial: u64, key: SessionKey) -> Self {
        let (arrivals, asked) = (Vec::new(), Vec::new());
        Self { serial, index: None, order_id: None, key, arrivals, asked, last_at: Timestamp::MIN, answered: None }
    }

    fn touch(&mut self, event: &ShopEvent) {
        self.last_at = self.last_at.max(event.ts);
        // What goes back, or comes late, is of the order before.
        let is_of_another = matches!(event.kind, EventKind::Refund(_) | EventKind::OrderCancelled) || event.order_id == self.answered;
        if self.order_id.is_none() && !is_of_another {
            self.order_id.clone_from(&event.order_id);
        }
    }
}

/// The share of all baskets that an item was in, and the days since it last came into one.
#[must_use]
pub fn traits(applied: &Applied<'_>, items: &Items, item: u32) -> (f64, f64) {
    let counts = &applied.shop.counts;
    let baskets = counts.with_row(items.name(item), |row| row.slot.baskets()).unwrap_or_default();
    let since_ms = items.added_at(item).map_or(0, |added_at| (applied.event.ts.0 - added_at.0).max(0));
    (f64::from(baskets) / counts.baskets().max(1) as f64, since_ms as f64 / 86_400_000.0)
}

#[cfg(test)]
impl Basket {
    /// A basket of an order that has ended.
    pub(super) fn ended(index: u32, arrivals: Vec<Arrival>, asked: Vec<Asked>) -> Self {
        Self { index: Some(index), order_id: Some("o".into()), arrivals, asked, ..Self::new(1, "s:s".into()) }
    }
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
