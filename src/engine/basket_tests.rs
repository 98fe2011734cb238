use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::engine::counts::{CountLimits, Counts, PairCount};
use crate::engine::decay::Decay;
use crate::event::ProductFacts;

const DECAY: Decay = Decay { landmark: Timestamp(0), half_life_ms: 1_000 };

fn rules(stage: Stage) -> BasketRules {
    let weight_milli = match stage {
        Stage::CartAdd => 200,
        Stage::Checkout => 500,
        Stage::Purchase => 1_000,
    };
    BasketRules { lines_max: 6, paired_lines: 4, weight_milli, stage }
}

fn units(item: &str, units: u32, price: Option<i64>) -> Line {
    Line { item_id: item.into(), price: price.map(Money), quantity: Quantity(units * 1_000), product: ProductFacts::default() }
}

fn added(basket: &mut Basket, item: &str) -> Option<Fact> {
    basket.add(&units(item, 1, None), Timestamp(0), rules(Stage::CartAdd))
}

fn items(basket: &Basket) -> Vec<&str> {
    basket.lines.iter().map(|line| line.item.as_str()).collect()
}

#[test]
fn more_units_of_an_item_are_no_new_evidence() {
    let mut basket = Basket::default();
    assert!(added(&mut basket, "a").is_some());
    assert_eq!(basket.add(&units("a", 2, Some(7)), Timestamp(1), rules(Stage::CartAdd)), None);
    assert_eq!((basket.lines.len(), basket.lines[0].quantity, basket.by_item()["a"].price), (1, Quantity(3_000), Some(Money(7))));
    // A later event without a price takes none away.
    basket.add(&units("a", 1, None), Timestamp(2), rules(Stage::CartAdd));
    assert_eq!(basket.by_item()["a"].price, Some(Money(7)));
}

#[test]
fn a_line_stays_until_its_last_unit_is_removed() {
    let mut basket = Basket::default();
    basket.add(&units("a", 3, None), Timestamp(0), rules(Stage::CartAdd));
    assert!(basket.remove("a", Some(Quantity(2_000))).is_empty());
    assert_eq!(basket.lines[0].quantity, Quantity::ONE);
    assert_eq!(basket.remove("a", Some(Quantity::ONE)).len(), 1);
    assert_eq!((basket.lines.len(), basket.opened_at), (0, None));
    assert!(basket.remove("a", None).is_empty());
}

#[test]
fn removing_more_than_there_is_or_no_quantity_removes_the_line() {
    for quantity in [None, Some(Quantity(9_000))] {
        let mut basket = Basket::default();
        basket.add(&units("a", 3, None), Timestamp(0), rules(Stage::CartAdd));
        assert_eq!(basket.remove("a", quantity).len(), 1);
        assert!(!basket.has("a"));
    }
}

#[test]
fn beyond_the_limit_no_line_is_taken() {
    let mut basket = Basket::default();
    let facts = ["a", "b", "c", "d", "e", "f", "g"].map(|item| added(&mut basket, item).is_some());
    assert_eq!(facts, [true, true, true, true, true, true, false]);
    assert!(!basket.has("g"));
}

#[test]
fn lines_past_the_paired_ones_weigh_but_make_no_pairs() {
    let mut basket = Basket::default();
    let partners = ["a", "b", "c", "d", "e"].map(|item| match added(&mut basket, item) {
        Some(Fact::Line { line, others, .. }) => (line.evidence.partners, others.len()),
        other => panic!("{other:?}"),
    });
    assert_eq!(partners, [(0, 0), (1, 1), (2, 2), (3, 3), (0, 0)]);
}

#[test]
fn lines_at_the_checkout_replace_the_basket_and_keep_prices_that_are_known() {
    let mut basket = Basket::default();
    basket.add(&units("a", 1, Some(5)), Timestamp(0), rules(Stage::CartAdd));
    basket.add(&units("b", 1, Some(6)), Timestamp(0), rules(Stage::CartAdd));
    basket.advance(&[units("c", 1, None), units("a", 2, None), units("c", 1, None)], Timestamp(9), rules(Stage::Checkout));
    assert_eq!(items(&basket), ["c", "a"]);
    assert_eq!(
        (basket.lines[0].quantity, basket.by_item()["a"].price, basket.by_item()["c"].price),
        (Quantity(2_000), Some(Money(5)), None)
    );
    assert_eq!(basket.opened_at, Some(Timestamp(0)));
}

#[test]
fn a_taken_basket_leaves_an_empty_one() {
    let mut basket = Basket::default();
    added(&mut basket, "a");
    assert_eq!((items(&basket.take()), basket), (vec!["a"], Basket::default()));
}

#[derive(Clone, Debug)]
enum Op {
    Add(&'static str, u32),
    Remove(&'static str, Option<u32>),
    Advance(Vec<&'static str>),
    Take,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let item = || proptest::sample::select(vec!["a", "b", "c", "d", "e", "f", "g", "h"]);
    let op = prop_oneof![
        8 => (item(), 1..3_u32).prop_map(|(item, units)| Op::Add(item, units)),
        4 => (item(), proptest::option::of(1..3_u32)).prop_map(|(item, units)| Op::Remove(item, units)),
        2 => proptest::collection::vec(item(), 0..7).prop_map(Op::Advance),
        1 => Just(Op::Take),
    ];
    proptest::collection::vec(op, 1..40)
}

/// What the shop should hold: each item's own weight, and for each pair in order its figures.
#[derive(Default)]
struct Slow {
    own: BTreeMap<ItemId, u64>,
    pairs: BTreeMap<(ItemId, ItemId), u64>,
}

impl Slow {
    /// Each line for itself and with all lines before it.
    fn add(&mut self, lines: &[(ItemId, Evidence)]) {
        for (at, (item, evidence)) in lines.iter().enumerate() {
            *self.own.entry(item.clone()).or_default() += DECAY.item_weight(evidence);
            for (other, _) in lines[..at].iter().filter(|_| evidence.partners > 0) {
                let pair = if item < other { (item.clone(), other.clone()) } else { (other.clone(), item.clone()) };
                *self.pairs.entry(pair).or_default() += DECAY.pair_weight(evidence);
            }
        }
    }
}

/// The lines a basket should have, kept apart from it.
#[derive(Default)]
struct Model(Vec<(ItemId, u32, Evidence)>);

impl Model {
    fn add(&mut self, item: &str, units: u32, ts: i64, stage: Stage) {
        let BasketRules { lines_max, paired_lines, weight_milli, .. } = rules(stage);
        if let Some(known) = self.0.iter_mut().find(|known| known.0 == item) {
            known.1 += units;
        } else if self.0.len() < lines_max {
            let partners = if self.0.len() < paired_lines { self.0.len() as u32 } else { 0 };
            self.0.push((item.into(), units, Evidence { stage, weight_milli, ts: Timestamp(ts), partners }));
        }
    }

    fn remove(&mut self, item: &str, units: Option<u32>) {
        let Some(at) = self.0.iter().position(|known| known.0 == item) else { return };
        match units {
            Some(units) if units < self.0[at].1 => self.0[at].1 -= units,
            _ => drop(self.0.remove(at)),
        }
    }

    fn advance(&mut self, items: &[&str], ts: i64) {
        if !items.is_empty() {
            self.0.clear();
            items.iter().for_each(|item| self.add(item, 1, ts, Stage::Checkout));
        }
        let BasketRules { paired_lines, weight_milli, stage, .. } = rules(Stage::Checkout);
        let paired = self.0.len().min(paired_lines);
        for (at, line) in self.0.iter_mut().enumerate() {
            let partners = if at < paired { paired as u32 - 1 } else { 0 };
            line.2 = Evidence { stage, weight_milli, ts: Timestamp(ts), partners };
        }
    }

    fn lines(&self) -> Vec<(ItemId, Evidence)> {
        self.0.iter().map(|(item, _, evidence)| (item.clone(), *evidence)).collect()
    }
}

fn fold(counts: &Counts, fact: &Fact) {
    match fact {
        Fact::Basket { before, after } => counts.change_basket(DECAY, before, after),
        Fact::Line { add, pairs_only, line, others } => counts.change_line(DECAY, *add, *pairs_only, line, others),
        other => panic!("a basket makes no {other:?}"),
    }
}

/// All weights that are not zero.
fn held(counts: &Counts) -> Slow {
    let mut held = Slow::default();
    for item in counts.items_sorted() {
        let own = counts.with_row(&item, |row| row.slot.weight()).unwrap();
        let pairs = counts.with_row(&item, |row| {
            row.neighbours_sorted().into_iter().map(|(other, count)| (other.clone(), count)).collect::<Vec<(ItemId, PairCount)>>()
        });
        if own > 0 {
            held.own.insert(item.clone(), own);
        }
        for (other, count) in pairs.unwrap().into_iter().filter(|(other, _)| item < *other) {
            held.pairs.insert((item.clone(), other), count.weight);
        }
    }
    held
}

proptest! {
    #[test]
    fn the_shop_holds_exactly_the_evidence_of_the_lines_there_are(ops in ops()) {
        let counts = Counts::new(CountLimits { items: 1_000, neighbours: 1_000, pairs: 1_000 });
        let (mut basket, mut model, mut taken) = (Basket::default(), Model::default(), Vec::new());
        for (ts, op) in (0..).zip(ops) {
            let mut facts = Vec::new();
            match op {
                Op::Add(item, count) => {
                    facts.extend(basket.add(&units(item, count, None), Timestamp(ts), rules(Stage::CartAdd)));
                    model.add(item, count, ts, Stage::CartAdd);
                }
                Op::Remove(item, count) => {
                    facts.extend(basket.remove(item, count.map(|count| Quantity(count * 1_000))));
                    model.remove(item, count);
                }
                Op::Advance(items) => {
                    let lines: Vec<Line> = items.iter().map(|item| units(item, 1, None)).collect();
                    facts.push(basket.advance(&lines, Timestamp(ts), rules(Stage::Checkout)));
                    model.advance(&items, ts);
                }
                Op::Take => {
                    taken.push(model.lines());
                    prop_assert_eq!(basket.take().lines.len(), model.0.len());
                    model = Model::default();
                }
            }
            facts.iter().for_each(|fact| fold(&counts, fact));
            let lines: Vec<(ItemId, Evidence)> = basket.evidence().into_iter().map(|line| (line.item, line.evidence)).collect();
            prop_assert_eq!(&lines, &model.lines());
            let mut slow = Slow::default();
            taken.iter().for_each(|lines| slow.add(lines));
            slow.add(&model.lines());
            let held = held(&counts);
            prop_assert_eq!(&held.own, &slow.own);
            prop_assert_eq!(&held.pairs, &slow.pairs);
        }
    }
}
