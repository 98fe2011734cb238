//! Progress of a command that reads logs: a bar on a terminal, a line every few seconds otherwise. On standard error.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::clock;

const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far a command is.
pub struct Progress {
    command: &'static str,
    bytes_read: Arc<AtomicU64>,
    bytes_all: Option<u64>,
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Progress over files whose sizes are asked for; without a size where one is standard input.
    #[must_use]
    pub fn new(command: &'static str, paths: &[PathBuf]) -> Self {
        let bytes_all = paths.iter().map(|path| std::fs::metadata(path).ok().map(|data| data.len())).sum();
        let bar = std::io::stderr().is_terminal().then(|| bar(bytes_all));
        let started = clock::now();
        Self { command, bytes_read: Arc::default(), bytes_all, bar, started, last_line: started }
    }

    /// Where readers add the bytes they read.
    #[must_use]
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_read)
    }

    /// Shows how far it is.
    pub fn show(&mut self, lines: u64) {
        let read = self.bytes_read.load(Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_position(read);
            bar.set_message(format!("{} lines", HumanCount(lines)));
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = clock::now();
            let share = self.bytes_all.filter(|all| *all > 0).map_or(String::new(), |all| format!(" ({} %)", read * 100 / all));
            let (command, seconds) = (self.command, self.started.elapsed().as_secs());
            eprintln!("{command}: {} lines, {} read{share}, {seconds} s", HumanCount(lines), HumanBytes(read));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(bytes_all: Option<u64>) -> ProgressBar {
    let Some(bytes) = bytes_all else { return ProgressBar::new_spinner() };
    let template = "{wide_bar} {percent:>3} %  {bytes_per_sec}  {eta} left  {msg}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style)
}
