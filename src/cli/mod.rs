//! Commands and their arguments.

mod backtest;
mod topics;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use offerstream::config::Config;
use offerstream::demo::{self, Demo};
use offerstream::replay::{self, Replay};
use offerstream::{dump, kafka, serve};
use topics::{CheckArgs, TopicsArgs};

#[derive(Parser)]
#[command(name = "offerstream", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(RunArgs),
    Replay(ReplayArgs),
    Backtest(backtest::BacktestArgs),
    Demo(DemoArgs),
    Topics(TopicsArgs),
    Check(CheckArgs),
    State(StateArgs),
}

/// Consumes from Kafka until stopped: learns, makes offers, serves metrics. SIGTERM drains and ends it
#[derive(Args)]
#[command(after_help = "Example:\n  offerstream topics create --config offerstream.toml\n  offerstream run --config offerstream.toml")]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Plays a simulated shop: no broker and no files are needed
#[derive(Args)]
#[command(
    after_help = "Examples:\n  offerstream demo\n  offerstream demo --seconds 60 --write-log shop.jsonl\n  offerstream demo --brokers 127.0.0.1:9092"
)]
struct DemoArgs {
    /// How long; until stopped if not given
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// The port of metrics and health
    #[arg(long, value_name = "P", default_value_t = 9464)]
    port: u16,
    /// Where to write the events, for `replay`
    #[arg(long, value_name = "FILE")]
    write_log: Option<PathBuf>,
    /// Only feeds this real cluster, for a running `offerstream run`
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// Decides all that is left to chance
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// How many times faster than the clock simulated time runs [default: 120, with --brokers 1]
    #[arg(long, value_name = "X")]
    speed: Option<f64>,
    /// Shoppers in a busy hour of simulated time [default: 3000, with --brokers 20000]
    #[arg(long, value_name = "N")]
    shoppers_per_hour: Option<f64>,
}

/// Reads committed state back from Kafka
#[derive(Args)]
struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Subcommand)]
enum StateCommand {
    Dump(DumpArgs),
}

/// Writes committed state as sorted JSON lines to standard output
#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
#[command(after_help = "Example:\n  offerstream state dump --counts --config offerstream.toml > counts.jsonl")]
struct DumpArgs {
    /// What is bought together: as `replay --counts` writes it
    #[arg(long, group = "what")]
    counts: bool,
    /// Open sessions of all partitions
    #[arg(long, group = "what")]
    sessions: bool,
    /// The shop's totals
    #[arg(long, group = "what")]
    totals: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Where settings come from.
#[derive(Args)]
struct ConfigArgs {
    /// Settings; the environment overrules them (`OFFERSTREAM_KAFKA__BROKERS=127.0.0.1:9092`)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Brokers, in place of the setting `kafka.brokers`
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
}

impl ConfigArgs {
    fn load(&self) -> Result<Config> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars())?;
        if let Some(brokers) = &self.brokers {
            config.kafka.brokers.clone_from(brokers);
        }
        config.kafka.brokers().context("configuration")?;
        Ok(config)
    }
}

/// Runs the engine over recorded logs: no broker is needed, and the same input gives the same bytes
#[derive(Args)]
#[command(
    after_help = "Example:\n  offerstream replay events.jsonl.gz --offers offers.jsonl --counts counts.jsonl\n  offerstream replay events.jsonl.gz --report report.html --report-session cart-42\n  offerstream replay --from-kafka --config offerstream.toml --snapshot file:///var/lib/offerstream"
)]
struct ReplayArgs {
    /// Logs, one JSON event a line; plain, gzip or zstd; `-` is standard input
    #[arg(required_unless_present = "from_kafka", conflicts_with = "from_kafka", value_name = "EVENTS")]
    events: Vec<PathBuf>,
    /// Reads the events topics in place of logs, from their beginning, and the catalogue's topic in place of a file.
    /// With --snapshot: as far as the group has committed, and only while all instances are stopped
    #[arg(long)]
    from_kafka: bool,
    /// A catalogue: one JSON product a line, or a table whose name ends in .csv; plain, gzip or zstd
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
    /// Where to write the metrics as they were at each full hour of event time, in OpenMetrics text, for
    /// `promtool tsdb create-blocks-from openmetrics`; memory grows by 32 bytes for each hour in which a series changed
    #[arg(long, value_name = "FILE")]
    openmetrics: Option<PathBuf>,
    /// Where to write the report: a page to read and print where the name ends in .html, JSON in .json, text in .txt or without an ending
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Where to write a snapshot of the shop: a file, or a place as state.snapshot_url names it (file:///folder,
    /// s3://bucket/prefix, an existing folder), for `run` to start from. With --from-kafka a place is needed, and the snapshot
    /// stands for the shop log up to its end, so that a shop whose log was cut can start again
    #[arg(long, value_name = "FILE|URL")]
    snapshot: Option<PathBuf>,
    /// A session, by any of its ids: the report says of each of its triggers what was offered, or why nothing was
    #[arg(long, value_name = "ID", requires = "report")]
    report_session: Option<String>,
}

/// Runs the command that was asked for.
pub fn run() -> Result<()> {
    match Cli::parse().command {
        Command::Run(args) => serve::run(args.config.load()?),
        Command::Replay(args) => run_replay(args),
        Command::Backtest(args) => backtest::run(args),
        Command::Demo(args) => run_demo(args),
        Command::Topics(args) => topics::run_topics(&args),
        Command::Check(args) => topics::run_check(&args),
        Command::State(StateArgs { command: StateCommand::Dump(args) }) => run_dump(&args),
    }
}

fn run_demo(args: DemoArgs) -> Result<()> {
    let config = Config::load(None, std::env::vars())?;
    let (speed, shoppers) = if args.brokers.is_some() { (1.0, 20_000.0) } else { (120.0, 3_000.0) };
    let demo = Demo {
        seconds: args.seconds,
        port: args.port,
        write_log: args.write_log,
        brokers: args.brokers,
        seed: args.seed,
        speed: args.speed.unwrap_or(speed).clamp(0.01, 10_000.0),
        shoppers_per_hour: args.shoppers_per_hour.unwrap_or(shoppers).clamp(0.0, 1e7),
    };
    demo::run(&demo, config)
}

fn run_dump(args: &DumpArgs) -> Result<()> {
    let config = args.config.load()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.sessions {
        for (partition, sessions) in kafka::read_sessions(&config)? {
            dump::sessions(partition, &sessions, &mut out)?;
        }
    } else {
        let shop = kafka::read_shop(&config)?;
        if args.totals { dump::totals(&shop, &mut out) } else { dump::counts(&shop, &mut out) }?;
    }
    out.flush().context("standard output can't be written")
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
        snapshot: args.snapshot,
        metrics: args.metrics,
        openmetrics: args.openmetrics,
        report: args.report,
        report_session: args.report_session,
    };
    let mut out = io::stdout().lock();
    if args.from_kafka {
        kafka::replay_from_kafka(replay, config, &mut out)?;
    } else {
        replay::run(&replay, &config, &mut out)?;
    }
    out.flush().context("standard output can't be written")
}
