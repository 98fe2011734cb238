//! Replay: the same engine over recorded logs, with no broker.
//!
//! Invariant: the same lines in the same order give the same bytes, whatever the machine. Memory is bounded by
//! the engine's limits: a log is read line by line, and a line no further than its limit.

mod hours;
mod openmetrics;
mod progress;
mod source;

pub use crate::catalogue::load as load_catalogue;
pub use source::{Files, Origin, Source, Sourced};

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::config::Config;
use crate::dump;
use crate::engine::shop::Shop;
use crate::engine::vocabulary::Arm;
use crate::event::Reject;
use crate::input::Input;
use crate::insights::{Insights, Period};
use crate::metrics::Metrics;
use crate::pipeline::{DEAD_LETTER_BYTES_MAX, Learning, Processor, Record};
use crate::report::{self, Format, Report, SessionStory};
use crate::snapshots::{self, Place};
use crate::state::snapshot::{SnapshotHead, write_snapshot};
use hours::Hours;

/// What to replay, and where each output goes; an output without a file is not written.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Logs, in this order; `-` is standard input.
    pub events: Vec<PathBuf>,
    /// A catalogue: JSON lines, or a table where its name ends in `.csv`.
    pub catalogue: Option<PathBuf>,
    /// Offers made.
    pub offers: Option<PathBuf>,
    /// Offers kept back.
    pub withheld: Option<PathBuf>,
    /// Lines that can't be used.
    pub rejected: Option<PathBuf>,
    /// Counts, sorted.
    pub counts: Option<PathBuf>,
    /// A snapshot of the shop as it is at the end: a file, or a place of several as `state.snapshot_url` names it.
    pub snapshot: Option<PathBuf>,
    /// Metrics in Prometheus' text format.
    pub metrics: Option<PathBuf>,
    /// Metrics at each full hour of event time, in OpenMetrics text.
    pub openmetrics: Option<PathBuf>,
    /// The report: a page where the name ends in `.html`, JSON in `.json`, text in `.txt` or without an ending; with it, why what was offered or not in the session asked about.
    pub report: Option<PathBuf>,
    /// The session that the report is to explain, by any of its ids.
    pub report_session: Option<String>,
}

/// Totals are handed to the metrics, and sessions that are over dropped, after this many lines.
const LINES_A_BATCH: u64 = 10_000;

/// Replays the logs; the summary goes to `out`.
///
/// # Errors
/// A file that can't be read or written, by name.
pub fn run(replay: &Replay, config: &Config, out: &mut impl Write) -> Result<()> {
    let shop = Arc::new(Shop::new(&config.engine.limits));
    run_from(replay, config, &shop, &mut Files::new("replay", &replay.events).read_as(config.reading_of("", None)), out)
}

/// Replays what a source hands out into a shop of which no more is known than its catalogue; the summary goes to `out`.
///
/// # Errors
/// What can't be read or written, by name.
pub fn run_from(replay: &Replay, config: &Config, shop: &Arc<Shop>, source: &mut dyn Source, out: &mut impl Write) -> Result<()> {
    check_files(replay)?;
    check_report(replay)?;
    let settings = Arc::new(config.engine.clone());
    if let Some(path) = &replay.catalogue {
        load_catalogue(&shop.catalogue, path)?;
    }
    let metrics = Metrics::new(&settings)?;
    let mut processor = Processor::new(Arc::clone(&settings), Arc::clone(shop), Learning::AtOnce)
        .with_customer_key(config.privacy.key.clone())
        .with_token_key(config.token_key());
    if let Some(session) = &replay.report_session {
        processor.explain(session.clone());
    }
    let hours = replay.openmetrics.is_some().then(|| Hours::new(&settings, shop)).transpose()?;
    let mut outputs = Outputs::create(replay, hours)?;
    replay_source(source, &mut processor, &mut outputs, &metrics)?;
    outputs.flush()?;
    outputs.finish(replay, config, &processor, shop, &metrics)?;
    let insights = Insights::of(shop, &settings, outputs.period);
    report::text::write(&insights, out).context("the summary can't be written")
}

fn replay_source(source: &mut dyn Source, processor: &mut Processor, outputs: &mut Outputs, metrics: &Metrics) -> Result<()> {
    while let Some(Sourced { record, envelope, origin }) = source.next()? {
        let Outputs { hours, period, .. } = outputs;
        let done = processor.process_after(&record, envelope, |processor, ts| {
            let known = period.get_or_insert(Period { from: ts, to: ts });
            (known.from, known.to) = (known.from.min(ts), known.to.max(ts));
            if let Some(hours) = hours.as_mut() {
                hours.reach(ts, processor);
            }
        });
        if let Err(reject) = done {
            outputs.reject(origin, &record, &reject)?;
        }
        if processor.batch().records >= LINES_A_BATCH {
            outputs.take(processor, metrics)?;
            source.show();
        } else if !processor.batch().offers.is_empty() {
            outputs.offers(processor)?;
        }
    }
    outputs.take(processor, metrics)
}

/// Whoever asks for a report in a format there is not must not get text under that name.
fn check_report(replay: &Replay) -> Result<()> {
    match &replay.report {
        Some(path) if Format::of(path).is_none() => {
            bail!("{} can't be a report: it has to end in .html, .json or .txt, or have no ending", path.display())
        }
        _ => Ok(()),
    }
}

/// No output may be an input, or another output: it would be gone before it is read.
fn check_files(replay: &Replay) -> Result<()> {
    let outputs = [
        &replay.offers,
        &replay.withheld,
        &replay.rejected,
        &replay.counts,
        &replay.snapshot,
        &replay.metrics,
        &replay.openmetrics,
        &replay.report,
    ];
    check_distinct(replay.events.iter().chain(&replay.catalogue), outputs.into_iter().flatten())
}

/// As [`check_files`], of any command's files.
pub(crate) fn check_distinct<'a>(read: impl Iterator<Item = &'a PathBuf>, written: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut taken: Vec<PathBuf> = read.map(|path| real(path)).collect();
    for path in written {
        // Devices and pipes take several writers.
        if path.exists() && !path.is_file() {
            continue;
        }
        if taken.contains(&real(path)) {
            bail!("{} is named twice; each output needs a file of its own, and none that is read", path.display());
        }
        taken.push(real(path));
    }
    Ok(())
}

/// The files that are written, all opened before anything is read.
struct Outputs {
    offers: Option<BufWriter<File>>,
    withheld: Option<BufWriter<File>>,
    rejected: Option<BufWriter<File>>,
    counts: Option<BufWriter<File>>,
    snapshot: Option<BufWriter<File>>,
    metrics: Option<BufWriter<File>>,
    openmetrics: Option<BufWriter<File>>,
    hours: Option<Hours>,
    /// From the earliest event to the latest.
    period: Option<Period>,
    report: Option<BufWriter<File>>,
}

impl Outputs {
    fn create(replay: &Replay, hours: Option<Hours>) -> Result<Self> {
        let open = |path: &Option<PathBuf>| path.as_deref().map(create).transpose();
        if let Some(place) = replay.snapshot.as_deref().filter(|path| is_place(path)) {
            snapshots::check_option(&place.to_string_lossy())?;
        }
        Ok(Self {
            offers: open(&replay.offers)?,
            withheld: open(&replay.withheld)?,
            rejected: open(&replay.rejected)?,
            counts: open(&replay.counts)?,
            snapshot: open(&replay.snapshot.clone().filter(|path| !is_place(path)))?,
            metrics: open(&replay.metrics)?,
            openmetrics: open(&replay.openmetrics)?,
            hours,
            period: None,
            report: open(&replay.report)?,
        })
    }

    /// Writes what the batch holds and gives its totals to the metrics.
    fn take(&mut self, processor: &mut Processor, metrics: &Metrics) -> Result<()> {
        self.offers(processor)?;
        metrics.committed(&processor.take_batch().totals);
        Ok(())
    }

    fn offers(&mut self, processor: &mut Processor) -> Result<()> {
        for offer in processor.drain_offers() {
            let file = if offer.arm == Arm::Holdout { &mut self.withheld } else { &mut self.offers };
            if let Some(file) = file {
                file.write_all(&offer.json).and_then(|()| file.write_all(b"\n")).context("an offer can't be written")?;
            }
        }
        Ok(())
    }

    fn reject(&mut self, origin: Origin<'_>, record: &Record<'_>, reject: &Reject) -> Result<()> {
        let Some(out) = &mut self.rejected else { return Ok(()) };
        let payload = String::from_utf8_lossy(&record.payload[..record.payload.len().min(DEAD_LETTER_BYTES_MAX)]);
        let mut entry =
            json!({"reason": reject.reason.as_str(), "detail": reject.detail, "size": record.payload_bytes, "payload": payload});
        if let Some(fields) = entry.as_object_mut() {
            fields.extend(origin.fields());
        }
        writeln!(out, "{entry}").context("a rejected line can't be written")
    }

    fn finish(&mut self, replay: &Replay, config: &Config, processor: &Processor, shop: &Shop, metrics: &Metrics) -> Result<()> {
        if let (Some(out), Some(path)) = (&mut self.report, &replay.report) {
            let session = replay.report_session.as_deref().map(|session| SessionStory::of(session, processor.trail(), shop));
            let report = Report { insights: Insights::of(shop, &config.engine, self.period), session };
            report
                .write(Format::of(path).unwrap_or(Format::Text), out)
                .and_then(|()| out.flush())
                .context("the report can't be written")?;
        }
        if let Some(out) = &mut self.counts {
            dump::counts(shop, out).and_then(|()| out.flush()).context("the counts can't be written")?;
        }
        if let Some(out) = &mut self.snapshot {
            write_snapshot(&head_of(shop, config, self.period), shop.freeze(), out).context("the snapshot can't be written")?;
        } else if let Some(place) = &replay.snapshot {
            snapshots::keep(&place.to_string_lossy(), &head_of(shop, config, self.period), shop.freeze())?;
        }
        if let (Some(hours), Some(out)) = (&mut self.hours, &mut self.openmetrics) {
            hours.write(processor, out).and_then(|()| out.flush()).context("the metrics of each hour can't be written")?;
        }
        if let Some(out) = &mut self.metrics {
            metrics.observe_sessions(processor.partitions().values(), &config.engine.limits);
            let text = metrics.scrape(shop, &config.engine.limits)?;
            out.write_all(&text).and_then(|()| out.flush()).context("the metrics can't be written")?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        for file in [&mut self.offers, &mut self.withheld, &mut self.rejected].into_iter().flatten() {
            file.flush().context("an output can't be written")?;
        }
        Ok(())
    }
}

/// Where the snapshot of a replayed shop belongs: in front of a shop log of which nothing was read yet.
fn head_of(shop: &Shop, config: &Config, period: Option<Period>) -> SnapshotHead {
    SnapshotHead {
        topic: config.kafka.shop_topic.clone(),
        next_offset: 0,
        last_record: None,
        taken_at_ms: period.map_or(0, |period| period.to.0),
        half_life_ms: shop.decay().map_or(config.engine.ranking.half_life.0, |decay| decay.half_life_ms),
    }
}

fn is_place(path: &Path) -> bool {
    path.to_str().is_some_and(Place::is_meant_by)
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    File::create(path).map(BufWriter::new).with_context(|| cannot_write(path))
}

fn cannot_write(path: &Path) -> String {
    format!("{} can't be written", path.display())
}

/// Reads a log's lines for a test or a tool, without the engine.
///
/// # Errors
/// What reading fails with.
pub fn for_each_line(path: &Path, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut input = Input::open(path, Arc::default())?;
    while let Some(line) = input.next_line()? {
        take(line.bytes);
    }
    Ok(())
}
