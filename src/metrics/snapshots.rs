//! Snapshots of the shop: what was taken, how large and how old the newest is.
//!
//! Invariant: where no snapshots are kept there is nothing of them.

use std::time::Duration;

use anyhow::Result;
use prometheus::{HistogramOpts, HistogramVec, Registry};

use super::Metrics;
use super::families::register;

/// Buckets of the time that writing takes, in seconds.
const WRITE_BOUNDS_S: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];
/// Buckets of the time that the fold stands still, in seconds.
const FREEZE_BOUNDS_S: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// How an interval ended, or what became of a snapshot at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// One was written.
    Written,
    /// Another instance had written one.
    Skipped,
    /// Nothing had come since the newest.
    Unchanged,
    /// It could not be written.
    Failed,
    /// At the start, one could not be used.
    PassedOver,
}

impl SnapshotOutcome {
    const ALL: [Self; 5] = [Self::Written, Self::Skipped, Self::Unchanged, Self::Failed, Self::PassedOver];

    fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Skipped => "skipped",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::PassedOver => "passed_over",
        }
    }
}

/// The histograms of snapshots.
pub(super) struct SnapshotTimes {
    write: HistogramVec,
    freeze: HistogramVec,
}

impl SnapshotTimes {
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        let histogram = |name: &str, help: &str, bounds: &[f64]| {
            register(registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(bounds.to_vec()), &[]))
        };
        Ok(Self {
            write: histogram("offerstream_snapshot_seconds", "From the freezing of the shop to the end of its snapshot.", WRITE_BOUNDS_S)?,
            freeze: histogram("offerstream_snapshot_freeze_seconds", "How long the fold stood still for a snapshot.", FREEZE_BOUNDS_S)?,
        })
    }
}

impl Metrics {
    /// Snapshots are kept, and one is due so often: what is told of them begins at 0.
    pub fn snapshots_kept(&self, interval_ms: i64) {
        SnapshotOutcome::ALL.iter().for_each(|outcome| self.families.snapshots.with_label_values(&[outcome.as_str()]).inc_by(0));
        self.families.snapshot_interval.with_label_values::<&str>(&[]).set(interval_ms as f64 / 1e3);
        self.snapshot_times.write.with_label_values::<&str>(&[]);
        self.snapshot_times.freeze.with_label_values::<&str>(&[]);
    }

    /// Counts how an interval ended.
    pub fn snapshot(&self, outcome: SnapshotOutcome) {
        self.families.snapshots.with_label_values(&[outcome.as_str()]).inc();
    }

    /// How long the fold stood still.
    pub fn snapshot_frozen(&self, took: Duration) {
        self.snapshot_times.freeze.with_label_values::<&str>(&[]).observe(took.as_secs_f64());
    }

    /// One was written.
    pub fn snapshot_written(&self, bytes: u64, took: Duration) {
        self.families.snapshot_bytes.with_label_values::<&str>(&[]).set(bytes as i64);
        self.snapshot_times.write.with_label_values::<&str>(&[]).observe(took.as_secs_f64());
    }

    /// Up to when the newest snapshot holds all of the shop, and up to which offset of its log.
    pub fn snapshot_newest(&self, until_ms: i64, next_offset: i64) {
        self.families.snapshot_timestamp.with_label_values::<&str>(&[]).set(until_ms as f64 / 1e3);
        self.families.snapshot_next_offset.with_label_values::<&str>(&[]).set(next_offset);
    }
}
