//! `run` and `check` against a broker with TLS, passwords and access control lists, where nothing is allowed but what is
//! listed. `scripts/kafka_secured.sh start DIR` starts one, and `OFFERSTREAM_TEST_SECURED_DIR=DIR` names it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use serde_json::json;
use support::events::{Event, START_MS, log};
use support::instance::{Instance, program};
use support::scene::{await_all, check};
use support::secured::{Acl, Secured, documented, password};
use support::topics::Topics;

const PARTITIONS: i32 = 2;

/// The names of the documentation, as the test's own.
fn renamed(topics: &Topics, command: &str) -> String {
    let prefix = &topics.prefix;
    let topic = |default: &str| -> Option<String> {
        let own = match default {
            "shop.events" => "events",
            "shop.catalogue" => "catalogue",
            "shop.offers" => "offers",
            "shop.offers.withheld" => "withheld",
            "shop.events.dlq" => "dlq",
            "offerstream.sessions" => "sessions",
            "offerstream.shop" => "shop",
            "offerstream.events" => "repartitioned",
            _ => return None,
        };
        Some(topics.name(own))
    };
    let word = |word: &str| match word {
        "offerstream" => prefix.clone(),
        "offerstream-" => format!("{prefix}-"),
        "offerstream-repartition" => format!("{prefix}-repartition"),
        other => topic(other).unwrap_or_else(|| other.to_owned()),
    };
    command.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The rights of a part of the documentation, on the test's own names, for one user.
fn rights(topics: &Topics, part: &str, user: &str) -> Vec<Acl> {
    let of_command = |command: &String| Acl::of_command(&renamed(topics, command));
    let rights = documented(part).iter().flat_map(of_command).collect::<Vec<_>>();
    rights.into_iter().map(|right| Acl { principal: user.to_owned(), ..right }).collect()
}

fn with_topics(secured: &Secured, test: &str) -> Topics {
    let topics = Topics::create(&secured.admin(), test, PARTITIONS);
    topics.make(&["catalogue"]);
    topics
}

fn refs<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// What `check` writes, and whether it passed.
fn checked(topics: &Topics, settings: &[(&str, &str)]) -> (String, bool) {
    let output = program(topics, settings).env("OFFERSTREAM_KAFKA__INSTANCE_ID", "one").arg("check").output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr), output.status.success())
}

/// The lines that are meant for a person.
fn last_words(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.starts_with("offerstream: ")).collect()
}

#[test]
fn the_documented_rights_are_enough_with_every_way_to_log_in_and_secrets_stay_secret() {
    let Some(secured) = Secured::find("the_documented_rights_are_enough_with_every_way_to_log_in_and_secrets_stay_secret") else { return };
    let topics = with_topics(&secured, "rights");
    // The commands themselves, as they stand in the documentation.
    std::thread::scope(|scope| {
        for command in ["offerstream", "storefront"].into_iter().flat_map(documented) {
            let (command, secured) = (renamed(&topics, &command), &secured);
            scope.spawn(move || secured.run(&command));
        }
    });
    let events = log(11, 3_000, true);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, password("offerstream") + "\n").unwrap();
    for (mechanism, part) in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].into_iter().zip(events.chunks(events.len().div_ceil(3))) {
        let mut settings = secured.settings(mechanism, "offerstream");
        if mechanism == "SCRAM-SHA-256" {
            settings.retain(|(name, _)| *name != "kafka.client.sasl_password");
            settings.push(("kafka.client_files.sasl_password", file.display().to_string()));
        }
        settings.push(("log", "trace".into()));
        settings.push(("kafka.client.debug", "security,conf,broker".into()));
        let instance = Instance::ready(&topics, "one", &refs(&settings));
        topics.feed(part);
        await_all(&topics, &[&instance]);
        let log = instance.drained();
        assert!(!log.contains(&password("offerstream")), "the log of {mechanism} has the password");
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is not that of the trace level");
    }
    let (text, passed) = checked(&topics, &refs(&secured.settings("SCRAM-SHA-512", "offerstream")));
    assert!(passed && !text.contains("FAIL"), "{text}");
    assert!(!text.contains(&password("offerstream")));
    let outcome = check(&topics, &events);
    assert!(outcome.offers.len() > 50 && !outcome.dead_letters.is_empty(), "this log proves little");
    storefronts(&secured, &topics, outcome.offers.len());
}

/// A storefront reads all offers, and nothing else.
fn storefronts(secured: &Secured, topics: &Topics, offers: usize) {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", secured.brokers())
        .set("security.protocol", "sasl_ssl")
        .set("ssl.ca.location", secured.authority())
        .set("sasl.mechanism", "SCRAM-SHA-512")
        .set("sasl.username", "storefront")
        .set("sasl.password", password("storefront"))
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest");
    let subscribed = |which: &str| -> BaseConsumer {
        let consumer: BaseConsumer = client.clone().set("group.id", format!("storefront-{}", topics.prefix)).create().unwrap();
        consumer.subscribe(&[&topics.name(which)]).unwrap();
        consumer
    };
    let (consumer, started, mut read) = (subscribed("offers"), Instant::now(), 0);
    while read < offers {
        assert!(started.elapsed() < Duration::from_secs(30), "{read} of {offers} offers were read");
        read += usize::from(consumer.poll(Duration::from_millis(200)).is_some_and(|polled| polled.unwrap().payload().is_some()));
    }
    drop(consumer);
    for which in ["withheld", "sessions", "shop", "events"] {
        let (consumer, started) = (subscribed(which), Instant::now());
        let refused = loop {
            match consumer.poll(Duration::from_millis(200)) {
                Some(Err(KafkaError::MessageConsumption(code))) => break code,
                Some(Ok(_)) => panic!("a storefront reads {which}"),
                _ => assert!(started.elapsed() < Duration::from_secs(30), "{which}: nothing is said"),
            }
        };
        assert_eq!(refused, RDKafkaErrorCode::TopicAuthorizationFailed, "{which}");
    }
}

#[test]
fn without_any_one_of_the_documented_rights_run_and_check_name_it_and_the_remedy() {
    let Some(secured) = Secured::find("without_any_one_of_the_documented_rights_run_and_check_name_it_and_the_remedy") else { return };
    let count = |part| rights(&Topics::named("", "", 1), part, "").len();
    assert_eq!((count("offerstream"), count("repartition")), (11, 3), "as many rights as docs/security.md lists");
    let cases: Mutex<VecDeque<usize>> = Mutex::new((0..14).collect());
    // Each case has topics, a group and a user of its own; most of their time they wait.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = { cases.lock().unwrap().pop_front() } {
                    without(&secured, case);
                }
            });
        }
    });
}

/// Takes one right away, and reads what is said.
fn without(secured: &Secured, case: usize) {
    let (topics, user) = (with_topics(secured, &format!("without-{case}")), format!("user-{case}"));
    let mut rights = rights(&topics, "offerstream", &user);
    let mut settings = secured.settings("PLAIN", &user);
    settings.push(("experiment.holdout_ratio", "0.5".into()));
    if case >= rights.len() {
        topics.make(&["repartitioned"]);
        rights.extend(self::rights(&topics, "repartition", &user));
        settings.push(("kafka.repartition", "true".into()));
    }
    let taken = rights.remove(case);
    secured.grant(&rights);
    // Enough for offers, withheld offers and dead letters.
    let mut events = log(12, 1_200, false);
    events.push(Event { expect: Some("not_json"), value: b"{".to_vec(), ..Event::new(START_MS, json!({"session_id": "junk"})) });
    topics.feed(&events);
    let says = match taken.kind {
        "transactional-id" => format!("grant {} on transactional ids with the prefix {}", taken.operation, taken.name),
        kind => format!("grant {} on {kind} {}", taken.operation, taken.name),
    };
    let instance = Instance::start(&topics, "one", &refs(&settings));
    if taken.name.ends_with(".catalogue") {
        // Nothing depends on it.
        instance.await_log(&says);
        await_all(&topics, &[&instance]);
        instance.drained();
    } else {
        let (status, log) = instance.ended();
        assert!(!status.success(), "without {taken:?} run ended with success:\n{log}");
        let words = last_words(&log);
        assert!(words.len() == 1 && words[0].contains(&says), "without {taken:?} run does not say {says:?}:\n{log}");
    }
    let (text, passed) = checked(&topics, &refs(&settings));
    assert_eq!(passed, taken.name.ends_with(".catalogue"), "without {taken:?} check ends so:\n{text}");
    let named: Vec<&str> = text.lines().filter(|line| line.contains(&says)).collect();
    assert_eq!(named.len(), 1, "without {taken:?} check does not say {says:?} once:\n{text}");
    // It was this right, and no other.
    secured.grant(&[taken]);
    let (text, passed) = checked(&topics, &refs(&settings));
    assert!(passed, "with all rights check fails:\n{text}");
}

#[test]
fn a_wrong_password_and_an_unknown_authority_are_one_line_without_the_password() {
    let Some(secured) = Secured::find("a_wrong_password_and_an_unknown_authority_are_one_line_without_the_password") else { return };
    let wrong = |setting: &'static str, value: &str| {
        let mut settings = secured.settings("SCRAM-SHA-256", "offerstream");
        settings.retain(|(name, _)| *name != setting);
        settings.push((setting, value.to_owned()));
        settings.push(("log", "trace".into()));
        settings
    };
    let cases = [
        (
            wrong("kafka.client.sasl_password", "hunter2-hunter2"),
            "does not let this user in: check sasl.mechanism, sasl.username and sasl.password",
        ),
        (wrong("kafka.client.sasl_username", "nobody"), "does not let this user in"),
        (wrong("kafka.brokers", &secured.unknown()), "no TLS connection: check security.protocol, and that ssl.ca.location"),
    ];
    std::thread::scope(|scope| {
        for (settings, says) in cases {
            // Most of its time each case waits.
            let secured = &secured;
            scope.spawn(move || refused(secured, settings, says));
        }
    });
}

/// Demands that `run` and `check` say so in one line, and nothing of the password.
fn refused(secured: &Secured, settings: Vec<(&'static str, String)>, says: &str) {
    let topics = Topics::named(&secured.admin(), "wrong", 1);
    let (status, log) = Instance::start(&topics, "one", &refs(&settings)).ended();
    assert!(!status.success(), "{log}");
    let words = last_words(&log);
    assert!(words.len() == 1 && words[0].contains(says), "it does not say {says:?}:\n{log}");
    let (text, passed) = checked(&topics, &refs(&settings));
    let failed: Vec<&str> = text.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(!passed && failed.len() == 1 && failed[0].contains("TLS and SASL settings under [kafka.client]"), "{text}");
    for secret in ["hunter2", &password("offerstream")] {
        assert!(!log.contains(secret) && !text.contains(secret), "the password is shown:\n{log}{text}");
    }
}

#[test]
fn events_by_http_are_in_the_topic_once_they_are_accepted_and_need_a_right_of_their_own() {
    let Some(secured) = Secured::find("events_by_http_are_in_the_topic_once_they_are_accepted_and_need_a_right_of_their_own") else {
        return;
    };
    let (topics, user) = (with_topics(&secured, "http"), "user-39");
    secured.grant(&rights(&topics, "offerstream", user));
    let events = log(13, 200, false);
    let settings =
        [secured.settings("PLAIN", user), vec![("http.events", "true".into()), ("http.token", "0123456789abcdef".into())]].concat();
    let instance = Instance::ready(&topics, "one", &refs(&settings));
    let bodies: Vec<&str> = events.iter().map(|event| std::str::from_utf8(&event.value).unwrap()).collect();
    let list = format!("[{}]", bodies.join(","));
    let token = "Authorization: Bearer 0123456789abcdef";
    let (status, body) = instance.post("/v1/events", &[token], bodies[0]).unwrap();
    assert_eq!(status, 503, "{body}");
    instance.await_log(&format!("grant Write on topic {}", topics.name("events")));
    secured.grant(&rights(&topics, "http", user));
    // The right is known to the broker a moment later.
    let started = Instant::now();
    while instance.post("/v1/events", &[token], &list).unwrap().0 != 202 {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", instance.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(instance.post("/v1/events", &[], &list).unwrap().0, 401);
    // They are there by now, keyed and partitioned as the shop's own producers do it.
    let there = topics.read("events");
    assert_eq!(there.len(), events.len());
    let same = Topics::create(&secured.admin(), "http-same", PARTITIONS);
    same.feed(&events);
    let places = |topics: &Topics| topics.read("events").into_iter().map(|rec| (rec.partition, rec.key, rec.value)).collect::<Vec<_>>();
    assert_eq!(places(&topics), places(&same));
    await_all(&topics, &[&instance]);
    instance.drained();
    check(&topics, &events);
}
