//! What the process is about: for `/readyz`, and for whoever reads the log.
//!
//! Invariant: ready means that events go all the way: they are processed, and republished first where that is asked for.

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

/// The phases of what a process consists of.
#[derive(Debug)]
struct Phases {
    processing: Phase,
    /// Of the stage before it, where there is one.
    repartitioning: Option<Phase>,
}

/// The phase, shared between threads.
#[derive(Debug)]
pub struct Health(Mutex<Phases>);

impl Default for Health {
    fn default() -> Self {
        Self(Mutex::new(Phases { processing: Phase::Connecting, repartitioning: None }))
    }
}

impl Health {
    /// Moves on; a new phase is logged once.
    pub fn set(&self, phase: Phase) {
        let mut phases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log_new(Some(&phases.processing), &phase, describe);
        phases.processing = phase;
    }

    /// Moves the repartitioning on, likewise. From the first call on there is one, and without it nothing is ready.
    pub fn set_repartitioning(&self, phase: Phase) {
        let mut phases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log_new(phases.repartitioning.as_ref(), &phase, describe_repartitioning);
        phases.repartitioning = Some(phase);
    }

    /// Whether events are taken, and a line that says what is going on.
    #[must_use]
    pub fn ready(&self) -> (bool, String) {
        let phases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Phases { processing, repartitioning } = &*phases;
        let is_waited_for = |phase: &&Phase| **phase != Phase::Running;
        let stages = [
            Some(processing).filter(is_waited_for).map(describe),
            repartitioning.as_ref().filter(is_waited_for).map(describe_repartitioning),
        ];
        let waited_for: Vec<String> = stages.into_iter().flatten().collect();
        if waited_for.is_empty() { (true, describe(processing)) } else { (false, waited_for.join("; ")) }
    }
}

fn log_new(before: Option<&Phase>, phase: &Phase, describe: fn(&Phase) -> String) {
    if before.map(std::mem::discriminant) != Some(std::mem::discriminant(phase)) {
        tracing::info!("{}", describe(phase));
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

/// It has no state to restore: what it is about stands alone.
fn describe_repartitioning(phase: &Phase) -> String {
    let what = if let Phase::Restoring(what) = phase { what.clone() } else { describe(phase) };
    format!("repartitioning: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(what: &str) -> Phase {
        Phase::Restoring(what.into())
    }

    #[test]
    fn it_is_ready_once_it_runs() {
        let health = Health::default();
        assert_eq!(health.ready(), (false, "connecting to Kafka".into()));
        health.set(waiting("the shop"));
        assert_eq!(health.ready(), (false, "restoring: the shop".into()));
        health.set(Phase::Running);
        assert_eq!(health.ready(), (true, "running".into()));
    }

    #[test]
    fn what_is_not_republished_yet_is_not_ready_and_the_line_says_so() {
        let health = Health::default();
        health.set_repartitioning(Phase::Connecting);
        assert_eq!(health.ready(), (false, "connecting to Kafka; repartitioning: connecting to Kafka".into()));
        health.set(Phase::Running);
        health.set_repartitioning(waiting("waiting for an assignment"));
        assert_eq!(health.ready(), (false, "repartitioning: waiting for an assignment".into()));
        health.set_repartitioning(Phase::Running);
        assert_eq!(health.ready(), (true, "running".into()));
        health.set(waiting("waiting for an assignment"));
        assert_eq!(health.ready(), (false, "restoring: waiting for an assignment".into()));
    }
}
