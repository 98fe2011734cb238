//! What the events topics hold, from their beginning up to a place, in one order.
//!
//! Invariant: committed records alone; of each partition in the order of its offsets; of several the one whose record
//! time is the earliest first, then by partition, topic and offset. So the same topics give the same order every time.
//! Of each partition a bounded number of bytes is held.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::{LogContext, is_passing, log_consumer, retrying};
use super::shop_peek::tries;
use crate::clock;
use crate::config::{Config, FormatsConfig, KafkaConfig};
use crate::event::{self, Timestamp};
use crate::pipeline::{Envelope, Record};
use crate::replay::{Origin, Source, Sourced};

const ASK_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);
/// What is read ahead of each partition.
const READ_AHEAD_KB: &str = "2048";

/// Up to where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// What is there now.
    End,
    /// What the group has committed: what `run` has taken already. It will take the rest itself.
    Committed,
}

/// A range of the events topics.
pub struct EventRange {
    formats: FormatsConfig,
    kafka: KafkaConfig,
    topics: Vec<TopicReader>,
    parts: Vec<Part>,
    /// The next record of every partition that has one.
    heads: BinaryHeap<Reverse<Head>>,
    current: Option<Head>,
    records: u64,
    records_all: i64,
    started: Instant,
    said_at: Instant,
}

/// One topic's consumer.
struct TopicReader {
    topic: String,
    consumer: Arc<BaseConsumer<LogContext>>,
    /// What came before its partition had a queue of its own.
    stray: BTreeMap<i32, VecDeque<Head>>,
    /// Partitions whose end was told then.
    ended: BTreeSet<i32>,
}

/// One partition.
struct Part {
    topic: usize,
    partition: i32,
    queue: PartitionQueue<LogContext>,
    until: i64,
}

/// A record, in the order in which they are handed out.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    time_ms: i64,
    partition: i32,
    topic: usize,
    offset: i64,
    part: usize,
    key: Option<Vec<u8>>,
    payload: Vec<u8>,
    has_time: bool,
    headers: OwnHeaders,
}

/// A record's headers, kept.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct OwnHeaders(Vec<(String, Vec<u8>)>);

impl event::Headers for OwnHeaders {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }
}

impl EventRange {
    /// Opens the events topics at their beginning.
    ///
    /// # Errors
    /// No broker answers, or a topic is not there.
    pub fn open(config: &Config, until: Until) -> Result<Self> {
        let (formats, config) = (config.formats.clone(), &config.kafka);
        let (started, said_at) = (clock::now(), clock::now());
        let (topics, parts, heads) = (Vec::new(), Vec::new(), BinaryHeap::new());
        let mut range =
            Self { formats, kafka: config.clone(), topics, parts, heads, current: None, records: 0, records_all: 0, started, said_at };
        for topic in &config.processed_topics() {
            range.open_topic(config, topic, until)?;
        }
        for part in 0..range.parts.len() {
            range.refill(part)?;
        }
        Ok(range)
    }

    fn open_topic(&mut self, config: &KafkaConfig, topic: &str, until: Until) -> Result<()> {
        let mut client = log_consumer(config);
        client.set("queued.max.messages.kbytes", READ_AHEAD_KB).set("fetch.message.max.bytes", "524288");
        let consumer = BaseConsumer::from_config_and_context(&client, LogContext).context("the events' consumer")?;
        let ends = ends_of(&consumer, config, topic, until)?;
        let mut start = TopicPartitionList::new();
        for (partition, from, end) in &ends {
            if *from > 0 {
                tracing::warn!("{topic}, partition {partition}, begins at offset {from}: events before it are gone, and are not counted");
            }
            if from < end {
                start.add_partition_offset(topic, *partition, Offset::Offset(*from)).context("where events begin")?;
                self.records_all += end - from;
            }
        }
        let consumer = Arc::new(consumer);
        consumer.assign(&start).context("where events begin")?;
        for (partition, _, until) in ends.into_iter().filter(|(_, from, until)| from < until) {
            let queue = consumer.split_partition_queue(topic, partition).with_context(|| format!("{topic}, partition {partition}"))?;
            self.parts.push(Part { topic: self.topics.len(), partition, queue, until });
        }
        self.topics.push(TopicReader { topic: topic.to_owned(), consumer, stray: BTreeMap::new(), ended: BTreeSet::new() });
        Ok(())
    }

    /// Puts the next record of a partition among the heads, if it has one before its end.
    fn refill(&mut self, part: usize) -> Result<()> {
        let Part { topic, partition, queue, until } = &self.parts[part];
        let reader = &mut self.topics[*topic];
        let next = loop {
            reader.drain(*topic)?;
            if let Some(head) = reader.stray.get_mut(partition).and_then(VecDeque::pop_front) {
                break Some(head);
            }
            match queue.poll(POLL) {
                Some(Ok(message)) => {
                    let head = Head::of(*topic, &message);
                    // What came before is with the consumer by now.
                    reader.drain(*topic)?;
                    let stray = reader.stray.entry(*partition).or_default();
                    stray.push_back(head);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break None,
                None if reader.ended.contains(partition) => break None,
                Some(Err(error)) if !is_passing(&error) => bail!("{} can't be read: {error}", reader.topic),
                _ => {}
            }
        };
        if let Some(head) = next.filter(|head| head.offset < *until) {
            self.heads.push(Reverse(Head { part, ..head }));
        }
        Ok(())
    }
}

impl Source for EventRange {
    fn next(&mut self) -> Result<Option<Sourced<'_>>> {
        if let Some(last) = self.current.take() {
            self.refill(last.part)?;
        }
        self.current = self.heads.pop().map(|Reverse(head)| head);
        let Some(head) = &self.current else { return Ok(None) };
        self.records += 1;
        let record = Record {
            partition: head.partition,
            key: head.key.as_deref(),
            payload: &head.payload,
            payload_bytes: head.payload.len(),
            record_time: head.has_time.then_some(Timestamp(head.time_ms)),
        };
        let headers = Some(&head.headers as &dyn event::Headers).filter(|_| !head.headers.0.is_empty());
        let topic = &self.topics[head.topic].topic;
        let envelope = Envelope { headers, reading: self.formats.reading_of(&self.kafka, topic, headers) };
        Ok(Some(Sourced { record, envelope, origin: Origin::Offset(topic, head.partition, head.offset) }))
    }

    fn show(&mut self) {
        if self.said_at.elapsed() >= LINE_EVERY {
            self.said_at = clock::now();
            let (records, seconds) = (self.records, self.started.elapsed().as_secs());
            let percent = (records.saturating_mul(100)).checked_div(self.records_all.unsigned_abs()).unwrap_or(100).min(100);
            // Offsets count markers, too.
            eprintln!("replay: {records} records, about {percent} % of {} offsets, {seconds} s", self.records_all);
        }
    }
}

impl TopicReader {
    /// Takes what is with the consumer itself, which has to be polled besides.
    fn drain(&mut self, topic: usize) -> Result<()> {
        while let Some(polled) = self.consumer.poll(Duration::ZERO) {
            match polled {
                Ok(message) => self.stray.entry(message.partition()).or_default().push_back(Head::of(topic, &message)),
                Err(KafkaError::PartitionEOF(partition)) => _ = self.ended.insert(partition),
                Err(error) if is_passing(&error) => {}
                Err(error) => bail!("{} can't be read: {error}", self.topic),
            }
        }
        Ok(())
    }
}

impl Head {
    fn of(topic: usize, message: &BorrowedMessage<'_>) -> Self {
        let time_ms = message.timestamp().to_millis();
        Self {
            time_ms: time_ms.unwrap_or_default(),
            partition: message.partition(),
            topic,
            offset: message.offset(),
            part: 0,
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().unwrap_or_default().to_vec(),
            has_time: time_ms.is_some(),
            headers: headers_of(message),
        }
    }
}

fn headers_of(message: &BorrowedMessage<'_>) -> OwnHeaders {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    OwnHeaders(headers.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect())
}

/// Partition, where it begins, and up to where it is read.
fn ends_of(consumer: &BaseConsumer<LogContext>, config: &KafkaConfig, topic: &str, until: Until) -> Result<Vec<(i32, i64, i64)>> {
    // All topics are asked for, since asking for one by name could create it.
    let metadata = retrying("asking for topics", tries(2), || consumer.fetch_metadata(None, ASK_TIMEOUT))
        .map_err(|error| anyhow!("kafka.brokers = {}: no broker answers ({error})", config.brokers))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions: Vec<i32> = found.iter().flat_map(|found| found.partitions()).map(|partition| partition.id()).collect();
    if partitions.is_empty() {
        bail!("topic {topic} does not exist; create what is missing by: offerstream topics create");
    }
    let committed = if until == Until::Committed { committed(consumer, topic, &partitions)? } else { BTreeMap::new() };
    let mut ends = Vec::new();
    for partition in partitions {
        let ask = || consumer.fetch_watermarks(topic, partition, ASK_TIMEOUT);
        let (start, end) = retrying("asking for the events' end", tries(2), ask)
            .with_context(|| format!("the end of {topic}, partition {partition}, can't be asked for"))?;
        let until = if until == Until::Committed { committed.get(&partition).copied().unwrap_or(start) } else { end };
        ends.push((partition, start, until.min(end)));
    }
    Ok(ends)
}

/// The group's committed offsets, of the partitions that have one.
fn committed(consumer: &BaseConsumer<LogContext>, topic: &str, partitions: &[i32]) -> Result<BTreeMap<i32, i64>> {
    let mut asked = TopicPartitionList::new();
    partitions.iter().for_each(|partition| _ = asked.add_partition(topic, *partition));
    let ask = || consumer.committed_offsets(asked.clone(), ASK_TIMEOUT);
    let answer = retrying("asking for committed offsets", tries(3), ask).context("committed offsets can't be asked for")?;
    let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
    Ok(answer.elements().iter().filter_map(|element| Some((element.partition(), offset(element.offset())?))).collect())
}

/// Ends with a line that names the members, if the group has any.
///
/// # Errors
/// It has, or the broker does not answer.
pub fn refuse_live_members(config: &KafkaConfig) -> Result<()> {
    let consumer: BaseConsumer<LogContext> =
        BaseConsumer::from_config_and_context(&log_consumer(config), LogContext).context("the group's client")?;
    let group = &config.group_id;
    let ask = || consumer.fetch_group_list(Some(group), ASK_TIMEOUT);
    let groups = retrying("asking for the group's members", tries(3), ask)
        .map_err(|error| anyhow!("kafka.brokers = {}: the members of group {group} can't be asked for ({error})", config.brokers))?;
    let members: BTreeSet<&str> = groups.groups().iter().flat_map(|found| found.members()).map(|member| member.client_id()).collect();
    if members.is_empty() {
        return Ok(());
    }
    let (seconds, members) = (config.session_timeout_ms.div_ceil(1_000), members.into_iter().collect::<Vec<_>>().join(", "));
    bail!("group {group} has live members ({members}): stop all instances; one that was stopped counts as live for {seconds} s")
}
