//! All metrics as they were at each full hour of event time.
//!
//! Invariant: nothing of the replay itself changes for being looked at: these are metrics of their own, raised by what
//! the shop's totals have risen by. Event time never goes back: what comes late counts in the hour it is heard in, and
//! what a timer does counts in the hour of the event that lets its time come. Hours without events add nothing.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Result;

use super::openmetrics::Samples;
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::engine::totals::{HOUR_MS, Totals, hour_of};
use crate::event::Timestamp;
use crate::metrics::{Metrics, OF_THE_CLOCK};
use crate::pipeline::Processor;

const HOUR_S: i64 = HOUR_MS / 1_000;

/// What is known of the hours so far.
pub struct Hours {
    settings: Arc<Settings>,
    shop: Arc<Shop>,
    metrics: Metrics,
    samples: Samples,
    /// The totals that the metrics have been raised by.
    counted: Totals,
    /// The hour since the epoch that event time is in.
    now: Option<i64>,
}

impl Hours {
    /// None yet.
    ///
    /// # Errors
    /// None that a metric's name does not cause.
    pub fn new(settings: &Arc<Settings>, shop: &Arc<Shop>) -> Result<Self> {
        let metrics = Metrics::new(settings)?;
        let (settings, shop) = (Arc::clone(settings), Arc::clone(shop));
        Ok(Self { settings, shop, metrics, samples: Samples::default(), counted: Totals::default(), now: None })
    }

    /// Event time is about to come to `ts`, by an event that nothing has heard of yet.
    pub fn reach(&mut self, ts: Timestamp, processor: &Processor) {
        let next = hour_of(ts);
        if self.now.is_some_and(|now| next <= now) {
            return;
        }
        self.observe(processor);
        // At the end of the last hour that had events, or an hour before the first, when what counts was 0; and as flat
        // at the beginning of the next that has.
        self.sample(self.now.map_or(next - 1, |now| now + 1));
        self.sample(next);
        self.now = Some(next);
    }

    /// Writes all of it, up to the end of the last event's hour; only there are items named.
    ///
    /// # Errors
    /// What the writer fails with.
    pub fn write(&mut self, processor: &Processor, out: &mut impl Write) -> io::Result<()> {
        if let Some(now) = self.now {
            self.observe(processor);
            self.metrics.observe_shop(&self.shop, &self.settings.limits);
            self.sample(now + 1);
        }
        self.samples.write(out)
    }

    fn observe(&mut self, processor: &Processor) {
        let totals = self.shop.totals().clone();
        self.metrics.committed(&totals.since(&self.counted));
        self.counted = totals;
        self.metrics.observe_sessions(processor.partitions().values(), &self.settings.limits);
        self.metrics.observe_shop_without_items(&self.shop, &self.settings.limits);
    }

    fn sample(&mut self, hour: i64) {
        let mut gathered = self.metrics.gather();
        gathered.retain(|family| !OF_THE_CLOCK.contains(&family.name()));
        self.samples.take(hour * HOUR_S, &gathered);
    }
}
