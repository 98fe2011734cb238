//! Counters: this process's share of every total, since its start.
//!
//! Invariant: a counter never falls. A figure that is corrected downwards (a credit that moved to a later offer) is
//! owed, and taken off what the counter rises by next; the shop's durable gauges are right at once.

use std::collections::HashMap;

use prometheus::{CounterVec, IntCounterVec};

use super::{MICROS, Metrics, PLACEMENT_OFF};
use crate::catalogue::RowReason;
use crate::engine::settings::Settings;
use crate::engine::totals::{BASKET_AGE_LABELS, TotalKey, basket_age_label};
use crate::engine::vocabulary::{AmountIgnored, FeedbackIgnored, ItemStep, Outcome, Placement};
use crate::event::{EventType, RejectReason};
use crate::http::Refusal;

/// What counters have risen too far by.
#[derive(Debug, Default)]
pub(super) struct Debts(HashMap<TotalKey, i128>);

impl Debts {
    /// What a counter may rise by, once what it owes is paid; never less than 0.
    pub(super) fn settle(&mut self, key: &TotalKey, delta: i128) -> i128 {
        if delta >= 0 && self.0.is_empty() {
            return delta;
        }
        let left = delta.saturating_sub(self.0.remove(key).unwrap_or_default());
        if left < 0 {
            self.0.insert(key.clone(), -left);
        }
        left.max(0)
    }
}

impl Metrics {
    pub(super) fn raise(&self, key: &TotalKey, delta: i128) {
        let families = &self.families;
        let count = |family: &IntCounterVec, labels: &[&str]| {
            family.with_label_values(labels).inc_by(u64::try_from(delta).unwrap_or(0));
        };
        let money = |family: &CounterVec, labels: &[&str]| family.with_label_values(labels).inc_by((delta as f64 * MICROS).max(0.0));
        match key {
            TotalKey::Events(kind) => count(&families.events, &[kind.as_str()]),
            TotalKey::Rejected(reason) => count(&families.events_rejected, &[reason.as_str()]),
            TotalKey::Orders => count(&families.orders, &[]),
            TotalKey::OrdersUnmatched => count(&families.orders_unmatched, &[]),
            TotalKey::OrdersWithOffer => count(&families.orders_with_offer, &[]),
            TotalKey::OrderRevenue(currency) => money(&families.order_revenue, &[currency.as_str()]),
            TotalKey::OrderRevenueRefunded(currency) => money(&families.order_revenue_refunded, &[currency.as_str()]),
            TotalKey::OrderRevenueWithOffer(currency) => money(&families.order_revenue_with_offer, &[currency.as_str()]),
            TotalKey::Triggers(placement, outcome) => count(&families.triggers, &[placement.as_str(), outcome.as_str()]),
            TotalKey::OfferItems { step, placement, kind, channel } => {
                count(families.offer_items(*step), &[placement.as_str(), kind.as_str(), channel]);
            }
            TotalKey::ShoppersOffered(placement) => count(&families.shoppers_offered, &[placement.as_str()]),
            TotalKey::ShoppersAccepted(placement) => count(&families.shoppers_accepted, &[placement.as_str()]),
            TotalKey::ExtraRevenue { placement, kind, currency } => {
                money(&families.extra_revenue, &[placement.as_str(), kind.as_str(), currency.as_str()]);
            }
            TotalKey::ExtraRevenueRefunded { placement, kind, currency } => {
                money(&families.extra_revenue_refunded, &[placement.as_str(), kind.as_str(), currency.as_str()]);
            }
            TotalKey::RevenueByChannel { placement, channel, currency } => {
                money(&families.extra_revenue_by_channel, &[placement.as_str(), channel, currency.as_str()]);
            }
            TotalKey::ItemsByHour { step, placement, weekday, hour } => {
                let family = match step {
                    ItemStep::Accepted => &families.accepted_by_hour,
                    ItemStep::Shown => &families.shown_by_hour,
                    _ => &families.emitted_by_hour,
                };
                count(family, &[placement.as_str(), &weekday.to_string(), &hour.to_string()]);
            }
            TotalKey::RevenueByHour { placement, weekday, hour, currency } => {
                let labels = [placement.as_str(), &weekday.to_string(), &hour.to_string(), currency.as_str()];
                money(&families.extra_revenue_by_hour, &labels);
            }
            TotalKey::ItemsByBasketAge { step, placement, bucket } => {
                let family = match step {
                    ItemStep::Accepted => &families.accepted_by_basket_age,
                    ItemStep::Shown => &families.shown_by_basket_age,
                    _ => &families.emitted_by_basket_age,
                };
                count(family, &[placement.as_str(), basket_age_label(*bucket)]);
            }
            TotalKey::RevenueByBasketAge { placement, bucket, currency } => {
                let labels = [placement.as_str(), basket_age_label(*bucket), currency.as_str()];
                money(&families.extra_revenue_by_basket_age, &labels);
            }
            TotalKey::BasketAge { placement, bucket } => self.basket_ages.count(*placement, *bucket, delta),
            TotalKey::BasketAgeSumMs(placement) => self.basket_ages.add_ms(*placement, delta),
            TotalKey::FeedbackIgnored(reason) => count(&families.feedback_ignored, &[reason.as_str()]),
            TotalKey::AmountsIgnored(reason) => count(&families.amounts_ignored, &[reason.as_str()]),
            TotalKey::Unpriced => count(&families.lines_unpriced, &[]),
            TotalKey::LinesNotPaired => count(&families.lines_not_paired, &[]),
            TotalKey::PassedOver => count(&families.events_passed_over, &[]),
            TotalKey::Recent { .. } | TotalKey::ShoppersOfferedAnywhere | TotalKey::ShoppersAcceptedAnywhere => {}
        }
    }

    /// Makes all series of closed label sets.
    pub(super) fn start_at_zero(&self, settings: &Settings) {
        let families = &self.families;
        let revision = option_env!("OFFERSTREAM_REVISION").unwrap_or("unknown");
        families.build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), revision]).set(1);
        EventType::ALL.iter().for_each(|kind| families.events.with_label_values(&[kind.as_str()]).inc_by(0));
        RejectReason::ALL.iter().for_each(|reason| families.events_rejected.with_label_values(&[reason.as_str()]).inc_by(0));
        FeedbackIgnored::ALL.iter().for_each(|reason| families.feedback_ignored.with_label_values(&[reason.as_str()]).inc_by(0));
        AmountIgnored::ALL.iter().for_each(|reason| families.amounts_ignored.with_label_values(&[reason.as_str()]).inc_by(0));
        families.catalogue_records.with_label_values::<&str>(&[]).inc_by(0);
        families.facts_folded.with_label_values::<&str>(&[]).inc_by(0);
        RowReason::ALL.iter().for_each(|reason| families.catalogue_rejected.with_label_values(&[reason.as_str()]).inc_by(0));
        Refusal::REASONS.iter().for_each(|reason| families.http_refused.with_label_values(&[*reason]).inc_by(0));
        for placement in Placement::ALL {
            // A placement that is off has no other end.
            let on = Outcome::ALL.iter().filter(|_| settings.policy(*placement).is_some()).map(|outcome| outcome.as_str());
            on.chain([PLACEMENT_OFF]).for_each(|outcome| families.http_offers.with_label_values(&[placement.as_str(), outcome]).inc_by(0));
        }
        let currency = self.currency.as_str();
        for family in [&families.order_revenue, &families.order_revenue_refunded, &families.order_revenue_with_offer] {
            family.with_label_values(&[currency]).inc_by(0.0);
        }
        for family in [
            &families.orders,
            &families.orders_unmatched,
            &families.orders_with_offer,
            &families.lines_unpriced,
            &families.lines_not_paired,
        ] {
            family.with_label_values::<&str>(&[]).inc_by(0);
        }
        for placement in Placement::ALL.iter().filter(|placement| settings.policy(**placement).is_some()) {
            self.start_placement(*placement, settings);
        }
    }

    fn start_placement(&self, placement: Placement, settings: &Settings) {
        let (families, currency) = (&self.families, self.currency.as_str());
        let kinds = settings.placements.get(placement).kinds_of_all();
        let placement = placement.as_str();
        let channels = || settings.channels.iter().map(|channel| channel.as_str()).chain(["other"]);
        Outcome::ALL.iter().for_each(|outcome| families.triggers.with_label_values(&[placement, outcome.as_str()]).inc_by(0));
        families.shoppers_offered.with_label_values(&[placement]).inc_by(0);
        families.shoppers_accepted.with_label_values(&[placement]).inc_by(0);
        for kind in kinds.iter().map(|kind| kind.as_str()) {
            families.extra_revenue.with_label_values(&[placement, kind, currency]).inc_by(0.0);
            families.extra_revenue_refunded.with_label_values(&[placement, kind, currency]).inc_by(0.0);
            for step in ItemStep::ALL {
                channels().for_each(|channel| families.offer_items(*step).with_label_values(&[placement, kind, channel]).inc_by(0));
            }
        }
        channels().for_each(|channel| families.extra_revenue_by_channel.with_label_values(&[placement, channel, currency]).inc_by(0.0));
        for age in BASKET_AGE_LABELS {
            for family in [&families.emitted_by_basket_age, &families.shown_by_basket_age, &families.accepted_by_basket_age] {
                family.with_label_values(&[placement, age]).inc_by(0);
            }
            families.extra_revenue_by_basket_age.with_label_values(&[placement, age, currency]).inc_by(0.0);
        }
        for (weekday, hour) in (1..=7).flat_map(|weekday| (0..24).map(move |hour| (weekday.to_string(), hour.to_string()))) {
            for family in [&families.emitted_by_hour, &families.shown_by_hour, &families.accepted_by_hour] {
                family.with_label_values(&[placement, &weekday, &hour]).inc_by(0);
            }
            families.extra_revenue_by_hour.with_label_values(&[placement, &weekday, &hour, currency]).inc_by(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_corrected_downwards_is_taken_off_the_next_rise() {
        let mut debts = Debts::default();
        let orders = TotalKey::Orders;
        assert_eq!(debts.settle(&orders, 5), 5);
        assert_eq!(debts.settle(&orders, -3), 0);
        assert_eq!(debts.settle(&TotalKey::Unpriced, 2), 2);
        assert_eq!((debts.settle(&orders, 1), debts.settle(&orders, 1), debts.settle(&orders, 4)), (0, 0, 3));
        assert_eq!((debts.settle(&orders, 4), debts.0.len()), (4, 0));
    }
}
