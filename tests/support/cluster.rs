//! Three brokers on one machine, started by `scripts/kafka.sh cluster DIR PORT`: each can be killed, paused, stopped and
//! started again. Tests that need them run where `OFFERSTREAM_TEST_CLUSTER` names the folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::{skipped, wait_until};

/// How long a broker may take to come back.
const BACK: Duration = Duration::from_secs(90);
const CALL: Duration = Duration::from_secs(5);

/// One test at a time does harm.
static TURN: Mutex<()> = Mutex::new(());

/// The brokers. When dropped, all of them run again.
pub struct Cluster {
    folder: PathBuf,
    ports: Vec<u16>,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// The cluster, once it is whole; `None` where the test is to be skipped, which is said on standard error.
    pub fn whole(test: &str) -> Option<Self> {
        let Some(folder) = std::env::var_os("OFFERSTREAM_TEST_CLUSTER").map(PathBuf::from) else {
            assert!(
                std::env::var_os("OFFERSTREAM_REQUIRE_CLUSTER").is_none(),
                "{test} needs brokers that it may kill, and OFFERSTREAM_REQUIRE_CLUSTER forbids to skip it"
            );
            let how = "scripts/kafka.sh cluster DIR PORT, then OFFERSTREAM_TEST_CLUSTER=DIR";
            skipped(test, &format!("it needs brokers that it may kill; {how}"));
            return None;
        };
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |path: &Path| -> u16 {
            let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            text.trim().parse().unwrap()
        };
        let ports = (1..=number(&folder.join("brokers"))).map(|broker| number(&folder.join(broker.to_string()).join("port"))).collect();
        let cluster = Self { folder, ports, _turn: turn };
        cluster.mend();
        Some(cluster)
    }

    /// How many brokers there are; they are numbered from 1.
    pub fn count(&self) -> usize {
        self.ports.len()
    }

    /// Where the brokers are.
    pub fn brokers(&self) -> String {
        self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }

    /// Where each broker says it is to those who come through a proxy, and where that proxy has to pass them on to.
    pub fn behind_proxies(&self) -> Vec<(u16, u16)> {
        self.ports.iter().map(|port| (port + 3, port + 2)).collect()
    }

    /// As a power cut does.
    pub fn kill(&self, broker: usize) {
        self.script("kill", broker);
    }

    /// In good order: what it leads is led by others first.
    pub fn stop(&self, broker: usize) {
        self.script("stop", broker);
    }

    /// Starts it; it may not answer yet.
    pub fn launch(&self, broker: usize) {
        self.script("launch", broker);
    }

    /// As a machine that is suspended.
    pub fn pause(&self, broker: usize) {
        self.script("pause", broker);
    }

    /// Lets it go on.
    pub fn resume(&self, broker: usize) {
        self.script("resume", broker);
    }

    fn script(&self, verb: &str, broker: usize) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/kafka.sh");
        let done = Command::new(script).arg(verb).arg(self.folder.join(broker.to_string())).output().expect("scripts/kafka.sh");
        assert!(done.status.success(), "kafka.sh {verb} {broker}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Waits until every broker is there and has everything that it is to have.
    pub fn await_whole(&self) {
        let client = self.client();
        let whole = || {
            let Ok(metadata) = client.fetch_metadata(None, CALL) else { return false };
            let partitions = || metadata.topics().iter().flat_map(|topic| topic.partitions());
            metadata.brokers().len() == self.count() && partitions().all(|part| part.isr().len() == part.replicas().len())
        };
        wait_until("a whole cluster", BACK, whole, || format!("The brokers' own logs are in {}.", self.folder.display()));
    }

    /// The broker that leads a partition; `None` while none does.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<usize> {
        let metadata = self.client().fetch_metadata(Some(topic), CALL).ok()?;
        let leader = metadata.topics().first()?.partitions().iter().find(|part| part.id() == partition)?.leader();
        usize::try_from(leader).ok()
    }

    /// How many partitions a topic has.
    pub fn partitions(&self, topic: &str) -> usize {
        self.client().fetch_metadata(Some(topic), CALL).expect("metadata").topics()[0].partitions().len()
    }

    fn client(&self) -> BaseConsumer {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.brokers()).set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        client.create().expect("a client")
    }

    /// Whatever was done to the brokers: they run again, and are whole.
    pub fn mend(&self) {
        self.set_right();
        self.await_whole();
    }

    fn set_right(&self) {
        for broker in 1..=self.count() {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/kafka.sh");
            let folder = self.folder.join(broker.to_string());
            // One that does not run can't be let go on, and one that runs is not started twice.
            for verb in ["resume", "launch"] {
                let _ = Command::new(&script).arg(verb).arg(&folder).output();
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.set_right();
    }
}
