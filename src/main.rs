//! The command line, and nothing else.

mod cli;

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    end_on_panic();
    log_to_stderr();
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offerstream: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A panic in any thread ends the process: a thread that is gone in silence would lose what it was there for.
fn end_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(101);
    }));
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("OFFERSTREAM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).with_target(false).init();
}
