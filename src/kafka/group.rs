//! The member of the consumer group: what it is assigned, what it reads, how far behind it is.
//!
//! Invariant: no partition is given back while a commit that covers it is under way, within a bound; and none is
//! read before its sessions are restored: an assignment starts with nothing to read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::bus::places_of;
use super::caught_up::CaughtUp;
use super::clients::log_error;
use super::link::InFlight;
use crate::exact::Rebalanced;
use crate::metrics::Metrics;

/// The group's consumer.
pub type GroupConsumer = BaseConsumer<GroupContext>;

/// What the client calls back.
pub struct GroupContext {
    in_flight: Arc<InFlight>,
    revoke_limit: Duration,
    rebalanced: Mutex<VecDeque<Rebalanced>>,
    metrics: Arc<Metrics>,
    topics: Vec<String>,
    caught_up: CaughtUp,
}

impl GroupContext {
    /// A context for the consumer of these topics.
    #[must_use]
    pub fn new(in_flight: Arc<InFlight>, revoke_limit: Duration, metrics: Arc<Metrics>, topics: Vec<String>) -> Self {
        Self { in_flight, revoke_limit, rebalanced: Mutex::default(), metrics, topics, caught_up: CaughtUp::default() }
    }

    /// The oldest rebalance that was not looked at yet.
    pub fn next_rebalanced(&self) -> Option<Rebalanced> {
        self.rebalanced.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Whether the partition of that number is read to its end, in all topics.
    pub fn is_caught_up(&self, partition: i32) -> bool {
        self.caught_up.all(&self.topics, partition)
    }

    fn tell(&self, rebalanced: Rebalanced) {
        self.rebalanced.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalanced);
    }

    /// Reads nothing until it is told from where on. What the group assigned stays ours; the client alone is told of none.
    ///
    /// Pausing would be another way, and was ours, but the client stops and starts a partition by messages to a thread of
    /// its own, and drops a start that a pause or a resume from this side overtakes: the partition stood still for ever.
    ///
    /// # Errors
    /// The client refuses.
    pub fn read_nothing(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<()> {
        self.caught_up.forget();
        consumer.assign(&TopicPartitionList::new())
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        if let Err(error) = self.read_nothing(consumer) {
            // They are ours all the same; whoever restores them tells the client again, and ends where it refuses that, too.
            tracing::warn!("the client does not stop reading: {error}");
        }
        self.tell(Rebalanced::Assigned(places_of(partitions)));
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>) {
        // A lost assignment is somebody else's already: the broker refuses the commit by its generation.
        if !consumer.assignment_lost() && !self.in_flight.wait(self.revoke_limit) {
            tracing::warn!("a commit did not end within {} s; partitions are given back without it", self.revoke_limit.as_secs());
        }
        self.metrics.forget_lag();
        self.caught_up.forget();
        self.tell(Rebalanced::Revoked);
        if let Err(error) = consumer.unassign() {
            tracing::warn!("partitions can't be given back: {error}");
        }
    }
}

impl ClientContext for GroupContext {
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        for topic in statistics.topics.values().filter(|topic| self.topics.contains(&topic.topic)) {
            for partition in topic.partitions.values().filter(|partition| partition.partition >= 0 && partition.desired) {
                // The next offset to fetch is known before anything was read, the one read last is not.
                let is_read = partition.ls_offset >= 0 && partition.next_offset >= partition.ls_offset;
                self.caught_up.set(&topic.topic, partition.partition, is_read);
                if partition.app_offset >= 0 && partition.ls_offset >= 0 {
                    self.metrics.lag(&topic.topic, partition.partition, (partition.ls_offset - partition.app_offset).max(0));
                }
            }
        }
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, partitions),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => self.revoke(consumer),
            other => {
                tracing::warn!("rebalancing failed: {}", RDKafkaErrorCode::from(other));
                self.revoke(consumer);
            }
        }
    }
}
