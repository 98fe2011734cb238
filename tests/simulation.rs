//! The exact loop, thousands of times over a Kafka in memory, where every step can be the last before a crash.
//!
//! A seed decides everything: when processes are killed, stopped, started twice; which calls fail, stay without an
//! answer, or arrive late; when partitions move. In the end nothing goes wrong any more, all is drained, and a judge
//! that shares no code with the engine looks at what lies in the logs.
//!
//! `OFFERSTREAM_SIMULATE_SEEDS=from..to` chooses the seeds, `OFFERSTREAM_SIMULATE_SEED=n` tells one step by step.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "simulation/bus.rs"]
mod bus;
#[path = "simulation/cluster.rs"]
mod cluster;
#[path = "simulation/group.rs"]
mod group;
#[path = "simulation/judge.rs"]
mod judge;
#[path = "simulation/log.rs"]
mod log;
#[path = "simulation/process.rs"]
mod process;
#[path = "oracle/slow.rs"]
mod slow;
mod support;
#[path = "simulation/transactions.rs"]
mod transactions;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;

use std::ops::Range;
use std::rc::Rc;
use std::time::Instant;

use cluster::Broken;
use offerstream::config::{Config, Delivery};
use offerstream::engine::vocabulary::Placement;
use process::Common;
use world::{Happened, Verdict, simulate};

/// Lines of the trace of a seed that fails.
const LAST_STEPS: usize = 120;

fn config(delivery: Delivery) -> Config {
    let mut config = Config::default();
    config.kafka.delivery = delivery;
    config.engine.experiment.holdout_ratio = 0.2;
    // So that little is enough to make offers.
    for placement in Placement::ALL {
        let policy = config.engine.placements.get_mut(*placement);
        (policy.baskets_together_min, policy.popular_baskets_min) = (1, 1);
    }
    config
}

fn common(config: &Config) -> Rc<Common> {
    Rc::new(process::common(config, Instant::now()).unwrap())
}

fn seeds(default: Range<u64>) -> Range<u64> {
    if let Some(seed) = number("OFFERSTREAM_SIMULATE_SEED") {
        return seed..seed + 1;
    }
    let Ok(text) = std::env::var("OFFERSTREAM_SIMULATE_SEEDS") else { return default };
    let (from, to) = text.split_once("..").expect("OFFERSTREAM_SIMULATE_SEEDS is from..to");
    from.parse().unwrap()..to.parse().unwrap()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Fails with what happened where a seed has problems; runs it once more, to tell its steps.
fn demand_right(seed: u64, config: &Config, common: &Rc<Common>, verdict: &Verdict) {
    if verdict.problems.is_empty() {
        return;
    }
    let told = simulate(seed, config, common, None, true);
    let from = if number("OFFERSTREAM_SIMULATE_SEED").is_some() { 0 } else { told.trace.len().saturating_sub(LAST_STEPS) };
    panic!(
        "seed {seed}: {} problems:\n{}\nthe last steps:\n{}\nall steps: OFFERSTREAM_SIMULATE_SEED={seed}",
        verdict.problems.len(),
        verdict.problems.iter().take(10).cloned().collect::<Vec<_>>().join("\n"),
        told.trace[from..].join("\n")
    );
}

fn all_are_right(delivery: Delivery, seeds: Range<u64>) {
    let (started, count) = (Instant::now(), seeds.end - seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let shares: Vec<_> = (0..threads).map(|first| seeds.clone().skip(first).step_by(threads)).collect();
    let workers = shares.into_iter().map(|share| std::thread::spawn(move || run_all(delivery, share)));
    let workers: Vec<_> = workers.collect();
    let mut sum = Happened::default();
    for worker in workers {
        sum.add(&worker.join().unwrap_or_else(|_| panic!("a simulation has failed; see above")));
    }
    println!("{count} seeds in {:.1} s: {sum:?}", started.elapsed().as_secs_f32());
    assert!(count < 100 || sum.kills > count && sum.offers > count, "too little happens to prove anything: {sum:?}");
}

fn run_all(delivery: Delivery, seeds: impl Iterator<Item = u64>) -> Happened {
    let config = config(delivery);
    let common = common(&config);
    let mut sum = Happened::default();
    for seed in seeds {
        let verdict = simulate(seed, &config, &common, None, false);
        demand_right(seed, &config, &common, &verdict);
        sum.add(&verdict.happened);
    }
    sum
}

#[test]
fn nothing_is_lost_or_doubled_whatever_goes_wrong() {
    all_are_right(Delivery::ExactlyOnce, seeds(0..1_500));
}

#[test]
fn offers_that_leave_at_once_may_be_repeated_and_none_is_missing() {
    all_are_right(Delivery::AtLeastOnce, seeds(0..200));
}

/// The judge is worth something only if it finds what is broken. It is looked for from a seed on that found it once.
fn is_found(broken: Broken, from: u64, delivery: Delivery) {
    let config = config(delivery);
    let common = common(&config);
    let found = (from..from + 1_000).find(|seed| !simulate(*seed, &config, &common, Some(broken), false).problems.is_empty());
    let seed = found.unwrap_or_else(|| panic!("a loop with {broken:?} passes"));
    println!("{broken:?} is found by seed {seed}: {:?}", simulate(seed, &config, &common, Some(broken), false).problems.first());
}

#[test]
fn a_loop_that_is_broken_is_found_out() {
    // Not here, seen with the loop itself changed: a batch kept after an abort (seed 6) or past its partitions (seed 0), and
    // records taken that were fetched before reading was told where to start (seed 0).
    for (broken, from) in [
        (Broken::OffsetsBeforeState, 0),
        (Broken::NothingRestored, 0),
        (Broken::UnstableNotAwaited, 0),
        (Broken::FirstEndBelieved, 0),
        (Broken::NewMembership, 12),
        (Broken::AbortUnheard, 10),
        (Broken::UnknownIsAborted, 265),
        (Broken::UnknownIsCommitted, 260),
        (Broken::OldProducerKept, 260),
    ] {
        is_found(broken, from, Delivery::ExactlyOnce);
    }
    is_found(Broken::OffersNotAwaited, 0, Delivery::AtLeastOnce);
}

#[test]
fn a_seed_is_the_same_every_time() {
    let config = config(Delivery::ExactlyOnce);
    let common = common(&config);
    let trace = || simulate(7, &config, &common, None, true).trace;
    assert_eq!(trace(), trace());
}
