use proptest::prelude::*;

use super::*;
use crate::engine::orders::Order;
use crate::engine::test_support::{DAY_MS, HOUR_MS, START, event, raw};
use crate::engine::vocabulary::{Arm, Placement};

const IDLE_MS: i64 = DAY_MS;

fn sessions() -> Sessions {
    Sessions::new(&Settings::default())
}

fn opened(sessions: &mut Sessions, event: &ShopEvent) -> SessionKey {
    let key = sessions.key_of(event);
    sessions.open(&key, event);
    key
}

fn viewed(at_ms: i64, ids: &str) -> ShopEvent {
    raw("product_viewed", at_ms, &format!(r#"{ids},"item_id":"i""#))
}

fn an_order(ts: Timestamp) -> Order {
    let json = r#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o","items":[{"item_id":"i"}]}"#;
    let id = crate::event::decode(json.as_bytes()).unwrap().order_id.unwrap();
    let currency = crate::event::Currency::USD;
    Order {
        id,
        ts,
        currency,
        customer: None,
        lines: Vec::new(),
        weight_milli: 1_000,
        paired_lines: 632,
        categories: Vec::new(),
        follow_up_at: None,
        closed_at: ts,
        subject: None,
        cancelled_at: None,
        counted_with_offer: None,
    }
}

#[test]
fn a_session_goes_by_the_first_id_of_the_contracts_order() {
    let sessions = sessions();
    for (ids, key) in [
        (r#""customer_id":"u","order_id":"o","cart_id":"c","session_id":"s""#, "s:s"),
        (r#""customer_id":"u","order_id":"o","cart_id":"c""#, "c:c"),
        (r#""customer_id":"u","order_id":"o""#, "o:o"),
        (r#""customer_id":"u""#, "u:u"),
    ] {
        assert_eq!(sessions.key_of(&viewed(0, ids)), key);
    }
}

#[test]
fn an_event_with_several_ids_links_them() {
    let mut sessions = sessions();
    opened(&mut sessions, &viewed(0, r#""session_id":"s","cart_id":"c""#));
    assert_eq!(opened(&mut sessions, &viewed(1, r#""cart_id":"c","order_id":"o""#)), "s:s");
    assert_eq!(opened(&mut sessions, &viewed(2, r#""order_id":"o""#)), "s:s");
    assert_eq!(sessions.len(), 1);
}

#[test]
fn ids_of_different_kinds_are_different_ids() {
    let mut sessions = sessions();
    for ids in [r#""session_id":"7""#, r#""cart_id":"7""#, r#""order_id":"7""#, r#""customer_id":"7""#] {
        opened(&mut sessions, &viewed(0, ids));
    }
    assert_eq!(sessions.len(), 4);
}

#[test]
fn a_customer_links_no_sessions() {
    let mut sessions = sessions();
    opened(&mut sessions, &viewed(0, r#""customer_id":"u""#));
    assert_eq!(opened(&mut sessions, &viewed(1, r#""session_id":"one","customer_id":"u""#)), "s:one");
    assert_eq!(opened(&mut sessions, &viewed(2, r#""session_id":"two","customer_id":"u""#)), "s:two");
    assert_eq!(opened(&mut sessions, &viewed(3, r#""customer_id":"u""#)), "u:u");
}

#[test]
fn what_one_session_is_known_by_no_other_takes_over() {
    let mut sessions = sessions();
    opened(&mut sessions, &viewed(0, r#""session_id":"one","cart_id":"c""#));
    opened(&mut sessions, &viewed(1, r#""session_id":"two""#));
    assert_eq!(opened(&mut sessions, &viewed(2, r#""session_id":"two","cart_id":"c""#)), "s:two");
    assert_eq!(sessions.key_of(&viewed(3, r#""cart_id":"c""#)), "s:one");
}

#[test]
fn what_a_session_that_is_over_was_known_by_passes_on_and_stays_so_when_restored() {
    let mut kept = sessions();
    opened(&mut kept, &viewed(0, r#""session_id":"one","cart_id":"c""#));
    opened(&mut kept, &viewed(2 * DAY_MS, r#""session_id":"two""#));
    assert_eq!(opened(&mut kept, &viewed(2 * DAY_MS, r#""session_id":"two","cart_id":"c""#)), "s:two");
    // Before any sweep the changelog holds both, and says nothing of their order.
    let mut records: Vec<_> = kept.sorted().into_iter().map(|(key, session)| (key.clone(), session.clone())).collect();
    assert_eq!(records.len(), 2);
    for _ in 0..2 {
        records.reverse();
        let mut restored = sessions();
        records.iter().for_each(|(key, session)| restored.restore(key.clone(), session.clone()));
        assert_eq!(restored.key_of(&viewed(2 * DAY_MS, r#""cart_id":"c""#)), "s:two");
    }
}

#[test]
fn a_session_remembers_customer_and_channel_of_the_newest_event_that_named_them() {
    let mut sessions = sessions();
    opened(&mut sessions, &viewed(0, r#""session_id":"s","customer_id":"u","channel":"web""#));
    opened(&mut sessions, &viewed(1, r#""session_id":"s","channel":"app""#));
    opened(&mut sessions, &viewed(2, r#""session_id":"s""#));
    let session = sessions.get("s:s").unwrap();
    assert_eq!((session.customer.as_deref(), session.channel.as_deref(), session.events), (Some("u"), Some("app"), 3));
}

#[test]
fn a_refund_that_names_no_channel_leaves_the_one_the_order_came_by() {
    let mut sessions = sessions();
    let mut order = opened(&mut sessions, &viewed(0, r#""session_id":"s","channel":"app""#));
    sessions.get_mut(&order).unwrap().orders.push_back(an_order(START));
    order = opened(&mut sessions, &viewed(3 * IDLE_MS, r#""session_id":"s""#));
    let session = sessions.get(&order).unwrap();
    assert_eq!((session.visit_from, session.channel.as_deref()), (START.plus_ms(3 * IDLE_MS), Some("app")));
}

#[test]
fn basket_and_offers_end_after_the_idle_time_and_not_a_millisecond_before() {
    for (later_ms, kept) in [(IDLE_MS, true), (IDLE_MS + 1, false)] {
        let mut sessions = sessions();
        let key = opened(&mut sessions, &viewed(0, r#""session_id":"s","customer_id":"u""#));
        let session = sessions.sessions.get_mut(&key).unwrap();
        session.basket.opened_at = Some(START);
        session.newest_offers.push((Placement::Cart, 7));
        session.arm = Some(Arm::Holdout);
        session.orders.push_back(an_order(START));
        opened(&mut sessions, &viewed(later_ms, r#""session_id":"s""#));
        let session = sessions.get(&key).unwrap();
        assert_eq!((session.basket.opened_at.is_some(), session.newest_offers.len()), (kept, usize::from(kept)));
        // Orders, arm and customer outlive it.
        assert_eq!((session.orders.len(), session.arm, session.customer.as_deref()), (1, Some(Arm::Holdout), Some("u")));
    }
}

#[test]
fn an_order_is_kept_for_its_refund_window_and_not_a_millisecond_longer() {
    for (later_ms, orders) in [(30 * DAY_MS, 1), (30 * DAY_MS + 1, 0)] {
        let mut sessions = sessions();
        let key = opened(&mut sessions, &viewed(0, r#""session_id":"s""#));
        sessions.sessions.get_mut(&key).unwrap().orders.push_back(an_order(START));
        opened(&mut sessions, &viewed(later_ms, r#""session_id":"s""#));
        assert_eq!(sessions.get(&key).unwrap().orders.len(), orders);
    }
}

#[test]
fn a_session_is_swept_an_hour_after_it_is_over_and_takes_its_further_ids_along() {
    for (later_ms, swept) in [(IDLE_MS + HOUR_MS - 1, false), (IDLE_MS + HOUR_MS, true)] {
        let mut sessions = sessions();
        opened(&mut sessions, &viewed(0, r#""session_id":"s","cart_id":"c""#));
        opened(&mut sessions, &viewed(later_ms, r#""session_id":"other""#));
        let gone = sessions.sweep();
        assert_eq!(gone.iter().any(|key| key == "s:s"), swept);
        assert_eq!(sessions.key_of(&viewed(later_ms, r#""cart_id":"c""#)), if swept { "c:c" } else { "s:s" });
        assert_eq!((sessions.len(), sessions.evicted()), (if swept { 1 } else { 2 }, 0));
    }
}

#[test]
fn a_session_with_an_order_stays_until_its_refund_window_ends() {
    let mut sessions = sessions();
    let key = opened(&mut sessions, &viewed(0, r#""session_id":"s""#));
    sessions.sessions.get_mut(&key).unwrap().orders.push_back(an_order(START));
    opened(&mut sessions, &viewed(30 * DAY_MS, r#""session_id":"other""#));
    assert_eq!(sessions.sweep(), [""; 0]);
    opened(&mut sessions, &viewed(30 * DAY_MS + HOUR_MS, r#""session_id":"other""#));
    assert_eq!(sessions.sweep(), ["s:s"]);
}

#[test]
fn an_event_that_comes_late_keeps_its_session_like_any_other() {
    let mut sessions = sessions();
    opened(&mut sessions, &viewed(90 * DAY_MS, r#""session_id":"newer""#));
    opened(&mut sessions, &viewed(0, r#""session_id":"s""#));
    assert_eq!(sessions.sweep(), [""; 0]);
    opened(&mut sessions, &viewed(1, r#""session_id":"s""#));
    assert_eq!(sessions.get("s:s").unwrap().events, 2);
}

#[test]
fn beyond_the_limit_the_session_nearest_to_its_end_makes_room() {
    let mut settings = Settings::default();
    settings.limits.sessions = 2;
    let mut sessions = Sessions::new(&settings);
    for (at_ms, name) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
        opened(&mut sessions, &event("product_viewed", at_ms, name, r#""item_id":"i""#));
    }
    assert_eq!(sessions.sweep(), ["s:b"]);
    assert_eq!((sessions.len(), sessions.evicted()), (2, 1));
}

/// Events of few ids, close and far apart, late ones among them.
fn events() -> impl Strategy<Value = Vec<ShopEvent>> {
    let id = |kind: &'static str| prop_oneof![2 => Just(String::new()), 3 => (0..3_u8).prop_map(move |n| format!(r#""{kind}_id":"{n}""#))];
    let step_ms = prop_oneof![4 => 0..HOUR_MS, 2 => DAY_MS..2 * DAY_MS, 1 => -2 * DAY_MS..0, 1 => 25 * DAY_MS..40 * DAY_MS];
    let one = (step_ms, id("session"), id("cart"), id("order"), id("customer"), any::<bool>());
    proptest::collection::vec(one, 1..40).prop_map(|steps| {
        let mut at_ms = 100 * DAY_MS;
        let mut events = Vec::new();
        for (step_ms, session, cart, order, customer, buys) in steps {
            at_ms = (at_ms + step_ms).max(0);
            let named: Vec<String> = [session, cart, order, customer].into_iter().filter(|id| !id.is_empty()).collect();
            let ids = if named.is_empty() { r#""session_id":"x""#.to_owned() } else { named.join(",") };
            let buys = buys && ids.contains("order_id");
            events.push(if buys { raw("purchase", at_ms, &format!(r#"{ids},"items":[{{"item_id":"i"}}]"#)) } else { viewed(at_ms, &ids) });
        }
        events
    })
}

/// Opens the event's session as `apply` does; returns its key and what it is then.
fn step(sessions: &mut Sessions, event: &ShopEvent) -> (SessionKey, Session) {
    let key = sessions.key_of(event);
    let session = sessions.open(&key, event);
    if matches!(event.kind, crate::event::EventKind::Purchase { .. }) {
        session.orders.push_back(an_order(event.ts));
    }
    session.basket.opened_at.get_or_insert(event.ts);
    session.recent.is_new(u128::from(session.events), 4);
    (key, session.clone())
}

proptest! {
    #[test]
    fn whether_a_session_is_over_does_not_depend_on_when_the_sweep_came_by(events in events(), sweeps in any::<u64>()) {
        let (mut never, mut always, mut sometimes) = (sessions(), sessions(), sessions());
        for (at, event) in events.iter().enumerate() {
            let expected = step(&mut never, event);
            prop_assert_eq!(&step(&mut always, event), &expected);
            prop_assert_eq!(&step(&mut sometimes, event), &expected);
            always.sweep();
            if sweeps >> (at % 64) & 1 == 1 {
                sometimes.sweep();
            }
        }
        never.sweep();
        prop_assert_eq!(never.sorted(), always.sorted());
    }

    #[test]
    fn restored_sessions_answer_as_those_that_were_never_lost(events in events(), cut in 0..40_usize, backwards in any::<bool>()) {
        let (mut kept, mut lost) = (sessions(), sessions());
        let cut = cut.min(events.len());
        for event in &events[..cut] {
            step(&mut kept, event);
            step(&mut lost, event);
        }
        lost.sweep();
        let mut records: Vec<_> = lost.sorted().into_iter().map(|(key, session)| (key.clone(), session.clone())).collect();
        if backwards {
            records.reverse();
        }
        let mut restored = sessions();
        for (key, session) in records {
            let value = crate::state::encode_session(&session);
            restored.restore(key, crate::state::decode_session(&value).unwrap());
        }
        for event in &events[cut..] {
            prop_assert_eq!(step(&mut restored, event), step(&mut kept, event));
        }
    }
}
