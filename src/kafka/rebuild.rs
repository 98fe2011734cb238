//! `replay --from-kafka`: the engine over what the events topics hold, and a snapshot of the shop that comes of it.
//!
//! Invariant: a snapshot is written only if nobody took events meanwhile: it stands for exactly those events that the
//! group has committed, and for the shop log up to its end.

use std::io::Write;

use anyhow::{Result, bail};

use super::event_range::{EventRange, Until, refuse_live_members};
use super::service::{Service, read_catalogue};
use super::shop_peek::Peek;
use crate::clock;
use crate::config::Config;
use crate::replay::{self, Replay};
use crate::snapshots;
use crate::state::snapshot::SnapshotHead;

/// Replays the events topics; where a snapshot is wanted, those events that the group has committed, into a snapshot in
/// that place. The catalogue is that of its topic unless a file is named. The summary goes to `out`.
///
/// # Errors
/// What can't be read or written; or that the group is not stopped.
pub fn replay_from_kafka(mut replay: Replay, config: Config, out: &mut impl Write) -> Result<()> {
    config.kafka.brokers()?;
    // That of a replay belongs in front of the shop log; this one belongs at its end.
    let snapshot = replay.snapshot.take().map(|place| place.to_string_lossy().into_owned());
    if let Some(url) = &snapshot {
        snapshots::check_option(url)?;
        refuse_live_members(&config.kafka)?;
    }
    let service = Service::new(config)?;
    let config = &service.config;
    if replay.catalogue.is_none() {
        read_catalogue(&service, || true)?;
    }
    let Some(url) = snapshot else {
        let mut range = EventRange::open(config, Until::End)?;
        return replay::run_from(&replay, config, &service.shop, &mut range, out);
    };
    let peek = Peek::open(config)?;
    let end = peek.await_stable()?;
    let mut range = EventRange::open(config, Until::Committed)?;
    replay::run_from(&replay, config, &service.shop, &mut range, out)?;
    refuse_live_members(&config.kafka)?;
    let now = peek.await_stable()?;
    if now != end {
        bail!("{} went on from offset {end} to {now} meanwhile: stop all instances and try again", config.kafka.shop_topic);
    }
    let range = peek.range(|| true)?;
    let head = SnapshotHead {
        last_record: peek.last_record(range.start, end)?,
        topic: range.topic,
        next_offset: end,
        taken_at_ms: clock::unix_ms(),
        half_life_ms: range.half_life_ms,
    };
    snapshots::keep(&url, &head, service.shop.freeze())
}
