//! A session in the changelog: the newest record of a key is the session; a record without a value ends it.

use super::{BadRecord, from_frame, to_frame};
use crate::engine::session::Session;

/// A session as a changelog value.
#[must_use]
pub fn encode_session(session: &Session) -> Vec<u8> {
    to_frame(session)
}

/// A changelog value as a session.
///
/// # Errors
/// Says why the value can't be read.
pub fn decode_session(value: &[u8]) -> Result<Session, BadRecord> {
    from_frame(value)
}
