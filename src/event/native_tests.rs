use proptest::prelude::*;

use super::*;

fn reason(json: &str) -> RejectReason {
    decode(json.as_bytes()).expect_err(json).reason
}

#[test]
fn a_cart_add_is_read_with_its_exact_price() {
    let json = r#"{"type":"cart_add","ts":"2010-12-01T08:26:00.001Z","order_id":"536365","customer_id":null,"item_id":"71053","price":3.39,"quantity":6}"#;
    let event = decode(json.as_bytes()).unwrap();
    assert_eq!(event.ts, Timestamp(1_291_191_960_001));
    assert_eq!(event.order_id.as_deref(), Some("536365"));
    assert_eq!(event.customer_id, None);
    let EventKind::CartAdd { line, offer: None } = event.kind else { panic!("{event:?}") };
    assert_eq!((line.item_id.as_str(), line.price, line.quantity), ("71053", Some(Money(3_390_000)), Quantity(6_000)));
}

#[test]
fn every_type_of_the_contract_is_read() {
    for kind in EventType::ALL {
        let json = format!(
            r#"{{"type":"{}","ts":"2026-01-01T00:00:00Z","session_id":"s","order_id":"o","customer_id":"c","offer_id":"f","item_id":"i","items":[{{"item_id":"i"}}]}}"#,
            kind.as_str()
        );
        assert_eq!(decode(json.as_bytes()).unwrap().kind.event_type(), kind);
    }
}

#[test]
fn numbers_may_be_text_and_ids_may_be_whole_numbers() {
    let json = r#"{"type":"product_viewed","ts":"2026-01-01T00:00:00Z","session_id":17,"item_id":42,"price":"50000","quantity":"0.5"}"#;
    let event = decode(json.as_bytes()).unwrap();
    let EventKind::ProductViewed(line) = event.kind else { panic!() };
    assert_eq!((line.item_id.as_str(), line.price, line.quantity), ("42", Some(Money(50_000_000_000)), Quantity(500)));
}

#[test]
fn escapes_in_ids_and_titles_are_undone() {
    let json = r#"{"type":"product_viewed","ts":"2026-01-01T00:00:00Z","session_id":"a\u0062","item_id":"i\"1","title":"G\u00e2teau\n\ud83c\udf70"}"#;
    let event = decode(json.as_bytes()).unwrap();
    assert_eq!(event.session_id.as_deref(), Some("ab"));
    let EventKind::ProductViewed(line) = event.kind else { panic!() };
    assert_eq!((line.item_id.as_str(), line.product.title.as_deref()), ("i\"1", Some("Gâteau 🍰")));
}

#[test]
fn a_purchase_may_be_one_event_an_item() {
    let json = r#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o","item_id":"i","price":2,"discount":0.5}"#;
    let EventKind::Purchase { lines, amounts } = decode(json.as_bytes()).unwrap().kind else { panic!() };
    assert_eq!((lines.len(), amounts.discount), (1, Some(Money(500_000))));
}

#[test]
fn every_bad_record_is_refused_with_its_reason() {
    use RejectReason::*;
    let with = |fields: &str| format!(r#"{{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":"s","item_id":"i",{fields}}}"#);
    let cases = [
        (String::new(), Empty),
        ("  \n".into(), Empty),
        ("{".into(), NotJson),
        ("hello".into(), NotJson),
        ("not json at all".into(), NotJson),
        (r#"{"type":"cart_add""#.into(), NotJson),
        ("[]".into(), NotAnObject),
        ("42".into(), NotAnObject),
        ("null".into(), NotAnObject),
        ("{}".into(), MissingType),
        (r#"{"type":null}"#.into(), MissingType),
        (r#"{"type":"dance"}"#.into(), UnknownType),
        (r#"{"type":7}"#.into(), BadField),
        (r#"{"type":"cart_add"}"#.into(), MissingTime),
        (r#"{"type":"cart_add","ts":"noon"}"#.into(), BadTime),
        (r#"{"type":"cart_add","ts":1291191960}"#.into(), BadTime),
        (r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","item_id":"i"}"#.into(), MissingId),
        (r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":"s"}"#.into(), MissingItem),
        (r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":"s","item_id":""}"#.into(), MissingItem),
        (r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":{},"item_id":"i"}"#.into(), BadId),
        (r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":"a\u0000b","item_id":"i"}"#.into(), BadId),
        (format!(r#"{{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":"{}","item_id":"i"}}"#, "x".repeat(257)), BadId),
        (with(r#""quantity":-1"#), BadQuantity),
        (with(r#""quantity":0"#), BadQuantity),
        (with(r#""quantity":1000001"#), BadQuantity),
        (with(r#""quantity":"many""#), BadQuantity),
        (with(r#""price":-0.01"#), BadPrice),
        (with(r#""price":1e13"#), BadPrice),
        (with(r#""price":0.0000001"#), BadPrice),
        (with(r#""price":[]"#), BadPrice),
        (with(r#""currency":"DOLLARS""#), BadCurrency),
        (with(r#""currency":12"#), BadCurrency),
        (with(r#""price":1000000000000,"quantity":2"#), BadPrice),
        (with(r#""item_id":"twice""#), BadField),
        (r#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","session_id":"s","items":[{"item_id":"i"}]}"#.into(), MissingOrder),
        (r#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o"}"#.into(), MissingItem),
        (r#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o","items":[]}"#.into(), MissingItem),
        (r#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o","items":"i"}"#.into(), BadField),
        (r#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o","items":[{}]}"#.into(), MissingItem),
        (r#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o","items":[{"item_id":"i"}],"tax":-1}"#.into(), BadAmount),
        (r#"{"type":"offer_shown","ts":"2026-01-01T00:00:00Z","session_id":"s"}"#.into(), MissingOffer),
        (r#"{"type":"customer_erased","ts":"2026-01-01T00:00:00Z","session_id":"s"}"#.into(), MissingCustomer),
    ];
    for (json, expected) in cases {
        assert_eq!(reason(&json), expected, "{json}");
    }
}

#[test]
fn what_is_not_utf_8_or_too_large_or_too_long_is_refused() {
    assert_eq!(decode(b"{\"type\":\"\xff\"}").unwrap_err().reason, RejectReason::NotUtf8);
    assert_eq!(decode(&vec![b' '; 5 << 20]).unwrap_err().reason, RejectReason::TooLarge);
    let lines = vec![r#"{"item_id":"i"}"#; ITEMS_MAX + 1].join(",");
    assert_eq!(
        reason(&format!(r#"{{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o","items":[{lines}]}}"#)),
        RejectReason::TooManyItems
    );
}

#[test]
fn a_detail_names_the_field_the_value_and_what_is_allowed() {
    let json = r#"{"type":"cart_add","ts":"2026-01-01T00:00:00Z","session_id":"s","item_id":"i","quantity":-3}"#;
    insta::assert_snapshot!(decode(json.as_bytes()).unwrap_err(), @"bad_quantity: quantity is -3, which is negative; a quantity above 0, at most 1000000, with at most 3 decimals is needed");
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn no_cut_or_changed_byte_makes_the_decoder_panic(cut in 0..200_usize, at in 0..200_usize, byte in any::<u8>()) {
        let json = br#"{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"o","items":[{"item_id":"i\u00e9","price":"2.50","quantity":1e0}],"tax":1}"#;
        let mut bytes = json[..cut.min(json.len())].to_vec();
        if let Some(slot) = bytes.get_mut(at) {
            *slot = byte;
        }
        let _ = decode(&bytes);
    }
}
