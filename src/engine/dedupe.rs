//! The event ids a session has seen lately.
//!
//! Invariant: an id is new exactly once, until `limit` newer ones have come.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::hash::hash_128;
use crate::event::{EventKind, ShopEvent};

/// Recent ids, as hashes: 16 bytes each, whatever the shop's ids look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentIds(VecDeque<u128>);

impl RecentIds {
    /// Whether `id` was seen lately.
    #[must_use]
    pub fn has(&self, id: u128) -> bool {
        self.0.contains(&id)
    }

    /// Whether `id` is new; remembers it, and forgets the oldest beyond `limit`.
    pub fn is_new(&mut self, id: u128, limit: usize) -> bool {
        if self.has(id) {
            return false;
        }
        self.0.push_back(id);
        while self.0.len() > limit {
            self.0.pop_front();
        }
        true
    }
}

/// What tells an event from its repetition: its id; for a purchase or refund without one, order and content;
/// `None` for all else, of which a repetition can't be told.
#[must_use]
pub fn identity(event: &ShopEvent) -> Option<u128> {
    if let Some(id) = &event.event_id {
        return Some(hash_128("event_id", &[id.as_bytes()]));
    }
    let order = event.order_id.as_deref().unwrap_or_default();
    let lines = match &event.kind {
        EventKind::Purchase { lines, .. } => lines.as_slice(),
        EventKind::Refund(Some(lines)) => lines.as_slice(),
        EventKind::Refund(None) | EventKind::OrderCancelled => &[],
        _ => return None,
    };
    let content: String = lines.iter().map(|line| format!("{}\u{0}{:?}\u{0}{}\u{0}", line.item_id, line.price, line.quantity.0)).collect();
    Some(hash_128(event.kind.event_type().as_str(), &[order.as_bytes(), content.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_until_enough_newer_ones_have_come() {
        let mut recent = RecentIds::default();
        assert!(recent.is_new(1, 2));
        assert!(!recent.is_new(1, 2));
        assert!(recent.is_new(2, 2) && recent.is_new(3, 2));
        assert!(recent.is_new(1, 2));
    }
}
