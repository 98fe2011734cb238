//! The demo: a simulated shop, a broker inside this process, and the very same pipeline between them.
//!
//! Invariant: the engine learns nothing from the simulator but its events. Everything shown says that it is
//! simulated. What was sent and what was processed have to be equal in the end, or the demo fails.

mod figures;
mod shop;
pub mod sim;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::clock;
use crate::config::Config;
use crate::kafka::{self, EmbeddedBroker, Service};
use crate::serve::{beside_http, pages};
use figures::Figures;
use shop::SimulatedShop;

/// What the demo is asked for.
#[derive(Clone, Debug)]
pub struct Demo {
    /// How long it runs; until stopped if absent.
    pub seconds: Option<u64>,
    /// The port of metrics and health.
    pub port: u16,
    /// Where events are written to, for `replay`.
    pub write_log: Option<PathBuf>,
    /// A real cluster to feed, in place of the one inside.
    pub brokers: Option<String>,
    /// Decides all that is left to chance.
    pub seed: u64,
    /// How many times faster than the clock simulated time runs.
    pub speed: f64,
    /// Shoppers who come in an ordinary busy hour of simulated time.
    pub shoppers_per_hour: f64,
}

/// Commits come often here, since simulated shoppers do not wait long.
const COMMIT_INTERVAL_MS: u64 = 10;
/// Events under way at most: the embedded broker drops what is not read in time.
const UNDER_WAY_MAX: u64 = 5_000;
/// How long the last events may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// Runs the demo.
///
/// # Errors
/// It can't be started, or what was processed is not what was sent.
pub fn run(demo: &Demo, mut config: Config) -> Result<()> {
    if let Some(brokers) = &demo.brokers {
        config.kafka.brokers.clone_from(brokers);
        return feed(demo, &config);
    }
    let broker = EmbeddedBroker::start(&config.kafka)?;
    config.kafka.brokers = broker.address();
    // The simulated shop keys its events as they should be.
    config.kafka.repartition = false;
    config.kafka.commit_interval_ms = COMMIT_INTERVAL_MS;
    let address = SocketAddr::from(([127, 0, 0, 1], demo.port));
    let service = Service::new(config)?;
    let pages = pages(&service);
    println!("{} (everything here is simulated), with a broker inside this process and state in memory.", sim::SHOP_NAME);
    println!("  metrics  http://{address}/metrics\n  health   http://{address}/readyz\n  Stop with Ctrl-C.");
    let (demo, stop) = (demo.clone(), Arc::new(AtomicBool::new(false)));
    let told = Arc::clone(&stop);
    beside_http(address, pages, &stop, move || play(&demo, &service, &told))
}

/// Plays the shop against the pipeline until told to stop, then compares what was sent with what was processed.
fn play(demo: &Demo, service: &Service, told: &Arc<AtomicBool>) -> Result<()> {
    let inner = service.clone();
    let pipeline = thread::Builder::new().name("pipeline".into()).spawn(move || kafka::run_embedded(&inner))?;
    let mut shop = SimulatedShop::open(demo, &service.config.kafka, told)?;
    give_catalogue(&shop, service)?;
    let mut figures = Figures::new(Arc::clone(&service.shop));
    let ends_at = demo.seconds.map(|seconds| clock::now() + Duration::from_secs(seconds));
    while !told.load(Ordering::Relaxed) && ends_at.is_none_or(|end| clock::now() < end) {
        if pipeline.is_finished() {
            return join(pipeline).and_then(|()| bail!("the pipeline ended before the demo"));
        }
        let under_way = shop.sent().saturating_sub(figures.processed());
        shop.go_on(under_way < UNDER_WAY_MAX)?;
        figures.show();
    }
    shop.close()?;
    await_processed(shop.sent(), &mut figures);
    service.stop.store(true, Ordering::Relaxed);
    join(pipeline)?;
    figures.summary(shop.sent())
}

/// The shop's catalogue, straight into the pipeline's: there is no topic for it in this process.
fn give_catalogue(shop: &SimulatedShop, service: &Service) -> Result<()> {
    for (item, json) in shop.products() {
        let row =
            crate::catalogue::from_record(Some(item.as_bytes()), Some(json.as_bytes())).map_err(|bad| anyhow!("{item}: {}", bad.detail))?;
        if let Some(product) = row.product {
            service.shop.catalogue.give(row.item, product);
        }
    }
    Ok(())
}

fn await_processed(sent: u64, figures: &mut Figures) {
    let started: Instant = clock::now();
    while figures.processed() < sent && started.elapsed() < DRAIN_LIMIT {
        thread::sleep(Duration::from_millis(10));
    }
}

fn join(thread: thread::JoinHandle<Result<()>>) -> Result<()> {
    thread.join().map_err(|_| anyhow!("the pipeline ended in a panic"))?
}

/// Feeds a real cluster until told to stop.
fn feed(demo: &Demo, config: &Config) -> Result<()> {
    println!("{} (everything here is simulated) feeds {} at {}.", sim::SHOP_NAME, config.kafka.events_topics[0], config.kafka.brokers);
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let (demo, kafka) = (demo.clone(), config.kafka.clone());
    crate::serve::until_stopped(&stop, move || {
        let mut shop = SimulatedShop::open(&demo, &kafka, &told)?;
        shop.send_catalogue()?;
        let ends_at = demo.seconds.map(|seconds| clock::now() + Duration::from_secs(seconds));
        let mut last_line = clock::now();
        while !told.load(Ordering::Relaxed) && ends_at.is_none_or(|end| clock::now() < end) {
            shop.go_on(true)?;
            if last_line.elapsed() >= Duration::from_secs(10) {
                last_line = clock::now();
                println!("simulated: {} events sent, {} offers seen", shop.sent(), shop.offers_seen());
            }
        }
        shop.close().context("the last events")?;
        println!("simulated: {} events sent, {} offers seen", shop.sent(), shop.offers_seen());
        Ok(())
    })
}
