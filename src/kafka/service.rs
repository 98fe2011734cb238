//! Starting and stopping what `run` consists of.
//!
//! Invariant: topics are checked before anything is consumed; the catalogue is read and the shop restored before
//! the group is joined; whichever thread ends first with an error ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::admin::{Quiet, create_client};
use super::bus::KafkaBus;
use super::catalogue::CatalogueLog;
use super::clients::{group_consumer, log_consumer};
use super::freezes::{Asking, freezes};
use super::group::GroupContext;
use super::link::{Committer, Link, link};
use super::offers::Offers;
use super::refused::{self, no_connection};
use super::repartition::Repartition;
use super::shop_restore::{Restored, Restoring};
use super::snapshots::Snapshots;
use super::topics::{PARTITIONS_DEFAULT, plan};
use super::transaction::Transactions;
use crate::clock;
use crate::config::{Config, Delivery};
use crate::engine::shop::Shop;
use crate::exact::{Durability, Parts, Stream};
use crate::health::{Health, Phase};
use crate::live::Live;
use crate::metrics::Metrics;

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_AFTER: Duration = Duration::from_secs(2);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long a snapshot under way may take to be given up when the process ends.
const SNAPSHOT_END_LIMIT: Duration = Duration::from_secs(5);

/// What the service shares with whoever started it.
#[derive(Clone)]
pub struct Service {
    /// Settings.
    pub config: Arc<Config>,
    /// What is learned.
    pub shop: Arc<Shop>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// How far it is.
    pub health: Arc<Health>,
    /// What is committed, for whoever asks.
    pub live: Arc<Live>,
    /// Set to end it.
    pub stop: Arc<AtomicBool>,
}

impl Service {
    /// A service that has not started.
    ///
    /// # Errors
    /// None that a metric's name does not cause.
    pub fn new(config: Config) -> Result<Self> {
        Ok(Self {
            shop: Arc::new(Shop::new(&config.engine.limits)),
            metrics: Arc::new(Metrics::new(&config.engine)?),
            live: Arc::new(Live::new(config.http.sessions)),
            config: Arc::new(config),
            health: Arc::default(),
            stop: Arc::default(),
        })
    }
}

/// Consumes until `stop` is set: blocks its thread.
///
/// # Errors
/// One line that says why the process can't go on.
pub fn run(service: &Service) -> Result<()> {
    run_threads(service).map_err(|error| refused::explained(&service.config, error))
}

fn run_threads(service: &Service) -> Result<()> {
    let config = &service.config;
    let go_on = || !service.stop.load(Ordering::Relaxed);
    if config.kafka.repartition {
        service.health.set_repartitioning(Phase::Connecting);
    }
    let Some(partition_count) = await_topics(service)? else { return Ok(()) };
    let offers = match config.kafka.delivery {
        Delivery::ExactlyOnce => None,
        Delivery::AtLeastOnce => Some(Arc::new(Offers::new(&config.kafka, Arc::clone(&service.metrics))?)),
    };
    let transactions = match Transactions::start(&config.kafka, offers.clone(), go_on) {
        Err(_) if !go_on() => return Ok(()),
        started => started?,
    };
    // Before the shop: where products are limited, those of the catalogue come before those of events.
    let Some(catalogue) = read_catalogue(service, go_on)? else { return Ok(()) };
    service.health.set(Phase::Restoring("the shop".into()));
    let Some(restored) = restore_shop(service, &go_on)? else { return Ok(()) };
    let (ended, first_end) = channel();
    let mut threads = 3;
    if config.kafka.repartition {
        let repartition = match Repartition::start(service) {
            Err(_) if !go_on() => return Ok(()),
            started => started?,
        };
        spawn("repartition", ended.clone(), move || repartition.run())?;
        threads += 1;
    }
    let (asking, answering) = freezes();
    let taking = take_snapshots(service, asking, &restored)?;
    let (log, stop) = (restored.log.counting(Arc::clone(&service.metrics)), Arc::clone(&service.stop));
    spawn("shop-log", ended.clone(), move || log.follow(&stop, &answering))?;
    let stop = Arc::clone(&service.stop);
    spawn("catalogue", ended.clone(), move || catalogue.follow(&stop))?;
    let (committer, link) = link();
    spawn_commits(move |committer| transactions.serve(&committer), committer)?;
    let stream = stream(service, link, offers, partition_count, Durability::Logs)?;
    spawn("stream", ended, move || stream.run())?;
    service.health.set(Phase::Restoring("waiting for an assignment".into()));
    // The logs end without an error only when told to stop, as the stream does.
    for _ in 0..threads {
        first_end.recv().context("all threads have ended")??;
    }
    // A snapshot that is being written is given up, and taken away.
    let _ = taking.recv_timeout(SNAPSHOT_END_LIMIT);
    Ok(())
}

/// Restores the shop; `None` when told to stop. Whoever asks meanwhile is told how far it is, and why it ends.
fn restore_shop(service: &Service, go_on: &dyn Fn() -> bool) -> Result<Option<Restored>> {
    let say = |how_far: &str| service.health.set(Phase::Restoring(how_far.to_owned()));
    let restored = Restoring { config: &service.config, go_on, say: &say }.restore(&service.shop);
    let Some(restored) = restored.inspect_err(|error| say(&format!("the shop can't be restored: {error:#}")))? else { return Ok(None) };
    service.metrics.shop_restored();
    let counts = &service.shop.counts;
    tracing::info!("the shop is restored: {} baskets, {} items, {} pairs", counts.baskets(), counts.items(), counts.pairs());
    Ok(Some(restored))
}

/// Takes snapshots on a thread of its own, if any are kept; what is returned ends with it.
fn take_snapshots(service: &Service, asking: Asking, restored: &Restored) -> Result<Receiver<()>> {
    let (ended, end) = channel();
    let (config, metrics, stop) = (Arc::clone(&service.config), Arc::clone(&service.metrics), Arc::clone(&service.stop));
    if config.state.has_snapshots() {
        let snapshots = Snapshots::new(config, metrics, stop, asking, restored);
        let work = move || {
            snapshots.run();
            drop(ended);
        };
        thread::Builder::new().name("snapshots".into()).spawn(work).context("a thread can't be started")?;
    }
    Ok(end)
}

/// Reads the catalogue as it is now; `None` when told to stop.
pub(super) fn read_catalogue(service: &Service, go_on: impl Fn() -> bool) -> Result<Option<CatalogueLog>> {
    let opened = match CatalogueLog::open(service, &go_on) {
        Err(_) if !go_on() => return Ok(None),
        opened => opened,
    };
    let mut catalogue = opened?;
    catalogue.read_to_end(&go_on)?;
    Ok(go_on().then_some(catalogue))
}

/// Commits on a thread that ends with the stream, whose end is the one that counts.
pub fn spawn_commits(serve: impl FnOnce(Committer) + Send + 'static, committer: Committer) -> Result<()> {
    thread::Builder::new().name("transactions".into()).spawn(move || serve(committer)).context("a thread can't be started")?;
    Ok(())
}

/// The stream: a member of the group, subscribed.
pub fn stream(
    service: &Service,
    link: Link,
    offers: Option<Arc<Offers>>,
    partition_count: i32,
    durability: Durability,
) -> Result<Stream<KafkaBus>> {
    let config = Arc::clone(&service.config);
    let revoke_limit = Duration::from_millis(config.kafka.transaction_timeout_ms);
    let topics = config.kafka.processed_topics();
    let context = GroupContext::new(Arc::clone(&link.in_flight), revoke_limit, Arc::clone(&service.metrics), topics);
    let consumer: BaseConsumer<GroupContext> =
        BaseConsumer::from_config_and_context(&group_consumer(&config.kafka), context).context("the group's consumer")?;
    let topics = config.kafka.processed_topics();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).with_context(|| format!("{topics:?} can't be subscribed to"))?;
    let bus = KafkaBus::new(config.kafka.clone(), consumer, link, offers);
    let parts = Parts {
        config,
        shop: Arc::clone(&service.shop),
        metrics: Arc::clone(&service.metrics),
        health: Arc::clone(&service.health),
        live: Arc::clone(&service.live),
        stop: Arc::clone(&service.stop),
        partition_count,
        incarnation: clock::unix_ms().unsigned_abs(),
        durability,
    };
    Ok(Stream::new(bus, parts))
}

fn spawn(name: &str, ended: Sender<Result<()>>, work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let named = name.to_owned();
    thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            // Nobody listens any more once another thread has ended the process.
            let _ = ended.send(work().with_context(|| format!("{named} stopped")));
        })
        .context("a thread can't be started")?;
    Ok(())
}

/// Waits for a broker, then checks the topics; returns how many partitions the events have, or `None` when told
/// to stop first.
fn await_topics(service: &Service) -> Result<Option<i32>> {
    let kafka = &service.config.kafka;
    let consumer: BaseConsumer<Quiet> = create_client(&log_consumer(kafka))?;
    // New topics take a moment to be known by every broker.
    let mut looks_left = 5;
    while !service.stop.load(Ordering::Relaxed) {
        match consumer.fetch_metadata(None, METADATA_TIMEOUT) {
            Ok(metadata) => {
                let partitions = |name: &str| {
                    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
                    topic.map(|topic| topic.partitions().len() as i32).filter(|count| *count > 0)
                };
                match check_topics(&service.config, partitions) {
                    Err(_) if looks_left > 0 => {
                        looks_left -= 1;
                        thread::sleep(LOOK_AGAIN_AFTER);
                    }
                    checked => return checked.map(Some),
                }
            }
            Err(error) => {
                if let Some(refused) = no_connection(kafka, &consumer) {
                    return Err(refused);
                }
                let cause = consumer.context().take_complaint().unwrap_or_else(|| error.to_string());
                tracing::warn!("kafka.brokers = {}: no broker answers ({cause}); trying again", kafka.brokers);
                thread::sleep(RETRY_AFTER);
            }
        }
    }
    Ok(None)
}

/// What the guarantees need of topics; the whole of it is what `offerstream check` looks at.
fn check_topics(config: &Config, partitions: impl Fn(&str) -> Option<i32>) -> Result<i32> {
    let kafka = &config.kafka;
    let wanted = plan(kafka, PARTITIONS_DEFAULT);
    let rights = |topic: &str| wanted.iter().find(|wanted| wanted.topic == topic).map_or("Read", |wanted| wanted.role.rights());
    let missing = |topic: &str| {
        let rights = rights(topic);
        anyhow!(
            "topic {topic} does not exist, or this user has no right to see it; create what is missing by: offerstream topics create, or \
             grant {rights} on topic {topic}"
        )
    };
    let count = |topic: &str| partitions(topic).ok_or_else(|| missing(topic));
    for topic in &kafka.events_topics {
        // Where they are republished, they may have as many partitions as they like.
        count(topic)?;
    }
    let processed = kafka.processed_topics();
    let first = &processed[0];
    let events = count(first)?;
    for topic in &processed {
        if count(topic)? != events {
            bail!("topic {topic} has {} partitions and {first} has {events}; events topics need equal counts", count(topic)?);
        }
    }
    if count(&kafka.sessions_topic)? != events {
        let found = count(&kafka.sessions_topic)?;
        bail!("topic {} has {found} partitions and {first} has {events}; they need equal counts", kafka.sessions_topic);
    }
    for topic in [&kafka.offers_topic, &kafka.withheld_topic, &kafka.dlq_topic] {
        if count(topic)? < events {
            bail!("topic {topic} has {} partitions and {first} has {events}; it needs as many or more", count(topic)?);
        }
    }
    if count(&kafka.shop_topic)? != 1 {
        bail!("topic {} has {} partitions; it needs exactly one, which orders all facts", kafka.shop_topic, count(&kafka.shop_topic)?);
    }
    Ok(events)
}
