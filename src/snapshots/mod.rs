//! Snapshots of the shop, kept beside its log: in a folder or an S3-compatible store.
//!
//! Invariant: a snapshot is a short cut, never the truth: one that can't be shown to belong to the log at hand is
//! passed over, and the log decides. What is kept under a snapshot's name is whole. Nothing here talks to Kafka.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `place` | the setting: a folder or a bucket |
//! | `store`, `upload` | list, get, put, delete |
//! | `choose` | which snapshot fits the log, which are deleted |

mod choose;
mod place;
mod s3;
mod store;
mod upload;

pub use choose::{Kind, LogRange, Looked, Unfit, fits, to_delete};
pub use place::Place;
pub use store::{Entry, Store, name_of};

use anyhow::{Result, anyhow};

use crate::engine::frozen::FrozenShop;
use crate::state::snapshot::{SnapshotHead, write_snapshot};

/// Whether snapshots can be kept in a place, asked before there are any.
///
/// # Errors
/// One line that names the option and what is wrong.
pub fn check_option(url: &str) -> Result<()> {
    Place::of(url).map(|_| ()).map_err(|what| anyhow!("--snapshot: {what}"))
}

/// Opens a place and writes one snapshot to it.
///
/// # Errors
/// The place can't be written.
pub fn keep(url: &str, head: &SnapshotHead, shop: FrozenShop) -> Result<()> {
    let store = Store::open(url)?;
    let name = name_of(head.next_offset);
    let bytes = store.put(&name, &|| true, |out| write_snapshot(head, shop, out))?;
    tracing::info!("snapshot {name} is written to {}: {bytes} bytes, up to offset {} of {}", store.place(), head.next_offset, head.topic);
    Ok(())
}
