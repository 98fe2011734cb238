//! Customers who asked to be forgotten: so that no session, wherever it lies, brings their names back.
//!
//! Invariant: written by the fold alone, and without their ids: what is kept of each is a hash and the time, for as long as
//! a session that names them may still be found. Beyond the limit the one erased first goes, which is counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};

use super::hash::hash_128;
use crate::event::Timestamp;

/// Who was erased, as every thread may ask.
#[derive(Debug)]
pub struct Erased {
    entries_max: usize,
    /// How often somebody was erased; 0: nobody was, which is all that most events have to ask.
    generation: AtomicU64,
    /// Copied where it is changed while somebody looks through all sessions with it.
    state: RwLock<Arc<ErasedCustomers>>,
}

/// Who was erased, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedCustomers {
    by_hash: BTreeMap<u128, Erasure>,
    /// In the order in which they came; some of them came again since.
    queue: VecDeque<(u128, Timestamp)>,
    newest: Timestamp,
    evicted: u64,
}

/// Some of them, as a snapshot keeps them: in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedPart {
    entries: Vec<(u128, Erasure)>,
    newest: Timestamp,
    evicted: u64,
}

/// Customers in one part.
const ERASED_A_PART: usize = 1_024;

/// When a customer was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// What they did until then is nobody's now; what comes later is a new customer's.
    pub at: Timestamp,
    /// How long that has to be remembered.
    pub until: Timestamp,
}

impl Erased {
    /// Nobody yet; at most `entries_max`.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self { entries_max, generation: AtomicU64::new(0), state: RwLock::default() }
    }

    /// Changes whenever somebody is erased; 0 as long as nobody was.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether a customer was erased at that time or later.
    #[must_use]
    pub fn covers(&self, customer: &str, ts: Timestamp) -> bool {
        self.generation() > 0 && self.read().of(customer).is_some_and(|erasure| erasure.at >= ts)
    }

    /// All of them, to look through sessions with.
    #[must_use]
    pub fn all(&self) -> Arc<ErasedCustomers> {
        Arc::clone(&self.read())
    }

    /// A customer was erased. Told again, as owners of sessions do, it changes nothing.
    pub fn add(&self, customer: &str, erasure: Erasure) {
        let hash = hash_of(customer);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.is_news(hash, erasure) {
            Arc::make_mut(&mut state).add(hash, erasure, self.entries_max);
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// The shop's time has come so far.
    pub fn reach(&self, now: Timestamp) {
        if self.generation() > 0 && self.read().has_over(now) {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            Arc::make_mut(&mut state).make_room(now, self.entries_max);
        }
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().by_hash.len()
    }

    /// Whether nobody is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many had to go before their time.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.read().evicted
    }

    /// Takes over a part of what a snapshot kept; the first of them when nobody is remembered.
    pub(super) fn thaw(&self, part: ErasedPart) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let state = Arc::make_mut(&mut state);
        (state.newest, state.evicted) = (part.newest, part.evicted);
        for (hash, erasure) in part.entries {
            state.by_hash.insert(hash, erasure);
            state.queue.push_back((hash, erasure.at));
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    fn read(&self) -> RwLockReadGuard<'_, Arc<ErasedCustomers>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ErasedCustomers {
    /// One customer alone.
    #[must_use]
    pub fn only(customer: &str, erasure: Erasure) -> Self {
        Self { by_hash: BTreeMap::from([(hash_of(customer), erasure)]), ..Self::default() }
    }

    /// When a customer was erased, if they were.
    #[must_use]
    pub fn of(&self, customer: &str) -> Option<Erasure> {
        self.by_hash.get(&hash_of(customer)).copied()
    }

    /// What a snapshot keeps, in parts: one at least, once anybody was erased.
    pub(super) fn parts(&self) -> Vec<ErasedPart> {
        let known = |(hash, at): &(u128, Timestamp)| self.by_hash.get(hash).filter(|known| known.at == *at).map(|known| (*hash, *known));
        let entries: Vec<(u128, Erasure)> = self.queue.iter().filter_map(known).collect();
        let part = |entries: &[(u128, Erasure)]| ErasedPart { entries: entries.to_vec(), newest: self.newest, evicted: self.evicted };
        let is_untouched = self.newest == Timestamp::MIN && entries.is_empty();
        if entries.is_empty() && !is_untouched { vec![part(&[])] } else { entries.chunks(ERASED_A_PART).map(part).collect() }
    }

    fn has_over(&self, now: Timestamp) -> bool {
        self.queue.front().and_then(|(hash, _)| self.by_hash.get(hash)).is_none_or(|erasure| erasure.until < now)
    }

    fn is_news(&self, hash: u128, erasure: Erasure) -> bool {
        self.by_hash.get(&hash).is_none_or(|known| known.at < erasure.at) && erasure.until > self.newest
    }

    fn add(&mut self, hash: u128, erasure: Erasure, entries_max: usize) {
        self.by_hash.insert(hash, erasure);
        self.queue.push_back((hash, erasure.at));
        self.make_room(erasure.at, entries_max);
    }

    fn make_room(&mut self, now: Timestamp, entries_max: usize) {
        self.newest = self.newest.max(now);
        while let Some((hash, at)) = self.queue.front().copied() {
            // One who was erased again stands further behind.
            let known = self.by_hash.get(&hash).filter(|erasure| erasure.at == at);
            let is_over = known.is_none_or(|erasure| erasure.until < self.newest);
            if !is_over && self.by_hash.len() <= entries_max {
                return;
            }
            if known.is_some() {
                self.evicted += u64::from(!is_over);
                self.by_hash.remove(&hash);
            }
            self.queue.pop_front();
        }
    }
}

/// With a salt of its own, so that it is no other hash of the id; not a secret one, for all instances have to agree.
fn hash_of(customer: &str) -> u128 {
    hash_128("erased", &[customer.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure(at: i64, until: i64) -> Erasure {
        Erasure { at: Timestamp(at), until: Timestamp(until) }
    }

    #[test]
    fn what_came_before_the_erasure_is_covered_and_what_comes_later_is_a_new_customers() {
        let erased = Erased::new(10);
        assert!(!erased.covers("c", Timestamp(0)) && erased.generation() == 0);
        erased.add("c", erasure(5, 100));
        assert!(erased.covers("c", Timestamp(5)) && !erased.covers("c", Timestamp(6)) && !erased.covers("d", Timestamp(1)));
        erased.add("c", erasure(9, 100));
        assert_eq!((erased.covers("c", Timestamp(6)), erased.len(), erased.generation()), (true, 1, 2));
        erased.add("c", erasure(7, 100));
        assert_eq!((erased.all().of("c"), erased.generation()), (Some(erasure(9, 100)), 2));
    }

    #[test]
    fn who_was_erased_is_forgotten_when_no_session_can_name_them_any_more() {
        let erased = Erased::new(10);
        erased.add("c", erasure(5, 100));
        erased.add("d", erasure(50, 200));
        erased.reach(Timestamp(100));
        assert_eq!(erased.len(), 2);
        erased.reach(Timestamp(101));
        assert_eq!((erased.len(), erased.evicted(), erased.covers("d", Timestamp(1))), (1, 0, true));
        erased.add("e", erasure(60, 70));
        assert_eq!(erased.len(), 1, "it was over before it was heard");
        erased.reach(Timestamp(500));
        assert!(erased.is_empty());
    }

    #[test]
    fn beyond_the_limit_the_first_goes_and_is_counted() {
        let erased = Erased::new(2);
        for (at, customer) in ["a", "b", "a", "c"].into_iter().enumerate() {
            erased.add(customer, erasure(at as i64, 100));
        }
        assert_eq!(
            (erased.len(), erased.evicted(), erased.covers("b", Timestamp(0)), erased.covers("a", Timestamp(2))),
            (2, 1, false, true)
        );
    }

    #[test]
    fn what_a_snapshot_keeps_has_no_id_in_it_and_is_taken_over_whole() {
        let (erased, other) = (Erased::new(2_000), Erased::new(2_000));
        for n in 0..3_000 {
            erased.add(&format!("customer-{}", n % 2_500), erasure(n, 10_000));
        }
        let parts = erased.all().parts();
        let bytes = postcard::to_allocvec(&parts).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"customer"));
        parts.iter().for_each(|part| other.thaw(part.clone()));
        assert_eq!((parts.len(), other.len(), other.evicted()), (2, 2_000, erased.evicted()));
        assert!(other.covers("customer-499", Timestamp(2_999)) && other.generation() > 0);
        assert_eq!(other.all().parts(), parts);
        other.add("next", erasure(3_000, 10_000));
        erased.add("next", erasure(3_000, 10_000));
        assert_eq!(other.all().parts(), erased.all().parts(), "both evict the same");
        other.clear();
        assert!(other.is_empty() && other.all().parts().is_empty());
    }
}
