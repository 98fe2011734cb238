//! franz-go's kfake as a process, told by lines what to do; see `tests/kfake/main.go`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use super::skipped;

/// A fake cluster; it ends when dropped.
pub struct Kfake {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Its three brokers.
    pub brokers: String,
}

impl Kfake {
    /// Builds and starts it; `None` where there is no Go, which is said on standard error.
    pub fn start(test: &str) -> Option<Self> {
        if Command::new("go").arg("version").output().is_err() {
            assert!(
                std::env::var_os("OFFERSTREAM_REQUIRE_BROKER").is_none(),
                "{test} needs Go, and OFFERSTREAM_REQUIRE_BROKER forbids to skip it: install Go 1.26 (https://go.dev/dl)"
            );
            skipped(test, "it needs Go 1.26 to build tests/kfake");
            return None;
        }
        let mut child = Command::new(program()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("tests/kfake can't be started");
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut kfake = Self { child, to, from, brokers: String::new() };
        kfake.brokers = kfake.line();
        Some(kfake)
    }

    /// Tells it what to do; returns what it says to that.
    pub fn ask(&mut self, line: &str) -> String {
        writeln!(self.to, "{line}").expect("kfake has ended");
        let answer = self.line();
        match answer.strip_prefix("ok") {
            Some(rest) => rest.trim().to_owned(),
            None => panic!("{line}: {answer}"),
        }
    }

    /// How many requests a fault met.
    pub fn hits(&mut self, id: &str) -> u64 {
        self.ask(&format!("hits {id}")).parse().unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("kfake can't be read");
        line.trim().to_owned()
    }
}

impl Drop for Kfake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, built once a test binary.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<std::path::PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kfake");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kfake");
        let built = Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(source).output().unwrap();
        assert!(built.status.success(), "tests/kfake can't be built:\n{}", String::from_utf8_lossy(&built.stderr));
        program
    })
}
