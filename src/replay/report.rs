//! Why one session was offered what it was, or nothing.
//!
//! Invariant: every trigger of the session has a line; what was looked at and left out stands below it with its rule.

use std::io::{self, Write};

use crate::engine::shop::Shop;
use crate::event::ItemId;
use crate::pipeline::Explained;

/// Writes what became of each trigger of the session, in order.
pub fn explain(session: Option<&str>, trail: &[Explained], shop: &Shop, out: &mut impl Write) -> io::Result<()> {
    let Some(session) = session else { return Ok(()) };
    writeln!(out, "\nSession {session}: {} triggers", trail.len())?;
    let name = |item: &ItemId| shop.catalogue.get(item).title.map_or_else(|| item.to_string(), |title| format!("{item} ({title})"));
    for Explained { ended, items, dropped } in trail {
        writeln!(out, "  {}  {:<14} {}", ended.at, ended.placement.as_str(), ended.outcome.as_str())?;
        for (item, kind) in items {
            writeln!(out, "      {:<18} {}", kind.as_str(), name(item))?;
        }
        for (item, reason) in dropped {
            writeln!(out, "      not: {:<13} {}", reason.as_str(), name(item))?;
        }
    }
    Ok(())
}
