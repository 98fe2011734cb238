//! A catalogue as a table: rows, or the line that can't be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::catalogue::rows_of_table;
use offerstream::engine::catalogue::Catalogue;

fuzz_target!(|bytes: &[u8]| {
    let catalogue = Catalogue::new(1_000);
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
    let _ = rows_of_table("fuzz", bytes, |line, row| {
        assert!((1..=lines).contains(&line));
        match row.product {
            Some(product) => drop(catalogue.give(row.item, product)),
            None => catalogue.withdraw(&row.item),
        }
    });
    catalogue.check_relations();
});
