//! Gauges of the shop's durable totals.
//!
//! Invariant: the same on every instance at equal positions of the shop log; series of closed label sets are there
//! from the start, at 0, so that a figure of a range can be told by subtraction.

use prometheus::GaugeVec;

use super::{MICROS, Metrics};
use crate::engine::settings::Settings;
use crate::engine::totals::{TotalKey, Totals};
use crate::engine::vocabulary::{ItemStep, OfferKind, Placement};

impl Metrics {
    /// Makes all series of closed label sets.
    pub(super) fn start_shop_at_zero(&self, settings: &Settings) {
        let (families, currency) = (&self.families, self.currency);
        let mut keys = vec![
            TotalKey::Orders,
            TotalKey::OrdersWithOffer,
            TotalKey::ShoppersOfferedAnywhere,
            TotalKey::ShoppersAcceptedAnywhere,
            TotalKey::OrderRevenue(currency),
            TotalKey::OrderRevenueRefunded(currency),
            TotalKey::OrderRevenueWithOffer(currency),
        ];
        for placement in Placement::ALL.iter().copied().filter(|placement| settings.policy(*placement).is_some()) {
            keys.extend([TotalKey::ShoppersOffered(placement), TotalKey::ShoppersAccepted(placement)]);
            for kind in settings.placements.get(placement).kinds_of_all() {
                keys.push(TotalKey::ExtraRevenue { placement, kind, currency });
                keys.push(TotalKey::ExtraRevenueRefunded { placement, kind, currency });
                for channel in settings.channels.iter().map(|channel| channel.as_str()).chain(["other"]) {
                    let key = |step| TotalKey::OfferItems { step, placement, kind, channel: channel.into() };
                    keys.extend(ItemStep::ALL.iter().copied().map(key));
                }
            }
        }
        keys.iter().for_each(|key| self.observe_total(key, 0));
        families.acceptance_ratio.reset();
    }

    pub(super) fn observe_totals(&self, totals: &Totals) {
        totals.sorted().into_iter().for_each(|(key, sum)| self.observe_total(key, sum));
        self.observe_acceptance(totals);
    }

    fn observe_total(&self, key: &TotalKey, sum: i128) {
        let families = &self.families;
        let count = i64::try_from(sum).unwrap_or(i64::MAX);
        match key {
            TotalKey::Orders => families.shop_orders.with_label_values::<&str>(&[]).set(count),
            TotalKey::OrdersWithOffer => families.shop_orders_with_offer.with_label_values::<&str>(&[]).set(count),
            TotalKey::OrderRevenue(currency) => set_money(&families.shop_order_revenue, &[currency.as_str()], sum),
            TotalKey::OrderRevenueRefunded(currency) => set_money(&families.shop_order_revenue_refunded, &[currency.as_str()], sum),
            TotalKey::OrderRevenueWithOffer(currency) => set_money(&families.shop_order_revenue_with_offer, &[currency.as_str()], sum),
            TotalKey::ExtraRevenue { placement, kind, currency } => {
                set_money(&families.shop_extra_revenue, &[placement.as_str(), kind.as_str(), currency.as_str()], sum);
            }
            TotalKey::ExtraRevenueRefunded { placement, kind, currency } => {
                set_money(&families.shop_extra_revenue_refunded, &[placement.as_str(), kind.as_str(), currency.as_str()], sum);
            }
            TotalKey::OfferItems { step, placement, kind, channel } => {
                families.shop_offer_items(*step).with_label_values(&[placement.as_str(), kind.as_str(), channel]).set(count);
            }
            TotalKey::ShoppersOffered(placement) => families.shop_shoppers_offered.with_label_values(&[placement.as_str()]).set(count),
            TotalKey::ShoppersAccepted(placement) => families.shop_shoppers_accepted.with_label_values(&[placement.as_str()]).set(count),
            TotalKey::ShoppersOfferedAnywhere => families.shop_shoppers_offered_anywhere.with_label_values::<&str>(&[]).set(count),
            TotalKey::ShoppersAcceptedAnywhere => families.shop_shoppers_accepted_anywhere.with_label_values::<&str>(&[]).set(count),
            _ => {}
        }
    }

    fn observe_acceptance(&self, totals: &Totals) {
        let ratios = &self.families.acceptance_ratio;
        ratios.reset();
        for placement in Placement::ALL.iter().copied() {
            for kind in OfferKind::ALL {
                let recent = |step: ItemStep| {
                    totals.sum(|key| {
                        matches!(key, TotalKey::Recent { step: s, placement: p, kind: k, .. } if *s == step && *p == placement && k == kind)
                    })
                };
                let shown = recent(ItemStep::Shown);
                if shown > 0 {
                    let ratio = recent(ItemStep::Accepted) as f64 / shown as f64;
                    ratios.with_label_values(&[placement.as_str(), kind.as_str()]).set(ratio);
                }
            }
        }
    }
}

pub(super) fn set_money(family: &GaugeVec, labels: &[&str], micros: i128) {
    family.with_label_values(labels).set(micros as f64 * MICROS);
}
