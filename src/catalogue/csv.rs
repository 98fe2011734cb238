//! Rows of a table: the header names the fields, whatever the order of its columns.
//!
//! Invariant: a row is named by the line of the file that it begins on. No row is held further than
//! [`ROW_BYTES_MAX`], so that a quote left open does not read the whole file into one cell.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::ROW_BYTES_MAX;
use super::row::{Fields, Row};
use super::value::Value;

/// What the reader asks for at once, and may have read ahead of the row it is at.
const BUFFER_BYTES: usize = 1 << 16;

/// Why a table can't be read on.
#[derive(Debug)]
pub enum Fault {
    /// The line, and what is wrong there.
    Line(u64, String),
    /// Reading failed.
    Read(io::Error),
}

/// Hands every row to `take`, with its line.
pub fn rows(input: impl BufRead, mut take: impl FnMut(u64, Row)) -> Result<(), Fault> {
    let allowance = Rc::new(Cell::new(0));
    let lines = Lines { inner: input, allowance: Rc::clone(&allowance), last: b'\n', skip_line_feed: false };
    let mut table = ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(BUFFER_BYTES).from_reader(lines);
    let (mut header, mut record) = (StringRecord::new(), StringRecord::new());
    let Some(line) = next(&mut table, &mut header, &allowance)? else { return Ok(()) };
    check_header(&header).map_err(|detail| Fault::Line(line, detail))?;
    while let Some(line) = next(&mut table, &mut record, &allowance)? {
        // Spreadsheets write rows that were emptied.
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if record.len() != header.len() {
            let (cells, wanted) = (record.len(), header.len());
            let detail = format!("the row has {cells} cells, and the header {wanted}; a cell with a comma in it needs quotes around it");
            return Err(Fault::Line(line, detail));
        }
        let row = Row::new(None, &fields(&header, &record)).map_err(|bad| Fault::Line(line, bad.detail))?;
        take(line, row);
    }
    Ok(())
}

/// Reads a row and returns the line it begins on; `None` at the end.
fn next<R: Read>(table: &mut Reader<R>, record: &mut StringRecord, allowance: &Cell<usize>) -> Result<Option<u64>, Fault> {
    allowance.set(ROW_BYTES_MAX + BUFFER_BYTES);
    let begins = table.position().line();
    match table.read_record(record) {
        Ok(false) => Ok(None),
        Ok(true) => {
            // Blank lines are passed over before a row, so where it begins is told from where it ends.
            let inner = record.iter().map(|cell| cell.bytes().filter(|byte| *byte == b'\n').count() as u64).sum::<u64>();
            Ok(Some(table.position().line().saturating_sub(1 + inner)))
        }
        Err(error) => Err(fault(error, begins, allowance)),
    }
}

fn fault(error: csv::Error, begins: u64, allowance: &Cell<usize>) -> Fault {
    let line = error.position().map_or(begins, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(_) if allowance.get() == 0 => {
            Fault::Line(begins, format!("the row has more than {ROW_BYTES_MAX} bytes; is a quote left open?"))
        }
        ErrorKind::Io(error) => Fault::Read(error),
        ErrorKind::Utf8 { err, .. } => Fault::Line(line, format!("cell {} is not UTF-8", err.field() + 1)),
        _ => Fault::Line(line, "the row can't be read".to_owned()),
    }
}

fn check_header(header: &StringRecord) -> Result<(), String> {
    let mut seen = Fields::default();
    for name in header.iter().map(str::trim) {
        if seen.named(name).and_then(|seen| seen.replace(Value::Cell(""))).is_some() {
            return Err(format!("the header names {name} twice"));
        }
    }
    if seen.item_id.is_none() {
        let names: Vec<&str> = header.iter().take(8).map(str::trim).collect();
        return Err(format!("the header has no column item_id, but {names:?}; columns are separated by commas"));
    }
    Ok(())
}

fn fields<'a>(header: &StringRecord, record: &'a StringRecord) -> Fields<'a> {
    let mut fields = Fields::default();
    for (name, cell) in header.iter().zip(record) {
        let cell = cell.trim();
        if let Some(field) = fields.named(name.trim()) {
            *field = (!cell.is_empty()).then_some(Value::Cell(cell));
        }
    }
    fields
}

/// Ends every line, the last one too, by a line feed alone, so that lines can be counted by them; and reads no
/// further than it is allowed.
struct Lines<R> {
    inner: R,
    allowance: Rc<Cell<usize>>,
    last: u8,
    skip_line_feed: bool,
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let room = out.len().min(self.allowance.get());
        if room == 0 {
            return Err(io::Error::other("the row is too long"));
        }
        let mut written = 0;
        while written == 0 {
            let chunk = self.inner.fill_buf()?;
            if chunk.is_empty() {
                if self.last != b'\n' {
                    (self.last, out[0], written) = (b'\n', b'\n', 1);
                }
                break;
            }
            let mut used = 0;
            for byte in chunk {
                if written == room {
                    break;
                }
                used += 1;
                if std::mem::take(&mut self.skip_line_feed) && *byte == b'\n' {
                    continue;
                }
                self.skip_line_feed = *byte == b'\r';
                self.last = if self.skip_line_feed { b'\n' } else { *byte };
                out[written] = self.last;
                written += 1;
            }
            self.inner.consume(used);
        }
        self.allowance.set(self.allowance.get() - written);
        Ok(written)
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
