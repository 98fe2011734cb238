//! The calls of a commit, as a client makes them on the cluster in memory; every one may fail, or stay unanswered.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use anyhow::anyhow;
use offerstream::exact::{Commit, Failure, Outgoing, Remedy, Wire};

use super::cluster::{Broken, Cluster, Late, MESSAGE_MS, Shared};
use super::group::{Membership, Place};
use super::log::{Producer, Record};
use super::transactions::{Member, Refused};

/// A producer of transactions.
pub struct SimWire {
    cluster: Shared,
    id: String,
    /// What leaves at once.
    offers: Rc<RefCell<Outbox>>,
    producer: Producer,
    /// What is yet to be written.
    queue: BTreeMap<Place, VecDeque<Record>>,
    sent_ms: i64,
    /// Whether the coordinator has heard of the transaction.
    is_known: bool,
    /// The client has lost its way, and never answers again.
    is_stuck: bool,
}

fn failure(remedy: Remedy, why: impl std::fmt::Display) -> Failure {
    Failure { remedy, error: anyhow!("{why}") }
}

fn refused(refused: Refused) -> Failure {
    let remedy = if refused == Refused::Concurrent { Remedy::Repeat } else { Remedy::Renew };
    failure(remedy, format!("the coordinator says {refused:?}"))
}

/// A record of ours as it lies in a log.
pub fn record_of(outgoing: &Outgoing, now_ms: i64) -> Record {
    let headers = outgoing.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Record { key: outgoing.key.clone(), value: outgoing.payload.clone(), headers, time_ms: now_ms }
}

impl SimWire {
    /// Starts as a transactional id; `None` while what it left open is being ended.
    pub fn start(cluster: &Shared, id: &str, offers: &Rc<RefCell<Outbox>>) -> Option<Self> {
        let producer = cluster.borrow_mut().transactions.init(id).ok()?;
        let (cluster, id) = (cluster.clone(), id.to_owned());
        Some(Self { cluster, id, offers: offers.clone(), producer, queue: BTreeMap::new(), sent_ms: 0, is_known: false, is_stuck: false })
    }

    /// Makes a call that may stay without an answer; what is lost may arrive later all the same.
    fn call(
        &mut self,
        what: &str,
        late: impl FnOnce(Producer) -> Late,
        call: impl FnOnce(&mut Cluster, Producer) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let producer = self.producer;
        let mut cluster = self.cluster.borrow_mut();
        self.is_stuck |= cluster.fails(300);
        if self.is_stuck || cluster.fails(25) {
            return Err(failure(Remedy::Repeat, format!("{what}: nobody is there")));
        }
        if cluster.fails(25) {
            cluster.late.push(late(producer));
            cluster.say(|| format!("{} {what}: on its way, no answer", self.id));
            return Err(failure(Remedy::Repeat, format!("{what}: no answer")));
        }
        let done = call(&mut cluster, producer);
        cluster.say(|| format!("{} {what}: {done:?}", self.id));
        if done.is_ok() && cluster.fails(25) {
            if cluster.dice.one_in(3) {
                cluster.late.push(late(producer));
            }
            cluster.say(|| format!("{} {what}: the answer is lost", self.id));
            return Err(failure(Remedy::Repeat, format!("{what}: the answer was lost")));
        }
        done
    }
}

/// Offers that leave at once, outside any transaction.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The commit that waits for them, and where they go.
    pub offers: VecDeque<(u64, Place, Record)>,
    /// Commits of which an offer was not delivered.
    pub failed_offers: BTreeSet<u64>,
}

impl Outbox {
    /// Writes the next offer, or fails to.
    pub fn step(&mut self, cluster: &Shared) {
        let mut cluster = cluster.borrow_mut();
        if self.offers.front().is_none_or(|(_, place, _)| cluster.is_down(place)) {
            return;
        }
        let Some((number, place, record)) = self.offers.pop_front() else { return };
        if cluster.fails(200) {
            cluster.say(|| format!("an offer of commit {number} is not delivered"));
            self.failed_offers.insert(number);
        } else {
            cluster.logs.get_mut(&place).unwrap().append(record);
        }
    }
}

impl Wire<Membership> for SimWire {
    fn offers_delivered(&mut self, commit: &Commit<Membership>) -> Result<(), Failure> {
        let mut link = self.offers.borrow_mut();
        if link.failed_offers.remove(&commit.number) {
            return Err(failure(Remedy::Abort, "an offer was not written in time"));
        }
        let is_under_way = link.offers.iter().any(|(of, ..)| *of == commit.number);
        if is_under_way && !self.cluster.borrow().is(Broken::OffersNotAwaited) {
            return Err(failure(Remedy::Repeat, "offers are on their way"));
        }
        Ok(())
    }

    fn renew(&mut self) -> Result<(), Failure> {
        let mut cluster = self.cluster.borrow_mut();
        if cluster.is(Broken::OldProducerKept) {
            return Ok(());
        }
        self.producer = cluster.transactions.init(&self.id).map_err(refused)?;
        self.is_stuck = false;
        cluster.say(|| format!("{} has a new producer {:?}", self.id, self.producer));
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.queue.clear();
        self.is_known = false;
        Ok(())
    }

    fn send(&mut self, commit: &Commit<Membership>) -> Result<(), Failure> {
        let mut cluster = self.cluster.borrow_mut();
        if cluster.is(Broken::OffsetsBeforeState) {
            cluster.group.commit_at_once(&commit.offsets);
        }
        self.sent_ms = cluster.now();
        for outgoing in &commit.records {
            let place = (outgoing.target.topic(&cluster.kafka).to_owned(), outgoing.partition);
            self.queue.entry(place).or_default().push_back(record_of(outgoing, self.sent_ms));
        }
        cluster.say(|| format!("{} sends commit {} of {} records for {:?}", self.id, commit.number, commit.records.len(), commit.offsets));
        if cluster.fails(300) { Err(failure(Remedy::Abort, "a record can't be sent")) } else { Ok(()) }
    }

    /// Writes one record a call.
    fn delivered(&mut self) -> Result<(), Failure> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let mut cluster = self.cluster.borrow_mut();
        if cluster.now() - self.sent_ms > MESSAGE_MS || cluster.fails(400) {
            return Err(failure(Remedy::Abort, "a record was not written in time"));
        }
        let at = cluster.dice.below(self.queue.len() as u64) as usize;
        let place = self.queue.keys().nth(at).unwrap().clone();
        if cluster.is_down(&place) {
            return Err(failure(Remedy::Repeat, "no leader"));
        }
        let now = cluster.now();
        cluster.transactions.add(self.producer, Member::Partition(place.0.clone(), place.1), now).map_err(refused)?;
        self.is_known = true;
        let records = self.queue.get_mut(&place).unwrap();
        let record = records.pop_front().unwrap();
        if records.is_empty() {
            self.queue.remove(&place);
        }
        if !cluster.produce(self.producer, &place, record) {
            return Err(failure(Remedy::Abort, "a record was refused"));
        }
        if self.queue.is_empty() { Ok(()) } else { Err(failure(Remedy::Repeat, "on its way")) }
    }

    fn send_offsets(&mut self, commit: &Commit<Membership>) -> Result<(), Failure> {
        let now = self.cluster.borrow().now();
        {
            let mut cluster = self.cluster.borrow_mut();
            cluster.transactions.add(self.producer, Member::Offsets, now).map_err(refused)?;
            self.is_known = true;
            if cluster.is(Broken::OffsetsBeforeState) {
                return Ok(());
            }
        }
        let (who, offsets) = (&commit.membership, &commit.offsets);
        self.call(
            "offsets",
            |producer| Late::Offsets(producer, who.clone(), offsets.clone()),
            |cluster, producer| cluster.commit_offsets(producer, who, offsets).map_err(|error| failure(Remedy::Abort, error)),
        )
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let done = self.call("commit", Late::End, |cluster, producer| cluster.transactions.end(producer, true).map_err(refused));
        let cluster = self.cluster.borrow();
        match done {
            Err(Failure { remedy: Remedy::Repeat, error }) if cluster.is(Broken::UnknownIsAborted) => {
                Err(Failure { remedy: Remedy::Abort, error })
            }
            Err(Failure { remedy: Remedy::Repeat, .. }) if cluster.is(Broken::UnknownIsCommitted) => Ok(()),
            done => done,
        }
    }

    fn abort(&mut self) -> Result<(), Failure> {
        self.queue.clear();
        if !self.is_known {
            return Ok(());
        }
        let mut cluster = self.cluster.borrow_mut();
        // Whoever takes it for aborted does not ask.
        if cluster.is(Broken::UnknownIsAborted) {
            _ = cluster.transactions.end(self.producer, false);
            return Ok(());
        }
        self.is_stuck |= cluster.fails(100);
        if self.is_stuck || cluster.fails(25) {
            return Err(failure(Remedy::Repeat, "abort: nobody is there"));
        }
        let done = cluster.transactions.end(self.producer, false);
        cluster.say(|| format!("{} aborts: {done:?}", self.id));
        // The markers of this very abort are on their way.
        if done == Err(Refused::Concurrent) { Ok(()) } else { done.map_err(refused) }
    }
}
