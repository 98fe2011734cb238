//! Shoppers whose days are over, by their hash: nobody enters twice.
//!
//! Invariant: the queue and the set hold the same; what goes first is what came first.

use std::collections::{HashSet, VecDeque};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

/// A queue of hashes that knows what is in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "VecDeque<u64>", into = "VecDeque<u64>")]
pub struct Remembered {
    queue: VecDeque<u64>,
    known: HashSet<u64, FixedState>,
}

impl Remembered {
    /// Remembers a shopper.
    pub fn push(&mut self, subject: u64) {
        if self.known.insert(subject) {
            self.queue.push_back(subject);
        }
    }

    /// Forgets the one remembered for longest; `false` if there is none.
    pub fn forget_oldest(&mut self) -> bool {
        let oldest = self.queue.pop_front();
        oldest.is_some_and(|subject| self.known.remove(&subject))
    }

    /// Whether a shopper is remembered.
    #[must_use]
    pub fn contains(&self, subject: u64) -> bool {
        self.known.contains(&subject)
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Those remembered, first what came first.
    #[must_use]
    pub fn queue(&self) -> &VecDeque<u64> {
        &self.queue
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

impl From<VecDeque<u64>> for Remembered {
    fn from(queue: VecDeque<u64>) -> Self {
        Self { known: queue.iter().copied().collect(), queue }
    }
}

impl From<Remembered> for VecDeque<u64> {
    fn from(remembered: Remembered) -> Self {
        remembered.queue
    }
}
