//! What the tests against a real Kafka share. They run where `OFFERSTREAM_TEST_BROKERS` names one, and say so
//! where they are skipped; with `OFFERSTREAM_REQUIRE_BROKER` set, skipping is a failure.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod checker;
pub mod cluster;
pub mod counts;
pub mod events;
pub mod instance;
pub mod kfake;
pub mod left;
pub mod order;
pub mod proxy;
pub mod scene;
pub mod secured;
pub mod topics;

use std::io::Write;
use std::time::{Duration, Instant};

/// The broker's address; `None` where the test is to be skipped, which is said on standard error.
pub fn brokers(test: &str) -> Option<String> {
    if let Some(brokers) = std::env::var("OFFERSTREAM_TEST_BROKERS").ok().filter(|brokers| !brokers.is_empty()) {
        return Some(brokers);
    }
    assert!(
        std::env::var_os("OFFERSTREAM_REQUIRE_BROKER").is_none(),
        "{test} needs a Kafka broker, and OFFERSTREAM_REQUIRE_BROKER forbids to skip it: set OFFERSTREAM_TEST_BROKERS=host:port"
    );
    skipped(test, "it needs a Kafka broker; start one by scripts/kafka.sh start and set OFFERSTREAM_TEST_BROKERS=127.0.0.1:19092");
    None
}

/// Says that a test was skipped, past the test runner's capture.
pub fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {why}");
}

/// Waits until `done` says so, at most `limit`; fails with what `else_say` tells then.
pub fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool, else_say: impl FnOnce() -> String) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < limit, "{what}: not within {} s. {}", limit.as_secs(), else_say());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// SplitMix64: the tests' own dice, the same on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next throw: 0 to `sides` - 1.
    pub fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// Whether a throw of one in `sides` succeeds.
    pub fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }
}
