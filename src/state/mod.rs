//! What survives: the record formats of the shop log and of the session changelog, and snapshots of the shop.
//!
//! Invariant: a record is read back exactly as it was written, or refused with the reason. Every record is
//! framed: one byte of format version, four of CRC-32 (little endian) over the rest, then the body in postcard's
//! wire format (its specification is stable since 1.0). A body changes by a new version, or by new members at
//! the end of an enum; readers refuse what is newer than they are.

mod session_record;
mod shop_record;
pub mod snapshot;

pub use session_record::{decode_session, encode_session};
pub use shop_record::{Header, RECORD_BYTES_MAX, ShopRecord, encode_records};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a record can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// Too short to be a record.
    #[error("it is cut off after {0} bytes")]
    CutOff(usize),
    /// Written by a version that came later.
    #[error("its format is version {0}, and this program reads {1}; upgrade Offerstream")]
    Newer(u8, u8),
    /// Written by a development version that is read no more.
    #[error("its format is version {0}, and this program reads {1}; delete our two state topics and create them anew")]
    Older(u8, u8),
    /// Its bytes are not those that were written.
    #[error("its checksum is wrong: it was damaged")]
    Damaged,
    /// Its body is not of this format.
    #[error("its body can't be read: {0}")]
    Malformed(String),
}

const FRAME_BYTES: usize = 5;

fn to_frame(version: u8, body: &impl Serialize) -> Vec<u8> {
    let mut frame = vec![0; FRAME_BYTES];
    frame[0] = version;
    // Serializing plain data into memory has no way to fail.
    let mut frame = postcard::to_extend(body, frame).unwrap_or_default();
    let checksum = crc32fast::hash(&frame[FRAME_BYTES..]);
    frame[1..FRAME_BYTES].copy_from_slice(&checksum.to_le_bytes());
    frame
}

fn from_frame<T: DeserializeOwned>(version: u8, frame: &[u8]) -> Result<T, BadRecord> {
    let Some((head, body)) = frame.split_at_checked(FRAME_BYTES) else { return Err(BadRecord::CutOff(frame.len())) };
    if head[0] > version {
        return Err(BadRecord::Newer(head[0], version));
    }
    if (1..version).contains(&head[0]) {
        return Err(BadRecord::Older(head[0], version));
    }
    if head[0] == 0 || head[1..] != crc32fast::hash(body).to_le_bytes() {
        return Err(BadRecord::Damaged);
    }
    postcard::from_bytes(body).map_err(|error| BadRecord::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_is_refused_when_cut_newer_older_or_damaged() {
        type Body = (u32, String);
        let frame = to_frame(2, &(7_u32, "text"));
        assert_eq!(from_frame::<Body>(2, &frame), Ok((7, "text".to_owned())));
        assert_eq!(from_frame::<Body>(2, &frame[..3]), Err(BadRecord::CutOff(3)));
        assert_eq!(from_frame::<Body>(1, &frame), Err(BadRecord::Newer(2, 1)));
        assert_eq!(from_frame::<Body>(3, &frame), Err(BadRecord::Older(2, 3)));
        for at in 1..frame.len() {
            let mut damaged = frame.clone();
            damaged[at] ^= 1;
            assert_eq!(from_frame::<Body>(2, &damaged), Err(BadRecord::Damaged), "byte {at}");
        }
        assert!(matches!(from_frame::<Body>(2, &to_frame(2, &7_u32)), Err(BadRecord::Malformed(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = ShopRecord::decode(&bytes);
            let _ = decode_session(&bytes);
            // With a frame that fits, the body is what is put to the test.
            let mut framed = vec![shop_record::VERSION, 0, 0, 0, 0];
            framed.extend(&bytes);
            let checksum = crc32fast::hash(&bytes).to_le_bytes();
            framed[1..5].copy_from_slice(&checksum);
            let _ = ShopRecord::decode(&framed);
            framed[0] = session_record::VERSION;
            let _ = decode_session(&framed);
        }
    }
}
