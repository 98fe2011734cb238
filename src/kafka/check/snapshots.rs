//! Whether snapshots can be kept, and whether the shop log is whole where none are.

use std::io::Write;

use anyhow::Result;

use super::Report;
use crate::config::Config;
use crate::kafka::shop_peek::{Peek, tries};
use crate::snapshots::{LogRange, Store, fits};
use crate::state::snapshot::read_snapshot_head;

/// Writes, reads and deletes something in the store, and looks whether its newest snapshot goes with the log.
pub(super) fn check(config: &Config, has_log: bool, report: &mut Report<'_, impl Write>) -> Result<()> {
    let range = has_log.then(|| Peek::open(config).and_then(|peek| peek.range(tries(1)))).and_then(Result::ok);
    if !config.state.has_snapshots() {
        return match range {
            Some(LogRange { topic, start, .. }) if start > 0 => report.warn(
                "snapshots",
                &format!(
                    "{topic} begins at offset {start}: what was learned before is gone from it, and no instance can start. Set \
                     state.snapshot_url; where there is no snapshot, stop all instances and run: offerstream replay --from-kafka --snapshot URL"
                ),
            ),
            _ => report.ok("snapshots", "none are kept, so every start reads the whole shop log; state.snapshot_url would mend that"),
        };
    }
    let store = match Store::open(&config.state.snapshot_url).and_then(|store| store.probe().map(|()| store)) {
        Ok(store) => store,
        Err(error) => return report.fail("snapshots", &format!("{error:#}: mend the place, its rights or the credentials (AWS_*)")),
    };
    report.ok("snapshots", &format!("can be written to, read from and deleted in {}", store.place()))?;
    range.map_or(Ok(()), |range| check_fit(&store, &range, report))
}

/// Whether an instance could start, were it started now.
fn check_fit(store: &Store, range: &LogRange, report: &mut Report<'_, impl Write>) -> Result<()> {
    let entries = store.list()?;
    let usable = |name: &str| {
        let head = store.get(name).ok().and_then(|mut input| read_snapshot_head(&mut input).ok());
        head.is_some_and(|head| fits(&head, range).is_ok())
    };
    match entries.iter().find(|entry| usable(&entry.name)) {
        Some(entry) => report.ok("snapshots", &format!("{} goes with {}, {} bytes", entry.name, range.topic, entry.bytes)),
        None if range.start > 0 => report.fail(
            "snapshots",
            &format!(
                "{} begins at offset {}, and no snapshot in {} goes with it: stop all instances and run: offerstream replay --from-kafka \
                 --snapshot {}",
                range.topic,
                range.start,
                store.place(),
                store.place().url()
            ),
        ),
        None => report.ok("snapshots", &format!("there is none yet that goes with {}, which is whole", range.topic)),
    }
}
