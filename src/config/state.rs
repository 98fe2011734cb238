//! Where the shop's state is kept beside its log.

use serde::Deserialize;

use crate::engine::settings::{BadSetting, DurationMs};

/// Snapshots of the shop.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateConfig {
    /// Where snapshots are kept: `file:///folder` or `s3://bucket/prefix`; empty: nowhere.
    pub snapshot_url: String,
    /// Time between snapshots.
    pub snapshot_interval: DurationMs,
    /// How many are kept.
    pub snapshots_kept: usize,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self { snapshot_url: String::new(), snapshot_interval: DurationMs(10 * 60_000), snapshots_kept: 3 }
    }
}

impl StateConfig {
    pub(super) fn check(&self) -> Result<(), BadSetting> {
        let allowed = |name: &str, value: String, allowed: &str| Err(BadSetting::new(format!("state.{name}"), value, allowed));
        if self.snapshot_interval.0 < 1_000 {
            return allowed("snapshot_interval", self.snapshot_interval.to_string(), "1s or more is allowed");
        }
        if self.snapshots_kept == 0 {
            return allowed("snapshots_kept", "0".into(), "1 or more is allowed");
        }
        Ok(())
    }
}
