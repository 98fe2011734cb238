use super::super::test_random::Random;
use super::*;

/// The table of `scripts/confseq_golden.py`.
const CONFSEQ: &str = include_str!("../../../tests/golden/confseq.csv");
/// A cap of one whole unit.
const CAP: i128 = 1_000_000;

/// The rows of one kind, without the kind.
fn rows(kind: &'static str) -> Vec<Vec<&'static str>> {
    let cells = CONFSEQ.lines().map(|line| line.split(',').collect::<Vec<_>>());
    cells.filter(|cells| cells[0] == kind).map(|cells| cells[1..].to_vec()).collect()
}

fn number(cell: &str) -> f64 {
    cell.parse().unwrap()
}

fn assert_near(ours: f64, theirs: f64, row: &[&str]) {
    assert!((ours - theirs).abs() <= 1e-6 * theirs.abs(), "{ours}, not {theirs}, of {row:?}");
}

/// The outcomes of the script's streams.
fn outcome(name: &str, random: &mut Random) -> i128 {
    let (first, second) = (random.unit(), random.unit());
    let value = match name {
        "seldom" if first < 0.1 => second * second * second,
        "even" => first,
        "always" => 0.25,
        _ => 0.0,
    };
    (value * 1e6) as i128
}

#[test]
fn the_boundary_is_that_of_confseq() {
    let rows = rows("bound");
    assert!(rows.len() > 300, "{} rows", rows.len());
    for row in rows {
        let [v, alpha, v_opt, c, theirs] = [0, 1, 2, 3, 4].map(|at| number(row[at]));
        // Outcomes between 0 and c are c times outcomes between 0 and 1.
        let ours = c * Mixture::new(v_opt / (c * c), alpha).bound(v / (c * c));
        assert_near(ours, theirs, &row);
    }
}

#[test]
fn the_bounds_of_a_stream_are_those_of_confseq() {
    let rows = rows("stream");
    assert!(rows.len() > 150, "{} rows", rows.len());
    for row in rows {
        let (name, seed, outcomes): (&str, u64, u32) = (row[0], row[1].parse().unwrap(), row[2].parse().unwrap());
        let mixture = Mixture::new(number(row[4]), number(row[3]));
        let (mut random, mut sums) = (Random(seed), Sums::default());
        (0..outcomes).for_each(|_| sums.add(outcome(name, &mut random), CAP));
        let band = sums.band(CAP, &mixture);
        assert_near(band.lower / 1e6, number(row[5]), &row);
        assert_near(band.upper / 1e6, number(row[6]), &row);
    }
}

#[test]
fn the_boundary_is_the_same_from_any_start_and_never_below_its_least() {
    for alpha in [0.0125, 0.05 / 12.0] {
        let mixture = Mixture::new(V_OPT, alpha);
        for v in [0.0, 1e-9, 0.25, 3.0, 50.0, 1e3, 1e6] {
            let bound = mixture.bound(v);
            assert!(bound >= mixture.least_bound(v), "{bound} at {v}");
            for start in [1e-9, 0.5 * bound, bound, 2.0 * bound, 1e3 * bound] {
                let again = mixture.bound_from(v, start);
                assert!((again - bound).abs() <= 1e-9 * bound, "{again}, not {bound}, from {start} at {v}");
            }
        }
    }
}

#[test]
fn the_boundary_rises_with_what_varies_and_with_what_must_be_sure() {
    let (sure, surer) = (Mixture::new(V_OPT, 0.0125), Mixture::new(V_OPT, 0.001));
    let bounds: Vec<f64> = (0..200).map(|n| sure.bound(f64::from(n * n))).collect();
    assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
    assert!((0..200).all(|n| surer.bound(f64::from(n)) > sure.bound(f64::from(n))));
}

#[test]
fn a_wrong_guess_of_what_will_vary_costs_little() {
    for wrong in [V_OPT / 10.0, V_OPT * 10.0] {
        let cost = Mixture::new(wrong, 0.0125).bound(V_OPT) / Mixture::new(V_OPT, 0.0125).bound(V_OPT);
        assert!((1.0..1.2).contains(&cost), "{cost}");
    }
}

#[test]
fn outcomes_are_held_between_nothing_and_the_cap() {
    let mut sums = Sums::default();
    for outcome in [-5, 300_000, 7 * CAP] {
        sums.add(outcome, CAP);
    }
    assert_eq!((sums.shoppers, sums.revenue_micros), (3, 1_300_000));
    // The misses of 1/2, 0 and 0.15.
    assert!((sums.variance - (0.25 + 0.09 + 0.85 * 0.85)).abs() < 1e-12, "{}", sums.variance);
}

#[test]
fn of_nothing_everything_is_possible() {
    let (mixture, nothing) = (Mixture::new(V_OPT, ALPHA / 4.0), Sums::default());
    assert_eq!(nothing.band(CAP, &mixture), Band { lower: 0.0, estimate: 0.0, upper: 1e6 });
    let band = nothing.band(CAP, &mixture);
    assert_eq!(Band::difference(&band, &band), Band { lower: -1e6, estimate: 0.0, upper: 1e6 });
    assert_eq!(RatioBand::of(&band, &band), RatioBand { lower: -1.0, estimate: None, upper: None });
}

#[test]
fn two_bands_make_a_difference_and_a_ratio() {
    let treatment = Band { lower: 6.0, estimate: 8.0, upper: 10.0 };
    let holdout = Band { lower: 4.0, estimate: 5.0, upper: 8.0 };
    let difference = Band::difference(&treatment, &holdout);
    assert_eq!(difference, Band { lower: -2.0, estimate: 3.0, upper: 6.0 });
    assert!(!difference.excludes_zero());
    assert_eq!(RatioBand::of(&treatment, &holdout), RatioBand { lower: -0.25, estimate: Some(8.0 / 5.0 - 1.0), upper: Some(1.5) });
    let unbounded = RatioBand::of(&treatment, &Band { lower: 0.0, ..holdout });
    assert_eq!(unbounded.upper, None);
}
