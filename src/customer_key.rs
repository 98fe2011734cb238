//! Customers' ids as keyed hashes, where a shop keeps the ids themselves to itself.
//!
//! Invariant: with the key nobody but the shop can tell whose hash it is, or try ids until one fits; the key is never shown,
//! by `Debug` neither. The hash is HMAC-SHA-256 (RFC 2104), cut to 128 bits: every language has it at hand, so that a
//! storefront can work out which customer an offer names. (SipHash would do for us, and few others could compute it.) The
//! crate is `ring`, which signs requests to the snapshot store already.

use std::fmt;

use crate::event::{Id, ShopEvent};

/// The fewest bytes of a key: as many as a hash keeps.
pub const KEY_BYTES_MIN: usize = 16;
/// What of a hash is kept.
const HASH_BYTES: usize = 16;

/// The key of customers' ids.
#[derive(Clone)]
pub struct CustomerKey(ring::hmac::Key);

impl CustomerKey {
    /// A key of these bytes; `None` where they are fewer than [`KEY_BYTES_MIN`].
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() >= KEY_BYTES_MIN).then(|| Self(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret)))
    }

    /// The hash of an id, in 32 hexadecimal digits.
    #[must_use]
    pub fn hash(&self, id: &str) -> Id {
        let tag = ring::hmac::sign(&self.0, id.as_bytes());
        let mut text = Id::with_capacity(2 * HASH_BYTES);
        for byte in &tag.as_ref()[..HASH_BYTES] {
            for half in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// Puts the hash in the place of the customer's id, and of any other id of the event that is the same text; returns the
    /// id that was there.
    pub fn hide(&self, event: &mut ShopEvent) -> Option<Id> {
        let hidden = self.hash(event.customer_id.as_deref()?);
        let customer = event.customer_id.replace(hidden.clone())?;
        for id in [&mut event.session_id, &mut event.cart_id, &mut event.order_id].into_iter().flatten() {
            if *id == customer {
                id.clone_from(&hidden);
            }
        }
        Some(customer)
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode;

    fn key() -> CustomerKey {
        CustomerKey::new(b"0123456789abcdef").unwrap()
    }

    /// As `printf %s customer-17 | openssl dgst -sha256 -hmac 0123456789abcdef | cut -c-32` has it.
    #[test]
    fn a_hash_is_that_which_everybody_can_compute() {
        assert_eq!(key().hash("customer-17"), "a9e5664233e6c9d02a693a72274f0a49");
        assert_ne!(key().hash("customer-17"), CustomerKey::new(b"0123456789abcdeg").unwrap().hash("customer-17"));
    }

    #[test]
    fn a_key_is_long_enough_and_never_shown() {
        assert!(CustomerKey::new(b"0123456789abcde").is_none());
        assert_eq!(format!("{:?}", key()), "CustomerKey(hidden)");
    }

    #[test]
    fn every_id_that_is_the_customers_is_hidden() {
        let json = br#"{"type":"checkout","ts":"2026-01-01T00:00:00Z","session_id":"c","cart_id":"k","customer_id":"c"}"#;
        let mut event = decode(json).unwrap();
        assert_eq!(key().hide(&mut event).as_deref(), Some("c"));
        let hash = key().hash("c");
        assert_eq!((event.session_id, event.cart_id, event.customer_id), (Some(hash.clone()), Some("k".into()), Some(hash)));
        let anonymous = br#"{"type":"checkout","ts":"2026-01-01T00:00:00Z","session_id":"c"}"#;
        assert_eq!(key().hide(&mut decode(anonymous).unwrap()), None);
    }
}
