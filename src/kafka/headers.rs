//! Headers of a record, as decoders ask for them.
//!
//! Invariant: lent by the record; nothing is copied but by whoever keeps it.

use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Message, OwnedHeaders};

use crate::event::Headers;

/// A record's headers.
pub struct RecordHeaders<'a, H>(&'a H);

impl<'a> RecordHeaders<'a, BorrowedHeaders> {
    /// Those of a record that has any.
    pub fn of(message: &'a BorrowedMessage<'_>) -> Option<Self> {
        message.headers().map(Self)
    }
}

impl<'a> RecordHeaders<'a, OwnedHeaders> {
    /// Those of a record that was kept.
    pub fn of_owned(headers: &'a OwnedHeaders) -> Self {
        Self(headers)
    }
}

impl<H: rdkafka::message::Headers> Headers for RecordHeaders<'_, H> {
    fn header(&self, name: &str) -> Option<&[u8]> {
        let index = (0..self.0.count()).find(|at| self.0.get(*at).key.eq_ignore_ascii_case(name))?;
        self.0.get(index).value
    }
}
