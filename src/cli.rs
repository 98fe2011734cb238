//! Commands and their arguments.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use offerstream::config::Config;
use offerstream::replay::{self, Replay};

#[derive(Parser)]
#[command(name = "offerstream", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Replay(ReplayArgs),
}

/// Runs the engine over recorded logs: no broker is needed, and the same input gives the same bytes
#[derive(Args)]
#[command(after_help = "Example:\n  offerstream replay events.jsonl.gz --offers offers.jsonl --counts counts.jsonl")]
struct ReplayArgs {
    /// Logs, one JSON event a line; plain, gzip or zstd; `-` is standard input
    #[arg(required = true, value_name = "EVENTS")]
    events: Vec<PathBuf>,
    /// A catalogue, one JSON product a line
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to write the offers made
    #[arg(long, value_name = "FILE")]
    offers: Option<PathBuf>,
    /// Where to write the offers kept back from held-out shoppers
    #[arg(long, value_name = "FILE")]
    withheld: Option<PathBuf>,
    /// Where to write the lines that can't be used, with the reason
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Where to write the counts, sorted
    #[arg(long, value_name = "FILE")]
    counts: Option<PathBuf>,
    /// Where to write the metrics, in Prometheus' text format
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
}

/// Runs the command that was asked for.
pub fn run() -> Result<()> {
    match Cli::parse().command {
        Command::Replay(args) => run_replay(args),
    }
}

fn run_replay(args: ReplayArgs) -> Result<()> {
    let config = Config::load(args.config.as_deref(), std::env::vars())?;
    let replay = Replay {
        events: args.events,
        catalogue: args.catalogue,
        offers: args.offers,
        withheld: args.withheld,
        rejected: args.rejected,
        counts: args.counts,
        metrics: args.metrics,
    };
    let mut out = io::stdout().lock();
    replay::run(&replay, &config, &mut out)?;
    out.flush().context("standard output can't be written")
}
