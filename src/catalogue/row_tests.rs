use proptest::prelude::*;

use super::*;
use crate::event::{Currency, Money};

fn row(json: &str) -> Row {
    from_json(None, json.as_bytes()).unwrap()
}

fn error(json: &str) -> String {
    from_json(None, json.as_bytes()).unwrap_err().to_string()
}

fn said(row: &Row) -> Vec<String> {
    row.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn every_field_of_the_contract_is_read() {
    let row = row(r#"{"item_id":"a","title":"Aster 5","description":"A phone\nand a cloth.","price":"2.50","currency":"USD",
        "category":"Phones > Smart","brand":"Aster","image_url":"https://shop.example/a.jpg","url":"https://shop.example/a",
        "add_url":"https://shop.example/add/a","in_stock":true,"stock":"7","margin":0.35,"rating":4.666666666666667,"rating_count":12,
        "upgrade_of":"b","variant_of":7,"pinned":["c","d","c"],"excluded":"e","attributes":{"replenish_days":30,"colour":"red"},"more":[]}"#);
    let expected = Product {
        title: Some("Aster 5".into()),
        description: Some("A phone and a cloth.".into()),
        price: Some(Money(2_500_000)),
        currency: Some(Currency::USD),
        category: Some("Phones > Smart".into()),
        brand: Some("Aster".into()),
        image_url: Some("https://shop.example/a.jpg".into()),
        url: Some("https://shop.example/a".into()),
        add_url: Some("https://shop.example/add/a".into()),
        in_stock: Some(true),
        stock: Some(7),
        margin_ppm: Some(350_000),
        rating_centi: Some(467),
        rating_count: Some(12),
        upgrade_of: Some("b".into()),
        variant_of: Some("7".into()),
        pinned: vec!["c".into(), "d".into()],
        excluded: vec!["e".into()],
        replenish_days: Some(30),
    };
    assert_eq!((row.item.as_str(), row.product, row.warnings), ("a", Some(expected), vec![]));
}

#[test]
fn null_and_empty_fields_are_absent() {
    let row = row(r#"{"item_id":5,"title":"","price":null,"currency":"","stock":"","upgrade_of":"","pinned":null,"attributes":null}"#);
    assert_eq!((row.item.as_str(), row.product), ("5", Some(Product::default())));
}

#[test]
fn a_bad_row_is_named_by_its_field_with_value_and_what_is_allowed() {
    let table = [
        (
            r#""price":"12,50""#,
            r#"price is "12,50", which is not a decimal number; an amount from 0 to 1000000000000 with at most 6 decimals is needed"#,
        ),
        (r#""price":-1"#, "price is -1, which is negative; an amount from 0 to 1000000000000 with at most 6 decimals is needed"),
        (
            r#""price":0.0000001"#,
            "price is 0.0000001, which has too many decimals; an amount from 0 to 1000000000000 with at most 6 decimals is needed",
        ),
        (r#""price":[5]"#, "price is [5]; a number is needed"),
        (r#""currency":"SUM""#, r#"currency is "SUM"; an ISO 4217 code is needed, such as UZS"#),
        (r#""margin":35"#, "margin is 35; a share of the price from 0 to 1 with at most 6 decimals is needed, such as 0.35"),
        (r#""margin":0.1234567"#, "margin is 0.1234567; a share of the price from 0 to 1 with at most 6 decimals is needed, such as 0.35"),
        (r#""rating":5.1"#, "rating is 5.1; a number from 0 to 5 is needed"),
        (r#""rating":"NaN""#, r#"rating is "NaN"; a number from 0 to 5 is needed"#),
        (r#""rating_count":-1"#, "rating_count is -1; a whole number from 0 to 1000000000 is needed"),
        (r#""stock":1.5"#, "stock is 1.5; a whole number from 0 to 1000000000000 is needed"),
        (r#""in_stock":"yes""#, r#"in_stock is "yes"; true or false is needed"#),
        (r#""deleted":1"#, "deleted is 1; true or false is needed"),
        (r#""title":5"#, "title is 5; text is needed"),
        (r#""url":{}"#, "url is {}; a link is needed"),
        (r#""url":"a\u0007b""#, r#"url is "a\u0007b"; control characters are not allowed"#),
        (r#""upgrade_of":1.5"#, "upgrade_of is 1.5; text or a whole number is needed"),
        (r#""pinned":[true]"#, "pinned is true; text or a whole number is needed"),
        (
            r#""url":" JavaScript:alert(1)""#,
            r#"url is " JavaScript:alert(1)"; a link that runs as a program where it is shown is not allowed"#,
        ),
        (
            r#""add_url":"data:text/html,x""#,
            r#"add_url is "data:text/html,x"; a link that runs as a program where it is shown is not allowed"#,
        ),
        (r#""upgrade_of":"a\u202eb""#, r#"upgrade_of is "a\u202eb"; characters that nobody sees are not allowed"#),
        (r#""excluded":"a\tb""#, r#"excluded is "a\tb"; control characters are not allowed"#),
        (r#""attributes":"red""#, r#"attributes is no object; one such as {"replenish_days":30} is needed"#),
        (r#""attributes":{"replenish_days":0}"#, "attributes.replenish_days is 0; a whole number from 1 to 3650 is needed"),
        (r#""attributes":{"replenish_days":"soon"}"#, r#"attributes.replenish_days is "soon"; a whole number from 1 to 3650 is needed"#),
        (r#""price":1,"price":2"#, "price is there twice at column 35"),
    ];
    for (field, expected) in table {
        assert_eq!(error(&format!(r#"{{"item_id":"a",{field}}}"#)), expected);
    }
}

#[test]
fn what_is_no_row_at_all_says_what_it_is() {
    let table = [
        ("", "the row is empty"),
        ("{}", "item_id is missing or empty"),
        ("[1]", "the row is JSON, but not an object"),
        ("title", "the row is not JSON; one object with the product's fields is needed"),
        (r#"{"item_id":"a""#, "the row is not JSON: EOF while parsing an object at column 14"),
        (r#"{"item_id":"a"} x"#, "the row is not JSON: trailing characters at column 17"),
        (r#"{"item_id":["a"]}"#, r#"item_id is ["a"]; text or a whole number is needed"#),
    ];
    for (json, expected) in table {
        assert_eq!(error(json), expected);
    }
    assert_eq!(from_json(None, b"{\"item_id\":\"\xff\"}").unwrap_err().to_string(), "not UTF-8 from byte 12");
    let long = format!(r#"{{"item_id":"a","more":"{}"}}"#, "x".repeat(ROW_BYTES_MAX));
    assert_eq!(error(&long), "the row has 1048601 bytes; 1048576 are allowed");
    let long = "x".repeat(300);
    assert!(error(&format!(r#"{{"item_id":"{long}"}}"#)).ends_with("…; at most 256 bytes are allowed"));
    let long = "x".repeat(1_001);
    assert!(error(&format!(r#"{{"item_id":"a","url":"{long}"}}"#)).ends_with("…; it has 1001 bytes, and at most 1000 are allowed"));
}

#[test]
fn long_texts_are_cut_and_long_lists_kept_in_part() {
    let (long, ids) = ("ü".repeat(2_000), (0..40).map(|n| format!("\"i{n}\"")).collect::<Vec<_>>().join(","));
    let row = row(&format!(r#"{{"item_id":"a","title":"{long}","description":"{long}","pinned":[{ids}]}}"#));
    let product = row.product.unwrap();
    assert_eq!((product.title.unwrap().len(), product.description.unwrap().len(), product.pinned.len()), (300, 1_000, 16));
}

#[test]
fn the_key_names_the_item_and_has_to_agree_with_the_row() {
    let from = |key: Option<&str>, value: &str| from_record(key.map(str::as_bytes), Some(value.as_bytes()));
    assert_eq!(from(Some("a"), "{}").unwrap().item, "a");
    assert_eq!(from(None, r#"{"item_id":"a"}"#).unwrap().item, "a");
    assert_eq!(from(Some("7"), r#"{"item_id":7}"#).unwrap().item, "7");
    let other = from(Some("b"), r#"{"item_id":"a"}"#).unwrap_err();
    assert_eq!(
        (other.reason, other.detail.as_str()),
        (RowReason::OtherKey, r#"item_id is "a", and the record's key "b"; they have to be the same"#)
    );
    assert_eq!(from(Some(""), "{}").unwrap_err().reason, RowReason::MissingItem);
    assert_eq!(from(Some("a\n"), "{}").unwrap_err().detail, "the key is no item id: control characters are not allowed");
    assert_eq!(from_record(Some(b"\xff"), None).unwrap_err().detail, "the key is not UTF-8 from byte 0");
}

#[test]
fn a_null_value_takes_the_item_out_and_so_does_a_row_that_says_deleted() {
    let gone = Row { item: "a".into(), product: None, warnings: vec![] };
    assert_eq!(from_record(Some(b"a"), None).unwrap(), gone);
    assert_eq!(from_record(Some(b"a"), Some(b" null ")).unwrap(), gone);
    assert_eq!(row(r#"{"item_id":"a","deleted":true,"price":"whatever"}"#), gone);
    assert!(row(r#"{"item_id":"a","deleted":false}"#).product.is_some());
    assert_eq!(from_record(None, None).unwrap_err().reason, RowReason::MissingItem);
    assert_eq!(from_record(Some(b"a"), Some(b"")).unwrap_err().reason, RowReason::Empty);
}

#[test]
fn what_makes_no_sense_is_left_out_and_said() {
    let row =
        row(r#"{"item_id":"a","upgrade_of":"a","variant_of":"a","pinned":["a","b","c"],"excluded":["c","a"],"category":"A > B > A"}"#);
    let expected = Product { pinned: vec!["b".into()], excluded: vec!["c".into()], ..Product::default() };
    assert_eq!(row.product, Some(expected));
    assert_eq!(
        said(&row),
        [
            r#"upgrade_of of "a" is ignored: it names the item itself"#,
            r#"variant_of of "a" is ignored: it names the item itself"#,
            r#"pinned of "a" is ignored: it names the item itself"#,
            r#"excluded of "a" is ignored: it names the item itself"#,
            r#"pinned of "a" is ignored: c is excluded as well, and that counts"#,
            r#"category of "a" is ignored: "A > B > A" names a step of its path twice"#,
        ]
    );
}

#[test]
fn the_rows_of_the_simulated_shop_are_read_whole() {
    use crate::demo::sim::{SimConfig, Simulator};
    let shop = Simulator::new(SimConfig { seed: 1, start_ms: 0, shoppers_per_hour: 1.0 });
    for product in shop.catalogue() {
        let read = from_record(Some(product.item_id.as_bytes()), Some(product.to_json().as_bytes())).unwrap();
        assert_eq!(read.warnings, []);
        assert!(read.product.is_some_and(|read| read.price.is_some() && read.rating_centi.is_some()), "{}", product.item_id);
    }
}

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "item_id",
        "deleted",
        "title",
        "price",
        "currency",
        "category",
        "url",
        "in_stock",
        "stock",
        "margin",
        "rating",
        "rating_count",
        "upgrade_of",
        "variant_of",
        "pinned",
        "excluded",
        "attributes",
        "attributes.replenish_days",
        "other",
    ])
    .prop_map(str::to_owned)
}

fn values() -> impl Strategy<Value = String> {
    let any_text = "\\PC{0,20}".prop_map(|text| serde_json::Value::from(text).to_string());
    let any_number = "-?[0-9]{1,25}(\\.[0-9]{1,12})?(e[+-]?[0-9]{1,3})?";
    prop_oneof![
        any_text,
        any_number,
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just(r#"[1,"a",null]"#.to_owned()),
        Just(r#"{"replenish_days":5}"#.to_owned()),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_of_records_panic(key in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)), value in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = from_record(key.as_deref(), Some(&value));
        let _ = from_record(key.as_deref(), None);
    }

    #[test]
    fn no_fields_make_it_panic_and_what_is_read_is_within_its_limits(fields in prop::collection::vec((names(), values()), 0..8)) {
        let object: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        if let Ok(Row { product: Some(product), .. }) = from_record(Some(b"key"), Some(format!("{{{}}}", object.join(",")).as_bytes())) {
            prop_assert!(product.price.is_none_or(|price| (0..=Money::MAX.0).contains(&price.0)));
            prop_assert!(product.margin_ppm.is_none_or(|margin| margin <= 1_000_000));
            prop_assert!(product.rating_centi.is_none_or(|rating| rating <= 500));
            prop_assert!(product.replenish_days.is_none_or(|days| (1..=3_650).contains(&days)));
        }
    }
}
