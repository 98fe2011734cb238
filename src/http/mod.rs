//! HTTP: metrics and health, offers and figures for whoever asks, and events where that is on.
//!
//! Invariant: nothing here blocks tokio or changes state. Everything under `/v1` is behind the guard. Each route stands in
//! `routes` and, described where it is answered, in the document at `/openapi.json`.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `server` | connections |
//! | `guard`, `rate`, `problem` | who may do what, how much of it, and what is refused |
//! | `params` | parameters of addresses |
//! | `offers`, `items`, `insights`, `stream`, `events` | what is under `/v1` |
//! | `openapi` | all of it as a document |

mod events;
mod guard;
mod insights;
mod items;
mod offers;
mod openapi;
mod params;
mod problem;
mod rate;
mod server;
mod stream;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::Path;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use events::{Intake, Outbound, Sent};
pub use guard::Guard;
pub use openapi::document;
pub use problem::Refusal;

use crate::config::Config;
use crate::customer_key::CustomerKey;
use crate::engine::settings::Settings;
use crate::engine::shop::{Shop, Usage};
use crate::event::Id;
use crate::health::Health;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::offer_token::TokenKey;

/// What answers are made of.
#[derive(Clone)]
pub struct Pages {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// How far the process is.
    pub health: Arc<Health>,
    /// What is learned.
    pub shop: Arc<Shop>,
    /// What the engine goes by.
    pub settings: Arc<Settings>,
    /// What is committed here.
    pub live: Arc<Live>,
    /// What tokens of offers are signed with.
    pub token_key: TokenKey,
    /// What customers' ids are hashed with, where they are.
    pub customer_key: Option<CustomerKey>,
    /// Who may do what under `/v1`.
    pub guard: Arc<Guard>,
    /// Where events go that come in, if they are taken.
    pub intake: Option<Arc<dyn Intake>>,
    nonces: Arc<offers::Nonces>,
    cached: Arc<insights::Cached>,
    streams: Arc<Semaphore>,
}

impl Pages {
    /// What is shown of a process of these parts; it takes no events yet.
    #[must_use]
    pub fn new(config: &Config, shop: Arc<Shop>, metrics: Arc<Metrics>, health: Arc<Health>, live: Arc<Live>) -> Self {
        Self {
            guard: Arc::new(Guard::new(config.http.clone(), Arc::clone(&metrics))),
            settings: Arc::new(config.engine.clone()),
            token_key: config.token_key(),
            customer_key: config.privacy.key.clone(),
            streams: Arc::new(Semaphore::new(config.http.streams_max)),
            intake: None,
            nonces: Arc::default(),
            cached: Arc::default(),
            metrics,
            health,
            shop,
            live,
        }
    }

    /// Whether the shop's figures are what they are: before, an offer would rest on half of them.
    fn is_restored(&self) -> Result<(), Refusal> {
        if self.metrics.is_shop_awaited() {
            return Err(Refusal::Unavailable("the shop is not restored yet; /readyz says how far it is".into()));
        }
        Ok(())
    }

    /// A customer's id as it is kept.
    fn hidden(&self, customer: Id) -> Id {
        self.customer_key.as_ref().map_or_else(|| customer.clone(), |key| key.hash(&customer))
    }
}

/// A part of a path.
fn segment(path: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    path.map(|Path(segment)| segment).map_err(|_| Refusal::Unusable("the path is not UTF-8 text, written with % where needed".into()))
}

/// Opens the port. One that is taken is asked for a few seconds more: a process that was killed may not have let
/// go of it yet when its successor starts.
///
/// # Errors
/// It can't be opened; the line names the setting.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let mut tries_left = 20;
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries_left > 0 => {
                tries_left -= 1;
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            bound => {
                return bound.with_context(|| format!("http.listen = {address} can't be listened on; choose another address or port"));
            }
        }
    }
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, pages: Pages) {
    let (guarding, metrics_of) = (Arc::clone(&pages.guard), Arc::clone(&pages.metrics));
    server::serve(listener, router(pages), guarding, metrics_of).await;
}

/// Every route, by its path; those under `/v1` are behind the guard. `GET /` is the live page's.
fn routes(takes_events: bool) -> Vec<(&'static str, MethodRouter<Pages>)> {
    let mut routes = vec![
        ("/metrics", get(metrics)),
        ("/healthz", get(alive)),
        ("/readyz", get(ready)),
        ("/openapi.json", get(openapi::openapi)),
        ("/v1/offers", get(offers::offers)),
        ("/v1/sessions/{session_id}/why", get(offers::why)),
        ("/v1/items/{item_id}/companions", get(items::companions)),
        ("/v1/insights", get(insights::insights)),
        ("/v1/stream", get(stream::stream)),
    ];
    if takes_events {
        routes.push(("/v1/events", post(events::post)));
    }
    routes
}

/// What is behind the guard holds paths that lead nowhere, too, so that whoever has no key does not learn which do.
fn router(pages: Pages) -> Router {
    let (mut open, mut guarded) = (Router::new(), Router::new());
    for (path, route) in routes(pages.intake.is_some()) {
        match path.strip_prefix("/v1") {
            Some(path) => guarded = guarded.route(path, route),
            None => open = open.route(path, route),
        }
    }
    let guarded = guarded.method_not_allowed_fallback(no_method).fallback(no_path);
    let guarded = guarded.layer(middleware::from_fn_with_state(Arc::clone(&pages.guard), guard::guard));
    open.method_not_allowed_fallback(no_method).fallback(no_path).nest("/v1", guarded).with_state(pages)
}

async fn no_path(State(pages): State<Pages>) -> Refusal {
    pages.guard.refused(&Refusal::NoPath);
    Refusal::NoPath
}

async fn no_method(State(pages): State<Pages>) -> Refusal {
    pages.guard.refused(&Refusal::NoMethod);
    Refusal::NoMethod
}

/// Metrics in Prometheus' text format
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "process", responses(
    (status = 200, body = String, content_type = "text/plain", description = "All of them."),
))]
async fn metrics(State(pages): State<Pages>) -> Response {
    pages.metrics.observe_process();
    observe_live(&pages);
    match pages.metrics.scrape(&pages.shop, &pages.settings.limits) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

/// What is kept for whoever asks. Sessions are as many as the loop has, which has their limit.
fn observe_live(pages: &Pages) {
    let (entries, bytes) = pages.live.usage();
    pages.metrics.observe_usage("http_sessions", Usage { entries, limit: entries, evictions: 0, bytes });
    let (entries, evictions) = pages.live.listeners();
    pages.metrics.observe_usage("http_streams", Usage { entries, limit: pages.guard.config().streams_max, evictions, bytes: 0 });
}

/// Whether the process is alive
#[utoipa::path(get, path = "/healthz", operation_id = "isAlive", tag = "process", responses(
    (status = 200, body = String, content_type = "text/plain", description = "It is."),
))]
async fn alive() -> &'static str {
    "alive\n"
}

/// Whether events are taken
#[utoipa::path(get, path = "/readyz", operation_id = "isReady", tag = "process", responses(
    (status = 200, body = String, content_type = "text/plain", description = "They are."),
    (status = 503, body = String, content_type = "text/plain", description = "Not yet; what is waited for."),
))]
async fn ready(State(pages): State<Pages>) -> Response {
    let (ready, what) = pages.health.ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{what}\n")).into_response()
}

#[cfg(test)]
mod tests;
