//! Restoring the shop: the newest snapshot that fits, then the log after it.
//!
//! Invariant: a snapshot is used only if its last record is the log's own, as far as the log still has it. One that
//! can't be used is passed over with a line that says why. Without a snapshot the log has to be whole: a shop that
//! forgot its first months in silence would be worse than one that does not start.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::shop_log::{Position, ShopLog};
use super::shop_peek::Peek;
use crate::clock;
use crate::config::Config;
use crate::engine::shop::Shop;
use crate::snapshots::{Entry, LogRange, Store, Unfit, fits};
use crate::state::snapshot::{SnapshotHead, read_snapshot, read_snapshot_head};

const LINE_EVERY: Duration = Duration::from_secs(5);
const SAY_EVERY: Duration = Duration::from_millis(250);

/// A shop that is restored.
pub struct Restored {
    /// The log, read to its end.
    pub log: ShopLog,
    /// The snapshot that it began with.
    pub snapshot: Option<SnapshotHead>,
    /// How many snapshots were passed over.
    pub passed_over: u64,
}

/// What a restore is told, and whom it tells.
pub struct Restoring<'a> {
    /// Settings.
    pub config: &'a Config,
    /// Whether to go on.
    pub go_on: &'a dyn Fn() -> bool,
    /// Told how far it is.
    pub say: &'a dyn Fn(&str),
}

/// Restores the whole shop once, as far as it is committed: for a command that looks at it.
///
/// # Errors
/// The broker does not answer, the log is cut and no snapshot fits, or a record can't be read.
pub fn read_shop(config: &Config) -> Result<Arc<Shop>> {
    let shop = Arc::new(Shop::new(&config.engine.limits));
    Peek::open(config)?.await_stable()?;
    Restoring { config, go_on: &|| true, say: &|_| {} }.restore(&shop)?;
    Ok(shop)
}

impl Restoring<'_> {
    /// Restores an empty shop; `None` when told to stop.
    ///
    /// # Errors
    /// The log is cut and no snapshot fits, or a record can't be read.
    pub fn restore(&self, shop: &Arc<Shop>) -> Result<Option<Restored>> {
        let peek = Peek::open(self.config)?;
        let range = match peek.range(self.go_on) {
            Err(_) if !(self.go_on)() => return Ok(None),
            range => range?,
        };
        let mut passed_over = 0;
        let snapshot = self.snapshot(&peek, &range, shop, &mut passed_over)?;
        if !(self.go_on)() {
            return Ok(None);
        }
        let at = snapshot.as_ref().map_or(Position { next_offset: range.start, last_record: None }, |head| Position {
            next_offset: head.next_offset,
            last_record: head.last_record,
        });
        let mut log = ShopLog::open(self.config, Arc::clone(shop), at)?;
        let mut line = Line::new(self.say);
        log.read_to_end(self.go_on, &mut |now| line.say(|| of_log(&range, at, now)))?;
        Ok((self.go_on)().then_some(Restored { log, snapshot, passed_over }))
    }

    /// Fills the shop from the newest snapshot that fits; none where the log has everything.
    fn snapshot(&self, peek: &Peek, range: &LogRange, shop: &Shop, passed_over: &mut u64) -> Result<Option<SnapshotHead>> {
        let is_cut = range.start > 0;
        let LogRange { topic, start, .. } = range;
        let url = &self.config.state.snapshot_url;
        if url.is_empty() && is_cut {
            bail!(
                "{topic} begins at offset {start}: what was learned before is gone from it, and state.snapshot_url is not set. Set it; \
                 where there is no snapshot, stop all instances and run: offerstream replay --from-kafka --snapshot URL"
            );
        }
        if url.is_empty() {
            return Ok(None);
        }
        let entries = Store::open(url).and_then(|store| Ok((store.list()?, store)));
        let (entries, store) = match entries {
            Ok(opened) => opened,
            Err(error) if is_cut => {
                return Err(error.context(format!("{topic} begins at offset {start}, so the shop can be restored from a snapshot only")));
            }
            Err(error) => {
                tracing::warn!("the shop is restored from its whole log, since snapshots can't be read: {error:#}");
                return Ok(None);
            }
        };
        for entry in &entries {
            match self.try_one(&store, entry, peek, range, shop) {
                Ok(head) => return Ok(Some(head)),
                Err(_) if !(self.go_on)() => return Ok(None),
                Err(why) => {
                    *passed_over += 1;
                    tracing::warn!("snapshot {} in {} is passed over: {why:#}", entry.name, store.place());
                }
            }
        }
        if is_cut {
            let looked_at = match entries.len() {
                0 => format!("there is no snapshot in {}", store.place()),
                n => format!("none of the {n} snapshots in {} fits", store.place()),
            };
            bail!(
                "{topic} begins at offset {start}: what was learned before is gone from it, and {looked_at}. Stop all instances and run: \
                 offerstream replay --from-kafka --snapshot {}",
                store.place().url()
            );
        }
        Ok(None)
    }

    fn try_one(&self, store: &Store, entry: &Entry, peek: &Peek, range: &LogRange, shop: &Shop) -> Result<SnapshotHead> {
        let head = read_snapshot_head(&mut store.get(&entry.name)?)?;
        if let Some((offset, checksum)) = fits(&head, range)?
            && peek.checksum_at(offset)? != Some(checksum)
        {
            return Err(Unfit::OtherRecord(offset).into());
        }
        let started = clock::now();
        let mut input = Watched { inner: store.get(&entry.name)?, entry, read: 0, go_on: self.go_on, line: Line::new(self.say) };
        let head = read_snapshot(&mut input, shop)?;
        let (bytes, seconds) = (entry.bytes, started.elapsed().as_secs_f32());
        tracing::info!("restored from snapshot {}: {bytes} bytes in {seconds:.1} s; the log is read from there", entry.name);
        Ok(head)
    }
}

/// How far the log is read, for people.
fn of_log(range: &LogRange, from: Position, now: Position) -> String {
    let (from, end) = (from.next_offset, range.end);
    let percent = (now.next_offset - from).saturating_mul(100).checked_div(end - from).unwrap_or(100).clamp(0, 100);
    format!("the shop, {percent} % of its log (offset {} of {end}, from {from})", now.next_offset)
}

/// A line that is said now and then, and written into the log less often.
struct Line<'a> {
    say: &'a dyn Fn(&str),
    said_at: Option<Instant>,
    written_at: Instant,
}

impl<'a> Line<'a> {
    fn new(say: &'a dyn Fn(&str)) -> Self {
        Self { say, said_at: None, written_at: clock::now() }
    }

    fn say(&mut self, line: impl Fn() -> String) {
        if self.said_at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            self.said_at = Some(clock::now());
            (self.say)(&line());
        }
        if self.written_at.elapsed() >= LINE_EVERY {
            self.written_at = clock::now();
            tracing::info!("restoring: {}", line());
        }
    }
}

/// Counts what is read of a snapshot.
struct Watched<'a> {
    inner: Box<dyn Read + 'a>,
    entry: &'a Entry,
    read: u64,
    go_on: &'a dyn Fn() -> bool,
    line: Line<'a>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !(self.go_on)() {
            return Err(io::Error::other(anyhow!("told to stop")));
        }
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        let (read_in_all, Entry { name, bytes, .. }) = (self.read, self.entry);
        let percent = (read_in_all * 100).checked_div(*bytes).unwrap_or(100).min(100);
        self.line.say(|| format!("the shop, {percent} % of snapshot {name} ({read_in_all} of {bytes} bytes)"));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_line_tells_percent_by_offset() {
        let range = |start, end| LogRange { topic: "shop".into(), half_life_ms: 1, start, end };
        let at = |next_offset| Position { next_offset, last_record: None };
        assert_eq!(of_log(&range(0, 300), at(100), at(200)), "the shop, 50 % of its log (offset 200 of 300, from 100)");
        assert_eq!(of_log(&range(0, 0), at(0), at(0)), "the shop, 100 % of its log (offset 0 of 0, from 0)");
        assert_eq!(of_log(&range(0, 300), at(300), at(310)), "the shop, 100 % of its log (offset 310 of 300, from 300)");
    }
}
