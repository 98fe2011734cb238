//! The transaction coordinator.
//!
//! From the protocol: a transactional id has one producer, whose incarnation grows with every start and every
//! time-out, so that what an older one sends is refused. A decision, once taken, is final; only then markers are
//! written, partition by partition, and only after the last one another transaction may begin.

use std::collections::{BTreeMap, BTreeSet};

use super::log::Producer;

/// Where a transaction writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    Partition(String, i32),
    Offsets,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Ongoing(BTreeSet<Member>),
    /// Decided; these have yet to hear of it.
    Prepared(bool, BTreeSet<Member>),
    Complete(bool),
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The markers of the one before are still being written.
    Concurrent,
    /// There is a newer incarnation.
    Fenced,
    /// There is no such transaction.
    State,
}

#[derive(Debug)]
struct Transaction {
    producer: Producer,
    state: State,
    since_ms: i64,
}

/// The transactions of all ids.
#[derive(Debug, Default)]
pub struct Transactions {
    by_id: BTreeMap<String, Transaction>,
}

/// A marker to write.
#[derive(Debug)]
pub struct Marker {
    pub producer: Producer,
    pub is_commit: bool,
    pub to: Member,
}

impl Transactions {
    /// Starts a producer: a newer incarnation, once nothing of the one before is open.
    pub fn init(&mut self, id: &str) -> Result<Producer, Refused> {
        let number = self.by_id.len() as u64 + 1;
        let new = || Transaction { producer: (number, 0), state: State::Empty, since_ms: 0 };
        let known = self.by_id.entry(id.to_owned()).or_insert_with(new);
        match &known.state {
            State::Prepared(..) => return Err(Refused::Concurrent),
            State::Ongoing(members) => {
                known.state = State::Prepared(false, members.clone());
                known.producer.1 += 1;
                return Err(Refused::Concurrent);
            }
            State::Empty | State::Complete(_) => {}
        }
        known.producer.1 += 1;
        known.state = State::Empty;
        Ok(known.producer)
    }

    /// A transaction is about to write there; the first call begins it.
    pub fn add(&mut self, producer: Producer, member: Member, now_ms: i64) -> Result<(), Refused> {
        let known = self.of(producer)?;
        match &mut known.state {
            State::Prepared(..) => return Err(Refused::Concurrent),
            State::Ongoing(members) => _ = members.insert(member),
            State::Empty | State::Complete(_) => {
                known.state = State::Ongoing(BTreeSet::from([member]));
                known.since_ms = now_ms;
            }
        }
        Ok(())
    }

    /// Whether a transaction that writes there is open: brokers ask before they take a record.
    pub fn is_open(&mut self, producer: Producer, member: &Member) -> bool {
        self.of(producer).is_ok_and(|known| matches!(&known.state, State::Ongoing(members) if members.contains(member)))
    }

    /// Decides.
    pub fn end(&mut self, producer: Producer, is_commit: bool) -> Result<(), Refused> {
        let known = self.of(producer)?;
        known.state = match &known.state {
            State::Ongoing(members) => State::Prepared(is_commit, members.clone()),
            // The same once more: the answer was lost.
            State::Prepared(decided, _) if *decided == is_commit => return Err(Refused::Concurrent),
            State::Complete(decided) if *decided == is_commit => return Ok(()),
            // Nothing was written: the client knows that there is nothing to abort.
            State::Empty if !is_commit => return Ok(()),
            _ => return Err(Refused::State),
        };
        Ok(())
    }

    /// A marker that is yet to be written, and was not before; it is written by the caller.
    pub fn next_marker(&mut self, choose: impl FnOnce(usize) -> usize) -> Option<Marker> {
        let due = |known: &Transaction| matches!(known.state, State::Prepared(..));
        let mut waiting: Vec<&mut Transaction> = self.by_id.values_mut().filter(|known| due(known)).collect();
        let count: usize = waiting.iter().map(|known| members(&known.state).len()).sum();
        let mut at = if count == 0 { 0 } else { choose(count) };
        for known in &mut waiting {
            let State::Prepared(is_commit, left) = &mut known.state else { continue };
            let is_commit = *is_commit;
            if at < left.len() {
                let to = left.iter().nth(at).cloned().unwrap();
                left.remove(&to);
                if left.is_empty() {
                    known.state = State::Complete(is_commit);
                }
                return Some(Marker { producer: known.producer, is_commit, to });
            }
            at -= left.len();
        }
        None
    }

    /// Aborts what has been open for too long. Its producer is fenced.
    pub fn time_out(&mut self, now_ms: i64, limit_ms: i64) -> usize {
        let mut ended = 0;
        for known in self.by_id.values_mut().filter(|known| now_ms - known.since_ms > limit_ms) {
            if let State::Ongoing(members) = &known.state {
                known.state = State::Prepared(false, members.clone());
                known.producer.1 += 1;
                ended += 1;
            }
        }
        ended
    }

    pub fn is_quiet(&self) -> bool {
        self.by_id.values().all(|known| matches!(known.state, State::Empty | State::Complete(_)))
    }

    fn of(&mut self, producer: Producer) -> Result<&mut Transaction, Refused> {
        self.by_id.values_mut().find(|known| known.producer == producer).ok_or(Refused::Fenced)
    }
}

fn members(state: &State) -> BTreeSet<Member> {
    if let State::Prepared(_, members) = state { members.clone() } else { BTreeSet::new() }
}
