//! The shell's clocks: the only place that asks what time it is.
//!
//! Invariant: nothing that is counted, ranked or attributed depends on them; they pace commits, measure
//! latencies and draw progress.

#![allow(clippy::disallowed_methods, reason = "this is the one place that may")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, on a clock that never goes back.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Now, in milliseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
