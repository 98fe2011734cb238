//! What stands around a payload: the record it came in, or an envelope.
//!
//! Invariant: it fills in what the payload itself does not say, and overrules nothing.

use std::fmt;

use compact_str::format_compact;

use super::{EventType, ID_BYTES_MAX, Id, Timestamp};

/// The headers of a record.
pub trait Headers {
    /// The value of the first header of that name, whose letters' case does not matter.
    fn header(&self, name: &str) -> Option<&[u8]>;
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Headers for &[(K, V)] {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(key, _)| key.as_ref().eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }
}

/// What stands around a payload.
#[derive(Clone, Default)]
pub struct Around<'a> {
    /// The record's headers, where it has any.
    pub headers: Option<&'a dyn Headers>,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// When the record was written: the time of an event whose format lets its sender leave it out.
    pub written_at: Option<Timestamp>,
    /// The envelope's id and time, and the type of event that it names.
    pub(super) event_id: Option<Id>,
    pub(super) ts: Option<Timestamp>,
    pub(super) kind: Option<EventType>,
    /// The payload was taken out of an envelope.
    pub(super) is_inside: bool,
}

impl<'a> Around<'a> {
    /// What a record has.
    #[must_use]
    pub fn of(headers: Option<&'a dyn Headers>, key: Option<&'a [u8]>, written_at: Option<Timestamp>) -> Self {
        Self { headers, key, written_at, ..Self::default() }
    }

    /// A header as text; `None` where it is not there, empty, or not UTF-8.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        let value = self.headers?.header(name)?;
        std::str::from_utf8(value).ok().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The time of an event that does not say it.
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.ts.or(self.written_at)
    }

    /// The id of the event at that place of a record with `count` of them: an id tells one event from all others.
    pub(super) fn event_id_at(&self, place: usize, count: usize) -> Option<Id> {
        let id = self.event_id.clone()?;
        Some(if count == 1 { id } else { numbered(&id, place) })
    }
}

/// An id of its own for one of several events that came under the same one.
pub(super) fn numbered(id: &str, place: usize) -> Id {
    joined(id, &format!("#{place}"))
}

/// An id made of two texts, the second of them short; the first is cut where both are too long for an id.
pub(super) fn joined(first: &str, second: &str) -> Id {
    let mut end = first.len().min(ID_BYTES_MAX.saturating_sub(second.len()));
    while !first.is_char_boundary(end) {
        end -= 1;
    }
    format_compact!("{}{second}", &first[..end])
}

impl fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around").field("key", &self.key).field("written_at", &self.written_at).finish_non_exhaustive()
    }
}
