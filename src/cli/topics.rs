//! `topics` and `check`.

use std::io;

use anyhow::Result;
use clap::{Args, Subcommand};
use offerstream::kafka::{admin, check};

use super::ConfigArgs;

/// Makes the topics it needs, or shows them
#[derive(Args)]
pub struct TopicsArgs {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Subcommand)]
enum TopicsCommand {
    Create(CreateArgs),
    Describe(DescribeArgs),
}

/// Makes the topics that are missing; those that are there stay as they are
#[derive(Args)]
#[command(after_help = "Example:\n  offerstream topics create --config offerstream.toml --partitions 12")]
struct CreateArgs {
    /// Partitions of the events topics and of those that go with them; the shop log always has one [default: as
    /// many as the events topics have, 12 where there is none yet]
    #[arg(long, value_name = "N")]
    partitions: Option<i32>,
    /// Replicas of each partition [default: 3, or as many as there are brokers]
    #[arg(long, value_name = "N")]
    replication: Option<i32>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Shows the topics as they are, what each is for, and what is wrong with them
#[derive(Args)]
#[command(after_help = "Example:\n  offerstream topics describe --config offerstream.toml")]
struct DescribeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Checks configuration, connection, topics, rights and keys, and says how to mend what is wrong
#[derive(Args)]
#[command(after_help = "Example:\n  offerstream check --config offerstream.toml\n\n\
    It leaves nothing behind: what it writes, it writes in transactions that are aborted.")]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Makes or shows topics.
pub fn run_topics(args: &TopicsArgs) -> Result<()> {
    let mut out = io::stdout().lock();
    match &args.command {
        TopicsCommand::Create(args) => admin::create(&args.config.load()?, args.partitions, args.replication, &mut out),
        TopicsCommand::Describe(args) => admin::describe(&args.config.load()?, &mut out),
    }
}

/// Checks.
pub fn run_check(args: &CheckArgs) -> Result<()> {
    check::check(&args.config.load()?, &mut io::stdout().lock())
}
