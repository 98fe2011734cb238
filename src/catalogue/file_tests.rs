use std::io::Write as _;
use std::path::PathBuf;

use super::*;

/// A folder with one file of that name.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn loaded(name: &str, bytes: &[u8]) -> Result<(Catalogue, Loaded), String> {
    let (folder, path) = file(name, bytes);
    let catalogue = Catalogue::new(100);
    let loaded = load(&catalogue, &path);
    let folder = folder.path().display().to_string() + "/";
    loaded.map(|loaded| (catalogue, loaded)).map_err(|error| format!("{error:#}").replace(&folder, ""))
}

#[test]
fn lines_and_tables_give_the_same_packed_or_not() {
    let lines = b"{\"item_id\":\"a\",\"price\":5,\"in_stock\":false}\n\n{\"item_id\":\"b\",\"pinned\":[\"a\"]}\n";
    let table = b"item_id,price,in_stock,pinned\na,5,no,\nb,,,a\n";
    let gzip = |bytes: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let files = [
        ("c.jsonl", lines.to_vec()),
        ("c.json.gz", gzip(lines)),
        ("c.zst", zstd(lines)),
        ("c.csv", table.to_vec()),
        ("C.CSV.GZ", gzip(table)),
        ("c.csv.zst", zstd(table)),
    ];
    for (name, bytes) in files {
        let (catalogue, loaded) = loaded(name, &bytes).unwrap();
        assert_eq!((loaded.given, catalogue.len()), (2, 2), "{name}");
        assert!(!catalogue.get("a").is_available() && catalogue.pinned("b") == ["a"], "{name}");
    }
}

#[test]
fn a_bad_row_is_fatal_and_named_by_file_line_and_field() {
    let allowed = "an amount from 0 to 1000000000000 with at most 6 decimals is needed";
    let expected = format!(r#"catalogue shop.csv, line 3: price is "12,50", which is not a decimal number; {allowed}"#);
    assert_eq!(loaded("shop.csv", b"item_id,price\na,1\nb,\"12,50\"\n").unwrap_err(), expected);
    let expected = format!("catalogue shop.jsonl, line 3: price is -1, which is negative; {allowed}");
    assert_eq!(loaded("shop.jsonl", b"{\"item_id\":\"a\"}\n\n{\"item_id\":\"b\",\"price\":-1}").unwrap_err(), expected);
    let long = [b"{\"item_id\":\"a\",\"x\":\"", &vec![b'x'; 3 << 20][..], b"\"}"].concat();
    assert_eq!(loaded("shop.jsonl", &long).unwrap_err(), "catalogue shop.jsonl, line 1: the row has 3145750 bytes; 1048576 are allowed");
}

#[test]
fn the_last_row_of_an_item_counts_and_one_may_take_it_out() {
    let lines = b"{\"item_id\":\"a\",\"title\":\"1\"}\n{\"item_id\":\"a\",\"title\":\"2\"}\n{\"item_id\":\"b\"}\n{\"item_id\":\"b\",\"deleted\":true}\n";
    let (catalogue, loaded) = loaded("c.jsonl", lines).unwrap();
    assert_eq!((loaded.given, loaded.deleted, catalogue.len()), (3, 1, 1));
    assert_eq!(catalogue.get("a").title.as_deref(), Some("2"));
}

#[test]
fn what_makes_no_sense_is_told_with_its_line_and_only_the_first_of_much() {
    let (_, told) = loaded("c.csv", b"item_id,price,upgrade_of,pinned\na,5,,a\nb,5,a,\n").unwrap();
    let lines: Vec<(u64, String)> = told.warnings.iter().map(|(line, warning)| (*line, warning.to_string())).collect();
    let expected = [
        (2, r#"pinned of "a" is ignored: it names the item itself"#.to_owned()),
        (3, r#"upgrade_of of "b" is ignored: it costs 5, and "a", which it is to be better than, 5"#.to_owned()),
    ];
    assert_eq!(lines, expected);
    let many: String = (0..50).map(|n| format!("i{n},5,i{n},\n")).collect();
    let (_, told) = loaded("c.csv", format!("item_id,price,upgrade_of,pinned\n{many}").as_bytes()).unwrap();
    assert_eq!((told.warnings.len(), told.warnings_count), (20, 50));
}

#[test]
fn products_beyond_the_limit_are_counted() {
    let (_folder, path) = file("c.csv", b"item_id\na\nb\nc\n");
    let loaded = load(&Catalogue::new(2), &path).unwrap();
    assert_eq!((loaded.given, loaded.refused), (2, 1));
}
