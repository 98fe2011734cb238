//! The key of an event's record.

use super::ShopEvent;

/// What the shop's producers have to key the event's record with, by which all of one basket is on one partition: the
/// first of its ids.
#[must_use]
pub fn record_key(event: &ShopEvent) -> Option<&str> {
    [&event.session_id, &event.cart_id, &event.order_id, &event.customer_id].into_iter().find_map(|id| id.as_deref())
}
