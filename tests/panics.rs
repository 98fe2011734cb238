//! A panic in any thread ends the process, and names the record at hand: seen from outside, by this very test as a
//! process of its own.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::process::{Command, Output};
use std::sync::Arc;

use offerstream::engine::settings::Settings;
use offerstream::engine::shop::Shop;
use offerstream::panics;
use offerstream::pipeline::{Learning, Processor, Record};

/// Set in the process that is to panic.
const CHILD: &str = "TEST_PANICS_CHILD";

/// Runs one test of this file in a process of its own.
fn child(test: &str) -> Output {
    let this = std::env::current_exe().unwrap();
    Command::new(this).args([test, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap()
}

/// Works on a record, then panics in a thread whose end nobody waits for.
fn panic_in_a_thread() {
    panics::end_process();
    std::thread::Builder::new()
        .name("stream".into())
        .spawn(|| {
            panics::taken("shop.events", 3, 41);
            let mut processor =
                Processor::new(Arc::new(Settings::default()), Arc::new(Shop::new(&Settings::default().limits)), Learning::AtOnce);
            let record = Record { partition: 3, key: None, payload: b"{", payload_bytes: 1, record_time: None };
            let _ = processor.process(&record);
            panics::taken("shop.events", 3, 42);
            panic!("a bug");
        })
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn a_panic_in_any_thread_ends_the_process_and_names_the_record() {
    if std::env::var_os(CHILD).is_some() {
        panic_in_a_thread();
    }
    let output = child("a_panic_in_any_thread_ends_the_process_and_names_the_record");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{log}");
    assert!(log.contains("a bug") && log.contains("topic shop.events, partition 3, offset 42"), "{log}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("test result"), "the process went on");
}

#[test]
fn the_program_ends_on_panics_before_it_does_anything_else() {
    let main = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/main.rs")).unwrap();
    let body = main.split_once("fn main() -> ExitCode {").unwrap().1;
    assert_eq!(body.trim_start().lines().next(), Some("offerstream::panics::end_process();"));
}
