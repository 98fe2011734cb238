//! The families of metrics, each registered with its help and labels.

use anyhow::{Context, Result};
use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::engine::vocabulary::ItemStep;

/// Buckets of latencies, in seconds.
pub const LATENCY_BOUNDS_S: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Buckets of restores, in seconds.
pub const RESTORE_BOUNDS_S: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Declares the families: field, kind, name, help, labels.
macro_rules! families {
    ($($field:ident: $kind:ident = $name:literal, $help:literal, [$($label:literal),*];)+) => {
        /// All families but the histograms.
        pub struct Families {
            $(#[doc = $help] pub $field: $kind,)+
            offer_items: Vec<IntCounterVec>,
        }

        impl Families {
            /// Makes and registers them.
            pub fn new(registry: &Registry) -> Result<Self> {
                Ok(Self {
                    $($field: register(registry, $kind::new(Opts::new($name, $help), &[$($label),*]))?,)+
                    offer_items: ItemStep::ALL.iter().map(|step| offer_items(registry, *step)).collect::<Result<_>>()?,
                })
            }
        }
    };
}

families! {
    events: IntCounterVec = "offerstream_events_total", "Events used, by type.", ["type"];
    events_rejected: IntCounterVec = "offerstream_events_rejected_total", "Records that can't be used, by reason.", ["reason"];
    orders: IntCounterVec = "offerstream_orders_total", "Orders placed.", [];
    orders_unmatched: IntCounterVec = "offerstream_orders_unmatched_total", "Orders of whose basket nothing was known.", [];
    order_revenue: CounterVec = "offerstream_order_revenue_total", "Net revenue of orders.", ["currency"];
    order_revenue_refunded: CounterVec = "offerstream_order_revenue_refunded_total", "Net revenue that went back.", ["currency"];
    triggers: IntCounterVec = "offerstream_offer_triggers_total",
        "Triggers, by how each ended: offered, withheld, or the reason why there was no offer.", ["placement", "outcome"];
    shoppers_offered: IntCounterVec = "offerstream_shoppers_offered_total", "Sessions that got an offer.", ["placement"];
    shoppers_accepted: IntCounterVec = "offerstream_shoppers_accepted_total", "Sessions that accepted one.", ["placement"];
    acceptance_ratio: GaugeVec = "offerstream_acceptance_ratio",
        "Accepted over shown items in the last 24 h of event time.", ["placement", "kind"];
    extra_revenue: CounterVec = "offerstream_extra_revenue_total",
        "Net revenue of offered items that were bought.", ["placement", "kind", "currency"];
    extra_revenue_refunded: CounterVec = "offerstream_extra_revenue_refunded_total",
        "What of it went back.", ["placement", "kind", "currency"];
    emitted_by_hour: IntCounterVec = "offerstream_offer_items_emitted_by_hour_total",
        "Offered items by weekday (1 is Monday) and hour in the shop's time zone.", ["placement", "weekday", "hour"];
    accepted_by_hour: IntCounterVec = "offerstream_offer_items_accepted_by_hour_total",
        "Accepted items by weekday (1 is Monday) and hour in the shop's time zone.", ["placement", "weekday", "hour"];
    extra_revenue_by_hour: CounterVec = "offerstream_extra_revenue_by_hour_total",
        "Extra revenue by weekday (1 is Monday) and hour in the shop's time zone.", ["placement", "weekday", "hour", "currency"];
    feedback_unknown: IntCounterVec = "offerstream_feedback_unknown_total", "Feedback on offers that are not known (any more).", [];
    lines_unpriced: IntCounterVec = "offerstream_lines_unpriced_total", "Bought lines of which no price is known.", [];
    lines_not_paired: IntCounterVec = "offerstream_lines_not_paired_total",
        "Lines past limits.pairs_per_basket, whose pairs were not learned.", [];
    catalogue_records: IntCounterVec = "offerstream_catalogue_records_total",
        "Records of the catalogue that were used, deletions among them.", [];
    catalogue_rejected: IntCounterVec = "offerstream_catalogue_records_rejected_total",
        "Records of the catalogue that can't be used, by reason; what was known of their items stays.", ["reason"];
    shop_orders: IntGaugeVec = "offerstream_shop_orders", "Orders of the whole shop.", [];
    shop_order_revenue: GaugeVec = "offerstream_shop_order_revenue", "Net revenue of the whole shop.", ["currency"];
    shop_extra_revenue: GaugeVec = "offerstream_shop_extra_revenue",
        "Extra revenue of the whole shop.", ["placement", "kind", "currency"];
    shop_accepted: IntGaugeVec = "offerstream_shop_offer_items_accepted",
        "Accepted items of the whole shop.", ["placement", "kind", "channel"];
    shop_shown: IntGaugeVec = "offerstream_shop_offer_items_shown", "Shown items of the whole shop.", ["placement", "kind", "channel"];
    combination_revenue: GaugeVec = "offerstream_shop_combination_revenue",
        "What the best combinations earned.", ["rank", "anchor", "companion", "currency"];
    combination_acceptance: GaugeVec = "offerstream_shop_combination_acceptance_ratio",
        "How often their companion was accepted once shown.", ["rank", "anchor", "companion"];
    consumer_lag: IntGaugeVec = "offerstream_consumer_lag_records",
        "Records still to be read, up to the last stable offset.", ["topic", "partition"];
    state_entries: IntGaugeVec = "offerstream_state_entries", "Entries of a kind of state.", ["state"];
    state_limit: IntGaugeVec = "offerstream_state_limit", "How many there may be.", ["state"];
    state_evictions: IntCounterVec = "offerstream_state_evictions_total", "Entries evicted, or refused, for want of room.", ["state"];
    build_info: IntGaugeVec = "offerstream_build_info", "The program's version.", ["version", "revision"];
}

impl Families {
    /// The family of a step of offered items.
    pub fn offer_items(&self, step: ItemStep) -> &IntCounterVec {
        let at = ItemStep::ALL.iter().position(|other| *other == step).unwrap_or_default();
        &self.offer_items[at]
    }
}

/// Makes and registers a histogram.
pub fn histogram(registry: &Registry, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram> {
    register(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec())))
}

fn offer_items(registry: &Registry, step: ItemStep) -> Result<IntCounterVec> {
    let name = format!("offerstream_offer_items_{}_total", step.as_str());
    let help = format!("Offered items that were {}.", step.as_str());
    register(registry, IntCounterVec::new(Opts::new(name, help), &["placement", "kind", "channel"]))
}

fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> Result<M> {
    let metric = metric.context("a metric is not well named")?;
    registry.register(Box::new(metric.clone())).context("a metric is there twice")?;
    Ok(metric)
}
