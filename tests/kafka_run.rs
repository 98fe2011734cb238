//! `run` against a real Kafka: what it does while nothing, or everything, goes wrong around it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::Duration;

use support::Dice;
use support::events::log;
use support::instance::Instance;
use support::scene::{SOON, await_all, await_records, check};
use support::topics::Topics;

const PARTITIONS: i32 = 4;
/// Small commits, so that there are many to be interrupted.
const SMALL_COMMITS: [(&str, &str); 1] = [("kafka.commit_records_max", "200")];

#[test]
fn every_event_of_a_log_is_taken_once_and_every_trigger_is_answered_once() {
    let Some(brokers) = support::brokers("every_event_of_a_log_is_taken_once_and_every_trigger_is_answered_once") else { return };
    let topics = Topics::create(&brokers, "once", PARTITIONS);
    let events = log(1, 20_000, true);
    let instance = Instance::ready(&topics, "one", &[]);
    topics.feed(&events);
    await_all(&topics, &[&instance]);
    instance.drained();
    let outcome = check(&topics, &events);
    assert!(outcome.offers.len() > 1_000, "only {} offers: this log proves little", outcome.offers.len());
    assert!(outcome.withheld.len() > 20, "only {} withheld offers: this log proves little", outcome.withheld.len());
    assert!(outcome.dead_letters.len() > 2_000, "only {} dead letters: this log proves little", outcome.dead_letters.len());
}

#[test]
fn killed_three_times_under_load_it_loses_nothing_and_does_nothing_twice() {
    let Some(brokers) = support::brokers("killed_three_times_under_load_it_loses_nothing_and_does_nothing_twice") else { return };
    let topics = Topics::create(&brokers, "killed", PARTITIONS);
    let events = log(2, 15_000, true);
    topics.feed(&events);
    let mut dice = Dice::new(2);
    for part in 0..3 {
        let instance = Instance::start(&topics, "one", &SMALL_COMMITS);
        let share = part * 25 + 10 + dice.below(15) as i64;
        await_records(&topics, events.len() as i64 * share / 100, &instance);
        std::thread::sleep(Duration::from_millis(dice.below(120)));
        instance.kill();
        assert!(topics.progress().committed() < events.len() as i64, "it was killed too late to prove anything");
    }
    let instance = Instance::ready(&topics, "one", &SMALL_COMMITS);
    await_all(&topics, &[&instance]);
    instance.drained();
    check(&topics, &events);
}

#[test]
fn told_to_stop_it_drains_and_the_next_start_goes_on_where_it_was() {
    let Some(brokers) = support::brokers("told_to_stop_it_drains_and_the_next_start_goes_on_where_it_was") else { return };
    let topics = Topics::create(&brokers, "drained", PARTITIONS);
    let events = log(3, 8_000, true);
    let instance = Instance::ready(&topics, "one", &SMALL_COMMITS);
    topics.feed(&events);
    await_records(&topics, events.len() as i64 / 3, &instance);
    let log = instance.drained();
    assert!(log.contains("draining"), "it does not say that it drains:\n{log}");
    let left_at = topics.progress().committed();
    assert!(left_at < events.len() as i64, "it was stopped too late to prove anything");
    // Nothing dangles after a clean end: what it wrote is stable at once.
    topics.settle();
    let instance = Instance::ready(&topics, "one", &SMALL_COMMITS);
    await_all(&topics, &[&instance]);
    instance.drained();
    check(&topics, &events);
}

#[test]
fn two_instances_share_the_partitions_and_one_takes_over_when_the_other_is_killed() {
    let Some(brokers) = support::brokers("two_instances_share_the_partitions_and_one_takes_over_when_the_other_is_killed") else { return };
    let topics = Topics::create(&brokers, "two", PARTITIONS);
    let events = log(4, 30_000, true);
    // What is fed once both are there is enough for them to be at it still when one is killed.
    let (before, after) = events.split_at(10_000);
    let settings: Vec<(&str, &str)> = SOON.into_iter().chain([("kafka.commit_records_max", "100")]).collect();
    let one = Instance::ready(&topics, "one", &settings);
    topics.feed(before);
    await_records(&topics, 500, &one);
    // The second joins under load: the first gives partitions back between two commits.
    let other = Instance::ready(&topics, "other", &settings);
    one.await_log("assigned partitions [0, 1]");
    other.await_log("assigned partitions [2, 3]");
    topics.feed(after);
    let fed = events.len() as i64;
    let at = topics.progress().committed();
    await_records(&topics, at + (fed - at) / 4, &one);
    one.kill();
    assert!(topics.progress().committed() < fed, "it was killed too late to prove anything");
    other.await_log("assigned partitions [0, 1, 2, 3]");
    await_all(&topics, &[&other]);
    other.drained();
    check(&topics, &events);
}
