//! A server over real sockets, with a bus behind it that is made up.
#![allow(dead_code, missing_docs, reason = "shared by several tests, each of which uses a part")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offerstream::config::{Config, HttpConfig};
use offerstream::http::{self, Intake, Outbound, Sent};
use offerstream::kafka::Service;
use serde_json::Value;

/// A bus that keeps what it is sent, or has nothing to do with it.
#[derive(Default)]
pub struct Bus {
    pub sent: Mutex<Vec<Outbound>>,
    pub is_away: bool,
}

impl Intake for Bus {
    fn send(&self, events: Vec<Outbound>) -> Sent {
        if self.is_away {
            return Box::pin(async { Err("the broker does not have it".to_owned()) });
        }
        self.sent.lock().unwrap().extend(events);
        Box::pin(async { Ok(()) })
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub bus: Arc<Bus>,
    pub service: Service,
    _runtime: tokio::runtime::Runtime,
}

/// An answer: status, headers, body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Demands a problem document of this status; returns what it tells.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!((problem["status"].as_u64(), problem["type"].as_str()), (Some(status.into()), Some("about:blank")), "{self:?}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl Server {
    pub fn start(http: HttpConfig) -> Self {
        Self::with_bus(http, Bus::default())
    }

    pub fn with_bus(http: HttpConfig, bus: Bus) -> Self {
        Self::of(Config { http, ..Config::default() }, bus)
    }

    /// A server of a process that was told this.
    pub fn of(config: Config, bus: Bus) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let service = Service::new(config).unwrap();
        let bus = Arc::new(bus);
        let mut pages = offerstream::serve::pages(&service);
        pages.intake = Some(Arc::clone(&bus) as Arc<dyn Intake>);
        let listener = runtime.block_on(http::listen(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(http::serve(listener, pages));
        Self { address, bus, service, _runtime: runtime }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Asks without a body.
    pub fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "")
    }

    pub fn ask(&self, head: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.connect();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        write!(stream, "{head} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}").unwrap();
        answer(stream)
    }

    /// Sends events as JSON, with these headers besides.
    pub fn post(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("Content-Type", "application/json")]).collect();
        self.ask("POST /v1/events", &headers, body)
    }

    /// The value of a series.
    pub fn metric(&self, series: &str) -> f64 {
        let text = String::from_utf8(self.service.metrics.text().unwrap()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok()).unwrap()
    }
}

/// Reads until the other side closes.
pub fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    // A server that does not read on may end with a reset, after its answer.
    assert!(read.is_ok() || !bytes.is_empty(), "{read:?}");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}
