//! How many bytes of memory things take: a model of the allocator, not a question to it.
//!
//! Invariant: a figure is a function of what is held, never of how it came to be held or of the machine. So what is
//! evicted for want of memory follows from the shop log, and instances agree; after a snapshot, too. The model is that
//! of a 64-bit allocator with blocks of 16 bytes, and of tables and lists that double; `just memory` holds it against
//! the memory of a real process.

use std::collections::BinaryHeap;

use compact_str::CompactString;

use crate::event::Id;

/// A text of up to so many bytes is held in place.
const TEXT_IN_PLACE: usize = size_of::<CompactString>();
/// A tree's leaf has room for so many entries, and is two thirds full.
const LEAF: usize = 11;

/// What an allocation of so many bytes takes.
#[must_use]
pub const fn block(bytes: usize) -> usize {
    if bytes == 0 {
        return 0;
    }
    let rounded = (bytes + 8).next_multiple_of(16);
    if rounded < 32 { 32 } else { rounded }
}

/// What a text takes beside its place.
#[must_use]
pub fn text(text: &str) -> usize {
    if text.len() <= TEXT_IN_PLACE { 0 } else { block(text.len().max(TEXT_IN_PLACE + 8)) }
}

/// What a text that may be absent takes beside its place.
#[must_use]
pub fn maybe(text_or_none: Option<&CompactString>) -> usize {
    text_or_none.map_or(0, |known| text(known))
}

/// What a list of `length` things of type `T` takes, beside their own.
#[must_use]
pub const fn list<T>(length: usize) -> usize {
    if length == 0 {
        return 0;
    }
    let room = length.next_power_of_two();
    block(if room < 4 { 4 } else { room } * size_of::<T>())
}

/// What `length` places of a table take, each of `place` bytes: a table is between 7/16 and 7/8 full, and it is not
/// told which, since that depends on how full it ever was.
#[must_use]
pub const fn table(length: usize, place: usize) -> usize {
    length * (place + 1) * 8 / 5
}

/// What a tree of `length` entries takes, each of `entry` bytes.
#[must_use]
pub const fn tree(length: usize, entry: usize) -> usize {
    if length == 0 {
        return 0;
    }
    let leaf = block(LEAF * entry + 16);
    // An inner node has a leaf's places and twelve pointers, and there is one for seven leaves.
    if length <= LEAF { leaf } else { (length * 3 / (LEAF * 2) + 1) * (leaf + (leaf + 96) / 7) }
}

/// What an entry holds on the heap.
pub trait Heap {
    /// So many bytes, beside its own place.
    fn heap(&self) -> usize;
}

/// The hundredth that goes when there is no more room; never nobody.
#[must_use]
pub fn hundredth(entries: usize) -> usize {
    (entries / 100).max(1)
}

/// The `count` keys of least rank, ties by key, the least first. `scan` tells every entry: one walk, and of what stays
/// hardly anything is copied.
pub fn least<K: Ord + Copy>(count: usize, scan: impl FnOnce(&mut dyn FnMut(K, &Id))) -> Vec<Id> {
    let mut found: BinaryHeap<(K, Id)> = BinaryHeap::new();
    scan(&mut |rank, key| {
        if found.len() < count {
            found.push((rank, key.clone()));
        } else if let Some(mut last) = found.peek_mut().filter(|last| (rank, key) < (last.0, &last.1)) {
            *last = (rank, key.clone());
        }
    });
    found.into_sorted_vec().into_iter().map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_are_those_of_least_rank_and_of_equals_the_first_by_key() {
        let entries: Vec<(u32, Id)> = [(3, "a"), (1, "d"), (2, "c"), (2, "b"), (9, "e")].map(|(rank, id)| (rank, id.into())).into();
        let scan = |tell: &mut dyn FnMut(u32, &Id)| entries.iter().for_each(|(rank, id)| tell(*rank, id));
        assert_eq!(least(1, scan), ["d"]);
        assert_eq!(least(2, scan), ["d", "b"]);
        assert_eq!(least(3, scan), ["d", "b", "c"]);
        assert_eq!((least(0, scan).len(), least(99, scan).len()), (0, 5));
    }

    #[test]
    fn a_text_takes_memory_of_its_own_once_it_is_long() {
        assert_eq!((text("a short id"), text(&"x".repeat(24)), text(&"x".repeat(36))), (0, 0, 48));
        assert_eq!((block(1), block(24), block(25), list::<u64>(0), list::<u64>(5)), (32, 32, 48, 0, 80));
    }
}
