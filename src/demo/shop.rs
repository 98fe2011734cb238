//! The simulator, tied to the clock and to the bus.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Demo;
use super::sim::{SimConfig, SimEvent, Simulator};
use crate::clock;
use crate::config::KafkaConfig;
use crate::kafka::Feed;

const DAY_MS: i64 = 86_400_000;
/// A fast shop opens a week ago, so that its clock does not run ahead of the real one, and at ten in the morning.
const OPENS_DAYS_AGO: i64 = 7;
const OPENS_AT_MS: i64 = 10 * 3_600_000;
/// How long to wait between two looks at the clock.
const STEP: Duration = Duration::from_millis(5);

/// A simulated shop that is open.
pub struct SimulatedShop {
    simulator: Simulator,
    feed: Feed,
    log: Option<BufWriter<File>>,
    start_ms: i64,
    speed: f64,
    /// Real time that has passed for the shop; pauses do not count.
    passed: Duration,
    last_step: Instant,
    due: Vec<SimEvent>,
    sent: u64,
    offers_seen: u64,
}

impl SimulatedShop {
    /// Opens the shop; waits for a broker until told to stop.
    ///
    /// # Errors
    /// The bus or the log can't be used.
    pub fn open(demo: &Demo, kafka: &KafkaConfig, told: &Arc<AtomicBool>) -> Result<Self> {
        let now_ms = clock::unix_ms();
        let week_ago_ms = now_ms - now_ms.rem_euclid(DAY_MS) - OPENS_DAYS_AGO * DAY_MS + OPENS_AT_MS;
        let start_ms = if demo.speed > 1.0 { week_ago_ms } else { now_ms };
        let sim = SimConfig { seed: demo.seed, start_ms, shoppers_per_hour: demo.shoppers_per_hour };
        let create = |path| File::create(path).map(BufWriter::new);
        let log = demo.write_log.as_ref().map(|path| create(path).with_context(|| format!("{} can't be written", path.display())));
        Ok(Self {
            simulator: Simulator::new(sim),
            log: log.transpose()?,
            feed: Feed::connect(kafka, || !told.load(Ordering::Relaxed))?,
            start_ms,
            speed: demo.speed,
            passed: Duration::ZERO,
            last_step: clock::now(),
            due: Vec::new(),
            sent: 0,
            offers_seen: 0,
        })
    }

    /// What the shop sells: each product's id, with its row of the catalogue.
    pub fn products(&self) -> impl Iterator<Item = (&str, String)> {
        self.simulator.catalogue().iter().map(|product| (product.item_id.as_str(), product.to_json()))
    }

    /// Sends the catalogue to the bus.
    ///
    /// # Errors
    /// The bus fails.
    pub fn send_catalogue(&self) -> Result<()> {
        self.products().try_for_each(|(item, json)| self.feed.send_product(item, &json))
    }

    /// Lets a moment pass, and time go on if `may_send`; sends what is due and takes offers in.
    ///
    /// # Errors
    /// The bus or the log fails.
    pub fn go_on(&mut self, may_send: bool) -> Result<()> {
        thread::sleep(STEP);
        let step = self.last_step.elapsed();
        self.last_step = clock::now();
        if may_send {
            self.passed += step;
        }
        let now_ms = self.now_ms();
        let (simulator, offers_seen) = (&mut self.simulator, &mut self.offers_seen);
        self.feed.offers(|offer| *offers_seen += u64::from(simulator.on_offer(offer, now_ms)))?;
        self.simulator.advance(now_ms, &mut self.due);
        for event in self.due.drain(..) {
            self.feed.send(&event.key, &event.json, event.ts_ms)?;
            self.sent += 1;
            if let Some(log) = &mut self.log {
                writeln!(log, "{}", event.json).context("the log can't be written")?;
            }
        }
        Ok(())
    }

    /// Sees to it that all that was sent has arrived.
    ///
    /// # Errors
    /// It has not.
    pub fn close(&mut self) -> Result<()> {
        if let Some(log) = &mut self.log {
            log.flush().context("the log can't be written")?;
        }
        self.feed.flush()
    }

    /// How many events were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many offers reached a shopper.
    #[must_use]
    pub fn offers_seen(&self) -> u64 {
        self.offers_seen
    }

    /// Simulated time: never ahead of the real one, which brokers would refuse.
    fn now_ms(&self) -> i64 {
        let passed_ms = (self.passed.as_secs_f64() * 1_000.0 * self.speed) as i64;
        (self.start_ms + passed_ms).min(clock::unix_ms())
    }
}
