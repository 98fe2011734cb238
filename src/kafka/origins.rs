//! Where republished records came from, so that a dead letter names the record that the shop wrote.
//!
//! Invariant: of the batch at hand alone, so it is bounded as that is; nothing is kept where nothing is republished.

use std::collections::HashMap;

use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::config::ORIGIN_TOPIC;
use crate::exact::{Outgoing, Target};

/// Headers of a republished record: the topic, partition and offset it came from, and its size, where it was cut.
pub const TOPIC: &str = ORIGIN_TOPIC;
/// The partition it came from.
pub const PARTITION: &str = "offerstream-partition";
/// The offset it came from.
pub const OFFSET: &str = "offerstream-offset";
/// The size it had.
pub const SIZE: &str = "offerstream-size";

/// Headers of a dead letter, and those of a republished record that tell them.
const TOLD: [(&str, &str); 4] = [("topic", TOPIC), ("partition", PARTITION), ("offset", OFFSET), ("size", SIZE)];

/// What a republished record says of itself.
type Origin = [Option<String>; 4];

/// Where the records of the batch at hand came from, by partition and offset.
#[derive(Default)]
pub struct Origins(HashMap<(i32, i64), Origin>);

impl Origins {
    /// Keeps in mind where a record came from.
    pub fn note(&mut self, message: &BorrowedMessage<'_>) {
        let Some(headers) = message.headers() else { return };
        let mut origin = Origin::default();
        for header in headers.iter() {
            if let Some(at) = TOLD.iter().position(|(_, theirs)| *theirs == header.key) {
                origin[at] = header.value.map(|value| String::from_utf8_lossy(value).into_owned());
            }
        }
        self.0.insert((message.partition(), message.offset()), origin);
    }

    /// Tells the dead letters of the batch where their records came from, and forgets it.
    pub fn tell(&mut self, records: &mut [Outgoing]) {
        if self.0.is_empty() {
            return;
        }
        for letter in records.iter_mut().filter(|record| record.target == Target::DeadLetters) {
            let number = |name: &str| letter.headers.iter().find(|(header, _)| *header == name).and_then(|(_, value)| value.parse().ok());
            let Some(origin) = number("offset").and_then(|offset| self.0.get(&(letter.partition, offset))) else { continue };
            for ((name, _), value) in TOLD.iter().zip(origin) {
                if let (Some(header), Some(value)) = (letter.headers.iter_mut().find(|(header, _)| header == name), value) {
                    header.1.clone_from(value);
                }
            }
        }
        self.0.clear();
    }

    /// The batch at hand is given up.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_names_the_record_it_was_republished_from_and_another_stays_as_it_is() {
        let letter = |offset: &str| Outgoing {
            target: Target::DeadLetters,
            partition: 1,
            key: None,
            payload: None,
            headers: [("reason", "empty"), ("topic", "ours"), ("partition", "1"), ("offset", offset), ("size", "0")]
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec(),
        };
        let mut origins = Origins::default();
        origins.0.insert((1, 5), [Some("bus".into()), Some("7".into()), Some("70".into()), None]);
        let mut records = vec![letter("5"), letter("6")];
        origins.tell(&mut records);
        let values = |record: &Outgoing| record.headers.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
        assert_eq!(values(&records[0]), ["empty", "bus", "7", "70", "0"]);
        assert_eq!(values(&records[1]), ["empty", "ours", "1", "6", "0"]);
        assert!(origins.0.is_empty());
    }
}
