//! Writing one object: buffered, in one request where it is small, in parts where it is not.
//!
//! Invariant: nothing is there under its name before [`Upload::finish`]. An upload in parts to an S3-compatible store
//! leaves a marker with its id beside it before the first part is sent, so that whoever comes next can end it: parts
//! that nobody ends cost money for ever, and are listed nowhere.

use std::io::{self, Write};
use std::sync::Arc;

use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _};

use super::store::{MARKER_TAIL, Store, one_line};
use crate::clock;

/// The size of a part. An S3-compatible store takes 10,000 of them: 80 GB.
const PART_BYTES: usize = 8 << 20;

/// An object that is being written.
pub(super) struct Upload<'a> {
    store: &'a Store,
    name: String,
    go_on: &'a dyn Fn() -> bool,
    buffer: Vec<u8>,
    bytes: u64,
    parts: Option<Parts>,
}

enum Parts {
    /// A temporary file.
    File(Box<dyn MultipartUpload>),
    /// An upload in parts.
    S3 { s3: Arc<dyn MultipartStore>, path: Path, id: String, marker: String, sent: Vec<PartId> },
}

impl<'a> Upload<'a> {
    pub(super) fn new(store: &'a Store, name: &str, go_on: &'a dyn Fn() -> bool) -> Self {
        Self { store, name: name.to_owned(), go_on, buffer: Vec::new(), bytes: 0, parts: None }
    }

    /// Makes it be there, whole; returns its size.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let done = self.try_finish();
        if done.is_err() {
            self.abort();
        }
        done
    }

    fn try_finish(&mut self) -> io::Result<u64> {
        let (store, runtime) = (self.store, &self.store.runtime);
        if self.parts.is_none() && store.s3.is_some() {
            let whole = std::mem::take(&mut self.buffer);
            let bytes = whole.len() as u64;
            runtime.block_on(store.objects.put(&store.path(&self.name), whole.into())).map_err(|error| other(&error))?;
            return Ok(bytes);
        }
        self.send_part()?;
        match &mut self.parts {
            None => {}
            Some(Parts::File(file)) => _ = runtime.block_on(file.complete()).map_err(|error| other(&error))?,
            Some(Parts::S3 { s3, path, id, marker, sent }) => {
                runtime.block_on(s3.complete_multipart(path, id, std::mem::take(sent))).map_err(|error| other(&error))?;
                // It is there; a marker that stays is taken away by the next who cleans up.
                let _ = store.delete(marker);
            }
        }
        self.parts = None;
        Ok(self.bytes)
    }

    /// Takes away what was written so far, as well as that goes.
    pub(super) fn abort(&mut self) {
        let runtime = &self.store.runtime;
        let aborted = match &mut self.parts {
            None => Ok(()),
            Some(Parts::File(file)) => runtime.block_on(file.abort()),
            Some(Parts::S3 { s3, path, id, marker, .. }) => {
                let aborted = runtime.block_on(s3.abort_multipart(path, id));
                if aborted.is_ok() {
                    let _ = self.store.delete(marker);
                }
                aborted
            }
        };
        self.parts = None;
        if let Err(error) = aborted {
            tracing::warn!("what was written of {} can't be taken away, and is later: {}", self.name, one_line(&error));
        }
    }

    fn start(&self) -> io::Result<Parts> {
        let (store, runtime) = (self.store, &self.store.runtime);
        let path = store.path(&self.name);
        let Some(s3) = &store.s3 else {
            return runtime.block_on(store.objects.put_multipart(&path)).map(Parts::File).map_err(|error| other(&error));
        };
        let id = runtime.block_on(s3.create_multipart(&path)).map_err(|error| other(&error))?;
        let marker = format!("{}+{}-{}{MARKER_TAIL}", self.name, std::process::id(), clock::unix_ms());
        let parts = Parts::S3 { s3: Arc::clone(s3), path: path.clone(), id: id.clone(), marker: marker.clone(), sent: Vec::new() };
        if let Err(error) = runtime.block_on(store.objects.put(&store.path(&marker), id.clone().into())) {
            let _ = runtime.block_on(s3.abort_multipart(&path, &id));
            return Err(other(&error));
        }
        Ok(parts)
    }

    fn send_part(&mut self) -> io::Result<()> {
        if !(self.go_on)() {
            return Err(io::Error::other("told to stop"));
        }
        if self.parts.is_none() {
            self.parts = Some(self.start()?);
        }
        let part = std::mem::take(&mut self.buffer);
        self.bytes += part.len() as u64;
        let runtime = &self.store.runtime;
        match &mut self.parts {
            None => Ok(()),
            Some(Parts::File(file)) => runtime.block_on(file.put_part(part.into())).map_err(|error| other(&error)),
            Some(Parts::S3 { s3, path, id, sent, .. }) => {
                let part = runtime.block_on(s3.put_part(path, id, sent.len(), part.into())).map_err(|error| other(&error))?;
                sent.push(part);
                Ok(())
            }
        }
    }
}

impl Write for Upload<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Parts of one size: some stores demand it.
        let taken = bytes.len().min(PART_BYTES - self.buffer.len());
        if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(PART_BYTES.min(taken.max(1 << 16)));
        }
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PART_BYTES {
            self.send_part()?;
        }
        Ok(taken)
    }

    /// Nothing is there before the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn other(error: &object_store::Error) -> io::Error {
    io::Error::other(one_line(error))
}
