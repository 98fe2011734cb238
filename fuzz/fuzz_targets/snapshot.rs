//! A snapshot: the file as it is, and the entries of its blocks without their checksums. What can't be thawed is refused; what
//! can, folds on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offerstream::dump;
use offerstream::engine::frozen::Entry;
use offerstream::engine::settings::Limits;
use offerstream::engine::shop::Shop;
use offerstream::state::snapshot::{SnapshotHead, read_snapshot, read_snapshot_head, write_snapshot};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { items: 50, customers: 10, customer_offers: 10, erased_customers: 10, ..Limits::default() };
    let _ = read_snapshot_head(&mut &bytes[..]);
    let shop = Shop::new(&limits);
    let _ = read_snapshot(&mut &bytes[..], &shop);
    shop.clear();
    if thawed(&shop, bytes).is_none() {
        return;
    }
    dump::counts(&shop, &mut Vec::new()).unwrap();
    dump::totals(&shop, &mut Vec::new()).unwrap();
    shop.usage(&limits);
    // What was thawed can be frozen, and read back.
    let head = SnapshotHead { topic: "t".into(), next_offset: 1, last_record: None, taken_at_ms: 0, half_life_ms: 1 };
    let (mut file, again) = (Vec::new(), Shop::new(&limits));
    write_snapshot(&head, shop.freeze(), &mut file).unwrap();
    assert_eq!(read_snapshot(&mut &file[..], &again), Ok(head));
});

/// The entries of a body, one after the other; `None` where they make no shop.
fn thawed(shop: &Shop, mut rest: &[u8]) -> Option<()> {
    let mut thaw = shop.thaw();
    let mut is_free = false;
    while !rest.is_empty() {
        let (entry, after) = postcard::take_from_bytes::<Entry>(rest).ok()?;
        rest = after;
        // As in a file, where blocks out of order are refused.
        if std::mem::replace(&mut is_free, entry.is_free()) && !is_free {
            return None;
        }
        if is_free { thaw.free(entry) } else { thaw.ordered(entry) }.ok()?;
    }
    thaw.finish().ok()
}
