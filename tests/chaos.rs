//! The whole promise at once, on three real brokers with real processes: a seed says who is killed when.
//!
//! A shop's events come in at an even pace, one in a hundred of them poison. Three instances share them. Each is killed
//! three times (kill -9), mostly for a moment, now and then for longer than its session; a broker is killed and comes
//! back; every five seconds a further member joins the group, or leaves it. Then all is let run to its end and judged:
//! nothing missing, nothing double, nothing out of order, every commit whole, counts and money as in a replay.
//!
//! `OFFERSTREAM_CHAOS_SEEDS` says which seeds (`1-5`, `7`), `OFFERSTREAM_CHAOS_EVENTS` how many events each; it runs where
//! `OFFERSTREAM_TEST_CLUSTER` names a cluster. `just chaos` takes sixty seeds.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

#[path = "chaos/course.rs"]
mod course;
#[path = "chaos/herd.rs"]
mod herd;
#[path = "chaos/plan.rs"]
mod plan;

use std::time::{Duration, Instant};

use course::Course;
use support::cluster::Cluster;
use support::events::poisoned_log;
use support::scene::check;
use support::topics::Topics;

const PARTITIONS: i32 = 6;
/// One record in so many is poison.
const POISON_ONE_IN: u64 = 100;
/// Once nothing is done to them any more, something has to be committed every so often.
const STILL: Duration = Duration::from_secs(60);

fn seeds() -> Vec<u64> {
    let asked = std::env::var("OFFERSTREAM_CHAOS_SEEDS").unwrap_or_else(|_| "1".into());
    let (first, last) = asked.split_once('-').unwrap_or((&asked, &asked));
    (first.parse().expect("OFFERSTREAM_CHAOS_SEEDS")..=last.parse().expect("OFFERSTREAM_CHAOS_SEEDS")).collect()
}

#[test]
fn through_kills_a_broker_that_dies_and_rebalances_nothing_is_lost_or_twice_or_out_of_order() {
    let test = "through_kills_a_broker_that_dies_and_rebalances_nothing_is_lost_or_twice_or_out_of_order";
    let Some(cluster) = Cluster::whole(test) else { return };
    let count = std::env::var("OFFERSTREAM_CHAOS_EVENTS").map_or(20_000, |text| text.parse().expect("OFFERSTREAM_CHAOS_EVENTS"));
    for seed in seeds() {
        one_seed(&cluster, seed, count);
    }
}

fn one_seed(cluster: &Cluster, seed: u64, count: usize) {
    let started = Instant::now();
    let events = poisoned_log(seed, count, POISON_ONE_IN);
    let poison = events.iter().filter(|event| event.expect.is_some()).count();
    let topics = Topics::create_replicated(&cluster.brokers(), &format!("chaos-{seed}"), PARTITIONS, 3);
    let plan = plan::Plan::of(seed, count, cluster.count());
    let mut course = Course::start(cluster, &topics, seed);
    let seen = course.run(&plan, &events);
    let faults_s = started.elapsed().as_secs_f32();
    cluster.await_whole();
    course.herd.await_all(STILL);
    course.herd.drain();
    let all_s = started.elapsed().as_secs_f32();
    let outcome = check(&topics, &events);
    assert_eq!(outcome.dead_letters.len(), poison);
    println!(
        "seed {seed}: {} events, {poison} of them poison: {} offers, {} withheld; {seen}; faults for {faults_s:.0} s, drained after \
         {all_s:.0} s, judged after {:.0} s",
        events.len(),
        outcome.offers.len(),
        outcome.withheld.len(),
        started.elapsed().as_secs_f32(),
    );
}
