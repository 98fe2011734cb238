//! The secured broker of `scripts/kafka_secured.sh`, and the access control lists on it.
//!
//! Lists are made and taken away over Kafka's own protocol: its command-line tool takes seconds for each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

/// Allowed, in Kafka's protocol.
const ALLOW: u8 = 3;
const CREATE_ACLS: i16 = 30;
const DELETE_ACLS: i16 = 31;

/// A broker that lets in who has a password, and allows what is listed.
pub struct Secured {
    folder: PathBuf,
    port: u16,
}

/// One right: who may do what with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    pub principal: String,
    /// `topic`, `group` or `transactional-id`.
    pub kind: &'static str,
    pub name: String,
    pub is_prefix: bool,
    /// `Read` or `Write`.
    pub operation: String,
}

impl Secured {
    /// The broker that the environment names the folder of; `None`, which is said, where the test is to be skipped.
    pub fn find(test: &str) -> Option<Self> {
        let Some(folder) = std::env::var_os("OFFERSTREAM_TEST_SECURED_DIR") else {
            assert!(
                std::env::var_os("OFFERSTREAM_REQUIRE_BROKER").is_none(),
                "{test} needs a secured Kafka broker, and OFFERSTREAM_REQUIRE_BROKER forbids to skip it: set OFFERSTREAM_TEST_SECURED_DIR"
            );
            let how = "start one by scripts/kafka_secured.sh start DIR and set OFFERSTREAM_TEST_SECURED_DIR=DIR";
            super::skipped(test, &format!("it needs a secured Kafka broker; {how}"));
            return None;
        };
        // The tests' own folder is not that of whoever set the variable.
        let folder = std::fs::canonicalize(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let port = std::fs::read_to_string(folder.join("port")).expect("the broker's port").trim().parse().expect("a port");
        Some(Self { folder, port })
    }

    /// Where whoever connects is the administrator.
    pub fn admin(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where a password is needed.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port + 2)
    }

    /// The same, with a certificate of an authority that nobody knows.
    pub fn unknown(&self) -> String {
        format!("127.0.0.1:{}", self.port + 3)
    }

    /// The authority of the broker's certificate.
    pub fn authority(&self) -> String {
        self.folder.join("tls/ca.pem").display().to_string()
    }

    /// The settings of a user of the program, with its password in the environment.
    pub fn settings(&self, mechanism: &str, user: &str) -> Vec<(&'static str, String)> {
        vec![
            ("kafka.brokers", self.brokers()),
            ("kafka.client.security_protocol", "sasl_ssl".into()),
            ("kafka.client.ssl_ca_location", self.authority()),
            ("kafka.client.sasl_mechanism", mechanism.into()),
            ("kafka.client.sasl_username", user.into()),
            ("kafka.client.sasl_password", password(user)),
        ]
    }

    /// Runs a documented command as it stands there, but for its names.
    pub fn run(&self, command: &str) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/kafka_secured.sh");
        let arguments = command.split_whitespace().skip(1);
        let output = Command::new(script).arg("acls").arg(&self.folder).args(arguments).output().expect("the script can't be started");
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Grants rights.
    pub fn grant(&self, acls: &[Acl]) {
        let answer = self.ask(CREATE_ACLS, acls);
        // Behind the throttle time and their number: a code and a message for each.
        let mut at = 8;
        for acl in acls {
            assert_eq!(answer[at..at + 2], [0, 0], "{acl:?} can't be granted");
            let message = i16::from_be_bytes([answer[at + 2], answer[at + 3]]);
            at += 4 + usize::try_from(message.max(0)).unwrap();
        }
    }

    /// Takes rights away.
    pub fn revoke(&self, acls: &[Acl]) {
        let answer = self.ask(DELETE_ACLS, acls);
        assert_eq!(answer[8..10], [0, 0], "{acls:?} can't be taken away");
    }

    fn ask(&self, api: i16, acls: &[Acl]) -> Vec<u8> {
        let mut request = Vec::new();
        request.extend(api.to_be_bytes());
        request.extend(1_i16.to_be_bytes());
        request.extend(7_i32.to_be_bytes());
        request.extend((-1_i16).to_be_bytes());
        request.extend(i32::try_from(acls.len()).unwrap().to_be_bytes());
        for acl in acls {
            acl.write(&mut request);
        }
        let mut stream = TcpStream::connect(self.admin()).expect("the administrator's port");
        stream.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
        stream.write_all(&request).unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer).expect("an answer");
        // Without the correlation id.
        answer.split_off(4)
    }
}

impl Acl {
    /// As it is asked for, or filtered by: both are written alike.
    fn write(&self, out: &mut Vec<u8>) {
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
            out.extend(text.as_bytes());
        };
        out.push(match self.kind {
            "topic" => 2,
            "group" => 3,
            _ => 5,
        });
        text(out, &self.name);
        out.push(if self.is_prefix { 4 } else { 3 });
        text(out, &format!("User:{}", self.principal));
        text(out, "*");
        out.push(if self.operation == "Read" { 3 } else { 4 });
        out.push(ALLOW);
    }

    /// The rights that a documented command grants.
    pub fn of_command(command: &str) -> Vec<Self> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let values = |option: &str| -> Vec<&str> { words.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1]).collect() };
        let is_prefix = values("--resource-pattern-type") == ["prefixed"];
        let mut acls = Vec::new();
        for kind in ["topic", "group", "transactional-id"] {
            for name in values(&format!("--{kind}")) {
                for operation in values("--operation") {
                    let principal = values("--allow-principal")[0].trim_start_matches("User:").to_owned();
                    acls.push(Self { principal, kind, name: name.to_owned(), is_prefix, operation: operation.to_owned() });
                }
            }
        }
        assert!(!acls.is_empty(), "{command} grants nothing");
        acls
    }
}

/// The password of a user of the test's broker.
pub fn password(user: &str) -> String {
    format!("{user}-secret")
}

/// The commands of a part of docs/security.md.
pub fn documented(part: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md");
    let text = std::fs::read_to_string(path).expect("docs/security.md");
    let begin = format!("<!-- rights of {part} -->");
    let (_, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("docs/security.md has no {begin}"));
    let (commands, _) = rest.split_once("<!-- end -->").expect("an end");
    commands.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
