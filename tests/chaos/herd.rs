//! The instances, each started again when it is down; and a further member of their group, which takes partitions away
//! and does nothing with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::plan::INSTANCES;
use crate::support::instance::Instance;
use crate::support::topics::Topics;

/// An instance that ends by itself is a thing that may happen once in a while: not again and again.
const ENDS_BY_ITSELF_MAX: usize = 3;
/// Whoever ends by itself is started again after so long, as a supervisor does it.
const BACK_AFTER: Duration = Duration::from_millis(500);

/// The instances.
pub struct Herd<'a> {
    topics: &'a Topics,
    settings: Vec<(&'static str, &'static str)>,
    places: Vec<Place>,
    /// What they said when they ended by themselves.
    pub last_words: Vec<String>,
}

enum Place {
    Up(Instance),
    Down(Instant),
}

impl<'a> Herd<'a> {
    /// Starts them all, and waits until they take events.
    pub fn start(topics: &'a Topics, settings: Vec<(&'static str, &'static str)>) -> Self {
        let mut herd = Self { topics, settings, places: Vec::new(), last_words: Vec::new() };
        for number in 0..INSTANCES {
            let instance = herd.instance(number);
            herd.places.push(Place::Up(instance));
        }
        for place in &mut herd.places {
            if let Place::Up(instance) = place {
                instance.await_ready();
            }
        }
        herd
    }

    fn instance(&self, number: usize) -> Instance {
        Instance::start(self.topics, &format!("instance-{number}"), &self.settings)
    }

    /// Kills one, which comes back after `away`; returns whether it was there to be killed.
    pub fn kill(&mut self, number: usize, away: Duration) -> bool {
        self.look_after();
        let Place::Up(_) = self.places[number] else { return false };
        if let Place::Up(instance) = std::mem::replace(&mut self.places[number], Place::Down(Instant::now() + away)) {
            instance.kill();
        }
        true
    }

    /// Starts those that are to come back, and looks whether one ended by itself: it must have said why, in a line.
    pub fn look_after(&mut self) {
        for number in 0..self.places.len() {
            match &mut self.places[number] {
                Place::Down(until) if *until <= Instant::now() => self.places[number] = Place::Up(self.instance(number)),
                Place::Down(_) => {}
                Place::Up(instance) => {
                    let Some(status) = instance.status() else { continue };
                    let words = instance.last_words();
                    assert!(!status.success() && words.len() == 1, "instance {number} ended with {status}:\n{}", instance.log());
                    self.last_words.push(format!("instance-{number}: {}", words[0]));
                    assert!(self.last_words.len() <= ENDS_BY_ITSELF_MAX, "they end by themselves: {:#?}", self.last_words);
                    self.places[number] = Place::Down(Instant::now() + BACK_AFTER);
                }
            }
        }
    }

    /// Whether all of them run.
    pub fn is_whole(&self) -> bool {
        self.places.iter().all(|place| matches!(place, Place::Up(_)))
    }

    /// Waits until every record fed is covered by a commit, and looks after them meanwhile; fails where nothing is committed
    /// for `still`.
    pub fn await_all(&mut self, still: Duration) {
        let progress = self.topics.progress();
        let fed = progress.fed();
        let (mut committed, mut since) = (progress.committed(), Instant::now());
        while committed < fed {
            self.look_after();
            std::thread::sleep(Duration::from_millis(50));
            let now = progress.committed();
            if now > committed {
                (committed, since) = (now, Instant::now());
            }
            if since.elapsed() > still {
                let logs: Vec<String> = self.alive().map(told).collect();
                panic!("for {still:?} {committed} of {fed} records have been committed.\n{}", logs.join("\n--\n"));
            }
        }
        assert_eq!(committed, fed, "commits cover more than there is");
    }

    fn alive(&self) -> impl Iterator<Item = &Instance> {
        self.places.iter().filter_map(|place| if let Place::Up(instance) = place { Some(instance) } else { None })
    }

    /// Ends them all by SIGTERM.
    pub fn drain(&mut self) {
        for place in self.places.drain(..) {
            if let Place::Up(instance) = place {
                instance.drained();
            }
        }
    }
}

/// What an instance says of itself: whether it is ready, how far behind it is, and its log.
fn told(instance: &Instance) -> String {
    let ready = instance.get("/readyz").map_or("no answer".to_owned(), |(status, body)| format!("{status} {body}"));
    let metrics = instance.get("/metrics").map(|(_, body)| body).unwrap_or_default();
    let told = ["offerstream_consumer_lag_records", "offerstream_commits", "offerstream_commit_", "offerstream_events_total"];
    let lines: Vec<&str> = metrics.lines().filter(|line| told.iter().any(|name| line.starts_with(name))).collect();
    format!("/readyz: {ready}\n{}\n{}", lines.join("\n"), instance.log())
}

/// A member of the group that takes its share of the partitions and reads nothing.
pub struct Guest {
    leave: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Guest {
    /// Joins the group.
    pub fn join(topics: &Topics) -> Self {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &topics.brokers)
            .set("group.id", &topics.prefix)
            .set("partition.assignment.strategy", "range")
            .set("enable.auto.commit", "false")
            .set("session.timeout.ms", "6001")
            .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        let consumer: BaseConsumer = client.create().expect("a consumer");
        consumer.subscribe(&[&topics.name("events")]).expect("a subscription");
        let leave = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&leave);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let _ = consumer.poll(Duration::from_millis(50));
            }
        });
        Self { leave, thread: Some(thread) }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It leaves as its consumer is dropped; nobody has to wait for that, but the test's end.
            let _ = thread.join();
        }
    }
}
