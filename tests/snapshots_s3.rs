//! Snapshots in an S3-compatible store. They run where `OFFERSTREAM_TEST_S3` names a place (`s3://bucket/prefix`) and
//! `AWS_*` its endpoint and credentials; `scripts/snapshots_s3.sh` starts such a store and runs them.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use offerstream::snapshots::{Store, name_of};
use support::events::log;
use support::instance::{Instance, output, program};
use support::scene::{SOON, await_all, replayed_counts};
use support::topics::Topics;
use support::wait_until;

const SOON_ENOUGH: Duration = Duration::from_secs(60);
/// Set for the process that is to be killed while it writes.
const CHILD: &str = "OFFERSTREAM_TEST_S3_CHILD";

/// A place of the test's own; `None` where the test is to be skipped, which is said.
fn place(test: &str) -> Option<String> {
    match std::env::var("OFFERSTREAM_TEST_S3") {
        Ok(place) => Some(format!("{place}/{test}-{}", std::process::id())),
        Err(_) => {
            support::skipped(test, "it needs an S3-compatible store; run scripts/snapshots_s3.sh");
            None
        }
    }
}

/// The bucket itself, to look at what the store does not show.
fn bucket(place: &str) -> (AmazonS3, Path) {
    let (bucket, prefix) = place.trim_start_matches("s3://").split_once('/').unwrap();
    (AmazonS3Builder::from_env().with_bucket_name(bucket).build().unwrap(), Path::parse(prefix).unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn names(place: &str) -> Vec<String> {
    let (bucket, prefix) = bucket(place);
    let listed = block_on(bucket.list_with_delimiter(Some(&prefix))).unwrap();
    listed.objects.iter().map(|object| object.location.filename().unwrap().to_owned()).collect()
}

fn put(store: &Store, next_offset: i64, bytes: &[u8]) {
    store.put(&name_of(next_offset), &|| true, |out| out.write_all(bytes)).unwrap();
}

#[test]
fn what_is_put_in_one_request_or_in_parts_is_listed_read_and_deleted() {
    let Some(place) = place("put") else { return };
    let store = Store::open(&place).unwrap();
    assert_eq!(store.list().unwrap(), []);
    let large: Vec<u8> = (0..20_000_000_u32).map(|n| (n / 7) as u8).collect();
    put(&store, 7, b"seven");
    put(&store, 30, &large);
    let listed: Vec<_> = store.list().unwrap().into_iter().map(|entry| (entry.next_offset, entry.bytes)).collect();
    assert_eq!(listed, [(30, 20_000_000), (7, 5)]);
    assert_eq!(names(&place).len(), 2, "a marker stays: {:?}", names(&place));
    let mut read = Vec::new();
    store.get(&name_of(30)).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == large, "it is not what was written");
    store.probe().unwrap();
    store.delete(&name_of(30)).unwrap();
    store.delete(&name_of(30)).unwrap();
    assert_eq!(names(&place), [name_of(7)]);
}

#[test]
fn one_that_fails_in_the_middle_leaves_nothing() {
    let Some(place) = place("fails") else { return };
    let store = Store::open(&place).unwrap();
    let half = |out: &mut dyn Write| {
        out.write_all(&vec![1; 20_000_000])?;
        Err(std::io::Error::other("no more"))
    };
    assert!(store.put(&name_of(1), &|| true, half).is_err());
    assert_eq!(names(&place), Vec::<String>::new());
}

#[test]
fn a_bucket_that_is_not_there_is_one_line_without_secrets() {
    if place("missing").is_none() {
        return;
    }
    let store = Store::open("s3://no-such-bucket/prefix").unwrap();
    let error = format!("{:#}", store.list().unwrap_err());
    assert!(error.starts_with("s3://no-such-bucket/prefix: snapshots can't be listed: ") && !error.contains('\n'), "{error}");
    assert!(!error.contains(&std::env::var("AWS_SECRET_ACCESS_KEY").unwrap()), "{error}");
    eprintln!("{error}");
}

#[test]
fn parts_of_a_killed_writer_are_no_snapshot_and_are_taken_away_later() {
    if let Ok(place) = std::env::var(CHILD) {
        let write = |out: &mut dyn Write| {
            out.write_all(&vec![1; 20_000_000])?;
            std::thread::sleep(SOON_ENOUGH);
            Ok(())
        };
        Store::open(&place).unwrap().put(&name_of(9), &|| true, write).unwrap();
        return;
    }
    let Some(place) = place("killed") else { return };
    let this = "parts_of_a_killed_writer_are_no_snapshot_and_are_taken_away_later";
    let child = Command::new(std::env::current_exe().unwrap()).args(["--exact", this]).env(CHILD, &place).stdout(Stdio::null()).spawn();
    let mut child = child.unwrap();
    wait_until("the first parts", SOON_ENOUGH, || !names(&place).is_empty(), String::new);
    std::thread::sleep(Duration::from_millis(500));
    child.kill().unwrap();
    child.wait().unwrap();

    let store = Store::open(&place).unwrap();
    assert_eq!(store.list().unwrap(), [], "half a snapshot is listed");
    let (bucket, prefix) = bucket(&place);
    let marker = names(&place).pop().unwrap();
    let id = block_on(async { bucket.get(&prefix.clone().join(marker)).await.unwrap().bytes().await.unwrap() });
    let id = String::from_utf8(id.to_vec()).unwrap();
    assert_eq!(store.clean(Duration::from_secs(3_600)).unwrap(), 0, "a writer may be at it");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(store.clean(Duration::from_secs(1)).unwrap(), 1);
    assert_eq!(names(&place), Vec::<String>::new());
    let more = block_on(bucket.put_part(&prefix.join(name_of(9)), &id, 5, vec![1].into()));
    assert!(more.is_err(), "the upload still takes parts");
}

#[test]
fn run_keeps_its_snapshots_there_and_a_restart_goes_on_from_them() {
    let test = "run_keeps_its_snapshots_there_and_a_restart_goes_on_from_them";
    let Some(place) = place("run") else { return };
    if std::env::var_os("OFFERSTREAM_TEST_BROKERS").is_none() {
        return support::skipped(test, "it needs a Kafka broker as well: set OFFERSTREAM_TEST_BROKERS");
    }
    let topics = Topics::create(&support::brokers(test).unwrap(), "s3", 3);
    let events = log(21, 3_000, true);
    let mut settings = SOON.to_vec();
    settings.extend([("state.snapshot_url", place.as_str()), ("state.snapshot_interval", "1s"), ("state.snapshots_kept", "2")]);
    let instance = Instance::ready(&topics, "one", &settings);
    topics.feed(&events);
    await_all(&topics, &[&instance]);
    let written = || instance.log().matches("is written to s3://").count();
    wait_until("snapshots", SOON_ENOUGH, || written() >= 1, || instance.log());
    std::thread::sleep(Duration::from_secs(3));
    instance.kill();
    assert!((1..=3).contains(&names(&place).len()), "{:?}", names(&place));
    let instance = Instance::ready(&topics, "one", &settings);
    let log = instance.drained();
    assert!(log.contains("restored from snapshot shop-"), "{log}");
    assert!(!log.contains(&std::env::var("AWS_SECRET_ACCESS_KEY").unwrap()), "a secret is in the log");
    topics.settle();
    let counts = output(program(&topics, &settings[SOON.len()..]).args(["state", "dump", "--counts"]));
    assert!(counts == replayed_counts(&topics, &events), "counts of snapshot and log differ from a replay's");
    let checked = program(&topics, &settings[SOON.len()..]).arg("check").output().unwrap();
    let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.contains("ok    snapshots: can be written to, read from and deleted in s3://"), "{checked}");
}
