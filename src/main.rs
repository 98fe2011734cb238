//! The command line, and nothing else.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offerstream: {error:#}");
            ExitCode::FAILURE
        }
    }
}
