//! The group coordinator: the classic protocol with static members, and the offsets they commit.
//!
//! From the protocol: a member that joins takes the place of the one of its instance id, whose member id is then
//! fenced; in a stable group nobody hears of it. Any other change is a rebalance: members are told by their
//! heartbeats, give up what they have, and join again; then there is a new generation. Offsets of a transaction
//! are taken from a member of this generation alone, and count once its marker is there.

use std::collections::{BTreeMap, BTreeSet};

use super::log::Producer;

pub type Place = (String, i32);

/// Who a client says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub instance: String,
    pub member: String,
    pub generation: i64,
}

#[derive(Debug)]
struct Joined {
    member: String,
    heard_ms: i64,
    /// Whether it has joined the rebalance under way.
    is_back: bool,
    assigned: Vec<Place>,
}

/// What a member hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Fine,
    Rebalancing,
    /// It is a member no more, or of an older generation.
    Unknown,
    /// Another process has taken its instance id.
    Fenced,
}

#[derive(Debug)]
struct Pending {
    producer: u64,
    offsets: Vec<(Place, i64)>,
}

/// One group.
#[derive(Debug)]
pub struct Group {
    places: Vec<Place>,
    generation: i64,
    is_rebalancing: bool,
    since_ms: i64,
    members: BTreeMap<String, Joined>,
    joins: u64,
    committed: BTreeMap<Place, i64>,
    pending: Vec<Pending>,
}

impl Group {
    pub fn new(places: Vec<Place>) -> Self {
        Self {
            places,
            generation: 0,
            is_rebalancing: false,
            since_ms: 0,
            members: BTreeMap::new(),
            joins: 0,
            committed: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    /// Joins, or joins again; returns the member id to go on with.
    pub fn join(&mut self, instance: &str, member: Option<&str>, now_ms: i64) -> Result<String, Heard> {
        if let Some(known) = self.members.get_mut(instance) {
            if member.is_some_and(|member| member != known.member) {
                return Err(Heard::Fenced);
            }
            if member.is_none() {
                self.joins += 1;
                known.member = format!("{instance}-{}", self.joins);
            }
            (known.is_back, known.heard_ms) = (true, now_ms);
            return Ok(known.member.clone());
        }
        if member.is_some() {
            return Err(Heard::Unknown);
        }
        self.joins += 1;
        let member = format!("{instance}-{}", self.joins);
        self.members.insert(instance.to_owned(), Joined { member: member.clone(), heard_ms: now_ms, is_back: false, assigned: Vec::new() });
        self.rebalance(now_ms);
        self.members.get_mut(instance).unwrap().is_back = true;
        Ok(member)
    }

    /// What a member that has joined is assigned, and in which generation; `None` while others are waited for.
    pub fn sync(&mut self, instance: &str, member: &str) -> Result<Option<(i64, Vec<Place>)>, Heard> {
        let known = self.known(instance, member)?;
        let assigned = known.assigned.clone();
        Ok((!self.is_rebalancing).then_some((self.generation, assigned)))
    }

    pub fn heartbeat(&mut self, who: &Membership, now_ms: i64) -> Heard {
        let (generation, is_rebalancing) = (self.generation, self.is_rebalancing);
        match self.known_mut(&who.instance, &who.member) {
            Err(heard) => heard,
            Ok(_) if !is_rebalancing && who.generation != generation => Heard::Unknown,
            Ok(known) => {
                known.heard_ms = now_ms;
                if is_rebalancing { Heard::Rebalancing } else { Heard::Fine }
            }
        }
    }

    /// Members not heard of are members no more; a rebalance waits for the others only so long.
    pub fn time_out(&mut self, now_ms: i64, session_ms: i64, rebalance_ms: i64) -> usize {
        let is_late = self.is_rebalancing && now_ms - self.since_ms > rebalance_ms;
        let before = self.members.len();
        self.members.retain(|_, known| now_ms - known.heard_ms <= session_ms && (known.is_back || !is_late));
        let gone = before - self.members.len();
        if gone > 0 && !self.is_rebalancing {
            self.rebalance(now_ms);
        }
        self.complete();
        gone
    }

    /// A rebalance for no reason that members know of.
    pub fn rebalance(&mut self, now_ms: i64) {
        if self.members.is_empty() {
            return;
        }
        (self.is_rebalancing, self.since_ms) = (true, now_ms);
        self.members.values_mut().for_each(|known| known.is_back = false);
    }

    /// Ends the rebalance once all have joined: equal parts of the partitions, in the order of names.
    pub fn complete(&mut self) {
        if !self.is_rebalancing || self.members.values().any(|known| !known.is_back) {
            return;
        }
        (self.is_rebalancing, self.generation) = (false, self.generation + 1);
        let (count, places) = (self.members.len(), self.places.len());
        let mut rest = self.places.as_slice();
        for (at, known) in self.members.values_mut().enumerate() {
            let share = places / count + usize::from(at < places % count);
            let (own, others) = rest.split_at(share);
            (known.assigned, rest) = (own.to_vec(), others);
        }
    }

    /// Takes the offsets of a transaction, if they come from a member of this generation.
    pub fn commit(&mut self, producer: Producer, who: &Membership, offsets: &[(Place, i64)]) -> Result<(), Heard> {
        // Who is in no group may commit to an empty one.
        if who.generation >= 0 || !self.members.is_empty() {
            self.known(&who.instance, &who.member)?;
            if who.generation != self.generation {
                return Err(Heard::Unknown);
            }
        }
        self.pending.push(Pending { producer: producer.0, offsets: offsets.to_vec() });
        Ok(())
    }

    /// Takes offsets at once, outside any transaction.
    pub fn commit_at_once(&mut self, offsets: &[(Place, i64)]) {
        self.committed.extend(offsets.iter().cloned());
    }

    /// A transaction's marker came.
    pub fn mark(&mut self, producer: u64, is_commit: bool) {
        for pending in std::mem::take(&mut self.pending) {
            if pending.producer != producer {
                self.pending.push(pending);
            } else if is_commit {
                self.committed.extend(pending.offsets);
            }
        }
    }

    /// The offsets of these; none while one of them is about to be committed.
    pub fn committed(&self, places: &[Place], is_stable: bool) -> Option<Vec<Option<i64>>> {
        let moving: BTreeSet<&Place> = self.pending.iter().flat_map(|pending| pending.offsets.iter().map(|(place, _)| place)).collect();
        if is_stable && places.iter().any(|place| moving.contains(place)) {
            return None;
        }
        Some(places.iter().map(|place| self.committed.get(place).copied()).collect())
    }

    fn known(&self, instance: &str, member: &str) -> Result<&Joined, Heard> {
        let known = self.members.get(instance).ok_or(Heard::Unknown)?;
        if known.member == member { Ok(known) } else { Err(Heard::Fenced) }
    }

    fn known_mut(&mut self, instance: &str, member: &str) -> Result<&mut Joined, Heard> {
        self.known(instance, member)?;
        Ok(self.members.get_mut(instance).unwrap())
    }
}
