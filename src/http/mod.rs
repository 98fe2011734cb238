//! HTTP: metrics and health, and events where that is on.
//!
//! Invariant: nothing here blocks tokio or changes state. Everything under `/v1` is behind the guard.

mod events;
mod guard;
mod problem;
mod rate;
mod server;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;

pub use events::{Intake, Outbound, Sent};
pub use guard::Guard;
pub use problem::Refusal;

use crate::engine::settings::Limits;
use crate::engine::shop::Shop;
use crate::health::Health;
use crate::metrics::Metrics;

/// What answers are made of.
#[derive(Clone)]
pub struct Pages {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// How far the process is.
    pub health: Arc<Health>,
    /// What is learned.
    pub shop: Arc<Shop>,
    /// How far state may grow.
    pub limits: Limits,
    /// Who may do what under `/v1`.
    pub guard: Arc<Guard>,
    /// Where events go that come in, if they are taken.
    pub intake: Option<Arc<dyn Intake>>,
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
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .nest("/v1", v1(&pages))
        .with_state(pages);
    server::serve(listener, router, guarding, metrics_of).await;
}

/// What is behind the guard: a path that leads nowhere, too, so that whoever has no key does not learn which do.
fn v1(pages: &Pages) -> Router<Pages> {
    let mut routes = Router::new();
    if pages.intake.is_some() {
        routes = routes.route("/events", post(events::post));
    }
    let nowhere = || async { StatusCode::NOT_FOUND };
    routes.fallback(nowhere).layer(middleware::from_fn_with_state(Arc::clone(&pages.guard), guard::guard))
}

async fn metrics(State(pages): State<Pages>) -> Response {
    pages.metrics.observe_process();
    match pages.metrics.scrape(&pages.shop, &pages.limits) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

async fn ready(State(pages): State<Pages>) -> Response {
    let (ready, what) = pages.health.ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{what}\n")).into_response()
}
