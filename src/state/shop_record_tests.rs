use super::*;
use crate::engine::decay::Stage;

fn header() -> Header {
    Header { incarnation: 7, commit: 1, decay: Some(Decay::starting(Timestamp(1_291_191_960_000), 7_776_000_000)) }
}

const ERASURE: Erasure = Erasure { at: Timestamp(12), until: Timestamp(13) };

fn all_facts() -> Vec<Fact> {
    [some_facts(ERASURE), later_facts(Timestamp(14))].concat()
}

fn line(item: &str, ts: i64) -> EvidenceLine {
    let evidence = Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts: Timestamp(ts), partners: 1 };
    EvidenceLine { item: item.into(), evidence }
}

const PLAN: Plan = Plan { salt: 1, holdout_millionths: 50_000, window_ms: 604_800_000, cap_micros: 0 };

fn source() -> Source {
    Source {
        offer: 11,
        ts: Timestamp(8),
        placement: Placement::Cart,
        kind: crate::engine::vocabulary::OfferKind::Upsell,
        channel: "web".into(),
        anchor: Some("a".into()),
        replaces: Some(("a".into(), Some(Money(7)))),
        basket_age: 3,
        variant: Some("v".into()),
    }
}

fn some_facts(erasure: Erasure) -> Vec<Fact> {
    vec![
        Fact::Basket { before: vec![line("a", 1)], after: vec![line("a", 2), line("b", 2)] },
        Fact::Line { add: true, pairs_only: false, line: line("c", 3), others: vec!["a".into(), "b".into()] },
        Fact::Learned {
            item: "a".into(),
            ts: Timestamp(4),
            price: Some((Money(5), Currency::USD)),
            product: ProductFacts { title: Some("A".into()), ..ProductFacts::default() },
        },
        Fact::Combination { anchor: "a".into(), companion: "b".into(), step: CombinationStep::Earned(Currency::USD, -9) },
        Fact::Total(TotalKey::Orders, -1),
        Fact::Erased { customer: "u".into(), erasure },
    ]
}

/// Further kinds of facts.
fn later_facts(seen_at: Timestamp) -> Vec<Fact> {
    let sale_line = |item: &str, category: Option<&str>| SaleLine { item: item.into(), units: 2, category: category.map(Id::new) };
    let lines = vec![sale_line("a", Some("tea")), sale_line("b", None)];
    let sale = Sale { add: true, first: false, ts: Timestamp(5), customer: Some("u".into()), net_micros: 7, lines };
    vec![
        Fact::Sale(Sale { customer: None, ..sale.clone() }),
        Fact::Sale(sale),
        Fact::CategoryBasket { before: vec![line("tea", 1)], after: vec![line("tea", 2), line("cups", 2)] },
        Fact::PassedOver { item: "a".into(), instead: vec!["b".into()] },
        Fact::Seen { customer: "u".into(), day: 20_514, placement: Placement::Cart, ts: seen_at },
        Fact::Declined { customer: "u".into(), item: "b".into(), ts: Timestamp(6) },
        Fact::Eligible { plan: PLAN, subject: 9, arm: Arm::Holdout, placement: Placement::Cart, ts: Timestamp(7) },
        Fact::Spent { subject: 9, ts: Timestamp(7), at: Timestamp(8), net_micros: -5, first: false },
        Fact::Crossover { plan: PLAN },
        Fact::Tried { placement: Placement::Cart, variant: "v".into(), step: TriedStep::Earned { before_micros: 3, after_micros: -4 } },
        Fact::Offered { customer: "u".into(), item: "b".into(), from: Timestamp(9), until: Timestamp(10), source: source() },
        Fact::Taken { customer: "u".into(), item: "b".into(), offer: 11 },
    ]
}

#[test]
fn facts_are_read_back_as_they_were_written() {
    let facts = all_facts();
    let records = encode_records(header(), &facts);
    let read = ShopRecord::decode(&records[0]).unwrap();
    assert_eq!((records.len(), read), (1, ShopRecord { header: header(), facts }));
}

#[test]
fn a_large_commit_becomes_several_records_in_order() {
    let facts: Vec<Fact> = (0..200_000).map(|n| Fact::Erased { customer: format!("customer-{n}").into(), erasure: ERASURE }).collect();
    let records = encode_records(header(), &facts);
    assert!(records.len() > 1 && records.iter().all(|record| record.len() <= RECORD_BYTES_MAX));
    let read: Vec<Fact> = records.iter().flat_map(|record| ShopRecord::decode(record).unwrap().facts).collect();
    assert_eq!(read, facts);
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let packed = Packed { header: header(), ids: Vec::new(), evidence: Vec::new(), facts: vec![PackedFact::Erased(3)] };
    assert!(matches!(ShopRecord::decode(&to_frame(VERSION, &packed)), Err(BadRecord::Malformed(_))));
}

/// Found by the fuzz target: the fold would have held sums between 0 and less.
#[test]
fn an_experiment_that_no_settings_make_is_refused() {
    for plan in [Plan { cap_micros: -1, ..PLAN }, Plan { window_ms: -1, ..PLAN }] {
        let eligible = Fact::Eligible { plan, subject: 9, arm: Arm::Holdout, placement: Placement::Cart, ts: Timestamp(7) };
        for fact in [eligible, Fact::Crossover { plan }] {
            assert!(matches!(ShopRecord::decode(&encode_records(header(), &[fact])[0]), Err(BadRecord::Malformed(_))));
        }
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.trim().len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

/// Golden bytes: what was written by an earlier version has to stay readable.
#[test]
fn a_record_of_version_2_is_still_read() {
    let bytes = bytes_of(include_str!("golden/shop_record_v2.hex"));
    assert_eq!(ShopRecord::decode(&bytes).unwrap().facts, [some_facts(UNTIMED), later_facts(Timestamp::MAX)].concat());
}

#[test]
fn a_record_of_version_2_with_times_of_erasures_is_still_read_and_written() {
    let bytes = bytes_of(include_str!("golden/shop_record_v2_erasures.hex"));
    assert_eq!(ShopRecord::decode(&bytes).unwrap().facts, all_facts());
    assert_eq!(encode_records(header(), &all_facts()), [bytes]);
}
