use proptest::prelude::*;

use super::super::steps::Arrival;
use super::*;

fn answer(of: &[u32]) -> Answer {
    let mut answer = Answer { count: of.len(), ..Answer::default() };
    answer.items[..of.len()].copy_from_slice(of);
    answer
}

/// A basket of these items, each worth a hundred times its number, and what was answered at each step.
fn basket(items: &[u32], answers: &[&[u32]]) -> Basket {
    let arrival = |item: &u32| Arrival { item: *item, micros: i128::from(*item) * 100, popularity: 0.0, stale_days: 0.0 };
    let asked = answers.iter().enumerate().map(|(at, of)| Asked {
        placement: Placement::Cart,
        arrived: at + 1,
        focus: None,
        answers: vec![answer(of)],
    });
    Basket::ended(0, items.iter().map(arrival).collect(), asked.collect())
}

fn row(basket: &Basket, cap: usize) -> Row {
    row_of(basket, 0, Placement::Cart, cap, |_, _| {}).unwrap()
}

fn value(name: &str, row: &Row) -> f64 {
    let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
    metric.over(row, 0) / metric.under(row)
}

#[test]
fn a_basket_of_four_is_scored_as_by_hand() {
    // After 1: 3 is second, 4 third. After 1, 2: nothing. After 1, 2, 3: 4 is first. After all: nothing is to come.
    let basket = basket(&[1, 2, 3, 4], &[&[9, 3, 4], &[1, 9], &[4], &[7, 8, 9]]);
    let row = row(&basket, 20);
    assert_eq!((row.steps, row.last_steps, row.to_come_micros), (3, 1, 900));
    for (name, expected) in [
        ("HR@3", 2.0 / 3.0),
        ("P@3", 3.0 / 9.0),
        ("R@3", (2.0 / 3.0 + 0.0 + 1.0) / 3.0),
        ("MRR@3", (0.5 + 0.0 + 1.0) / 3.0),
        ("LOO_HR@3", 1.0),
        ("LOO_MRR@3", 1.0),
        ("REV@3", 700.0 / 900.0),
        ("basket_HR@3", 1.0),
        ("macro_HR@3", 2.0 / 3.0),
    ] {
        assert!((value(name, &row) - expected).abs() < 1e-12, "{name} is {}, not {expected}", value(name, &row));
    }
}

#[test]
fn steps_past_the_cap_count_for_the_last_item_only() {
    let basket = basket(&[1, 2, 3, 4], &[&[9], &[9], &[4]]);
    let row = row(&basket, 1);
    assert_eq!((row.steps, row.last_steps, row.scores[0].hit_steps, row.scores[0].last_hits), (1, 1, 0, 1));
    assert_eq!((row.scores[0].found_micros, row.to_come_micros), (0, 900));
}

#[test]
fn an_item_answered_twice_is_one_hit_and_one_that_is_there_is_none() {
    let row = row(&basket(&[1, 2, 3], &[&[2, 2, 1]]), 20);
    assert_eq!((row.scores[0].hits, row.scores[0].found_micros), (1, 200));
}

#[test]
fn a_basket_of_one_has_nothing_to_score() {
    assert_eq!(row_of(&basket(&[1], &[&[2]]), 0, Placement::Cart, 20, |_, _| panic!("nothing is answered")), None);
}

#[test]
fn the_item_in_view_is_not_what_is_to_come() {
    let mut basket = basket(&[1, 2], &[]);
    let view = |focus| Asked { placement: Placement::ProductPage, arrived: 0, focus: Some(focus), answers: vec![answer(&[2])] };
    basket.asked = vec![view(1), view(2)];
    let row = row_of(&basket, 0, Placement::ProductPage, 20, |_, _| {}).unwrap();
    assert_eq!((row.steps, row.last_steps, row.scores[0].hit_steps), (2, 2, 1));
}

/// The outside scorer's definitions, written again as plainly as possible: steps, hits, precision, recall, reciprocal rank;
/// last hits and their ranks; value found.
fn slowly(items: &[u32], answers: &[Vec<u32>], cap: usize) -> [f64; 8] {
    let mut sums = [0.0; 8];
    let mut found = Vec::new();
    for step in 1..items.len() {
        let (cart, future) = items.split_at(step);
        let mut ranks = Vec::new();
        let mut seen: Vec<u32> = Vec::new();
        for (rank, item) in answers[step - 1].iter().enumerate() {
            if !cart.contains(item) && !seen.contains(item) && future.contains(item) {
                ranks.push(rank + 1);
                if step <= cap && !found.contains(item) {
                    found.push(*item);
                }
            }
            seen.push(*item);
        }
        let hit = f64::from(u8::from(!ranks.is_empty()));
        let reciprocal = ranks.first().map_or(0.0, |rank| 1.0 / *rank as f64);
        if step <= cap {
            let more = [1.0, hit, ranks.len() as f64 / 3.0, ranks.len() as f64 / future.len() as f64, reciprocal];
            more.iter().enumerate().for_each(|(at, more)| sums[at] += more);
        }
        if step == items.len() - 1 {
            sums[5] += hit;
            sums[6] += reciprocal;
        }
    }
    sums[7] = found.iter().map(|item| f64::from(*item) * 100.0).sum();
    sums
}

proptest! {
    #[test]
    fn any_basket_is_scored_as_the_outside_scorer_would(
        items in proptest::collection::hash_set(0_u32..30, 2..12),
        answers in proptest::collection::vec(proptest::collection::vec(0_u32..30, 0..=3), 12),
        cap in 1_usize..14,
    ) {
        let items: Vec<u32> = items.into_iter().collect();
        let asked: Vec<&[u32]> = answers[..items.len()].iter().map(Vec::as_slice).collect();
        let row = row(&basket(&items, &asked), cap);
        let score = &row.scores[0];
        let ours = [
            f64::from(row.steps),
            f64::from(score.hit_steps),
            f64::from(score.hits) / 3.0,
            score.recall,
            score.reciprocal_rank,
            f64::from(score.last_hits),
            score.last_reciprocal_rank,
            score.found_micros as f64,
        ];
        for (ours, theirs) in ours.iter().zip(slowly(&items, &answers, cap)) {
            prop_assert!((ours - theirs).abs() < 1e-9, "{ours} {theirs}");
        }
        prop_assert_eq!(row.last_steps, 1);
    }
}
