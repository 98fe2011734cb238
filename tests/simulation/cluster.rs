//! The cluster in memory: logs, the two coordinators, the clock, the dice, and what goes wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use offerstream::config::KafkaConfig;

use super::group::{Group, Membership, Place};
use super::log::{Log, Producer, Record};
use super::support::Dice;
use super::transactions::{Member, Transactions};

pub const TRANSACTION_MS: i64 = 15_000;
pub const SESSION_MS: i64 = 20_000;
pub const MESSAGE_MS: i64 = 10_000;
const REBALANCE_MS: i64 = 30_000;

/// A way to break the loop, so that it is seen that the judge would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Offsets are committed before, and without, the records they stand for.
    OffsetsBeforeState,
    /// Sessions are not restored.
    NothingRestored,
    /// Open transactions are not waited for before sessions are read.
    UnstableNotAwaited,
    /// A partition's end is believed whoever tells it.
    FirstEndBelieved,
    /// A batch is committed under today's membership, whatever it was polled under.
    NewMembership,
    /// An abort is taken for a commit: what follows is built on what is not there.
    AbortUnheard,
    /// A commit without an answer is taken for an abort.
    UnknownIsAborted,
    /// A commit without an answer is taken for a commit.
    UnknownIsCommitted,
    /// The same producer goes on after a call without an answer.
    OldProducerKept,
    /// In `at_least_once`: a commit does not wait for its offers.
    OffersNotAwaited,
}

/// A request whose answer nobody waits for any more.
#[derive(Debug)]
pub enum Late {
    End(Producer),
    Offsets(Producer, Membership, Vec<(Place, i64)>),
}

/// Everything that outlives a process.
pub struct Cluster {
    pub now_ms: Rc<std::cell::Cell<i64>>,
    pub kafka: KafkaConfig,
    pub logs: BTreeMap<Place, Log>,
    pub transactions: Transactions,
    pub group: Group,
    pub dice: Dice,
    pub broken: Option<Broken>,
    pub late: Vec<Late>,
    /// Partitions without a leader, and until when.
    down: BTreeMap<Place, i64>,
    /// How long a poll waits for the commit under way before partitions are given back.
    pub revoke_ms: i64,
    /// Whether nothing goes wrong any more.
    pub is_calm: bool,
    pub trace: Option<Vec<String>>,
}

pub type Shared = Rc<RefCell<Cluster>>;

impl Cluster {
    pub fn new(kafka: KafkaConfig, partitions: i32, dice: Dice, broken: Option<Broken>, is_traced: bool) -> Self {
        let places = |topic: &str, count: i32| (0..count).map(|partition| (topic.to_owned(), partition)).collect::<Vec<Place>>();
        let mut logs = BTreeMap::new();
        let own = [&kafka.events_topics[0], &kafka.offers_topic, &kafka.withheld_topic, &kafka.dlq_topic, &kafka.sessions_topic];
        for place in own.into_iter().flat_map(|topic| places(topic, partitions)).chain(places(&kafka.shop_topic, 1)) {
            logs.insert(place, Log::default());
        }
        Self {
            now_ms: Rc::default(),
            group: Group::new(places(&kafka.events_topics[0], partitions)),
            logs,
            transactions: Transactions::default(),
            dice,
            broken,
            late: Vec::new(),
            down: BTreeMap::new(),
            revoke_ms: TRANSACTION_MS,
            is_calm: false,
            trace: is_traced.then(Vec::new),
            kafka,
        }
    }

    pub fn now(&self) -> i64 {
        self.now_ms.get()
    }

    pub fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// Whether something goes wrong here, once in so many times.
    pub fn fails(&mut self, one_in: u64) -> bool {
        !self.is_calm && self.dice.one_in(one_in)
    }

    pub fn say(&mut self, line: impl FnOnce() -> String) {
        let now = self.now();
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>7} ms  {}", now, line()));
        }
    }

    pub fn is_down(&self, place: &Place) -> bool {
        !self.is_calm && self.down.get(place).is_some_and(|until| *until > self.now())
    }

    /// Takes the leader of a partition away for a while, or of all of them.
    pub fn roll(&mut self) {
        let until = self.now() + self.dice.below(3_000) as i64;
        let places: Vec<Place> = self.logs.keys().cloned().collect();
        if self.dice.one_in(4) {
            self.down.extend(places.into_iter().map(|place| (place, until)));
        } else {
            let place = places[self.dice.below(places.len() as u64) as usize].clone();
            self.down.insert(place, until);
        }
    }

    /// Writes a record of a transaction; `None` where nobody answers, else whether it was taken.
    pub fn produce(&mut self, producer: Producer, place: &Place, record: Record) -> bool {
        let member = Member::Partition(place.0.clone(), place.1);
        self.transactions.is_open(producer, &member) && self.logs.get_mut(place).unwrap().append_open(producer, record)
    }

    /// Takes the offsets of a transaction.
    pub fn commit_offsets(&mut self, producer: Producer, who: &Membership, offsets: &[(Place, i64)]) -> Result<(), String> {
        if !self.transactions.is_open(producer, &Member::Offsets) {
            return Err("there is no such transaction".into());
        }
        self.group.commit(producer, who, offsets).map_err(|heard| format!("the group says {heard:?}"))
    }

    /// Writes one marker that is due.
    pub fn write_marker(&mut self) -> bool {
        let Self { transactions, dice, .. } = self;
        let Some(marker) = transactions.next_marker(|count| dice.below(count as u64) as usize) else { return false };
        match &marker.to {
            Member::Offsets => self.group.mark(marker.producer.0, marker.is_commit),
            Member::Partition(topic, partition) => {
                self.logs.get_mut(&(topic.clone(), *partition)).unwrap().append_marker(marker.producer, marker.is_commit);
            }
        }
        self.say(|| format!("a marker: {marker:?}"));
        true
    }

    /// A request arrives that its sender gave up.
    pub fn deliver_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let at = self.dice.below(self.late.len() as u64) as usize;
        let late = self.late.swap_remove(at);
        let said = match &late {
            Late::End(producer) => format!("{:?}", self.transactions.end(*producer, true)),
            Late::Offsets(producer, who, offsets) => format!("{:?}", self.commit_offsets(*producer, who, offsets)),
        };
        self.say(|| format!("late: {late:?}: {said}"));
    }

    /// What has been waited for too long.
    pub fn time_out(&mut self) {
        let now = self.now();
        let aborted = self.transactions.time_out(now, TRANSACTION_MS);
        let gone = self.group.time_out(now, SESSION_MS, REBALANCE_MS);
        if aborted + gone > 0 {
            self.say(|| format!("timed out: {aborted} transactions, {gone} members"));
        }
    }

    pub fn compact(&mut self) {
        let with_tombstones = self.dice.one_in(3);
        let topic = self.kafka.sessions_topic.clone();
        for (_, log) in self.logs.iter_mut().filter(|((name, _), _)| *name == topic) {
            if with_tombstones { log.drop_tombstones() } else { log.compact() }
        }
    }

    pub fn log(&self, topic: &str, partition: i32) -> &Log {
        &self.logs[&(topic.to_owned(), partition)]
    }
}
