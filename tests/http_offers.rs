//! Offers, figures and streams over real sockets, and the document of them held against what is answered.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "http/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

use offerstream::config::{Config, HttpConfig};
use offerstream::engine::totals::TotalKey;
use offerstream::engine::vocabulary::{ItemStep, Placement};
use offerstream::event::{Id, RejectReason, Timestamp};
use offerstream::health::Phase;
use offerstream::pipeline::{Learning, Processor, Record};
use offerstream::state::encode_session;
use serde_json::{Value, json};
use server::{Answer, Bus, Server};

const CART: &str = "/v1/offers?placement=cart&item=phone&session_id=s1&customer_id=u1";

fn config() -> Config {
    let mut config = Config::default();
    config.engine.experiment.holdout_ratio = 0.0;
    config.engine.rules.exploration_ratio = 0.0;
    config
}

/// The shop of a server, and the stream beside it.
struct Shop {
    server: Server,
    stream: Processor,
}

impl Shop {
    /// Eight baskets with a phone and a case, three of them with a cable.
    fn open(config: Config) -> Self {
        let server = Server::of(config, Bus::default());
        server.service.health.set(Phase::Running);
        let service = &server.service;
        let settings = Arc::new(service.config.engine.clone());
        let stream = Processor::new(settings, Arc::clone(&service.shop), Learning::AtOnce).with_token_key(service.config.token_key());
        let mut shop = Self { server, stream };
        for n in 0..8 {
            let cable = if n < 3 { r#",{"item_id":"cable","price":5}"# } else { "" };
            let items = format!(r#"[{{"item_id":"phone","price":100}},{{"item_id":"case","price":10}}{cable}]"#);
            shop.take(&format!(r#"{{"type":"purchase","ts":"{}","session_id":"b{n}","order_id":"o{n}","items":{items}}}"#, now())).unwrap();
        }
        shop
    }

    fn take(&mut self, json: &str) -> Result<(), RejectReason> {
        let record = Record { partition: 0, key: None, payload: json.as_bytes(), payload_bytes: json.len(), record_time: None };
        self.stream.process(&record).map_err(|reject| reject.reason)
    }

    /// Shows the sessions of the stream to whoever asks, as a commit does.
    fn commit(&self) {
        let sessions = self.stream.partitions()[&0].sorted();
        self.server.service.live.changed(sessions.into_iter().map(|(key, session)| (key.clone(), Some(encode_session(session).into()))));
    }

    fn step(&self, step: ItemStep) -> i128 {
        self.server
            .service
            .shop
            .totals()
            .sum(|key| matches!(key, TotalKey::OfferItems { step: s, placement: Placement::Cart, .. } if *s == step))
    }
}

fn now() -> Timestamp {
    Timestamp(offerstream::clock::unix_ms())
}

fn items(answer: &Answer) -> Vec<String> {
    let items = answer.json()["items"].as_array().cloned().unwrap_or_else(|| panic!("{answer:?}"));
    items.iter().map(|item| item["item_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_offer_is_given_with_a_token_by_which_the_stream_hears_of_it() {
    let mut shop = Shop::open(config());
    let answer = shop.server.get(CART);
    assert_eq!((answer.status, items(&answer)), (200, vec!["case".to_owned(), "cable".to_owned()]), "{answer:?}");
    let offer = answer.json();
    assert_eq!(
        (offer["outcome"].as_str(), offer["arm"].as_str(), offer["placement"].as_str()),
        (Some("offered"), Some("treatment"), Some("cart"))
    );
    assert_eq!(
        offer["items"][0]["evidence"],
        json!({"with":"phone","step":"pair","baskets":8,"together":8,"support":1.0,"confidence":1.0,"lift":1.0})
    );
    assert!(offer["items"][0]["reason"].as_str().unwrap().contains('8'), "{offer}");
    assert_eq!((shop.step(ItemStep::Emitted), shop.step(ItemStep::Shown)), (0, 0));
    let token = offer["offer_token"].as_str().unwrap();
    let shown = |token: &str| format!(r#"{{"type":"offer_shown","ts":"{}","session_id":"s1","offer_token":"{token}"}}"#, now());
    assert_eq!(shop.take(&shown(token)), Ok(()));
    assert_eq!((shop.step(ItemStep::Emitted), shop.step(ItemStep::Shown)), (2, 2));
    let mut forged = token.to_owned();
    forged.replace_range(10..11, if &token[10..11] == "A" { "B" } else { "A" });
    assert_eq!(shop.take(&shown(&forged)), Err(RejectReason::BadToken));
    let late = shown(token).replace(&now().to_string()[..4], "2099");
    assert!(matches!(shop.take(&late), Err(RejectReason::ExpiredToken | RejectReason::FutureTime)), "{late}");
    assert_eq!(shop.server.metric("offerstream_http_offers_total{outcome=\"offered\",placement=\"cart\"}"), 1.0);
}

#[test]
fn another_key_makes_other_tokens() {
    let token = |key: &str| {
        let mut config = config();
        config.http.offer_key = key.into();
        Shop::open(config).server.get(CART).json()["offer_token"].as_str().unwrap().to_owned()
    };
    let mut config = config();
    config.http.offer_key = "a-key-of-offers-0123".into();
    let opened = |token: &str| config.token_key().open(token).is_some();
    assert_eq!((opened(&token("a-key-of-offers-0123")), opened(&token("a-key-of-offers-0124"))), (true, false));
}

#[test]
fn the_session_that_is_committed_here_says_what_is_in_the_basket() {
    let mut shop = Shop::open(config());
    let ask = "/v1/offers?placement=cart&session_id=s1";
    assert_eq!(shop.server.get(ask).json()["outcome"], "empty_basket");
    for item in ["phone", "case"] {
        shop.take(&format!(r#"{{"type":"cart_add","ts":"{}","session_id":"s1","item_id":"{item}"}}"#, now())).unwrap();
    }
    assert_eq!(shop.server.get(ask).json()["outcome"], "empty_basket", "it is not committed");
    shop.commit();
    assert_eq!(items(&shop.server.get(ask)), ["cable"]);
    let why = shop.server.get("/v1/sessions/s1/why?placement=cart").json();
    assert_eq!((why["is_known"].as_bool(), why["items"][0]["item_id"].as_str()), (Some(true), Some("cable")), "{why}");
    let left_out = why["left_out"].as_array().unwrap();
    assert!(left_out.iter().all(|item| item["reason"].is_string()), "{why}");
    shop.server.service.live.forget_sessions();
    assert_eq!(shop.server.get(ask).json()["outcome"], "empty_basket");
}

#[test]
fn who_is_held_out_is_given_no_items_and_a_token() {
    let mut config = config();
    config.engine.experiment.holdout_ratio = 1.0;
    let shop = Shop::open(config);
    let answer = shop.server.get(CART).json();
    assert_eq!((&answer["items"], &answer["outcome"], &answer["arm"]), (&json!([]), &json!("withheld"), &json!("holdout")), "{answer}");
    let given = shop.server.service.config.token_key().open(answer["offer_token"].as_str().unwrap()).unwrap();
    assert!(given.items.is_empty());
}

#[test]
fn what_cannot_be_asked_is_a_problem_that_says_what_can() {
    let shop = Shop::open(config());
    for (path, named) in [
        ("/v1/offers", "placement is missing"),
        ("/v1/offers?placement=kart", "product_page"),
        ("/v1/offers?placement=cart&items=a", "is no parameter"),
        ("/v1/offers?placement=cart&item=%00", "control"),
        ("/v1/offers?placement=cart&placement=cart", "more than 1"),
        ("/v1/items/a/companions?limit=1000", "limit"),
        ("/v1/items/%FF/companions", "UTF-8"),
        ("/v1/insights?x=1", "is no parameter"),
        ("/v1/stream", "session_id"),
        ("/v1/sessions/s/why", "placement"),
    ] {
        let detail = shop.server.get(path).problem(400);
        assert!(detail.contains(named), "{path}: {detail}");
    }
    shop.server.get("/v1/items/nobody/companions").problem(404);
    shop.server.get("/v1/nowhere").problem(404);
    shop.server.get("/nowhere").problem(404);
    let answer = shop.server.ask("DELETE /v1/offers", &[], "");
    answer.problem(405);
    assert_eq!(answer.headers["allow"], "GET,HEAD");
    shop.server.service.metrics.await_shop();
    assert!(shop.server.get(CART).problem(503).contains("restored"));
}

#[test]
fn companions_come_with_their_counts_and_none_that_too_few_baskets_speak_for() {
    let shop = Shop::open(config());
    let answer = shop.server.get("/v1/items/phone/companions").json();
    let named = |answer: &Value| -> Vec<(String, u64)> {
        let of = |item: &Value| (item["item_id"].as_str().unwrap().to_owned(), item["together"].as_u64().unwrap());
        answer["companions"].as_array().unwrap().iter().map(of).collect()
    };
    assert_eq!((answer["baskets"].as_u64(), named(&answer)), (Some(8), vec![("case".into(), 8), ("cable".into(), 3)]), "{answer}");
    assert_eq!(named(&shop.server.get("/v1/items/phone/companions?limit=1").json()).len(), 1);
    let mut config = config();
    config.engine.evidence_baskets_min = 5;
    assert_eq!(named(&Shop::open(config).server.get("/v1/items/phone/companions").json()), [("case".into(), 8)]);
}

#[test]
fn insights_are_those_of_the_report_with_what_goes_on_now() {
    let shop = Shop::open(config());
    shop.server.service.live.offered([(None, br#"{"type":"offer"}"#.as_slice())].into_iter());
    let answer = shop.server.get("/v1/insights").json();
    assert_eq!((answer["orders"]["orders"].as_u64(), answer["currency"].as_str()), (Some(8), Some("USD")), "{answer}");
    assert_eq!(answer["live"]["newest_offers"], json!([{"type":"offer"}]));
    assert_eq!((answer["live"]["is_ready"].as_bool(), answer["live"]["events_per_second"].as_f64()), (Some(true), None));
    for part in ["experiment", "combinations", "triggers", "sent_by_hour", "learned"] {
        assert!(!answer[part].is_null(), "{part}");
    }
}

#[test]
fn a_stream_brings_the_offers_of_its_session_and_only_so_many_listen() {
    let mut config = config();
    config.http.streams_max = 1;
    let shop = Shop::open(config);
    let mut listening = shop.server.connect();
    write!(listening, "GET /v1/stream?session_id=s1 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut lines = BufReader::new(listening.try_clone().unwrap()).lines();
    let until = |lines: &mut dyn Iterator<Item = std::io::Result<String>>, start: &str| {
        lines.map(Result::unwrap).find(|line| line.starts_with(start)).unwrap()
    };
    assert_eq!(until(&mut lines, "HTTP/1.1"), "HTTP/1.1 200 OK");
    assert_eq!(until(&mut lines, "content-type"), "content-type: text/event-stream");
    let (own, other) = (Id::from("s1"), Id::from("s2"));
    shop.server.service.live.offered([(Some(&other), b"2".as_slice()), (Some(&own), br#"{"n":1}"#.as_slice())].into_iter());
    assert_eq!((until(&mut lines, "event"), until(&mut lines, "data")), ("event: offer".into(), r#"data: {"n":1}"#.into()));
    shop.server.get("/v1/stream?session_id=s1").problem(503);
    drop((lines, listening));
    let started = std::time::Instant::now();
    while shop.server.service.live.listeners().0 > 0 {
        assert!(started.elapsed().as_secs() < 10, "whoever is gone is still listened for");
        // What is sent is what shows that nobody is there.
        shop.server.service.live.offered([(Some(&own), b"{}".as_slice())].into_iter());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A schema of the document, with the document's own parts beside it.
fn validator(document: &Value, path: &str, status: u16) -> jsonschema::Validator {
    let content = &document["paths"][path]["get"]["responses"][status.to_string()]["content"];
    let schema = content.as_object().and_then(|content| content.values().next()).map(|media| media["schema"].clone());
    let mut schema = schema.unwrap_or_else(|| panic!("{path} {status} is not in the document"));
    schema["components"] = document["components"].clone();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn what_is_answered_is_what_the_document_says() {
    let shop = Shop::open(config());
    let document = shop.server.get("/openapi.json").json();
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let mut seen = BTreeSet::new();
    for (route, path, status) in [
        ("/v1/offers", CART, 200),
        ("/v1/offers", "/v1/offers?placement=cart", 200),
        ("/v1/offers", "/v1/offers?placement=", 400),
        ("/v1/sessions/{session_id}/why", "/v1/sessions/s1/why?placement=cart&item=phone&item=case", 200),
        ("/v1/sessions/{session_id}/why", "/v1/sessions/s1/why", 400),
        ("/v1/items/{item_id}/companions", "/v1/items/phone/companions", 200),
        ("/v1/items/{item_id}/companions", "/v1/items/unknown/companions", 404),
        ("/v1/insights", "/v1/insights", 200),
    ] {
        let answer = shop.server.get(path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let errors: Vec<String> = validator(&document, route, status).iter_errors(&answer.json()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{path}: {errors:?}\n{}", answer.body);
        seen.insert(route);
    }
    let wrong = json!({"type":"offer","placement":"somewhere","items":[]});
    assert!(!validator(&document, "/v1/offers", 200).is_valid(&wrong), "whatever is answered would be right");
    let asked: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).filter(|path| path.starts_with("/v1")).collect();
    let elsewhere = BTreeSet::from(["/v1/events", "/v1/stream"]);
    assert_eq!(asked.difference(&seen).copied().collect::<BTreeSet<_>>(), elsewhere);
}

#[test]
fn with_a_token_the_document_says_so_and_offers_need_it() {
    let token = "a-secret-token-0123456789";
    let shop = Shop::open(Config { http: HttpConfig { token: token.into(), ..HttpConfig::default() }, ..config() });
    shop.server.get(CART).problem(401);
    assert_eq!(shop.server.ask(&format!("GET {CART}"), &[("Authorization", &format!("Bearer {token}"))], "").status, 200);
    let document = shop.server.get("/openapi.json").json();
    assert_eq!(document["paths"]["/v1/offers"]["get"]["security"], json!([{"token": []}]));
    assert_eq!(document["paths"]["/healthz"]["get"]["security"], Value::Null);
}
