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
            shop_offer_items: Vec<IntGaugeVec>,
        }

        impl Families {
            /// Makes and registers them.
            pub fn new(registry: &Registry) -> Result<Self> {
                Ok(Self {
                    $($field: register(registry, $kind::new(Opts::new($name, $help), &[$($label),*]))?,)+
                    offer_items: ItemStep::ALL.iter().map(|step| offer_items(registry, *step)).collect::<Result<_>>()?,
                    shop_offer_items: ItemStep::ALL.iter().map(|step| shop_offer_items(registry, *step)).collect::<Result<_>>()?,
                })
            }
        }
    };
}

families! {
    events: IntCounterVec = "offerstream_events_total", "Events used, by type.", ["type"];
    events_rejected: IntCounterVec = "offerstream_events_rejected_total", "Records that can't be used, by reason.", ["reason"];
    events_passed_over: IntCounterVec = "offerstream_events_passed_over_total",
        "Well-formed events of other formats that say nothing of baskets or offers: pages, searches.", [];
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
    feedback_ignored: IntCounterVec = "offerstream_feedback_ignored_total",
        "Feedback that says nothing of any offer, by why.", ["reason"];
    amounts_ignored: IntCounterVec = "offerstream_amounts_ignored_total", "Amounts left out of figures, by why.", ["reason"];
    orders_with_offer: IntCounterVec = "offerstream_orders_with_offer_total", "Orders of which something is credited to an offer.", [];
    order_revenue_with_offer: CounterVec = "offerstream_order_revenue_with_offer_total",
        "Net revenue of orders of which something is credited to an offer, the rest of them included.", ["currency"];
    shown_by_hour: IntCounterVec = "offerstream_offer_items_shown_by_hour_total",
        "Shown items by weekday (1 is Monday) and hour in the shop's time zone.", ["placement", "weekday", "hour"];
    extra_revenue_by_channel: CounterVec = "offerstream_extra_revenue_by_channel_total",
        "Extra revenue by the channel the offer was made on.", ["placement", "channel", "currency"];
    emitted_by_basket_age: IntCounterVec = "offerstream_offer_items_emitted_by_basket_age_total",
        "Offered items by the age the basket had when the offer was made.", ["placement", "age"];
    shown_by_basket_age: IntCounterVec = "offerstream_offer_items_shown_by_basket_age_total",
        "Shown items by the age the basket had when the offer was made.", ["placement", "age"];
    accepted_by_basket_age: IntCounterVec = "offerstream_offer_items_accepted_by_basket_age_total",
        "Accepted items by the age the basket had when the offer was made.", ["placement", "age"];
    extra_revenue_by_basket_age: CounterVec = "offerstream_extra_revenue_by_basket_age_total",
        "Extra revenue by the age the basket had when the offer was made.", ["placement", "age", "currency"];
    lines_unpriced: IntCounterVec = "offerstream_lines_unpriced_total", "Bought lines of which no price is known.", [];
    lines_not_paired: IntCounterVec = "offerstream_lines_not_paired_total",
        "Lines past limits.pairs_per_basket, whose pairs were not learned.", [];
    catalogue_records: IntCounterVec = "offerstream_catalogue_records_total",
        "Records of the catalogue that were used, deletions among them.", [];
    catalogue_rejected: IntCounterVec = "offerstream_catalogue_records_rejected_total",
        "Records of the catalogue that can't be used, by reason; what was known of their items stays.", ["reason"];
    http_refused: IntCounterVec = "offerstream_http_refused_total",
        "Requests under /v1, and connections, that were refused, by reason.", ["reason"];
    http_offers: IntCounterVec = "offerstream_http_offers_total",
        "Offers asked for over HTTP, by how that ended; nothing is known yet of what was shown.", ["placement", "outcome"];
    shop_orders: IntGaugeVec = "offerstream_shop_orders", "Orders of the whole shop.", [];
    shop_order_revenue: GaugeVec = "offerstream_shop_order_revenue", "Net revenue of the whole shop, refunds not subtracted.", ["currency"];
    shop_order_revenue_refunded: GaugeVec = "offerstream_shop_order_revenue_refunded", "What of it went back.", ["currency"];
    shop_orders_with_offer: IntGaugeVec = "offerstream_shop_orders_with_offer",
        "Orders of the whole shop of which something is credited to an offer.", [];
    shop_order_revenue_with_offer: GaugeVec = "offerstream_shop_order_revenue_with_offer",
        "Net revenue of those orders, refunds not subtracted.", ["currency"];
    shop_extra_revenue: GaugeVec = "offerstream_shop_extra_revenue",
        "Extra revenue of the whole shop, refunds not subtracted.", ["placement", "kind", "currency"];
    shop_extra_revenue_refunded: GaugeVec = "offerstream_shop_extra_revenue_refunded",
        "What of it went back.", ["placement", "kind", "currency"];
    shop_shoppers_offered: IntGaugeVec = "offerstream_shop_shoppers_offered", "Sessions of the whole shop that got an offer.", ["placement"];
    shop_shoppers_accepted: IntGaugeVec = "offerstream_shop_shoppers_accepted", "Sessions of the whole shop that accepted one.", ["placement"];
    shop_shoppers_offered_anywhere: IntGaugeVec = "offerstream_shop_shoppers_offered_anywhere",
        "Sessions of the whole shop that got an offer, each once.", [];
    shop_shoppers_accepted_anywhere: IntGaugeVec = "offerstream_shop_shoppers_accepted_anywhere",
        "Sessions of the whole shop that accepted one, each once.", [];
    combination_revenue: GaugeVec = "offerstream_shop_combination_revenue",
        "What combinations earned, net of refunds: the best by it, and those that work worst.", ["rank", "anchor", "companion", "currency"];
    combination_acceptance: GaugeVec = "offerstream_shop_combination_acceptance_ratio",
        "How often the companion was accepted once shown, drawn towards the shop's own ratio: the best by it, and the worst.",
        ["rank", "anchor", "companion"];
    combination_shown: IntGaugeVec = "offerstream_shop_combination_shown",
        "How often the companion was shown beside the anchor, of every combination that is listed.", ["anchor", "companion"];
    combination_accepted: IntGaugeVec = "offerstream_shop_combination_accepted",
        "How often it was then accepted.", ["anchor", "companion"];
    variant_probability: GaugeVec = "offerstream_shop_variant_probability",
        "How likely an offer is made by this variant of the placement's policy.", ["placement", "variant"];
    variant_offers_shown: IntGaugeVec = "offerstream_shop_variant_offers_shown",
        "Offers of the variant that were shown, but for those with a new item.", ["placement", "variant"];
    variant_offers_accepted: IntGaugeVec = "offerstream_shop_variant_offers_accepted",
        "Those of which something was accepted.", ["placement", "variant"];
    variant_extra_revenue: GaugeVec = "offerstream_shop_variant_extra_revenue",
        "What they earned, net of refunds, in the shop's own currency.", ["placement", "variant", "currency"];
    placement_throttled: IntGaugeVec = "offerstream_shop_placement_throttled",
        "Whether the placement holds itself back, by why: 1 or 0.", ["placement", "reason"];
    ranking_hit_ratio: GaugeVec = "offerstream_shop_ranking_hit_ratio",
        "Of the examples of baskets lately, those in which this way to rank would have offered something that was bought.", ["way"];
    ranking_in_use: IntGaugeVec = "offerstream_shop_ranking_in_use",
        "Whether offers are ranked this way: 1 or 0.", ["way"];
    ranking_calibration_error: GaugeVec = "offerstream_shop_ranking_calibration_error_ratio",
        "By how much the chances of offered items to be bought were off on average, as told before the outcome.", [];
    ranking_worth_gain: GaugeVec = "offerstream_shop_ranking_worth_gain_ratio",
        "How much more ranking for an objective would earn of it than ranking for acceptance, by the power to which worth counts.", ["objective", "power"];
    facts_folded: IntCounterVec = "offerstream_facts_folded_total",
        "Facts folded into the shop, from the log that all instances write: the one work that each instance does in whole.", [];
    consumer_lag: IntGaugeVec = "offerstream_consumer_lag_records",
        "Records still to be read, up to the last stable offset.", ["topic", "partition"];
    state_entries: IntGaugeVec = "offerstream_state_entries", "Entries of a kind of state.", ["state"];
    state_limit: IntGaugeVec = "offerstream_state_limit", "How many there may be.", ["state"];
    state_bytes: IntGaugeVec = "offerstream_state_bytes", "Bytes of memory they take, by a model of the allocator.", ["state"];
    state_evictions: IntCounterVec = "offerstream_state_evictions_total", "Entries evicted, or refused, for want of room.", ["state"];
    snapshots: IntCounterVec = "offerstream_snapshots_total",
        "Intervals of snapshots by how each ended, and snapshots that were passed over at the start.", ["outcome"];
    snapshot_bytes: IntGaugeVec = "offerstream_snapshot_bytes", "Size of the snapshot that this process wrote last.", [];
    snapshot_timestamp: GaugeVec = "offerstream_snapshot_timestamp_seconds",
        "Up to when the newest snapshot holds all of the shop; 0 where there is none.", [];
    snapshot_next_offset: IntGaugeVec = "offerstream_snapshot_next_offset",
        "The offset of the shop log that a restore from the newest snapshot goes on from.", [];
    snapshot_interval: GaugeVec = "offerstream_snapshot_interval_seconds", "Time between snapshots, as it is set.", [];
    resident_memory: IntGaugeVec = "process_resident_memory_bytes", "Memory of the process that is in use; absent where the system does not tell.", [];
    build_info: IntGaugeVec = "offerstream_build_info", "The program's version.", ["version", "revision"];
}

impl Families {
    /// The family of a step of offered items.
    pub fn offer_items(&self, step: ItemStep) -> &IntCounterVec {
        &self.offer_items[step as usize]
    }

    /// The family of a step of offered items of the whole shop.
    pub fn shop_offer_items(&self, step: ItemStep) -> &IntGaugeVec {
        &self.shop_offer_items[step as usize]
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

fn shop_offer_items(registry: &Registry, step: ItemStep) -> Result<IntGaugeVec> {
    let name = format!("offerstream_shop_offer_items_{}", step.as_str());
    let help = format!("Offered items of the whole shop that were {}.", step.as_str());
    register(registry, IntGaugeVec::new(Opts::new(name, help), &["placement", "kind", "channel"]))
}

/// Registers a metric.
pub fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> Result<M> {
    let metric = metric.context("a metric is not well named")?;
    registry.register(Box::new(metric.clone())).context("a metric is there twice")?;
    Ok(metric)
}
