//! The real program as a process: `run` with its HTTP port and its log, and the commands that end by themselves.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::topics::Topics;
use super::wait_until;

/// How long a start, with all its restoring, may take.
const READY: Duration = Duration::from_secs(60);
/// How long an end may take.
const END: Duration = Duration::from_secs(45);

/// A process of `offerstream run`; it is killed when dropped.
pub struct Instance {
    child: Child,
    http: SocketAddr,
    folder: TempDir,
}

/// The program, told of the test's topics and group by its environment. It is the one that `cargo test` built, or that
/// which `OFFERSTREAM_TEST_PROGRAM` names: one of a release build.
pub fn program(topics: &Topics, settings: &[(&str, &str)]) -> Command {
    let built = || env!("CARGO_BIN_EXE_offerstream").into();
    let mut command = Command::new(std::env::var_os("OFFERSTREAM_TEST_PROGRAM").unwrap_or_else(built));
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("OFFERSTREAM_")) {
        command.env_remove(variable);
    }
    command.env("OFFERSTREAM_KAFKA__BROKERS", &topics.brokers).env("OFFERSTREAM_KAFKA__GROUP_ID", &topics.prefix);
    let names = [
        ("EVENTS_TOPICS", "events"),
        ("CATALOGUE_TOPIC", "catalogue"),
        ("OFFERS_TOPIC", "offers"),
        ("WITHHELD_TOPIC", "withheld"),
        ("DLQ_TOPIC", "dlq"),
        ("SESSIONS_TOPIC", "sessions"),
        ("SHOP_TOPIC", "shop"),
        ("REPARTITION_TOPIC", "repartitioned"),
    ];
    for (setting, which) in names {
        command.env(format!("OFFERSTREAM_KAFKA__{setting}"), topics.name(which));
    }
    for (name, value) in settings {
        let variable = name.to_uppercase().replace('.', "__");
        command.env(format!("OFFERSTREAM_{variable}"), value);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command that ends by itself and returns what it wrote to standard output.
pub fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("the program can't be started");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{log}", output.status);
    output.stdout
}

impl Instance {
    /// Starts `run`; it may not be ready yet.
    pub fn start(topics: &Topics, id: &str, settings: &[(&str, &str)]) -> Self {
        let http = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let folder = tempfile::tempdir().expect("a folder for the log");
        let log = File::create(folder.path().join("stderr")).expect("the log's file");
        let mut command = program(topics, settings);
        command.arg("run").env("OFFERSTREAM_HTTP__LISTEN", http.to_string()).env("OFFERSTREAM_KAFKA__INSTANCE_ID", id);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("the program can't be started");
        Self { child, http, folder }
    }

    /// Starts `run` and waits until it takes events.
    pub fn ready(topics: &Topics, id: &str, settings: &[(&str, &str)]) -> Self {
        let mut instance = Self::start(topics, id, settings);
        instance.await_ready();
        instance
    }

    /// Waits until it takes events.
    pub fn await_ready(&mut self) {
        let started = Instant::now();
        while !matches!(self.get("/readyz"), Some((200, _))) {
            assert!(self.child.try_wait().unwrap().is_none(), "run ended before it was ready:\n{}", self.log());
            assert!(started.elapsed() < READY, "not ready within {} s:\n{}", READY.as_secs(), self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// Waits until its log holds `text`.
    pub fn await_log(&self, text: &str) {
        wait_until(&format!("{text:?} in the log"), READY, || self.log().contains(text), || self.log());
    }

    /// Asks its HTTP port; `None` while nobody answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.http, Duration::from_secs(2)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// Sends JSON to its HTTP port; `None` while nobody answers.
    pub fn post(&self, path: &str, headers: &[&str], body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.http, Duration::from_secs(2)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}");
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// Whether its port is open.
    pub fn listens(&self) -> bool {
        TcpStream::connect_timeout(&self.http, Duration::from_millis(500)).is_ok()
    }

    /// Kills it as a power cut would: no warning, no last words. Returns its log.
    pub fn kill(mut self) -> String {
        assert!(self.child.try_wait().unwrap().is_none(), "it ended before it was killed:\n{}", self.log());
        self.child.kill().expect("it can't be killed");
        self.child.wait().expect("it can't be waited for");
        self.log()
    }

    /// Asks it to end, by SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Stops all its threads where they are, as a machine that is suspended does.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().expect("the command kill");
        assert!(sent.success(), "SIG{name} can't be sent");
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// How much time it had on a core so far, as Linux counts it: on a machine with other work to do, that says more than
    /// a clock. Zero elsewhere.
    pub fn on_a_core(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<u64> = stat.rsplit(") ").next().unwrap_or_default().split(' ').map(|field| field.parse().unwrap_or(0)).collect();
        // User and system time, in hundredths.
        Duration::from_millis(fields.get(11..13).map_or(0, |ticks| ticks.iter().sum::<u64>() * 10))
    }

    /// What it says for a person whose mistake it was, or who has to know why it ended.
    pub fn last_words(&self) -> Vec<String> {
        self.log().lines().filter(|line| line.starts_with("offerstream: ")).map(str::to_owned).collect()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it ends by itself; returns how, and its log.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.log());
            }
            assert!(started.elapsed() < END, "it did not end within {} s:\n{}", END.as_secs(), self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it by SIGTERM and demands success; returns its log.
    pub fn drained(self) -> String {
        self.terminate();
        let (status, log) = self.ended();
        assert!(status.success(), "after SIGTERM it ended with {status}:\n{log}");
        log
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(25).collect();
            eprintln!("the end of the log of run:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}
