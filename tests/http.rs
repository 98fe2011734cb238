//! HTTP over real sockets: who is let in, what is taken, and who is let go of. The bus behind it is made up.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "http/server.rs"]
mod server;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use offerstream::config::HttpConfig;
use server::{Bus, Server, answer};

const TOKEN: &str = "a-secret-token-0123456789";
const KEY: &str = "a-public-write-key-0123";
const SHOP: &str = "https://shop.example";
const SHOWN: &str = r#"{"type":"offer_shown","ts":"2026-01-31T12:00:00Z","session_id":"s1","offer_id":"o1"}"#;
const ADD: &str = r#"{"type":"cart_add","ts":"2026-01-31T12:00:00Z","cart_id":"c1","item_id":"a"}"#;

fn secured() -> HttpConfig {
    HttpConfig { token: TOKEN.into(), write_key: KEY.into(), origins: vec![SHOP.into()], ..HttpConfig::default() }
}

fn bearer(key: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {key}"))
}

#[test]
fn an_event_goes_to_the_bus_as_it_came_under_the_key_of_its_session() {
    let server = Server::start(HttpConfig::default());
    let answer = server.post(&[], ADD);
    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (202, Some(1)), "{answer:?}");
    let list = format!("[{SHOWN}, {ADD}]");
    assert_eq!(server.post(&[], &list).json()["accepted"], 2);
    let sent = server.bus.sent.lock().unwrap().clone();
    let expected = [("c1", ADD), ("s1", SHOWN), ("c1", ADD)].map(|(key, json)| (key.to_owned(), json.as_bytes().to_vec()));
    assert_eq!(sent, expected);
}

#[test]
fn what_cannot_be_used_is_named_and_nothing_of_its_list_is_sent() {
    let server = Server::start(HttpConfig::default());
    let problem = |body: &str| server.post(&[], body).problem(400);
    assert!(problem("{").contains("not_json"), "{}", problem("{"));
    assert!(problem("").contains("empty"));
    assert!(problem("[").contains("not a JSON list"));
    assert!(problem("[]").contains("the list is empty"));
    assert!(problem(&"[".repeat(100_000)).contains("not a JSON list"));
    let second = problem(&format!("[{ADD}, {{\"type\":\"cart_steal\"}}]"));
    assert!(second.starts_with("event 2 of the list: ") && second.contains("unknown_type"), "{second}");
    assert!(problem(&ADD.replace("c1", &"x".repeat(300))).contains("cart_id"));
    assert!(server.ask("POST /v1/events", &[("Content-Type", "text/plain")], ADD).problem(415).contains("application/json"));
    assert_eq!(server.ask("GET /v1/events", &[], "").status, 405);
    assert_eq!(server.ask("GET /v1/other", &[], "").status, 404);
    assert!(server.bus.sent.lock().unwrap().is_empty());
    assert_eq!(server.metric("offerstream_http_refused_total{reason=\"unusable\"}"), 7.0);
}

#[test]
fn with_a_secret_token_nothing_under_v1_answers_without_it_and_metrics_and_health_still_do() {
    let server = Server::start(HttpConfig { token: TOKEN.into(), ..HttpConfig::default() });
    for wrong in ["", "Bearer ", "Bearer a-secret-token-012345678", "Bearer a-secret-token-01234567890", "Basic x", TOKEN] {
        let answer = server.post(&[("Authorization", wrong)], ADD);
        let detail = answer.problem(401);
        assert!(!answer.body.contains(TOKEN) && detail.contains("Authorization: Bearer"), "{answer:?}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    server.ask("GET /v1/anything", &[], "").problem(401);
    let (name, right) = bearer(TOKEN);
    assert_eq!(server.post(&[(name, &right)], ADD).status, 202);
    // The secret token does not belong into an address, which ends up in logs.
    server.ask(&format!("POST /v1/events?key={TOKEN}"), &[("Content-Type", "application/json")], ADD).problem(401);
    assert_eq!([server.ask("GET /healthz", &[], "").status, server.ask("GET /metrics", &[], "").status], [200, 200]);
    assert_eq!(server.bus.sent.lock().unwrap().len(), 1);
}

#[test]
fn the_public_key_sends_what_shoppers_did_with_offers_from_allowed_origins_and_nothing_else() {
    let server = Server::start(secured());
    let (name, key) = bearer(KEY);
    let answer = server.post(&[(name, &key), ("Origin", SHOP)], SHOWN);
    assert_eq!((answer.status, answer.headers["access-control-allow-origin"].as_str()), (202, SHOP), "{answer:?}");
    assert_eq!(answer.headers["vary"], "origin");
    for kind in ["offer_clicked", "offer_dismissed"] {
        let beacon = format!("POST /v1/events?key={KEY}");
        let headers = [("Origin", SHOP), ("Content-Type", "application/json")];
        assert_eq!(server.ask(&beacon, &headers, &SHOWN.replace("offer_shown", kind)).status, 202, "{kind}");
    }
    let other = server.post(&[(name, &key), ("Origin", SHOP)], &format!("[{SHOWN},{ADD}]")).problem(403);
    assert!(other.starts_with("event 2 of the list: ") && other.contains("not cart_add"), "{other}");
    let origin = server.post(&[(name, &key), ("Origin", "https://evil.example")], SHOWN);
    assert!(origin.problem(403).contains("https://evil.example"));
    assert!(!origin.headers.contains_key("access-control-allow-origin"), "{origin:?}");
    assert!(server.post(&[(name, &key)], SHOWN).problem(403).contains("origin"));
    assert!(server.ask("GET /v1/offers", &[(name, &key), ("Origin", SHOP)], "").problem(403).contains("may not do that"));
    assert_eq!(server.bus.sent.lock().unwrap().len(), 3);
}

#[test]
fn who_shows_the_public_key_can_name_neither_a_customer_nor_a_segment() {
    let server = Server::start(secured());
    let (name, key) = bearer(KEY);
    let named = SHOWN.replacen('{', r#"{"customer_id":"somebody-else","segment":"vip","#, 1);
    assert_eq!(server.post(&[(name, &key), ("Origin", SHOP)], &named).status, 202);
    let sent = server.bus.sent.lock().unwrap();
    let told = String::from_utf8(sent[0].1.clone()).unwrap();
    assert!(told.contains("offer_shown") && !told.contains("somebody-else") && !told.contains("vip"), "{told}");
}

#[test]
fn a_page_of_another_origin_is_refused_whatever_it_knows_even_where_no_key_is_needed() {
    let (name, right) = bearer(TOKEN);
    Server::start(secured()).post(&[(name, &right), ("Origin", "https://evil.example")], ADD).problem(403);
    let open = Server::start(HttpConfig::default());
    open.post(&[("Origin", "http://127.0.0.1:9464.evil.example")], ADD).problem(403);
    open.post(&[("Origin", "null")], ADD).problem(403);
    assert!(open.bus.sent.lock().unwrap().is_empty());
}

#[test]
fn a_browser_that_asks_first_is_told_what_its_origin_may() {
    let server = Server::start(secured());
    let ask = |origin: &str| server.ask("OPTIONS /v1/events", &[("Origin", origin), ("Access-Control-Request-Method", "POST")], "");
    let allowed = ask(SHOP);
    assert_eq!((allowed.status, allowed.headers["access-control-allow-origin"].as_str()), (204, SHOP), "{allowed:?}");
    assert!(allowed.headers["access-control-allow-methods"].contains("POST"));
    assert_eq!(allowed.headers["access-control-allow-headers"], "authorization, content-type");
    let refused = ask("https://evil.example");
    refused.problem(403);
    assert!(!refused.headers.contains_key("access-control-allow-origin"), "{refused:?}");
}

#[test]
fn a_huge_body_is_refused_before_and_while_it_is_read() {
    let server = Server::start(HttpConfig { body_bytes_max: 10_000, ..HttpConfig::default() });
    let huge = ADD.replace("\"a\"", &format!("\"{}\"", "x".repeat(20_000)));
    assert!(server.post(&[], &huge).problem(413).contains("10000 bytes"));
    // One that does not tell its length.
    let mut stream = server.connect();
    write!(stream, "POST /v1/events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let chunk = "x".repeat(1_000);
    for _ in 0..1_000 {
        if write!(stream, "{:x}\r\n{chunk}\r\n", chunk.len()).is_err() {
            break;
        }
    }
    answer(stream).problem(413);
    assert!(server.bus.sent.lock().unwrap().is_empty());
}

#[test]
fn too_many_events_wait_and_are_told_how_long() {
    let server = Server::start(HttpConfig { peer_rate_max: 2, ..secured() });
    let (name, key) = bearer(KEY);
    let headers = [(name, key.as_str()), ("Origin", SHOP)];
    let list = format!("[{SHOWN},{SHOWN},{SHOWN},{SHOWN}]");
    assert_eq!(server.post(&headers, &list).status, 202);
    let answer = server.post(&headers, SHOWN);
    answer.problem(429);
    assert_eq!(answer.headers["retry-after"], "1", "{answer:?}");
    // Whoever has the secret token has its own measure.
    let (_, token) = bearer(TOKEN);
    assert_eq!(server.post(&[(name, &token)], &list).status, 202);
    sleep(Duration::from_millis(1_600));
    assert_eq!(server.post(&headers, SHOWN).status, 202);
    // More than fit at once never will.
    sleep(Duration::from_millis(1_100));
    assert!(server.post(&headers, &format!("[{SHOWN},{SHOWN},{SHOWN},{SHOWN},{SHOWN},{SHOWN}]")).problem(413).contains("at most 4 events"));
    assert_eq!(server.metric("offerstream_state_entries{state=\"http_peers\"}"), 1.0);
}

#[test]
fn whoever_guesses_keys_is_slowed_down() {
    let server = Server::start(HttpConfig { peer_rate_max: 2, ..secured() });
    let answers: Vec<u16> = (0..8).map(|n| server.post(&[("Authorization", &format!("Bearer guess-{n}"))], SHOWN).status).collect();
    assert_eq!(answers[..4], [401; 4], "{answers:?}");
    assert!(answers[4..].contains(&429), "{answers:?}");
}

#[test]
fn a_broker_that_is_away_is_a_503() {
    let server = Server::with_bus(HttpConfig::default(), Bus { is_away: true, ..Bus::default() });
    assert!(server.post(&[], ADD).problem(503).contains("the broker does not have it"));
    assert_eq!(server.metric("offerstream_http_refused_total{reason=\"unavailable\"}"), 1.0);
}

fn impatient() -> HttpConfig {
    let mut http = HttpConfig { connections_max: 4, ..HttpConfig::default() };
    http.request_timeout.0 = 500;
    http
}

/// Waits until the other side has closed; whether it did.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn whoever_sends_a_head_byte_by_byte_is_let_go_of() {
    let server = Server::start(impatient());
    let mut slow = server.connect();
    let started = Instant::now();
    for byte in b"GET /healthz HTTP/1.1\r\nHost: t".iter().cycle() {
        if slow.write_all(&[*byte]).is_err() || started.elapsed() > Duration::from_secs(5) {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    assert!(started.elapsed() < Duration::from_secs(4), "it was listened to for {:?}", started.elapsed());
    let mut silent = server.connect();
    assert!(is_closed(&mut silent), "a connection that says nothing is held");
}

#[test]
fn whoever_sends_a_body_too_slowly_is_told_and_let_go_of() {
    let server = Server::start(impatient());
    let mut slow = server.connect();
    write!(slow, "POST /v1/events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{{").unwrap();
    let started = Instant::now();
    answer(slow).problem(408);
    assert!(started.elapsed() < Duration::from_secs(4), "it was waited for {:?}", started.elapsed());
}

#[test]
fn whoever_does_not_read_the_answer_is_let_go_of() {
    let server = Server::start(impatient());
    let mut deaf = server.connect();
    // Answers that nobody reads, until nobody takes requests either.
    deaf.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n".repeat(200);
    let started = Instant::now();
    let error = (0..100_000).find_map(|_| deaf.write_all(request.as_bytes()).err());
    assert!(error.is_some_and(|error| !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)), "it was held");
    assert!(started.elapsed() < Duration::from_secs(20), "it was held for {:?}", started.elapsed());
}

#[test]
fn one_connection_too_many_is_told_so_and_the_next_is_served_once_others_have_ended() {
    let server = Server::start(impatient());
    let held: Vec<TcpStream> = (0..4).map(|_| server.connect()).collect();
    sleep(Duration::from_millis(100));
    let refused = server.connect();
    answer(refused).problem(503);
    assert!(server.metric("offerstream_http_refused_total{reason=\"no_room\"}") >= 1.0);
    drop(held);
    let started = Instant::now();
    while server.ask("GET /healthz", &[], "").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(5), "nobody is served any more");
        sleep(Duration::from_millis(50));
    }
}
