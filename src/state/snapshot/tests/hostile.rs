//! Bytes that are no snapshot, not any more, or not quite.

use proptest::prelude::*;

use super::*;
use crate::engine::experiment::book::Book;
use crate::engine::frozen::Entry;

fn small_snapshot() -> Vec<u8> {
    written(&shop_of(&small(), 5, 250).0)
}

/// What reading fails with; the shop is then as if nothing had been read, and can still be filled.
fn refused(bytes: &[u8]) -> BadSnapshot {
    let shop = Shop::new(&small());
    let refused = read_snapshot(&mut &bytes[..], &shop).unwrap_err();
    assert!(written(&shop) == written(&Shop::new(&small())), "the shop is left empty: {refused}");
    assert_eq!(shop.usage(&small()), Shop::new(&small()).usage(&small()));
    assert_eq!(read_snapshot(&mut &small_snapshot()[..], &shop), Ok(head()));
    refused
}

/// A snapshot with these blocks, each with a checksum that fits.
fn forged(blocks: &[(block::Kind, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = block::Blocks::begin(&head(), &mut bytes).unwrap();
    blocks.iter().for_each(|(kind, body)| out.write(*kind, body).unwrap());
    out.flush().unwrap();
    bytes
}

/// The entries of a snapshot.
fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let bodies = bodies(bytes);
    let count: u64 = postcard::from_bytes(&forged_count(bytes)).unwrap();
    let mut rest = &bodies[..];
    for _ in 0..count {
        let (entry, after) = postcard::take_from_bytes(rest).unwrap();
        entries.push(entry);
        rest = after;
    }
    entries
}

fn forged_count(bytes: &[u8]) -> Vec<u8> {
    let mut input = bytes;
    block::read_head(&mut input, VERSION).unwrap();
    (0..)
        .map(|number| block::read_block(&mut input, number).unwrap())
        .find(|block| block.kind == block::Kind::Last)
        .unwrap()
        .body()
        .unwrap()
}

/// A snapshot of these entries, as they are.
fn of_entries(entries: &[Entry]) -> Vec<u8> {
    let body = |free: bool| {
        let its = entries.iter().filter(|entry| entry.is_free() == free);
        its.fold(Vec::new(), |body, entry| postcard::to_extend(entry, body).unwrap())
    };
    let count = postcard::to_stdvec(&(entries.len() as u64)).unwrap();
    forged(&[(block::Kind::Ordered, body(false)), (block::Kind::Free, body(true)), (block::Kind::Last, count)])
}

#[test]
fn a_snapshot_that_was_cut_off_anywhere_is_refused() {
    let bytes = small_snapshot();
    let shop = Shop::new(&small());
    for length in 0..bytes.len() {
        let refused = read_snapshot(&mut &bytes[..length], &shop).unwrap_err();
        assert_eq!(refused, if length < 8 { BadSnapshot::NotASnapshot } else { BadSnapshot::CutOff }, "{length} bytes");
        assert_eq!(shop.counts.items() + shop.customers.len(), 0);
    }
    assert_eq!(refused(&bytes[..bytes.len() - 1]), BadSnapshot::CutOff);
}

#[test]
fn a_snapshot_with_a_flipped_bit_anywhere_is_refused() {
    let bytes = small_snapshot();
    let shop = Shop::new(&small());
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let refused = read_snapshot(&mut &damaged[..], &shop).unwrap_err();
        let expected: &[BadSnapshot] = match at {
            0..8 => &[BadSnapshot::NotASnapshot],
            8 => &[BadSnapshot::Newer(damaged[8], VERSION), BadSnapshot::Older(damaged[8], VERSION)],
            // A length that says more than there is looks like a snapshot that was cut off.
            _ => &[BadSnapshot::Damaged, BadSnapshot::CutOff],
        };
        assert!(expected.contains(&refused), "byte {at}: {refused}");
    }
}

#[test]
fn blocks_in_another_order_or_left_out_are_damage() {
    let (shop, _) = shop_of(&small(), 5, 250);
    let whole = of_entries(&entries(&written(&shop)));
    assert!(read_snapshot(&mut &whole[..], &Shop::new(&small())).is_ok());
    let mut input = &whole[..];
    block::read_head(&mut input, VERSION).unwrap();
    let begin = whole.len() - input.len();
    block::read_block(&mut input, 0).unwrap();
    let second = whole.len() - input.len();
    assert_eq!(refused(&[&whole[..begin], &whole[second..]].concat()), BadSnapshot::Damaged);
    assert_eq!(refused(&[&whole[..second], &whole[begin..]].concat()), BadSnapshot::Damaged);
    let more = [&whole[..], &[0]].concat();
    assert_eq!(refused(&more), BadSnapshot::Malformed("something follows its end".into()));
}

#[test]
fn other_versions_and_other_files_are_told_apart() {
    let mut bytes = small_snapshot();
    bytes[8] = VERSION + 1;
    assert_eq!(refused(&bytes), BadSnapshot::Newer(VERSION + 1, VERSION));
    assert_eq!(read_snapshot_head(&mut &bytes[..]), Err(BadSnapshot::Newer(VERSION + 1, VERSION)));
    assert!(block::read_head(&mut &bytes[..], VERSION + 1).is_ok());
    assert_eq!(block::read_head(&mut &bytes[..], VERSION + 2), Err(BadSnapshot::Older(VERSION + 1, VERSION + 2)));
    assert_eq!(refused(b"{\"type\":\"cart_add\"}"), BadSnapshot::NotASnapshot);
    assert_eq!(refused(b""), BadSnapshot::NotASnapshot);
    for error in [refused(&bytes), BadSnapshot::CutOff, BadSnapshot::Damaged, BadSnapshot::Malformed("x".into())] {
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn entries_that_do_not_fit_each_other_are_refused() {
    let good = entries(&small_snapshot());
    let is_malformed = |entries: &[Entry], what: &str| {
        let refused = refused(&of_entries(entries));
        assert!(matches!(refused, BadSnapshot::Malformed(_)), "{what}: {refused}");
    };
    for (at, entry) in good.iter().enumerate() {
        // Once more at the end: of what may be there once only, that is one too many.
        let may_be_told_twice = matches!(
            entry,
            Entry::Total(..)
                | Entry::Queued(..)
                | Entry::Offered(..)
                | Entry::Popular(..)
                | Entry::Optimiser(_)
                | Entry::Learner(_)
                | Entry::Ledger(_)
                | Entry::Closed(_)
                | Entry::Erased(_)
        );
        if !may_be_told_twice {
            let mut twice = good.clone();
            twice.insert(at, entry.clone());
            is_malformed(&twice, "twice");
        }
        if matches!(entry, Entry::Heads(_) | Entry::Item(..) | Entry::Row(..)) {
            let mut without = good.clone();
            without.remove(at);
            is_malformed(&without, "left out");
        }
    }
}

#[test]
fn sums_of_an_experiment_that_no_outcomes_can_have_led_to_are_refused() {
    let spoilt: [fn(&mut Book); 5] = [
        |book| book.cap_micros = -1_000_000_001,
        |book| book.arms.treatment.revenue_micros = -1,
        |book| book.arms.holdout.revenue_micros = i128::MAX,
        |book| book.arms.treatment.shoppers = u64::MAX,
        |book| book.arms.holdout.variance = f64::NAN,
    ];
    for spoil in spoilt {
        let mut entries = entries(&small_snapshot());
        let book = entries.iter_mut().find_map(|entry| if let Entry::Book(book) = entry { Some(book) } else { None });
        spoil(book.expect("the small shop runs an experiment"));
        assert!(matches!(refused(&of_entries(&entries)), BadSnapshot::Malformed(_)));
    }
}

#[test]
fn lengths_that_promise_more_than_there_is_are_not_believed() {
    let bytes = small_snapshot();
    let mut input = &bytes[..];
    block::read_head(&mut input, VERSION).unwrap();
    let begin = bytes.len() - input.len();
    for at in [begin + 1, begin + 5] {
        let mut promising = bytes.clone();
        promising[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(refused(&promising), BadSnapshot::Damaged);
    }
    // Within a body whose checksum fits: a list of four thousand million items.
    let mut body = postcard::to_stdvec(&Entry::Popular(crate::engine::frozen::Which::Items, Vec::new())).unwrap();
    body.pop();
    body.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    let count = postcard::to_stdvec(&1_u64).unwrap();
    assert!(matches!(refused(&forged(&[(block::Kind::Ordered, body), (block::Kind::Last, count)])), BadSnapshot::Malformed(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), free in any::<bool>(), count in 0..9_u64) {
        let shop = Shop::new(&small());
        let _ = read_snapshot(&mut &bytes[..], &shop);
        let _ = read_snapshot_head(&mut &bytes[..]);
        let kind = if free { block::Kind::Free } else { block::Kind::Ordered };
        let count = postcard::to_stdvec(&count).unwrap();
        let _ = read_snapshot(&mut &forged(&[(kind, bytes), (block::Kind::Last, count)])[..], &shop);
    }

    #[test]
    fn no_entry_that_was_tampered_with_makes_reader_or_fold_panic(at in any::<prop::sample::Index>(), to in any::<u8>(), seed in any::<u64>()) {
        let (ordered, free) = entries(&small_snapshot()).into_iter().partition::<Vec<_>, _>(|entry| !entry.is_free());
        let body = |its: &[Entry]| its.iter().fold(Vec::new(), |body, entry| postcard::to_extend(entry, body).unwrap());
        let count = postcard::to_stdvec(&((ordered.len() + free.len()) as u64)).unwrap();
        let mut bodies = [body(&ordered), body(&free)];
        let at = at.index(bodies[0].len() + bodies[1].len());
        let first = bodies[0].len();
        if at < first { bodies[0][at] = to } else { bodies[1][at - first] = to }
        let [ordered, free] = bodies;
        let shop = Shop::new(&small());
        let bytes = forged(&[(block::Kind::Ordered, ordered), (block::Kind::Free, free), (block::Kind::Last, count)]);
        if read_snapshot(&mut &bytes[..], &shop).is_ok() {
            fold(&shop, &mut Random::new(seed), 100);
        }
    }
}
