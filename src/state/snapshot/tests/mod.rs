mod hostile;
mod world;

use proptest::prelude::*;

use self::world::{HALF_LIFE_MS, Random, customer, fold, seen, small};
use super::*;
use crate::engine::erased::Erasure;
use crate::engine::facts::Fact;
use crate::engine::settings::Limits;
use crate::engine::shop::Shop;
use crate::event::Timestamp;

fn head() -> SnapshotHead {
    SnapshotHead {
        topic: "offerstream.shop".into(),
        next_offset: 42,
        last_record: Some((41, 0xdead_beef)),
        taken_at_ms: 1_700_000_000_000,
        half_life_ms: HALF_LIFE_MS,
    }
}

fn written(shop: &Shop) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_snapshot(&head(), shop.freeze(), &mut bytes).unwrap();
    bytes
}

fn read_into(bytes: &[u8], limits: &Limits) -> Shop {
    let shop = Shop::new(limits);
    assert_eq!(read_snapshot(&mut &bytes[..], &shop), Ok(head()));
    shop
}

/// A shop of so many records, and the chance that made them.
fn shop_of(limits: &Limits, seed: u64, records: usize) -> (Shop, Random) {
    let (shop, mut random) = (Shop::new(limits), Random::new(seed));
    fold(&shop, &mut random, records);
    (shop, random)
}

/// The bodies of all blocks, one after the other.
fn bodies(bytes: &[u8]) -> Vec<u8> {
    let mut input = bytes;
    block::read_head(&mut input, VERSION).unwrap();
    let mut bodies = Vec::new();
    for number in 0.. {
        let block = block::read_block(&mut input, number).unwrap();
        bodies.extend(block.body().unwrap());
        if block.kind == block::Kind::Last {
            return bodies;
        }
    }
    unreachable!()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_goes_on_from_a_snapshot_is_what_never_stopped(seed in any::<u64>(), before in 0..700_usize, after in 0..500_usize) {
        for limits in [small(), Limits::default()] {
            let (shop, mut random) = shop_of(&limits, seed, before);
            let bytes = written(&shop);
            let thawed = read_into(&bytes, &limits);
            prop_assert_eq!(seen(&thawed, &limits), seen(&shop, &limits));
            prop_assert!(written(&thawed) == bytes, "the same state gives the same bytes");
            let mut again = Random::new(seed);
            fold(&Shop::new(&limits), &mut again, before);
            fold(&shop, &mut random, after);
            fold(&thawed, &mut again, after);
            prop_assert_eq!(seen(&thawed, &limits), seen(&shop, &limits));
            prop_assert!(written(&thawed) == written(&shop), "and so after more of the log");
        }
    }

    #[test]
    fn a_frozen_shop_is_the_shop_at_that_moment_whatever_is_folded_since(seed in any::<u64>(), before in 0..500_usize) {
        let (shop, mut random) = shop_of(&small(), seed, before);
        let (bytes, frozen) = (written(&shop), shop.freeze());
        fold(&shop, &mut random, 600);
        let mut later = Vec::new();
        write_snapshot(&head(), frozen, &mut later).unwrap();
        prop_assert!(later == bytes);
    }

    #[test]
    fn what_is_beyond_todays_limits_makes_room(seed in any::<u64>(), before in 300..700_usize) {
        let (shop, mut random) = shop_of(&Limits::default(), seed, before);
        let limits = small();
        let thawed = read_into(&written(&shop), &limits);
        for (name, usage) in thawed.usage(&limits) {
            prop_assert!(usage.entries <= usage.limit, "{} {:?}", name, usage);
            let made_room = usage.evictions > 0 || usage.entries == shop.usage(&limits)[name].entries;
            prop_assert!(made_room || ["categories", "items", "pairs"].contains(&name), "{} {:?}", name, usage);
        }
        prop_assert!(thawed.counts.items_sorted().iter().all(|item| thawed.counts.with_row(item, |row| row.neighbours_sorted().len()) <= Some(6)));
        let again = read_into(&written(&shop), &limits);
        prop_assert!(written(&again) == written(&thawed), "who goes is not left to chance");
        fold(&thawed, &mut random, 200);
        prop_assert!(thawed.usage(&limits).values().all(|usage| usage.entries <= usage.limit));
    }
}

#[test]
fn an_erased_customer_is_in_no_later_snapshot() {
    for limits in [small(), Limits::default()] {
        let (shop, _) = shop_of(&limits, 7, 600);
        let known: Vec<_> = (0..12).map(customer).filter(|customer| contains(&bodies(&written(&shop)), customer)).collect();
        assert!(known.len() > 4, "{known:?}");
        for customer in known {
            shop.fold(&Fact::Erased {
                customer: customer.clone(),
                erasure: Erasure { at: Timestamp(4_000_000_000_000), until: Timestamp(4_100_000_000_000) },
            });
            assert!(!contains(&bodies(&written(&shop)), &customer), "{customer}");
            assert!(!contains(&bodies(&written(&read_into(&written(&shop), &limits))), &customer), "{customer}");
        }
    }
}

#[test]
fn what_the_catalogue_gave_is_not_in_a_snapshot_and_stays_where_one_is_read() {
    use crate::engine::catalogue::Product;
    let titled = |title: &str| Product { title: Some(title.into()), ..Product::default() };
    let (shop, _) = shop_of(&Limits::default(), 3, 300);
    let bytes = written(&shop);
    shop.catalogue.give("given-alone".into(), titled("of the catalogue"));
    assert_eq!(written(&shop), bytes);
    let other = Shop::new(&Limits::default());
    let known = (0..20).map(|n| format!("item-{n:02}")).find(|item| shop.catalogue.get(item).title.is_some()).unwrap();
    other.catalogue.give(known.as_str().into(), titled("of the catalogue"));
    read_snapshot(&mut &bytes[..], &other).unwrap();
    assert_eq!(other.catalogue.get(&known).title.as_deref(), Some("of the catalogue"));
    assert_eq!(other.catalogue.len(), shop.catalogue.len() - 1);
    other.clear();
    assert_eq!((other.catalogue.len(), written(&other)), (1, written(&Shop::new(&Limits::default()))));
}

/// Of equals, the first by id makes room, which is one of the heaviest; and nobody moves up until the list is made anew.
#[test]
fn a_gap_that_an_eviction_left_among_the_heaviest_neighbours_stays_where_it_is() {
    use crate::engine::decay::{Evidence, Stage};
    use crate::engine::facts::EvidenceLine;
    let limits = Limits { neighbours_per_item: 34, ..Limits::default() };
    let shop = Shop::new(&limits);
    let (decay, ts) = (Random::new(1).record().0, crate::event::Timestamp(20_000 * 86_400_000));
    shop.set_decay(decay);
    let evidence = Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts, partners: 1 };
    let line = EvidenceLine { item: "hub".into(), evidence };
    for others in [(0..34).map(|n| format!("n{n:02}").into()).collect(), vec!["new".into()]] {
        shop.fold(&Fact::Line { add: true, pairs_only: false, line: line.clone(), others });
    }
    let best = |shop: &Shop| {
        let names = |row: &crate::engine::counts::Row| row.best().iter().map(|entry| entry.slot.item.to_string()).collect::<Vec<_>>();
        shop.counts.with_row("hub", names).unwrap()
    };
    assert!(best(&shop).contains(&"new".to_owned()) && !best(&shop).contains(&"n32".to_owned()), "{:?}", best(&shop));
    assert_eq!(best(&read_into(&written(&shop), &limits)), best(&shop));
}

/// Version 1 as it was first written. These bytes are read for as long as the version is.
#[test]
fn version_2_is_what_it_was() {
    let shop_of_then = || shop_of(&small(), 1, 400).0;
    let golden = include_bytes!("golden_v2.snapshot");
    if std::env::var_os("OFFERSTREAM_WRITE_GOLDEN").is_some() {
        std::fs::write("src/state/snapshot/tests/golden_v2.snapshot", written(&shop_of_then())).unwrap();
        return;
    }
    assert_eq!(seen(&read_into(golden, &small()), &small()), seen(&shop_of_then(), &small()));
    // How zstd packs them may change with its version; what it packs may not.
    assert!(bodies(golden) == bodies(&written(&shop_of_then())), "the format has changed, and its version has not");
}

#[test]
fn a_shop_larger_than_one_block_is_read_by_two_threads_and_is_the_same() {
    let limits = Limits::default();
    let shop = Shop::new(&limits);
    shop.set_decay(Random::new(1).record().0);
    let offered = |n: u64| {
        let (customer, item, ts) = ("who-was-offered-all".into(), format!("i{n}").into(), crate::event::Timestamp(n as i64));
        Fact::Offered { customer, item, from: ts, until: ts.plus_ms(90_000), source: world::source_of(n.into()) }
    };
    (0..900).for_each(|n| shop.fold(&offered(n)));
    for n in 0..30_000_u64 {
        let (customer, item) = (format!("a-customer-with-a-long-name-{n}").into(), format!("i{}", n % 900).into());
        shop.fold(&Fact::Declined { customer, item, ts: crate::event::Timestamp(n as i64) });
    }
    let bytes = written(&shop);
    assert!(bodies(&bytes).len() > 1_500_000, "three blocks at least");
    let thawed = read_into(&bytes, &limits);
    assert_eq!((thawed.customers.len(), thawed.offered.len()), (30_000, 900));
    assert!(written(&thawed) == bytes);
}
