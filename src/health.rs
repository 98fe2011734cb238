//! What the process is about: for `/readyz`, and for whoever reads the log.

use std::sync::{Mutex, PoisonError};

/// Where the process is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody answers yet.
    Connecting,
    /// State is being restored; how far.
    Restoring(String),
    /// Events are taken.
    Running,
    /// The last batch is being committed.
    Draining,
}

/// The phase, shared between threads.
#[derive(Debug)]
pub struct Health(Mutex<Phase>);

impl Default for Health {
    fn default() -> Self {
        Self(Mutex::new(Phase::Connecting))
    }
}

impl Health {
    /// Moves on; a new phase is logged once.
    pub fn set(&self, phase: Phase) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::discriminant(&*now) != std::mem::discriminant(&phase) {
            tracing::info!("{}", describe(&phase));
        }
        *now = phase;
    }

    /// Whether events are taken, and a line that says what is going on.
    #[must_use]
    pub fn ready(&self) -> (bool, String) {
        let now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (*now == Phase::Running, describe(&now))
    }
}

fn describe(phase: &Phase) -> String {
    match phase {
        Phase::Connecting => "connecting to Kafka".into(),
        Phase::Restoring(how_far) => format!("restoring: {how_far}"),
        Phase::Running => "running".into(),
        Phase::Draining => "draining".into(),
    }
}
