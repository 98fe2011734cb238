//! A simulated shop with known acceptance rates, answered by the real optimiser: facts are folded, the vector is read,
//! the variant is drawn by a hash of the offer's id. What shoppers do is a hash, too.

use std::collections::VecDeque;

use offerstream::engine::facts::{Fact, TriedStep};
use offerstream::engine::hash::{hash_128, unit_interval};
use offerstream::engine::optimiser::PLAIN;
use offerstream::engine::settings::{Limits, Objective, OptimiserSettings};
use offerstream::engine::shop::Shop;
use offerstream::engine::vocabulary::Placement;
use offerstream::event::Id;

/// How many offers are made.
pub const OFFERS: u64 = 100_000;
/// An acceptance is heard of so many offers later, a payment so many.
const ACCEPTED_AFTER: u64 = 20;
const PAID_AFTER: u64 = 100;

/// What is known of the variants.
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// What is to be as large as possible.
    pub objective: Objective,
    /// Of each variant, the probability that a shown offer is accepted, and what an acceptance brings on average: each
    /// brings the mean of two exponentially distributed amounts, so that the standard deviation is 71 % of the average.
    pub variants: &'static [(f64, f64)],
}

/// What came of it.
pub struct Run {
    /// After how many offers, the regret so far: what the best fixed variant would have brought more on average,
    pub regret: Vec<(u64, f64)>,
    /// and the same had each variant been drawn evenly.
    pub uniform: f64,
    /// The vector at the end, in millionths.
    pub shares: Vec<u32>,
}

impl Run {
    /// The regret at the end as a share of a uniform choice's.
    pub fn ratio(&self) -> f64 {
        self.regret.last().map_or(f64::NAN, |(_, regret)| regret / self.uniform)
    }
}

/// Makes [`OFFERS`] offers.
pub fn run(case: &Case, seed: u64) -> Run {
    let shop = Shop::new(&Limits::default());
    let settings = OptimiserSettings { objective: case.objective, ..OptimiserSettings::default() };
    let names: Vec<Id> = (0..case.variants.len()).map(|at| if at == 0 { PLAIN.into() } else { Id::from(format!("v{at}")) }).collect();
    let names_str: Vec<&str> = names.iter().map(Id::as_str).collect();
    let value =
        |at: usize| if case.objective == Objective::Revenue { case.variants[at].0 * case.variants[at].1 } else { case.variants[at].0 };
    let best = (0..names.len()).map(value).fold(f64::MIN, f64::max);
    let mut later: VecDeque<(u64, Fact)> = VecDeque::new();
    let (mut regret, mut curve) = (0.0, Vec::new());
    for n in 0..OFFERS {
        while later.front().is_some_and(|(at, _)| *at <= n) {
            later.pop_front().into_iter().for_each(|(_, fact)| shop.fold(&fact));
        }
        let id = hash_128("regret", &[&seed.to_le_bytes(), &n.to_le_bytes()]);
        let (at, _) = shop.optimiser.vector(Placement::Cart, &names_str, &settings).draw(id);
        regret += best - value(at);
        let tried = |step| Fact::Tried { placement: Placement::Cart, variant: names[at].clone(), step };
        shop.fold(&tried(TriedStep::Shown));
        let (rate, worth) = case.variants[at];
        if unit_interval("accepted", &[&id.to_le_bytes()]) < rate {
            let drawn = |salt| -(1.0 - unit_interval(salt, &[&id.to_le_bytes()])).ln();
            let brought = (drawn("paid") + drawn("paid too")) / 2.0 * worth;
            push(&mut later, n + ACCEPTED_AFTER, tried(TriedStep::Accepted));
            push(&mut later, n + PAID_AFTER, tried(TriedStep::Earned { before_micros: 0, after_micros: (brought * 1e6) as i128 }));
        }
        if (n + 1) % 500 == 0 {
            curve.push((n + 1, regret));
        }
    }
    let mean = (0..names.len()).map(value).sum::<f64>() / names.len() as f64;
    let shares = shop.optimiser.vector(Placement::Cart, &names_str, &settings).shares().to_vec();
    Run { regret: curve, uniform: (best - mean) * OFFERS as f64, shares }
}

/// Keeps what is heard of later in the order of its time.
fn push(later: &mut VecDeque<(u64, Fact)>, at: u64, fact: Fact) {
    let place = later.partition_point(|(other, _)| *other <= at);
    later.insert(place, (at, fact));
}

/// The cases in which a variant is clearly better than the others.
pub const CLEAR: [Case; 6] = [
    Case { name: "two", objective: Objective::Acceptance, variants: &[(0.05, 1.0), (0.075, 1.0)] },
    Case { name: "four", objective: Objective::Acceptance, variants: &[(0.04, 1.0), (0.02, 1.0), (0.06, 1.0), (0.03, 1.0)] },
    Case { name: "four, often", objective: Objective::Acceptance, variants: &[(0.10, 1.0), (0.12, 1.0), (0.15, 1.0), (0.08, 1.0)] },
    Case {
        name: "eight",
        objective: Objective::Acceptance,
        variants: &[(0.05, 1.0), (0.03, 1.0), (0.04, 1.0), (0.08, 1.0), (0.02, 1.0), (0.05, 1.0), (0.06, 1.0), (0.04, 1.0)],
    },
    Case { name: "four, revenue", objective: Objective::Revenue, variants: &[(0.10, 20.0), (0.06, 50.0), (0.08, 25.0), (0.12, 10.0)] },
    Case {
        name: "eight, revenue",
        objective: Objective::Revenue,
        variants: &[(0.10, 20.0), (0.06, 50.0), (0.08, 25.0), (0.12, 10.0), (0.05, 40.0), (0.09, 18.0), (0.10, 12.0), (0.03, 60.0)],
    },
];

/// Those in which 100,000 offers tell the best from the next best barely, or not at all.
pub const CLOSE: [Case; 4] = [
    Case { name: "two, 20 % apart", objective: Objective::Acceptance, variants: &[(0.05, 1.0), (0.06, 1.0)] },
    Case { name: "two, 10 % apart", objective: Objective::Acceptance, variants: &[(0.05, 1.0), (0.055, 1.0)] },
    Case { name: "four, seldom", objective: Objective::Acceptance, variants: &[(0.01, 1.0), (0.012, 1.0), (0.015, 1.0), (0.02, 1.0)] },
    Case {
        name: "eight, 4 % apart",
        objective: Objective::Acceptance,
        variants: &[(0.05, 1.0), (0.052, 1.0), (0.054, 1.0), (0.056, 1.0), (0.058, 1.0), (0.06, 1.0), (0.062, 1.0), (0.064, 1.0)],
    },
];
