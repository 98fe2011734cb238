//! A client that has ended for good: why that may be, and what to do.
//!
//! Invariant: where Kafka says the same of several causes, none is told as the only one. It knows a member of the group by an
//! id that it gave it; whoever comes with another one is fenced as if there were two. A coordinator that is lost, or stands
//! still, while we join may know us by an id that we do not have any more, or not yet. (A producer whose epoch was taken is
//! no end: another takes its place.)

use anyhow::{Error, anyhow};
use rdkafka::error::RDKafkaErrorCode;

use crate::config::KafkaConfig;

/// What a client says of its end.
type Fatal = (RDKafkaErrorCode, String);

/// The line for a consumer that has ended.
pub fn consumer_ended(config: &KafkaConfig, group: &str, (code, reason): &Fatal) -> Error {
    let who = &config.instance_id;
    if *code != RDKafkaErrorCode::FencedInstanceId {
        return anyhow!("the consumer of group {group} as {who} has ended: {reason}");
    }
    anyhow!(
        "the consumer of group {group} as {who} has ended: {reason}; either another process runs with the same kafka.instance_id, or a \
         broker was lost or stood still while this one joined the group: start again; where it ends again and again, it is the former: \
         give each process a kafka.instance_id of its own"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_fenced_is_told_both_causes_and_what_to_do() {
        let config = KafkaConfig { instance_id: "one".into(), ..KafkaConfig::default() };
        let consumer = consumer_ended(&config, "offers", &(RDKafkaErrorCode::FencedInstanceId, "fenced".into())).to_string();
        assert_eq!(
            consumer,
            "the consumer of group offers as one has ended: fenced; either another process runs with the same kafka.instance_id, or a \
             broker was lost or stood still while this one joined the group: start again; where it ends again and again, it is the \
             former: give each process a kafka.instance_id of its own"
        );
    }

    #[test]
    fn what_ended_for_another_reason_is_not_said_to_be_fenced() {
        let config = KafkaConfig { instance_id: "one".into(), ..KafkaConfig::default() };
        let told = consumer_ended(&config, "offers", &(RDKafkaErrorCode::PollExceeded, "polled too late".into()));
        assert_eq!(told.to_string(), "the consumer of group offers as one has ended: polled too late");
    }
}
