//! One simulation: a seed decides everything that happens, step by step.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use offerstream::config::Config;

use super::cluster::{Broken, Cluster, Shared, TRANSACTION_MS};
use super::judge;
use super::log::Record;
use super::process::{Common, Fate, Process};
use super::support::Dice;
use super::support::events::{Event, small_log};

/// Steps in which things go wrong, at least.
const ROUGH_STEPS: u32 = 1_000;
/// Steps within which all has to be done once nothing goes wrong any more.
const CALM_STEPS: u32 = 40_000;
/// So often, then, time-outs of what is left behind are let come at once.
const CALM_JUMP_STEPS: u32 = 500;
const CALM_JUMP_MS: i64 = 31_000;

/// One simulation.
pub struct World {
    cluster: Shared,
    config: Arc<Config>,
    common: Rc<Common>,
    dice: Dice,
    partitions: i32,
    fed: Vec<Event>,
    to_feed: VecDeque<Event>,
    /// Alive or stopped; two of the same instance where one was started anew while the other was stopped.
    processes: Vec<Process>,
    /// Instances that are to be started again, and when.
    dead: Vec<(String, i64)>,
    starts: u64,
    is_rough: bool,
    pub counts: Happened,
}

/// What happened, to see that enough did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Happened {
    pub steps: u64,
    pub kills: u64,
    pub freezes: u64,
    pub ends: u64,
    pub offers: u64,
}

impl Happened {
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.kills += other.kills;
        self.freezes += other.freezes;
        self.ends += other.ends;
        self.offers += other.offers;
    }
}

/// What became of a simulation.
pub struct Verdict {
    pub problems: Vec<String>,
    pub trace: Vec<String>,
    pub happened: Happened,
}

/// Runs the simulation of a seed.
pub fn simulate(seed: u64, config: &Config, common: &Rc<Common>, broken: Option<Broken>, is_traced: bool) -> Verdict {
    let mut dice = Dice::new(seed);
    let partitions = 1 + dice.below(3) as i32;
    let mut config = config.clone();
    config.kafka.commit_records_max = 1 + dice.below(12);
    let mut cluster = Cluster::new(config.kafka.clone(), partitions, Dice::new(dice.below(u64::MAX)), broken, is_traced);
    // As short as can be set, or so short that a commit is often left to itself.
    cluster.revoke_ms = if dice.one_in(2) { TRANSACTION_MS } else { 200 };
    let events = small_log(dice.below(u64::MAX), 40 + dice.below(40) as usize);
    let mut world = World {
        cluster: Rc::new(RefCell::new(cluster)),
        config: Arc::new(config),
        common: common.clone(),
        partitions,
        fed: Vec::new(),
        to_feed: events.into(),
        processes: Vec::new(),
        dead: (0..1 + dice.below(4)).map(|number| (format!("instance-{number}"), 0)).collect(),
        starts: 0,
        is_rough: true,
        counts: Happened::default(),
        dice,
    };
    let mut problems = world.run();
    if problems.is_empty() {
        let cluster = world.cluster.borrow();
        problems = judge::problems(&cluster, &world.config, &world.fed, partitions, &mut world.counts.offers);
    }
    let trace = world.cluster.borrow_mut().trace.take().unwrap_or_default();
    Verdict { problems, trace, happened: world.counts }
}

impl World {
    fn run(&mut self) -> Vec<String> {
        let mut steps = 0;
        while steps < ROUGH_STEPS || !self.to_feed.is_empty() {
            self.step();
            self.misfortune();
            steps += 1;
        }
        self.calm_down();
        for step in 0..CALM_STEPS {
            self.step();
            if step % 16 == 0 && self.is_all_committed() {
                return self.drain();
            }
            if step % CALM_JUMP_STEPS == CALM_JUMP_STEPS / 4 {
                self.jump();
            }
        }
        vec![format!("it does not come to an end: {}", self.left_over())]
    }

    fn step(&mut self) {
        self.counts.steps += 1;
        let pace = if self.is_rough { 20 } else { 40 };
        let now = self.cluster.borrow().now() + 1 + self.dice.below(pace) as i64;
        self.cluster.borrow().now_ms.set(now);
        self.restart(now);
        if self.dice.one_in(20) {
            self.feed();
        }
        match self.dice.below(10) {
            0 => self.cluster.borrow_mut().time_out(),
            1 | 2 => _ = self.cluster.borrow_mut().write_marker(),
            _ => {}
        }
        for at in 0..self.processes.len() {
            if self.processes[at].frozen_until <= now && self.dice.one_in(10) {
                self.processes[at].heartbeat();
            }
        }
        self.step_process(now);
    }

    /// One step of one thread of one process.
    fn step_process(&mut self, now: i64) {
        if self.processes.is_empty() {
            return;
        }
        let at = self.dice.below(self.processes.len() as u64) as usize;
        let process = &mut self.processes[at];
        if process.frozen_until > now {
            return;
        }
        // Slow, so that a commit is often there before them.
        if self.dice.one_in(6) {
            process.offers_step();
        }
        let fate = match self.dice.below(8) {
            0 => {
                process.fold();
                return;
            }
            1..=4 if process.link.borrow().commit.is_some() => {
                process.commit_step();
                return;
            }
            _ => process.step(),
        };
        let said = match fate {
            Fate::Alive => return,
            Fate::Drained => "has drained".to_owned(),
            Fate::Ended(why) => format!("ends: {why}"),
        };
        let instance = self.processes.remove(at).instance;
        self.cluster.borrow_mut().say(|| format!("{instance} {said}"));
        self.counts.ends += 1;
        self.bury(instance, now);
    }

    /// Lets it be started again, unless another process of its name is alive.
    fn bury(&mut self, instance: String, now: i64) {
        let is_there = self.processes.iter().any(|other| other.instance == instance) || self.dead.iter().any(|(dead, _)| *dead == instance);
        if !is_there {
            let after = match self.dice.below(3) {
                0 => 0,
                1 => self.dice.below(5_000),
                _ => self.dice.below(40_000),
            };
            self.dead.push((instance, now + after as i64));
        }
    }

    fn restart(&mut self, now: i64) {
        let Some(at) = self.dead.iter().position(|(_, from)| *from <= now) else { return };
        let (instance, _) = self.dead.swap_remove(at);
        self.starts += 1;
        self.cluster.borrow_mut().say(|| format!("{instance} starts"));
        self.processes.push(Process::start(&instance, &self.cluster, &self.config, &self.common, self.starts, self.partitions));
    }

    fn feed(&mut self) {
        for _ in 0..1 + self.dice.below(6) {
            let Some(event) = self.to_feed.pop_front() else { return };
            let partition = (event.key.bytes().map(u32::from).sum::<u32>() % self.partitions as u32) as i32;
            let headers = event.expect.map(|reason| ("test-expect".to_owned(), reason.to_owned())).into_iter().collect();
            let record =
                Record { key: Some(event.key.clone().into_bytes()), value: Some(event.value.clone()), headers, time_ms: event.ts_ms };
            let mut cluster = self.cluster.borrow_mut();
            let topic = cluster.kafka.events_topics[0].clone();
            cluster.logs.get_mut(&(topic, partition)).unwrap().append(record);
            self.fed.push(event);
        }
    }

    fn misfortune(&mut self) {
        let now = self.cluster.borrow().now();
        match self.dice.below(800) {
            0..=9 => self.kill(now),
            10..=14 => self.freeze(now),
            15..=17 => self.cluster.borrow_mut().roll(),
            18..=21 => {
                self.cluster.borrow_mut().say(|| "a rebalance".into());
                self.cluster.borrow_mut().group.rebalance(now);
            }
            22..=41 => self.cluster.borrow_mut().compact(),
            42..=53 => self.cluster.borrow_mut().deliver_late(),
            // The network is away from everybody for a while.
            102..=103 => self.cluster.borrow().now_ms.set(now + self.dice.below(25_000) as i64),
            104 => {
                let mut cluster = self.cluster.borrow_mut();
                let ended = cluster.transactions.time_out(i64::MAX / 2, 0);
                cluster.say(|| format!("{ended} transactions are ended by the broker"));
            }
            _ => {}
        }
    }

    fn kill(&mut self, now: i64) {
        if self.processes.is_empty() {
            return;
        }
        let at = self.dice.below(self.processes.len() as u64) as usize;
        let instance = self.processes.remove(at).instance;
        self.cluster.borrow_mut().say(|| format!("{instance} is killed"));
        self.counts.kills += 1;
        self.bury(instance, now);
    }

    /// Stops a process for a while; sometimes another is started in its place meanwhile.
    fn freeze(&mut self, now: i64) {
        if self.processes.is_empty() {
            return;
        }
        let at = self.dice.below(self.processes.len() as u64) as usize;
        let for_ms = self.dice.below(60_000) as i64;
        let process = &mut self.processes[at];
        process.frozen_until = now + for_ms;
        let instance = process.instance.clone();
        self.counts.freezes += 1;
        self.cluster.borrow_mut().say(|| format!("{instance} is stopped for {for_ms} ms"));
        if self.dice.one_in(3) && !self.dead.iter().any(|(dead, _)| *dead == instance) {
            self.dead.push((instance, now + self.dice.below(10_000) as i64));
        }
    }

    fn calm_down(&mut self) {
        self.is_rough = false;
        let mut cluster = self.cluster.borrow_mut();
        cluster.say(|| "from now on nothing goes wrong".into());
        while !cluster.late.is_empty() {
            cluster.deliver_late();
        }
        cluster.is_calm = true;
        let now = cluster.now();
        self.dead.iter_mut().for_each(|(_, from)| *from = now);
        self.processes.iter_mut().for_each(|process| process.frozen_until = now);
    }

    /// What is alive is heard of in time all the same.
    fn jump(&self) {
        let cluster = self.cluster.borrow();
        cluster.now_ms.set(cluster.now() + CALM_JUMP_MS);
        drop(cluster);
        self.processes.iter().for_each(Process::heartbeat);
        self.cluster.borrow_mut().time_out();
    }

    fn is_all_committed(&self) -> bool {
        let cluster = self.cluster.borrow();
        let topic = &cluster.kafka.events_topics[0];
        let done = |partition: i32| {
            let end = cluster.log(topic, partition).end();
            let place = (topic.clone(), partition);
            cluster.group.committed(&[place], true).is_some_and(|committed| committed[0].unwrap_or(0) == end)
        };
        cluster.transactions.is_quiet() && (0..self.partitions).all(done)
    }

    /// Tells all to stop, and lets what is under way come to its end.
    fn drain(&mut self) -> Vec<String> {
        self.processes.iter().for_each(Process::stop);
        self.dead.clear();
        for _ in 0..CALM_STEPS {
            if self.processes.is_empty() && self.cluster.borrow().transactions.is_quiet() {
                return Vec::new();
            }
            self.step();
            self.dead.clear();
        }
        vec![format!("it does not drain: {}", self.left_over())]
    }

    fn left_over(&self) -> String {
        let processes: Vec<&String> = self.processes.iter().map(|process| &process.instance).collect();
        let cluster = self.cluster.borrow();
        format!("{processes:?} are alive; {:?}; {:?}", cluster.group, cluster.transactions)
    }
}
