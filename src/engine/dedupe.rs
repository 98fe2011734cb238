//! The event ids a session has seen lately.
//!
//! Invariant: an id is new exactly once, until `limit` newer ones have come.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::hash::hash_128;
use super::memory::{Heap, list};
use crate::event::{EventKind, ShopEvent};

/// Recent ids, as hashes: 16 bytes each, whatever the shop's ids look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentIds(VecDeque<u128>);

impl Heap for RecentIds {
    fn heap(&self) -> usize {
        list::<u128>(self.0.len())
    }
}

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

    fn of(kind: &str, fields: &str) -> Option<u128> {
        let json = format!(r#"{{"type":"{kind}","ts":"2026-01-01T00:00:00Z","session_id":"s"{fields}}}"#);
        identity(&crate::event::decode(json.as_bytes()).unwrap())
    }

    #[test]
    fn an_event_with_an_id_is_known_by_it_alone() {
        let one = of("cart_add", r#","item_id":"a","event_id":"1""#);
        assert_eq!(one, of("cart_add", r#","item_id":"b","event_id":"1""#));
        assert_ne!(one, of("cart_add", r#","item_id":"a","event_id":"2""#));
    }

    #[test]
    fn without_an_id_only_purchases_refunds_and_cancellations_are_known_by_order_and_content() {
        let purchase = |order: &str, item: &str, more: &str| {
            of("purchase", &format!(r#","order_id":"{order}","items":[{{"item_id":"{item}","price":2{more}}}]"#))
        };
        let one = purchase("o", "a", "");
        assert_eq!(one, purchase("o", "a", r#","quantity":1"#));
        for other in
            [purchase("p", "a", ""), purchase("o", "b", ""), purchase("o", "a", r#","quantity":2"#), of("refund", r#","order_id":"o""#)]
        {
            assert!(other.is_some() && other != one);
        }
        assert_ne!(of("refund", r#","order_id":"o""#), of("order_cancelled", r#","order_id":"o""#));
        for (kind, fields) in [
            ("cart_add", r#","item_id":"a""#),
            ("checkout", ""),
            ("product_viewed", r#","item_id":"a""#),
            ("offer_shown", r#","offer_id":"f""#),
        ] {
            assert_eq!(of(kind, fields), None, "{kind}");
        }
    }

    #[test]
    fn looking_an_id_up_remembers_nothing() {
        let mut recent = RecentIds::default();
        assert!(!recent.has(1) && recent.is_new(1, 2) && recent.has(1));
    }

    #[test]
    fn an_id_is_new_once_until_enough_newer_ones_have_come() {
        let mut recent = RecentIds::default();
        assert!(recent.is_new(1, 2));
        assert!(!recent.is_new(1, 2));
        assert!(recent.is_new(2, 2) && recent.is_new(3, 2));
        assert!(recent.is_new(1, 2));
    }
}
