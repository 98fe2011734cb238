//! What `run` says and does where something is missing or wrong around it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::net::TcpListener;
use std::process::Command;

use support::events::log;
use support::instance::{Instance, program};
use support::scene::{await_all, await_records, check};
use support::topics::Topics;

/// Runs a command that is to fail; returns what it wrote to standard error.
fn failing(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it ended with success:\n{log}");
    assert!(output.stdout.is_empty(), "an error went to standard output");
    log
}

/// The lines that are meant for a person whose mistake it was.
fn last_words(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.starts_with("offerstream: ")).collect()
}

#[test]
fn without_a_broker_it_says_so_and_waits_and_still_ends_when_told_to() {
    // A port that was free a moment ago, and that nobody listens on.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let topics = Topics::named(&nobody.to_string(), "nobody", 1);
    let instance = Instance::start(&topics, "one", &[]);
    instance.await_log(&format!("kafka.brokers = {nobody}: no broker answers"));
    let (status, body) = instance.get("/readyz").unwrap();
    assert_eq!((status, body.trim()), (503, "connecting to Kafka"));
    assert_eq!(instance.get("/healthz").unwrap().0, 200);
    assert_eq!(instance.get("/metrics").unwrap().0, 200);
    instance.drained();
}

#[test]
fn a_wrong_setting_is_one_line_before_any_port_opens() {
    let topics = Topics::named("127.0.0.1:1", "wrong", 1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let wrong = [
        ("kafka.commit_interval_ms", "1", ["kafka.commit_interval_ms is 1", "5 to 60000"]),
        ("kafka.transaction_timeout_ms", "9000", ["kafka.transaction_timeout_ms is 9000", "10001 to"]),
        ("kafka.brokers", "", ["kafka.brokers", "host:port"]),
        ("experiment.holdout_ratio", "0.9", ["experiment.holdout_ratio is 0.9", "0 to 0.5"]),
        ("kafka.no_such_setting", "1", ["no_such_setting", "unknown field"]),
        ("ranking.half_life", "soon", ["half_life", "soon"]),
    ];
    for (setting, value, says) in wrong {
        let log = failing(program(&topics, &[("http.listen", &port), (setting, value)]).arg("run"));
        assert_eq!(log.lines().count(), 1, "{setting} = {value:?} takes more than one line:\n{log}");
        for part in says {
            assert!(log.contains(part), "{setting} = {value:?} does not say {part:?}:\n{log}");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_one_line_that_names_the_setting() {
    let topics = Topics::named("127.0.0.1:1", "taken", 1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let log = failing(program(&topics, &[("http.listen", &port)]).arg("run"));
    assert!(log.starts_with("offerstream: ") && log.lines().count() == 1 && log.contains(&format!("http.listen = {port}")), "{log}");
}

#[test]
fn a_topic_that_is_missing_is_one_line_that_names_it_and_the_remedy() {
    let Some(brokers) = support::brokers("a_topic_that_is_missing_is_one_line_that_names_it_and_the_remedy") else { return };
    let topics = Topics::named(&brokers, "missing", 2);
    topics.make(&["events", "offers", "withheld", "sessions", "shop"]);
    let (status, log) = Instance::start(&topics, "one", &[]).ended();
    assert!(!status.success());
    let words = last_words(&log);
    assert_eq!(words.len(), 1, "{log}");
    assert!(words[0].contains(&format!("topic {} does not exist", topics.name("dlq"))), "{log}");
    assert!(words[0].contains("offerstream topics create"), "{log}");
}

#[test]
fn topics_of_unequal_partition_counts_are_refused_by_name() {
    let Some(brokers) = support::brokers("topics_of_unequal_partition_counts_are_refused_by_name") else { return };
    let mut topics = Topics::named(&brokers, "unequal", 2);
    topics.make(&["events", "offers", "withheld", "dlq", "shop"]);
    topics.partitions = 3;
    topics.make(&["sessions"]);
    let (status, log) = Instance::start(&topics, "one", &[]).ended();
    assert!(!status.success());
    let words = last_words(&log);
    let expected = format!("topic {} has 3 partitions and {} has 2", topics.name("sessions"), topics.name("events"));
    assert!(words.len() == 1 && words[0].contains(&expected), "{log}");
}

#[test]
fn of_two_processes_under_one_instance_id_the_first_ends_and_says_why() {
    let Some(brokers) = support::brokers("of_two_processes_under_one_instance_id_the_first_ends_and_says_why") else { return };
    let topics = Topics::create(&brokers, "twice", 4);
    let events = log(5, 8_000, true);
    let small = [("kafka.commit_records_max", "200")];
    let first = Instance::ready(&topics, "same", &small);
    topics.feed(&events);
    await_records(&topics, 1_000, &first);
    let second = Instance::ready(&topics, "same", &small);
    let (status, log) = first.ended();
    assert!(!status.success(), "the first ended with success:\n{log}");
    let words = last_words(&log);
    assert!(words.len() == 1 && words[0].contains("kafka.instance_id"), "it does not say why:\n{log}");
    await_all(&topics, &[&second]);
    second.drained();
    check(&topics, &events);
}
