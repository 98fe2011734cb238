//! The optimiser in a simulated shop with known acceptance rates: what it costs to find the best variant.

#![allow(clippy::unwrap_used, missing_docs, dead_code)]

#[path = "support/regret.rs"]
mod regret;

use regret::{CLEAR, run};

#[test]
fn after_100_000_offers_the_regret_is_below_a_tenth_of_a_uniform_choices() {
    for case in &CLEAR {
        for seed in [1, 2] {
            let ratio = run(case, seed).ratio();
            println!("simulated: {}, seed {seed}: {ratio:.3}", case.name);
            assert!(ratio > 0.0 && ratio < 0.1, "{}, seed {seed}: {ratio:.3}", case.name);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_vector_to_the_last_digit() {
    let (one, other) = (run(&CLEAR[1], 7), run(&CLEAR[1], 7));
    assert_eq!((one.shares, one.regret), (other.shares, other.regret));
}
