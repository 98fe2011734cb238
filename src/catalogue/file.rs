//! A catalogue file into the shop: JSON lines, or a table where the name says so (`.csv`); plain, gzip or zstd.
//!
//! Invariant: the first row that can't be used ends it, named by file and line: half a catalogue would look like
//! a whole one. What makes no sense is said, and no reason to stop.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::ROW_BYTES_MAX;
use super::csv::{self, Fault};
use super::row::{Row, from_json};
use crate::engine::catalogue::{Catalogue, Warning};
use crate::event::ItemId;
use crate::input::{self, Input};

/// So many warnings are said one by one.
const WARNINGS_SAID: usize = 20;

/// What a file held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Rows that gave a product.
    pub given: u64,
    /// Rows that took one out.
    pub deleted: u64,
    /// Products there was no room for.
    pub refused: u64,
    /// What was ignored, each with its line: the first twenty.
    pub warnings: Vec<(u64, Warning)>,
    /// How many warnings there were in all.
    pub warnings_count: usize,
}

impl Loaded {
    fn warn(&mut self, name: &str, line: u64, warning: Warning) {
        self.warnings_count += 1;
        if self.warnings.len() < WARNINGS_SAID {
            tracing::warn!("catalogue {name}, line {line}: {warning}");
            self.warnings.push((line, warning));
        }
    }
}

/// Reads a catalogue into the shop, looks whether its relations make sense, and logs what was ignored.
///
/// # Errors
/// The file, line and field that can't be used.
pub fn load(catalogue: &Catalogue, path: &Path) -> Result<Loaded> {
    let name = path.display().to_string();
    let mut loaded = Loaded::default();
    let mut related: HashMap<ItemId, u64> = HashMap::new();
    read(path, |line, row| {
        row.warnings.into_iter().for_each(|warning| loaded.warn(&name, line, warning));
        let Some(product) = row.product else {
            loaded.deleted += 1;
            return catalogue.withdraw(&row.item);
        };
        if product.upgrade_of.is_some() || product.variant_of.is_some() {
            related.insert(row.item.clone(), line);
        }
        if catalogue.give(row.item, product) { loaded.given += 1 } else { loaded.refused += 1 }
    })?;
    for warning in catalogue.check_relations() {
        let line = related.get(&warning.item).copied().unwrap_or_default();
        loaded.warn(&name, line, warning);
    }
    let unsaid = loaded.warnings_count - loaded.warnings.len();
    if unsaid > 0 {
        tracing::warn!("catalogue {name}: {unsaid} more things like these are ignored");
    }
    if loaded.refused > 0 {
        tracing::warn!("catalogue {name}: {} products are left out, since limits.items is reached", loaded.refused);
    }
    Ok(loaded)
}

/// Hands every row of a file to `take`, with its line, counted from 1.
///
/// # Errors
/// The file can't be read, or the first row of it that can't be used, by line and field.
pub fn read(path: &Path, take: impl FnMut(u64, Row)) -> Result<()> {
    if is_table(path) { read_table(path, take) } else { read_lines(path, take) }
}

/// Whether the name says that it is a table; how it is packed is told by its first bytes.
fn is_table(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let unpacked = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    unpacked.ends_with(".csv")
}

fn read_table(path: &Path, take: impl FnMut(u64, Row)) -> Result<()> {
    let name = path.display();
    let opened = input::open(path, Arc::default()).with_context(|| format!("catalogue {name} can't be read"))?;
    rows_of_table(&name.to_string(), opened, take)
}

/// Hands every row of a table to `take`, with its line; `name` stands for it in errors.
///
/// # Errors
/// As [`read`].
pub fn rows_of_table(name: &str, input: impl BufRead, take: impl FnMut(u64, Row)) -> Result<()> {
    csv::rows(input, take).or_else(|fault| match fault {
        Fault::Line(line, detail) => bail!("catalogue {name}, line {line}: {detail}"),
        Fault::Read(error) => Err(error).with_context(|| format!("catalogue {name} can't be read")),
    })
}

fn read_lines(path: &Path, mut take: impl FnMut(u64, Row)) -> Result<()> {
    let name = path.display();
    let mut input = Input::open(path, Arc::default()).with_context(|| format!("catalogue {name} can't be read"))?;
    while let Some(line) = input.next_line().with_context(|| format!("catalogue {name} can't be read"))? {
        if line.length > ROW_BYTES_MAX {
            bail!("catalogue {name}, line {}: the row has {} bytes; {ROW_BYTES_MAX} are allowed", line.number, line.length);
        }
        match from_json(None, line.bytes) {
            Ok(row) => take(line.number, row),
            Err(bad) => bail!("catalogue {name}, line {}: {bad}", line.number),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
