//! A frozen shop into blocks.

use std::io::{self, Write};

use super::SnapshotHead;
use super::block::{Blocks, Kind};
use crate::engine::frozen::{Entry, FrozenShop};

/// A block is closed once its body is this long: large enough to compress well, small enough to be shared out.
const BODY_BYTES: usize = 512 << 10;

/// Writes a snapshot. Each part of the frozen shop is let go as soon as it is written.
///
/// # Errors
/// What the writer fails with.
pub fn write_snapshot(head: &SnapshotHead, shop: FrozenShop, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = Writer { blocks: Blocks::begin(head, out)?, kind: Kind::Ordered, body: Vec::with_capacity(BODY_BYTES), entries: 0 };
    shop.hand_out(&mut |entry| writer.put(&entry))?;
    writer.close_block()?;
    let entries = postcard::to_stdvec(&writer.entries).map_err(io::Error::other)?;
    writer.blocks.write(Kind::Last, &entries)?;
    writer.blocks.flush()
}

struct Writer<'a> {
    blocks: Blocks<'a>,
    kind: Kind,
    body: Vec<u8>,
    entries: u64,
}

impl Writer<'_> {
    fn put(&mut self, entry: &Entry) -> io::Result<()> {
        let kind = if entry.is_free() { Kind::Free } else { Kind::Ordered };
        if kind != self.kind || self.body.len() >= BODY_BYTES {
            self.close_block()?;
            self.kind = kind;
        }
        self.body = postcard::to_extend(entry, std::mem::take(&mut self.body)).map_err(io::Error::other)?;
        self.entries += 1;
        Ok(())
    }

    fn close_block(&mut self) -> io::Result<()> {
        if !self.body.is_empty() {
            self.blocks.write(self.kind, &self.body)?;
            self.body.clear();
        }
        Ok(())
    }
}
