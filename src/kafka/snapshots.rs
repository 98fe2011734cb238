//! The thread that takes snapshots of the shop in the background.
//!
//! Invariant: whatever goes wrong here is a warning, a count, and another try at the next interval: the stream neither
//! stops nor ends for it. Several instances share one store: whose turn comes first writes, the others find its
//! snapshot and wait for the next interval; where two write at once, both snapshots are right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::freezes::{Asking, Frozen};
use super::shop_peek::Peek;
use super::shop_restore::Restored;
use crate::clock;
use crate::config::Config;
use crate::metrics::{Metrics, SnapshotOutcome};
use crate::snapshots::{Entry, Kind, LogRange, Looked, Store, fits, name_of, to_delete};
use crate::state::snapshot::{BadSnapshot, SnapshotHead, read_snapshot_head, write_snapshot};

/// How often it is looked whether a snapshot is due.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What a writer left that has not written for so long is cleaned up.
const LEFTOVER_AFTER: Duration = Duration::from_secs(3_600);
/// Instances look at the store one after the other, spread over this share of the interval.
const SPREAD: i64 = 5;

/// Takes snapshots.
pub struct Snapshots {
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    stop: Arc<AtomicBool>,
    asking: Asking,
    /// The newest that is known to fit the log.
    newest: Option<SnapshotHead>,
    store: Option<Store>,
    peek: Option<Peek>,
}

/// What is in the store.
struct InStore {
    looked: Vec<Looked>,
    /// The newest by time of those that fit the log.
    newest: Option<SnapshotHead>,
}

impl Snapshots {
    /// A thread's work that has not begun; `restored` is what the shop was restored from.
    #[must_use]
    pub fn new(config: Arc<Config>, metrics: Arc<Metrics>, stop: Arc<AtomicBool>, asking: Asking, restored: &Restored) -> Self {
        metrics.snapshots_kept(config.state.snapshot_interval.0);
        (0..restored.passed_over).for_each(|_| metrics.snapshot(SnapshotOutcome::PassedOver));
        let newest = restored.snapshot.clone();
        let (until_ms, next_offset) = newest.as_ref().map_or((0, 0), |head| (head.taken_at_ms, head.next_offset));
        metrics.snapshot_newest(until_ms, next_offset);
        Self { config, metrics, stop, asking, newest, store: None, peek: None }
    }

    /// Takes snapshots until told to stop.
    pub fn run(mut self) {
        let interval_ms = self.config.state.snapshot_interval.0;
        let spread_ms = spread_ms(&self.config.kafka.instance_id, interval_ms);
        let mut due_ms = self.newest.as_ref().map_or(0, |head| head.taken_at_ms + interval_ms).max(clock::unix_ms()) + spread_ms;
        // A snapshot that claims to be of the future says nothing of when the next is due.
        due_ms = due_ms.min(clock::unix_ms() + interval_ms + spread_ms);
        while self.go_on() {
            if clock::unix_ms() < due_ms {
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            let now_ms = clock::unix_ms();
            let taken_at_ms = match self.turn(now_ms) {
                Ok(outcome) => {
                    self.metrics.snapshot(outcome);
                    if outcome == SnapshotOutcome::Skipped { self.newest.as_ref().map_or(now_ms, |head| head.taken_at_ms) } else { now_ms }
                }
                Err(_) if !self.go_on() => return,
                Err(error) => {
                    tracing::warn!("no snapshot was taken, and is tried again in {} s: {error:#}", interval_ms / 1_000);
                    self.metrics.snapshot(SnapshotOutcome::Failed);
                    // It is opened anew: what was wrong may be the connection.
                    (self.store, self.peek) = (None, None);
                    now_ms
                }
            };
            due_ms = taken_at_ms.min(clock::unix_ms()) + interval_ms + spread_ms;
        }
    }

    /// One interval's turn.
    fn turn(&mut self, now_ms: i64) -> Result<SnapshotOutcome> {
        let (store, peek) = (self.open_store()?, self.open_peek()?);
        let done = self.turn_with(&store, &peek, now_ms);
        (self.store, self.peek) = (Some(store), Some(peek));
        done
    }

    fn turn_with(&mut self, store: &Store, peek: &Peek, now_ms: i64) -> Result<SnapshotOutcome> {
        let stop = Arc::clone(&self.stop);
        let go_on = move || !stop.load(Ordering::Relaxed);
        let range = peek.range(&go_on)?;
        let InStore { looked, newest } = look(store, &range)?;
        let interval_ms = self.config.state.snapshot_interval.0;
        if let Some(newest) = newest {
            self.metrics.snapshot_newest(newest.taken_at_ms, newest.next_offset);
            let is_fresh = (now_ms - newest.taken_at_ms).abs() < interval_ms;
            let has_all = newest.next_offset >= peek.stable_end()?;
            let next_offset = newest.next_offset;
            self.newest = Some(newest);
            if has_all {
                self.metrics.snapshot_newest(now_ms, next_offset);
            }
            if is_fresh || has_all {
                return Ok(if is_fresh { SnapshotOutcome::Skipped } else { SnapshotOutcome::Unchanged });
            }
        } else if range.end == 0 {
            self.metrics.snapshot_newest(now_ms, 0);
            return Ok(SnapshotOutcome::Unchanged);
        }
        let frozen = self.asking.freeze(&go_on).ok_or_else(|| anyhow!("the shop log's thread has ended"))?;
        self.metrics.snapshot_frozen(frozen.took);
        if frozen.at.last_record.is_none() && frozen.at.next_offset == 0 {
            // What is in the log is not committed yet.
            return Ok(SnapshotOutcome::Unchanged);
        }
        self.write(store, peek, frozen, &looked, &go_on)?;
        self.tidy(store, &range);
        Ok(SnapshotOutcome::Written)
    }

    fn write(&mut self, store: &Store, peek: &Peek, frozen: Frozen, looked: &[Looked], go_on: &dyn Fn() -> bool) -> Result<()> {
        let started = clock::now();
        let Frozen { shop, at, .. } = frozen;
        let head = SnapshotHead {
            topic: self.config.kafka.shop_topic.clone(),
            // Markers of transactions follow the last record. Once retention has taken all records, the log begins
            // after them, and a snapshot that ends before them would seem to miss something.
            next_offset: peek.end_if_nothing_follows(at.next_offset)?.unwrap_or(at.next_offset),
            last_record: at.last_record,
            taken_at_ms: clock::unix_ms(),
            half_life_ms: self.config.engine.ranking.half_life.0,
        };
        let name = name_of(head.next_offset);
        if looked.iter().any(|one| one.kind == Kind::Foreign && one.entry.name == name) {
            return Err(anyhow!("{} has a {name} of another topic: give each shop a place of its own", store.place()));
        }
        let bytes = store.put(&name, go_on, |out| write_snapshot(&head, shop, out))?;
        let seconds = started.elapsed();
        tracing::info!("snapshot {name} is written to {}: {bytes} bytes in {:.1} s", store.place(), seconds.as_secs_f32());
        self.metrics.snapshot_written(bytes, seconds);
        self.metrics.snapshot_newest(head.taken_at_ms, head.next_offset);
        self.newest = Some(head);
        Ok(())
    }

    /// Deletes what is too old, and what killed writers left. That it fails harms nobody but the disk.
    fn tidy(&self, store: &Store, range: &LogRange) {
        let tidied = look(store, range).and_then(|InStore { looked, .. }| {
            for name in to_delete(looked, self.config.state.snapshots_kept) {
                store.delete(&name)?;
                tracing::debug!("snapshot {name} is deleted");
            }
            store.clean(LEFTOVER_AFTER)
        });
        match tidied {
            Ok(0) => {}
            Ok(cleaned) => tracing::info!("{cleaned} unfinished snapshots of killed writers were taken away from {}", store.place()),
            Err(error) => tracing::warn!("old snapshots stay where they are: {error:#}"),
        }
    }

    fn open_store(&mut self) -> Result<Store> {
        self.store.take().map_or_else(|| Store::open(&self.config.state.snapshot_url), Ok)
    }

    fn open_peek(&mut self) -> Result<Peek> {
        self.peek.take().map_or_else(|| Peek::open(&self.config), Ok)
    }

    fn go_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

/// Reads the head of every snapshot that is there.
fn look(store: &Store, range: &LogRange) -> Result<InStore> {
    let (mut looked, mut newest): (Vec<Looked>, Option<SnapshotHead>) = (Vec::new(), None);
    for entry in store.list()? {
        let (kind, head) = kind_of(store, &entry, range)?;
        looked.push(Looked { entry, kind });
        if let Some(head) = head.filter(|head| fits(head, range).is_ok())
            && newest.as_ref().is_none_or(|newest| newest.taken_at_ms < head.taken_at_ms)
        {
            newest = Some(head);
        }
    }
    Ok(InStore { looked, newest })
}

fn kind_of(store: &Store, entry: &Entry, range: &LogRange) -> Result<(Kind, Option<SnapshotHead>)> {
    let mut input = match store.get(&entry.name) {
        Ok(input) => input,
        // Another instance has deleted it meanwhile, or the store does not answer.
        Err(_) => return Ok((Kind::Unknown, None)),
    };
    Ok(match read_snapshot_head(&mut input) {
        Ok(head) if head.topic == range.topic => (Kind::Ours, Some(head)),
        Ok(_) => (Kind::Foreign, None),
        Err(BadSnapshot::Newer(..) | BadSnapshot::Unreadable(_)) => (Kind::Unknown, None),
        Err(_) => (Kind::Unreadable, None),
    })
}

/// How much later than others an instance looks at the store.
fn spread_ms(instance_id: &str, interval_ms: i64) -> i64 {
    let sides = (interval_ms / SPREAD).max(1);
    i64::from(crc32fast::hash(instance_id.as_bytes())) % sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_look_at_the_store_at_times_of_their_own_within_a_fifth_of_the_interval() {
        let spread: std::collections::BTreeSet<i64> = (0..20).map(|n| spread_ms(&format!("offerstream-{n}"), 600_000)).collect();
        assert!(spread.len() == 20 && spread.iter().all(|ms| (0..120_000).contains(ms)), "{spread:?}");
        assert_eq!(spread_ms("one", 1), 0);
    }
}
