//! Blocks back into a shop.
//!
//! Ordered blocks are read one after the other. Free ones, which is nearly all there is, are shared out to two threads,
//! so that a large shop is there in a second or two.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use super::block::{Block, Kind, is_at_end, read_block, read_head};
use super::{BadSnapshot, SnapshotHead, VERSION};
use crate::engine::frozen::{Entry, Thaw};
use crate::engine::shop::Shop;

/// Threads that read free blocks.
const THREADS: usize = 2;
/// Blocks that wait for them.
const BLOCKS_WAITING: usize = 4;

/// Reads where a snapshot belongs, and no further.
///
/// # Errors
/// Why it can't be read.
pub fn read_snapshot_head(input: &mut dyn Read) -> Result<SnapshotHead, BadSnapshot> {
    read_head(input, VERSION)
}

/// Fills an empty shop; where it fails, the shop is left empty. What the shop's catalogue gave stays in both cases.
///
/// # Errors
/// Why it can't be read.
pub fn read_snapshot(input: &mut dyn Read, shop: &Shop) -> Result<SnapshotHead, BadSnapshot> {
    let head = read_head(input, VERSION)?;
    let mut thaw = shop.thaw();
    let read = read_entries(input, &mut thaw).and_then(|()| thaw.finish().map_err(malformed));
    if let Err(error) = read {
        shop.clear();
        return Err(error);
    }
    Ok(head)
}

fn read_entries(input: &mut dyn Read, thaw: &mut Thaw<'_>) -> Result<(), BadSnapshot> {
    let (mut number, mut entries) = (0, 0);
    let mut next = |input: &mut dyn Read| {
        let block = read_block(input, number);
        number += 1;
        block
    };
    let mut block = next(input)?;
    while block.kind == Kind::Ordered {
        entries += for_each_entry(&block, |entry| thaw.ordered(entry).map_err(malformed))?;
        block = next(input)?;
    }
    let (told, free) = share_out(thaw, block, || next(input))?;
    if told != entries + free {
        return Err(BadSnapshot::Malformed("it has not the entries that it tells of".into()));
    }
    if is_at_end(input)? { Ok(()) } else { Err(BadSnapshot::Malformed("something follows its end".into())) }
}

/// Reads free blocks up to the last; how many entries that tells of, and how many were read.
fn share_out(thaw: &Thaw<'_>, first: Block, next: impl FnMut() -> Result<Block, BadSnapshot>) -> Result<(u64, u64), BadSnapshot> {
    thread::scope(|scope| {
        let (give, take) = mpsc::sync_channel::<Block>(BLOCKS_WAITING);
        // Only the threads hold it: once both have given up, giving fails.
        let take = Arc::new(Mutex::new(take));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let take = Arc::clone(&take);
                scope.spawn(move || read_free(thaw, &take))
            })
            .collect();
        drop(take);
        let last = give_out(&give, first, next);
        drop(give);
        let mut entries = 0;
        for thread in threads {
            // A panic in any thread ends the process; here it would be seen as an error first.
            entries += thread.join().map_err(|_| BadSnapshot::Malformed("a thread that read it failed".into()))??;
        }
        let last = last?;
        Ok((last.ok_or(BadSnapshot::CutOff)?, entries))
    })
}

/// Gives blocks to the threads up to the last, which tells the number of entries; none if the threads gave up.
fn give_out(
    give: &mpsc::SyncSender<Block>,
    first: Block,
    mut next: impl FnMut() -> Result<Block, BadSnapshot>,
) -> Result<Option<u64>, BadSnapshot> {
    let mut block = first;
    loop {
        match block.kind {
            Kind::Last => return postcard::from_bytes(&block.body()?).map(Some).map_err(malformed),
            Kind::Ordered => return Err(BadSnapshot::Malformed("its blocks are out of order".into())),
            Kind::Free if give.send(block).is_err() => return Ok(None),
            Kind::Free => block = next()?,
        }
    }
}

fn read_free(thaw: &Thaw<'_>, take: &Mutex<mpsc::Receiver<Block>>) -> Result<u64, BadSnapshot> {
    let mut entries = 0;
    loop {
        let block = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(block) = block else { return Ok(entries) };
        entries += for_each_entry(&block, |entry| thaw.free(entry).map_err(malformed))?;
    }
}

fn for_each_entry(block: &Block, mut take: impl FnMut(Entry) -> Result<(), BadSnapshot>) -> Result<u64, BadSnapshot> {
    let body = block.body()?;
    let (mut rest, mut entries) = (&body[..], 0);
    while !rest.is_empty() {
        let (entry, after) = postcard::take_from_bytes::<Entry>(rest).map_err(malformed)?;
        take(entry)?;
        (rest, entries) = (after, entries + 1);
    }
    Ok(entries)
}

fn malformed(error: impl std::fmt::Display) -> BadSnapshot {
    BadSnapshot::Malformed(error.to_string())
}
