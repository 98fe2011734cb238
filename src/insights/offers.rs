//! What became of offered items: acceptance, the way from offer to payment, and where and when.
//!
//! Invariant: every row counts under one heading; acceptance is of what was shown, or, where whatever is sent counts as
//! seen, of what was sent.

use serde::Serialize;

use super::Basis;
use super::figures::{Amount, count, ratio};
use super::money::Sums;
use crate::engine::totals::{BASKET_AGE_LABELS, TotalKey, Totals};
use crate::engine::vocabulary::{ItemStep, OfferKind, Placement};
use crate::event::Currency;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Offered items by how far they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Steps {
    /// In an offer that was sent.
    pub emitted: u64,
    /// On a shopper's screen.
    pub shown: u64,
    /// Opened.
    pub clicked: u64,
    /// Sent away.
    pub dismissed: u64,
    /// Put into the basket.
    pub accepted: u64,
    /// Bought.
    pub paid: u64,
}

/// Sessions with offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Shoppers {
    /// Those that got one.
    pub offered: u64,
    /// Those that accepted something.
    pub accepted: u64,
    /// The share of them.
    pub ratio: Option<f64>,
}

/// The figures under one heading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Row {
    /// The heading.
    pub name: String,
    /// Items sent.
    pub emitted: u64,
    /// Items shown.
    pub shown: u64,
    /// Items accepted.
    pub accepted: u64,
    /// The share that was accepted.
    pub acceptance: Option<f64>,
    /// What was earned: of placements and kinds after refunds, else before them.
    pub extra_revenue: Amount,
}

/// Where, and at which hour.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PlacementHours {
    /// Where.
    pub placement: Placement,
    /// By hour of the day, from 0 to 23.
    pub hours: Vec<Row>,
}

/// What became of offered items.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Offers {
    /// All of them.
    pub items: Steps,
    /// Accepted of those sent.
    pub accepted_of_emitted: Option<f64>,
    /// Accepted of those shown.
    pub accepted_of_shown: Option<f64>,
    /// Sessions with offers, each once.
    pub shoppers: Shoppers,
    /// By where.
    pub by_placement: Vec<Row>,
    /// By what the item was offered as.
    pub by_kind: Vec<Row>,
    /// By channel.
    pub by_channel: Vec<Row>,
    /// By hour of the day.
    pub by_hour: Vec<Row>,
    /// By weekday.
    pub by_weekday: Vec<Row>,
    /// By where and hour.
    pub by_placement_and_hour: Vec<PlacementHours>,
    /// By the age that the basket had when the offer was made.
    pub by_basket_age: Vec<Row>,
}

/// What would have hit: offered items that entered the basket, by themselves as far as anybody knows.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct WouldHaveHit {
    /// Items offered.
    pub emitted: u64,
    /// Those that entered the basket later.
    pub matched: u64,
    /// The share of them.
    pub ratio: Option<f64>,
    /// By where: sent, and matched.
    pub by_placement: Vec<(Placement, u64, u64)>,
}

impl Offers {
    pub(super) fn of(totals: &Totals, currency: Currency, basis: Basis) -> Self {
        let reading = Reading { totals, currency, basis };
        let items = reading.steps();
        Self {
            items,
            accepted_of_emitted: ratio(items.accepted, items.emitted),
            accepted_of_shown: ratio(items.accepted, items.shown),
            shoppers: reading.shoppers(),
            by_placement: reading.by_placement(),
            by_kind: reading.by_kind(),
            by_channel: reading.by_channel(),
            by_hour: (0..24).map(|at| reading.of_time(&format!("{at:02}"), |_, _, hour| hour == at)).collect(),
            by_weekday: (1..).zip(WEEKDAYS).map(|(at, name)| reading.of_time(name, |_, weekday, _| weekday == at)).collect(),
            by_placement_and_hour: Placement::ALL.iter().filter_map(|placement| reading.hours_of(*placement)).collect(),
            by_basket_age: (0..).zip(BASKET_AGE_LABELS).map(|(bucket, name)| reading.of_age(bucket, name)).collect(),
        }
    }
}

impl WouldHaveHit {
    pub(super) fn of(totals: &Totals) -> Self {
        let of = |step: ItemStep, placement: Option<Placement>| {
            count(totals.sum(|key| {
                matches!(key, TotalKey::OfferItems { step: s, placement: p, .. } if *s == step && placement.is_none_or(|at| at == *p))
            }))
        };
        let (emitted, matched) = (of(ItemStep::Emitted, None), of(ItemStep::Matched, None));
        let placements = Placement::ALL.iter().copied();
        let rows = placements.map(|placement| (placement, of(ItemStep::Emitted, Some(placement)), of(ItemStep::Matched, Some(placement))));
        Self { emitted, matched, ratio: ratio(matched, emitted), by_placement: rows.filter(|(_, emitted, _)| *emitted > 0).collect() }
    }
}

struct Reading<'a> {
    totals: &'a Totals,
    currency: Currency,
    basis: Basis,
}

impl Reading<'_> {
    fn items(&self, step: ItemStep, is_in: impl Fn(Placement, OfferKind, &str) -> bool) -> u64 {
        let is_counted = |key: &TotalKey| match key {
            TotalKey::OfferItems { step: s, placement, kind, channel } => *s == step && is_in(*placement, *kind, channel),
            _ => false,
        };
        count(self.totals.sum(is_counted))
    }

    fn steps(&self) -> Steps {
        let of = |step| self.items(step, |_, _, _| true);
        Steps {
            emitted: of(ItemStep::Emitted),
            shown: of(ItemStep::Shown),
            clicked: of(ItemStep::Clicked),
            dismissed: of(ItemStep::Dismissed),
            accepted: of(ItemStep::Accepted),
            paid: of(ItemStep::Paid),
        }
    }

    fn shoppers(&self) -> Shoppers {
        let (offered, accepted) = (TotalKey::ShoppersOfferedAnywhere, TotalKey::ShoppersAcceptedAnywhere);
        let (offered, accepted) = (count(self.totals.get(&offered)), count(self.totals.get(&accepted)));
        Shoppers { offered, accepted, ratio: ratio(accepted, offered) }
    }

    /// A row of figures by step.
    fn row(&self, name: &str, of: impl Fn(ItemStep) -> u64, extra_revenue: Amount) -> Row {
        let (emitted, shown, accepted) = (of(ItemStep::Emitted), of(ItemStep::Shown), of(ItemStep::Accepted));
        let whole = if self.basis == Basis::Emitted { emitted } else { shown };
        Row { name: name.to_owned(), emitted, shown, accepted, acceptance: ratio(accepted, whole), extra_revenue }
    }

    fn by_placement(&self) -> Vec<Row> {
        let row = |at: &Placement| self.of_offers(at.as_str(), |placement, _| placement == *at);
        Placement::ALL.iter().map(row).filter(Row::is_used).collect()
    }

    fn by_kind(&self) -> Vec<Row> {
        OfferKind::ALL.iter().map(|of| self.of_offers(of.as_str(), |_, kind| kind == *of)).filter(Row::is_used).collect()
    }

    fn of_offers(&self, name: &str, is_in: impl Fn(Placement, OfferKind) -> bool) -> Row {
        let money = |key: &TotalKey| match key {
            TotalKey::ExtraRevenue { placement, kind, currency } if *currency == self.currency && is_in(*placement, *kind) => Some(1),
            TotalKey::ExtraRevenueRefunded { placement, kind, currency } if *currency == self.currency && is_in(*placement, *kind) => {
                Some(-1)
            }
            _ => None,
        };
        let (gross, refunded) = (self.totals.sum(|key| money(key) == Some(1)), self.totals.sum(|key| money(key) == Some(-1)));
        self.row(name, |step| self.items(step, |placement, kind, _| is_in(placement, kind)), Sums::of(gross, refunded).net)
    }

    fn by_channel(&self) -> Vec<Row> {
        let channel_of = |key: &TotalKey| match key {
            TotalKey::OfferItems { channel, .. } | TotalKey::RevenueByChannel { channel, .. } => Some(channel.clone()),
            _ => None,
        };
        let mut channels: Vec<_> = self.totals.sorted().into_iter().filter_map(|(key, _)| channel_of(key)).collect();
        channels.sort_unstable();
        channels.dedup();
        let earned = |at: &str| {
            let of = |key: &TotalKey| matches!(key, TotalKey::RevenueByChannel { channel, currency, .. } if channel == at && *currency == self.currency);
            Amount(self.totals.sum(of))
        };
        let row = |at: &str| self.row(at, |step| self.items(step, |_, _, channel| channel == at), earned(at));
        channels.iter().map(|channel| row(channel)).filter(Row::is_used).collect()
    }

    fn of_time(&self, name: &str, is_in: impl Fn(Placement, u8, u8) -> bool) -> Row {
        let items = |step: ItemStep| {
            let of = |key: &TotalKey| matches!(key, TotalKey::ItemsByHour { step: s, placement, weekday, hour } if *s == step && is_in(*placement, *weekday, *hour));
            count(self.totals.sum(of))
        };
        let of = |key: &TotalKey| {
            matches!(key, TotalKey::RevenueByHour { placement, weekday, hour, currency }
                if *currency == self.currency && is_in(*placement, *weekday, *hour))
        };
        self.row(name, items, Amount(self.totals.sum(of)))
    }

    fn hours_of(&self, placement: Placement) -> Option<PlacementHours> {
        let row = |at: u8| self.of_time(&format!("{at:02}"), |p, _, hour| p == placement && hour == at);
        let hours: Vec<Row> = (0..24).map(row).collect();
        hours.iter().any(Row::is_used).then_some(PlacementHours { placement, hours })
    }

    fn of_age(&self, bucket: u8, name: &str) -> Row {
        let items = |step: ItemStep| {
            let of = |key: &TotalKey| matches!(key, TotalKey::ItemsByBasketAge { step: s, bucket: b, .. } if *s == step && *b == bucket);
            count(self.totals.sum(of))
        };
        let of = |key: &TotalKey| matches!(key, TotalKey::RevenueByBasketAge { bucket: b, currency, .. } if *b == bucket && *currency == self.currency);
        self.row(name, items, Amount(self.totals.sum(of)))
    }
}

impl Row {
    /// Whether anything happened under the heading.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.emitted > 0 || self.shown > 0 || self.accepted > 0 || self.extra_revenue != Amount(0)
    }
}
