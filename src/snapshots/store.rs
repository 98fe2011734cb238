//! Listing, reading, writing and deleting snapshots, blocking, whatever they are kept in.
//!
//! Invariant: a name of a snapshot stands for a whole one. A folder gets it by a temporary file, a sync and a
//! rename; an S3-compatible store by one request, or by an upload in parts that is completed at its end. Must not be
//! called from within a tokio runtime: each store has one of its own.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use futures_core::Stream;
use object_store::local::LocalFileSystem;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;

use super::place::Place;
use super::s3;
use super::upload::Upload;
use crate::clock;

/// What a snapshot's name begins and ends with; twenty digits are in between.
const HEAD: &str = "shop-";
const TAIL: &str = ".snapshot";
const DIGITS: usize = 20;
/// What the name of an upload's marker ends with.
pub(super) const MARKER_TAIL: &str = ".uploading";

/// A store that is open.
pub struct Store {
    pub(super) runtime: Runtime,
    pub(super) objects: Arc<dyn ObjectStore>,
    /// The same, where it is an S3-compatible one.
    pub(super) s3: Option<Arc<dyn MultipartStore>>,
    prefix: Path,
    place: Place,
}

/// A snapshot that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The offset of the shop log that reading goes on from.
    pub next_offset: i64,
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub modified_ms: i64,
}

/// The name of the snapshot that ends before this offset.
#[must_use]
pub fn name_of(next_offset: i64) -> String {
    format!("{HEAD}{next_offset:0DIGITS$}{TAIL}")
}

fn offset_of(name: &str) -> Option<i64> {
    let digits = name.strip_prefix(HEAD)?.strip_suffix(TAIL)?;
    let is_ours = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_ours)
}

impl Store {
    /// Opens a store; a folder that is not there is made.
    ///
    /// # Errors
    /// One line that names the setting, the place and what is wrong.
    pub fn open(url: &str) -> Result<Self> {
        let place = Place::of(url).map_err(|allowed| anyhow!("state.snapshot_url: {allowed}"))?;
        let named = |place: &Place| format!("state.snapshot_url = {place}: it can't be opened");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime can't be started")?;
        let (objects, s3, prefix): (Arc<dyn ObjectStore>, _, _) = match &place {
            Place::Folder(path) => {
                std::fs::create_dir_all(path).with_context(|| named(&place))?;
                let folder = LocalFileSystem::new_with_prefix(path).with_context(|| named(&place))?.with_fsync(true);
                (Arc::new(folder), None, Path::default())
            }
            Place::S3 { bucket, prefix } => {
                let (objects, parts) = s3::open(bucket).with_context(|| named(&place))?;
                (objects, Some(parts), Path::parse(prefix).with_context(|| named(&place))?)
            }
        };
        Ok(Self { runtime, objects, s3, prefix, place })
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The snapshots that are there, the one furthest on in the log first.
    ///
    /// # Errors
    /// The store does not answer, or not that.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let entry = |object: ObjectMeta| {
            let name = object.location.filename()?.to_owned();
            let (next_offset, modified_ms) = (offset_of(&name)?, object.last_modified.timestamp_millis());
            Some(Entry { name, next_offset, bytes: object.size, modified_ms })
        };
        let mut entries: Vec<Entry> = self.objects()?.into_iter().filter_map(entry).collect();
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.next_offset));
        Ok(entries)
    }

    /// Opens one to read it from its beginning.
    ///
    /// # Errors
    /// It is not there, or the store does not answer.
    pub fn get(&self, name: &str) -> Result<Box<dyn Read + '_>> {
        let got = self.runtime.block_on(self.objects.get(&self.path(name))).map_err(|error| self.failed("read", &error))?;
        if let GetResultPayload::File(file, _) = got.payload {
            return Ok(Box::new(file));
        }
        Ok(Box::new(Body { runtime: &self.runtime, stream: got.into_stream(), left: Vec::new(), at: 0 }))
    }

    /// Writes one; `write` is handed what to write to, which fails once `go_on` says no. Either all of it is there
    /// afterwards under its name, or nothing of it. Returns its size.
    ///
    /// # Errors
    /// What `write` fails with, or the store.
    pub fn put(&self, name: &str, go_on: &dyn Fn() -> bool, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u64> {
        let mut upload = Upload::new(self, name, go_on);
        match write(&mut upload) {
            Ok(()) => upload.finish().map_err(|error| anyhow!("{}: {name} can't be written: {error}", self.place)),
            Err(error) => {
                upload.abort();
                Err(anyhow!("{}: {name} can't be written: {error}", self.place))
            }
        }
    }

    /// Deletes one; one that is gone already is no error.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub fn delete(&self, name: &str) -> Result<()> {
        match self.runtime.block_on(self.objects.delete(&self.path(name))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("deleted", &error)),
        }
    }

    /// Whether something can be written, read and deleted there.
    ///
    /// # Errors
    /// What can't be done, and why.
    pub fn probe(&self) -> Result<()> {
        let name = format!("probe-{}-{}", std::process::id(), clock::unix_ms());
        self.put(&name, &|| true, |out| out.write_all(b"offerstream"))?;
        let mut read = String::new();
        let got = self.get(&name).and_then(|mut input| input.read_to_string(&mut read).context("what was written can't be read"));
        self.delete(&name)?;
        self.list()?;
        got.map(|_| ())
    }

    /// Takes away what writers left that ended in the middle of their work, and have not written since `idle`.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub fn clean(&self, idle: Duration) -> Result<usize> {
        match (&self.place, &self.s3) {
            (Place::Folder(path), _) => clean_folder(path, idle),
            (Place::S3 { .. }, Some(s3)) => self.clean_uploads(s3.as_ref(), idle),
            (Place::S3 { .. }, None) => Ok(0),
        }
    }

    /// An upload in parts that was not completed has a marker still, which holds its id.
    fn clean_uploads(&self, s3: &dyn MultipartStore, idle: Duration) -> Result<usize> {
        let since = clock::unix_ms() - i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        let mut cleaned = 0;
        for marker in self.objects()? {
            let Some(name) = marker.location.filename().and_then(|name| name.strip_suffix(MARKER_TAIL)) else { continue };
            if marker.last_modified.timestamp_millis() > since {
                continue;
            }
            let name = name.split_once('+').map_or(name, |(name, _)| name);
            let mut id = String::new();
            self.get(marker.location.filename().unwrap_or_default())?
                .read_to_string(&mut id)
                .context("an upload's marker can't be read")?;
            match self.runtime.block_on(s3.abort_multipart(&self.path(name), &id)) {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("cleaned up", &error)),
            }
            self.delete(marker.location.filename().unwrap_or_default())?;
            cleaned += 1;
        }
        Ok(cleaned)
    }

    fn objects(&self) -> Result<Vec<ObjectMeta>> {
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let listed = self.runtime.block_on(self.objects.list_with_delimiter(prefix));
        Ok(listed.map_err(|error| self.failed("listed", &error))?.objects)
    }

    pub(super) fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    fn failed(&self, done: &str, error: &object_store::Error) -> anyhow::Error {
        anyhow!("{}: snapshots can't be {done}: {}", self.place, one_line(error))
    }
}

/// An error of the store in one line; of its own page of XML the message alone.
pub(super) fn one_line(error: &object_store::Error) -> String {
    const LONGEST: usize = 400;
    let text = error.to_string();
    let message = text.split_once("<Message>").and_then(|(_, after)| after.split_once("</Message>")).map(|(message, _)| message);
    let before = text.split_once("<?xml").map_or(text.as_str(), |(before, _)| before);
    let words = before.split_whitespace().chain(message.unwrap_or_default().split_whitespace());
    words.collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
}

/// Removes temporary files, which have the snapshot's name, `#` and a number.
fn clean_folder(path: &std::path::Path, idle: Duration) -> Result<usize> {
    let mut cleaned = 0;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(clock::unix_ms().unsigned_abs());
    for entry in std::fs::read_dir(path).with_context(|| format!("{} can't be listed", path.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_leftover = name.split_once('#').is_some_and(|(name, number)| {
            offset_of(name).is_some() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        let written = entry.metadata().and_then(|data| data.modified());
        // What was written in this very millisecond, or by a clock that is ahead, is not older than nothing.
        let is_idle = written.is_ok_and(|at| now.duration_since(at).unwrap_or_default() >= idle);
        // Somebody else may have cleaned it up meanwhile.
        if is_leftover && is_idle && std::fs::remove_file(entry.path()).is_ok() {
            cleaned += 1;
        }
    }
    Ok(cleaned)
}

/// An answer's body as something to read from.
struct Body<'a, S> {
    runtime: &'a Runtime,
    stream: S,
    left: Vec<u8>,
    at: usize,
}

impl<S, B> Read for Body<'_, S>
where
    S: Stream<Item = object_store::Result<B>> + Unpin,
    B: AsRef<[u8]>,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.left.len() {
            let stream = &mut self.stream;
            match self.runtime.block_on(poll_fn(|context| std::pin::Pin::new(&mut *stream).poll_next(context))) {
                None => return Ok(0),
                Some(Ok(bytes)) => {
                    self.left.clear();
                    self.left.extend_from_slice(bytes.as_ref());
                    self.at = 0;
                }
                Some(Err(error)) => return Err(io::Error::other(one_line(&error))),
            }
        }
        let taken = buffer.len().min(self.left.len() - self.at);
        buffer[..taken].copy_from_slice(&self.left[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
