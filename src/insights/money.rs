//! Orders, revenue, and what of it is attributed to offers.
//!
//! Invariant: gross is before refunds, net after; one currency a sum.

use std::collections::BTreeSet;

use serde::Serialize;

use super::figures::{Amount, count, rounded};
use crate::engine::totals::{TotalKey, Totals};
use crate::event::Currency;

/// A sum of money, before and after refunds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Sums {
    /// Before refunds.
    pub gross: Amount,
    /// What went back.
    pub refunded: Amount,
    /// What is left.
    pub net: Amount,
}

/// Some of the orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Money {
    /// How many.
    pub orders: u64,
    /// What they were worth, before refunds.
    pub revenue: Amount,
    /// What one of them was worth.
    pub revenue_an_order: Option<Amount>,
}

/// All orders, with an offer and without.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Orders {
    /// How many.
    pub orders: u64,
    /// What they were worth.
    pub revenue: Sums,
    /// Those of which something is credited to an offer.
    pub with_offer: Money,
    /// The others.
    pub without_offer: Money,
    /// How much more an order with an offer is worth than one without, as a share of the latter. Not a cause: who buys
    /// much is offered more.
    pub difference_ratio: Option<f64>,
}

/// Money in a currency that is not the shop's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct InOtherCurrency {
    /// The currency.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// What orders were worth.
    pub revenue: Sums,
    /// What of it is attributed to offers.
    pub extra_revenue: Option<Sums>,
}

impl Sums {
    /// Of what was taken, and of what went back.
    #[must_use]
    pub fn of(gross: i128, refunded: i128) -> Self {
        Self { gross: Amount(gross), refunded: Amount(refunded), net: Amount(gross.saturating_sub(refunded)) }
    }

    /// Extra revenue that is attributed to offers.
    pub(super) fn extra(totals: &Totals, currency: Currency) -> Self {
        let gross = totals.sum(|key| matches!(key, TotalKey::ExtraRevenue { currency: c, .. } if *c == currency));
        let refunded = totals.sum(|key| matches!(key, TotalKey::ExtraRevenueRefunded { currency: c, .. } if *c == currency));
        Self::of(gross, refunded)
    }

    fn revenue(totals: &Totals, currency: Currency) -> Self {
        Self::of(totals.get(&TotalKey::OrderRevenue(currency)), totals.get(&TotalKey::OrderRevenueRefunded(currency)))
    }
}

impl Money {
    fn of(orders: u64, revenue: Amount) -> Self {
        Self { orders, revenue, revenue_an_order: revenue.each_of(orders) }
    }
}

impl Orders {
    pub(super) fn of(totals: &Totals, currency: Currency) -> Self {
        let (orders, revenue) = (count(totals.get(&TotalKey::Orders)), Sums::revenue(totals, currency));
        let with = Amount(totals.get(&TotalKey::OrderRevenueWithOffer(currency)));
        let with_offer = Money::of(count(totals.get(&TotalKey::OrdersWithOffer)), with);
        let without_offer = Money::of(orders.saturating_sub(with_offer.orders), revenue.gross.less(with));
        let pair = with_offer.revenue_an_order.zip(without_offer.revenue_an_order).filter(|(_, without)| without.0 > 0);
        let difference_ratio = pair.map(|(with, without)| rounded(with.less(without).0 as f64 / without.0 as f64));
        Self { orders, revenue, with_offer, without_offer, difference_ratio }
    }
}

pub(super) fn in_other_currencies(totals: &Totals, own: Currency, is_measured: bool) -> Vec<InOtherCurrency> {
    let of_key = |key: &TotalKey| match key {
        TotalKey::OrderRevenue(currency) | TotalKey::OrderRevenueRefunded(currency) => Some(*currency),
        _ => None,
    };
    let currencies: BTreeSet<Currency> = totals.sorted().into_iter().filter_map(|(key, _)| of_key(key)).collect();
    let of = |currency| InOtherCurrency {
        currency,
        revenue: Sums::revenue(totals, currency),
        extra_revenue: is_measured.then(|| Sums::extra(totals, currency)),
    };
    currencies.into_iter().filter(|currency| *currency != own).map(of).collect()
}
