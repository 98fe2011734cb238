//! What a second instance takes off the first, counted: events decoded, triggers ranked and offers written divide; facts
//! folded are repeated. And how far apart the two are in what they offer from.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use support::events::{Event, log};
use support::instance::Instance;
use support::scene::await_all;
use support::topics::Topics;

const PARTITIONS: i32 = 6;

/// What one instance did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Work {
    decoded: f64,
    ranked: f64,
    written: f64,
    folded: f64,
}

fn sum(metrics: &str, family: &str, fits: impl Fn(&str) -> bool) -> f64 {
    let of_family = |line: &&str| line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' ']) && fits(rest));
    metrics.lines().filter(of_family).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn folded(instance: &Instance) -> f64 {
    sum(&instance.get("/metrics").unwrap().1, "offerstream_facts_folded_total", |_| true)
}

fn work(instance: &Instance) -> Work {
    let metrics = instance.get("/metrics").unwrap().1;
    let all = |_: &str| true;
    let is_written = |labels: &str| ["\"offered\"", "\"withheld\""].iter().any(|outcome| labels.contains(outcome));
    Work {
        decoded: sum(&metrics, "offerstream_events_total", all) + sum(&metrics, "offerstream_events_rejected_total", all),
        ranked: sum(&metrics, "offerstream_offer_triggers_total", all),
        written: sum(&metrics, "offerstream_offer_triggers_total", is_written),
        folded: sum(&metrics, "offerstream_facts_folded_total", all),
    }
}

impl Work {
    fn since(self, before: &Self) -> Self {
        Self {
            decoded: self.decoded - before.decoded,
            ranked: self.ranked - before.ranked,
            written: self.written - before.written,
            folded: self.folded - before.folded,
        }
    }
}

/// What is committed is folded a moment later, by each.
fn await_same_fold(instances: &[Instance]) {
    let mut last = Vec::new();
    support::wait_until(
        "the same facts folded by all",
        Duration::from_secs(30),
        || {
            let now: Vec<f64> = instances.iter().map(folded).collect();
            std::thread::sleep(Duration::from_millis(500));
            let still = now == std::mem::replace(&mut last, now.clone());
            still && now.iter().all(|count| *count == now[0])
        },
        || instances.iter().map(Instance::log).collect::<Vec<_>>().join("\n--\n"),
    );
}

/// Teaches with half of the events, then sends the rest through so many instances; returns what each did, and how far apart they were at most.
fn shared(brokers: &str, events: &[Event], ids: &[&str]) -> (Vec<Work>, Vec<Duration>) {
    let topics = Topics::create(brokers, "work", PARTITIONS);
    let instances: Vec<Instance> = ids.iter().map(|id| Instance::ready(&topics, id, &[("kafka.commit_records_max", "500")])).collect();
    let each = PARTITIONS as usize / ids.len();
    for (at, instance) in instances.iter().enumerate() {
        instance.await_log(&format!("assigned partitions {:?}", (at * each..(at + 1) * each).collect::<Vec<_>>()));
        // Ready once more, after the rebalance.
        support::wait_until("readiness", Duration::from_secs(60), || matches!(instance.get("/readyz"), Some((200, _))), || instance.log());
    }
    let feeder = topics.feeder();
    // The first half only teaches: early on, what is offered hangs on how soon the first counts are there.
    let (taught, events) = events.split_at(events.len() / 2);
    feeder.send(taught);
    feeder.finish();
    await_all(&topics, &instances.iter().collect::<Vec<_>>());
    await_same_fold(&instances);
    let before: Vec<Work> = instances.iter().map(work).collect();
    let mut seen: Vec<Vec<(Instant, f64)>> = vec![Vec::new(); ids.len()];
    let mut look = |instances: &[Instance]| {
        for (instance, seen) in instances.iter().zip(&mut seen) {
            seen.push((Instant::now(), folded(instance)));
        }
    };
    for some in events.chunks(events.len() / 100) {
        feeder.send(some);
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(60) {
            look(&instances);
        }
    }
    feeder.finish();
    await_all(&topics, &instances.iter().collect::<Vec<_>>());
    // What is committed is folded a moment later, by each.
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        look(&instances);
    }
    let done = instances.iter().zip(&before).map(|(instance, before)| work(instance).since(before)).collect();
    instances.into_iter().for_each(|instance| _ = instance.drained());
    (done, apart(&seen))
}

/// How long one instance had folded what another had not: a time for each look, the shortest first. Looking takes turns,
/// so each is a little too long.
fn apart(seen: &[Vec<(Instant, f64)>]) -> Vec<Duration> {
    let pairs = (0..seen.len()).flat_map(|one| (0..seen.len()).filter(move |other| *other != one).map(move |other| (one, other)));
    let mut times = Vec::new();
    for (one, other) in pairs {
        for (at, folded) in &seen[one] {
            let there = seen[other].iter().find(|(_, theirs)| theirs >= folded);
            times.extend(there.map(|(there, _)| there.saturating_duration_since(*at)));
        }
    }
    times.sort_unstable();
    times
}

#[test]
fn a_second_instance_halves_all_work_but_folding_and_offers_from_the_same_counts_within_a_second() {
    let test = "a_second_instance_halves_all_work_but_folding_and_offers_from_the_same_counts_within_a_second";
    let Some(brokers) = support::brokers(test) else { return };
    let events = log(11, 20_000, true);
    let (alone, _) = shared(&brokers, &events, &["one"]);
    let (both, apart) = shared(&brokers, &events, &["one", "other"]);
    let at = |per_cent: usize| apart[(apart.len() - 1) * per_cent / 100].as_millis();
    println!("alone:  {:?}\none:    {:?}\nother:  {:?}", alone[0], both[0], both[1]);
    println!("apart, of {} looks: half below {} ms, 99 % below {} ms, at most {} ms", apart.len(), at(50), at(99), at(100));
    type Figure = (&'static str, fn(&Work) -> f64);
    let figures: [Figure; 3] =
        [("records decoded", |work| work.decoded), ("triggers ranked", |work| work.ranked), ("offers written", |work| work.written)];
    for (what, of) in figures {
        let (one, other) = (of(&both[0]), of(&both[1]));
        let share = one / (one + other);
        assert!((0.35..=0.65).contains(&share), "{what}: {one} and {other}: they are not divided");
        // What is offered depends on what was committed by then, so a few offers more or less are right.
        let slack = if what == "offers written" { 0.05 } else { 0.0 };
        let whole = of(&alone[0]);
        assert!((one + other - whole).abs() <= whole * slack, "{what}: {whole} by one, {one} and {other} by two");
    }
    assert_eq!(alone[0].decoded as usize, events.len() - events.len() / 2);
    assert_eq!(both[0].folded, both[1].folded, "each folds the whole log");
    assert!(both[0].folded > 0.0);
    // The last per cent is left to machines that have other work to do.
    assert!(at(99) < 1_000, "{} ms apart", at(99));
}
