//! What a million products take, by the process's own memory. Ignored, since it takes a while:
//!
//! ```text
//! cargo test --release --test catalogue_memory -- --ignored --nocapture --test-threads=1
//! ```
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::io::Write as _;
use std::time::Instant;

use offerstream::catalogue::{from_record, load};
use offerstream::engine::catalogue::{Catalogue, Product};

const ITEMS: usize = 1_000_000;

/// Resident memory in bytes; `None` where the system does not tell it this way.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1_024)
}

fn category(n: usize) -> String {
    format!("Department {} > Shelf {} > Row {}", n % 20, n % 300, n % 2_000)
}

/// A title of forty characters and a price.
fn lean(n: usize) -> String {
    format!(r#"{{"item_id":"sku-{n:08}","title":"{:<40}","price":"{}.99"}}"#, format!("Product number {n} of a large shop......"), n % 500)
}

/// The same with a description of a hundred characters, three links of sixty, and all a shop has to say.
fn full(n: usize) -> String {
    let (url, category, brand) = (format!("https://shop.example/products/{n:08}/").to_owned() + &"x".repeat(21), category(n), n % 20_000);
    format!(
        r#"{{"item_id":"sku-{n:08}","title":"{:<40}","description":"{}","price":"{}.99","currency":"USD","category":"{category}",
            "brand":"Brand {brand}","image_url":"{url}","url":"{url}","add_url":"{url}","in_stock":true,"stock":{},"margin":"0.35","rating":"4.5",
            "rating_count":{},"attributes":{{"replenish_days":30}}}}"#,
        format!("Product number {n} of a large shop......"),
        "A description. ".repeat(7).split_at(100).0,
        n % 500,
        n % 90,
        n % 1_000
    )
}

fn measured(name: &str, row: impl Fn(usize) -> String) -> Catalogue {
    let (before, started) = (resident(), Instant::now());
    let catalogue = Catalogue::new(ITEMS);
    for n in 0..ITEMS {
        let read = from_record(None, Some(row(n).as_bytes())).unwrap();
        assert!(catalogue.give(read.item, read.product.unwrap()));
    }
    let (taken, seconds) = (resident().zip(before).map(|(after, before)| after - before), started.elapsed().as_secs_f32());
    match taken {
        Some(bytes) => println!("{name}: {} bytes an item, {} MiB in all, read in {seconds:.1} s", bytes / ITEMS as u64, bytes >> 20),
        None => println!("{name}: the system does not tell memory; read in {seconds:.1} s"),
    }
    catalogue
}

#[test]
#[ignore = "it measures, and takes a while"]
fn a_million_products_fit() {
    println!("a product's place in plain form: {} bytes beside its texts", size_of::<Product>());
    // Kept, so that the second does not take the memory that the first gave back.
    let lean = measured("title and price", lean);
    let full = measured("every field", full);
    assert_eq!((lean.len(), full.len()), (ITEMS, ITEMS));
}

#[test]
#[ignore = "it measures, and takes a while"]
fn a_table_of_a_million_rows_is_read_in_seconds() {
    let mut table = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    writeln!(table, "item_id,title,price,category").unwrap();
    (0..ITEMS).for_each(|n| writeln!(table, "sku-{n:08},Product number {n} of a large shop,{}.99,{}", n % 500, category(n)).unwrap());
    let (catalogue, started) = (Catalogue::new(ITEMS), Instant::now());
    assert_eq!(load(&catalogue, table.path()).unwrap().given, ITEMS as u64);
    println!("a table of {ITEMS} rows is read in {:.1} s", started.elapsed().as_secs_f32());
}
