//! What goes wrong around a running instance: brokers that stand still, roll or die, networks that stall, processes that
//! wake up too late. After each it goes on by itself, or it has ended with one line and is right after a restart; nothing
//! is lost or twice either way.
//!
//! They need brokers that they may harm: `OFFERSTREAM_TEST_CLUSTER` names a cluster of `scripts/kafka.sh cluster`. An
//! outage is longer than every time-out (which are set low here); `OFFERSTREAM_LONG_FAULTS` makes it a minute, and runs
//! the cases besides that take their time (`just faults`).
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use support::cluster::Cluster;
use support::events::{Event, log};
use support::instance::Instance;
use support::proxy::Proxy;
use support::scene::{SOON, check};
use support::topics::{Topics, partition_of};

const PARTITIONS: i32 = 4;
const EVENTS: usize = 6_000;
/// How much of them is there before anything goes wrong.
const BEFORE: usize = 1_000;
/// Once all is well again, something has to be committed every so often.
const STILL: Duration = Duration::from_secs(60);

fn is_long() -> bool {
    std::env::var_os("OFFERSTREAM_LONG_FAULTS").is_some()
}

/// Longer than the transaction (5 s) and the session (6 s) of the instances here.
fn outage() {
    std::thread::sleep(Duration::from_secs(if is_long() { 60 } else { 8 }));
}

/// Says that a case is left to `just faults`.
fn is_left_to_the_long_run(test: &str) -> bool {
    if !is_long() {
        support::skipped(test, "it takes its time; just faults runs it");
    }
    !is_long()
}

/// Instances that work while something goes wrong.
struct Scene<'a> {
    cluster: &'a Cluster,
    topics: &'a Topics,
    settings: Vec<(&'static str, String)>,
    instances: Vec<(String, Instance)>,
    ends: Vec<String>,
}

impl Scene<'_> {
    fn start(&mut self, id: &str) {
        let settings: Vec<(&str, &str)> = self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.instances.push((id.to_owned(), Instance::start(self.topics, id, &settings)));
    }

    fn instance(&self, id: &str) -> &Instance {
        &self.instances.iter().find(|(known, _)| known == id).expect("an instance").1
    }

    /// Those that have ended said why, in a line, and are started again.
    fn look_after(&mut self) {
        for (id, instance) in &mut self.instances {
            let Some(status) = instance.status() else { continue };
            let words = instance.last_words();
            assert!(!status.success() && words.len() == 1, "{id} ended with {status} and {words:?}:\n{}", instance.log());
            self.ends.push(format!("{id}: {}", words[0]));
            let settings: Vec<(&str, &str)> = self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            *instance = Instance::start(self.topics, id, &settings);
        }
    }
}

/// Feeds events while `harm` is done, then demands that everything is right.
fn right_after(test: &str, replicas: i32, settings: &[(&'static str, String)], ids: &[&str], harm: impl FnOnce(&mut Scene<'_>)) {
    let Some(cluster) = Cluster::whole(test) else { return };
    let begun = Instant::now();
    let topics = Topics::create_replicated(&cluster.brokers(), "faults", PARTITIONS, replicas);
    let events = log(replicas as u64 + test.len() as u64, EVENTS, true);
    // Small commits, so that there is always one under way.
    let own = SOON.into_iter().chain([("kafka.commit_records_max", "100")]).map(|(name, value)| (name, value.to_owned()));
    let settings: Vec<(&'static str, String)> = own.chain(settings.iter().cloned()).collect();
    let mut scene = Scene { cluster: &cluster, topics: &topics, settings, instances: Vec::new(), ends: Vec::new() };
    ids.iter().for_each(|id| scene.start(id));
    scene.instances.iter_mut().for_each(|(_, instance)| instance.await_ready());
    let feeder = topics.feeder();
    feeder.send(&events[..BEFORE]);
    feeder.finish();
    std::thread::scope(|scope| {
        let (feeder, rest) = (&feeder, &events[BEFORE..]);
        scope.spawn(move || pace(feeder, rest));
        harm(&mut scene);
    });
    cluster.mend();
    feeder.finish();
    let harmed_s = begun.elapsed().as_secs_f32();
    let progress = topics.progress();
    let (fed, started) = (progress.fed(), Instant::now());
    let (mut committed, mut since) = (progress.committed(), Instant::now());
    while committed < fed {
        scene.look_after();
        std::thread::sleep(Duration::from_millis(50));
        let now = progress.committed();
        if now > committed {
            (committed, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < STILL, "for {STILL:?} {committed} of {fed} are committed.\n{}", scene.instances[0].1.log());
    }
    let again_s = started.elapsed().as_secs_f32();
    scene.instances.drain(..).for_each(|(_, instance)| _ = instance.drained());
    // Where all brokers died, the feeder's producer sends what it does not know to be there once more, under a new epoch.
    check(&topics, &there(&topics, &events));
    println!("{test}: harm until {harmed_s:.0} s, all committed {again_s:.1} s later; ended by themselves: {:#?}", scene.ends);
}

/// The events that are in Kafka, each partition's in its order: all that were fed, some of them twice.
fn there(topics: &Topics, fed: &[Event]) -> Vec<Event> {
    let places: HashMap<&[u8], usize> = fed.iter().enumerate().rev().map(|(at, event)| (event.value.as_slice(), at)).collect();
    let mut queues = vec![VecDeque::new(); topics.partitions as usize];
    for record in topics.read("events") {
        let at = places[record.value.as_deref().expect("every event has a value")];
        queues[record.partition as usize].push_back(at);
    }
    let mut all = Vec::new();
    while let Some(next) = queues.iter_mut().filter(|queue| !queue.is_empty()).min_by_key(|queue| queue[0]) {
        all.extend(next.pop_front().map(|at| fed[at].clone()));
    }
    let known: HashSet<&[u8]> = all.iter().map(|event| event.value.as_slice()).collect();
    assert!(fed.iter().all(|event| known.contains(event.value.as_slice())), "events that were fed are not in Kafka");
    all
}

/// Sends events evenly, for as long as the harm takes at least.
fn pace(feeder: &support::topics::Feeder, events: &[Event]) {
    for some in events.chunks(events.len() / 100) {
        feeder.send(some);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_broker_that_stands_still_for_longer_than_every_time_out() {
    let test = "a_broker_that_stands_still_for_longer_than_every_time_out";
    if is_left_to_the_long_run(test) {
        return;
    }
    right_after(test, 3, &[], &["one"], |scene| {
        let leads = scene.cluster.leader(&scene.topics.name("shop"), 0).unwrap();
        scene.cluster.pause(leads);
        outage();
        scene.cluster.resume(leads);
    });
}

#[test]
fn all_brokers_stand_still_for_longer_than_every_time_out() {
    right_after("all_brokers_stand_still_for_longer_than_every_time_out", 3, &[], &["one"], |scene| {
        (1..=scene.cluster.count()).for_each(|broker| scene.cluster.pause(broker));
        outage();
        (1..=scene.cluster.count()).for_each(|broker| scene.cluster.resume(broker));
    });
}

#[test]
fn all_brokers_are_killed_and_come_back_later() {
    let test = "all_brokers_are_killed_and_come_back_later";
    if is_left_to_the_long_run(test) {
        return;
    }
    right_after(test, 3, &[], &["one"], |scene| {
        (1..=scene.cluster.count()).for_each(|broker| scene.cluster.kill(broker));
        outage();
        (1..=scene.cluster.count()).for_each(|broker| scene.cluster.launch(broker));
    });
}

#[test]
fn brokers_are_rolled_one_after_the_other_while_it_produces() {
    let test = "brokers_are_rolled_one_after_the_other_while_it_produces";
    if is_left_to_the_long_run(test) {
        return;
    }
    right_after(test, 3, &[], &["one"], |scene| {
        for broker in 1..=scene.cluster.count() {
            scene.cluster.stop(broker);
            scene.cluster.launch(broker);
            scene.cluster.await_whole();
        }
    });
}

#[test]
fn the_brokers_that_coordinate_its_transactions_and_its_group_die() {
    right_after("the_brokers_that_coordinate_its_transactions_and_its_group_die", 3, &[], &["one"], |scene| {
        let (cluster, group) = (scene.cluster, scene.topics.prefix.clone());
        for (log, name) in [("__transaction_state", format!("{group}-one")), ("__consumer_offsets", group)] {
            let broker = cluster.leader(log, partition_of(&name, cluster.partitions(log))).unwrap();
            cluster.kill(broker);
            std::thread::sleep(Duration::from_secs(5));
            cluster.launch(broker);
            cluster.await_whole();
        }
    });
}

#[test]
fn a_network_that_stalls_is_cut_and_comes_back_slow() {
    let test = "a_network_that_stalls_is_cut_and_comes_back_slow";
    if is_left_to_the_long_run(test) {
        return;
    }
    let Some(ports) = Cluster::whole(test).map(|cluster| cluster.behind_proxies()) else { return };
    let proxies: Vec<Proxy> = ports.iter().map(|(at, to)| Proxy::start(*at, *to)).collect();
    let brokers = ports.iter().map(|(at, _)| format!("127.0.0.1:{at}")).collect::<Vec<_>>().join(",");
    right_after(test, 3, &[("kafka.brokers", brokers)], &["one", "other"], |_| {
        proxies.iter().for_each(Proxy::stall);
        outage();
        proxies.iter().for_each(Proxy::go_on);
        std::thread::sleep(Duration::from_secs(3));
        // Not even an error comes back of what was under way.
        proxies.iter().for_each(|proxy| proxy.refuse(true));
        proxies.iter().for_each(Proxy::reset);
        std::thread::sleep(Duration::from_secs(2));
        proxies.iter().for_each(|proxy| proxy.refuse(false));
        std::thread::sleep(Duration::from_secs(2));
        proxies.iter().for_each(|proxy| proxy.delay(Duration::from_millis(40)));
        std::thread::sleep(Duration::from_secs(3));
        proxies.iter().for_each(|proxy| proxy.delay(Duration::ZERO));
    });
}

#[test]
fn a_process_that_was_paused_past_its_session_wakes_when_others_have_taken_over() {
    let test = "a_process_that_was_paused_past_its_session_wakes_when_others_have_taken_over";
    right_after(test, 3, &[], &["sleeper", "other"], |scene| {
        scene.instance("sleeper").pause();
        scene.instance("other").await_log("assigned partitions [0, 1, 2, 3]");
        std::thread::sleep(Duration::from_secs(2));
        scene.instance("sleeper").resume();
    });
}

#[test]
fn a_process_that_was_paused_wakes_when_another_has_taken_its_name() {
    let test = "a_process_that_was_paused_wakes_when_another_has_taken_its_name";
    right_after(test, 3, &[], &["one"], |scene| {
        let (_, zombie) = scene.instances.pop().unwrap();
        zombie.pause();
        scene.start("one");
        scene.instances[0].1.await_ready();
        zombie.resume();
        let (status, log) = zombie.ended();
        let words: Vec<&str> = log.lines().filter(|line| line.starts_with("offerstream: ")).collect();
        assert!(!status.success() && words.len() == 1 && words[0].contains("kafka.instance_id"), "{status}:\n{log}");
    });
}

#[test]
fn partitions_are_without_a_leader_for_a_while_at_the_start_and_under_load() {
    let test = "partitions_are_without_a_leader_for_a_while_at_the_start_and_under_load";
    if is_left_to_the_long_run(test) {
        return;
    }
    // With one replica of each, whatever the broker has is away with it.
    right_after(test, 1, &[], &["one"], |scene| {
        let broker = scene.cluster.leader(&scene.topics.name("events"), 0).unwrap();
        scene.cluster.stop(broker);
        outage();
        let (_, running) = scene.instances.pop().unwrap();
        drop(running);
        scene.start("one");
        std::thread::sleep(Duration::from_secs(4));
        scene.cluster.launch(broker);
        scene.cluster.await_whole();
    });
}
