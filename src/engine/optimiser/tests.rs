use TriedStep::{Accepted, Dismissed, Shown};
use proptest::prelude::*;

use super::*;
use crate::engine::settings::Objective;

const NAMES: [&str; 3] = [PLAIN, "a", "b"];

fn settings(objective: Objective) -> OptimiserSettings {
    OptimiserSettings { objective, ..OptimiserSettings::default() }
}

fn earned(before_micros: i128, after_micros: i128) -> TriedStep {
    TriedStep::Earned { before_micros, after_micros }
}

fn fold(optimiser: &Optimiser, facts: &[(&str, TriedStep)]) {
    facts.iter().for_each(|(name, step)| optimiser.fold(Placement::Cart, &Id::new(name), *step));
}

fn shares(optimiser: &Optimiser, objective: Objective) -> Vec<u32> {
    optimiser.vector(Placement::Cart, &NAMES, &settings(objective)).shares().to_vec()
}

/// So many offers of each variant, of which every so-many-th is accepted.
fn trade(optimiser: &Optimiser, rounds: u32, every: [u32; 3]) {
    for n in 1..=rounds {
        for (name, every) in NAMES.iter().zip(every) {
            fold(optimiser, &[(name, Shown)]);
            if n % every == 0 {
                fold(optimiser, &[(name, Accepted), (name, earned(0, 5_000_000))]);
            }
        }
    }
}

#[test]
fn variants_start_at_equal_shares_and_the_best_gets_nearly_all_that_is_not_explored() {
    let optimiser = Optimiser::default();
    assert_eq!(shares(&optimiser, Objective::Acceptance), [333_334, 333_333, 333_333]);
    trade(&optimiser, 3_000, [20, 10, 40]);
    for objective in [Objective::Acceptance, Objective::Revenue] {
        let found = shares(&optimiser, objective);
        assert!(found[1] > 970_000 && found[0] >= 13_333 && found[2] >= 13_333, "{found:?}");
    }
}

#[test]
fn a_new_variant_has_an_equal_share_until_it_is_known() {
    let optimiser = Optimiser::default();
    trade(&optimiser, 3_000, [20, 10, 40]);
    let vector = || optimiser.vector(Placement::Cart, &[PLAIN, "a", "b", "new"], &settings(Objective::Acceptance)).shares().to_vec();
    assert_eq!(vector()[3], 250_000);
    // It is never accepted: an equal share no more.
    (0..600).for_each(|_| fold(&optimiser, &[("new", Shown)]));
    assert!(vector()[3] < 12_000, "{:?}", vector());
}

#[test]
fn probabilities_move_in_epochs_alone() {
    let optimiser = Optimiser::default();
    trade(&optimiser, 400, [20, 10, 40]);
    let mut moves = 0;
    let mut before = shares(&optimiser, Objective::Acceptance);
    // 1,200 were shown; in 240 more there are ten epochs, of 24 or so.
    for _ in 0..240 {
        fold(&optimiser, &[("b", Shown)]);
        let now = shares(&optimiser, Objective::Acceptance);
        moves += u32::from(now != before);
        before = now;
    }
    assert!((8..=12).contains(&moves), "{moves}");
}

#[test]
fn no_variant_is_worked_out_where_there_is_but_one() {
    let optimiser = Optimiser::default();
    assert_eq!(*optimiser.vector(Placement::Cart, &[PLAIN], &settings(Objective::Revenue)), Vector::of_one());
}

#[test]
fn revenue_that_is_corrected_is_as_if_it_had_been_so_at_once() {
    let (corrected, at_once) = (Optimiser::default(), Optimiser::default());
    fold(
        &corrected,
        &[
            ("a", Shown),
            ("a", Accepted),
            ("a", earned(0, 9_000_000)),
            ("a", earned(9_000_000, -1_000_000)),
            ("a", earned(-1_000_000, 4_000_000)),
        ],
    );
    fold(&at_once, &[("a", Shown), ("a", Accepted), ("a", earned(0, 4_000_000))]);
    assert_eq!(corrected.state(), at_once.state());
    assert_eq!(at_once.stats(Placement::Cart, "a").earned_micros, 4_000_000);
    fold(&corrected, &[("a", earned(4_000_000, 0))]);
    let stats = corrected.stats(Placement::Cart, "a");
    assert_eq!((stats.value_micros, stats.value_squares, stats.earned_micros), (0, 0, 0));
}

#[test]
fn a_freak_order_counts_for_no_more_than_a_bound_and_is_taken_back_whole() {
    let optimiser = Optimiser::default();
    fold(&optimiser, &[("a", earned(0, i128::MAX)), ("a", earned(0, i128::MAX))]);
    let stats = optimiser.stats(Placement::Cart, "a");
    assert_eq!((stats.value_micros, stats.earned_micros), (2 * VALUE_MICROS_MAX, i128::MAX));
    fold(&optimiser, &[("a", earned(i128::MAX, 0)), ("a", earned(i128::MAX, 0))]);
    let stats = optimiser.stats(Placement::Cart, "a");
    assert_eq!((stats.value_micros, stats.value_squares), (0, 0));
}

#[test]
fn placements_learn_apart() {
    let optimiser = Optimiser::default();
    trade(&optimiser, 3_000, [20, 10, 40]);
    let elsewhere = optimiser.vector(Placement::Checkout, &NAMES, &settings(Objective::Acceptance));
    assert_eq!(elsewhere.shares(), [333_334, 333_333, 333_333]);
}

#[test]
fn names_are_bounded_and_the_one_used_longest_ago_makes_room() {
    let optimiser = Optimiser::default();
    for n in 0..NAMES_MAX {
        optimiser.fold(Placement::ALL[n % 6], &Id::from(format!("v{n}")), Shown);
    }
    optimiser.fold(Placement::ALL[0], &"v0".into(), Shown);
    assert_eq!((optimiser.len(), optimiser.evicted()), (NAMES_MAX, 0));
    optimiser.fold(Placement::Cart, &"new".into(), Shown);
    assert_eq!((optimiser.len(), optimiser.evicted()), (NAMES_MAX, 1));
    assert_eq!(optimiser.stats(Placement::ALL[1], "v1"), Stats::default());
    assert_eq!(optimiser.stats(Placement::ALL[0], "v0").shown, 2);
    assert_eq!(optimiser.stats(Placement::Cart, "new").shown, 1);
}

#[test]
fn a_placement_that_annoys_is_told_by_its_offers_alone() {
    let optimiser = Optimiser::default();
    for n in 0..200 {
        fold(&optimiser, &[("a", Shown)]);
        if n % 2 == 0 {
            fold(&optimiser, &[("a", Dismissed)]);
        }
    }
    let settings = settings(Objective::Revenue);
    assert!(optimiser.annoys(Placement::Cart, &settings) && !optimiser.annoys(Placement::Checkout, &settings));
}

#[test]
fn a_state_that_was_kept_goes_on_as_if_it_had_never_stopped() {
    let whole = Optimiser::default();
    trade(&whole, 500, [20, 10, 40]);
    let kept: State = postcard::from_bytes(&postcard::to_stdvec(&whole.state()).unwrap()).unwrap();
    assert_eq!(kept, whole.state());
    let resumed = Optimiser::from_state(kept);
    for optimiser in [&whole, &resumed] {
        trade(optimiser, 37, [9, 7, 5]);
    }
    assert_eq!(resumed.state(), whole.state());
    assert_eq!(shares(&resumed, Objective::Revenue), shares(&whole, Objective::Revenue));
}

/// Random facts: a variant, and what its offer did.
fn random_facts() -> impl Strategy<Value = Vec<(usize, TriedStep)>> {
    let step = prop_oneof![
        6 => Just(Shown),
        2 => Just(Accepted),
        1 => Just(Dismissed),
        2 => (0..50_i128, -20..50_i128).prop_map(|(before, after)| earned(before * 1_000_000, after * 1_000_000)),
    ];
    proptest::collection::vec((0..3_usize, step), 0..1_500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever asks, and whenever: the vectors at equal positions are equal.
    #[test]
    fn the_same_facts_give_the_same_vectors_whatever_was_asked_between(facts in random_facts(), asked in 1..97_usize) {
        let (often, seldom) = (Optimiser::default(), Optimiser::default());
        for (n, (at, step)) in facts.iter().enumerate() {
            for optimiser in [&often, &seldom] {
                optimiser.fold(Placement::Cart, &NAMES[*at].into(), *step);
            }
            let _warm = shares(&often, Objective::Revenue);
            if n % asked == 0 {
                prop_assert_eq!(shares(&often, Objective::Revenue), shares(&seldom, Objective::Revenue));
            }
        }
        for objective in [Objective::Acceptance, Objective::Revenue] {
            let found = shares(&often, objective);
            prop_assert_eq!(&found, &shares(&seldom, objective));
            prop_assert_eq!(found.iter().sum::<u32>(), WHOLE);
            prop_assert!(found.iter().all(|share| *share >= 13_333), "{:?}", found);
        }
    }

    /// Within an epoch the order of facts is nothing: here, of all facts since the last one was shown that closed one.
    #[test]
    fn the_order_within_an_epoch_changes_nothing(facts in random_facts(), seed in any::<u64>()) {
        let (in_order, shuffled) = (Optimiser::default(), Optimiser::default());
        let (mut epoch, mut pending) = (0, Vec::new());
        for (at, step) in facts {
            in_order.fold(Placement::Cart, &NAMES[at].into(), step);
            pending.push((at, step));
            let now = in_order.state().placements[&Placement::Cart].epoch;
            if now != epoch {
                epoch = now;
                // What closes the epoch stays last, so that the same facts are in it.
                let last = pending.pop();
                pending.sort_by_key(|(at, step)| crate::engine::hash::hash_128("shuffle", &[&seed.to_le_bytes(), format!("{at}{step:?}").as_bytes()]));
                for (at, step) in pending.drain(..).chain(last) {
                    shuffled.fold(Placement::Cart, &NAMES[at].into(), step);
                }
                prop_assert_eq!(shares(&in_order, Objective::Revenue), shares(&shuffled, Objective::Revenue));
            }
        }
    }
}
