//! The histogram of basket ages, filled from totals: they come in buckets already, with their exact sum.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use crate::engine::totals::BASKET_AGE_BOUNDS_S;
use crate::engine::vocabulary::Placement;

const NAME: &str = "offerstream_basket_age_at_acceptance_seconds";
const HELP: &str = "How long the basket had been open when an offer was accepted.";

#[derive(Clone, Copy, Default)]
struct Ages {
    buckets: [u64; BASKET_AGE_BOUNDS_S.len() + 1],
    sum_ms: u64,
}

/// Ages by placement.
#[derive(Clone)]
pub struct BasketAges {
    desc: Vec<Desc>,
    ages: Arc<Mutex<BTreeMap<Placement, Ages>>>,
}

impl Default for BasketAges {
    fn default() -> Self {
        let desc = Desc::new(NAME.into(), HELP.into(), vec!["placement".into()], std::collections::HashMap::new());
        let ages = Placement::ALL.iter().map(|placement| (*placement, Ages::default()));
        Self { desc: desc.into_iter().collect(), ages: Arc::new(Mutex::new(ages.collect())) }
    }
}

impl BasketAges {
    /// Adds `count` acceptances to a bucket.
    pub fn count(&self, placement: Placement, bucket: u8, count: i128) {
        self.change(placement, |ages| {
            if let Some(slot) = ages.buckets.get_mut(usize::from(bucket)) {
                *slot += u64::try_from(count).unwrap_or(0);
            }
        });
    }

    /// Adds to the sum of ages.
    pub fn add_ms(&self, placement: Placement, ms: i128) {
        self.change(placement, |ages| ages.sum_ms += u64::try_from(ms).unwrap_or(0));
    }

    fn change(&self, placement: Placement, change: impl FnOnce(&mut Ages)) {
        change(self.ages.lock().unwrap_or_else(PoisonError::into_inner).entry(placement).or_default());
    }
}

impl Collector for BasketAges {
    fn desc(&self) -> Vec<&Desc> {
        self.desc.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = ages.iter().map(|(placement, ages)| metric(*placement, ages)).collect();
        let mut family = proto::MetricFamily::default();
        family.set_name(NAME.into());
        family.set_help(HELP.into());
        family.set_field_type(proto::MetricType::HISTOGRAM);
        family.set_metric(metrics);
        vec![family]
    }
}

fn metric(placement: Placement, ages: &Ages) -> proto::Metric {
    let mut label = proto::LabelPair::default();
    label.set_name("placement".into());
    label.set_value(placement.as_str().into());
    let mut cumulative = 0;
    let mut buckets = Vec::new();
    for (bound_s, count) in BASKET_AGE_BOUNDS_S.iter().zip(ages.buckets) {
        cumulative += count;
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(*bound_s as f64);
        bucket.set_cumulative_count(cumulative);
        buckets.push(bucket);
    }
    let mut histogram = proto::Histogram::default();
    histogram.set_sample_count(ages.buckets.iter().sum());
    histogram.set_sample_sum(ages.sum_ms as f64 / 1_000.0);
    histogram.set_bucket(buckets);
    let mut metric = proto::Metric::default();
    metric.set_label(vec![label]);
    metric.set_histogram(histogram);
    metric
}
