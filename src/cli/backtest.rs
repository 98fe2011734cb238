//! `offerstream backtest`: its arguments.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use offerstream::backtest::figures::Scope;
use offerstream::backtest::{self, Backtest};
use offerstream::config::Config;

/// Measures the ranking against what shoppers then did: each step is answered before it is learned from
#[derive(Args)]
#[command(
    after_help = "Examples:\n  offerstream backtest events.jsonl.gz\n  offerstream backtest events.jsonl.gz --predictions predictions.jsonl --stride 2\n  offerstream backtest events.jsonl.gz --vs other.toml --json > figures.json\n  offerstream backtest events.jsonl.gz --objectives\n  offerstream backtest events.jsonl.gz --offers offers.jsonl"
)]
pub(super) struct BacktestArgs {
    /// Logs, one JSON event a line; plain, gzip or zstd; `-` is standard input
    #[arg(required = true, value_name = "EVENTS")]
    events: Vec<PathBuf>,
    /// Where to write what the engine puts first at every step of every basket, for an outside scorer
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Another configuration to compare with, basket by basket
    #[arg(long, value_name = "CONFIG")]
    vs: Option<PathBuf>,
    /// Ranks for acceptance, revenue and margin side by side: what each gains and costs
    #[arg(long)]
    objectives: bool,
    /// Results as one JSON object, with all metrics
    #[arg(long)]
    json: bool,
    /// Settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A catalogue: one JSON product a line, or a table whose name ends in .csv; plain, gzip or zstd
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Offers that were really sent, as the offers' topic has them: what each variant would have done alone
    #[arg(long, value_name = "FILE")]
    offers: Option<PathBuf>,
    /// The share of the stream, at its end, whose baskets are scored; all are learned from
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    window: f64,
    /// Scores every so manyth basket only; all are learned from
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    stride: u32,
    /// Scores the first so many steps of a basket, and the one before its last item
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    cap: u32,
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0).ok_or_else(|| "above 0, at most 1, is needed".to_owned())
}

/// Runs it.
pub(super) fn run(args: BacktestArgs) -> Result<()> {
    let config = Config::load(args.config.as_deref(), std::env::vars())?;
    let other = args.vs.as_deref().map(|path| Config::load(Some(path), std::env::vars())).transpose()?;
    let backtest = Backtest {
        events: args.events,
        catalogue: args.catalogue,
        predictions: args.predictions,
        offers: args.offers,
        scope: Scope { window: args.window, stride: args.stride, cap: args.cap as usize },
        objectives: args.objectives,
        json: args.json,
    };
    let mut out = io::stdout().lock();
    backtest::run(&backtest, &config, other.as_ref(), &mut out)?;
    out.flush().context("standard output can't be written")
}
