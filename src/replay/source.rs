//! Where the records of a replay come from: files, or whatever else hands them out in an order of its own.
//!
//! Invariant: the same records come in the same order every time.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::progress::Progress;
use crate::event::Reading;
use crate::input::Input;
use crate::pipeline::{Envelope, Record};

/// Hands out records, one after the other.
pub trait Source {
    /// The next record; none at the end.
    ///
    /// # Errors
    /// What can't be read, by name.
    fn next(&mut self) -> Result<Option<Sourced<'_>>>;

    /// Shows how far it is; called now and then.
    fn show(&mut self);
}

/// A record, and where it is from.
pub struct Sourced<'a> {
    /// The record.
    pub record: Record<'a>,
    /// What tells how to read it.
    pub envelope: Envelope<'a>,
    /// Where it is from.
    pub origin: Origin<'a>,
}

/// Where a record is from, for whoever looks for one that was rejected.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// A line of a file, counted from 1.
    Line(&'a str, u64),
    /// A topic, a partition, an offset.
    Offset(&'a str, i32, i64),
}

impl Origin<'_> {
    /// As fields of a rejected line.
    pub(super) fn fields(self) -> Map<String, Value> {
        let fields = match self {
            Self::Line(file, line) => json!({"line": line, "file": file}),
            Self::Offset(topic, partition, offset) => json!({"topic": topic, "partition": partition, "offset": offset}),
        };
        if let Value::Object(fields) = fields { fields } else { Map::new() }
    }
}

/// Lines of files, one file after the other.
pub struct Files {
    left: VecDeque<PathBuf>,
    reading: Option<(String, Input)>,
    lines: u64,
    progress: Progress,
    format: Reading,
}

impl Files {
    /// Files in this order, read by the command that its progress names; none is opened yet.
    #[must_use]
    pub fn new(command: &'static str, paths: &[PathBuf]) -> Self {
        Self { left: paths.to_vec().into(), reading: None, lines: 0, progress: Progress::new(command, paths), format: Reading::default() }
    }

    /// Reads lines so; without it their format is found out.
    #[must_use]
    pub fn read_as(self, format: Reading) -> Self {
        Self { format, ..self }
    }

    /// Opens the next file; whether there is one.
    fn open_next(&mut self) -> Result<bool> {
        let Some(path) = self.left.pop_front() else { return Ok(false) };
        let name = path.display().to_string();
        let input = Input::open(&path, self.progress.bytes_read()).with_context(|| format!("{name} can't be read"))?;
        self.reading = Some((name, input));
        Ok(true)
    }
}

impl Source for Files {
    fn next(&mut self) -> Result<Option<Sourced<'_>>> {
        while self.reading.is_some() || self.open_next()? {
            let Some((name, input)) = &mut self.reading else { break };
            let is_line = input.advance().with_context(|| format!("{name} can't be read"))?;
            if !is_line {
                self.reading = None;
                continue;
            }
            break;
        }
        let Some((name, input)) = &self.reading else {
            self.progress.finish();
            return Ok(None);
        };
        let line = input.line();
        self.lines = line.number;
        let record = Record { partition: 0, key: None, payload: line.bytes, payload_bytes: line.length, record_time: None };
        Ok(Some(Sourced { record, envelope: Envelope { headers: None, reading: self.format }, origin: Origin::Line(name, line.number) }))
    }

    fn show(&mut self) {
        self.progress.show(self.lines);
    }
}
