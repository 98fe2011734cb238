//! Files of lines: plain, gzip or zstd, found out by their first bytes.
//!
//! Invariant: at most [`EVENT_BYTES_MAX`] bytes of a line are held, and one more to tell that it was longer.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::EVENT_BYTES_MAX;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Some editors begin a file with it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const BUFFER_BYTES: usize = 1 << 17;

/// A log that is being read.
pub struct Input {
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    length: usize,
    lines: u64,
}

/// One line of a log, without its end.
pub struct Line<'a> {
    /// Counted from 1.
    pub number: u64,
    /// Its bytes, cut where it is too long.
    pub bytes: &'a [u8],
    /// Its length before it was cut.
    pub length: usize,
}

/// Opens a file, `-` for standard input, and unpacks it. Bytes read off the disk are added to `bytes_read`.
///
/// # Errors
/// What opening it, or reading its first bytes, fails with.
pub fn open(path: &Path, bytes_read: Arc<AtomicU64>) -> io::Result<Box<dyn BufRead>> {
    let file: Box<dyn Read> = if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, Counted { inner: file, bytes_read });
    let head = raw.fill_buf()?;
    if head.starts_with(&GZIP) {
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(raw))))
    } else if head.starts_with(&ZSTD) {
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::stream::Decoder::with_buffer(raw)?)))
    } else {
        Ok(Box::new(raw))
    }
}

impl Input {
    /// Opens a log as [`open`] does.
    ///
    /// # Errors
    /// What opening it, or reading its first bytes, fails with.
    pub fn open(path: &Path, bytes_read: Arc<AtomicU64>) -> io::Result<Self> {
        Ok(Self { reader: open(path, bytes_read)?, line: Vec::new(), length: 0, lines: 0 })
    }

    /// The next line that is not blank; `None` at the end.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        Ok(if self.advance()? { Some(self.line()) } else { None })
    }

    /// Goes on to the next line that is not blank; whether there is one.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn advance(&mut self) -> io::Result<bool> {
        loop {
            let Some(length) = self.read_line()? else { return Ok(false) };
            (self.length, self.lines) = (length, self.lines + 1);
            if self.lines == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
                self.line.drain(..BYTE_ORDER_MARK.len());
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                return Ok(true);
            }
        }
    }

    /// The line it has come to.
    pub fn line(&self) -> Line<'_> {
        Line { number: self.lines, bytes: &self.line, length: self.length }
    }

    /// Reads a line into the buffer and returns its whole length; `None` at the end.
    fn read_line(&mut self) -> io::Result<Option<usize>> {
        self.line.clear();
        let mut length = 0;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok([]) => return Ok((length > 0).then_some(length)),
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = (EVENT_BYTES_MAX + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            length += part.len();
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(length));
            }
        }
    }
}

/// Counts what is read off the disk.
struct Counted {
    inner: Box<dyn Read>,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines_of(bytes: &[u8]) -> Vec<(u64, usize, usize)> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut input = Input::open(file.path(), Arc::default()).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = input.next_line().unwrap() {
            lines.push((line.number, line.bytes.len(), line.length));
        }
        lines
    }

    #[test]
    fn plain_gzip_and_zstd_are_told_by_their_first_bytes() {
        let plain = b"one\n\n  \nthree";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(plain).unwrap();
        let expected = [(1, 3, 3), (4, 5, 5)];
        assert_eq!(lines_of(plain), expected);
        assert_eq!(lines_of(&gzip.finish().unwrap()), expected);
        assert_eq!(lines_of(&zstd::encode_all(&plain[..], 1).unwrap()), expected);
        assert_eq!(lines_of(b""), []);
    }

    #[test]
    fn a_line_is_held_no_further_than_its_limit() {
        let mut long = vec![b'x'; 5 << 20];
        long.extend(b"\nshort\n");
        assert_eq!(lines_of(&long), [(1, EVENT_BYTES_MAX + 1, 5 << 20), (2, 5, 5)]);
    }
}
