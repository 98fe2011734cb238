//! A second judge of transactions: `run` against franz-go's kfake (`tests/kfake`), which fails every request of a commit,
//! and of coming to it, in every way that brokers have. After each fault the program goes on by itself, or ends with one
//! line and is right after a restart; in the end the checker judges all that came out.
//!
//! It needs Go (1.26, or an earlier one that may fetch it); where there is none it says that it was skipped.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use support::events::{Event, log};
use support::instance::Instance;
use support::kfake::Kfake;
use support::scene::{SOON, await_all, check_outcome, outcome};
use support::topics::{Progress, Topics};

const PARTITIONS: i32 = 4;
/// Events that are fed beside each fault.
const A_FAULT: usize = 60;
/// How long a fault may be waited for, and what follows it.
const LIMIT: Duration = Duration::from_secs(60);

/// A fault that is to be met several times may be avoided by the client, once it was met.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is to follow a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It goes on, whether the commit was aborted or not.
    GoesOn,
    /// Another process has its place: it ends.
    Ends,
    /// Either is right: the client decides by what it was about.
    Either,
}
use Then::{Either, Ends, GoesOn};

/// Requests of a commit. The line tells kfake what to do.
const OF_A_COMMIT: [(&str, Then); 46] = [
    ("fail Produce NOT_LEADER_FOR_PARTITION 1", GoesOn),
    ("fail Produce REQUEST_TIMED_OUT 1", GoesOn),
    ("fail Produce NOT_ENOUGH_REPLICAS_AFTER_APPEND 1", GoesOn),
    ("fail Produce INVALID_PRODUCER_EPOCH 1", GoesOn),
    ("fail AddPartitionsToTxn NOT_COORDINATOR 2", GoesOn),
    ("fail AddPartitionsToTxn COORDINATOR_LOAD_IN_PROGRESS 2", GoesOn),
    ("fail AddPartitionsToTxn COORDINATOR_NOT_AVAILABLE 1", GoesOn),
    ("fail AddPartitionsToTxn CONCURRENT_TRANSACTIONS 3", GoesOn),
    ("fail AddPartitionsToTxn INVALID_PRODUCER_EPOCH 1", GoesOn),
    // A broker that has ended a transaction says the same as one that knows another producer of that name.
    ("fail AddPartitionsToTxn PRODUCER_FENCED 1", GoesOn),
    ("fail AddPartitionsToTxn INVALID_TXN_STATE 1", GoesOn),
    ("fail AddOffsetsToTxn NOT_COORDINATOR 2", GoesOn),
    ("fail AddOffsetsToTxn COORDINATOR_LOAD_IN_PROGRESS 2", GoesOn),
    ("fail AddOffsetsToTxn CONCURRENT_TRANSACTIONS 3", GoesOn),
    ("fail AddOffsetsToTxn INVALID_PRODUCER_EPOCH 1", GoesOn),
    ("fail AddOffsetsToTxn PRODUCER_FENCED 1", GoesOn),
    ("fail TxnOffsetCommit NOT_COORDINATOR 2", GoesOn),
    ("fail TxnOffsetCommit COORDINATOR_LOAD_IN_PROGRESS 2", GoesOn),
    ("fail TxnOffsetCommit REQUEST_TIMED_OUT 1", GoesOn),
    ("fail TxnOffsetCommit ILLEGAL_GENERATION 1", GoesOn),
    ("fail TxnOffsetCommit UNKNOWN_MEMBER_ID 1", GoesOn),
    ("fail TxnOffsetCommit FENCED_INSTANCE_ID 1", Either),
    ("fail TxnOffsetCommit INVALID_PRODUCER_EPOCH 1", GoesOn),
    ("fail TxnOffsetCommit PRODUCER_FENCED 1", GoesOn),
    ("fail EndTxn NOT_COORDINATOR 2", GoesOn),
    ("fail EndTxn COORDINATOR_LOAD_IN_PROGRESS 2", GoesOn),
    ("fail EndTxn COORDINATOR_NOT_AVAILABLE 1", GoesOn),
    ("fail EndTxn CONCURRENT_TRANSACTIONS 3", GoesOn),
    ("fail EndTxn INVALID_PRODUCER_EPOCH 1", GoesOn),
    ("fail EndTxn INVALID_TXN_STATE 1", GoesOn),
    ("fail EndTxn PRODUCER_FENCED 1", GoesOn),
    ("drop Produce before 2", GoesOn),
    ("drop Produce after 2", GoesOn),
    ("drop AddPartitionsToTxn before 1", GoesOn),
    ("drop AddPartitionsToTxn after 1", GoesOn),
    ("drop AddOffsetsToTxn before 1", GoesOn),
    ("drop AddOffsetsToTxn after 1", GoesOn),
    ("drop TxnOffsetCommit before 1", GoesOn),
    ("drop TxnOffsetCommit after 1", GoesOn),
    ("drop EndTxn before 1", GoesOn),
    // The outcome is unknown: the commit is there, and the program is not told.
    ("drop EndTxn after 1", GoesOn),
    ("drop EndTxn after 3", GoesOn),
    ("delay EndTxn 1500 1", GoesOn),
    // Longer than the transaction may take: the broker ends it.
    ("delay AddOffsetsToTxn 6000 1", GoesOn),
    ("delay Produce 6000 1", GoesOn),
    ("drop Fetch after 2", GoesOn),
];

/// Requests of a member of the group, while it is one.
const OF_A_MEMBER: [(&str, Then); 9] = [
    ("fail Fetch NOT_LEADER_FOR_PARTITION 2", GoesOn),
    ("fail Heartbeat NOT_COORDINATOR 1", GoesOn),
    ("fail Heartbeat COORDINATOR_NOT_AVAILABLE 1", GoesOn),
    ("fail Heartbeat REBALANCE_IN_PROGRESS 1", GoesOn),
    ("fail Heartbeat ILLEGAL_GENERATION 1", GoesOn),
    ("fail Heartbeat UNKNOWN_MEMBER_ID 1", GoesOn),
    ("fail Heartbeat FENCED_INSTANCE_ID 1", Ends),
    ("drop Heartbeat before 1", GoesOn),
    ("drop Heartbeat after 1", GoesOn),
];

/// Requests of a start.
const OF_A_START: [(&str, Then); 14] = [
    ("fail FindCoordinator COORDINATOR_NOT_AVAILABLE 2", GoesOn),
    ("fail InitProducerId NOT_COORDINATOR 2", GoesOn),
    ("fail InitProducerId COORDINATOR_LOAD_IN_PROGRESS 2", GoesOn),
    ("fail InitProducerId CONCURRENT_TRANSACTIONS 3", GoesOn),
    ("drop InitProducerId before 1", GoesOn),
    ("drop InitProducerId after 1", GoesOn),
    ("fail JoinGroup NOT_COORDINATOR 1", GoesOn),
    ("fail JoinGroup COORDINATOR_LOAD_IN_PROGRESS 2", GoesOn),
    ("drop JoinGroup after 1", GoesOn),
    ("fail SyncGroup REBALANCE_IN_PROGRESS 1", GoesOn),
    ("fail OffsetFetch NOT_COORDINATOR 1", GoesOn),
    ("fail OffsetFetch COORDINATOR_LOAD_IN_PROGRESS 2", GoesOn),
    ("fail OffsetFetch UNSTABLE_OFFSET_COMMIT 2", GoesOn),
    ("drop OffsetFetch after 1", GoesOn),
];

/// A run of the program through fault after fault.
struct Course<'a> {
    kfake: &'a mut Kfake,
    topics: &'a Topics,
    progress: Progress<'a>,
    events: &'a [Event],
    fed: usize,
    instance: Option<Instance>,
    /// What was not as it should be.
    wrong: Vec<String>,
}

impl<'a> Course<'a> {
    fn new(kfake: &'a mut Kfake, topics: &'a Topics, events: &'a [Event]) -> Self {
        Self { kfake, topics, progress: topics.progress(), events, fed: 0, instance: None, wrong: Vec::new() }
    }

    fn start(&mut self) {
        if self.instance.is_none() {
            self.instance = Some(Instance::start(self.topics, "one", &SOON));
        }
    }

    fn feed(&mut self) {
        let next = (self.fed + A_FAULT).min(self.events.len());
        assert!(next > self.fed, "the log is too short for all faults");
        self.topics.feed(&self.events[self.fed..next]);
        self.fed = next;
    }

    /// Injects one fault and sees what follows.
    fn meet(&mut self, fault: &str, then: Then, at_start: bool) {
        if at_start {
            self.instance.take().map(Instance::kill);
        } else {
            self.start();
            self.instance.as_mut().unwrap().await_ready();
        }
        let times: u64 = fault.rsplit(' ').next().and_then(|times| times.parse().ok()).unwrap();
        let id = self.kfake.ask(fault);
        self.start();
        self.feed();
        let begun = Instant::now();
        let mut ended = false;
        loop {
            // Until the fault was met nobody else may ask for offsets.
            let hits = self.kfake.hits(&id);
            let is_met = hits >= times || hits > 0 && begun.elapsed() > PATIENCE;
            ended |= self.instance.as_mut().is_some_and(Instance::has_ended);
            if ended || is_met && then != Ends && self.progress.committed() >= self.fed as i64 {
                break;
            }
            if begun.elapsed() > LIMIT {
                let log = self.instance.as_ref().map(Instance::log).unwrap_or_default();
                panic!("{fault}: met {is_met}, {} of {} committed after {LIMIT:?}\n{log}", self.progress.committed(), self.fed);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kfake.ask("clear");
        if then == Either && !ended {
            // The commits are there, and it may end of what it was told, yet.
            std::thread::sleep(Duration::from_millis(300));
            ended = self.instance.as_mut().is_some_and(Instance::has_ended);
        }
        let words = if ended { self.last_words(fault) } else { String::new() };
        let aborts = self.instance.as_ref().map_or(0, |instance| instance.log().matches("WARN a commit was aborted").count());
        eprintln!(
            "{fault}: {} after {} ms, {aborts} aborts so far{words}",
            if ended { "ended" } else { "went on" },
            begun.elapsed().as_millis()
        );
        if matches!((then, ended), (GoesOn, true) | (Ends, false)) {
            self.wrong.push(format!("{fault}: {then:?} was to be, and it {}{words}", if ended { "ended" } else { "went on" }));
        }
        if ended {
            // Right after a restart.
            self.start();
            await_all(self.topics, &[self.instance.as_ref().unwrap()]);
        }
    }

    /// A process that ended did so with one line, and not with success.
    fn last_words(&mut self, fault: &str) -> String {
        let (status, log) = self.instance.take().unwrap().ended();
        let words: Vec<&str> = log.lines().filter(|line| line.starts_with("offerstream: ")).collect();
        if status.success() || words.len() != 1 || log.contains("panicked") {
            self.wrong.push(format!("{fault}: it ended with {status} and {} lines for a person:\n{log}", words.len()));
        }
        format!(": {}", words.join(" | "))
    }

    fn over(mut self) {
        self.start();
        let instance = self.instance.take().unwrap();
        await_all(self.topics, &[&instance]);
        instance.drained();
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        check_outcome(self.topics, &self.events[..self.fed], outcome(self.topics));
    }
}

#[test]
fn every_request_of_a_commit_may_fail_in_every_way() {
    let Some(mut kfake) = Kfake::start("every_request_of_a_commit_may_fail_in_every_way") else { return };
    let topics = Topics::create(&kfake.brokers.clone(), "commit", PARTITIONS);
    let events = log(31, 3_500, true);
    let mut course = Course::new(&mut kfake, &topics, &events);
    OF_A_COMMIT.into_iter().for_each(|(fault, then)| course.meet(fault, then, false));
    course.over();
}

#[test]
fn a_member_and_a_start_may_meet_every_fault() {
    let Some(mut kfake) = Kfake::start("a_member_and_a_start_may_meet_every_fault") else { return };
    let topics = Topics::create(&kfake.brokers.clone(), "member", PARTITIONS);
    let events = log(32, 2_500, true);
    let mut course = Course::new(&mut kfake, &topics, &events);
    OF_A_MEMBER.into_iter().for_each(|(fault, then)| course.meet(fault, then, false));
    OF_A_START.into_iter().for_each(|(fault, then)| course.meet(fault, then, true));
    course.over();
}

#[test]
fn coordinators_and_leaders_move_and_producers_are_fenced_while_two_share_the_load() {
    let Some(mut kfake) = Kfake::start("coordinators_and_leaders_move_and_producers_are_fenced_while_two_share_the_load") else { return };
    let topics = Topics::create(&kfake.brokers.clone(), "moves", PARTITIONS);
    let events = log(33, 6_000, true);
    let (mut one, mut other) = (Instance::start(&topics, "one", &SOON), Instance::start(&topics, "other", &SOON));
    one.await_ready();
    other.await_ready();
    let (under_load, calm) = events.split_at(events.len() - 600);
    for (number, part) in under_load.chunks(600).enumerate() {
        topics.feed(part);
        match number % 5 {
            0 => _ = kfake.ask("move"),
            1 => _ = kfake.ask("shuffle"),
            2 => {
                // A member that is thrown out under load comes back.
                let id = kfake.ask("fail Heartbeat UNKNOWN_MEMBER_ID 1");
                support::wait_until("the heartbeat", LIMIT, || kfake.hits(&id) > 0, String::new);
            }
            3 => {
                kfake.ask(&format!("fence {}-other", topics.prefix));
            }
            _ => await_all(&topics, &[&one, &other]),
        }
    }
    await_all(&topics, &[&one, &other]);
    // Whoever loses its name to another producer is refused, and takes it back: it is a member of the group still.
    let new_producers = || other.log().matches("the next transaction has a new producer").count();
    for part in calm.chunks(300) {
        // Who was thrown out last hears of it at the next heartbeat, and of its partitions after that.
        std::thread::sleep(Duration::from_secs(1));
        support::wait_until("readiness", LIMIT, || matches!(other.get("/readyz"), Some((200, _))), || other.log());
        let before = new_producers();
        kfake.ask(&format!("fence {}-other", topics.prefix));
        topics.feed(part);
        support::wait_until("a new producer", LIMIT, || new_producers() > before, || other.log());
    }
    await_all(&topics, &[&one, &other]);
    // The judge itself: offsets of who is not in the group, or not any more, are refused.
    let said = kfake.ask(&format!("stale {} {}-judge", topics.prefix, topics.prefix));
    assert_eq!(said, "UNKNOWN_MEMBER_ID ILLEGAL_GENERATION");
    one.drained();
    other.drained();
    check_outcome(&topics, &events, outcome(&topics));
}
