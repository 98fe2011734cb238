use proptest::prelude::*;

use super::*;
use crate::engine::catalogue::Product;
use crate::event::Money;

fn read(table: &[u8]) -> Result<Vec<(u64, String)>, (u64, String)> {
    let mut rows_read = Vec::new();
    match rows(table, |line, row| rows_read.push((line, row.item.to_string()))) {
        Ok(()) => Ok(rows_read),
        Err(Fault::Line(line, detail)) => Err((line, detail)),
        Err(Fault::Read(error)) => panic!("{error}"),
    }
}

fn owned(rows: &[(u64, &str)]) -> Vec<(u64, String)> {
    rows.iter().map(|(line, item)| (*line, (*item).to_owned())).collect()
}

#[test]
fn the_header_names_the_fields_in_any_order() {
    let table =
        "price, item_id ,unknown,in_stock,pinned,attributes.replenish_days,title\n2.50,a,x,Yes,b | c||7,30,\"Tea, green\"\n,b,,0,,,\n";
    let mut products = Vec::new();
    rows(table.as_bytes(), |_, row| products.push((row.item, row.product.unwrap()))).unwrap();
    let tea = Product {
        price: Some(Money(2_500_000)),
        title: Some("Tea, green".into()),
        in_stock: Some(true),
        pinned: vec!["b".into(), "c".into(), "7".into()],
        replenish_days: Some(30),
        ..Product::default()
    };
    let other = Product { in_stock: Some(false), ..Product::default() };
    assert_eq!(products, [("a".into(), tea), ("b".into(), other)]);
}

#[test]
fn rows_are_named_by_the_line_they_begin_on_however_lines_end() {
    let expected = owned(&[(3, "a"), (4, "b"), (6, "c"), (9, "d")]);
    let table = "\nitem_id,title\na,A\nb,\"B\nor so\"\nc,C\n\n,\nd,\"D\n\"";
    assert_eq!(read(table.as_bytes()), Ok(expected.clone()));
    assert_eq!(read(format!("{table}\n").as_bytes()), Ok(expected.clone()));
    assert_eq!(read(table.replace('\n', "\r\n").as_bytes()), Ok(expected.clone()));
    assert_eq!(read(table.replace('\n', "\r").as_bytes()), Ok(expected));
    assert_eq!(read(b""), Ok(vec![]));
    assert_eq!(read(b"item_id\n"), Ok(vec![]));
    assert_eq!(read(b"\xef\xbb\xbfitem_id\na\n"), Ok(owned(&[(2, "a")])));
}

#[test]
fn a_table_that_cannot_be_read_is_named_by_line() {
    let table: [(&[u8], u64, &str); 10] = [
        (b"id,price\na,1\n", 1, r#"the header has no column item_id, but ["id", "price"]; columns are separated by commas"#),
        (b"item_id;price\na;1\n", 1, r#"the header has no column item_id, but ["item_id;price"]; columns are separated by commas"#),
        (b"item_id,price,price\n", 1, "the header names price twice"),
        (b"item_id,price\na,1\nb,12,50\n", 3, "the row has 3 cells, and the header 2; a cell with a comma in it needs quotes around it"),
        (
            b"item_id,price\r\na,1\r\n\r\nb\r\n",
            4,
            "the row has 1 cells, and the header 2; a cell with a comma in it needs quotes around it",
        ),
        (
            b"item_id,price\na,1\nb,\"12,50\"\n",
            3,
            r#"price is "12,50", which is not a decimal number; an amount from 0 to 1000000000000 with at most 6 decimals is needed"#,
        ),
        (b"item_id,in_stock\na,maybe\n", 2, r#"in_stock is "maybe"; true or false, 1 or 0, yes or no is needed"#),
        (b"item_id,price\n,1\n", 2, "item_id is missing or empty"),
        (b"item_id,title\na,\xff\n", 2, "cell 2 is not UTF-8"),
        (
            b"item_id,stock\na,1\nb,\"two \"\"or\"\" more\"\n",
            3,
            r#"stock is "two \"or\" more"; a whole number from 0 to 1000000000000 is needed"#,
        ),
    ];
    for (bytes, line, detail) in table {
        assert_eq!(read(bytes), Err((line, detail.to_owned())), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_quote_left_open_does_not_read_the_whole_file_into_one_cell() {
    let mut table = b"item_id,title\na,A\nb,\"".to_vec();
    table.extend(std::iter::repeat_n(b"c,C\n", 1_000_000).flatten());
    assert_eq!(read(&table), Err((3, "the row has more than 1048576 bytes; is a quote left open?".to_owned())));
}

#[test]
fn a_large_table_is_read_to_its_end() {
    let mut table = String::from("item_id,title\n");
    (0..300_000).for_each(|n| table.push_str(&format!("i{n},a title of some length\n")));
    assert_eq!(read(table.as_bytes()).map(|rows| (rows.len(), rows[299_999].clone())), Ok((300_000, (300_001, "i299999".to_owned()))));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_of_tables_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b",\"\r\n|".to_vec())], 0..300)) {
        let _ = rows(&bytes[..], |_, _| {});
        let _ = rows(&[b"item_id,price,pinned,in_stock\n", &bytes[..]].concat()[..], |_, _| {});
    }
}
