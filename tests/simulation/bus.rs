//! The loop's bus over the cluster in memory, with a member of the group as Kafka's client is one.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use offerstream::event::Timestamp;
use offerstream::exact::{Bus, Changelog, Commit, Incoming, Logged, Outcome, Outgoing, Polled, Rebalanced};

use super::cluster::{Broken, Cluster, Shared};
use super::group::{Heard, Membership, Place};
use super::log::Read;
use super::support::events::START_MS;
use super::wire::{Outbox, record_of};

/// The events of a simulation are of the days before this.
const TODAY_MS: i64 = START_MS + 6 * 86_400_000;

/// Where the client is with its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Out,
    /// It has asked to join.
    Joining,
    In,
    /// Its partitions are to be given up at the next poll.
    Revoking,
}

/// The client's side of the membership.
#[derive(Debug)]
pub struct Client {
    pub instance: String,
    member: Option<String>,
    generation: i64,
    standing: Standing,
    positions: BTreeMap<Place, i64>,
    paused: BTreeSet<Place>,
    /// What was fetched from where the assignment began, before it was told where to read from: it comes out all the
    /// same, once. Not so where reading starts again after an abort: the client is told to read nothing before that, and
    /// throws away what it has fetched. The loop rests on that: it would take a record from further on for the next one.
    prefetched: BTreeMap<Place, Range<i64>>,
    is_lost: bool,
    is_fenced: bool,
    rebalanced: VecDeque<Rebalanced>,
}

/// What goes between the loop and whoever commits.
#[derive(Debug, Default)]
pub struct Link {
    pub commit: Option<Commit<Membership>>,
    pub outcome: Option<Outcome>,
    /// Until when the loop rests.
    pub rest_until_ms: i64,
}

impl Link {
    fn is_busy(&self) -> bool {
        self.commit.is_some()
    }
}

impl Client {
    pub fn new(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            member: None,
            generation: -1,
            standing: Standing::Out,
            positions: BTreeMap::new(),
            paused: BTreeSet::new(),
            prefetched: BTreeMap::new(),
            is_lost: false,
            is_fenced: false,
            rebalanced: VecDeque::new(),
        }
    }

    /// Whether a poll would wait for the commit under way, before partitions are given back.
    pub fn waits_for(&self, link: &Link) -> bool {
        self.standing == Standing::Revoking && !self.is_lost && link.is_busy()
    }

    pub fn who(&self) -> Membership {
        Membership { instance: self.instance.clone(), member: self.member.clone().unwrap_or_default(), generation: self.generation }
    }

    /// The client's thread in the background.
    pub fn heartbeat(&mut self, cluster: &Shared) {
        if self.member.is_none() {
            return;
        }
        let mut cluster = cluster.borrow_mut();
        let now = cluster.now();
        let heard = cluster.group.heartbeat(&self.who(), now);
        match heard {
            Heard::Fine => {}
            Heard::Rebalancing if self.standing == Standing::In => self.standing = Standing::Revoking,
            Heard::Rebalancing => {}
            Heard::Unknown if self.standing == Standing::Joining => self.leave(Standing::Out),
            Heard::Unknown => {
                self.is_lost = self.standing != Standing::Out;
                self.leave(if self.is_lost { Standing::Revoking } else { Standing::Out });
            }
            Heard::Fenced => self.is_fenced = true,
        }
        if heard != Heard::Fine {
            cluster.say(|| format!("{} hears {heard:?}", self.instance));
        }
    }

    fn leave(&mut self, standing: Standing) {
        (self.member, self.generation, self.standing) = (None, -1, standing);
    }

    /// What a poll does beside reading.
    fn take_part(&mut self, cluster: &Shared) -> Result<()> {
        if self.is_fenced {
            bail!("another process has the same instance id");
        }
        match self.standing {
            Standing::In => {}
            Standing::Revoking => {
                self.positions.clear();
                self.prefetched.clear();
                self.is_lost = false;
                self.standing = Standing::Out;
                self.rebalanced.push_back(Rebalanced::Revoked);
            }
            Standing::Out => self.join(cluster),
            Standing::Joining => self.sync(cluster),
        }
        Ok(())
    }

    fn join(&mut self, cluster: &Shared) {
        let mut cluster = cluster.borrow_mut();
        let now = cluster.now();
        match cluster.group.join(&self.instance, self.member.as_deref(), now) {
            Ok(member) => (self.member, self.standing) = (Some(member), Standing::Joining),
            Err(Heard::Fenced) => self.is_fenced = true,
            Err(_) => self.leave(Standing::Out),
        }
        cluster.group.complete();
    }

    fn sync(&mut self, cluster: &Shared) {
        let mut cluster = cluster.borrow_mut();
        match cluster.group.sync(&self.instance, self.member.as_deref().unwrap_or_default()) {
            Ok(None) => {}
            Ok(Some((generation, assigned))) => {
                (self.generation, self.standing) = (generation, Standing::In);
                self.paused = assigned.iter().cloned().collect();
                self.positions = assigned.iter().map(|place| (place.clone(), 0)).collect();
                self.prefetched = assigned.iter().filter_map(|place| Some((place.clone(), prefetched(&mut cluster, place)?))).collect();
                cluster.say(|| format!("{} is assigned {assigned:?} in generation {generation}", self.instance));
                self.rebalanced.push_back(Rebalanced::Assigned(assigned));
            }
            Err(Heard::Fenced) => self.is_fenced = true,
            Err(_) => self.leave(Standing::Out),
        }
    }
}

/// How much of a partition is fetched from its beginning before it is told where to read from.
fn prefetched(cluster: &mut Cluster, place: &Place) -> Option<Range<i64>> {
    let end = cluster.logs[place].end();
    (end > 0 && cluster.fails(3)).then(|| 0..1 + cluster.dice.below(end as u64) as i64)
}

/// The bus of one process.
pub struct SimBus {
    pub cluster: Shared,
    pub client: Rc<RefCell<Client>>,
    pub link: Rc<RefCell<Link>>,
    pub outbox: Rc<RefCell<Outbox>>,
    pub now_ms: Rc<Cell<i64>>,
    pub started: Instant,
}

impl SimBus {
    fn is(&self, broken: Broken) -> bool {
        self.cluster.borrow().is(broken)
    }
}

impl Bus for SimBus {
    type Membership = Membership;
    type Changelog = SimChangelog;

    /// Looking at the clock takes a millisecond, so that no loop is without end.
    fn now(&self) -> Instant {
        self.now_ms.set(self.now_ms.get() + 1);
        self.started + Duration::from_millis(self.now_ms.get() as u64)
    }

    fn unix_ms(&self) -> i64 {
        TODAY_MS + self.now_ms.get()
    }

    fn rest(&self, pause: Duration) {
        self.link.borrow_mut().rest_until_ms = self.now_ms.get() + pause.as_millis() as i64;
    }

    fn poll(&mut self, _wait: Duration, take: impl FnOnce(&Incoming<'_>)) -> Result<Polled> {
        let mut client = self.client.borrow_mut();
        if client.standing != Standing::In {
            client.take_part(&self.cluster)?;
            return Ok(Polled::Nothing);
        }
        client.take_part(&self.cluster)?;
        let mut cluster = self.cluster.borrow_mut();
        let ready: Vec<Place> = client.positions.keys().filter(|place| !client.paused.contains(*place)).cloned().collect();
        if ready.is_empty() {
            return Ok(Polled::Nothing);
        }
        let place = &ready[cluster.dice.below(ready.len() as u64) as usize];
        if cluster.is_down(place) {
            return Ok(Polled::Nothing);
        }
        let stale = client.prefetched.get_mut(place).and_then(Iterator::next);
        match cluster.logs[place].read(stale.unwrap_or(client.positions[place])) {
            Read::End(next) => {
                client.positions.insert(place.clone(), next);
                Ok(Polled::Nothing)
            }
            Read::Record(offset, record) => {
                if stale.is_none() {
                    client.positions.insert(place.clone(), offset + 1);
                }
                take(&Incoming {
                    topic: &place.0,
                    partition: place.1,
                    offset,
                    key: record.key.as_deref(),
                    payload: record.value.as_deref().unwrap_or_default(),
                    time: Some(Timestamp(record.time_ms)),
                    headers: None,
                });
                Ok(Polled::Record)
            }
        }
    }

    fn next_rebalanced(&mut self) -> Option<Rebalanced> {
        self.client.borrow_mut().rebalanced.pop_front()
    }

    fn assignment_lost(&self) -> bool {
        self.client.borrow().is_lost
    }

    fn membership(&self) -> Result<Membership> {
        Ok(self.client.borrow().who())
    }

    fn stop_reading(&mut self) -> Result<()> {
        let mut client = self.client.borrow_mut();
        let read: Vec<Place> = client.positions.keys().cloned().collect();
        client.paused.extend(read);
        client.prefetched.clear();
        Ok(())
    }

    fn committed(&mut self, partitions: &[Place]) -> Result<Option<Vec<Option<i64>>>> {
        let mut cluster = self.cluster.borrow_mut();
        if cluster.fails(20) {
            return Ok(None);
        }
        let is_stable = !cluster.is(Broken::UnstableNotAwaited);
        Ok(cluster.group.committed(partitions, is_stable))
    }

    fn read_from(&mut self, start: &[(Place, Option<i64>)]) -> Result<()> {
        let mut client = self.client.borrow_mut();
        // What was given up in the meantime is not taken back by this.
        let owned = client.standing != Standing::Out && client.standing != Standing::Joining;
        if owned {
            client.positions = start.iter().map(|(place, next)| (place.clone(), next.unwrap_or(0))).collect();
            client.paused.clear();
        }
        Ok(())
    }

    fn position(&self) -> String {
        format!("{:?}", self.client.borrow().positions)
    }

    fn is_caught_up(&self, partition: i32) -> bool {
        let (client, cluster) = (self.client.borrow(), self.cluster.borrow());
        let mut own = client.positions.iter().filter(|((_, number), _)| *number == partition);
        own.all(|(place, position)| *position >= cluster.logs[place].stable_end())
    }

    fn changelog(&mut self) -> Result<SimChangelog> {
        Ok(SimChangelog {
            cluster: self.cluster.clone(),
            topic: self.cluster.borrow().kafka.sessions_topic.clone(),
            positions: BTreeMap::new(),
            ended: BTreeMap::new(),
            knowing: BTreeSet::new(),
            too_early: BTreeSet::new(),
        })
    }

    fn offer(&mut self, number: u64, offer: Outgoing, _caused_at: Option<Timestamp>) -> Result<()> {
        let cluster = self.cluster.borrow();
        let place = (offer.target.topic(&cluster.kafka).to_owned(), offer.partition);
        self.outbox.borrow_mut().offers.push_back((number, place, record_of(&offer, cluster.now())));
        Ok(())
    }

    fn forget_offers(&mut self, number: u64) {
        self.outbox.borrow_mut().failed_offers.remove(&number);
        // They are on their way all the same.
        self.outbox.borrow_mut().offers.iter_mut().filter(|(of, ..)| *of == number).for_each(|(of, ..)| *of = 0);
    }

    fn hand_over(&mut self, commit: Commit<Membership>) -> Result<()> {
        let mut link = self.link.borrow_mut();
        assert!(link.commit.is_none() && link.outcome.is_none(), "a commit is handed over while one is under way");
        link.commit = Some(commit);
        Ok(())
    }

    fn outcome(&mut self, _wait: Duration) -> Result<Option<Outcome>> {
        let outcome = self.link.borrow_mut().outcome.take();
        Ok(match outcome {
            Some(Outcome::Aborted(_)) if self.is(Broken::AbortUnheard) => Some(Outcome::Committed(Duration::ZERO)),
            outcome => outcome,
        })
    }

    fn await_commit(&self, _wait: Duration) {}
}

/// The changelog, as it lies in the cluster.
pub struct SimChangelog {
    cluster: Shared,
    topic: String,
    positions: BTreeMap<i32, i64>,
    /// Where it told an end, and will not tell it again.
    ended: BTreeMap<i32, i64>,
    /// Partitions whose leader has said where the end is. Another, just made, may know less and tell an end too early.
    knowing: BTreeSet<i32>,
    /// Partitions whose end was told too early.
    too_early: BTreeSet<i32>,
}

impl Changelog for SimChangelog {
    fn topic(&self) -> &str {
        &self.topic
    }

    fn end(&mut self, partition: i32) -> Result<Option<i64>> {
        let mut cluster = self.cluster.borrow_mut();
        let is_away = cluster.fails(20) || cluster.is_down(&(self.topic.clone(), partition));
        Ok((!is_away).then(|| cluster.log(&self.topic, partition).end()))
    }

    fn stable_end(&mut self, partition: i32) -> Result<Option<i64>> {
        let cluster = self.cluster.borrow();
        let stable = if cluster.is(Broken::UnstableNotAwaited) { i64::MAX } else { cluster.log(&self.topic, partition).stable_end() };
        let is_up = !cluster.is_down(&(self.topic.clone(), partition));
        if is_up {
            self.knowing.insert(partition);
        }
        Ok(is_up.then_some(stable))
    }

    fn read_on(&mut self, partition: i32) -> Result<()> {
        let position = self.ended.remove(&partition).or_else(|| self.positions.get(&partition).copied());
        self.positions.insert(partition, position.expect("a partition that is read"));
        Ok(())
    }

    fn read(&mut self, partitions: &[i32]) -> Result<()> {
        self.positions = partitions.iter().map(|partition| (*partition, 0)).collect();
        self.ended.clear();
        self.knowing.clear();
        self.too_early.clear();
        Ok(())
    }

    fn poll(&mut self, take: impl FnOnce(Logged<'_>)) -> Result<()> {
        let mut cluster = self.cluster.borrow_mut();
        if self.positions.is_empty() {
            return Ok(());
        }
        let at = cluster.dice.below(self.positions.len() as u64) as usize;
        let (partition, position) = self.positions.iter_mut().nth(at).unwrap();
        if cluster.is_down(&(self.topic.clone(), *partition)) {
            return Ok(());
        }
        let is_empty = cluster.is(Broken::NothingRestored);
        // Believing the first end is telling it until it is taken for one.
        let again = self.too_early.contains(partition) && cluster.is(Broken::FirstEndBelieved);
        if again || !self.knowing.contains(partition) && cluster.fails(40) {
            self.too_early.insert(*partition);
            take(Logged::End(*partition));
            return Ok(());
        }
        match cluster.log(&self.topic, *partition).read(*position) {
            Read::Record(offset, record) if !is_empty => {
                *position = offset + 1;
                take(Logged::Record(*partition, record.key.as_deref().unwrap_or_default(), record.value.as_deref()));
            }
            _ => {
                let (partition, position) = (*partition, *position);
                self.positions.remove(&partition);
                self.ended.insert(partition, position);
                take(Logged::End(partition));
            }
        }
        Ok(())
    }
}
