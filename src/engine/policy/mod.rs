//! Policy: what of all that goes with a basket becomes an offer, or why nothing does.
//!
//! Invariant: every item of an offer has passed every rule (see `rules`), has evidence a person can check, and there
//! are at most `items_max` of them. Where there is nothing of that kind, there is no offer, and one reason why.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `gates` | whether this shopper gets an offer here and now |
//! | `rules` | what every offered item keeps to |
//! | `companions`, `fallback` | cross-sells and add-ons, from the strongest evidence to the weakest |
//! | `upsell`, `ladder` | a better one in the place of an item |
//! | `discount`, `bundle`, `stamps` | what is cheaper, and how far it may be |
//! | `variant` | which variant of the placement's policy is used |
//! | `explore` | a small share of offers for new items |

mod bundle;
mod companions;
mod discount;
mod evidence;
mod explore;
mod fallback;
mod gates;
mod ladder;
mod rules;
mod stamps;
mod upsell;
mod variant;

#[cfg(test)]
mod tests;

pub use bundle::Terms;
pub use evidence::Ground;
pub use variant::Variant;

use super::catalogue::Facets;
use super::session::Session;
use super::settings::{PlacementPolicy, Ranking, Settings};
use super::shop::Shop;
use super::vocabulary::{OfferKind, Outcome, Placement};
use crate::event::{ItemId, Money, Timestamp};
use rules::Rules;

/// What an offer is to be chosen for.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// All settings.
    pub settings: &'a Settings,
    /// What the shop knows.
    pub shop: &'a Shop,
    /// Whose offer it is.
    pub session: &'a Session,
    /// Where it is made,
    pub placement: Placement,
    /// and what may be done there.
    pub policy: &'a PlacementPolicy,
    /// How candidates are scored.
    pub ranking: &'a Ranking,
    /// The share a bundle is cheaper by, where it is not the shop's.
    pub bundle_ratio: Option<f64>,
    /// The time it is made for.
    pub now: Timestamp,
    /// What it is to go with: the basket, the order, the page's item; the newest last.
    pub beside: &'a [Beside],
    /// The item of the page, or the one just added.
    pub focus: Option<&'a ItemId>,
    /// The items of the order that is followed up: what is due again may be among them.
    pub follows_up: bool,
    /// The shopper's segment.
    pub segment: &'a str,
    /// The offer's id: the source of every draw.
    pub offer_id: u128,
}

impl Situation<'_> {
    /// The least number of baskets together that is evidence here: enough for the policy, and enough to be shown.
    fn together_min(&self) -> u32 {
        self.settings.shown_from(self.policy.baskets_together_min)
    }

    /// The same for an item that is popular.
    fn popular_min(&self) -> u32 {
        self.settings.shown_from(self.policy.popular_baskets_min)
    }

    /// Whether the shopper has been gone for so long that the visit is over, with no event to say so: an order is
    /// followed up whether they are there or not.
    fn is_visit_over(&self) -> bool {
        self.now > self.session.last_at.plus_ms(self.settings.session.idle.0)
    }
}

/// An item that an offer is to go with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The item.
    pub item: ItemId,
    /// The price of a unit in the shop's currency.
    pub price: Option<Money>,
    /// What the line is worth, in millionths.
    pub value_micros: i128,
}

/// An item chosen for an offer, with the evidence that speaks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The item.
    pub item: ItemId,
    /// What it is offered as.
    pub kind: OfferKind,
    /// The purchased baskets it was in.
    pub item_baskets: u32,
    /// What speaks for it.
    pub evidence: Ground,
    /// What the catalogue says of it.
    pub facets: Facets,
    /// The item it is to replace, with its price.
    pub replaces: Option<(ItemId, Option<Money>)>,
    /// The price after a discount, where there is one.
    pub discounted: Option<Money>,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The items, best first; at least one.
    pub items: Vec<Chosen>,
    /// The terms of the bundle, where there is one.
    pub bundle: Option<Terms>,
    /// The variant that was drawn.
    pub variant: Variant,
}

/// An item that was looked at and left out, with the rule that did it.
pub type Dropped = (ItemId, Outcome);

/// Chooses an offer. What was left out on the way is added to `dropped`.
///
/// # Errors
/// The reason why there is none.
pub fn choose(situation: &Situation<'_>, dropped: &mut Vec<Dropped>) -> Result<Choice, Outcome> {
    gates::check(situation)?;
    let (changes, variant) = variant::draw(situation);
    let Some(changes) = changes else { return choose_by(situation, variant, dropped) };
    let (policy, ranking) = (changes.policy(situation.policy), changes.ranking(situation.ranking));
    choose_by(&Situation { policy: &policy, ranking: &ranking, bundle_ratio: changes.bundle_ratio, ..*situation }, variant, dropped)
}

/// Chooses an offer by the policy of the variant that was drawn.
fn choose_by(situation: &Situation<'_>, variant: Variant, dropped: &mut Vec<Dropped>) -> Result<Choice, Outcome> {
    let mut rules = Rules::new(situation);
    let chosen = ladder::choose(situation, &mut rules).map_or_else(|| assemble(situation, &mut rules, &variant), |items| (items, None));
    let reason = rules.reason();
    dropped.append(&mut rules.dropped);
    let (items, bundle) = chosen;
    if items.is_empty() { Err(reason) } else { Ok(Choice { items, bundle, variant }) }
}

/// Puts an offer together: one place each for a bundle's companions and an upgrade, the rest for companions, in the
/// order of the policy's kinds; what is pinned comes first.
fn assemble(situation: &Situation<'_>, rules: &mut Rules<'_>, variant: &Variant) -> (Vec<Chosen>, Option<Terms>) {
    let policy = situation.policy;
    let candidates = companions::ranked(situation);
    rules.candidates_seen(candidates.len());
    let mut chosen: Vec<Chosen> = Vec::with_capacity(policy.items_max);
    companions::add_certain(situation, rules, &mut chosen);
    let mut terms = None;
    if policy.has(OfferKind::Bundle) {
        terms = bundle::add(situation, rules, &candidates, &mut chosen);
    }
    if policy.has(OfferKind::Upsell) && chosen.len() < policy.items_max {
        upsell::add(situation, rules, &mut chosen);
    }
    companions::add_ranked(situation, rules, &candidates, &mut chosen);
    fallback::fill_by_pins(situation, rules, &mut chosen);
    if variant.explored {
        explore::add(situation, rules, &mut chosen);
    }
    let place = |chosen: &Chosen| policy.kinds.iter().position(|kind| *kind == chosen.kind);
    chosen.sort_by_key(|chosen| (!chosen.evidence.is_certain(), place(chosen)));
    (chosen, terms)
}
