//! Where the shop's state is kept beside its log.

use serde::Deserialize;

use crate::engine::settings::{BadSetting, DurationMs};
use crate::snapshots::Place;

/// Snapshots of the shop.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateConfig {
    /// Where snapshots are kept: `file:///folder`, `s3://bucket/prefix` or a path; empty: nowhere.
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
    /// Whether snapshots are kept at all.
    #[must_use]
    pub fn has_snapshots(&self) -> bool {
        !self.snapshot_url.is_empty()
    }

    /// How long the shop log has to keep its records, in milliseconds: seven days, or ten snapshots, if that is more;
    /// for ever where there are no snapshots.
    #[must_use]
    pub fn shop_log_retention_ms(&self) -> Option<i64> {
        self.has_snapshots().then(|| self.snapshot_interval.0.saturating_mul(10).max(7 * 86_400_000))
    }

    pub(super) fn check(&self) -> Result<(), BadSetting> {
        let allowed = |name: &str, value: String, allowed: &str| Err(BadSetting::new(format!("state.{name}"), value, allowed));
        if let (false, Err(what)) = (self.snapshot_url.is_empty(), Place::of(&self.snapshot_url)) {
            // What is behind `//` may be a secret.
            let scheme = self.snapshot_url.split_once("//").map_or(self.snapshot_url.as_str(), |(scheme, _)| scheme);
            return allowed("snapshot_url", format!("{scheme}…"), &what);
        }
        if self.snapshot_interval.0 < 1_000 {
            return allowed("snapshot_interval", self.snapshot_interval.to_string(), "1s or more is allowed");
        }
        if self.snapshots_kept == 0 {
            return allowed("snapshots_kept", "0".into(), "1 or more is allowed");
        }
        Ok(())
    }
}
