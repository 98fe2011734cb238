//! Purpose: what a shopper means to do in one visit, written down in full when they arrive.
//!
//! Invariant: a plan is drawn from the visit's own dice before it begins, so that neither offers nor
//! other shoppers change it: with and without offers, the same people come with the same intentions.

use super::behaviour as b;
use super::catalogue::{Catalogue, ItemIx};
use super::rng::Rng;
use super::shopper::Shopper;

/// One act and its time.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) at_ms: i64,
    pub(super) act: Act,
}

/// What a shopper does of their own accord.
#[derive(Clone, Debug)]
pub(super) enum Act {
    View(ItemIx),
    Add { item: ItemIx, quantity: u32 },
    Remove(ItemIx),
    Checkout { lists_items: bool },
    Pay(Terms),
    Leave,
}

/// What else there is to an order.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) coupon: bool,
    pub(super) taxed: bool,
    pub(super) regret: Option<Regret>,
}

/// What becomes of an order later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regret {
    pub(super) after_ms: i64,
    pub(super) what: Regretted,
}

/// How much of an order is regretted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Regretted {
    Cancelled,
    SentBack,
    /// One line, by this draw.
    LineSentBack(usize),
}

/// The visit's steps, the first one **last**, so that they are taken off the end. It always ends with
/// `Pay` or `Leave`.
pub(super) fn visit(catalogue: &Catalogue, shopper: &Shopper, start_ms: i64, rng: &mut Rng) -> Vec<Step> {
    let mut planner = Planner { catalogue, rng, at_ms: start_ms, steps: Vec::with_capacity(16), cart: Vec::new() };
    let mood = planner.rng.unit();
    if mood < b::BROWSES {
        planner.browse();
    } else if mood < b::BROWSES + b::RESTOCKS {
        planner.restock(shopper);
    } else {
        planner.buy();
    }
    planner.end();
    planner.steps.reverse();
    planner.steps
}

/// Changes a plan (first step last) that ends with leaving into one that ends with an order.
pub(super) fn order_after_all(steps: &mut Vec<Step>, rng: &mut Rng) {
    if !matches!(steps.first(), Some(Step { act: Act::Leave, .. })) {
        return;
    }
    let leave = steps.remove(0);
    let mut at_ms = leave.at_ms;
    let mut order = Vec::with_capacity(2);
    if !steps.iter().any(|step| matches!(step.act, Act::Checkout { .. })) {
        at_ms += pause(rng, b::CHECKOUT_PAUSE_MS);
        order.push(Step { at_ms, act: checkout(rng) });
    }
    at_ms += pause(rng, b::PAY_PAUSE_MS);
    order.push(Step { at_ms, act: Act::Pay(terms(rng)) });
    order.reverse();
    steps.splice(0..0, order);
}

/// A draw from a range of times.
pub(super) fn pause(rng: &mut Rng, (low, high): (i64, i64)) -> i64 {
    rng.between(low, high)
}

fn checkout(rng: &mut Rng) -> Act {
    Act::Checkout { lists_items: rng.chance(b::CHECKOUT_LISTS_ITEMS) }
}

fn terms(rng: &mut Rng) -> Terms {
    Terms { coupon: rng.chance(b::COUPON), taxed: rng.chance(b::TAXED), regret: regret(rng) }
}

fn regret(rng: &mut Rng) -> Option<Regret> {
    if !rng.chance(b::REGRETS) {
        return None;
    }
    let (low, high) = b::REGRET_AFTER_MS;
    let after_ms = rng.log_uniform(low as f64, high as f64) as i64;
    let what = if rng.chance(b::CANCELS) {
        Regretted::Cancelled
    } else if rng.chance(b::REFUNDS_ALL) {
        Regretted::SentBack
    } else {
        Regretted::LineSentBack(rng.below(1 << 20))
    };
    Some(Regret { after_ms, what })
}

struct Planner<'a> {
    catalogue: &'a Catalogue,
    rng: &'a mut Rng,
    at_ms: i64,
    steps: Vec<Step>,
    cart: Vec<ItemIx>,
}

impl Planner<'_> {
    fn then(&mut self, after_ms: (i64, i64), act: Act) {
        // The first act is what the shopper came with: no pause before it.
        if !self.steps.is_empty() {
            self.at_ms += pause(self.rng, after_ms);
        }
        self.steps.push(Step { at_ms: self.at_ms, act });
    }

    fn view(&mut self, item: ItemIx) {
        self.then(b::VIEW_PAUSE_MS, Act::View(item));
    }

    fn add(&mut self, item: ItemIx) {
        if self.cart.contains(&item) {
            return;
        }
        let several = self.catalogue.product(item).consumable && self.rng.chance(b::TAKES_SEVERAL);
        let quantity = if several { self.rng.between(2, 4) as u32 } else { 1 };
        self.cart.push(item);
        self.then(b::CART_PAUSE_MS, Act::Add { item, quantity });
    }

    fn remove(&mut self, item: ItemIx) {
        self.cart.retain(|&other| other != item);
        self.then(b::CART_PAUSE_MS, Act::Remove(item));
    }

    /// Looks at a product and things like it.
    fn browse(&mut self) {
        for _ in 0..self.rng.between(1, 3) {
            let item = self.catalogue.pick(self.rng);
            self.view(item);
            for _ in 0..self.rng.between(1, 3) {
                if let Some(other) = self.catalogue.pick_alike(item, self.rng) {
                    self.view(other);
                }
            }
        }
    }

    /// One to three things and what goes with them, and something that goes with nothing.
    fn buy(&mut self) {
        self.buy_anchor();
        for _ in 0..2 {
            if self.rng.chance(b::ANOTHER_ANCHOR) {
                self.buy_anchor();
            }
        }
        if self.rng.chance(b::ADDS_NOISE) {
            let item = self.catalogue.pick(self.rng);
            self.view(item);
            self.add(item);
        }
        if self.rng.chance(b::REMOVES)
            && let Some(item) = self.rng.pick(&self.cart)
        {
            self.remove(item);
        }
    }

    fn buy_anchor(&mut self) {
        let item = self.catalogue.pick(self.rng);
        for _ in 0..2 {
            if self.rng.chance(b::LOOKS_AT_ALIKE)
                && let Some(other) = self.catalogue.pick_alike(item, self.rng)
            {
                self.view(other);
            }
        }
        self.view(item);
        if !self.rng.chance(b::ADDS_ANCHOR) {
            return;
        }
        self.add(item);
        self.add_companions(item);
        if self.rng.chance(b::SWAPS_FOR_BETTER)
            && let Some(better) = self.catalogue.better_than(item)
        {
            self.view(better);
            self.remove(item);
            self.add(better);
        }
    }

    fn add_companions(&mut self, anchor: ItemIx) {
        let catalogue = self.catalogue;
        for (&companion, wanted) in catalogue.product(anchor).companions.iter().zip(b::WANTS_COMPANION) {
            if self.rng.chance(wanted) {
                if self.rng.chance(b::VIEWS_COMPANION) {
                    self.view(companion);
                }
                self.add(companion);
            }
        }
    }

    /// Things that are bought again and again, straight from the list of what was bought before.
    fn restock(&mut self, shopper: &Shopper) {
        for _ in 0..self.rng.between(2, 4) {
            let own = self.rng.pick(&shopper.staples).filter(|_| self.rng.chance(b::OWN_STAPLE));
            let Some(item) = own.or_else(|| self.catalogue.pick_consumable(self.rng)) else {
                return;
            };
            self.add(item);
            self.add_companions(item);
        }
    }

    fn end(&mut self) {
        let orders = !self.cart.is_empty() && self.rng.chance(b::CHECKS_OUT);
        if orders {
            let act = checkout(self.rng);
            self.then(b::CHECKOUT_PAUSE_MS, act);
        }
        if orders && self.rng.chance(b::PAYS) {
            let terms = terms(self.rng);
            self.then(b::PAY_PAUSE_MS, Act::Pay(terms));
        } else {
            self.then(b::LEAVE_PAUSE_MS, Act::Leave);
        }
    }
}
