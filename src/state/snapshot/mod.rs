//! A snapshot of the shop: all that the fold of the shop log knows at one place of it, in one file.
//!
//! ```text
//! magic (8 bytes) | version (1) | head: length (4) crc (4) body | block | block | … | last block
//! block: kind (1) | length of its body (4) | length as stored (4) | crc (4) | stored bytes: zstd of the body
//! ```
//!
//! Numbers are little endian. A body holds whole entries, one after the other, in postcard's wire format
//! (see [`crate::engine::frozen::Entry`]); the last block's body tells how many there were. A checksum covers the block's
//! number, its kind, its lengths and its stored bytes: a block that is missing, twice there or in another's place is found.
//!
//! Invariant: the same state gives the same bytes. What is read is what was written, or the reader says why not and the
//! shop is empty. Neither side holds more than a few blocks beside the shop itself, and no length that is read is
//! believed beyond `BODY_BYTES_MAX`.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `block` | blocks out and in, with their checksums |
//! | `write`, `read` | entries into blocks, and back into a shop |

mod block;
mod read;
mod write;

use serde::{Deserialize, Serialize};

pub use read::{read_snapshot, read_snapshot_head};
pub use write::write_snapshot;

/// The version of the format that is written; no other is read.
const VERSION: u8 = 2;
/// What every snapshot begins with. The line feeds tell of a copy that took it for text.
const MAGIC: [u8; 8] = *b"OFS\r\n\x1a\nS";
/// The most that a block's body holds; a block is closed long before, so that one entry never needs more.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Where a snapshot belongs: written in front of all else, so that it can be read alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotHead {
    /// The topic of the shop log.
    pub topic: String,
    /// The first offset of it that is not in the snapshot.
    pub next_offset: i64,
    /// The last record that is in it, by its offset and the CRC-32 of its value: tells the log from another of that name.
    pub last_record: Option<(i64, u32)>,
    /// When it was taken, in milliseconds since 1970.
    pub taken_at_ms: i64,
    /// The half-life that its weights decay by, in milliseconds.
    pub half_life_ms: i64,
}

/// Why a snapshot can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSnapshot {
    /// Something else.
    #[error("it is no snapshot of Offerstream")]
    NotASnapshot,
    /// Written by a version that came later.
    #[error("its format is version {0}, and this program reads {1}; upgrade Offerstream")]
    Newer(u8, u8),
    /// Written by an earlier version that is read no more.
    #[error("its format is version {0}, and this program reads {1}; it can't be used any more")]
    Older(u8, u8),
    /// It ends too early.
    #[error("it is cut off")]
    CutOff,
    /// Its bytes are not those that were written.
    #[error("a checksum is wrong: it was damaged")]
    Damaged,
    /// Its body is not of this format.
    #[error("it can't be understood: {0}")]
    Malformed(String),
    /// The file or the store failed.
    #[error("it can't be read: {0}")]
    Unreadable(String),
}

#[cfg(test)]
mod tests;
