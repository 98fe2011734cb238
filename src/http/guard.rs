//! Who may do what under `/v1`, and how much of it.
//!
//! Invariant: what is not let in reaches no handler. Keys are compared in a time that does not tell how much of one was
//! right. A browser that is on a page of an origin that is not listed is refused, whatever key it has: so no page of
//! somebody else can use a shop's own access.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Refusal;
use super::rate::{Bucket, Buckets, Taken, peer_of};
use crate::clock;
use crate::config::HttpConfig;
use crate::engine::shop::Usage;
use crate::metrics::Metrics;

/// What the public write key may be used for, by its path below `/v1`; all else needs the secret token, where there is one.
const PUBLIC_ROUTES: [(Method, &str); 1] = [(Method::POST, "/events")];
/// Addresses that are kept in mind.
const PEERS_MAX: usize = 10_000;

/// What whoever asks may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    Full,
    /// What a browser's write key may.
    Public,
}

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Lets in, or refuses.
pub struct Guard {
    config: HttpConfig,
    metrics: Arc<Metrics>,
    rates: Mutex<Rates>,
}

struct Rates {
    full: Bucket,
    public: Bucket,
    peers: Buckets<IpAddr>,
}

impl Guard {
    /// A guard by these settings.
    #[must_use]
    pub fn new(config: HttpConfig, metrics: Arc<Metrics>) -> Self {
        let now = clock::now();
        let bucket = Bucket::full(config.rate_max, now);
        let guard = Self { config, metrics, rates: Mutex::new(Rates { full: bucket, public: bucket, peers: Buckets::new(PEERS_MAX) }) };
        guard.observe(0, 0);
        guard
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &HttpConfig {
        &self.config
    }

    /// Counts a refusal.
    pub fn refused(&self, refusal: &Refusal) {
        self.metrics.http_refused(refusal.reason());
    }

    /// Counts it if it is a refusal.
    ///
    /// # Errors
    /// That refusal.
    pub fn counting<T>(&self, answer: Result<T, Refusal>) -> Result<T, Refusal> {
        answer.inspect_err(|refusal| self.refused(refusal))
    }

    /// Says whether so many events may be sent now.
    ///
    /// # Errors
    /// Too many; when there will be room.
    pub fn spend(&self, access: Access, peer: Peer, events: usize) -> Result<(), Refusal> {
        let (now, rate, peer_rate) = (clock::now(), self.config.rate_max, self.config.peer_rate_max);
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if access == Access::Public && peer_rate > 0 {
            let taken = rates.peers.take(peer_of(peer.0), events, peer_rate, now);
            self.observe(rates.peers.len(), rates.peers.evicted);
            enough(taken)?;
        }
        let bucket = if access == Access::Full { &mut rates.full } else { &mut rates.public };
        enough(bucket.take(events, rate, now))
    }

    /// Who asks, and whether that is allowed.
    fn admit(&self, request: &Request, origin: Option<&HeaderValue>) -> Result<Access, Refusal> {
        if let Some(origin) = origin.filter(|origin| !self.is_allowed(origin)) {
            let origin = String::from_utf8_lossy(origin.as_bytes());
            return Err(Refusal::Forbidden(format!("the origin {origin:.100} is not among http.origins")));
        }
        if self.config.token.is_empty() {
            return Ok(Access::Full);
        }
        let bearer = bearer_of(request.headers());
        if bearer.is_some_and(|key| is_same(self.config.token.expose(), key)) {
            return Ok(Access::Full);
        }
        let key = bearer.or_else(|| key_of(request.uri().query()));
        if self.config.write_key.is_empty() || !key.is_some_and(|key| is_same(self.config.write_key.expose(), key)) {
            return Err(Refusal::NoKey);
        }
        if origin.is_none() {
            return Err(Refusal::Forbidden("the public write key is for browsers, which tell their origin; use the secret token".into()));
        }
        let is_public = PUBLIC_ROUTES.iter().any(|(method, path)| method == request.method() && *path == request.uri().path());
        if is_public { Ok(Access::Public) } else { Err(Refusal::Forbidden("the public write key may not do that".into())) }
    }

    fn is_allowed(&self, origin: &HeaderValue) -> bool {
        self.config.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    }

    fn observe(&self, peers: usize, evicted: u64) {
        self.metrics.observe_usage("http_peers", Usage { entries: peers, limit: PEERS_MAX, evictions: evicted, bytes: 0 });
    }
}

/// The layer before everything under `/v1`.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let response = if request.method() == Method::OPTIONS {
        preflight(&guard, origin.as_ref())
    } else {
        match let_in(&guard, &mut request, origin.as_ref()) {
            Ok(()) => next.run(request).await,
            Err(refusal) => {
                guard.refused(&refusal);
                refusal.into_response()
            }
        }
    };
    match origin {
        Some(origin) => with_origin(&guard, response, origin),
        None => response,
    }
}

fn let_in(guard: &Guard, request: &mut Request, origin: Option<&HeaderValue>) -> Result<(), Refusal> {
    let peer = *request.extensions().get::<Peer>().unwrap_or(&Peer(IpAddr::from([0, 0, 0, 0])));
    let admitted = guard.admit(request, origin);
    // Whoever guesses keys is slowed down like whoever has none.
    guard.spend(*admitted.as_ref().unwrap_or(&Access::Public), peer, 1)?;
    request.extensions_mut().insert(admitted?);
    Ok(())
}

/// What a browser asks before it sends from another origin.
fn preflight(guard: &Guard, origin: Option<&HeaderValue>) -> Response {
    if !origin.is_some_and(|origin| guard.is_allowed(origin)) {
        let refusal = Refusal::Forbidden("the origin is not among http.origins".into());
        guard.refused(&refusal);
        return refusal.into_response();
    }
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets a page of an allowed origin see the answer.
fn with_origin(guard: &Guard, mut response: Response, origin: HeaderValue) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    if guard.is_allowed(&origin) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

fn enough(taken: Taken) -> Result<(), Refusal> {
    match taken {
        Taken::Yes => Ok(()),
        Taken::Wait(wait) => Err(Refusal::TooMany((wait + Duration::from_millis(999)).as_secs().max(1))),
        Taken::Never(most) => Err(Refusal::TooLarge(format!("at most {most} events are taken at once"))),
    }
}

fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The key in a query, for senders that can set no header; it has no characters that are written otherwise there.
fn key_of(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|field| field.strip_prefix("key="))
}

/// Whether two keys are the same, in a time that depends on the length of the one given alone.
fn is_same(secret: &str, given: &str) -> bool {
    let (secret, given) = (secret.as_bytes(), given.as_bytes());
    if secret.is_empty() {
        return false;
    }
    let differing = given.iter().zip(secret.iter().cycle()).fold(0, |differing, (given, secret)| black_box(differing | (given ^ secret)));
    (differing == 0) & (given.len() == secret.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_same_only_if_they_are() {
        assert!(is_same("0123456789abcdef", "0123456789abcdef"));
        for wrong in ["", "0", "0123456789abcdeF", "0123456789abcdef0", "0123456789abcdef0123456789abcdef", "0123456789abcde"] {
            assert!(!is_same("0123456789abcdef", wrong), "{wrong:?}");
        }
        assert!(!is_same("", ""));
    }

    #[test]
    fn a_key_is_found_in_a_header_or_in_the_query() {
        let mut headers = HeaderMap::new();
        assert_eq!(bearer_of(&headers), None);
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("bearer abc"));
        assert_eq!(bearer_of(&headers), Some("abc"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic abc"));
        assert_eq!(bearer_of(&headers), None);
        assert_eq!((key_of(Some("a=b&key=abc")), key_of(Some("monkey=abc")), key_of(None)), (Some("abc"), None, None));
    }
}
