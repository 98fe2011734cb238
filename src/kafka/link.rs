//! The link between the stream and whoever commits its batches: one batch at a time.
//!
//! Invariant: each commit that goes over has exactly one outcome that comes back.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::ConsumerGroupMetadata;

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
    busy: Mutex<bool>,
    ended: Condvar,
}

impl InFlight {
    /// Marks the start or the end of a commit.
    pub fn set(&self, busy: bool) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = busy;
        self.ended.notify_all();
    }

    /// Waits for the end of a commit; returns whether it came within `limit`.
    pub fn wait(&self, limit: Duration) -> bool {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let (busy, _) = self.ended.wait_timeout_while(busy, limit, |busy| *busy).unwrap_or_else(PoisonError::into_inner);
        !*busy
    }
}
