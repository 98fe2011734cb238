use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::engine::decay::{Decay, Evidence, Stage};
use crate::engine::facts::{BoughtItem, EvidenceLine, Fact, Sale, SaleLine};
use crate::engine::settings::{CartOrder, RankingObjective, Settings};
use crate::engine::test_support::{DAY_MS, START};

const HALF_LIFE_MS: i64 = 90 * DAY_MS;

/// Purchased baskets, each with the day it was bought on, counted from the start.
type Baskets = Vec<(i64, Vec<&'static str>)>;

fn shop(baskets: &Baskets) -> Shop {
    let shop = Shop::new(&Settings::default().limits);
    shop.set_decay(Decay::starting(START, HALF_LIFE_MS));
    for (day, items) in baskets {
        let evidence =
            Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts: START.plus_ms(day * DAY_MS), partners: items.len() as u32 - 1 };
        let after = items.iter().map(|item| EvidenceLine { item: (*item).into(), evidence }).collect();
        shop.fold(&Fact::Basket { before: Vec::new(), after });
    }
    shop
}

fn ranked(shop: &Shop, ranking: &Ranking, basket: &[&str], customer: Option<&str>, day: i64) -> Vec<Candidate> {
    let basket: Vec<ItemId> = basket.iter().map(|item| (*item).into()).collect();
    let basket: Vec<&ItemId> = basket.iter().collect();
    rank(shop, ranking, Query { basket: &basket, customer, now: START.plus_ms(day * DAY_MS), together_min: 1 })
}

fn names(candidates: &[Candidate]) -> Vec<&str> {
    candidates.iter().map(|candidate| candidate.slot.item.as_str()).collect()
}

/// The formula at the head of `ranking.rs`, from the baskets themselves and in floats throughout.
fn slow_score(baskets: &Baskets, ranking: &Ranking, basket: &[&str], history: &[&[&str]], day: i64, item: &str) -> f64 {
    let decayed = |at: i64| 2_f64.powf((at - day) as f64 / 90.0);
    let n = |item: &str| baskets.iter().filter(|(_, items)| items.contains(&item)).map(|(at, _)| decayed(*at)).sum::<f64>();
    let c = |one: &str, two: &str| {
        let both = baskets.iter().filter(|(_, items)| items.contains(&one) && items.contains(&two));
        both.map(|(at, items)| decayed(*at) / ((items.len() - 1) as f64).sqrt()).sum::<f64>()
    };
    let d: f64 = if ranking.cart_order == CartOrder::Recorded { ranking.position_decay } else { 1.0 };
    let age = |at: usize| (basket.len() - 1 - at) as i32;
    let (mut over, mut under) = (0.0, 0.0);
    for (at, other) in basket.iter().enumerate() {
        let popular = baskets.iter().filter(|(_, items)| items.contains(&item)).count() as f64 / baskets.len() as f64;
        over += d.powi(age(at)) * (c(other, item) + ranking.popularity_prior * popular) / (n(other) + ranking.prior_baskets);
        under += d.powi(age(at));
    }
    let with_item = history.iter().filter(|items| items.contains(&item)).count() as f64;
    let personal = if ranking.personal { with_item / (history.len() as f64 + ranking.history_prior_baskets) } else { 0.0 };
    (over / under + ranking.history_weight * personal) / n(item).powf(ranking.popularity_exponent)
}

fn customer_bought(shop: &Shop, customer: &str, baskets: &[&[&str]]) {
    for items in baskets {
        let lines = items.iter().map(|item| SaleLine { item: (*item).into(), units: 1, category: None }).collect();
        let sale = Sale { add: true, first: true, ts: Timestamp(0), customer: Some(customer.into()), net_micros: 0, lines };
        shop.fold(&Fact::Sale(sale));
    }
}

#[test]
fn before_anything_was_bought_there_is_nothing_to_rank() {
    let nothing = Shop::new(&Settings::default().limits);
    assert!(ranked(&nothing, &Ranking::default(), &["a"], None, 0).is_empty());
    assert!(ranked(&shop(&vec![(0, vec!["a", "b"])]), &Ranking::default(), &[], None, 0).is_empty());
}

#[test]
fn equal_scores_are_ordered_by_item_id_whatever_came_first() {
    let baskets = vec![(0, vec!["x", "c"]), (0, vec!["x", "a"]), (0, vec!["x", "b"])];
    let candidates = ranked(&shop(&baskets), &Ranking::default(), &["x"], None, 0);
    assert_eq!(names(&candidates), ["a", "b", "c"]);
    assert!(candidates.windows(2).all(|two| two[0].score == two[1].score));
}

#[test]
fn nothing_in_the_basket_is_a_candidate() {
    let candidates = ranked(&shop(&vec![(0, vec!["a", "b", "c"])]), &Ranking::default(), &["a", "b"], None, 0);
    assert_eq!(names(&candidates), ["c"]);
}

#[test]
fn what_goes_together_lately_outranks_what_did_long_ago() {
    let mut baskets: Baskets = (0..4).map(|_| (-400, vec!["x", "old"])).collect();
    baskets.extend((0..3).map(|_| (0, vec!["x", "new"])));
    let ranking = Ranking { popularity_exponent: 0.0, ..Ranking::default() };
    assert_eq!(names(&ranked(&shop(&baskets), &ranking, &["x"], None, 0)), ["new", "old"]);
    // Without decay the older one, bought more often, would be first.
    let without: Baskets = baskets.iter().map(|(_, items)| (0, items.clone())).collect();
    assert_eq!(names(&ranked(&shop(&without), &ranking, &["x"], None, 0)), ["old", "new"]);
}

#[test]
fn what_suddenly_goes_with_an_item_of_thousands_of_baskets_is_offered_within_fifty() {
    const OTHERS: [&str; 40] = [
        "o00", "o01", "o02", "o03", "o04", "o05", "o06", "o07", "o08", "o09", "o10", "o11", "o12", "o13", "o14", "o15", "o16", "o17",
        "o18", "o19", "o20", "o21", "o22", "o23", "o24", "o25", "o26", "o27", "o28", "o29", "o30", "o31", "o32", "o33", "o34", "o35",
        "o36", "o37", "o38", "o39",
    ];
    // Each of the forty is in a tenth of the baskets, the first three in a fifth.
    let basket = |at: usize| {
        let others = (0..4).map(|n| OTHERS[(at * 4 + n) % 40]).chain((at % 5 < 3).then_some(OTHERS[at % 5]));
        let mut items: Vec<&'static str> = std::iter::once("x").chain(others).collect();
        items.dedup();
        items
    };
    let usual: Baskets = (0..3_000).map(|at| (at as i64 / 10, basket(at))).collect();
    let place_after = |launched: usize| {
        let with_it = (0..launched).map(|at| (301 + at as i64 / 10, basket(at).into_iter().chain(["launched"]).collect()));
        let shop = shop(&usual.iter().cloned().chain(with_it).collect());
        names(&ranked(&shop, &Ranking::default(), &["x"], None, 306)).iter().position(|name| *name == "launched")
    };
    assert!(place_after(5).is_none_or(|place| place > 2), "five baskets are soon told");
    assert!(matches!(place_after(25), Some(0..3)), "{:?}", place_after(25));
    assert!(matches!(place_after(50), Some(0..3)), "{:?}", place_after(50));
}

#[test]
fn with_time_and_no_news_a_score_fades() {
    let shop = shop(&vec![(0, vec!["x", "y"])]);
    let ranking = Ranking { popularity_exponent: 0.0, popularity_prior: 0.0, ..Ranking::default() };
    let score = |day| ranked(&shop, &ranking, &["x"], None, day)[0].score;
    assert!((score(0) - 1.0 / 21.0).abs() < 1e-9 && (score(90) - 0.5 / 20.5).abs() < 1e-9, "{} {}", score(0), score(90));
}

#[test]
fn the_item_added_last_counts_most_unless_the_order_is_unknown() {
    let baskets = vec![(0, vec!["first", "f"]), (0, vec!["last", "l"])];
    let shop = shop(&baskets);
    assert_eq!(names(&ranked(&shop, &Ranking::default(), &["first", "last"], None, 0)), ["l", "f"]);
    let unknown = Ranking { cart_order: CartOrder::Unknown, ..Ranking::default() };
    let candidates = ranked(&shop, &unknown, &["first", "last"], None, 0);
    assert_eq!(names(&candidates), ["f", "l"]);
    assert_eq!(candidates[0].score, candidates[1].score);
}

#[test]
fn a_customers_own_history_counts_where_it_may() {
    let baskets = vec![(0, vec!["x", "y"]), (0, vec!["z", "w"])];
    let shop = shop(&baskets);
    customer_bought(&shop, "u", &[&["z"], &["z"], &["w"]]);
    let counted = Ranking { popularity_prior: 0.0, ..Ranking::default() };
    let candidates = ranked(&shop, &counted, &["x"], Some("u"), 0);
    assert_eq!(names(&candidates), ["y", "z", "w"]);
    assert_eq!(candidates.iter().map(|candidate| candidate.history).collect::<Vec<_>>(), [None, Some((2, 3)), Some((1, 3))]);
    for (personal, customer) in [(true, None), (true, Some("stranger")), (false, Some("u"))] {
        let ranking = Ranking { personal, ..counted.clone() };
        assert_eq!(names(&ranked(&shop, &ranking, &["x"], customer, 0)), ["y"]);
    }
}

#[test]
fn the_evidence_is_the_strongest_pair_that_was_bought_often_enough() {
    let mut baskets: Baskets = vec![(0, vec!["rare", "y"])];
    baskets.extend((0..3).map(|_| (0, vec!["common", "y"])));
    baskets.extend((0..40).map(|_| (0, vec!["common", "other"])));
    let shop = shop(&baskets);
    let evidence = |together_min| {
        let basket = [&ItemId::from("common"), &ItemId::from("rare")];
        let query = Query { basket: &basket, customer: None, now: START, together_min };
        rank(&shop, &Ranking::default(), query).into_iter().find(|candidate| candidate.slot.item == "y").unwrap().pair
    };
    assert_eq!(evidence(1), Some(PairEvidence { with: "rare".into(), baskets: 1, together: 1 }));
    assert_eq!(evidence(2), Some(PairEvidence { with: "common".into(), baskets: 43, together: 3 }));
    assert_eq!(evidence(4), None);
}

#[test]
fn an_item_whose_evidence_was_all_taken_back_scores_nothing() {
    let shop = shop(&vec![(0, vec!["x", "y"])]);
    customer_bought(&shop, "u", &[&["y"]]);
    let evidence = Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts: START, partners: 1 };
    let before = ["x", "y"].map(|item| EvidenceLine { item: item.into(), evidence }).into();
    shop.fold(&Fact::Basket { before, after: Vec::new() });
    assert_eq!(ranked(&shop, &Ranking::default(), &["x"], Some("u"), 0)[0].score, 0.0);
}

/// A shop where each basket of x has one of four cheap items, and less often one that is dear; it learned from each.
fn shop_of_cheap_and_dear(baskets: usize) -> (Shop, Settings) {
    let (shop, settings) = (Shop::new(&Settings::default().limits), Settings::default());
    shop.set_decay(Decay::starting(START, HALF_LIFE_MS));
    for at in 0..baskets {
        let ts = START.plus_ms(at as i64 * 60_000);
        let (item, micros) = if at % 9 == 8 { ("dear", 90_000_000) } else { (["c0", "c1", "c2", "c3"][at % 4], 1_000_000) };
        let basket = vec!["x".into()];
        shop.fold(&Fact::Example { number: at as u64, basket, customer: None, ts });
        let bought = [("x", 5_000_000), (item, micros)];
        let bought = bought.map(|(item, net_micros)| BoughtItem { item: item.into(), net_micros, margin_micros: 0 });
        shop.fold(&Fact::Outcome { numbers: vec![at as u64], bought: bought.into(), ts });
        let evidence = Evidence { stage: Stage::Purchase, weight_milli: 1_000, ts, partners: 1 };
        let after = ["x", item].map(|item| EvidenceLine { item: item.into(), evidence }).into();
        shop.fold(&Fact::Basket { before: Vec::new(), after });
    }
    (shop, settings)
}

#[test]
fn for_revenue_the_dear_item_that_is_bought_less_often_is_among_the_three_and_for_acceptance_it_is_not() {
    let (shop, settings) = shop_of_cheap_and_dear(600);
    let first_three = |objective| {
        let ranking = Ranking { objective, ..settings.ranking.clone() };
        let candidates = ranked(&shop, &ranking, &["x"], None, 1);
        names(&candidates)[..3].iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    assert!(!first_three(RankingObjective::Acceptance).contains(&"dear".to_owned()));
    assert_eq!(first_three(RankingObjective::Revenue)[0], "dear");
    // Nothing is known of margins, so nothing is earned by them.
    assert_eq!(first_three(RankingObjective::Margin), first_three(RankingObjective::Acceptance));
    let known = shop.learner.known();
    assert!(known.earnings.gain(RankingObjective::Revenue, 1).unwrap() > 1.0);
}

#[test]
fn chances_of_offered_items_come_to_be_what_is_bought_of_them() {
    let known = shop_of_cheap_and_dear(3_000).0.learner.known();
    let error = known.calibration.error().unwrap();
    assert!(error < 0.03, "{error}");
}

const ITEMS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

fn some_items(most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(ITEMS.to_vec(), 1..=most).prop_shuffle()
}

proptest! {
    #[test]
    fn scores_are_the_formulas_and_the_best_come_first(
        baskets in proptest::collection::vec((-300..300_i64, some_items(5)), 1..25),
        basket in some_items(4),
        history in proptest::collection::vec(some_items(3), 0..4),
        recorded in any::<bool>(),
        personal in any::<bool>(),
        prior_baskets in 0.5..30.0_f64,
        popularity_exponent in 0.0..0.9_f64,
        popularity_prior in prop_oneof![Just(0.0), 0.1..5.0_f64],
        day in 0..600_i64,
    ) {
        let cart_order = if recorded { CartOrder::Recorded } else { CartOrder::Unknown };
        let ranking = Ranking { cart_order, personal, prior_baskets, popularity_exponent, popularity_prior, ..Ranking::default() };
        let shop = shop(&baskets);
        let history: Vec<&[&str]> = history.iter().map(Vec::as_slice).collect();
        customer_bought(&shop, "u", &history);
        let candidates = ranked(&shop, &ranking, &basket, Some("u"), day);

        let bought: BTreeSet<&str> = baskets.iter().flat_map(|(_, items)| items.iter().copied()).collect();
        let beside = |item: &str| baskets.iter().any(|(_, items)| items.contains(&item) && basket.iter().any(|other| items.contains(other)));
        let before = |item: &str| personal && history.iter().any(|items| items.contains(&item));
        let expected: BTreeMap<&str, f64> = bought
            .into_iter()
            .filter(|item| !basket.contains(item) && (popularity_prior > 0.0 || beside(item) || before(item)))
            .map(|item| (item, slow_score(&baskets, &ranking, &basket, &history, day, item)))
            .collect();

        prop_assert_eq!(names(&candidates).into_iter().collect::<BTreeSet<_>>(), expected.keys().copied().collect::<BTreeSet<_>>());
        for candidate in &candidates {
            let slow = expected[candidate.slot.item.as_str()];
            prop_assert!((candidate.score - slow).abs() <= slow * 1e-4, "{}: {} is not {}", candidate.slot.item, candidate.score, slow);
        }
        for two in candidates.windows(2) {
            let in_order = two[0].score > two[1].score || (two[0].score == two[1].score && two[0].slot.item < two[1].slot.item);
            prop_assert!(in_order, "{:?} before {:?}", two[0], two[1]);
        }
    }
}
