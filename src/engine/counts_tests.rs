use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::engine::decay::Evidence;
use crate::event::Timestamp;

const DAY_MS: i64 = 86_400_000;
const DECAY: Decay = Decay { landmark: Timestamp(0), half_life_ms: 90 * DAY_MS };
const NO_LIMITS: CountLimits = CountLimits { items: 1_000, neighbours: 1_000, pairs: 1_000_000 };

/// One list of lines that came together, or one line of its own.
#[derive(Clone, Debug)]
enum Given {
    Basket(Vec<EvidenceLine>),
    Line { pairs_only: bool, line: EvidenceLine, others: Vec<ItemId> },
}

impl Given {
    fn fold(&self, counts: &Counts, add: bool) {
        match self {
            Self::Basket(lines) if add => counts.change_basket(DECAY, &[], lines),
            Self::Basket(lines) => counts.change_basket(DECAY, lines, &[]),
            Self::Line { pairs_only, line, others } => counts.change_line(DECAY, add, *pairs_only, line, others),
        }
    }
}

fn name(n: usize) -> ItemId {
    ItemId::from(format!("i{n:02}"))
}

fn line(item: &str, stage: Stage, weight_milli: u16, day: i64, partners: u32) -> EvidenceLine {
    let evidence = Evidence { stage, weight_milli, ts: Timestamp(day * DAY_MS), partners };
    EvidenceLine { item: item.into(), evidence }
}

fn bought(items: &[&str]) -> Vec<EvidenceLine> {
    items.iter().map(|item| line(item, Stage::Purchase, 1_000, 0, items.len() as u32 - 1)).collect()
}

/// All that is counted: baskets, then per item its own figures and its pairs.
type Dump = (u64, BTreeMap<ItemId, ((u32, u64), Vec<(ItemId, PairCount)>)>);

fn dump(counts: &Counts) -> Dump {
    let row = |row: &Row| {
        let neighbours: Vec<_> = row.neighbours_sorted().into_iter().map(|(item, count)| (item.clone(), count)).collect();
        ((row.slot.baskets(), row.slot.weight()), neighbours)
    };
    let rows = counts.items_sorted().into_iter().map(|item| (item.clone(), counts.with_row(&item, row).unwrap()));
    (counts.baskets(), rows.filter(|(_, (own, pairs))| *own != (0, 0) || !pairs.is_empty()).collect())
}

fn entries(best: &[BestEntry]) -> Vec<(u64, u32, ItemId)> {
    best.iter().map(|entry| (entry.weight, entry.together, entry.slot.item.clone())).collect()
}

/// The heaviest of all, by a full sort.
fn heaviest(all: impl Iterator<Item = (u64, u32, ItemId)>, length: usize) -> Vec<(u64, u32, ItemId)> {
    let mut all: Vec<_> = all.filter(|(weight, ..)| *weight > 0).collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(&b.2)));
    all.truncate(length);
    all
}

fn best_lists_are_full_sorts(counts: &Counts) {
    for item in counts.items_sorted() {
        let (best, sorted) = counts
            .with_row(&item, |row| {
                let all = row.neighbours_sorted().into_iter().map(|(other, count)| (count.weight, count.together, other.clone()));
                (entries(row.best()), heaviest(all, BEST_NEIGHBOURS))
            })
            .unwrap();
        assert_eq!(best, sorted, "best of {item}");
    }
}

fn given(items: usize, lines_max: usize) -> impl Strategy<Value = Given> {
    let items: Vec<usize> = (0..items).collect();
    let chosen = proptest::sample::subsequence(items, 1..=lines_max).prop_shuffle();
    let stage = prop_oneof![Just((Stage::CartAdd, 200)), Just((Stage::Checkout, 500)), Just((Stage::Purchase, 1_000))];
    (chosen, stage, -400..400_i64, any::<bool>(), any::<bool>()).prop_map(|(chosen, (stage, weight), day, basket, pairs_only)| {
        let partners = chosen.len() as u32 - 1;
        let lines: Vec<EvidenceLine> = chosen.iter().map(|n| line(&name(*n), stage, weight, day, partners)).collect();
        if basket {
            return Given::Basket(lines);
        }
        let others = lines[1..].iter().map(|line| line.item.clone()).collect();
        Given::Line { pairs_only: pairs_only && partners > 0, line: lines[0].clone(), others }
    })
}

/// Facts in some order, each with what of it is taken back later, in some order.
fn given_and_taken(items: usize, lines_max: usize) -> impl Strategy<Value = (Vec<(Given, bool)>, Vec<usize>)> {
    proptest::collection::vec((given(items, lines_max), any::<bool>()), 1..14).prop_flat_map(|facts| {
        let times = |(at, (_, taken)): (usize, &(Given, bool))| std::iter::repeat_n(at, 1 + usize::from(*taken));
        let order: Vec<usize> = facts.iter().enumerate().flat_map(times).collect();
        (Just(facts), Just(order).prop_shuffle())
    })
}

/// The first time a fact's number comes it is added, the second time it is taken back.
fn fold_in(order: &[usize], facts: &[(Given, bool)], counts: &Counts) {
    let mut added = BTreeSet::new();
    for at in order {
        facts[*at].0.fold(counts, added.insert(*at));
    }
}

#[test]
fn together_and_baskets_are_the_baskets_one_can_count_by_hand() {
    let counts = Counts::new(NO_LIMITS);
    for basket in [&["a", "b"][..], &["a", "b", "c"], &["a"], &["c", "d"]] {
        counts.change_basket(DECAY, &[], &bought(basket));
    }
    counts.change_basket(DECAY, &[], &[line("a", Stage::CartAdd, 200, 0, 1), line("d", Stage::CartAdd, 200, 0, 1)]);
    let together = |item: &str, other: &str| {
        let find = |row: &Row| row.neighbours_sorted().into_iter().find(|(name, _)| *name == other).map(|(_, count)| count.together);
        counts.with_row(item, find).flatten()
    };
    assert_eq!(counts.baskets(), 4);
    assert_eq!(["a", "b", "c", "d"].map(|item| counts.with_row(item, |row| row.slot.baskets()).unwrap()), [3, 2, 2, 1]);
    assert_eq!((together("a", "b"), together("b", "a"), together("a", "c"), together("a", "d")), (Some(2), Some(2), Some(1), Some(0)));
    assert_eq!(together("b", "d"), None);
    assert_eq!(counts.pairs(), 5);
}

#[test]
fn a_pair_of_n_lines_weighs_one_over_the_root_of_n_less_one() {
    let counts = Counts::new(NO_LIMITS);
    counts.change_basket(DECAY, &[], &bought(&["a", "b", "c", "d", "e"]));
    let pair = |one: &str, other: usize| counts.with_row(one, |row| row.neighbours_sorted()[other].1).unwrap();
    let count = |follows| PairCount { weight: (1 << 20) / 2, together: 1, follows };
    assert_eq!(pair("e", 0), count(0));
    // What came next follows in full, what came three places later in 0.36 of 64.
    assert_eq!([0, 1, 2, 3].map(|other| pair("a", other)), [64, 38, 23, 14].map(count));
    assert_eq!(counts.with_row("e", |row| row.slot.weight()), Some(1 << 20));
}

#[test]
fn replacing_a_baskets_evidence_is_taking_it_back_and_adding_the_new() {
    let (one, two) = (Counts::new(NO_LIMITS), Counts::new(NO_LIMITS));
    let before = vec![line("a", Stage::CartAdd, 200, 1, 0), line("b", Stage::CartAdd, 200, 2, 1)];
    let after = bought(&["b", "c", "a"]);
    for counts in [&one, &two] {
        counts.change_basket(DECAY, &[], &before);
    }
    one.change_basket(DECAY, &before, &after);
    two.change_basket(DECAY, &before, &[]);
    two.change_basket(DECAY, &[], &after);
    assert_eq!(dump(&one), dump(&two));
    assert_eq!(one.baskets(), 1);
}

#[test]
fn what_was_never_counted_has_no_row() {
    let counts = Counts::new(NO_LIMITS);
    assert!(counts.with_row("a", |_| ()).is_none() && counts.with_popular(<[BestEntry]>::is_empty));
    assert_eq!((counts.items(), counts.pairs(), counts.baskets()), (0, 0, 0));
}

#[test]
fn a_moved_landmark_shrinks_every_weight_and_no_count() {
    let counts = Counts::new(NO_LIMITS);
    counts.change_basket(DECAY, &[], &bought(&["a", "b"]));
    counts.change_basket(DECAY, &[], &[line("c", Stage::CartAdd, 200, -1_500, 1), line("d", Stage::CartAdd, 200, -1_500, 1)]);
    counts.shift(8);
    let (pair, own) = counts.with_row("a", |row| (row.neighbours_sorted()[0].1, row.slot.weight())).unwrap();
    assert_eq!((pair, own), (PairCount { weight: 1 << 12, together: 1, follows: 64 }, 1 << 12));
    assert_eq!(counts.with_popular(|popular| popular[0].weight), 1 << 12);
    // Of what shrank to nothing, nothing is left.
    assert_eq!((counts.with_row("c", |row| row.neighbours_sorted().len()), counts.pairs()), (Some(0), 1));
    counts.shift(64);
    assert_eq!(counts.with_row("a", |row| (row.slot.weight(), row.slot.baskets(), row.best().len())), Some((0, 1, 0)));
}

#[test]
fn a_sum_saturates_instead_of_wrapping() {
    let counts = Counts::new(NO_LIMITS);
    let far = [line("a", Stage::Purchase, 1_000, 90 * 60, 1), line("b", Stage::Purchase, 1_000, 90 * 60, 1)];
    (0..3).for_each(|_| counts.change_basket(DECAY, &[], &far));
    assert_eq!(counts.with_row("a", |row| (row.slot.weight(), row.slot.baskets())), Some((u64::MAX, 3)));
}

#[test]
fn a_full_row_makes_room_for_a_newcomer_in_the_place_of_its_lightest() {
    let counts = Counts::new(CountLimits { neighbours: 2, ..NO_LIMITS });
    for basket in [&["x", "a"], &["x", "a"], &["x", "c"], &["x", "b"]] {
        counts.change_basket(DECAY, &[], &bought(basket));
    }
    let neighbours = |item: &str| counts.with_row(item, |row| entries(row.best())).unwrap();
    assert_eq!(neighbours("x").into_iter().map(|(_, _, item)| item).collect::<Vec<ItemId>>(), ["a", "b"]);
    assert_eq!(neighbours("c").len(), 1);
    assert_eq!(counts.evicted_pairs(), 1);
}

#[test]
fn taking_back_what_was_evicted_leaves_zero_and_no_trace() {
    let counts = Counts::new(CountLimits { items: 3, ..NO_LIMITS });
    counts.change_basket(DECAY, &[], &bought(&["a", "b"]));
    (0..2).for_each(|_| counts.change_basket(DECAY, &[], &bought(&["c", "d", "e"])));
    assert_eq!((counts.items(), counts.evicted_items()), (3, 2));
    counts.change_basket(DECAY, &bought(&["a", "b"]), &[]);
    (0..2).for_each(|_| counts.change_basket(DECAY, &bought(&["c", "d", "e"]), &[]));
    assert_eq!(dump(&counts), (0, BTreeMap::new()));
    assert_eq!(counts.pairs(), 0);
}

proptest! {
    #[test]
    fn facts_commute((facts, order) in given_and_taken(8, 6)) {
        let (one, two) = (Counts::new(NO_LIMITS), Counts::new(NO_LIMITS));
        for (fact, _) in &facts {
            fact.fold(&one, true);
        }
        let mut seen = BTreeSet::new();
        for at in order.iter().rev().filter(|at| seen.insert(**at)) {
            facts[*at].0.fold(&two, true);
        }
        prop_assert_eq!(dump(&one), dump(&two));
        prop_assert_eq!(one.with_popular(entries), two.with_popular(entries));
    }

    #[test]
    fn a_retraction_undoes_to_the_last_bit((facts, order) in given_and_taken(8, 6)) {
        let (kept_only, undone) = (Counts::new(NO_LIMITS), Counts::new(NO_LIMITS));
        fold_in(&order, &facts, &undone);
        for (fact, _) in facts.iter().filter(|(_, taken)| !taken) {
            fact.fold(&kept_only, true);
        }
        prop_assert_eq!(dump(&undone), dump(&kept_only));
        prop_assert_eq!(undone.pairs(), kept_only.pairs());
        for (fact, _) in facts.iter().filter(|(_, taken)| !taken) {
            fact.fold(&undone, false);
        }
        prop_assert_eq!(dump(&undone), (0, BTreeMap::new()));
    }

    #[test]
    fn a_pair_stands_in_both_rows_with_the_same_figures((facts, order) in given_and_taken(8, 6)) {
        let counts = Counts::new(NO_LIMITS);
        fold_in(&order, &facts, &counts);
        let (_, rows) = dump(&counts);
        for (item, (_, pairs)) in &rows {
            for (other, count) in pairs {
                let theirs = rows[other].1.iter().find(|(back, _)| back == item).map(|(_, theirs)| *theirs);
                let same = theirs.map(|theirs| PairCount { follows: count.follows, ..theirs });
                prop_assert_eq!(same, Some(*count), "{} and {}", item, other);
            }
        }
        prop_assert_eq!(counts.pairs() * 2, rows.values().map(|(_, pairs)| pairs.len()).sum::<usize>());
    }

    #[test]
    fn the_best_are_those_a_full_sort_finds((facts, order) in given_and_taken(50, 45), shift in 0..12_u32) {
        let counts = Counts::new(NO_LIMITS);
        fold_in(&order, &facts, &counts);
        best_lists_are_full_sorts(&counts);
        counts.shift(shift);
        best_lists_are_full_sorts(&counts);
    }

    #[test]
    fn the_most_popular_are_those_a_full_sort_finds(facts in proptest::collection::vec(given(90, 60), 1..8)) {
        let counts = Counts::new(NO_LIMITS);
        facts.iter().for_each(|fact| fact.fold(&counts, true));
        let all = dump(&counts).1.into_iter().map(|(item, ((baskets, weight), _))| (weight, baskets, item));
        prop_assert_eq!(counts.with_popular(entries), heaviest(all, POPULAR_ITEMS));
    }

    #[test]
    fn whatever_comes_the_limits_hold_and_the_rows_stay_sound((facts, order) in given_and_taken(12, 6)) {
        let limits = CountLimits { items: 7, neighbours: 3, pairs: 9 };
        let counts = Counts::new(limits);
        let mut added = BTreeSet::new();
        for at in order {
            facts[at].0.fold(&counts, added.insert(at));
            prop_assert!(counts.items() <= limits.items && counts.pairs() <= limits.pairs);
            let mut directed = 0;
            for item in counts.items_sorted() {
                let neighbours: Vec<ItemId> =
                    counts.with_row(&item, |row| row.neighbours_sorted().into_iter().map(|(other, _)| other.clone()).collect::<Vec<_>>()).unwrap();
                directed += neighbours.len();
                prop_assert!(neighbours.len() <= limits.neighbours);
                prop_assert!(neighbours.windows(2).all(|two| two[0] < two[1]), "twice in the row of {}: {:?}", item, neighbours);
                prop_assert!(neighbours.iter().all(|other| counts.with_row(other, |_| ()).is_some()), "{} has {:?}", item, neighbours);
            }
            prop_assert_eq!(counts.pairs(), directed / 2);
            best_lists_are_full_sorts(&counts);
        }
        // In the end all is taken back, and evicted evidence is not taken back twice.
        for at in added {
            if !facts[at].1 {
                facts[at].0.fold(&counts, false);
            }
        }
        let (_, rows) = dump(&counts);
        prop_assert!(rows.values().all(|(own, _)| *own == (0, 0)), "{:?}", rows);
    }
}
