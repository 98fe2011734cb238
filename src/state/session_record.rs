//! A session in the changelog: the newest record of a key is the session; a record without a value ends it.

use super::{BadRecord, from_frame, to_frame};
use crate::engine::session::Session;

/// The version of the format; those before were of development versions.
pub(super) const VERSION: u8 = 5;

/// A session as a changelog value.
#[must_use]
pub fn encode_session(session: &Session) -> Vec<u8> {
    to_frame(VERSION, session)
}

/// A changelog value as a session.
///
/// # Errors
/// Says why the value can't be read.
pub fn decode_session(value: &[u8]) -> Result<Session, BadRecord> {
    from_frame(VERSION, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attribution::What;
    use crate::engine::basket::BasketLine;
    use crate::engine::decay::{Evidence, Stage};
    use crate::engine::orders::{Credit, Order, OrderLine};
    use crate::engine::outstanding::{Outstanding, OutstandingItem};
    use crate::engine::session::Sessions;
    use crate::engine::settings::Settings;
    use crate::engine::vocabulary::{Arm, OfferKind, Placement};
    use crate::event::{Currency, Money, Quantity, Timestamp, decode};

    /// A session in which nothing is left at its default, so that no field can change its place unseen.
    fn full_session() -> Session {
        let json = br#"{"type":"checkout","ts":"2026-01-01T00:00:00Z","session_id":"s","cart_id":"k","customer_id":"u","channel":"web","segment":"vip","locale":"uz","event_id":"e"}"#;
        let event = decode(json).unwrap();
        let mut sessions = Sessions::new(&Settings::default());
        let key = sessions.key_of(&event);
        let mut session = sessions.open(&key, &event).clone();
        let evidence = Evidence { stage: Stage::CartAdd, weight_milli: 200, ts: Timestamp(5), partners: 1 };
        session.basket.lines = vec![BasketLine {
            item: "a".into(),
            quantity: Quantity(1_500),
            price: Some(Money(2_550_000)),
            evidence,
            added_at: Timestamp(2),
        }];
        session.basket.opened_at = Some(Timestamp(4));
        session.recent.is_new(6, 8);
        let mut item = OutstandingItem::new("b".into(), OfferKind::CrossSell, Some("a".into()));
        (item.shown_at, item.clicked_at, item.added_at, item.dismissed_at) =
            (Some(Timestamp(7)), Some(Timestamp(8)), Some(Timestamp(9)), Some(Timestamp(10)));
        (item.accepted_at, item.paid_at, item.matched_at, item.is_told) =
            (Some(Timestamp(11)), Some(Timestamp(12)), Some(Timestamp(13)), true);
        (item.accepted_age_ms, item.is_taken) = (Some(15), true);
        item.replaces = Some(("a".into(), Some(Money(300))));
        session.offers.push_back(Outstanding {
            id: u128::MAX,
            placement: Placement::Checkout,
            channel: "web".into(),
            arm: Arm::Treatment,
            variant: Some("v".into()),
            ts: Timestamp(6),
            basket_age: 3,
            expires_at: Timestamp(8),
            over_at: Timestamp(9),
            items: vec![item],
            seen: true,
            dismissed: true,
            earned_micros: 5,
        });
        session.newest_offers = vec![(Placement::Checkout, u128::MAX)];
        let source = session.offers[0].source(0);
        let credit = Credit { is_spread: true, gross_micros: 5, refunded_micros: 2, ..Credit::new(source.clone(), 500, 1_000) };
        let (quantity, net_micros) = (Quantity::ONE, -1);
        session.orders.push_back(Order {
            id: "o".into(),
            ts: Timestamp(8),
            currency: Currency::USD,
            customer: Some("u".into()),
            lines: vec![OrderLine {
                item: "c".into(),
                quantity,
                net_micros,
                refunded_milli: 500,
                refunded_micros: -3,
                credits: vec![credit],
                elsewhere: Some(Box::new(source)),
            }],
            weight_milli: 1_000,
            paired_lines: 632,
            categories: vec!["tea".into()],
            follow_up_at: Some(Timestamp(10)),
            closed_at: Timestamp(7),
            subject: Some(9),
            cancelled_at: Some(Timestamp(14)),
            counted_with_offer: Some(4),
        });
        session.arm = Some(Arm::Holdout);
        session.pressure.saw(vec!["b".into()], Placement::Checkout);
        session.pressure.rest(&"d".into());
        session.pressure.dismissals = 1;
        session.consider(&"e".into());
        session.basket_answered = true;
        session.examples = vec![7];
        (session.offered_at, session.accepted_at) = (vec![Placement::Cart], vec![(Placement::Checkout, 1)]);
        session.moves.add(&"b".into(), Timestamp(3), What::Removed(Some(Quantity(500))));
        let plan = crate::engine::facts::Plan { salt: 1, holdout_millionths: 50_000, window_ms: 604_800_000, cap_micros: 0 };
        (session.entered, session.eligible_at, session.has_crossed) = (Some((plan, 9)), vec![Placement::Cart], true);
        session
    }

    #[test]
    fn a_session_is_read_back_as_it_was_written() {
        assert_eq!(decode_session(&encode_session(&full_session())), Ok(full_session()));
    }

    /// Golden bytes: what was written by an earlier version has to stay readable.
    #[test]
    fn a_session_of_version_5_is_still_read() {
        let hex = include_str!("golden/session_record_v5.hex").trim();
        let bytes: Vec<u8> = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect();
        let written: String = encode_session(&full_session()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, hex);
        assert_eq!(decode_session(&bytes), Ok(full_session()));
    }
}
