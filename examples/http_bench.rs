//! How long `GET /v1/offers` takes beside a stream of events, against an empty handler: `just http-bench`.
//!
//! Everything is in this process: the stream (the very pipeline, learning at once, with a commit's worth of sessions shown
//! every 100 ms), the server over real sockets, and clients that keep their connections. A request's time begins when it was
//! due, not when it was sent, so that a server that stands still is not asked less often (no "coordinated omission").
//! The goal: at most twice the 99th percentile of the empty handler, plus a millisecond.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement, not the program")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use offerstream::config::Config;
use offerstream::engine::hash::hash_128;
use offerstream::event::Timestamp;
use offerstream::http;
use offerstream::kafka::Service;
use offerstream::pipeline::{Learning, Processor, Record};
use offerstream::state::encode_session;

const CLIENTS: u64 = 32;
const ITEMS: u128 = 5_000;
const SESSIONS: u128 = 20_000;

fn main() {
    let number = |at: usize, default: u64| std::env::args().nth(at).map_or(default, |text| text.parse().expect("a whole number"));
    let (seconds, requests, events) = (number(1, 10), number(2, 2_000), number(3, 50_000));
    let service = Service::new(Config::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(http::listen(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(http::serve(listener, offerstream::serve::pages(&service)));
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let stream = {
        let (service, stop, taken) = (service.clone(), Arc::clone(&stop), Arc::clone(&taken));
        thread::spawn(move || stream(&service, events, &stop, &taken))
    };
    thread::sleep(Duration::from_secs(3));
    let (since, before) = (Instant::now(), taken.load(Ordering::Relaxed));
    let empty = measure(address, seconds, requests, |_| "/healthz".to_owned());
    let asked = measure(address, seconds, requests, |n| {
        let item = |at: u64| drawn(n * 3 + at, ITEMS);
        format!("/v1/offers?placement=cart&item=i{}&item=i{}&session_id=s{}", item(0), item(1), drawn(n, SESSIONS))
    });
    let rate = (taken.load(Ordering::Relaxed) - before) as f64 / since.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    stream.join().unwrap();
    println!("{requests} requests a second beside {rate:.0} events a second (asked for: {events}), {seconds} s each");
    show("empty handler", &empty);
    show("/v1/offers", &asked);
    let (limit, is) = (2 * at(&empty, 0.99) + Duration::from_millis(1), at(&asked, 0.99));
    let is_kept = is <= limit && rate >= events as f64 * 0.95;
    println!("goal: p99 at most {limit:.2?}, at the full rate of events: {}", if is_kept { "kept" } else { "missed" });
    std::process::exit(i32::from(!is_kept));
}

/// A number below `below` that is drawn by `n`, small ones more often.
fn drawn(n: u64, below: u128) -> u128 {
    let one = |salt: &str| hash_128(salt, &[&n.to_le_bytes()]) % below;
    one("a") * one("b") / below
}

/// Feeds the pipeline until told to stop, at so many events a second.
fn stream(service: &Service, rate: u64, stop: &AtomicBool, taken: &AtomicU64) {
    let settings = Arc::new(service.config.engine.clone());
    let mut processor = Processor::new(settings, Arc::clone(&service.shop), Learning::AtOnce);
    let (started, mut committed) = (Instant::now(), Instant::now());
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = (started.elapsed().as_secs_f64() * rate as f64) as u64;
        while n < due {
            let json = event(n);
            let record = Record { partition: 0, key: None, payload: json.as_bytes(), payload_bytes: json.len(), record_time: None };
            processor.process(&record).unwrap();
            n += 1;
        }
        taken.store(n, Ordering::Relaxed);
        if committed.elapsed() >= Duration::from_millis(100) {
            committed = Instant::now();
            commit(service, &mut processor);
        }
        thread::sleep(Duration::from_micros(500));
    }
}

fn commit(service: &Service, processor: &mut Processor) {
    let batch = processor.take_batch();
    let changed = batch.sessions.into_iter().map(|(partition, key)| {
        let session = processor.partitions().get(&partition).and_then(|sessions| sessions.get(&key));
        (key, session.map(|session| encode_session(session).into()))
    });
    service.live.changed(changed);
}

fn event(n: u64) -> String {
    let ts = Timestamp(offerstream::clock::unix_ms());
    let (session, item) = (drawn(n / 8, SESSIONS), drawn(n, ITEMS));
    let (kind, more) = match n % 8 {
        7 => (
            "purchase",
            format!(r#""order_id":"o{n}","items":[{{"item_id":"i{item}","price":5}},{{"item_id":"i{}","price":9}}]"#, drawn(n + 1, ITEMS)),
        ),
        4 | 5 => ("cart_add", format!(r#""item_id":"i{item}","price":5"#)),
        _ => ("product_viewed", format!(r#""item_id":"i{item}","price":5"#)),
    };
    format!(r#"{{"type":"{kind}","ts":"{ts}","session_id":"s{session}",{more}}}"#)
}

/// Asks so often for so long; how long each request took, sorted.
fn measure(address: SocketAddr, seconds: u64, rate: u64, path: impl Fn(u64) -> String + Send + Sync) -> Vec<Duration> {
    let (path, started) = (&path, Instant::now());
    let mut all: Vec<Duration> = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || ask(address, client, seconds * rate, rate, started, path))).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    all.sort_unstable();
    all
}

fn ask(address: SocketAddr, client: u64, count: u64, rate: u64, started: Instant, path: impl Fn(u64) -> String) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    (client..count)
        .step_by(CLIENTS as usize)
        .map(|n| {
            let due = started + Duration::from_secs_f64(n as f64 / rate as f64);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            write!(stream, "GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", path(n)).unwrap();
            read_answer(&mut stream, &mut buffer);
            due.elapsed()
        })
        .collect()
}

fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        filled += stream.read(&mut buffer[filled..]).unwrap();
        let Some(head) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
        if filled >= head + 4 + length {
            return;
        }
    }
}

fn at(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

fn show(name: &str, sorted: &[Duration]) {
    let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(|share| at(sorted, share));
    println!("{name:>14}: p50 {half:.2?}  p99 {most:.2?}  p99.9 {nearly_all:.2?}  of {}", sorted.len());
}
