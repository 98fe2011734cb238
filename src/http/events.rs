//! `POST /v1/events`: one event or a list of them, onto the bus.
//!
//! Invariant: of a list either all are handed to the broker or none; 202 is answered once the broker has all of them.
//! What is sent on is what came, byte by byte, once it is known to be an event.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;

use super::Pages;
use super::guard::{Access, Guard, Peer};
use super::problem::{Problem, Refusal};
use crate::clock;
use crate::event::{self, Around, EventKind, Format, Reading, ShopEvent, Timestamp};

/// An event on its way: its record's key and value.
pub type Outbound = (String, Vec<u8>);
/// What becomes of events: nothing more to say, or why the broker does not have them.
pub type Sent = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Takes events on to the bus.
pub trait Intake: Send + Sync {
    /// Sends them; resolves once the broker has all of them. It does not block.
    fn send(&self, events: Vec<Outbound>) -> Sent;

    /// How what it sends will be read.
    fn reading(&self) -> Reading {
        Reading::default()
    }
}

/// An event, as README.md has it; fields that are not listed are ignored.
#[derive(Debug, utoipa::ToSchema)]
#[allow(dead_code, reason = "it only describes what comes in, which is sent on as it came")]
pub struct EventBody {
    /// What happened.
    r#type: String,
    /// When: RFC 3339.
    #[schema(format = DateTime)]
    ts: String,
    /// Dedupes within the session.
    event_id: Option<String>,
    /// One of these four says whose it is.
    session_id: Option<String>,
    cart_id: Option<String>,
    order_id: Option<String>,
    customer_id: Option<String>,
    /// The item, of events of one.
    item_id: Option<String>,
    /// The offer that it is about,
    offer_id: Option<String>,
    /// or what it was given with.
    offer_token: Option<String>,
}

/// One of them, or a list.
#[derive(Debug, utoipa::ToSchema)]
#[schema(title = "EventOrEvents")]
#[allow(dead_code, reason = "it only describes what comes in")]
#[serde(untagged)]
pub enum Posted {
    /// One.
    One(Box<EventBody>),
    /// Several: all of them are taken, or none.
    Several(Vec<EventBody>),
}

/// What became of them.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Accepted {
    /// So many events are on the bus.
    accepted: usize,
}

/// Events for the bus
///
/// Answered once all replicas in sync have them. Off unless `http.events` is on.
#[utoipa::path(post, path = "/v1/events", operation_id = "postEvents", tag = "events",
    request_body(content = Posted, content_type = "application/json"), responses(
    (status = 202, body = Accepted, description = "The broker has them."),
    (status = 400, body = Problem, content_type = "application/problem+json", description = "One of them can't be used."),
    (status = 408, body = Problem, content_type = "application/problem+json", description = "It came too slowly."),
    (status = 413, body = Problem, content_type = "application/problem+json", description = "It is too large."),
    (status = 415, body = Problem, content_type = "application/problem+json", description = "It is not JSON by its own words."),
    (status = 503, body = Problem, content_type = "application/problem+json", description = "The broker does not have them."),
))]
pub async fn post(
    State(pages): State<Pages>,
    Extension(access): Extension<Access>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    match accept(&pages, access, peer, request).await {
        Ok(accepted) => (StatusCode::ACCEPTED, axum::Json(Accepted { accepted })).into_response(),
        Err(refusal) => {
            pages.guard.refused(&refusal);
            refusal.into_response()
        }
    }
}

async fn accept(pages: &Pages, access: Access, peer: Peer, request: Request) -> Result<usize, Refusal> {
    let intake = pages.intake.as_ref().ok_or_else(|| Refusal::Unavailable("http.events is not on".into()))?;
    let body = read(&pages.guard, request).await?;
    let events = events_of(&body, access, intake.reading())?;
    // The request itself was counted as one.
    pages.guard.spend(access, peer, events.len().saturating_sub(1))?;
    let accepted = events.len();
    intake.send(events).await.map_err(Refusal::Unavailable)?;
    Ok(accepted)
}

/// The body, within the limits of size and time.
async fn read(guard: &Arc<Guard>, request: Request) -> Result<Bytes, Refusal> {
    let (most, limit_ms) = (guard.config().body_bytes_max, guard.config().request_timeout.0.unsigned_abs());
    let headers = request.headers();
    let kind = text(headers, header::CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default();
    if !["application/json", "application/cloudevents+json"].contains(&kind.trim()) {
        return Err(Refusal::NotJson);
    }
    let too_large = || Refusal::TooLarge(format!("at most {most} bytes are taken at once"));
    if text(headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > most) {
        return Err(too_large());
    }
    match tokio::time::timeout(Duration::from_millis(limit_ms), to_bytes(request.into_body(), most)).await {
        Err(_) => Err(Refusal::TooSlow(limit_ms)),
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("limit")) => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::Unusable("the request broke off".into())),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The events of a body, each of which can be used.
fn events_of(body: &[u8], access: Access, reading: Reading) -> Result<Vec<Outbound>, Refusal> {
    if body.trim_ascii_start().first() != Some(&b'[') {
        return Ok(vec![outbound(body, access, reading).map_err(Refusal::at(None))?]);
    }
    let list: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| Refusal::Unusable(format!("not a JSON list: {error}")))?;
    if list.is_empty() {
        return Err(Refusal::Unusable("the list is empty".into()));
    }
    let each = list.iter().enumerate();
    each.map(|(at, event)| outbound(event.get().as_bytes(), access, reading).map_err(Refusal::at(Some(at)))).collect()
}

/// What a browser may not say: whoever shows the public key could name anybody, and would be offered what goes with them.
const NOT_FROM_THE_PUBLIC: [&str; 2] = ["customer_id", "segment"];

/// One record: what is sent on, under the key that the shop's own producers would give it. It may be in any format that is
/// read from the bus; the public key's is native JSON alone, of which it is known what a browser may not say.
fn outbound(json: &[u8], access: Access, reading: Reading) -> Result<Outbound, Refusal> {
    let is_public = access == Access::Public;
    let known = if is_public { anonymous(json)? } else { json.to_vec() };
    let reading = if is_public { Reading { format: Format::Native, ..reading } } else { reading };
    let around = Around::of(None, None, Some(Timestamp(clock::unix_ms())));
    let decoded = event::read(&known, &around, reading).and_then(|decoded| decoded.first_bad().cloned().map_or(Ok(decoded), Err));
    let decoded = decoded.map_err(|reject| Refusal::Unusable(format!("{} ({})", reject.detail, reject.reason.as_str())))?;
    if let Some(event) = decoded.events().find(|event| is_public && !is_feedback(event)) {
        let kind = event.kind.event_type().as_str();
        return Err(Refusal::Forbidden(format!(
            "the public write key may send offer_shown, offer_clicked and offer_dismissed, not {kind}"
        )));
    }
    let key = decoded.record_key().unwrap_or_default().to_owned();
    Ok((key, known))
}

/// The event without what a browser may not say.
fn anonymous(json: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(json).map_err(|error| Refusal::Unusable(format!("not a JSON object: {error}")))?;
    fields.retain(|name, _| !NOT_FROM_THE_PUBLIC.contains(&name.as_str()));
    serde_json::to_vec(&fields).map_err(|error| Refusal::Unusable(format!("not a JSON object: {error}")))
}

fn is_feedback(event: &ShopEvent) -> bool {
    matches!(event.kind, EventKind::Feedback { .. })
}

impl Refusal {
    /// Says which one of a list it was.
    fn at(place: Option<usize>) -> impl Fn(Self) -> Self {
        move |refusal| {
            let named = |why: String| place.map_or_else(|| why.clone(), |at| format!("event {} of the list: {why}", at + 1));
            match refusal {
                Self::Unusable(why) => Self::Unusable(named(why)),
                Self::Forbidden(why) => Self::Forbidden(named(why)),
                other => other,
            }
        }
    }
}
