//! What a snapshot is made of.

use serde::{Deserialize, Serialize};

use crate::engine::totals::TotalKey;

/// One piece of the shop. New kinds are added at the end; what a kind means never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Entry {
    /// A total.
    Total(TotalKey, i128),
}

impl Entry {
    /// Whether it may be thawed by any thread, in any order, once all that are not were.
    #[must_use]
    pub fn is_free(&self) -> bool {
        false
    }
}
