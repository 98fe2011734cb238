//! HTTP: metrics and health.
//!
//! Invariant: nothing here blocks tokio or changes state.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

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
///
/// # Errors
/// The port fails.
pub async fn serve(listener: TcpListener, pages: Pages) -> Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(pages);
    axum::serve(listener, router).await.context("HTTP has ended")
}

async fn metrics(State(pages): State<Pages>) -> Response {
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
