//! Whether this user may read, write, commit and open transactions, found out by doing it.
//!
//! Invariant: every transaction here ends in an abort, one topic each, so that a right that is missing is told
//! by its topic. The transactional id is `<group>-check-<instance>`: the instance's own would fence it.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Report;
use crate::clock;
use crate::config::KafkaConfig;
use crate::kafka::admin::{ANSWER_TIMEOUT, Quiet, create_client, reason};
use crate::kafka::clients::{is_passing, log_consumer, transactional_producer};
use crate::kafka::topics::{Role, Wanted};

/// The first transaction of a cluster has to wait for the topic it is kept in.
const FIRST_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// How long is waited for offsets before asking again.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// What records of the check hold, where somebody reads uncommitted ones.
const PROBE: &str = "{\"type\":\"offerstream_check\"}";

/// Checks reading, the group, and writing in transactions, with the topics that are there.
pub(super) fn check(config: &KafkaConfig, there: &[&Wanted], report: &mut Report<'_, impl Write>) -> Result<()> {
    let client = log_consumer(config);
    let consumer: BaseConsumer<Quiet> = create_client(&client)?;
    let group = client.get("group.id").unwrap_or_default();
    for wanted in there.iter().filter(|wanted| wanted.role.rights().starts_with("Read")) {
        let topic = &wanted.topic;
        match read_end(&consumer, topic) {
            Ok(()) => report.ok("rights", &format!("{topic} can be read"))?,
            // A client has to name a group, and asks for its coordinator even where it never joins: so it is for all topics.
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
                return report.fail("rights", &format!("group {group} can't be used ({}): grant Read on group {group}", reason(&error)));
            }
            Err(error) => report.fail("rights", &not_read(topic, &error))?,
        }
    }
    if let Some(source) = there.iter().find(|wanted| wanted.role == Role::Source) {
        check_group(config, &config.repartition_group(), source, report)?;
    }
    let Some(events) = there.iter().find(|wanted| matches!(wanted.role, Role::Events | Role::Repartitioned)) else { return Ok(()) };
    let Some((group, offsets)) = check_group(config, &config.group_id, events, report)? else { return Ok(()) };
    check_transactions(config, there, &group, &offsets, report)
}

/// Reads the end of a topic's first partition: an answer shows the right, a record or none.
fn read_end(consumer: &BaseConsumer<Quiet>, topic: &str) -> Result<(), KafkaError> {
    let mut end = TopicPartitionList::new();
    end.add_partition_offset(topic, 0, Offset::End)?;
    consumer.assign(&end)?;
    let started = clock::now();
    let answer = loop {
        match consumer.poll(POLL) {
            Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => break Ok(()),
            Some(Err(error)) if !is_passing(&error) => break Err(error),
            _ if started.elapsed() > ANSWER_TIMEOUT => break Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)),
            _ => {}
        }
    };
    consumer.unassign()?;
    answer
}

fn not_read(topic: &str, error: &KafkaError) -> String {
    let remedy = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => format!("grant Read on topic {topic}"),
        _ => "see the broker's log".to_owned(),
    };
    format!("{topic} can't be read ({}): {remedy}", reason(error))
}

/// Finds the group's coordinator and asks what is committed; what the rest needs of it.
fn check_group(
    config: &KafkaConfig,
    group: &str,
    events: &Wanted,
    report: &mut Report<'_, impl Write>,
) -> Result<Option<(ConsumerGroupMetadata, TopicPartitionList)>> {
    let mut client = log_consumer(config);
    client.set("group.id", group);
    let consumer: BaseConsumer<Quiet> = create_client(&client)?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(&events.topic, 0, events.partitions - 1);
    match committed(&consumer, &asked) {
        Ok(offsets) => {
            let committed = offsets.elements().iter().filter(|one| matches!(one.offset(), Offset::Offset(_))).count();
            let line = format!("group {group} has its coordinator, and offsets of {committed} of {} partitions", events.partitions);
            report.ok("rights", &line)?;
            let mut first = TopicPartitionList::new();
            let offset = offsets.find_partition(&events.topic, 0).map(|one| one.offset());
            let offset = offset.filter(|offset| matches!(offset, Offset::Offset(_))).unwrap_or(Offset::Offset(0));
            first.add_partition_offset(&events.topic, 0, offset)?;
            Ok(consumer.group_metadata().map(|metadata| (metadata, first)))
        }
        Err(error) => {
            let remedy = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::GroupAuthorizationFailed) => &format!("grant Read on group {group}"),
                _ => "is the broker's __consumer_offsets topic healthy, its replication factor no more than the brokers there are?",
            };
            report.fail("rights", &format!("group {group} can't be asked for its offsets ({}): {remedy}", reason(&error)))?;
            Ok(None)
        }
    }
}

/// Asks for offsets until there is an answer, or the client has said why there is none.
fn committed(consumer: &BaseConsumer<Quiet>, asked: &TopicPartitionList) -> Result<TopicPartitionList, KafkaError> {
    let started = clock::now();
    loop {
        match consumer.committed_offsets(asked.clone(), ASK_EVERY) {
            Err(error) if is_passing(&error) => match consumer.poll(POLL) {
                Some(Err(refused)) if !is_passing(&refused) => return Err(refused),
                _ if started.elapsed() > ANSWER_TIMEOUT => return Err(error),
                _ => {}
            },
            done => return done,
        }
    }
}

/// Writes to every topic that is written, and the group's offsets, each in a transaction that is aborted.
fn check_transactions(
    config: &KafkaConfig,
    there: &[&Wanted],
    group: &ConsumerGroupMetadata,
    offsets: &TopicPartitionList,
    report: &mut Report<'_, impl Write>,
) -> Result<()> {
    let id = config.check_id();
    let mut client = transactional_producer(config);
    client.set("transactional.id", &id);
    let started = || -> Result<Result<BaseProducer<Quiet>, KafkaError>> {
        let producer: BaseProducer<Quiet> = create_client(&client)?;
        Ok(producer.init_transactions(FIRST_TRANSACTION_TIMEOUT).map(|()| producer))
    };
    let mut producer = match started()? {
        Ok(producer) => producer,
        Err(error) => return report.fail("rights", &not_started(config, &id, &error)),
    };
    report.ok("rights", &format!("transactions can be started (as {id}, so that no instance is disturbed)"))?;

    let written = |wanted: &&&Wanted| wanted.role.rights().ends_with("Write");
    for wanted in there.iter().filter(written) {
        let topic = &wanted.topic;
        match in_aborted_transaction(&producer, || write(config, &producer, topic)) {
            Ok(()) => report.ok("rights", &format!("{topic} can be written in a transaction (aborted)"))?,
            Err(failed @ (Failed::Refused(_) | Failed::RefusedForGood(_))) => {
                let (Failed::Refused(why) | Failed::RefusedForGood(why) | Failed::Ended(why)) = &failed;
                report.fail("rights", &format!("{topic} can't be written in a transaction ({why}): grant Write on topic {topic}"))?;
                if matches!(failed, Failed::RefusedForGood(_)) {
                    match started()? {
                        Ok(another) => producer = another,
                        Err(error) => return report.fail("rights", &not_started(config, &id, &error)),
                    }
                }
            }
            Err(Failed::Ended(why)) => return report.fail("rights", &ended(&why)),
        }
    }
    let send = || producer.send_offsets_to_transaction(offsets, group, ANSWER_TIMEOUT);
    match in_aborted_transaction(&producer, send) {
        Ok(()) => report.ok("rights", &format!("group {} can commit its offsets in a transaction (aborted)", config.group_id)),
        Err(Failed::Refused(why) | Failed::RefusedForGood(why)) => {
            let group = &config.group_id;
            report.fail("rights", &format!("group {group} can't commit its offsets in a transaction ({why}): grant Read on group {group}"))
        }
        Err(Failed::Ended(why)) => report.fail("rights", &ended(&why)),
    }
}

/// How a transaction of the check can go wrong.
enum Failed {
    /// What was done in it was refused.
    Refused(String),
    /// The same, and the producer can't go on.
    RefusedForGood(String),
    /// It could not be begun or aborted, so no further one can be.
    Ended(String),
}

fn in_aborted_transaction(producer: &BaseProducer<Quiet>, work: impl FnOnce() -> Result<(), KafkaError>) -> Result<(), Failed> {
    producer.context().take_complaint();
    producer.context().take_transaction_failed();
    producer.begin_transaction().map_err(|error| Failed::Ended(reason(&error)))?;
    let done = work();
    // The client knows why a transaction failed, where the record only knows that it did.
    let why = done.map_err(|error| producer.context().take_complaint().unwrap_or_else(|| reason(&error)));
    match (producer.abort_transaction(ANSWER_TIMEOUT), why) {
        (Ok(()), why) => why.map_err(Failed::Refused),
        // Of a transaction whose first topic was refused the broker knows nothing, and so can't abort it either.
        (Err(_), Err(why)) => Err(Failed::RefusedForGood(why)),
        (Err(error), Ok(())) => Err(Failed::Ended(reason(&error))),
    }
}

fn write(config: &KafkaConfig, producer: &BaseProducer<Quiet>, topic: &str) -> Result<(), KafkaError> {
    producer.context().take_delivery();
    let record = BaseRecord::to(topic).partition(0).key("offerstream-check").payload(PROBE);
    producer.send(record).map_err(|(error, _)| error)?;
    let started = clock::now();
    // The client fails the record itself when its time is over.
    let patience = Duration::from_millis(config.message_timeout_ms) + ANSWER_TIMEOUT;
    loop {
        producer.poll(POLL);
        if let Some(delivery) = producer.context().take_delivery() {
            return delivery;
        }
        // A record of a transaction that failed waits until its time is over: there is nothing to wait for.
        if started.elapsed() > patience || producer.context().take_transaction_failed() {
            return Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
        }
    }
}

fn not_started(config: &KafkaConfig, id: &str, error: &KafkaError) -> String {
    let remedy = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => {
            let group = &config.group_id;
            format!("grant Write on transactional ids with the prefix {group}- (the check uses one of its own)")
        }
        Some(RDKafkaErrorCode::InvalidTransactionTimeout) => {
            let timeout_ms = config.transaction_timeout_ms;
            format!("kafka.transaction_timeout_ms is {timeout_ms}, above the broker's transaction.max.timeout.ms: lower it")
        }
        _ => "is the broker's transaction.state.log.replication.factor no more than the brokers there are?".to_owned(),
    };
    format!("transactions can't be started as {id} ({}): {remedy}", reason(error))
}

fn ended(why: &str) -> String {
    format!("a transaction could not be begun or aborted ({why}): run the check again; the broker aborts what is open within seconds")
}
