//! `GET /v1/insights`: what the live page shows.
//!
//! Invariant: worked out at most once a second, however many ask, and on a thread that may take its time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Mutex;

use super::Pages;
use super::params::Params;
use super::problem::{Problem, Refusal};
use crate::clock;
use crate::insights::Insights;

/// So long an answer is good.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// The insights with what this process is about.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LiveInsights {
    #[serde(flatten)]
    insights: Insights,
    /// What this process is about.
    live: Now,
}

/// What this process is about.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Now {
    /// Whether events are taken.
    is_ready: bool,
    /// What is going on, in words.
    phase: String,
    /// Events used a second since the answer before; absent in the first.
    events_per_second: Option<f64>,
    /// Records still to be read; absent where nothing is assigned.
    lag_records: Option<i64>,
    /// Sessions of this instance that offers know.
    sessions: usize,
    /// The newest offers of this instance, the newest first, as they were written.
    #[schema(value_type = Vec<crate::engine::offer::Offer>)]
    newest_offers: Vec<Box<RawValue>>,
}

/// The last answer.
#[derive(Debug, Default)]
pub struct Cached(Mutex<Option<Answer>>);

#[derive(Debug)]
struct Answer {
    at: Instant,
    events: u64,
    body: Arc<str>,
}

/// What offers bring
///
/// Throughput and lag, acceptance, attributed and incremental revenue with its bounds, the best combinations, placements by
/// hour, and the newest offers with their reasons.
#[utoipa::path(get, path = "/v1/insights", operation_id = "getInsights", tag = "insights", responses(
    (status = 200, body = LiveInsights, description = "All of it, at most a second old."),
    (status = 400, body = Problem, content_type = "application/problem+json", description = "There are no parameters."),
    (status = 503, body = Problem, content_type = "application/problem+json", description = "The shop is not restored yet."),
))]
pub async fn insights(State(pages): State<Pages>, uri: Uri) -> Result<Response, Refusal> {
    pages.guard.counting(Params::read(uri.query(), &[], &[]).and(pages.is_restored()))?;
    // Held while the answer is made: whoever comes meanwhile gets the same one.
    let mut last = pages.cached.0.lock().await;
    if last.as_ref().is_none_or(|answer| answer.at.elapsed() >= FRESH_FOR) {
        let (making, before) = (pages.clone(), last.as_ref().map(|answer| (answer.at, answer.events)));
        let made = tokio::task::spawn_blocking(move || make(&making, before)).await;
        *last = Some(made.map_err(|_| Refusal::Unavailable("the figures could not be worked out".into()))?);
    }
    let body = last.as_ref().map(|answer| answer.body.to_string()).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn make(pages: &Pages, before: Option<(Instant, u64)>) -> Answer {
    let (at, (events, lag_records)) = (clock::now(), pages.metrics.progress());
    let (is_ready, phase) = pages.health.ready();
    let rate = |(then, events_then): (Instant, u64)| {
        let seconds = at.saturating_duration_since(then).as_secs_f64().max(1e-3);
        (events.saturating_sub(events_then) as f64 / seconds * 10.0).round() / 10.0
    };
    let offer = |json: Arc<[u8]>| String::from_utf8(json.to_vec()).ok().and_then(|json| RawValue::from_string(json).ok());
    let live = Now {
        is_ready,
        phase,
        events_per_second: before.map(rate),
        lag_records,
        sessions: pages.live.usage().0,
        newest_offers: pages.live.newest().into_iter().filter_map(offer).collect(),
    };
    let all = LiveInsights { insights: Insights::of(&pages.shop, &pages.settings, None), live };
    Answer { at, events, body: serde_json::to_string(&all).unwrap_or_default().into() }
}
