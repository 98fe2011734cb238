//! What the loop asks of a bus.
//!
//! Invariant: plain types only. A record is lent for the time of one call, so that nothing of it is copied on the
//! way. No call waits longer than it is told to, or than one question to a broker takes: where there is no answer
//! yet it says so, and the loop goes round.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::outgoing::Outgoing;
use crate::event::{Headers, Timestamp};

/// A topic's partition.
pub type Place = (String, i32);

/// A record of the events, lent.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub payload: &'a [u8],
    /// When it was written, as Kafka says.
    pub time: Option<Timestamp>,
    /// Its headers, where it has any.
    pub headers: Option<&'a dyn Headers>,
}

/// What a poll came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A record was lent.
    Record,
    /// Nothing came in time, or nothing that matters.
    Nothing,
}

/// What a rebalance did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalanced {
    /// These partitions are ours now; none is read yet.
    Assigned(Vec<Place>),
    /// None is ours any more.
    Revoked,
}

/// A batch to commit.
#[derive(Debug)]
pub struct Commit<M> {
    /// Commits count from 1 in every process.
    pub number: u64,
    /// What it writes.
    pub records: Vec<Outgoing>,
    /// Where it leaves off, one past the last record of each partition.
    pub offsets: Vec<(Place, i64)>,
    /// The membership it was polled under.
    pub membership: M,
}

/// How a commit ended.
#[derive(Debug)]
pub enum Outcome {
    /// All of it is there; it took this long.
    Committed(Duration),
    /// It is told as not there, and done again from what is committed; the reason. None of it is there, or, where a producer
    /// that gave no answer was replaced, all of it may be: what is read next says which.
    Aborted(String),
    /// The process has to end; the reason.
    Fatal(anyhow::Error),
}

/// A member of the group of those that share the events, and its link to whoever commits.
pub trait Bus {
    /// What a commit shows to be let through: who we were in the group when its records were polled.
    type Membership: Clone;
    /// A reader of the sessions' changelog.
    type Changelog: Changelog;

    /// Now, on a clock that never goes back.
    fn now(&self) -> Instant;
    /// Now, in milliseconds since the epoch.
    fn unix_ms(&self) -> i64;
    /// Does nothing for a while.
    fn rest(&self, pause: Duration);

    /// Waits for a record, at most so long, and lends it. Rebalances happen in here, and nowhere else; before
    /// partitions are given back, the commit under way is waited for, within a bound.
    ///
    /// # Errors
    /// Events can't be read any more; the line says why.
    fn poll(&mut self, wait: Duration, take: impl FnOnce(&Incoming<'_>)) -> Result<Polled>;
    /// The oldest rebalance that was not looked at yet.
    fn next_rebalanced(&mut self) -> Option<Rebalanced>;
    /// Whether the partitions are somebody else's already, and about to be revoked.
    fn assignment_lost(&self) -> bool;
    /// Who we are in the group.
    ///
    /// # Errors
    /// We are in no group.
    fn membership(&self) -> Result<Self::Membership>;
    /// Reads nothing any more, until it is told from where on.
    ///
    /// # Errors
    /// The client refuses.
    fn stop_reading(&mut self) -> Result<()>;
    /// The committed offsets of these, none where nothing was committed. Offsets of a commit that has not ended are
    /// waited for; `None` where there is no answer yet.
    ///
    /// # Errors
    /// They can't be asked for.
    fn committed(&mut self, partitions: &[Place]) -> Result<Option<Vec<Option<i64>>>>;
    /// Reads these from there on; from the beginning where no offset is given.
    ///
    /// # Errors
    /// The client refuses.
    fn read_from(&mut self, start: &[(Place, Option<i64>)]) -> Result<()>;
    /// Where reading stands, for people.
    fn position(&self) -> String;
    /// Whether the partition of that number is read to its end, in all topics.
    fn is_caught_up(&self, partition: i32) -> bool;

    /// A reader of the changelog.
    ///
    /// # Errors
    /// The client refuses.
    fn changelog(&mut self) -> Result<Self::Changelog>;

    /// Sends an offer at once, outside any transaction; commit `number` will wait until it is there.
    ///
    /// # Errors
    /// The client refuses it.
    fn offer(&mut self, number: u64, offer: Outgoing, caused_at: Option<Timestamp>) -> Result<()>;
    /// What was sent for commit `number` will not be waited for: there is no such commit.
    fn forget_offers(&mut self, number: u64);
    /// Hands a batch over to whoever commits; the one before has ended.
    ///
    /// # Errors
    /// Nobody commits any more.
    fn hand_over(&mut self, commit: Commit<Self::Membership>) -> Result<()>;
    /// How the commit under way ended; `None` while it has not, at most so long.
    ///
    /// # Errors
    /// Nobody commits any more.
    fn outcome(&mut self, wait: Duration) -> Result<Option<Outcome>>;
    /// Waits for the end of the commit under way, at most so long; its outcome stays to be asked for.
    fn await_commit(&self, wait: Duration);
}

/// A record of the changelog, lent.
#[derive(Clone, Copy, Debug)]
pub enum Logged<'a> {
    /// The newest of its key so far; a record without a value ends the session.
    Record(i32, &'a [u8], Option<&'a [u8]>),
    /// The partition is read to its end.
    End(i32),
}

/// A reader of the sessions' changelog.
pub trait Changelog {
    /// Its name.
    fn topic(&self) -> &str;
    /// Where the partition ends, with what is not committed; `None` where there is no answer yet.
    ///
    /// # Errors
    /// It can't be asked for.
    fn end(&mut self, partition: i32) -> Result<Option<i64>>;
    /// Up to where everything is committed or aborted, as a leader says that knows it; `None` where there is no answer yet.
    ///
    /// # Errors
    /// It can't be asked for.
    fn stable_end(&mut self, partition: i32) -> Result<Option<i64>>;
    /// Reads these from their beginning, what is committed alone.
    ///
    /// # Errors
    /// The client refuses.
    fn read(&mut self, partitions: &[i32]) -> Result<()>;
    /// Looks for the end of a partition again, from behind the last record that was read of it.
    ///
    /// # Errors
    /// The client refuses.
    fn read_on(&mut self, partition: i32) -> Result<()>;
    /// Waits for a record or an end, a short while, and lends it.
    ///
    /// # Errors
    /// The changelog can't be read any more.
    fn poll(&mut self, take: impl FnOnce(Logged<'_>)) -> Result<()>;
}
