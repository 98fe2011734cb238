//! The partitions that are republished, each a lane, and which of them is next.
//!
//! Invariant: records of one partition never overtake each other; of the partitions that this instance reads, the
//! earliest record goes first, by the records' own times. For that a lane of which nothing has come yet is waited for, but
//! not for ever: a partition without a leader must not hold the others up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::clock;
use crate::exact::Place;
use crate::kafka::clients::is_passing;
use crate::kafka::group::{GroupConsumer, GroupContext};

/// How long a lane of which nothing has come is waited for while others have something.
const PATIENCE: Duration = Duration::from_secs(2);

/// One partition.
struct Lane {
    place: Place,
    queue: PartitionQueue<GroupContext>,
    /// The record that is next.
    next: Option<OwnedMessage>,
    /// No record before this offset is to come. The client has handed out what it had fetched from the partition's
    /// beginning, where an assignment starts, after it was told to read from here.
    offset: i64,
    /// Whether it is read to its end, as far as is known.
    is_at_end: bool,
}

/// What a lane has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// A record of that time.
    At(i64),
    /// Nothing: it is read to its end.
    End,
    /// Nothing yet.
    Unknown,
}

/// All partitions of an assignment.
pub struct Lanes {
    lanes: Vec<Lane>,
    /// Since when a lane has been waited for.
    waiting: Option<Instant>,
}

impl Lanes {
    /// Splits the assigned partitions off the consumer, which goes on to be polled for all else. Each is read from where
    /// `start` has it.
    pub fn of(consumer: &Arc<GroupConsumer>, start: &TopicPartitionList) -> Result<Self> {
        let mut lanes = Vec::with_capacity(start.count());
        for element in start.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            let offset = if let Offset::Offset(offset) = element.offset() { offset } else { 0 };
            let queue = consumer.split_partition_queue(topic, partition);
            let queue = queue.with_context(|| format!("partition {partition} of {topic} can't be read by itself"))?;
            lanes.push(Lane { place: (topic.to_owned(), partition), queue, next: None, offset, is_at_end: false });
        }
        Ok(Self { lanes, waiting: None })
    }

    /// Whether a record that came past its lane would be missed: then all is to be read again.
    #[must_use]
    pub fn misses(&self, message: &BorrowedMessage<'_>) -> bool {
        let of_message = |lane: &&Lane| lane.place.1 == message.partition() && lane.place.0 == message.topic();
        self.lanes.iter().find(of_message).is_some_and(|lane| message.offset() >= lane.offset)
    }

    /// The record that is next; `None` where there is none yet. It does not wait.
    pub fn next(&mut self) -> Result<Option<OwnedMessage>> {
        let mut heads = Vec::with_capacity(self.lanes.len());
        for lane in &mut self.lanes {
            heads.push(lane.head()?);
        }
        let is_waiting = heads.contains(&Head::Unknown) && heads.iter().any(|head| matches!(head, Head::At(_)));
        self.waiting = is_waiting.then(|| self.waiting.unwrap_or_else(clock::now));
        let is_patient = self.waiting.is_some_and(|since| since.elapsed() < PATIENCE);
        Ok(first(&heads, is_patient).and_then(|lane| self.lanes[lane].next.take()))
    }
}

impl Lane {
    fn head(&mut self) -> Result<Head> {
        while self.next.is_none() {
            match self.queue.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) if message.offset() < self.offset => {}
                Some(Ok(message)) => {
                    self.offset = message.offset() + 1;
                    self.next = Some(message.detach());
                    self.is_at_end = false;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.is_at_end = true,
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => {
                    let (topic, partition) = &self.place;
                    return Err(anyhow!("{topic}, partition {partition}, can't be read: {error}"));
                }
            }
        }
        Ok(match &self.next {
            Some(message) => Head::At(message.timestamp().to_millis().unwrap_or(i64::MIN)),
            None if self.is_at_end => Head::End,
            None => Head::Unknown,
        })
    }
}

/// The lane whose record is the earliest, the first of equals; none while one that is waited for may have an earlier one.
fn first(heads: &[Head], is_patient: bool) -> Option<usize> {
    if is_patient && heads.contains(&Head::Unknown) {
        return None;
    }
    let times = heads.iter().enumerate().filter_map(|(lane, head)| if let Head::At(time) = head { Some((*time, lane)) } else { None });
    times.min().map(|(_, lane)| lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_record_goes_first_and_a_lane_of_which_nothing_has_come_is_waited_for() {
        use Head::{At, End, Unknown};
        assert_eq!(first(&[At(5), At(3), End, At(3)], true), Some(1));
        assert_eq!(first(&[At(5), Unknown], true), None);
        assert_eq!(first(&[At(5), Unknown], false), Some(0));
        assert_eq!((first(&[End, End], true), first(&[], true), first(&[Unknown], false)), (None, None, None));
    }
}
