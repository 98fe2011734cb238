//! Tokens of offers that are given over HTTP: what an event needs to tell of one, signed.
//!
//! Invariant: what [`TokenKey::open`] returns was sealed with this key, byte by byte. A token is
//! `v1.<what was given>.<tag>`: postcard's wire format and an HMAC-SHA-256 (RFC 2104) over all that stands before the second
//! dot, both in base64url without padding (RFC 4648, section 5). It is signed, not hidden: whoever has one can read it. A key is
//! never shown, by `Debug` neither. The crates are those that signatures of the snapshot store rest on.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::engine::given::Given;
use crate::event::{EventKind, FeedbackAction, OfferRef, Reject, RejectReason, ShopEvent};

/// The version of what a token holds.
const VERSION: &str = "v1";

/// The key of tokens.
#[derive(Clone)]
pub struct TokenKey(ring::hmac::Key);

impl TokenKey {
    /// A key made of these texts, none of which is the key of anything else by itself.
    #[must_use]
    pub fn derived(parts: &[&str]) -> Self {
        let label = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"offerstream offer token v1");
        // A length before each, so that no two lists of texts run together.
        let text: Vec<u8> = parts.iter().flat_map(|part| [&(part.len() as u64).to_le_bytes(), part.as_bytes()].concat()).collect();
        Self(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, ring::hmac::sign(&label, &text).as_ref()))
    }

    /// The token of an offer.
    #[must_use]
    pub fn seal(&self, given: &Given) -> String {
        // Plain data: writing it into memory has no way to fail.
        let body = postcard::to_allocvec(given).unwrap_or_default();
        let signed = format!("{VERSION}.{}", URL_SAFE_NO_PAD.encode(body));
        let tag = ring::hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// What a token says; `None` where it is not one of ours.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Given> {
        let (signed, tag) = token.rsplit_once('.')?;
        ring::hmac::verify(&self.0, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        let (version, body) = signed.split_once('.')?;
        let body = URL_SAFE_NO_PAD.decode(body).ok().filter(|_| version == VERSION)?;
        postcard::from_bytes(&body).ok()
    }

    /// The offer that an event names by a token, if it does.
    ///
    /// # Errors
    /// The token is not ours, or the offer had expired when it is said to have been shown or opened. A cart add is taken in any
    /// case: the basket is more than the mark on it.
    pub fn given(&self, event: &ShopEvent) -> Result<Option<Given>, Reject> {
        match &event.kind {
            EventKind::CartAdd { offer: Some(OfferRef::Token(token)), .. } => Ok(self.open(token)),
            EventKind::Feedback { action, offer: OfferRef::Token(token), .. } => {
                let forged = || Reject::new(RejectReason::BadToken, "offer_token is not one that was signed here with this key");
                let given = self.open(token).ok_or_else(forged)?;
                if event.ts > given.expires_at && *action != FeedbackAction::Dismissed {
                    let detail = format!("offer_token held until {}, and ts is {}", given.expires_at, event.ts);
                    return Err(Reject::new(RejectReason::ExpiredToken, detail));
                }
                Ok(Some(given))
            }
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::given::GivenItem;
    use crate::engine::vocabulary::{Arm, OfferKind, Placement};
    use crate::event::{Money, TOKEN_BYTES_MAX, Timestamp, decode};

    fn key() -> TokenKey {
        TokenKey::derived(&["a secret"])
    }

    fn given(item: &str) -> Given {
        let item = GivenItem {
            item: item.into(),
            kind: OfferKind::Upsell,
            price: Some(Money(1_500_000)),
            anchor: Some(item.into()),
            replaces: Some((item.into(), Some(Money(1_000_000)))),
        };
        Given {
            id: u128::MAX,
            ts: Timestamp(1_772_409_600_000),
            expires_at: Timestamp(1_772_409_660_000),
            placement: Placement::Cart,
            arm: Arm::Treatment,
            variant: Some("default".into()),
            propensity: "0.950000".into(),
            basket_age: 2,
            items: vec![item.clone(), item.clone(), item],
        }
    }

    fn event(kind: &str, token: &str, ts: &str) -> ShopEvent {
        let json = format!(r#"{{"type":"{kind}","ts":"{ts}","session_id":"s","item_id":"a","offer_token":"{token}"}}"#);
        decode(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_token_says_what_was_sealed_and_fits_into_an_event() {
        let token = key().seal(&given("phone-case"));
        assert_eq!(key().open(&token), Some(given("phone-case")));
        assert!(token.len() < 350 && token.starts_with("v1."), "{} bytes: {token}", token.len());
        let longest = key().seal(&given(&"x".repeat(crate::event::ID_BYTES_MAX)));
        assert!(longest.len() <= TOKEN_BYTES_MAX, "{}", longest.len());
        assert_eq!(format!("{:?}", key()), "TokenKey(hidden)");
    }

    #[test]
    fn no_other_text_is_a_token_nor_one_of_another_key() {
        let token = key().seal(&given("a"));
        assert_eq!(TokenKey::derived(&["a secre", "t"]).open(&token), None);
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key().open(std::str::from_utf8(&forged).unwrap()), None, "byte {at}");
            assert_eq!(key().open(&token[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn feedback_with_a_forged_or_expired_token_is_refused_and_a_cart_add_is_taken_without_it() {
        let (in_time, late) = ("2026-03-02T00:01:00Z", "2026-03-02T00:01:00.001Z");
        let token = key().seal(&given("a"));
        let reason = |kind: &str, token: &str, ts: &str| key().given(&event(kind, token, ts)).map_err(|reject| reject.reason);
        for kind in ["offer_shown", "offer_clicked", "offer_dismissed", "cart_add"] {
            assert_eq!(reason(kind, &token, in_time), Ok(Some(given("a"))), "{kind}");
        }
        assert_eq!(reason("offer_shown", &token, late), Err(RejectReason::ExpiredToken));
        assert_eq!(reason("offer_clicked", &token, late), Err(RejectReason::ExpiredToken));
        assert_eq!(reason("offer_dismissed", &token, late), Ok(Some(given("a"))));
        assert_eq!(reason("offer_shown", "v1.AAAA.AAAA", in_time), Err(RejectReason::BadToken));
        assert_eq!(reason("cart_add", "v1.AAAA.AAAA", in_time), Ok(None));
        assert_eq!(reason("product_viewed", "v1.AAAA.AAAA", in_time), Ok(None));
    }
}
