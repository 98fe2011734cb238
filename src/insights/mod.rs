//! Insights: what the shop's totals say, put so that a person, a page or a program can read it off.
//!
//! Invariant: a pure reading of the shop's state and settings. Where no feedback on offers was heard, there is no
//! acceptance and no extra revenue in it, only what would have hit. What is attributed stands beside what the comparison
//! with the held-out says was caused; neither is ever called the other.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `figures` | amounts, counts by name, shares |
//! | `money` | orders, revenue and extra revenue |
//! | `offers` | acceptance, the way from offer to payment, and where and when |
//! | `combinations` | what works beside what, and what does not |
//! | `experiment` | what the comparison with the held-out says |
//! | `optimiser` | variants of policies, and placements that hold themselves back |

mod combinations;
mod experiment;
mod figures;
mod money;
mod offers;
mod optimiser;
mod ranking;

pub use crate::engine::vocabulary::ExperimentState;
pub use combinations::{Combination, Combinations};
pub use experiment::{Arms, Band, Experiment, RatioBand};
pub use figures::{Amount, Counts, ratio};
pub use money::{InOtherCurrency, Money, Orders, Sums};
pub use offers::{Offers, PlacementHours, Row, Shoppers, Steps, WouldHaveHit};
pub use optimiser::{Throttle, Variant};
pub use ranking::{ChanceBin, Chances, WorthGain};

use serde::Serialize;

use crate::engine::ranking::way_name;
use crate::engine::settings::{AttributionTrigger, Settings};
use crate::engine::shop::Shop;
use crate::engine::totals::{TotalKey, Totals};
use crate::engine::vocabulary::{AmountIgnored, FeedbackIgnored, ItemStep, Outcome, Placement};
use crate::event::{Currency, EventType, RejectReason, Timestamp};
use figures::count;

/// What figures of offers rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Shops tell what shoppers saw.
    Feedback,
    /// `attribution.trigger` is `emitted`: whatever was sent counts as seen.
    Emitted,
    /// Nobody told what shoppers saw: there is only what would have hit.
    WouldHaveHit,
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Period {
    /// The earliest event.
    #[serde(serialize_with = "figures::as_text")]
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// The latest.
    #[serde(serialize_with = "figures::as_text")]
    #[schema(value_type = String)]
    pub to: Timestamp,
}

/// What counts as an offer's doing, as the settings say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AttributionRules {
    /// From which step on an item can be accepted.
    pub trigger: &'static str,
    /// For how long.
    pub window: String,
    /// What of an order is credited.
    pub scope: &'static str,
    /// How long refunds are taken off.
    pub refund_window: String,
}

/// What came in.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Events {
    /// Events that were used.
    pub used: u64,
    /// The same, by type.
    pub by_type: Counts,
    /// Records that can't be used.
    pub rejected: u64,
    /// The same, by reason.
    pub rejected_by_reason: Counts,
    /// Feedback that says nothing of any offer, by reason.
    pub feedback_ignored: Counts,
    /// Amounts that are left out of figures, by reason.
    pub amounts_ignored: Counts,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Learned {
    /// Baskets bought.
    pub baskets: u64,
    /// Items in them.
    pub items: u64,
    /// Pairs of items.
    pub pairs: u64,
    /// Customers known.
    pub customers: u64,
    /// Steps of baskets that ranking learned from.
    pub examples: u64,
    /// The way of ranking in use,
    pub ranked_by: String,
    /// and the share of the examples lately in which it would have offered something that was bought.
    pub hit_ratio: Option<f64>,
    /// How true the chances of offered items were.
    pub chances: Option<Chances>,
    /// What ranking for another objective would earn.
    pub worth: Vec<WorthGain>,
}

/// How the triggers of a placement ended.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Triggers {
    /// Where.
    pub placement: Placement,
    /// How many there were.
    pub all: u64,
    /// By how they ended.
    pub outcomes: Counts,
}

/// Items that were sent from one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SentByHour {
    /// Where.
    pub placement: Placement,
    /// By hour of the day, from 0 to 23.
    pub hours: Vec<u64>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Insights {
    /// The version of this format.
    pub version: u32,
    /// The shop's currency: all amounts are in it that name no other.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// The shop's time zone: hours and weekdays are in it.
    pub time_zone: String,
    /// From when to when; absent before the first event.
    pub period: Option<Period>,
    /// What figures of offers rest on.
    pub basis: Basis,
    /// What counts as an offer's doing.
    pub attribution: AttributionRules,
    /// What came in.
    pub events: Events,
    /// What was learned.
    pub learned: Learned,
    /// Orders, with an offer and without.
    pub orders: Orders,
    /// Extra revenue that is attributed to offers; absent where nothing can be said of it.
    pub extra_revenue: Option<Sums>,
    /// Money in other currencies, which nothing else here counts.
    pub in_other_currencies: Vec<InOtherCurrency>,
    /// What became of offers; absent where nothing can be said of it.
    pub offers: Option<Offers>,
    /// What would have hit; absent where more can be said.
    pub would_have_hit: Option<WouldHaveHit>,
    /// Items that were sent, by where and hour of the day.
    pub sent_by_hour: Vec<SentByHour>,
    /// What works beside what.
    pub combinations: Combinations,
    /// What the comparison with the held-out says.
    pub experiment: Experiment,
    /// Variants of policies.
    pub variants: Vec<Variant>,
    /// Placements that hold themselves back.
    pub throttles: Vec<Throttle>,
    /// Triggers by how they ended.
    pub triggers: Vec<Triggers>,
}

const VERSION: u32 = 1;

impl Insights {
    /// What the shop's state says now; the period is the caller's to know.
    #[must_use]
    pub fn of(shop: &Shop, settings: &Settings, period: Option<Period>) -> Self {
        let totals = shop.totals().clone();
        let basis = Basis::of(&totals, settings);
        let is_measured = basis != Basis::WouldHaveHit;
        Self {
            version: VERSION,
            currency: settings.currency,
            time_zone: settings.time_zone.0.iana_name().unwrap_or("UTC").to_owned(),
            period,
            basis,
            attribution: AttributionRules::of(settings),
            events: Events::of(&totals),
            learned: Learned::of(shop, settings),
            orders: Orders::of(&totals, settings.currency),
            extra_revenue: is_measured.then(|| Sums::extra(&totals, settings.currency)),
            in_other_currencies: money::in_other_currencies(&totals, settings.currency, is_measured),
            offers: is_measured.then(|| Offers::of(&totals, settings.currency, basis)),
            would_have_hit: (!is_measured).then(|| WouldHaveHit::of(&totals)),
            sent_by_hour: Placement::ALL.iter().filter_map(|placement| SentByHour::of(&totals, *placement)).collect(),
            combinations: if is_measured { Combinations::of(shop, settings) } else { Combinations::default() },
            experiment: experiment::read(shop, settings),
            variants: optimiser::variants(shop, settings),
            throttles: optimiser::throttles(shop, settings),
            triggers: Placement::ALL.iter().filter_map(|placement| Triggers::of(&totals, *placement)).collect(),
        }
    }
}

impl Basis {
    fn of(totals: &Totals, settings: &Settings) -> Self {
        const FEEDBACK: [ItemStep; 3] = [ItemStep::Shown, ItemStep::Clicked, ItemStep::Dismissed];
        let heard = totals.sum(|key| matches!(key, TotalKey::OfferItems { step, .. } if FEEDBACK.contains(step)));
        match settings.attribution.trigger {
            AttributionTrigger::Emitted => Self::Emitted,
            _ if heard > 0 => Self::Feedback,
            _ => Self::WouldHaveHit,
        }
    }
}

impl AttributionRules {
    fn of(settings: &Settings) -> Self {
        let rules = &settings.attribution;
        let (window, refund_window) = (rules.window.to_string(), rules.refund_window.to_string());
        Self { trigger: rules.trigger.as_str(), window, scope: rules.scope.as_str(), refund_window }
    }
}

impl Events {
    fn of(totals: &Totals) -> Self {
        let feedback = |reason: FeedbackIgnored| totals.get(&TotalKey::FeedbackIgnored(reason));
        let amounts = |reason: AmountIgnored| totals.get(&TotalKey::AmountsIgnored(reason));
        let by_type = Counts::of(EventType::ALL.iter().map(|kind| (kind.as_str(), totals.get(&TotalKey::Events(*kind)))));
        let rejected = Counts::of(RejectReason::ALL.iter().map(|reason| (reason.as_str(), totals.get(&TotalKey::Rejected(*reason)))));
        Self {
            used: by_type.sum(),
            by_type,
            rejected: rejected.sum(),
            rejected_by_reason: rejected,
            feedback_ignored: Counts::of(FeedbackIgnored::ALL.iter().map(|reason| (reason.as_str(), feedback(*reason)))),
            amounts_ignored: Counts::of(AmountIgnored::ALL.iter().map(|reason| (reason.as_str(), amounts(*reason)))),
        }
    }
}

impl Learned {
    fn of(shop: &Shop, settings: &Settings) -> Self {
        let known = shop.learner.known();
        let way = known.in_use(&settings.ranking, shop.decay());
        Self {
            examples: known.model.examples(),
            ranked_by: way_name(way),
            hit_ratio: known.shadow.hit_rate(way),
            chances: Chances::of(&known),
            worth: WorthGain::all(&known, shop.decay().map_or(1.0, |decay| decay.whole_at(known.newest))),
            baskets: shop.counts.baskets(),
            items: shop.counts.items() as u64,
            pairs: shop.counts.pairs() as u64,
            customers: shop.customers.len() as u64,
        }
    }
}

impl SentByHour {
    fn of(totals: &Totals, placement: Placement) -> Option<Self> {
        let mut hours = vec![0; 24];
        for (key, sum) in totals.sorted() {
            if let TotalKey::ItemsByHour { step: ItemStep::Emitted, placement: at, hour, .. } = key
                && let (true, Some(sent)) = (*at == placement, hours.get_mut(usize::from(*hour)))
            {
                *sent += count(sum);
            }
        }
        hours.iter().any(|sent| *sent > 0).then_some(Self { placement, hours })
    }
}

impl Triggers {
    fn of(totals: &Totals, placement: Placement) -> Option<Self> {
        let of = |outcome: Outcome| totals.get(&TotalKey::Triggers(placement, outcome));
        let outcomes = Counts::of(Outcome::ALL.iter().map(|outcome| (outcome.as_str(), of(*outcome))));
        let all = count(totals.sum(|key| matches!(key, TotalKey::Triggers(at, _) if *at == placement)));
        (all > 0).then_some(Self { placement, all, outcomes })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
