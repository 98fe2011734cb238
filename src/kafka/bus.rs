//! The loop's bus over Kafka: the group's consumer, and the link to the thread that commits.
//!
//! Invariant: what passes by itself (nobody answered, or not in time) is told as "not yet"; everything else ends the
//! loop with a line that says why.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::changelog::SessionsLog;
use super::clients::is_passing;
use super::delivery::report_limit;
use super::fenced::consumer_ended;
use super::group::GroupConsumer;
use super::headers::RecordHeaders;
use super::link::Link;
use super::offers::Offers;
use super::origins::Origins;
use crate::clock;
use crate::config::KafkaConfig;
use crate::event::{Headers, Timestamp};
use crate::exact::{Bus, Commit, Incoming, Outcome, Outgoing, Place, Polled, Rebalanced};

/// How long committed offsets are waited for in one call.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);
/// A record's own time is believed up to so far ahead of this machine's clock.
const AHEAD_OF_CLOCK_MS_MAX: i64 = 24 * 3_600_000;
/// So much later than a record's time-out, which is the longest that is waited for in one call, the client is stuck.
const CLIENT_SLACK: Duration = Duration::from_secs(15);
/// The pause after a question that nobody answered.
const PAUSE: Duration = Duration::from_millis(250);

/// A member of the group, and its link to whoever commits.
pub struct KafkaBus {
    config: KafkaConfig,
    consumer: GroupConsumer,
    link: Link,
    /// Where offers leave at once.
    offers: Option<Arc<Offers>>,
    /// Where the records of the batch at hand came from, where they are republished ones.
    origins: Origins,
    /// When it was last looked whether a commit has ended.
    looked_at: Instant,
}

impl KafkaBus {
    /// A bus of this consumer, which has subscribed.
    pub fn new(config: KafkaConfig, consumer: GroupConsumer, link: Link, offers: Option<Arc<Offers>>) -> Self {
        Self { config, consumer, link, offers, origins: Origins::default(), looked_at: clock::now() }
    }

    /// Each call of the client's has an end of its own. One that has not come back long after is stuck, and so is all that
    /// it is asked from then on: seen where a coordinator died in the middle of a commit.
    fn check_client(&mut self) -> Result<()> {
        let (now, before) = (clock::now(), self.looked_at);
        self.looked_at = now;
        // The whole process stood still: the call's time begins anew.
        if now.saturating_duration_since(before) > CLIENT_SLACK {
            self.link.in_flight.heard();
        }
        let silent = self.link.in_flight.silent_for();
        if silent > report_limit(&self.config) + CLIENT_SLACK {
            bail!("the Kafka client has not come back from a call of a commit for {} s: start again", silent.as_secs());
        }
        Ok(())
    }

    fn poll_error(&self, error: &KafkaError) -> Result<Polled> {
        if let Some(fatal) = self.consumer.client().fatal_error() {
            return Err(consumer_ended(&self.config, &self.config.group_id, &fatal));
        }
        // Polled too late: the partitions were taken away, and the next polls join the group again.
        let too_late = error.rdkafka_error_code() == Some(RDKafkaErrorCode::PollExceeded);
        if is_passing(error) || too_late {
            tracing::warn!("polling did not work: {error}; going on");
            return Ok(Polled::Nothing);
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            bail!(
                "events can't be read on from where group {} left off ({error}): they were deleted before they were read, or the topic was \
                 made anew; choose where to go on by kafka-consumer-groups --reset-offsets",
                self.config.group_id
            );
        }
        Err(anyhow!("events can't be read: {error}"))
    }
}

impl Bus for KafkaBus {
    type Membership = Arc<ConsumerGroupMetadata>;
    type Changelog = SessionsLog;

    fn now(&self) -> Instant {
        clock::now()
    }

    fn unix_ms(&self) -> i64 {
        clock::unix_ms()
    }

    fn rest(&self, pause: Duration) {
        std::thread::sleep(pause);
    }

    fn poll(&mut self, wait: Duration, take: impl FnOnce(&Incoming<'_>)) -> Result<Polled> {
        match self.consumer.poll(wait) {
            None => Ok(Polled::Nothing),
            Some(Ok(message)) => {
                if self.config.repartition {
                    self.origins.note(&message);
                }
                let headers = RecordHeaders::of(&message);
                take(&Incoming {
                    topic: message.topic(),
                    partition: message.partition(),
                    offset: message.offset(),
                    key: message.key(),
                    payload: message.payload().unwrap_or_default(),
                    time: message.timestamp().to_millis().map(|written_ms| believed(written_ms, clock::unix_ms())),
                    headers: headers.as_ref().map(|headers| headers as &dyn Headers),
                });
                Ok(Polled::Record)
            }
            Some(Err(error)) => self.poll_error(&error),
        }
    }

    fn next_rebalanced(&mut self) -> Option<Rebalanced> {
        self.consumer.context().next_rebalanced()
    }

    fn assignment_lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    fn membership(&self) -> Result<Self::Membership> {
        self.consumer.group_metadata().map(Arc::new).ok_or_else(|| anyhow!("the consumer is in no group"))
    }

    fn stop_reading(&mut self) -> Result<()> {
        self.consumer.context().read_nothing(&self.consumer).context("reading can't be stopped")
    }

    fn committed(&mut self, partitions: &[Place]) -> Result<Option<Vec<Option<i64>>>> {
        let answer = self.consumer.committed_offsets(list_of(partitions), OFFSETS_TIMEOUT);
        let Some(committed) = answered("asking for committed offsets", answer).context("committed offsets can't be asked for")? else {
            return Ok(None);
        };
        let of = |(topic, partition): &Place| match committed.find_partition(topic, *partition)?.offset() {
            Offset::Offset(next) => Some(next),
            _ => None,
        };
        Ok(Some(partitions.iter().map(of).collect()))
    }

    fn read_from(&mut self, start: &[(Place, Option<i64>)]) -> Result<()> {
        self.origins.forget();
        let mut list = TopicPartitionList::new();
        for ((topic, partition), next) in start {
            let offset = next.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(topic, *partition, offset).context("the start offsets")?;
        }
        self.consumer.assign(&list).context("reading can't start")
    }

    fn position(&self) -> String {
        format!("{:?}", self.consumer.position().map(|at| at.to_topic_map()).unwrap_or_default())
    }

    fn is_caught_up(&self, partition: i32) -> bool {
        self.consumer.context().is_caught_up(partition)
    }

    fn changelog(&mut self) -> Result<SessionsLog> {
        SessionsLog::open(&self.config)
    }

    fn offer(&mut self, number: u64, offer: Outgoing, caused_at: Option<Timestamp>) -> Result<()> {
        let Some(offers) = &self.offers else { return Ok(()) };
        offers.send(number, &offer, caused_at).context("an offer can't be sent")
    }

    fn forget_offers(&mut self, number: u64) {
        if let Some(offers) = &self.offers {
            offers.forget(number);
        }
    }

    fn hand_over(&mut self, mut commit: Commit<Self::Membership>) -> Result<()> {
        self.origins.tell(&mut commit.records);
        self.link.in_flight.set(true);
        self.link.commits.send(commit).map_err(|_| anyhow!("the transaction thread has ended"))
    }

    fn outcome(&mut self, wait: Duration) -> Result<Option<Outcome>> {
        let has_ended = if wait.is_zero() {
            self.link.outcomes.try_recv().map_err(|error| error == TryRecvError::Disconnected)
        } else {
            self.link.outcomes.recv_timeout(wait).map_err(|error| error == RecvTimeoutError::Disconnected)
        };
        match has_ended {
            Ok(outcome) => Ok(Some(outcome)),
            Err(false) => self.check_client().map(|()| None),
            Err(true) => bail!("the transaction thread has ended"),
        }
    }

    fn await_commit(&self, wait: Duration) {
        self.link.in_flight.wait(wait);
    }
}

/// When a record was written, at the latest a day from now: events are judged by it, and one of a producer whose clock is
/// years ahead would let all that was learned fade. Brokers from 4.0 on refuse such records themselves (KIP-937).
fn believed(written_ms: i64, now_ms: i64) -> Timestamp {
    Timestamp(written_ms.min(now_ms.saturating_add(AHEAD_OF_CLOCK_MS_MAX)))
}

/// The answer; `None`, after a pause, where nobody gave one.
pub fn answered<T>(what: &str, answer: KafkaResult<T>) -> KafkaResult<Option<T>> {
    match answer {
        Err(error) if is_passing(&error) => {
            tracing::warn!("{what} did not work: {error}; trying again");
            std::thread::sleep(PAUSE);
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

/// The places of a list.
pub fn places_of(list: &TopicPartitionList) -> Vec<Place> {
    list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
}

/// Where to start to read, by what is committed: from the beginning where nothing is.
pub fn committed_of(committed: &TopicPartitionList, places: &[Place]) -> KafkaResult<TopicPartitionList> {
    let mut start = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        let offset = match committed.find_partition(topic, *partition).map(|found| found.offset()) {
            Some(Offset::Offset(next)) => Offset::Offset(next),
            _ => Offset::Beginning,
        };
        start.add_partition_offset(topic, *partition, offset)?;
    }
    Ok(start)
}

/// A list of these places.
pub fn list_of(places: &[Place]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_clock_that_is_years_ahead_is_taken_to_be_of_tomorrow() {
        const HOUR_MS: i64 = 3_600_000;
        let now_ms = 1_772_438_400_000;
        for (ahead_ms, believed_ms) in [(-900 * HOUR_MS, -900 * HOUR_MS), (24 * HOUR_MS, 24 * HOUR_MS), (500_000 * HOUR_MS, 24 * HOUR_MS)] {
            assert_eq!(believed(now_ms + ahead_ms, now_ms), Timestamp(now_ms + believed_ms));
        }
    }
}
