//! Settings of HTTP: where it listens, who may do what, and how much.
//!
//! Invariant: nothing that changes anything is open to everyone on the network: where events are taken on an address that
//! is not this machine's own, a secret token is needed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::Deserialize;

use super::list::list;
use super::secret::Secret;
use crate::engine::settings::{BadSetting, DurationMs};

/// Where it listens, and who may do what.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Whether events are taken by `POST /v1/events`.
    pub events: bool,
    /// What whoever asks for anything under `/v1` has to know; empty: nothing.
    pub token: Secret,
    /// A file that holds it.
    pub token_file: PathBuf,
    /// What tokens of offers are signed with; empty: made of `token`, or, without one, of what is no secret.
    pub offer_key: Secret,
    /// A file that holds it.
    pub offer_key_file: PathBuf,
    /// A key that a browser may show: it may send what shoppers did with offers, and nothing else.
    pub write_key: Secret,
    /// Origins that browsers may send from, such as `https://shop.example`.
    #[serde(deserialize_with = "list")]
    pub origins: Vec<String>,
    /// The largest request.
    pub body_bytes_max: usize,
    /// Events a second that a key may send; twice as many at once.
    pub rate_max: u32,
    /// Events a second that one address may send without the secret token; twice as many at once. 0: as many as it likes.
    pub peer_rate_max: u32,
    /// A request that has not come by then is ended.
    pub request_timeout: DurationMs,
    /// Connections at once.
    pub connections_max: usize,
    /// Of them, those that listen to the offers of a session.
    pub streams_max: usize,
    /// Whether offers that are asked for know the sessions of this instance, which takes a fifth of their memory more.
    pub sessions: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            events: false,
            token: Secret::default(),
            token_file: PathBuf::new(),
            offer_key: Secret::default(),
            offer_key_file: PathBuf::new(),
            write_key: Secret::default(),
            origins: Vec::new(),
            body_bytes_max: 1 << 20,
            rate_max: 10_000,
            peer_rate_max: 50,
            request_timeout: DurationMs(10_000),
            connections_max: 256,
            streams_max: 64,
            sessions: true,
        }
    }
}

/// A token or key has as many characters at least: what is shorter is guessed.
const KEY_CHARS_MIN: usize = 16;

impl HttpConfig {
    /// Reads the files of token and key, which lie beside the configuration unless their paths say otherwise.
    pub(super) fn read_secrets(&mut self, folder: Option<&Path>) -> Result<()> {
        let secrets = [("token", &mut self.token, &self.token_file), ("offer_key", &mut self.offer_key, &self.offer_key_file)];
        for (name, secret, file) in secrets {
            if file.as_os_str().is_empty() {
                continue;
            }
            if !secret.is_empty() {
                bail!("http.{name} and http.{name}_file are both set: take one of them away");
            }
            let path = folder.map_or_else(|| file.clone(), |folder| folder.join(file));
            *secret = Secret::read(&format!("http.{name}_file"), &path)?;
        }
        Ok(())
    }

    /// What is open to others than it should be, where it is.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        (!self.listen.ip().is_loopback() && self.token.is_empty()).then(|| {
            format!(
                "http.listen = {} is not this machine's own address and there is no http.token: whoever can reach it can read metrics and \
                 whatever is served",
                self.listen
            )
        })
    }

    pub(super) fn check(&self) -> Result<(), BadSetting> {
        let bad = |name: &str, value: String, allowed: &str| Err(BadSetting::new(format!("http.{name}"), value, allowed));
        for (name, key) in [("token", &self.token), ("write_key", &self.write_key), ("offer_key", &self.offer_key)] {
            let fits = key.expose().chars().all(|c| c.is_ascii_graphic()) && key.expose().len() >= KEY_CHARS_MIN;
            if !key.is_empty() && !fits {
                // The value is a secret: its length says enough.
                let is = format!("of {} characters", key.expose().chars().count());
                return bad(name, is, "16 or more letters, digits and signs without spaces are needed (openssl rand -hex 32)");
            }
        }
        if self.events && self.token.is_empty() && !self.listen.ip().is_loopback() {
            let allowed = "where http.listen is not this machine's own address, http.token_file or http.token is needed";
            return bad("events", "true".into(), allowed);
        }
        if !self.write_key.is_empty() && self.token.is_empty() {
            return bad("write_key", "set".into(), "http.token_file or http.token is needed with it, for else all may do everything");
        }
        if !self.write_key.is_empty() && self.write_key == self.token {
            return bad("write_key", "the same as http.token".into(), "browsers show it: make another");
        }
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            return bad("origins", format!("{origin:?}"), "an origin is scheme://host[:port] without a path, such as https://shop.example");
        }
        in_range("body_bytes_max", self.body_bytes_max as u64, 1_024, 64 << 20)?;
        in_range("rate_max", self.rate_max.into(), 1, 10_000_000)?;
        in_range("peer_rate_max", self.peer_rate_max.into(), 0, 10_000_000)?;
        in_range("connections_max", self.connections_max as u64, 1, 1_000_000)?;
        in_range("streams_max", self.streams_max as u64, 0, 1_000_000)?;
        if !(100..=300_000).contains(&self.request_timeout.0) {
            return bad("request_timeout", self.request_timeout.to_string(), "100ms to 5m is allowed");
        }
        Ok(())
    }
}

fn is_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c)))
}

fn in_range(name: &str, value: u64, low: u64, high: u64) -> Result<(), BadSetting> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(BadSetting::new(format!("http.{name}"), value, format!("{low} to {high} is allowed")))
}
