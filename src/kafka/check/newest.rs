//! The newest records of a topic, for a check that looks at some of them.
//!
//! Invariant: bounded in records, bytes and time, and read outside the group.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::clock;
use crate::kafka::admin::{ANSWER_TIMEOUT, Quiet};
use crate::kafka::clients::is_passing;

/// Bytes looked at of one topic.
const BYTES_MAX: usize = 256 << 20;
/// Time taken for each topic.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// Hands the newest records of every partition to `take`, up to where each ended when it was asked.
pub(super) fn read_newest(
    consumer: &BaseConsumer<Quiet>,
    topic: &str,
    partitions: i32,
    each: i64,
    take: impl FnMut(&BorrowedMessage<'_>),
) -> Result<(), KafkaError> {
    let mut ends = HashMap::new();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT)?;
        if high > low {
            assignment.add_partition_offset(topic, partition, Offset::Offset(low.max(high - each)))?;
            ends.insert(partition, high);
        }
    }
    consumer.assign(&assignment)?;
    let read = read_until(consumer, &mut ends, take);
    consumer.unassign()?;
    read
}

fn read_until(
    consumer: &BaseConsumer<Quiet>,
    ends: &mut HashMap<i32, i64>,
    mut take: impl FnMut(&BorrowedMessage<'_>),
) -> Result<(), KafkaError> {
    let (started, mut bytes) = (clock::now(), 0);
    while !ends.is_empty() && bytes < BYTES_MAX && started.elapsed() < PATIENCE {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                let partition = message.partition();
                let Some(end) = ends.get(&partition) else { continue };
                bytes += message.payload().unwrap_or_default().len();
                take(&message);
                if message.offset() + 1 >= *end {
                    ends.remove(&partition);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(ends.remove(&partition)),
            Some(Err(error)) if !is_passing(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
