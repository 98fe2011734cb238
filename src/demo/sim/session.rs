//! Purpose: one visit to the shop: the plan carried out, and what offers add to it.
//!
//! Invariant: an offer changes nothing but its own session, and there only from the moment it is
//! seen. A session without steps left is over and does nothing more.

use super::SimEvent;
use super::behaviour as b;
use super::catalogue::{Catalogue, ItemIx};
use super::event::{Identity, Line};
use super::money::Cents;
use super::offer::{Offer, OfferedItem, Situation};
use super::plan::{self, Act, Regret, Regretted, Step, Terms};
use super::rng::Rng;
use super::shopper::Shopper;

/// Offers that reach one session, in all.
const OFFERS_PER_SESSION_MAX: usize = 100;

/// A visit that is going on.
pub(super) struct Session {
    shopper: Shopper,
    /// The first one last; empty when the visit is over.
    steps: Vec<Step>,
    reactions: Vec<Reaction>,
    lines: Vec<Line>,
    looked_at: Option<ItemIx>,
    /// Hashes of the offers that came, for one may come twice.
    offers: Vec<u64>,
}

/// What a shopper is going to do about an offer.
struct Reaction {
    at_ms: i64,
    offer: Offer,
    rng: Rng,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    See,
    Click { item: OfferedItem, takes: bool },
    Take { item: OfferedItem, one_click: bool },
    Dismiss,
}

/// An order that will be called off or sent back.
pub(super) struct Aftermath {
    pub(super) at_ms: i64,
    who: Identity,
    what: Regretted,
    lines: Vec<Line>,
}

impl Session {
    pub(super) fn new(shopper: Shopper, steps: Vec<Step>) -> Self {
        Self { shopper, steps, reactions: Vec::new(), lines: Vec::new(), looked_at: None, offers: Vec::new() }
    }

    /// When something happens next; nothing once the visit is over.
    pub(super) fn next_due_ms(&self) -> Option<i64> {
        let step = self.steps.last()?.at_ms;
        self.next_reaction().map_or(Some(step), |(_, at_ms)| Some(at_ms.min(step)))
    }

    /// Does the next thing that is due.
    pub(super) fn proceed(&mut self, catalogue: &Catalogue, out: &mut Vec<SimEvent>) -> Option<Aftermath> {
        let step_ms = self.steps.last()?.at_ms;
        match self.next_reaction() {
            Some((index, at_ms)) if at_ms < step_ms => {
                let reaction = self.reactions.swap_remove(index);
                self.react(reaction, catalogue, out);
                None
            }
            _ => {
                let step = self.steps.pop()?;
                self.carry_out(step, catalogue, out)
            }
        }
    }

    /// An offer for this session; `hash` stands for its id. False if the shopper will not see it.
    pub(super) fn receive(&mut self, offer: Offer, hash: u64, mut rng: Rng, now_ms: i64) -> bool {
        if self.offers.contains(&hash) || self.offers.len() >= OFFERS_PER_SESSION_MAX {
            return false;
        }
        self.offers.push(hash);
        let at_ms = now_ms.saturating_add(plan::pause(&mut rng, b::SEES_AFTER_MS));
        let stays = self.steps.first().is_some_and(|last| at_ms < last.at_ms);
        if !stays || !rng.chance(b::SEES_OFFER) {
            return false;
        }
        // The newest offer at a placement takes the place of one that was not seen yet.
        self.reactions.retain(|other| !matches!(other.stage, Stage::See) || other.offer.placement != offer.placement);
        let seen = self.reactions.len() < b::OFFERS_BEFORE_SHOPPER_MAX;
        if seen {
            self.reactions.push(Reaction { at_ms, offer, rng, stage: Stage::See });
        }
        seen
    }

    fn next_reaction(&self) -> Option<(usize, i64)> {
        let due = self.reactions.iter().map(|reaction| reaction.at_ms).enumerate();
        due.min_by_key(|&(_, at_ms)| at_ms)
    }

    fn has(&self, item: ItemIx) -> bool {
        self.lines.iter().any(|line| line.item == item)
    }

    fn total(&self) -> Cents {
        Cents(self.lines.iter().map(|line| line.price.times(line.quantity).0).sum())
    }
}

/// What the shopper does of their own accord.
impl Session {
    fn carry_out(&mut self, step: Step, catalogue: &Catalogue, out: &mut Vec<SimEvent>) -> Option<Aftermath> {
        let at_ms = step.at_ms;
        match step.act {
            Act::View(item) => self.view(item, at_ms, catalogue, out),
            Act::Add { item, quantity } => {
                let line = Line { item, price: catalogue.product(item).price, quantity };
                self.add(line, None, at_ms, catalogue, out);
            }
            Act::Remove(item) => self.remove(item, at_ms, catalogue, out),
            Act::Checkout { lists_items } => self.check_out(lists_items, at_ms, catalogue, out),
            Act::Pay(terms) => return self.pay(&terms, at_ms, catalogue, out),
            Act::Leave => {}
        }
        None
    }

    fn view(&mut self, item: ItemIx, at_ms: i64, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        self.looked_at = Some(item);
        let product = catalogue.product(item);
        self.shopper.who.event("product_viewed", at_ms).about(product, product.price).write(out);
    }

    fn add(&mut self, line: Line, one_click_from: Option<&str>, at_ms: i64, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        if self.has(line.item) {
            return;
        }
        let product = catalogue.product(line.item);
        let event = self.shopper.who.event("cart_add", at_ms);
        let mut event = event.about(product, line.price).counting(line.quantity);
        event.offer_id = one_click_from;
        event.write(out);
        self.lines.push(line);
    }

    fn remove(&mut self, item: ItemIx, at_ms: i64, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        if self.has(item) {
            self.lines.retain(|line| line.item != item);
            self.shopper.who.event("cart_remove", at_ms).naming(catalogue.product(item)).write(out);
        }
    }

    fn check_out(&mut self, lists_items: bool, at_ms: i64, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        if self.lines.is_empty() {
            return;
        }
        let who = &mut self.shopper.who;
        who.logged_in = who.customer_id.is_some();
        let event = who.event("checkout", at_ms);
        let event = if lists_items { event.listing(&self.lines, catalogue) } else { event };
        event.write(out);
    }

    fn pay(&mut self, terms: &Terms, at_ms: i64, catalogue: &Catalogue, out: &mut Vec<SimEvent>) -> Option<Aftermath> {
        if self.lines.is_empty() {
            return None;
        }
        let total = self.total();
        let discount = if terms.coupon { total.percent(b::COUPON_PERCENT) } else { Cents(0) };
        let net = Cents(total.0 - discount.0);
        let order_id = self.shopper.who.order_id();
        let mut event = self.shopper.who.event("purchase", at_ms).listing(&self.lines, catalogue);
        event.order_id = Some(&order_id);
        event.coupon = terms.coupon.then_some(b::COUPON_CODE);
        event.discount = terms.coupon.then_some(discount);
        event.tax = terms.taxed.then_some(net.percent(b::TAX_PERCENT));
        event.shipping = (total.0 < b::FREE_SHIPPING_FROM_CENTS).then_some(Cents(b::SHIPPING_CENTS));
        event.write(out);
        terms.regret.map(|regret| self.regretting(regret, at_ms))
    }

    fn regretting(&self, regret: Regret, at_ms: i64) -> Aftermath {
        let lines = match regret.what {
            Regretted::LineSentBack(draw) => vec![self.lines[draw % self.lines.len()].clone()],
            Regretted::Cancelled | Regretted::SentBack => Vec::new(),
        };
        let who = self.shopper.who.clone();
        Aftermath { at_ms: at_ms + regret.after_ms, who, what: regret.what, lines }
    }
}

/// What the shopper does about an offer.
impl Session {
    fn react(&mut self, reaction: Reaction, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        match reaction.stage {
            Stage::See => self.see(reaction, catalogue, out),
            Stage::Click { item, takes } => self.click(reaction, item, takes, catalogue, out),
            Stage::Take { item, one_click } => self.take(reaction, item, one_click, catalogue, out),
            Stage::Dismiss => self.tell("offer_dismissed", &reaction, out),
        }
    }

    fn tell(&mut self, kind: &'static str, reaction: &Reaction, out: &mut Vec<SimEvent>) {
        let mut event = self.shopper.who.event(kind, reaction.at_ms);
        event.offer_id = Some(&reaction.offer.offer_id);
        event.write(out);
    }

    /// Sees the offer and makes up their mind.
    fn see(&mut self, mut reaction: Reaction, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        self.tell("offer_shown", &reaction, out);
        let accepted = self.decide(&reaction.offer, &mut reaction.rng, catalogue);
        let rng = &mut reaction.rng;
        let clicks = rng.chance(if accepted.is_some() { b::CLICKS_BEFORE_TAKING } else { b::CLICKS_ONLY });
        let stage = match accepted.or_else(|| rng.pick(&reaction.offer.items)) {
            Some(item) if clicks => Stage::Click { item, takes: accepted.is_some() },
            Some(item) if accepted.is_some() => Stage::Take { item, one_click: true },
            _ if rng.chance(b::DISMISSES) => Stage::Dismiss,
            _ => return,
        };
        self.react_later(reaction, stage);
    }

    fn decide(&self, offer: &Offer, rng: &mut Rng, catalogue: &Catalogue) -> Option<OfferedItem> {
        let intended: Vec<ItemIx> = self
            .steps
            .iter()
            .filter_map(|step| match step.act {
                Act::Add { item, .. } => Some(item),
                _ => None,
            })
            .collect();
        let situation = self.situation(catalogue, &intended);
        let mut places = (0..).zip(&offer.items);
        places.find(|&(place, &item)| rng.chance(situation.acceptance(item, place))).map(|(_, &item)| item)
    }

    fn situation<'a>(&'a self, catalogue: &'a Catalogue, intended: &'a [ItemIx]) -> Situation<'a> {
        Situation { catalogue, lines: &self.lines, looked_at: self.looked_at, staples: &self.shopper.staples, intended }
    }

    fn react_later(&mut self, mut reaction: Reaction, stage: Stage) {
        reaction.at_ms += plan::pause(&mut reaction.rng, b::REACTS_AFTER_MS);
        reaction.stage = stage;
        self.reactions.push(reaction);
    }

    fn click(&mut self, reaction: Reaction, item: OfferedItem, takes: bool, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        let event = self.shopper.who.event("offer_clicked", reaction.at_ms);
        let mut event = event.naming(catalogue.product(item.item));
        event.offer_id = Some(&reaction.offer.offer_id);
        event.write(out);
        if takes {
            self.react_later(reaction, Stage::Take { item, one_click: false });
        }
    }

    /// Takes the item, in the place of a lesser one if there is one in the basket.
    fn take(&mut self, mut reaction: Reaction, taken: OfferedItem, one_click: bool, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        if self.has(taken.item) {
            return;
        }
        let replaced = self.situation(catalogue, &[]).replaced_by(taken.item).map(|line| line.item);
        if let Some(item) = replaced {
            self.remove(item, reaction.at_ms, catalogue, out);
        }
        let line = Line { item: taken.item, price: taken.price, quantity: 1 };
        let from = one_click.then_some(reaction.offer.offer_id.as_str());
        self.add(line, from, reaction.at_ms, catalogue, out);
        if reaction.rng.chance(b::ORDERS_AFTER_TAKING) {
            plan::order_after_all(&mut self.steps, &mut reaction.rng);
        }
    }
}

impl Aftermath {
    /// Says so to the shop.
    pub(super) fn happen(mut self, catalogue: &Catalogue, out: &mut Vec<SimEvent>) {
        let order_id = self.who.order_id();
        let kind = match self.what {
            Regretted::Cancelled => "order_cancelled",
            Regretted::SentBack | Regretted::LineSentBack(_) => "refund",
        };
        let mut event = self.who.event(kind, self.at_ms);
        if !self.lines.is_empty() {
            event = event.listing(&self.lines, catalogue);
        }
        event.order_id = Some(&order_id);
        event.write(out);
    }
}
