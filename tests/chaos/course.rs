//! One run of a plan: events at an even pace, and what is done to those who take them.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use crate::herd::{Guest, Herd};
use crate::plan::{Deed, Plan};
use crate::support::cluster::Cluster;
use crate::support::events::Event;
use crate::support::topics::Topics;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// An instance that is down when it is to be killed is killed a little after it is up again.
const KILL_LATER: Duration = Duration::from_millis(700);
/// The last events come when no more harm is done: whoever is there then has to work.
const KEPT_BACK_PER_MILLE: usize = 20;

/// Sessions end soon enough for others to take over; a commit may take as long as brokers with nothing but two cores for all
/// of this need.
const TIMEOUTS: [(&str, &str); 3] =
    [("kafka.message_timeout_ms", "7000"), ("kafka.transaction_timeout_ms", "8000"), ("kafka.session_timeout_ms", "8001")];

/// What is under way.
pub struct Course<'a> {
    cluster: &'a Cluster,
    topics: &'a Topics,
    pub herd: Herd<'a>,
    guest: Option<Guest>,
    broker_back: Option<(usize, Instant)>,
    seen: Seen,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    kills: u32,
    kills_under_load: u32,
    broker_kills: u32,
    rebalances: u32,
    ends: Vec<String>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills, {} of them while events came, {} of a broker, {} forced rebalances, {} ended by themselves",
            self.kills,
            self.kills_under_load,
            self.broker_kills,
            self.rebalances,
            self.ends.len()
        )?;
        self.ends.iter().try_for_each(|words| write!(f, "\n    {words}"))
    }
}

impl<'a> Course<'a> {
    /// Starts the instances.
    pub fn start(cluster: &'a Cluster, topics: &'a Topics, seed: u64) -> Self {
        // Commits of some dozens of records, so that kills meet them at all their steps.
        let sizes = ["40", "200", "1000"];
        let size = sizes[(seed % 3) as usize];
        let settings = TIMEOUTS.into_iter().chain([("kafka.commit_records_max", size)]).collect();
        let herd = Herd::start(topics, settings);
        Self { cluster, topics, herd, guest: None, broker_back: None, seen: Seen::default() }
    }

    /// Does what the plan says, to its end; then all brokers and instances are up, and nobody else.
    pub fn run(&mut self, plan: &Plan, events: &[Event]) -> Seen {
        let feeder = self.topics.feeder();
        let (paced, kept_back) = events.split_at(events.len() * (1_000 - KEPT_BACK_PER_MILLE) / 1_000);
        let mut deeds: VecDeque<(Duration, Deed)> = plan.deeds.iter().copied().collect();
        let (started, mut fed) = (Instant::now(), 0);
        while fed < paced.len() || !deeds.is_empty() || self.broker_back.is_some() || !self.herd.is_whole() {
            let since = started.elapsed();
            let due = ((paced.len() as f64 * since.as_secs_f64() / plan.time.as_secs_f64()) as usize).min(paced.len());
            feeder.send(&paced[fed..due]);
            fed = due;
            while let Some((_, deed)) = deeds.front().copied().filter(|(at, _)| *at <= since) {
                deeds.pop_front();
                if !self.do_it(deed, fed < paced.len()) {
                    let at = deeds.partition_point(|(at, _)| *at <= since + KILL_LATER);
                    deeds.insert(at, (since + KILL_LATER, deed));
                }
            }
            if let Some((broker, _)) = self.broker_back.take_if(|(_, at)| *at <= Instant::now()) {
                self.cluster.launch(broker);
            }
            self.herd.look_after();
            std::thread::sleep(LOOK_EVERY);
        }
        self.guest = None;
        feeder.send(kept_back);
        feeder.finish();
        self.seen.ends.clone_from(&self.herd.last_words);
        self.seen.clone()
    }

    /// Whether it could be done now.
    fn do_it(&mut self, deed: Deed, events_come: bool) -> bool {
        match deed {
            Deed::Kill { instance, away } => {
                if !self.herd.kill(instance, away) {
                    return false;
                }
                self.seen.kills += 1;
                self.seen.kills_under_load += u32::from(events_come);
            }
            Deed::KillBroker { broker, away } => {
                self.cluster.kill(broker);
                self.broker_back = Some((broker, Instant::now() + away));
                self.seen.broker_kills += 1;
            }
            Deed::Rebalance => {
                self.guest = if self.guest.is_none() { Some(Guest::join(self.topics)) } else { None };
                self.seen.rebalances += 1;
            }
        }
        true
    }
}
