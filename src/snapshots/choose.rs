//! Which snapshot fits the log at hand, and which are deleted. Pure: no store, no broker.
//!
//! Invariant: what belongs to another topic is never used and never deleted.

use super::store::Entry;
use crate::state::snapshot::SnapshotHead;

/// The shop log as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRange {
    /// Its topic.
    pub topic: String,
    /// The half-life of this program's settings.
    pub half_life_ms: i64,
    /// The first offset that is still there.
    pub start: i64,
    /// One past the last, uncommitted records included.
    pub end: i64,
}

/// Why a snapshot can't be used with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Another shop's.
    #[error("it belongs to topic {0}")]
    OtherTopic(String),
    /// Its weights decay otherwise.
    #[error("it was taken with ranking.half_life = {0} ms, and the setting is {1} ms")]
    OtherHalfLife(i64, i64),
    /// What follows it is gone.
    #[error("it ends before offset {0}, and the log begins at {1}: what is between them is gone")]
    BeforeLog(i64, i64),
    /// The log was made anew.
    #[error("it ends before offset {0}, and the log has only {1}: the topic was made anew")]
    BeyondLog(i64, i64),
    /// The log was made anew, and has come further since.
    #[error("its last record, at offset {0}, is another than the log has there: the topic was made anew")]
    OtherRecord(i64),
}

/// Whether a snapshot fits the log, as far as its head tells. The record that has to be compared with the log's, where
/// the log has it still: its offset and the checksum of its value.
///
/// # Errors
/// Why it does not fit.
pub fn fits(head: &SnapshotHead, log: &LogRange) -> Result<Option<(i64, u32)>, Unfit> {
    if head.topic != log.topic {
        return Err(Unfit::OtherTopic(head.topic.clone()));
    }
    if head.half_life_ms != log.half_life_ms {
        return Err(Unfit::OtherHalfLife(head.half_life_ms, log.half_life_ms));
    }
    if head.next_offset > log.end {
        return Err(Unfit::BeyondLog(head.next_offset, log.end));
    }
    if head.next_offset < log.start {
        return Err(Unfit::BeforeLog(head.next_offset, log.start));
    }
    Ok(head.last_record.filter(|(offset, _)| *offset >= log.start))
}

/// What a snapshot's head tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It belongs to our shop log.
    Ours,
    /// It belongs to another topic.
    Foreign,
    /// The store does not say, or a later version wrote it: it may be anybody's.
    Unknown,
    /// Damaged, or of a version that nobody reads any more.
    Unreadable,
}

/// A snapshot that was looked at.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Where it is.
    pub entry: Entry,
    /// Whose it is.
    pub kind: Kind,
}

/// The names to delete, so that `kept` of ours are left: those that were written before them. By time, not by offset: a
/// topic that was made anew begins at 0 again.
#[must_use]
pub fn to_delete(mut looked: Vec<Looked>, kept: usize) -> Vec<String> {
    looked.sort_by_key(|one| std::cmp::Reverse((one.entry.modified_ms, one.entry.next_offset)));
    let (mut ours, mut names) = (0, Vec::new());
    for one in looked {
        if ours >= kept && matches!(one.kind, Kind::Ours | Kind::Unreadable) {
            names.push(one.entry.name);
        } else if one.kind == Kind::Ours {
            ours += 1;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshots::name_of;

    fn head(next_offset: i64) -> SnapshotHead {
        SnapshotHead {
            topic: "shop".into(),
            next_offset,
            last_record: Some((next_offset - 2, 7)),
            taken_at_ms: 1_700_000_000_000,
            half_life_ms: 90,
        }
    }

    fn log(start: i64, end: i64) -> LogRange {
        LogRange { topic: "shop".into(), half_life_ms: 90, start, end }
    }

    #[test]
    fn a_snapshot_within_the_log_is_compared_by_its_last_record() {
        assert_eq!(fits(&head(50), &log(0, 100)), Ok(Some((48, 7))));
        assert_eq!(fits(&head(100), &log(0, 100)), Ok(Some((98, 7))));
        // That of an empty shop has none.
        assert_eq!(fits(&SnapshotHead { last_record: None, ..head(0) }, &log(0, 0)), Ok(None));
    }

    #[test]
    fn where_the_log_is_cut_up_to_the_snapshot_there_is_nothing_to_compare_and_it_is_used() {
        assert_eq!(fits(&head(50), &log(50, 100)), Ok(None));
        assert_eq!(fits(&head(50), &log(49, 100)), Ok(None));
        assert_eq!(fits(&head(50), &log(48, 100)), Ok(Some((48, 7))));
    }

    #[test]
    fn what_does_not_belong_to_the_log_is_passed_over_with_the_reason() {
        let line = |head: &SnapshotHead, log: &LogRange| fits(head, log).unwrap_err().to_string();
        insta::assert_snapshot!(line(&head(50), &log(51, 100)), @"it ends before offset 50, and the log begins at 51: what is between them is gone");
        insta::assert_snapshot!(line(&head(101), &log(0, 100)), @"it ends before offset 101, and the log has only 100: the topic was made anew");
        insta::assert_snapshot!(line(&SnapshotHead { topic: "other".into(), ..head(50) }, &log(0, 100)), @"it belongs to topic other");
        insta::assert_snapshot!(line(&SnapshotHead { half_life_ms: 30, ..head(50) }, &log(0, 100)), @"it was taken with ranking.half_life = 30 ms, and the setting is 90 ms");
    }

    fn looked(next_offset: i64, modified_ms: i64, kind: Kind) -> Looked {
        Looked { entry: Entry { name: name_of(next_offset), next_offset, bytes: 1, modified_ms }, kind }
    }

    #[test]
    fn the_newest_are_kept_by_time_and_another_shops_are_left_alone() {
        use Kind::{Foreign, Ours, Unknown, Unreadable};
        let all = vec![
            looked(900, 1, Ours), // of the topic before it was made anew
            looked(10, 2, Ours),
            looked(15, 3, Foreign),
            looked(17, 3, Unknown),
            looked(20, 4, Ours),
            looked(25, 5, Unreadable),
            looked(30, 6, Ours),
        ];
        assert_eq!(to_delete(all.clone(), 2), [name_of(10), name_of(900)]);
        assert_eq!(to_delete(all.clone(), 1), [name_of(25), name_of(20), name_of(10), name_of(900)]);
        assert_eq!(to_delete(all, 4), Vec::<String>::new());
    }
}
