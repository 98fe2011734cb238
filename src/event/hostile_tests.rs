//! Records as an attacker writes them: each ends as an event within the limits, or with the reason that says what is wrong.

use super::*;

const TS: &str = "2026-01-01T00:00:00Z";

fn with(fields: &str) -> String {
    format!(r#"{{"type":"cart_add","ts":"{TS}","session_id":"s","item_id":"i",{fields}}}"#)
}

fn named(id: &str) -> String {
    format!(r#"{{"type":"cart_add","ts":"{TS}","session_id":{id},"item_id":"i"}}"#)
}

fn at(ts: &str) -> String {
    format!(r#"{{"type":"cart_add","ts":"{ts}","session_id":"s","item_id":"i"}}"#)
}

#[test]
fn hostile_records_end_with_their_reason() {
    use RejectReason::*;
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let cases: Vec<(&str, String, Result<(), RejectReason>)> = vec![
        ("nested junk in a field nobody reads", with(&format!(r#""x":{}"#, deep(400_000))), Ok(())),
        ("nested junk that is never closed", "[".repeat(900_000), Err(NotJson)),
        ("objects in objects, never closed", r#"{"a":"#.repeat(150_000), Err(NotJson)),
        ("nested junk as the items", with(&format!(r#""items":{}"#, deep(400_000))), Ok(())),
        ("nested junk as an id", named(&deep(400_000)), Err(BadId)),
        ("nested junk as a price", with(&format!(r#""price":{}"#, deep(400_000))), Err(BadPrice)),
        ("a field twice", with(r#""item_id":"j""#), Err(BadField)),
        ("a hundred thousand unknown fields", with(&(0..90_000).map(|n| format!(r#""f{n}":1"#)).collect::<Vec<_>>().join(",")), Ok(())),
        ("numbers: 1e400", with(r#""price":1e400"#), Err(BadPrice)),
        ("numbers: 1e-400", with(r#""price":1e-400"#), Err(BadPrice)),
        ("numbers: an exponent of 30 digits", with(&format!(r#""price":1e{}"#, "9".repeat(30))), Err(BadPrice)),
        ("numbers: -0", with(r#""price":-0"#), Ok(())),
        ("numbers: -0 of it", with(r#""quantity":-0"#), Err(BadQuantity)),
        ("numbers: 30 digits", with(&format!(r#""price":{}"#, "7".repeat(30))), Err(BadPrice)),
        ("numbers: zeros in front, as text", with(&format!(r#""price":"{}1""#, "0".repeat(500_000))), Ok(())),
        ("numbers: zeros behind", with(&format!(r#""price":1.{}"#, "0".repeat(500_000))), Ok(())),
        ("numbers: half a million digits", with(&format!(r#""price":0.{}"#, "1".repeat(500_000))), Err(BadPrice)),
        ("numbers: NaN", with(r#""price":NaN"#), Err(NotJson)),
        ("numbers: hexadecimal", with(r#""price":"0x10""#), Err(BadPrice)),
        ("numbers: other scripts' digits", with(r#""price":"١٢""#), Err(BadPrice)),
        ("ids: 256 bytes", named(&format!(r#""{}""#, "x".repeat(256))), Ok(())),
        ("ids: 257 bytes of two-byte letters", named(&format!(r#""{}x""#, "ж".repeat(128))), Err(BadId)),
        ("ids: a number of 300 digits", named(&"1".repeat(300)), Err(BadId)),
        ("ids: a negative number", named("-1"), Err(BadId)),
        ("ids: a fraction", named("1.5"), Err(BadId)),
        ("ids: a lone surrogate", named(r#""\ud800""#), Err(BadField)),
        ("ids: surrogates in the wrong order", named(r#""\udc00\ud800""#), Err(BadField)),
        ("ids: a pair of surrogates", named(r#""\ud83c\udf70""#), Ok(())),
        ("ids: a null character", named(r#""a\u0000b""#), Err(BadId)),
        ("ids: DEL", named("\"a\u{7f}b\""), Err(BadId)),
        ("ids: text turned around", named("\"a\u{202e}b\""), Err(BadId)),
        ("ids: an isolate", named(r#""a\u2066b""#), Err(BadId)),
        ("ids: a space without a width", named("\"a\u{200b}b\""), Err(BadId)),
        ("ids: a byte order mark", named("\"\u{feff}s\""), Err(BadId)),
        ("ids: a tag character", named("\"s\u{e0041}\""), Err(BadId)),
        ("ids: a private use character", named("\"\u{e000}\""), Ok(())),
        ("times: a leap second", at("2016-12-31T23:59:60Z"), Ok(())),
        ("times: a minute too many", at("2016-12-31T23:60:00Z"), Err(BadTime)),
        ("times: an offset of a day and more", at("2026-01-01T00:00:00+26:00"), Err(BadTime)),
        ("times: the largest offset", at("2026-01-01T00:00:00-23:59"), Ok(())),
        ("times: the last year", at("9999-12-29T23:59:59Z"), Ok(())),
        ("times: past the last day", at("9999-12-31T23:59:59Z"), Err(BadTime)),
        ("times: year 10000", at("+010000-01-01T00:00:00Z"), Err(BadTime)),
        ("times: before 1970", at("1969-12-31T23:59:59Z"), Err(BadTime)),
        ("times: before 1970 by its offset", at("1970-01-01T00:00:00+01:00"), Err(BadTime)),
        ("times: no such day", at("2026-02-30T00:00:00Z"), Err(BadTime)),
        ("times: no offset", at("2026-01-01T00:00:00"), Err(BadTime)),
        ("times: a zone's name", at("2026-01-01T00:00:00+05:00[Asia/Tashkent]"), Err(BadTime)),
        ("times: half a million digits of a second", at(&format!("2026-01-01T00:00:00.{}Z", "1".repeat(500_000))), Err(BadTime)),
        ("times: letters of several bytes", at("жжжжжжжжжжжжжжж"), Err(BadTime)),
    ];
    for (what, json, expected) in cases {
        let done = decode(json.as_bytes());
        assert_eq!(done.as_ref().map(|_| ()).map_err(|reject| reject.reason), expected, "{what}: {done:.300?}");
        let detail = done.err().map(|reject| reject.detail).unwrap_or_default();
        assert!(detail.len() < 400 && !detail.chars().any(is_hidden), "{what}: {detail:?}");
    }
}

#[test]
fn a_megabyte_of_lines_is_counted_and_not_kept() {
    for (what, line) in [("empty objects", "{}"), ("nulls", "null"), ("lists", "[]")] {
        let lines = vec![line; 1_000_000 / (line.len() + 1)].join(",");
        let json = format!(r#"{{"type":"purchase","ts":"{TS}","order_id":"o","items":[{lines}]}}"#);
        let reject = decode(json.as_bytes()).unwrap_err();
        // What is no line is found out at the first of them.
        let expected = if line == "{}" { RejectReason::TooManyItems } else { reject.reason };
        assert!(matches!(expected, RejectReason::TooManyItems | RejectReason::BadField) && reject.reason == expected, "{what}: {reject}");
    }
}

#[test]
fn a_title_keeps_nothing_that_turns_the_text_after_it_around() {
    let json = with("\"title\":\"A\u{202e}\\u2066B\u{200b}\\nC\u{200d}D\",\"brand\":\"\\ud800\",\"category\":7");
    let EventKind::CartAdd { line, .. } = decode(json.as_bytes()).unwrap().kind else { panic!() };
    let ProductFacts { title, category, brand } = line.product;
    assert_eq!((title.as_deref(), category, brand), (Some("AB C\u{200d}D"), None, None));
}

#[test]
fn a_detail_is_one_line_whatever_the_value_was() {
    let json = with("\"quantity\":{\n\"\u{202e}\":\r\n\"\u{7f}\"}");
    let detail = decode(json.as_bytes()).unwrap_err().detail;
    assert!(detail.starts_with(r#"quantity is {\u{a}"\u{202e}""#), "{detail}");
}
