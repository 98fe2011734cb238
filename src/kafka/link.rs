//! The link between the stream and whoever commits its batches: one batch at a time.
//!
//! Invariant: each commit that goes over has exactly one outcome that comes back.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;

use crate::clock;
use crate::exact::{self, Outcome};

/// A batch to commit, under the membership that its records were polled under.
pub type Commit = exact::Commit<Arc<ConsumerGroupMetadata>>;

/// The stream's end of the link to whoever commits.
pub struct Link {
    /// Batches to commit.
    pub commits: SyncSender<Commit>,
    /// How each ended.
    pub outcomes: Receiver<Outcome>,
    /// Set while one is under way.
    pub in_flight: Arc<InFlight>,
}

/// The other end.
pub struct Committer {
    /// Batches to commit.
    pub commits: Receiver<Commit>,
    /// How each ended.
    pub outcomes: SyncSender<Outcome>,
    /// Unset when one has ended.
    pub in_flight: Arc<InFlight>,
}

/// A link between a stream and whoever commits: one batch at a time.
#[must_use]
pub fn link() -> (Committer, Link) {
    let in_flight = Arc::new(InFlight::default());
    let (to_commit, commits) = sync_channel(1);
    let (tell, outcomes) = sync_channel(1);
    let committer = Committer { commits, outcomes: tell, in_flight: Arc::clone(&in_flight) };
    (committer, Link { commits: to_commit, outcomes, in_flight })
}

/// Whether a commit is under way; revocation waits for its end.
#[derive(Debug, Default)]
pub struct InFlight {
    /// When whoever commits was last heard of, while it does.
    heard: Mutex<Option<Instant>>,
    ended: Condvar,
}

impl InFlight {
    /// Marks the start or the end of a commit.
    pub fn set(&self, busy: bool) {
        *self.lock() = busy.then(clock::now);
        self.ended.notify_all();
    }

    /// A call of the client's came back, whatever it said.
    pub fn heard(&self) {
        self.lock().iter_mut().for_each(|heard| *heard = clock::now());
    }

    /// For how long a commit has been in one and the same call of the client's; nothing where none is under way.
    #[must_use]
    pub fn silent_for(&self) -> Duration {
        self.lock().map_or(Duration::ZERO, |heard| clock::now().saturating_duration_since(heard))
    }

    /// Waits for the end of a commit; returns whether it came within `limit`.
    pub fn wait(&self, limit: Duration) -> bool {
        let (heard, _) = self.ended.wait_timeout_while(self.lock(), limit, |heard| heard.is_some()).unwrap_or_else(PoisonError::into_inner);
        heard.is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_commits_is_silent_from_the_last_call_that_came_back_until_the_end() {
        const PAUSE: Duration = Duration::from_millis(20);
        let in_flight = InFlight::default();
        in_flight.heard();
        assert_eq!(in_flight.silent_for(), Duration::ZERO, "nothing is under way");
        assert!(in_flight.wait(Duration::ZERO));
        in_flight.set(true);
        std::thread::sleep(PAUSE);
        assert!(in_flight.silent_for() >= PAUSE && !in_flight.wait(Duration::ZERO));
        let before = in_flight.silent_for();
        in_flight.heard();
        assert!(in_flight.silent_for() < before);
        in_flight.set(false);
        assert_eq!(in_flight.silent_for(), Duration::ZERO);
    }
}
