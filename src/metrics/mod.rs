//! Every metric: its name, its help, its labels.
//!
//! Invariant: a `_total` is this process's share since its start, raised after the commit that carries it; all
//! series of closed label sets are there from the start, at 0. `offerstream_shop_*` are the shop's durable
//! figures, the same on every instance. No customer is a label; items only in the top and bottom combinations.

mod families;
mod histogram;

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use prometheus::{CounterVec, Encoder, GaugeVec, Histogram, IntCounterVec, Registry, TextEncoder};

use crate::catalogue::RowReason;
use crate::engine::combinations::Combination;
use crate::engine::session::Sessions;
use crate::engine::settings::{Limits, Settings};
use crate::engine::shop::{Shop, Usage};
use crate::engine::totals::{TotalKey, Totals};
use crate::engine::vocabulary::{ItemStep, OfferKind, Outcome, Placement};
use crate::event::{Currency, EventType, RejectReason};
use families::{Families, LATENCY_BOUNDS_S, RESTORE_BOUNDS_S};
use histogram::BasketAges;

/// How many combinations are exposed.
const COMBINATIONS_SHOWN: usize = 20;
/// A millionth of a unit of money.
const MICROS: f64 = 1e-6;

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    families: Families,
    basket_ages: BasketAges,
    currency: Currency,
    scraping: Mutex<()>,
    /// From the record's time in Kafka to the commit that carries its offer, in seconds.
    pub event_to_offer_seconds: Histogram,
    /// From the start of a transaction to its commit, in seconds.
    pub commit_seconds: Histogram,
    /// From an assignment to the first event taken from it, in seconds.
    pub restore_seconds: Histogram,
}

impl Metrics {
    /// All metrics, at their start.
    ///
    /// # Errors
    /// None that a name in this file does not cause.
    pub fn new(settings: &Settings) -> Result<Self> {
        let registry = Registry::new();
        let families = Families::new(&registry)?;
        let basket_ages = BasketAges::default();
        registry.register(Box::new(basket_ages.clone()))?;
        let histogram = |name, help, bounds| families::histogram(&registry, name, help, bounds);
        let metrics = Self {
            event_to_offer_seconds: histogram(
                "offerstream_event_to_offer_seconds",
                "From the event's record in Kafka to the commit of its offer.",
                LATENCY_BOUNDS_S,
            )?,
            commit_seconds: histogram("offerstream_commit_seconds", "From the start of a commit to its end.", LATENCY_BOUNDS_S)?,
            restore_seconds: histogram(
                "offerstream_restore_seconds",
                "From an assignment of partitions to the first event taken.",
                RESTORE_BOUNDS_S,
            )?,
            registry,
            families,
            basket_ages,
            currency: settings.currency,
            scraping: Mutex::default(),
        };
        metrics.start_at_zero(settings);
        Ok(metrics)
    }

    /// Raises the counters by what a commit carried.
    pub fn committed(&self, totals: &Totals) {
        for (key, delta) in totals.sorted() {
            self.raise(key, delta);
        }
    }

    /// Counts a record of the catalogue that was used.
    pub fn catalogue_record(&self) {
        self.families.catalogue_records.with_label_values::<&str>(&[]).inc();
    }

    /// Counts a record of the catalogue that can't be used.
    pub fn catalogue_rejected(&self, reason: RowReason) {
        self.families.catalogue_rejected.with_label_values(&[reason.as_str()]).inc();
    }

    /// Sets how many records are still to be read of a partition.
    pub fn lag(&self, topic: &str, partition: i32, records: i64) {
        self.families.consumer_lag.with_label_values(&[topic, &partition.to_string()]).set(records);
    }

    /// Takes away what is said of partitions that are somebody else's now.
    pub fn forget_lag(&self) {
        self.families.consumer_lag.reset();
    }

    /// All metrics as text, with the shop's durable figures as they are now. One at a time: gauges that come and go
    /// are taken away and set anew.
    ///
    /// # Errors
    /// None that a name in this file does not cause.
    pub fn scrape(&self, shop: &Shop, limits: &Limits) -> Result<Vec<u8>> {
        let _one_at_a_time = self.scraping.lock().unwrap_or_else(PoisonError::into_inner);
        self.observe_shop(shop, limits);
        self.text()
    }

    /// Sets what the shop's durable figures and state are now.
    pub fn observe_shop(&self, shop: &Shop, limits: &Limits) {
        self.observe_totals(&shop.totals());
        for (state, usage) in shop.usage(limits) {
            self.observe_usage(state, usage);
        }
        self.observe_combinations(shop);
    }

    /// Sets how full the sessions of all partitions are.
    pub fn observe_sessions<'a>(&self, partitions: impl Iterator<Item = &'a Sessions>, limits: &Limits) {
        let mut usage = Usage { entries: 0, limit: 0, evictions: 0 };
        for sessions in partitions {
            usage.entries += sessions.len();
            usage.limit += limits.sessions;
            usage.evictions += sessions.evicted();
        }
        self.observe_usage("sessions", usage);
    }

    /// Sets how full one kind of state is.
    pub fn observe_usage(&self, state: &str, usage: Usage) {
        self.families.state_entries.with_label_values(&[state]).set(usage.entries as i64);
        self.families.state_limit.with_label_values(&[state]).set(usage.limit as i64);
        let evictions = self.families.state_evictions.with_label_values(&[state]);
        evictions.inc_by(usage.evictions.saturating_sub(evictions.get()));
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// None that a name in this file does not cause.
    pub fn text(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).context("metrics can't be written")?;
        Ok(text)
    }

    fn raise(&self, key: &TotalKey, delta: i128) {
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
            TotalKey::OrderRevenue(currency) => money(&families.order_revenue, &[currency.as_str()]),
            TotalKey::OrderRevenueRefunded(currency) => money(&families.order_revenue_refunded, &[currency.as_str()]),
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
            TotalKey::ItemsByHour { step, placement, weekday, hour } => {
                let family = if *step == ItemStep::Accepted { &families.accepted_by_hour } else { &families.emitted_by_hour };
                count(family, &[placement.as_str(), &weekday.to_string(), &hour.to_string()]);
            }
            TotalKey::RevenueByHour { placement, weekday, hour, currency } => {
                let labels = [placement.as_str(), &weekday.to_string(), &hour.to_string(), currency.as_str()];
                money(&families.extra_revenue_by_hour, &labels);
            }
            TotalKey::BasketAge { placement, bucket } => self.basket_ages.count(*placement, *bucket, delta),
            TotalKey::BasketAgeSumMs(placement) => self.basket_ages.add_ms(*placement, delta),
            TotalKey::FeedbackUnknown => count(&families.feedback_unknown, &[]),
            TotalKey::Unpriced => count(&families.lines_unpriced, &[]),
            TotalKey::LinesNotPaired => count(&families.lines_not_paired, &[]),
            TotalKey::Recent { .. } => {}
        }
    }

    /// Makes all series of closed label sets.
    fn start_at_zero(&self, settings: &Settings) {
        let families = &self.families;
        let revision = option_env!("OFFERSTREAM_REVISION").unwrap_or("unknown");
        families.build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), revision]).set(1);
        EventType::ALL.iter().for_each(|kind| families.events.with_label_values(&[kind.as_str()]).inc_by(0));
        RejectReason::ALL.iter().for_each(|reason| families.events_rejected.with_label_values(&[reason.as_str()]).inc_by(0));
        families.catalogue_records.with_label_values::<&str>(&[]).inc_by(0);
        RowReason::ALL.iter().for_each(|reason| families.catalogue_rejected.with_label_values(&[reason.as_str()]).inc_by(0));
        let currency = self.currency.as_str();
        families.order_revenue.with_label_values(&[currency]).inc_by(0.0);
        families.order_revenue_refunded.with_label_values(&[currency]).inc_by(0.0);
        for family in [&families.orders, &families.orders_unmatched, &families.feedback_unknown, &families.lines_unpriced] {
            family.with_label_values::<&str>(&[]).inc_by(0);
        }
        families.lines_not_paired.with_label_values::<&str>(&[]).inc_by(0);
        for placement in Placement::ALL.iter().filter(|placement| settings.policy(**placement).is_some()) {
            let kinds = &settings.placements.get(*placement).kinds;
            let placement = placement.as_str();
            Outcome::ALL.iter().for_each(|outcome| families.triggers.with_label_values(&[placement, outcome.as_str()]).inc_by(0));
            families.shoppers_offered.with_label_values(&[placement]).inc_by(0);
            families.shoppers_accepted.with_label_values(&[placement]).inc_by(0);
            for kind in kinds.iter().map(|kind| kind.as_str()) {
                families.extra_revenue.with_label_values(&[placement, kind, currency]).inc_by(0.0);
                families.extra_revenue_refunded.with_label_values(&[placement, kind, currency]).inc_by(0.0);
                for step in ItemStep::ALL {
                    for channel in settings.channels.iter().map(|channel| channel.as_str()).chain(["other"]) {
                        families.offer_items(*step).with_label_values(&[placement, kind, channel]).inc_by(0);
                    }
                }
            }
            for (weekday, hour) in (1..=7).flat_map(|weekday| (0..24).map(move |hour| (weekday.to_string(), hour.to_string()))) {
                families.emitted_by_hour.with_label_values(&[placement, &weekday, &hour]).inc_by(0);
                families.accepted_by_hour.with_label_values(&[placement, &weekday, &hour]).inc_by(0);
                families.extra_revenue_by_hour.with_label_values(&[placement, &weekday, &hour, currency]).inc_by(0.0);
            }
        }
    }

    fn observe_totals(&self, totals: &Totals) {
        let families = &self.families;
        families.acceptance_ratio.reset();
        for (key, sum) in totals.sorted() {
            match key {
                TotalKey::Orders => families.shop_orders.with_label_values::<&str>(&[]).set(sum as i64),
                TotalKey::OrderRevenue(currency) => set_money(&families.shop_order_revenue, &[currency.as_str()], sum),
                TotalKey::ExtraRevenue { placement, kind, currency } => {
                    set_money(&families.shop_extra_revenue, &[placement.as_str(), kind.as_str(), currency.as_str()], sum);
                }
                TotalKey::OfferItems { step: ItemStep::Accepted, placement, kind, channel } => {
                    families.shop_accepted.with_label_values(&[placement.as_str(), kind.as_str(), channel]).set(sum as i64);
                }
                TotalKey::OfferItems { step: ItemStep::Shown, placement, kind, channel } => {
                    families.shop_shown.with_label_values(&[placement.as_str(), kind.as_str(), channel]).set(sum as i64);
                }
                _ => {}
            }
        }
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
                    families.acceptance_ratio.with_label_values(&[placement.as_str(), kind.as_str()]).set(ratio);
                }
            }
        }
    }

    fn observe_combinations(&self, shop: &Shop) {
        let families = &self.families;
        families.combination_revenue.reset();
        families.combination_acceptance.reset();
        let combinations = shop.combinations();
        let best = combinations.by_revenue(self.currency, COMBINATIONS_SHOWN);
        let worst = combinations.worst(COMBINATIONS_SHOWN);
        for (end, named) in [("top", best), ("bottom", worst)] {
            for (at, ((anchor, companion), figures)) in named.into_iter().enumerate() {
                let rank = format!("{end}-{:02}", at + 1);
                let earned = figures.earned.get(&self.currency).copied().unwrap_or_default();
                set_money(&families.combination_revenue, &[&rank, anchor, companion, self.currency.as_str()], earned);
                families.combination_acceptance.with_label_values(&[rank.as_str(), anchor, companion]).set(acceptance(figures));
            }
        }
    }
}

fn acceptance(figures: &Combination) -> f64 {
    figures.accepted as f64 / figures.shown.max(1) as f64
}

fn set_money(family: &GaugeVec, labels: &[&str], micros: i128) {
    family.with_label_values(labels).set(micros as f64 * MICROS);
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
