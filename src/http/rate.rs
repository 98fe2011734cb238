//! How many events a key, or an address, may send: a bucket of tokens for each.
//!
//! Invariant: the table of addresses is bounded. Where it is full, buckets that are full go first (an unknown address has
//! a full one, too), then any.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// A bucket holds what comes in so many seconds.
const BURST_S: f64 = 2.0;

/// So many a second, twice as many at once.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What a bucket has to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Taken {
    /// There was enough.
    Yes,
    /// There will be enough after so long.
    Wait(Duration),
    /// So many never fit; this many do.
    Never(u32),
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub fn full(rate: u32, now: Instant) -> Self {
        Self { tokens: f64::from(rate) * BURST_S, at: now }
    }

    /// Takes `events` tokens, all of them or none.
    pub fn take(&mut self, events: usize, rate: u32, now: Instant) -> Taken {
        let (rate, events) = (f64::from(rate), events as f64);
        let burst = rate * BURST_S;
        if events > burst {
            return Taken::Never(burst as u32);
        }
        self.tokens = (self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * rate).min(burst);
        self.at = now;
        if self.tokens < events {
            return Taken::Wait(Duration::from_secs_f64((events - self.tokens) / rate));
        }
        self.tokens -= events;
        Taken::Yes
    }

    fn is_full(&self, rate: u32, now: Instant) -> bool {
        let rate = f64::from(rate);
        self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * rate >= rate * BURST_S
    }
}

/// A bucket for each of many, a bounded number of them.
#[derive(Debug)]
pub struct Buckets<K> {
    buckets: HashMap<K, Bucket>,
    most: usize,
    /// How many were forgotten before they were full.
    pub evicted: u64,
}

impl<K: Hash + Eq + Copy> Buckets<K> {
    /// None yet, and so many at most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { buckets: HashMap::new(), most, evicted: 0 }
    }

    /// Takes `events` tokens of one's bucket.
    pub fn take(&mut self, key: K, events: usize, rate: u32, now: Instant) -> Taken {
        if !self.buckets.contains_key(&key) && self.buckets.len() >= self.most {
            self.make_room(rate, now);
        }
        self.buckets.entry(key).or_insert_with(|| Bucket::full(rate, now)).take(events, rate, now)
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    fn make_room(&mut self, rate: u32, now: Instant) {
        self.buckets.retain(|_, bucket| !bucket.is_full(rate, now));
        // A tenth at once, so that a full table is not gone through for every newcomer.
        let left = self.most - self.most.div_ceil(10).min(self.most);
        let excess: Vec<K> = self.buckets.keys().copied().skip(left).collect();
        self.evicted += excess.len() as u64;
        for key in excess {
            self.buckets.remove(&key);
        }
    }
}

/// The address that is counted by: of IPv6 the first 64 bits, since one customer of a network has all the rest.
#[must_use]
pub fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_twice_its_rate_at_once_and_its_rate_from_then_on() {
        let start = crate::clock::now();
        let mut bucket = Bucket::full(10, start);
        assert_eq!(bucket.take(20, 10, start), Taken::Yes);
        assert_eq!(bucket.take(1, 10, start), Taken::Wait(Duration::from_millis(100)));
        assert_eq!(bucket.take(5, 10, start + Duration::from_millis(500)), Taken::Yes);
        assert_eq!(bucket.take(21, 10, start + Duration::from_secs(60)), Taken::Never(20));
        assert_eq!(bucket.take(20, 10, start + Duration::from_secs(60)), Taken::Yes);
    }

    #[test]
    fn the_table_is_bounded_and_those_who_sent_nothing_lately_go_first() {
        let start = crate::clock::now();
        let mut buckets = Buckets::new(100);
        for n in 0..50 {
            buckets.take(n, 1, 10, start);
        }
        let later = start + Duration::from_secs(1);
        for n in 50..1_000 {
            buckets.take(n, 20, 10, later);
            assert!(buckets.len() <= 100, "{}", buckets.len());
        }
        // The first fifty were full again, so none of them was missed; the others were.
        assert!(buckets.evicted > 800 && buckets.evicted < 950, "{}", buckets.evicted);
    }

    #[test]
    fn an_address_of_six_bytes_is_known_by_its_network() {
        let peer = |text: &str| peer_of(text.parse().unwrap());
        assert_eq!(peer("2001:db8::1:2:3:4"), peer("2001:db8:0:0:9::"));
        assert_ne!(peer("2001:db8:0:1::1"), peer("2001:db8::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
    }
}
