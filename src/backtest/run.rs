//! The command: reads logs, asks, writes.
//!
//! Invariant: a line is read once and goes to every configuration; results go to the files named and to `out`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};

use super::baselines::{self, Baselines};
use super::figures::{Scope, Tally};
use super::items::Items;
use super::logged::LoggedOffers;
use super::predictions;
use super::rankers::{self, ENGINE, OTHER, Rankings, answers, companions, placement_of};
use super::report::{LogFigures, Report};
use super::steps::Baskets;
use crate::config::Config;
use crate::engine::ranking::learner::Known;
use crate::engine::settings::{Ranking, Settings};
use crate::engine::shop::Shop;
use crate::event::{EventKind, ItemId, Reading, Reject, RejectReason, Timestamp};
use crate::insights::{Chances, WorthGain};
use crate::pipeline::{Applied, Envelope, Learning, Processor, Record};
use crate::replay::{self, Files, Source, load_catalogue};

/// What to measure.
#[derive(Clone, Debug)]
pub struct Backtest {
    /// Logs, in this order; `-` is standard input.
    pub events: Vec<PathBuf>,
    /// A catalogue.
    pub catalogue: Option<PathBuf>,
    /// Where to write the engine's answers.
    pub predictions: Option<PathBuf>,
    /// Offers that were sent: lines of the offers' topic.
    pub offers: Option<PathBuf>,
    /// Which baskets and steps are scored.
    pub scope: Scope,
    /// Ranks for every objective, beside the one that is set.
    pub objectives: bool,
    /// Results as JSON.
    pub json: bool,
}

/// Sessions that are over are dropped after so many lines.
const LINES_A_SWEEP: u64 = 10_000;

/// Runs the backtest, against `other` too where there is one; the report goes to `out`.
///
/// # Errors
/// A file that can't be read or written, by name; a log that has nothing to score.
pub fn run(backtest: &Backtest, config: &Config, other: Option<&Config>, out: &mut impl Write) -> Result<()> {
    let read = backtest.events.iter().chain(&backtest.catalogue).chain(&backtest.offers);
    replay::check_distinct(read, backtest.predictions.iter())?;
    let engine = Engine::new(config, backtest)?;
    let other = other.map(|config| Engine::new(config, backtest)).transpose()?;
    let mut measured = Measured::new(backtest, &engine, other.is_some())?;
    let mut log = LogFigures::default();
    measured.read_all(backtest, engine, other, &mut log)?;
    let report = measured.report(backtest, log)?;
    if backtest.json { report.write_json(out) } else { report.write_text(out) }.context("standard output can't be written")
}

/// A configuration at work.
struct Engine {
    settings: Arc<Settings>,
    shop: Arc<Shop>,
    reading: Reading,
    processor: Processor,
}

impl Engine {
    fn new(config: &Config, backtest: &Backtest) -> Result<Self> {
        let settings = Arc::new(config.engine.clone());
        let shop = Arc::new(Shop::new(&settings.limits));
        if let Some(path) = &backtest.catalogue {
            load_catalogue(&shop.catalogue, path)?;
        }
        let processor = Processor::new(Arc::clone(&settings), Arc::clone(&shop), Learning::AtOnce)
            .with_customer_key(config.privacy.key.clone())
            .with_token_key(config.token_key());
        Ok(Self { settings, shop, reading: config.reading_of("", None), processor })
    }

    /// What it puts first where the event is answered; it learns from the event then.
    fn ask(&mut self, record: &Record<'_>, envelope: Envelope<'_>) -> Vec<ItemId> {
        let (settings, mut answer) = (Arc::clone(&self.settings), Vec::new());
        // What can't be used is the same for all, and counted once.
        let _ = self.processor.process_observed(record, envelope, |applied| {
            if let Some(placement) = placement_of(&applied.event.kind) {
                answer = companions(applied, &settings, placement);
            }
        });
        answer
    }
}

/// Everything that is measured, while the log is read.
struct Measured {
    settings: Arc<Settings>,
    items: Items,
    baskets: Baskets,
    baselines: Baselines,
    tally: Tally,
    logged: LoggedOffers,
    predictions: Option<BufWriter<File>>,
    newest: Timestamp,
    /// The ranking for each other objective.
    objectives: Vec<Ranking>,
    /// What ranking knew in the end, and what an example weighed.
    known: Arc<Known>,
    whole: f64,
}

impl Measured {
    fn new(backtest: &Backtest, engine: &Engine, has_other: bool) -> Result<Self> {
        let settings = Arc::clone(&engine.settings);
        let objectives = if backtest.objectives { rankers::for_objectives(&settings.ranking) } else { Vec::new() };
        let named = objectives.iter().map(|(name, _)| *name);
        let names = [ENGINE].into_iter().chain(has_other.then_some(OTHER)).chain(named).chain(baselines::NAMES).collect();
        let baskets = Baskets::new(settings.session.idle.0, settings.limits.sessions, backtest.scope.cap, settings.currency);
        Ok(Self {
            items: Items::default(),
            baskets,
            baselines: Baselines::default(),
            tally: Tally::new(backtest.scope, names),
            logged: LoggedOffers::new(settings.attribution.clone()),
            predictions: backtest.predictions.as_deref().map(create).transpose()?,
            newest: Timestamp::MIN,
            objectives: objectives.into_iter().map(|(_, ranking)| ranking).collect(),
            known: Arc::default(),
            whole: 1.0,
            settings,
        })
    }

    fn read_all(&mut self, backtest: &Backtest, mut engine: Engine, mut other: Option<Engine>, log: &mut LogFigures) -> Result<()> {
        if let Some(path) = &backtest.offers {
            self.read_offers(path, log)?;
        }
        let mut source = Files::new("backtest", &backtest.events).read_as(engine.reading);
        let (mut lines, mut first_reject) = (0_u64, None);
        while let Some(sourced) = source.next()? {
            let answer = other.as_mut().map(|other| other.ask(&sourced.record, sourced.envelope));
            let observed = |applied: &Applied<'_>| self.take(applied, answer.as_deref());
            match engine.processor.process_observed(&sourced.record, sourced.envelope, observed) {
                Ok(()) => log.events += 1,
                Err(reject) => self.rejected(&sourced.record, reject, log, &mut first_reject),
            }
            lines += 1;
            if lines.is_multiple_of(LINES_A_SWEEP) {
                source.show();
                self.baskets.sweep();
                self.logged.sweep(self.newest);
                [Some(&mut engine), other.as_mut()].into_iter().flatten().for_each(|engine| drop(engine.processor.take_batch()));
            }
            self.score_over(log)?;
        }
        (self.known, self.whole) = (engine.shop.learner.known(), engine.shop.decay().map_or(1.0, |decay| decay.whole_at(self.newest)));
        self.baskets.end_all();
        self.score_over(log)?;
        if let Some(file) = &mut self.predictions {
            file.flush().context("the predictions can't be written")?;
        }
        let why = first_reject
            .map_or(String::new(), |reject: Reject| format!("; the first of {} rejected lines: {}", log.rejected, reject.detail));
        ensure!(log.events > 0, "the log has no events that can be used{why}");
        Ok(())
    }

    /// An event, after its session has it and before the shop learns of it.
    fn take(&mut self, applied: &Applied<'_>, other: Option<&[ItemId]>) {
        self.newest = self.newest.max(applied.event.ts);
        self.logged.observe(applied);
        if let Some(question) = self.baskets.take(applied, &mut self.items) {
            let is_scored = question.index.is_none_or(|index| self.tally.is_scored(index));
            let baselines = is_scored.then_some(&mut self.baselines);
            let rankings = Rankings { settings: &self.settings, objectives: &self.objectives, other };
            let answers = answers(applied, &rankings, &question, baselines, &mut self.items);
            self.baskets.keep(applied.key, &question, &mut self.items, answers);
        }
        if matches!(applied.event.kind, EventKind::Purchase { .. } | EventKind::Refund(_) | EventKind::OrderCancelled) {
            let orders = applied.session.orders.iter().filter(|order| Some(&order.id) == applied.event.order_id.as_ref());
            self.baselines.change(orders.flat_map(|order| order.lines.iter().map(|line| &line.item)));
        }
    }

    /// A log may have the offers that were sent between its events.
    fn rejected(&mut self, record: &Record<'_>, reject: Reject, log: &mut LogFigures, first: &mut Option<Reject>) {
        if reject.reason == RejectReason::UnknownType && self.logged.take(record.payload).is_ok() {
            return;
        }
        log.rejected += 1;
        first.get_or_insert(reject);
    }

    fn read_offers(&mut self, path: &Path, log: &mut LogFigures) -> Result<()> {
        let mut first = None;
        replay::for_each_line(path, |line| {
            if let Err(why) = self.logged.take(line) {
                log.offers_rejected += 1;
                first.get_or_insert(why);
            }
        })
        .with_context(|| format!("{} can't be read", path.display()))?;
        match first {
            Some(why) if self.logged.is_empty() => bail!("{} has no offer that can be used: {why}", path.display()),
            _ => Ok(()),
        }
    }

    /// Scores the baskets that have ended, and writes their predictions.
    fn score_over(&mut self, log: &mut LogFigures) -> Result<()> {
        for basket in self.baskets.take_over() {
            self.tally.add(&basket);
            if let Some(file) = &mut self.predictions {
                predictions::write(&basket, &self.items, file).context("the predictions can't be written")?;
                let of_cart = basket.asked.iter().filter(|asked| asked.placement == crate::engine::vocabulary::Placement::Cart);
                log.predictions_without_order += if basket.order_id.is_none() { of_cart.count() as u64 } else { 0 };
            }
        }
        Ok(())
    }

    fn report(self, backtest: &Backtest, mut log: LogFigures) -> Result<Report> {
        (log.baskets, log.items) = (self.baskets.counted(), self.items.in_baskets());
        log.first_basket = self.tally.first_basket(log.baskets);
        let (chances, worth) = (Chances::of(&self.known), WorthGain::all(&self.known, self.whole));
        let placements = self.tally.figures(log.baskets, log.items);
        let off_policy = self.logged.figures();
        ensure!(
            !placements.is_empty() || !off_policy.is_empty(),
            "nothing to score: of {} baskets none in the last {} % had an item still to come after a step",
            log.baskets,
            backtest.scope.window * 100.0
        );
        Ok(Report { log, scope: backtest.scope, placements, off_policy, chances, worth })
    }
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    File::create(path).map(BufWriter::new).with_context(|| format!("{} can't be written", path.display()))
}
