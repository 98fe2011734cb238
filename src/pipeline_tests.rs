use super::*;
use crate::engine::vocabulary::{Outcome, Placement};
use crate::event::EventType;

const DAY_MS: i64 = 86_400_000;
/// 2026-03-02, a Monday.
const START: Timestamp = Timestamp(1_772_409_600_000);

fn processor(learning: Learning) -> Processor {
    let mut settings = Settings::default();
    settings.placements.get_mut(Placement::Cart).baskets_together_min = 1;
    settings.evidence_baskets_min = 1;
    settings.experiment.holdout_ratio = 0.0;
    let shop = Arc::new(Shop::new(&settings.limits));
    Processor::new(Arc::new(settings), shop, learning)
}

fn json(kind: &str, at_ms: i64, session: &str, fields: &str) -> String {
    format!(r#"{{"type":"{kind}","ts":"{}","session_id":"{session}",{fields}}}"#, START.plus_ms(at_ms))
}

fn add(at_ms: i64, session: &str, item: &str) -> String {
    json("cart_add", at_ms, session, &format!(r#""item_id":"{item}""#))
}

fn purchase(at_ms: i64, session: &str, items: &[&str]) -> String {
    let lines: Vec<String> = items.iter().map(|item| format!(r#"{{"item_id":"{item}"}}"#)).collect();
    json("purchase", at_ms, session, &format!(r#""order_id":"of {session}","items":[{}]"#, lines.join(",")))
}

fn record(payload: &str, record_time: Option<Timestamp>) -> Record<'_> {
    Record { partition: 3, key: Some(b"key"), payload: payload.as_bytes(), payload_bytes: payload.len(), record_time }
}

/// Processes a line of a file.
fn process(processor: &mut Processor, payload: &str) -> Result<(), RejectReason> {
    processor.process(&record(payload, None)).map_err(|reject| reject.reason)
}

fn events_and_rejected(batch: &Batch) -> (i128, i128) {
    (batch.totals.sum(|key| matches!(key, TotalKey::Events(_))), batch.totals.sum(|key| matches!(key, TotalKey::Rejected(_))))
}

#[test]
fn a_record_ends_as_an_event_or_as_a_dead_letter() {
    let mut processor = processor(Learning::FromLog);
    for (payload, reason) in [
        (add(0, "s", "a"), None),
        ("junk".into(), Some(RejectReason::NotJson)),
        (json("refund", 0, "s", r#""order_id":"never placed""#), Some(RejectReason::UnknownOrder)),
        (json("checkout", 1, "s", r#""cart_id":"k""#), None),
    ] {
        assert_eq!(process(&mut processor, &payload).err(), reason, "{payload}");
    }
    let batch = processor.batch();
    assert_eq!((batch.records, events_and_rejected(batch)), (4, (2, 2)));
    assert_eq!(batch.totals.get(&TotalKey::Rejected(RejectReason::NotJson)), 1);
    assert_eq!(batch.totals.get(&TotalKey::Events(EventType::Checkout)), 1);
}

#[test]
fn a_record_that_was_cut_for_its_size_is_refused_by_the_size_it_had() {
    let mut processor = processor(Learning::FromLog);
    let payload = add(0, "s", "a");
    let cut = Record { payload_bytes: 5 << 20, ..record(&payload, None) };
    let reject = processor.process(&cut).unwrap_err();
    assert_eq!(reject.reason, RejectReason::TooLarge);
    assert!(reject.detail.contains("5242880"), "{}", reject.detail);
}

#[test]
fn a_record_whose_key_is_too_long_is_refused() {
    let mut processor = processor(Learning::FromLog);
    let (payload, key) = (add(0, "s", "a"), vec![b'k'; KEY_BYTES_MAX + 1]);
    let reject = processor.process(&Record { key: Some(&key), ..record(&payload, None) }).unwrap_err();
    assert_eq!(reject.reason, RejectReason::TooLarge);
    assert!(reject.detail.contains("key has 4097 bytes"), "{}", reject.detail);
    processor.process(&Record { key: Some(&key[1..]), ..record(&payload, None) }).unwrap();
}

#[test]
fn beside_its_record_an_event_may_be_an_hour_ahead_and_as_late_as_it_likes() {
    const HOUR_MS: i64 = 3_600_000;
    for (at_ms, refused) in [(HOUR_MS, false), (HOUR_MS + 1, true), (-9_000 * DAY_MS, false)] {
        let mut processor = processor(Learning::FromLog);
        let payload = add(at_ms, "s", "a");
        let reason = processor.process(&record(&payload, Some(START))).err().map(|reject| reject.reason);
        assert_eq!(reason, refused.then_some(RejectReason::FutureTime), "{at_ms} ms ahead");
    }
}

#[test]
fn in_a_file_an_event_may_be_366_days_ahead_of_the_newest_before_it() {
    for (at_ms, refused) in [(366 * DAY_MS, false), (366 * DAY_MS + 1, true), (-9_000 * DAY_MS, false)] {
        let mut processor = processor(Learning::AtOnce);
        // An older event after the newest one changes nothing.
        for before in [0, -5 * DAY_MS] {
            process(&mut processor, &add(before, "s", "a")).unwrap();
        }
        assert_eq!(process(&mut processor, &add(at_ms, "t", "a")).is_err(), refused, "{at_ms} ms ahead");
    }
}

#[test]
fn a_refused_event_of_the_far_future_opens_the_door_to_no_other() {
    let mut processor = processor(Learning::AtOnce);
    process(&mut processor, &add(0, "s", "a")).unwrap();
    for _ in 0..2 {
        assert_eq!(process(&mut processor, &add(400 * DAY_MS, "s", "a")), Err(RejectReason::FutureTime));
    }
}

#[test]
fn a_rejected_record_moves_neither_the_clock_nor_where_decay_starts() {
    let mut processor = processor(Learning::AtOnce);
    let refund = |at_ms| json("refund", at_ms, "s", r#""order_id":"never placed""#);
    assert_eq!(process(&mut processor, &refund(-200 * DAY_MS)), Err(RejectReason::UnknownOrder));
    process(&mut processor, &add(0, "s", "a")).unwrap();
    assert_eq!(process(&mut processor, &refund(300 * DAY_MS)), Err(RejectReason::UnknownOrder));
    assert_eq!(process(&mut processor, &add(400 * DAY_MS, "s", "a")), Err(RejectReason::FutureTime));
    assert_eq!(processor.decay(), Some(Decay::starting(START, 90 * DAY_MS)));
}

#[test]
fn a_batch_carries_offers_sessions_facts_and_totals_of_its_records() {
    let mut processor = processor(Learning::AtOnce);
    process(&mut processor, &purchase(0, "before", &["a", "b"])).unwrap();
    processor.take_batch();
    let payload = add(1, "s", "a");
    processor.process(&record(&payload, Some(START))).unwrap();
    let batch = processor.take_batch();
    assert_eq!(batch.records, 1);
    assert_eq!(batch.sessions.iter().map(|(partition, key)| (*partition, key.as_str())).collect::<Vec<_>>(), [(3, "s:s")]);
    assert_eq!(batch.totals.get(&TotalKey::Triggers(Placement::Cart, Outcome::Offered)), 1);
    let [offer] = &batch.offers[..] else { panic!("{:?}", batch.offers) };
    assert_eq!((offer.partition, offer.key.as_deref(), offer.record_time), (3, Some(&b"key"[..]), Some(START)));
    let json: serde_json::Value = serde_json::from_slice(&offer.json).unwrap();
    assert_eq!(json.pointer("/items/0/item_id"), Some(&"b".into()));
    assert_eq!(processor.batch().records, 0);
}

#[test]
fn what_is_learned_from_the_log_is_in_the_batch_and_not_yet_known() {
    let mut from_log = processor(Learning::FromLog);
    process(&mut from_log, &purchase(0, "s", &["a", "b"])).unwrap();
    assert_eq!((from_log.shop.counts.baskets(), from_log.shop.totals().len()), (0, 0));
    let batch = from_log.take_batch();
    assert!(batch.facts.iter().any(|fact| matches!(fact, Fact::Basket { .. })));
    assert!(batch.facts.iter().all(|fact| !matches!(fact, Fact::Total(..))), "totals have a place of their own");

    let mut at_once = processor(Learning::AtOnce);
    process(&mut at_once, &purchase(0, "s", &["a", "b"])).unwrap();
    assert_eq!((at_once.shop.counts.baskets(), at_once.shop.totals().get(&TotalKey::Orders)), (1, 1));
    assert!(at_once.take_batch().facts.is_empty());
}

#[test]
fn folding_what_batches_carry_teaches_what_learning_at_once_does() {
    let payloads = [
        add(0, "s", "a"),
        purchase(1, "s", &["a", "b"]),
        add(2, "t", "a"),
        purchase(3, "t", &["b", "c"]),
        json("order_cancelled", 4, "s", r#""order_id":"of s""#),
    ];
    let (mut from_log, mut at_once) = (processor(Learning::FromLog), processor(Learning::AtOnce));
    for payload in &payloads {
        process(&mut from_log, payload).unwrap();
        process(&mut at_once, payload).unwrap();
    }
    from_log.shop.set_decay(from_log.decay().unwrap());
    let batch = from_log.take_batch();
    batch.facts.iter().for_each(|fact| from_log.shop.fold(fact));
    let counts = |processor: &Processor| {
        let mut out = Vec::new();
        crate::dump::counts(&processor.shop, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(counts(&from_log), counts(&at_once));
}

#[test]
fn sessions_that_are_over_end_with_the_batch() {
    let mut processor = processor(Learning::FromLog);
    process(&mut processor, &add(0, "over", "a")).unwrap();
    processor.take_batch();
    process(&mut processor, &add(3 * DAY_MS, "s", "a")).unwrap();
    let batch = processor.take_batch();
    assert_eq!(batch.sessions.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>(), ["s:over", "s:s"]);
    let open: Vec<usize> = processor.partitions().values().map(Sessions::len).collect();
    assert_eq!(open, [1]);
    assert!(processor.sessions_mut(3).get("s:over").is_none() && processor.sessions_mut(3).get("s:s").is_some());
}

#[test]
fn partitions_share_no_sessions() {
    let mut processor = processor(Learning::FromLog);
    let payload = add(0, "s", "a");
    for partition in [0, 1] {
        processor.process(&Record { partition, ..record(&payload, None) }).unwrap();
    }
    assert_eq!(processor.partitions().values().map(Sessions::len).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn partitions_given_up_take_the_batch_along() {
    let mut processor = processor(Learning::FromLog);
    process(&mut processor, &add(0, "s", "a")).unwrap();
    processor.forget_partitions();
    let batch = processor.take_batch();
    assert!(batch.records == 0 && batch.sessions.is_empty() && batch.facts.is_empty() && batch.totals.is_empty());
    assert!(processor.partitions().is_empty());
}

#[test]
fn decay_starts_with_the_first_event_and_moves_with_the_newest() {
    let mut processor = processor(Learning::AtOnce);
    assert_eq!(processor.decay(), None);
    process(&mut processor, &add(0, "s", "a")).unwrap();
    let start = Decay::starting(START, 90 * DAY_MS);
    assert_eq!(processor.decay(), Some(start));
    for day in (300..=1_500).step_by(300) {
        process(&mut processor, &add(day * DAY_MS, "s", "a")).unwrap();
    }
    let moved = processor.decay().unwrap();
    assert_eq!((start.shift_to(moved), processor.shop.decay()), (8, Some(moved)));
}

#[test]
fn offers_may_leave_the_batch_before_it_is_taken() {
    let mut processor = processor(Learning::AtOnce);
    process(&mut processor, &purchase(0, "before", &["a", "b"])).unwrap();
    process(&mut processor, &add(1, "s", "a")).unwrap();
    assert_eq!(processor.drain_offers().count(), 1);
    let batch = processor.take_batch();
    assert_eq!((batch.offers.len(), batch.records), (0, 2));
}

#[test]
fn a_shopper_whose_clock_is_ahead_does_not_let_everybodys_time_pass() {
    const MINUTE_MS: i64 = 60_000;
    for (ahead_ms, expected) in [(40 * MINUTE_MS, 0), (0, 1)] {
        let mut processor = processor(Learning::AtOnce);
        for n in 0..6 {
            process(&mut processor, &purchase(-DAY_MS, &format!("early-{n}"), &["phone", "case"])).unwrap();
        }
        let _ = processor.take_batch();
        process(&mut processor, &add(0, "left", "phone")).unwrap();
        let of_the_basket = processor.drain_offers().count();
        assert_eq!(of_the_basket, 1);
        let late = add(40 * MINUTE_MS, "other", "lamp");
        processor.process(&record(&late, Some(START.plus_ms(40 * MINUTE_MS - ahead_ms)))).unwrap();
        let abandoned = processor.drain_offers().filter(|offer| String::from_utf8_lossy(&offer.json).contains("abandoned_cart")).count();
        assert_eq!(abandoned, expected, "{ahead_ms} ms ahead");
    }
}

/// A body of GA4 with these events, as JSON.
fn ga4(events: &[&str]) -> String {
    format!(r#"{{"client_id":"s","timestamp_micros":{},"events":[{}]}}"#, START.0 * 1_000, events.join(","))
}

#[test]
fn of_several_events_in_a_record_the_good_ones_count_and_one_dead_letter_names_the_bad_ones() {
    let mut processor = processor(Learning::FromLog);
    let payload = ga4(&[
        r#"{"name":"add_to_cart","params":{"items":[{"item_id":"a"}]}}"#,
        r#"{"name":"add_to_cart","params":{"items":[{"item_id":"b","price":-1}]}}"#,
        r#"{"name":"page_view"}"#,
        r#"{"name":"refund","params":{"transaction_id":"never placed"}}"#,
        r#"{"name":"add_to_cart","params":{"items":[{"item_id":"c"}]}}"#,
    ]);
    let reject = processor.process(&record(&payload, Some(START))).unwrap_err();
    assert_eq!(reject.reason, RejectReason::BadPrice);
    assert!(reject.detail.starts_with("events[1].params.items[0].price is -1"), "{}", reject.detail);
    assert!(reject.detail.ends_with("; 1 more of this record can't be used"), "{}", reject.detail);
    let batch = processor.batch();
    assert_eq!((batch.records, events_and_rejected(batch), batch.totals.get(&TotalKey::PassedOver)), (1, (2, 1), 1));
    let basket = &processor.sessions_mut(3).get("s:s").unwrap().basket;
    assert_eq!(basket.lines.iter().map(|line| line.item.as_str()).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn what_the_engine_refuses_of_several_events_is_named_by_its_place() {
    let mut processor = processor(Learning::FromLog);
    let payload = ga4(&[r#"{"name":"begin_checkout"}"#, r#"{"name":"refund","params":{"transaction_id":"never placed"}}"#]);
    let reject = processor.process(&record(&payload, Some(START))).unwrap_err();
    assert!(reject.detail.starts_with("event 2 of 2: order_id is \"never placed\""), "{}", reject.detail);
}

#[test]
fn a_time_that_a_record_does_not_tell_is_that_of_the_record_and_a_file_has_none() {
    let payload = r#"{"client_id":"s","events":[{"name":"begin_checkout"}]}"#;
    let mut processor = processor(Learning::FromLog);
    processor.process(&record(payload, Some(START))).unwrap();
    assert_eq!(processor.newest_of(3), Some(START));
    assert_eq!(process(&mut processor, payload), Err(RejectReason::MissingTime));
}

#[test]
fn a_product_goes_to_the_catalogue_s_topic_or_at_once_into_the_catalogue() {
    let payload = r#"{"id":7,"title":"Tea","vendor":"Leaf","variants":[{"id":8,"price":"2.50"}]}"#;
    let mut from_log = processor(Learning::FromLog);
    process(&mut from_log, payload).unwrap();
    assert_eq!(from_log.shop.catalogue.get("7").title, None);
    let rows = from_log.take_batch().products;
    let [CatalogueRow { item_id, json: Some(json) }] = &rows[..] else { panic!("{rows:?}") };
    let row: serde_json::Value = serde_json::from_slice(json).unwrap();
    assert_eq!((item_id.as_str(), &row["title"], &row["price"]), ("7", &"Tea".into(), &"2.5".into()));

    let mut at_once = processor(Learning::AtOnce);
    process(&mut at_once, payload).unwrap();
    assert_eq!(at_once.shop.catalogue.get("7").brand.as_deref(), Some("Leaf"));
    let headers = [("X-Shopify-Topic", "products/delete")];
    let envelope = Envelope { headers: Some(&headers.as_slice()), ..Envelope::default() };
    at_once.process_in(&record(r#"{"id":7}"#, None), envelope).unwrap();
    assert_eq!(at_once.shop.catalogue.get("7").brand, None);
}

#[test]
fn a_repeated_call_counts_once() {
    let mut processor = processor(Learning::FromLog);
    let call = r#"{"type":"track","event":"Product Added","messageId":"m","anonymousId":"s","timestamp":"2026-03-02T00:00:00Z","properties":{"product_id":"a"}}"#;
    for _ in 0..2 {
        processor.process(&record(call, Some(START))).unwrap();
    }
    assert_eq!(processor.sessions_mut(3).get("s:s").unwrap().basket.lines[0].quantity.to_string(), "1");
}
