//! Snapshots of the shop against a real Kafka: taken, used, passed over, missing, rebuilt.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use support::events::{Event, log};
use support::instance::{Instance, output, program};
use support::scene::{SOON, await_all, replayed_counts};
use support::topics::Topics;
use support::wait_until;
use tempfile::TempDir;

const PARTITIONS: i32 = 3;
const SOON_ENOUGH: Duration = Duration::from_secs(60);

/// A test's topics, its folder of snapshots, and settings that use both.
struct Scene {
    topics: Topics,
    folder: TempDir,
}

impl Scene {
    fn new(brokers: &str, test: &str) -> Self {
        Self { topics: Topics::create(brokers, test, PARTITIONS), folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }

    fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    fn start(&self, settings: &[(&str, &str)]) -> Instance {
        let url = self.url();
        let mut all = SOON.to_vec();
        all.extend([("state.snapshot_url", url.as_str()), ("state.snapshot_interval", "1s")]);
        all.extend_from_slice(settings);
        Instance::start(&self.topics, "one", &all)
    }

    fn ready(&self) -> Instance {
        let mut instance = self.start(&[]);
        instance.await_ready();
        instance
    }

    /// Feeds, and waits until a snapshot holds all of it; returns where it ends in the log.
    fn feed(&self, instance: &Instance, events: &[Event]) -> i64 {
        let unchanged = |instance: &Instance| metric(instance, r#"offerstream_snapshots_total{outcome="unchanged"}"#).unwrap_or(0.0);
        self.topics.feed(events);
        await_all(&self.topics, &[instance]);
        self.topics.settle();
        let (before, written) = (unchanged(instance), self.newest());
        wait_until("a snapshot of all", SOON_ENOUGH, || unchanged(instance) > before + 1.0, || instance.log());
        let newest = self.newest().expect("a snapshot");
        assert!(written.is_none_or(|written| written <= newest));
        newest
    }

    /// The names of whole snapshots, the one furthest on first.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path()) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".snapshot")).collect();
        names.sort();
        names.reverse();
        names
    }

    /// Where the furthest snapshot ends.
    fn newest(&self) -> Option<i64> {
        self.names().first().map(|name| offset_of(name))
    }

    /// What `state dump` writes, by snapshot and log.
    fn dump(&self, what: &str) -> String {
        self.topics.settle();
        let url = self.url();
        text(output(program(&self.topics, &[("state.snapshot_url", &url)]).args(["state", "dump", what])))
    }

    /// The same by the log alone.
    fn dump_of_log(&self, what: &str) -> String {
        self.topics.settle();
        text(output(program(&self.topics, &[]).args(["state", "dump", what])))
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.topics.brokers).create().unwrap()
    }

    /// Deletes the shop log, and makes one of the same name.
    fn make_shop_log_anew(&self) {
        let (client, name, options) = (self.admin(), self.topics.name("shop"), AdminOptions::new());
        block_on(client.delete_topics(&[&name], &options)).unwrap();
        let new = NewTopic::new(&name, 1, TopicReplication::Fixed(1)).set("max.message.bytes", "8388608");
        let made = || block_on(client.create_topics([&new], &options)).unwrap()[0].is_ok();
        wait_until("making the shop log anew", SOON_ENOUGH, made, String::new);
    }

    /// Deletes the shop log's records before an offset.
    fn cut(&self, before: Offset) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&self.topics.name("shop"), 0, before).unwrap();
        let cut = block_on(self.admin().delete_records(&offsets, &AdminOptions::new())).expect("records can't be deleted");
        assert_eq!(cut.elements()[0].error(), Ok(()));
    }

    /// `replay --from-kafka`, once the group has let its members go.
    fn rebuild(&self) -> Command {
        let url = self.url();
        let mut command = program(&self.topics, &[]);
        command.args(["replay", "--from-kafka", "--snapshot", &url]);
        command
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn offset_of(name: &str) -> i64 {
    name.trim_start_matches("shop-").trim_end_matches(".snapshot").parse().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn metric(instance: &Instance, series: &str) -> Option<f64> {
    let (_, text) = instance.get("/metrics")?;
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

/// Fails with the first line that differs: whole dumps are long.
fn assert_same(what: &str, one: &str, other: &str) {
    if one != other {
        let differing = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        panic!("{what}: {} and {} lines; {differing:?}", one.lines().count(), other.lines().count());
    }
}

fn lines_with<'a>(log: &'a str, text: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(text)).collect()
}

#[test]
fn a_killed_instance_goes_on_from_a_snapshot_and_a_log_cut_up_to_it_is_enough() {
    let Some(brokers) = support::brokers("a_killed_instance_goes_on_from_a_snapshot_and_a_log_cut_up_to_it_is_enough") else { return };
    let scene = Scene::new(&brokers, "snapshot");
    let events = log(11, 8_000, true);
    let (before, after) = events.split_at(6_000);
    let instance = scene.ready();
    let at = scene.feed(&instance, before);
    assert!(metric(&instance, "offerstream_snapshot_bytes").unwrap() > 0.0);
    assert_eq!(metric(&instance, "offerstream_snapshot_next_offset"), Some(at as f64));
    assert!(metric(&instance, "offerstream_snapshot_freeze_seconds_count").unwrap() > 0.0);
    instance.kill();
    assert!((1..=3).contains(&scene.names().len()), "state.snapshots_kept is 3: {:?}", scene.names());
    assert_same("totals of snapshot and log", &scene.dump("--totals"), &scene.dump_of_log("--totals"));
    assert_same("counts of snapshot and replay", &scene.dump("--counts"), &text(replayed_counts(&scene.topics, before)));

    let instance = scene.ready();
    let log = instance.log();
    assert_eq!(lines_with(&log, "restored from snapshot shop-").len(), 1, "{log}");
    assert_eq!(lines_with(&log, "passed over"), Vec::<&str>::new());
    scene.feed(&instance, after);
    let totals = scene.dump_of_log("--totals");
    instance.kill();
    // As retention leaves it when nothing came for long: empty, the last transaction's marker gone too.
    scene.cut(Offset::End);
    let instance = scene.ready();
    assert_same("totals after the log was cut", &scene.dump("--totals"), &totals);
    assert_same("counts after the log was cut", &scene.dump("--counts"), &text(replayed_counts(&scene.topics, &events)));
    instance.drained();
}

#[test]
fn a_shop_whose_log_was_cut_starts_again_from_a_rebuilt_snapshot_only() {
    let Some(brokers) = support::brokers("a_shop_whose_log_was_cut_starts_again_from_a_rebuilt_snapshot_only") else { return };
    let scene = Scene::new(&brokers, "rebuilt");
    let events = log(12, 6_000, true);
    let (before, after) = events.split_at(5_000);
    let mut instance = Instance::start(&scene.topics, "one", &SOON);
    instance.await_ready();
    scene.topics.feed(before);
    await_all(&scene.topics, &[&instance]);
    let refused = scene.rebuild().output().unwrap();
    let said = text(refused.stderr);
    assert!(!refused.status.success() && said.contains("has live members (offerstream-one)"), "{said}");
    instance.drained();
    scene.topics.settle();
    let totals = scene.dump_of_log("--totals");
    scene.cut(Offset::Offset(shop_records_cut(&scene)));

    // With and without a place for snapshots: one line that names the remedy.
    let (status, log) = Instance::start(&scene.topics, "one", &SOON).ended();
    assert!(!status.success() && log.contains("state.snapshot_url is not set"), "{log}");
    let (status, log) = scene.start(&[]).ended();
    let last = log.lines().last().unwrap();
    assert!(!status.success() && last.contains("there is no snapshot in"), "{log}");
    assert!(last.contains(&format!("run: offerstream replay --from-kafka --snapshot {}", scene.url())), "{log}");

    // What was fed since the stop is left for `run`.
    scene.topics.feed(after);
    wait_until(
        "the group's end",
        SOON_ENOUGH,
        || scene.rebuild().output().unwrap().status.success(),
        || text(scene.rebuild().output().unwrap().stderr),
    );
    assert_same("counts of the rebuilt and a replay", &scene.dump("--counts"), &text(replayed_counts(&scene.topics, before)));
    let events_and_orders = |totals: &str| -> Vec<String> {
        let kinds = [r#""total":"events""#, r#""total":"events_rejected""#, r#""total":"orders""#, r#""total":"order_revenue""#];
        totals.lines().filter(|line| kinds.iter().any(|kind| line.contains(kind))).map(str::to_owned).collect()
    };
    assert_eq!(events_and_orders(&scene.dump("--totals")), events_and_orders(&totals));
    let instance = scene.ready();
    await_all(&scene.topics, &[&instance]);
    scene.topics.settle();
    assert_same("counts after going on", &scene.dump("--counts"), &text(replayed_counts(&scene.topics, &events)));
    instance.drained();
}

/// An offset in the midst of the shop log.
fn shop_records_cut(scene: &Scene) -> i64 {
    let records = scene.topics.read("shop");
    records[records.len() / 2].offset
}

#[test]
fn what_is_damaged_cut_off_newer_or_of_another_shop_is_passed_over_with_a_line_each() {
    let Some(brokers) = support::brokers("what_is_damaged_cut_off_newer_or_of_another_shop_is_passed_over_with_a_line_each") else {
        return;
    };
    let scene = Scene::new(&brokers, "damaged");
    let events = log(13, 4_000, false);
    let instance = scene.ready();
    let at = scene.feed(&instance, &events[..3_000]);
    instance.kill();
    let good = fs::read(scene.path().join(&scene.names()[0])).unwrap();
    scene.topics.feed(&events[3_000..]);
    let mut instance = scene.start(&[("state.snapshot_interval", "1h")]);
    instance.await_ready();
    await_all(&scene.topics, &[&instance]);
    scene.topics.settle();
    let (counts, totals) = (scene.dump_of_log("--counts"), scene.dump_of_log("--totals"));
    instance.kill();

    let put = |after: i64, bytes: &[u8]| fs::write(scene.path().join(format!("shop-{:020}.snapshot", at + after)), bytes).unwrap();
    let mut damaged = good.clone();
    let middle = damaged.len() * 3 / 4;
    damaged[middle] ^= 1;
    put(1, &damaged);
    put(2, &good[..good.len() - 7]);
    let mut newer = good.clone();
    newer[8] = 99;
    put(3, &newer);
    put(4, b"something else");
    put(5, &of_another_shop(&scene));
    scene.cut(Offset::Offset(at));

    let instance = scene.ready();
    let log = instance.log();
    let lines = lines_with(&log, "is passed over: ");
    assert_eq!(lines.len(), 5, "{log}");
    for (line, why) in lines.iter().zip(["belongs to topic", "it is no snapshot", "version is 99", "it is cut off", "it was damaged"]) {
        assert!(line.contains(why) || line.replace("format is version 99", "version is 99").contains(why), "{line}");
    }
    assert_eq!(lines_with(&log, "restored from snapshot").len(), 1, "{log}");
    assert_eq!(metric(&instance, r#"offerstream_snapshots_total{outcome="passed_over"}"#), Some(5.0));
    assert_same("counts", &scene.dump("--counts"), &counts);
    assert_same("totals", &scene.dump("--totals"), &totals);
    instance.drained();
}

/// A snapshot of a shop log of another name.
fn of_another_shop(scene: &Scene) -> Vec<u8> {
    let (file, folder) = (scene.folder.path().join("events.jsonl"), scene.folder.path().join("other/"));
    support::events::write_log(&file, &log(14, 50, false));
    output(program(&scene.topics, &[("kafka.shop_topic", "other")]).arg("replay").arg(&file).arg("--snapshot").arg(&folder));
    fs::read(folder.join("shop-00000000000000000000.snapshot")).unwrap()
}

#[test]
fn a_topic_that_was_made_anew_does_not_take_the_old_ones_snapshot() {
    let Some(brokers) = support::brokers("a_topic_that_was_made_anew_does_not_take_the_old_ones_snapshot") else { return };
    let scene = Scene::new(&brokers, "anew");
    let events = log(15, 3_000, false);
    let instance = scene.ready();
    let at = scene.feed(&instance, &events[..500]);
    instance.kill();
    let old = scene.folder.path().join("old");
    fs::rename(scene.path(), &old).unwrap();
    scene.make_shop_log_anew();
    let instance = scene.ready();
    // In several commits, so that the new log comes further than the old one, however fast the machine is.
    for part in events[500..].chunks(500) {
        scene.topics.feed(part);
        await_all(&scene.topics, &[&instance]);
    }
    instance.kill();
    let counts = scene.dump_of_log("--counts");
    let end = scene.topics.read("shop").last().unwrap().offset;
    assert!(end > at, "the new log has to come further than the old: {end}, {at}");
    fs::remove_dir_all(scene.path()).unwrap();
    fs::rename(&old, scene.path()).unwrap();
    let instance = scene.ready();
    let log = instance.log();
    assert!(!lines_with(&log, "is another than the log has there: the topic was made anew").is_empty(), "{log}");
    assert_eq!(lines_with(&log, "restored from snapshot"), Vec::<&str>::new());
    assert_same("counts", &scene.dump("--counts"), &counts);
    instance.drained();
}

#[test]
fn a_full_disk_and_a_place_that_is_none_are_warnings_and_the_stream_goes_on() {
    let Some(brokers) = support::brokers("a_full_disk_and_a_place_that_is_none_are_warnings_and_the_stream_goes_on") else { return };
    let scene = Scene::new(&brokers, "full");
    let events = log(16, 6_000, false);
    // A file where the folder should be.
    fs::write(scene.path(), b"").unwrap();
    let mut instance = scene.start(&[]);
    instance.await_ready();
    scene.topics.feed(&events[..3_000]);
    await_all(&scene.topics, &[&instance]);
    let failed = |instance: &Instance| metric(instance, r#"offerstream_snapshots_total{outcome="failed"}"#).unwrap_or(0.0);
    wait_until("failed snapshots", SOON_ENOUGH, || failed(&instance) >= 2.0, || instance.log());
    assert!(instance.log().contains("no snapshot was taken, and is tried again in 1 s: state.snapshot_url = "), "{}", instance.log());
    // The place is mended, and has no room.
    fs::remove_file(scene.path()).unwrap();
    fs::create_dir(scene.path()).unwrap();
    let full = Full::mounted(&scene.path());
    if full.is_some() {
        scene.topics.feed(&events[3_000..4_500]);
        instance.await_log("No space left on device");
        await_all(&scene.topics, &[&instance]);
        let left: Vec<_> = fs::read_dir(scene.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, Vec::<std::ffi::OsString>::new(), "half a snapshot stays");
    } else {
        support::skipped("a full disk", "no tmpfs can be mounted; a place that is none was tried");
    }
    drop(full);
    let at = scene.feed(&instance, &events[4_500..]);
    assert!(at > 0);
    instance.drained();
}

/// A file system without room; unmounted when dropped.
struct Full(PathBuf);

impl Full {
    fn mounted(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"]).arg(at).output().ok()?;
        mounted.status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.0.display());
    }
}

#[test]
fn killed_while_it_writes_it_leaves_nothing_that_is_taken_for_whole() {
    let Some(brokers) = support::brokers("killed_while_it_writes_it_leaves_nothing_that_is_taken_for_whole") else { return };
    let scene = Scene::new(&brokers, "half");
    let events = log(17, 12_000, false);
    let is_writing = || fs::read_dir(scene.path()).is_ok_and(|mut entries| entries.any(|entry| name_of(entry).contains('#')));
    let mut caught = false;
    for part in events.chunks(1_500) {
        let instance = scene.ready();
        scene.topics.feed(part);
        wait_until("a snapshot being written", SOON_ENOUGH, is_writing_or_done(&scene, is_writing), || instance.log());
        instance.kill();
        caught = is_writing();
        if caught {
            break;
        }
    }
    assert!(caught, "it was never killed while it wrote");
    let counts = scene.dump("--counts");
    assert_same("counts", &counts, &scene.dump_of_log("--counts"));
    let instance = scene.ready();
    assert_eq!(lines_with(&instance.log(), "passed over"), Vec::<&str>::new());
    assert!(is_writing(), "the leftover of a writer that may be at it is taken away");
    let leftover = fs::read_dir(scene.path()).unwrap().map(name_of).find(|name| name.contains('#')).unwrap();
    let aged = Command::new("touch").args(["-d", "2 hours ago"]).arg(scene.path().join(leftover)).status().unwrap();
    assert!(aged.success());
    scene.feed(&instance, &log(18, 200, false));
    instance.await_log("unfinished snapshots of killed writers were taken away");
    assert!(!is_writing());
    instance.drained();
}

fn name_of(entry: std::io::Result<fs::DirEntry>) -> String {
    entry.unwrap().file_name().to_string_lossy().into_owned()
}

/// Looks without a pause for a while, as a write does not take long.
fn is_writing_or_done<'a>(scene: &'a Scene, is_writing: impl Fn() -> bool + 'a) -> impl FnMut() -> bool + 'a {
    let before = scene.newest();
    move || (0..2_000).any(|_| is_writing()) || scene.newest() != before
}

#[test]
fn two_instances_share_a_store_and_one_writes_an_intervals_snapshot() {
    let Some(brokers) = support::brokers("two_instances_share_a_store_and_one_writes_an_intervals_snapshot") else { return };
    let scene = Scene::new(&brokers, "shared");
    let events = log(19, 9_000, false);
    let url = scene.url();
    let mut settings = SOON.to_vec();
    settings.extend([("state.snapshot_url", url.as_str()), ("state.snapshot_interval", "8s"), ("state.snapshots_kept", "2")]);
    // By their names they look at the store 0.9 s apart.
    let one = Instance::ready(&scene.topics, "a", &settings);
    let other = Instance::ready(&scene.topics, "one", &settings);
    let count = |what: &str| {
        let of = |instance| metric(instance, &format!(r#"offerstream_snapshots_total{{outcome="{what}"}}"#)).unwrap_or(0.0);
        of(&one) + of(&other)
    };
    let (written, skipped, started) = (count("written"), count("skipped"), Instant::now());
    for part in events.chunks(250) {
        scene.topics.feed(part);
        std::thread::sleep(Duration::from_millis(1_000));
    }
    await_all(&scene.topics, &[&one, &other]);
    let (written, skipped) = (count("written") - written, count("skipped") - skipped);
    // Were each to write, it would be twice as many.
    let intervals = started.elapsed().as_secs_f64() / 8.0;
    assert!(written >= 3.0 && skipped >= 3.0, "{written} written, {skipped} skipped in {intervals:.1} intervals");
    assert!(written <= intervals * 1.25 + 1.0, "{written} written, {skipped} skipped in {intervals:.1} intervals");
    assert_eq!(count("failed"), 0.0, "{}\n{}", one.log(), other.log());
    assert!(scene.names().len() <= 3, "{:?}", scene.names());
    one.drained();
    other.drained();
    assert_same("counts", &scene.dump("--counts"), &scene.dump_of_log("--counts"));
}

#[test]
fn the_shops_figures_are_held_back_until_it_is_restored() {
    // Nobody listens there, so it waits for a broker.
    let nowhere = Topics::named("127.0.0.1:1", "nowhere", PARTITIONS);
    let instance = Instance::start(&nowhere, "one", &[]);
    wait_until("an open port", SOON_ENOUGH, || instance.listens(), || instance.log());
    let (_, text) = instance.get("/metrics").unwrap();
    assert_eq!(lines_with(&text, "offerstream_shop_"), Vec::<&str>::new());
    assert!(!lines_with(&text, "offerstream_events_total").is_empty(), "{text}");
    instance.kill();

    let Some(brokers) = support::brokers("the_shops_figures_are_held_back_until_it_is_restored") else { return };
    let scene = Scene::new(&brokers, "figures");
    let instance = scene.ready();
    assert_eq!(metric(&instance, "offerstream_shop_orders"), Some(0.0));
    instance.drained();
}
