//! `run`, seen from outside: HTTP, signals, and the service's threads between them.
//!
//! Invariant: the port opens only after the configuration is checked; SIGTERM or Ctrl-C drains and ends with
//! success; an error of any thread ends the process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::http::{self, Pages};
use crate::kafka::{self, Service};

/// Consumes from Kafka until stopped.
///
/// # Errors
/// One line that says why the process can't go on.
pub fn run(config: Config) -> Result<()> {
    config.kafka.brokers()?;
    kafka::check_settings(&config.kafka)?;
    let service = Service::new(config)?;
    service.metrics.await_shop();
    let (address, stop) = (service.config.http.listen, Arc::clone(&service.stop));
    let mut pages = pages(&service);
    if service.config.http.events {
        pages.intake = Some(Arc::new(kafka::EventsIntake::start(&service.config)?));
    }
    if let Some(warning) = service.config.http.warning() {
        tracing::warn!("{warning}");
    }
    beside_http(address, pages, &stop, move || kafka::run(&service))
}

/// What HTTP shows of a service.
#[must_use]
pub fn pages(service: &Service) -> Pages {
    let Service { config, shop, metrics, health, live, .. } = service;
    Pages::new(config, Arc::clone(shop), Arc::clone(metrics), Arc::clone(health), Arc::clone(live))
}

/// Runs `work` on a thread of its own while HTTP answers and signals are listened to.
///
/// # Errors
/// The port can't be opened, or what `work` fails with.
pub fn beside_http(
    address: SocketAddr,
    pages: Pages,
    stop: &Arc<AtomicBool>,
    work: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<()> {
    runtime()?.block_on(async {
        let listener = http::listen(address).await?;
        tracing::info!("listening on http://{}", listener.local_addr().unwrap_or(address));
        let server = tokio::spawn(http::serve(listener, pages));
        let result = beside_signals(stop, work).await;
        server.abort();
        result
    })
}

/// Runs `work` on a thread of its own while signals are listened to.
///
/// # Errors
/// What `work` fails with.
pub fn until_stopped(stop: &Arc<AtomicBool>, work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    runtime()?.block_on(beside_signals(stop, work))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("tokio can't be started")
}

async fn beside_signals(stop: &Arc<AtomicBool>, work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let (done, mut worked) = oneshot::channel();
    std::thread::Builder::new()
        .name("service".into())
        .spawn(move || {
            // Nobody waits any more only when the process is ending already.
            let _ = done.send(work());
        })
        .context("a thread can't be started")?;
    let result = tokio::select! {
        result = &mut worked => result,
        signal = stop_signal() => {
            tracing::info!("{signal}: draining");
            stop.store(true, Ordering::Relaxed);
            worked.await
        }
    };
    result.map_err(|_| anyhow!("the service ended without a word"))?
}

async fn stop_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = tokio::signal::ctrl_c() => "interrupted",
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
            "interrupted"
        }
    }
}
