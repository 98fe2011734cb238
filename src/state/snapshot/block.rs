//! Blocks: framed, compressed, checked.
//!
//! Invariant: what a length says is bounded before anything is made room for, and memory grows with what is really there.

use std::io::{self, Read, Write};

use super::{BODY_BYTES_MAX, BadSnapshot, MAGIC, SnapshotHead, VERSION};

/// How hard is compressed: the first level, which reads back at more than 500 MB a second.
const ZSTD_LEVEL: i32 = 1;
/// A head that is longer is none.
const HEAD_BYTES_MAX: usize = 64 << 10;
const FRAME_BYTES: usize = 13;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing follows.
    Last = 0,
    /// Entries whose order matters.
    Ordered = 1,
    /// Entries that may be read in any order, after the ordered ones.
    Free = 2,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Last, Self::Ordered, Self::Free].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A block as it is stored, its checksum proven.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: Kind,
    body_bytes: usize,
    stored: Vec<u8>,
}

impl Block {
    /// Its body.
    pub(super) fn body(&self) -> Result<Vec<u8>, BadSnapshot> {
        let body = zstd::bulk::decompress(&self.stored, self.body_bytes).map_err(|error| BadSnapshot::Malformed(error.to_string()))?;
        if body.len() == self.body_bytes { Ok(body) } else { Err(BadSnapshot::Malformed("a block is shorter than it says".into())) }
    }
}

/// Writes blocks, each with its number.
pub(super) struct Blocks<'a> {
    out: &'a mut dyn Write,
    number: u32,
    compressor: zstd::bulk::Compressor<'static>,
    stored: Vec<u8>,
}

impl<'a> Blocks<'a> {
    /// Begins a snapshot: magic, version, head.
    pub(super) fn begin(head: &SnapshotHead, out: &'a mut dyn Write) -> io::Result<Self> {
        let body = postcard::to_stdvec(head).map_err(io::Error::other)?;
        if body.len() > HEAD_BYTES_MAX {
            return Err(io::Error::other("the head of the snapshot is too long"));
        }
        let length = (body.len() as u32).to_le_bytes();
        out.write_all(&MAGIC)?;
        out.write_all(&[VERSION])?;
        out.write_all(&length)?;
        out.write_all(&checksum(&[&length, &body]).to_le_bytes())?;
        out.write_all(&body)?;
        Ok(Self { out, number: 0, compressor: zstd::bulk::Compressor::new(ZSTD_LEVEL)?, stored: Vec::new() })
    }

    /// Writes a block.
    pub(super) fn write(&mut self, kind: Kind, body: &[u8]) -> io::Result<()> {
        if body.len() > BODY_BYTES_MAX {
            return Err(io::Error::other("an entry of the snapshot is too long"));
        }
        self.stored.clear();
        self.stored.reserve(zstd::zstd_safe::compress_bound(body.len()));
        self.compressor.compress_to_buffer(body, &mut self.stored)?;
        let lengths = lengths(body.len(), self.stored.len());
        let checksum = checksum(&[&self.number.to_le_bytes(), &[kind as u8], &lengths, &self.stored]);
        self.number += 1;
        self.out.write_all(&[kind as u8])?;
        self.out.write_all(&lengths)?;
        self.out.write_all(&checksum.to_le_bytes())?;
        self.out.write_all(&self.stored)
    }

    /// All is written.
    pub(super) fn flush(self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads magic, version and head.
pub(super) fn read_head(input: &mut dyn Read, version: u8) -> Result<SnapshotHead, BadSnapshot> {
    let mut magic = [0; MAGIC.len()];
    read_exact(input, &mut magic).map_err(|error| if error == BadSnapshot::CutOff { BadSnapshot::NotASnapshot } else { error })?;
    if magic != MAGIC {
        return Err(BadSnapshot::NotASnapshot);
    }
    let [found] = read_array(input)?;
    if found > version {
        return Err(BadSnapshot::Newer(found, version));
    }
    if found < version {
        return Err(BadSnapshot::Older(found, version));
    }
    let length: [u8; 4] = read_array(input)?;
    let checksum_of_it = u32::from_le_bytes(read_array(input)?);
    let bytes = u32::from_le_bytes(length) as usize;
    if bytes > HEAD_BYTES_MAX {
        return Err(BadSnapshot::Damaged);
    }
    let mut body = Vec::new();
    read_bytes(input, bytes, &mut body)?;
    if checksum(&[&length, &body]) != checksum_of_it {
        return Err(BadSnapshot::Damaged);
    }
    postcard::from_bytes(&body).map_err(|error| BadSnapshot::Malformed(format!("its head: {error}")))
}

/// Reads the block of that number.
pub(super) fn read_block(input: &mut dyn Read, number: u32) -> Result<Block, BadSnapshot> {
    let frame: [u8; FRAME_BYTES] = read_array(input)?;
    let word = |at: usize| u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
    let (body_bytes, stored_bytes) = (word(1) as usize, word(5) as usize);
    let Some(kind) = Kind::of(frame[0]) else { return Err(BadSnapshot::Damaged) };
    if body_bytes > BODY_BYTES_MAX || stored_bytes > zstd::zstd_safe::compress_bound(BODY_BYTES_MAX) {
        return Err(BadSnapshot::Damaged);
    }
    let mut stored = Vec::new();
    read_bytes(input, stored_bytes, &mut stored)?;
    if checksum(&[&number.to_le_bytes(), &frame[..1], &frame[1..9], &stored]) != word(9) {
        return Err(BadSnapshot::Damaged);
    }
    Ok(Block { kind, body_bytes, stored })
}

/// Whether nothing follows.
pub(super) fn is_at_end(input: &mut dyn Read) -> Result<bool, BadSnapshot> {
    match read_array::<1>(input) {
        Ok(_) => Ok(false),
        Err(BadSnapshot::CutOff) => Ok(true),
        Err(error) => Err(error),
    }
}

fn lengths(body: usize, stored: usize) -> [u8; 8] {
    let mut both = [0; 8];
    both[..4].copy_from_slice(&(body as u32).to_le_bytes());
    both[4..].copy_from_slice(&(stored as u32).to_le_bytes());
    both
}

fn checksum(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

fn read_array<const N: usize>(input: &mut dyn Read) -> Result<[u8; N], BadSnapshot> {
    let mut bytes = [0; N];
    read_exact(input, &mut bytes)?;
    Ok(bytes)
}

fn read_exact(input: &mut dyn Read, bytes: &mut [u8]) -> Result<(), BadSnapshot> {
    input.read_exact(bytes).map_err(unreadable)
}

/// Reads so many bytes; what is made room for is never much more than what is there.
fn read_bytes(input: &mut dyn Read, count: usize, bytes: &mut Vec<u8>) -> Result<(), BadSnapshot> {
    let read = input.take(count as u64).read_to_end(bytes).map_err(unreadable)?;
    if read == count { Ok(()) } else { Err(BadSnapshot::CutOff) }
}

fn unreadable(error: io::Error) -> BadSnapshot {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BadSnapshot::CutOff,
        _ => BadSnapshot::Unreadable(error.to_string()),
    }
}
