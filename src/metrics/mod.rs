//! Every metric: its name, its help, its labels.
//!
//! Invariant: a `_total` is this process's share since its start, raised after the commit that carries it; all
//! series of closed label sets are there from the start, at 0. `offerstream_shop_*` are the shop's durable
//! figures, the same on every instance. No customer is a label; items only in the top and bottom combinations.

mod combinations;
mod counters;
mod experiment;
mod families;
mod gauges;
mod histogram;
mod optimiser;
mod ranking;
pub mod resident;
mod snapshots;

pub use snapshots::SnapshotOutcome;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Histogram, Registry, TextEncoder};

use crate::catalogue::RowReason;
use crate::engine::session::Sessions;
use crate::engine::settings::{Limits, Ranking, Settings};
use crate::engine::shop::{Shop, Usage};
use crate::engine::totals::Totals;
use crate::engine::vocabulary::Placement;
use crate::event::Currency;
use counters::Debts;
use experiment::ExperimentGauges;
use families::{Families, LATENCY_BOUNDS_S, RESTORE_BOUNDS_S};
use histogram::BasketAges;
use optimiser::Watched;
use snapshots::SnapshotTimes;

/// Families measured by this machine's clock: of event time they say nothing.
pub const OF_THE_CLOCK: [&str; 3] = [EVENT_TO_OFFER, COMMIT, RESTORE];

const EVENT_TO_OFFER: &str = "offerstream_event_to_offer_seconds";
const COMMIT: &str = "offerstream_commit_seconds";
const RESTORE: &str = "offerstream_restore_seconds";
/// How an ask for an offer ends where none is made at that placement.
pub const PLACEMENT_OFF: &str = "placement_off";
/// A millionth of a unit of money.
const MICROS: f64 = 1e-6;
/// What the names of the shop's durable figures begin with.
const OF_THE_SHOP: &str = "offerstream_shop_";

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    families: Families,
    experiment: ExperimentGauges,
    basket_ages: BasketAges,
    currency: Currency,
    evidence_baskets_min: u32,
    optimiser: Watched,
    ranking: Ranking,
    debts: Mutex<Debts>,
    scraping: Mutex<()>,
    snapshot_times: SnapshotTimes,
    /// Whether the shop is still being restored.
    is_shop_awaited: AtomicBool,
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
        let experiment = ExperimentGauges::new(&registry, settings)?;
        let snapshot_times = SnapshotTimes::new(&registry)?;
        let basket_ages = BasketAges::default();
        registry.register(Box::new(basket_ages.clone()))?;
        let histogram = |name, help, bounds| families::histogram(&registry, name, help, bounds);
        let metrics = Self {
            event_to_offer_seconds: histogram(
                EVENT_TO_OFFER,
                "From the event's record in Kafka to the commit of its offer; with kafka.delivery = at_least_once, to its delivery.",
                LATENCY_BOUNDS_S,
            )?,
            commit_seconds: histogram(COMMIT, "From the start of a commit to its end.", LATENCY_BOUNDS_S)?,
            restore_seconds: histogram(RESTORE, "From an assignment of partitions to the first event taken.", RESTORE_BOUNDS_S)?,
            registry,
            families,
            experiment,
            basket_ages,
            currency: settings.currency,
            evidence_baskets_min: settings.evidence_baskets_min,
            optimiser: Watched::of(settings),
            ranking: settings.ranking.clone(),
            debts: Mutex::default(),
            scraping: Mutex::default(),
            snapshot_times,
            is_shop_awaited: AtomicBool::new(false),
        };
        metrics.start_at_zero(settings);
        metrics.start_shop_at_zero(settings);
        Ok(metrics)
    }

    /// Holds the shop's figures back until [`Self::shop_restored`]: a figure that falls to 0 at every start and rises
    /// again while the shop is restored would look like one that changed.
    pub fn await_shop(&self) {
        self.is_shop_awaited.store(true, Ordering::Relaxed);
    }

    /// The shop's figures are what they are.
    pub fn shop_restored(&self) {
        self.is_shop_awaited.store(false, Ordering::Relaxed);
    }

    /// Raises the counters by what a commit carried.
    pub fn committed(&self, totals: &Totals) {
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, delta) in totals.sorted() {
            self.raise(key, debts.settle(key, delta));
        }
    }

    /// Counts facts that were folded into the shop.
    pub fn folded(&self, facts: usize) {
        self.families.facts_folded.with_label_values::<&str>(&[]).inc_by(facts as u64);
    }

    /// Counts a record of the catalogue that was used.
    pub fn catalogue_record(&self) {
        self.families.catalogue_records.with_label_values::<&str>(&[]).inc();
    }

    /// Counts a record of the catalogue that can't be used.
    pub fn catalogue_rejected(&self, reason: RowReason) {
        self.families.catalogue_rejected.with_label_values(&[reason.as_str()]).inc();
    }

    /// Counts a request that was refused.
    pub fn http_refused(&self, reason: &str) {
        self.families.http_refused.with_label_values(&[reason]).inc();
    }

    /// Counts an offer that was asked for, by how that ended.
    pub fn http_offer(&self, placement: Placement, outcome: &str) {
        self.families.http_offers.with_label_values(&[placement.as_str(), outcome]).inc();
    }

    /// Events used since the start, and records still to be read, where anything is.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<i64>) {
        let of = |family: &MetricFamily, value: fn(&prometheus::proto::Metric) -> f64| family.get_metric().iter().map(value).sum::<f64>();
        let events = self.families.events.collect();
        let lag = self.families.consumer_lag.collect();
        let used = events.iter().map(|family| of(family, |metric| metric.get_counter().get_value())).sum::<f64>();
        let waiting =
            lag.iter().filter(|family| !family.get_metric().is_empty()).map(|family| of(family, |metric| metric.get_gauge().get_value()));
        (used as u64, waiting.reduce(|a, b| a + b).map(|records| records as i64))
    }

    /// Whether the shop is still being restored.
    #[must_use]
    pub fn is_shop_awaited(&self) -> bool {
        self.is_shop_awaited.load(Ordering::Relaxed)
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

    /// Sets how much memory the process has; of a replay, whose metrics are the same on every machine, nobody asks that.
    pub fn observe_process(&self) {
        if let Some(bytes) = resident::memory_bytes() {
            self.families.resident_memory.with_label_values::<&str>(&[]).set(bytes);
        }
    }

    /// Sets what the shop's durable figures and state are now.
    pub fn observe_shop(&self, shop: &Shop, limits: &Limits) {
        self.observe_shop_without_items(shop, limits);
        self.observe_combinations(shop);
    }

    /// As [`Self::observe_shop`], but for what names items: that has to be sorted out of all there are.
    pub fn observe_shop_without_items(&self, shop: &Shop, limits: &Limits) {
        self.observe_totals(&shop.totals());
        for (state, usage) in shop.usage(limits) {
            self.observe_usage(state, usage);
        }
        self.experiment.observe(shop);
        self.observe_optimiser(shop);
        self.observe_ranking(shop);
    }

    /// Sets how full the sessions of all partitions are.
    pub fn observe_sessions<'a>(&self, partitions: impl Iterator<Item = &'a Sessions>, limits: &Limits) {
        let mut usage = Usage { entries: 0, limit: 0, evictions: 0, bytes: 0 };
        for sessions in partitions {
            usage.entries += sessions.len();
            usage.limit += limits.sessions;
            usage.evictions += sessions.evicted();
            usage.bytes += sessions.bytes();
        }
        self.observe_usage("sessions", usage);
    }

    /// Sets how full one kind of state is.
    pub fn observe_usage(&self, state: &str, usage: Usage) {
        self.families.state_entries.with_label_values(&[state]).set(usage.entries as i64);
        self.families.state_limit.with_label_values(&[state]).set(usage.limit as i64);
        self.families.state_bytes.with_label_values(&[state]).set(usage.bytes as i64);
        let evictions = self.families.state_evictions.with_label_values(&[state]);
        evictions.inc_by(usage.evictions.saturating_sub(evictions.get()));
    }

    /// All metrics as they are.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        let mut families = self.registry.gather();
        if self.is_shop_awaited.load(Ordering::Relaxed) {
            families.retain(|family| !family.name().starts_with(OF_THE_SHOP));
        }
        families
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// None that a name in this file does not cause.
    pub fn text(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.gather(), &mut text).context("metrics can't be written")?;
        Ok(text)
    }
}

#[cfg(test)]
#[path = "experiment_tests.rs"]
mod experiment_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
