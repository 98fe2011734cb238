use super::*;
use crate::engine::settings::Settings;
use crate::event::decode;

const CUSTOMER: &str = "customer-17";
/// 2026-03-02T00:00:00Z.
const START: Timestamp = Timestamp(1_772_409_600_000);

fn erasure(at_ms: i64) -> Erasure {
    Erasure { at: START.plus_ms(at_ms), until: START.plus_ms(1_000_000_000) }
}

fn erased(at_ms: i64) -> Erased {
    let erased = Erased::new(10);
    erased.add(CUSTOMER, erasure(at_ms));
    erased
}

/// Sessions after these events: the time, and the fields.
fn sessions(events: &[(i64, &str)]) -> Sessions {
    let mut sessions = Sessions::new(&Settings::default());
    for (at_ms, fields) in events {
        let json = format!(r#"{{"type":"product_viewed","ts":"{}","item_id":"a",{fields}}}"#, START.plus_ms(*at_ms));
        let event = decode(json.as_bytes()).unwrap();
        let key = sessions.key_of(&event);
        sessions.open(&key, &event);
    }
    sessions
}

fn said(sessions: &mut Sessions, erased: &Erased) -> Vec<(String, bool, usize)> {
    let scrubbed = sessions.scrub(erased);
    scrubbed.into_iter().map(|(key, scrubbed)| (key.into(), scrubbed.is_over, scrubbed.told_since.len())).collect()
}

#[test]
fn a_session_loses_the_name_and_one_that_goes_by_it_ends() {
    const KNOWN: &str = r#""session_id":"s","customer_id":"customer-17""#;
    const ANONYMOUS: &str = r#""session_id":"s""#;
    let by_id = [
        (r#""customer_id":"customer-17""#, "u:customer-17"),
        (r#""session_id":"customer-17""#, "s:customer-17"),
        (r#""session_id":"s","cart_id":"customer-17""#, "s:s"),
    ];
    type Left<'a> = Vec<(&'a str, bool, usize)>;
    type Told<'a> = Vec<(i64, &'a str)>;
    let cases: [(&str, Told<'_>, Left<'_>); 7] = [
        ("nobody is known", vec![(1, ANONYMOUS)], vec![]),
        ("somebody else is", vec![(1, r#""session_id":"s","customer_id":"other""#)], vec![]),
        ("known before", vec![(1, KNOWN)], vec![("s:s", false, 0)]),
        ("known at the very time", vec![(5, KNOWN)], vec![("s:s", false, 0)]),
        ("known before, and still busy", vec![(1, KNOWN), (9, ANONYMOUS)], vec![("s:s", false, 1)]),
        ("known before, and named again after", vec![(1, KNOWN), (9, KNOWN)], vec![]),
        ("a new customer of that id", vec![(9, KNOWN), (9, r#""customer_id":"customer-17""#)], vec![]),
    ];
    for (what, events, left) in cases {
        let mut sessions = sessions(&events);
        let left: Vec<(String, bool, usize)> = left.into_iter().map(|(key, over, told)| (key.to_owned(), over, told)).collect();
        assert_eq!(said(&mut sessions, &erased(5)), left, "{what}");
    }
    for (fields, key) in by_id {
        let mut sessions = sessions(&[(1, fields)]);
        assert_eq!(said(&mut sessions, &erased(5)), [(key.to_owned(), true, 0)], "{fields}");
        assert!(sessions.is_empty(), "{fields}");
    }
}

#[test]
fn what_else_the_customer_left_in_a_session_goes_too() {
    let mut sessions = sessions(&[(1, r#""session_id":"s","customer_id":"customer-17","segment":"vip","event_id":"customer-17/1""#)]);
    sessions.scrub(&erased(5));
    let session = sessions.get("s:s").unwrap();
    assert_eq!((&session.customer, &session.told.segment), (&None, &None));
    assert!(!crate::state::encode_session(session).windows(CUSTOMER.len()).any(|window| window == CUSTOMER.as_bytes()));
}

#[test]
fn sessions_are_looked_through_once_an_erasure_and_again_after_a_restore() {
    let erased = erased(5);
    let known = (1, r#""session_id":"s","customer_id":"customer-17""#);
    let mut first = sessions(&[known]);
    let kept = first.get("s:s").unwrap().clone();
    assert_eq!((first.scrub(&erased).len(), first.scrub(&erased).len()), (1, 0));
    // Who knew nothing of it restores a session as it was.
    let mut restored = Sessions::new(&Settings::default());
    restored.restore("s:s".into(), kept);
    assert_eq!((restored.scrub(&erased).len(), restored.scrub(&erased).len()), (1, 0));
    assert_eq!(restored.get("s:s").unwrap().customer, None);
}
