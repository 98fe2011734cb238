//! `GET /v1/stream`: the offers of one session, as they are committed (server-sent events, WHATWG HTML, section 9.2).
//!
//! Invariant: so many streams at once; one that is read too slowly is ended, by the queue of `live` or by the connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

use super::Pages;
use super::params::Params;
use super::problem::{Problem, Refusal};
use crate::live::Listening;

/// A comment is sent when there was nothing else for so long, so that nobody on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Offers {
    listening: Listening,
    _permit: OwnedSemaphorePermit,
}

impl Stream for Offers {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.listening.poll_next(context).map(|offer| {
            let json = offer.map(|json| String::from_utf8_lossy(&json).into_owned())?;
            Some(Ok(Event::default().event("offer").data(json)))
        })
    }
}

/// The offers of one session, as they are made
///
/// Server-sent events: each has the name `offer` and an offer as its data. A session's events have to come to this instance.
#[utoipa::path(get, path = "/v1/stream", operation_id = "streamOffers", tag = "offers", params(
    ("session_id" = String, Query, min_length = 1, max_length = 256, description = "The shopper's session."),
), responses(
    (status = 200, body = String, content_type = "text/event-stream", description = "Offers, without an end."),
    (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter can't be used."),
    (status = 503, body = Problem, content_type = "application/problem+json", description = "Too many listen."),
))]
pub async fn stream(State(pages): State<Pages>, uri: Uri) -> Result<Response, Refusal> {
    let offers = pages.guard.counting(listen(&pages, &uri))?;
    let sse = Sse::new(offers).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // Proxies that gather answers before they pass them on are told not to.
    Ok(([(header::HeaderName::from_static("x-accel-buffering"), "no")], sse).into_response())
}

fn listen(pages: &Pages, uri: &Uri) -> Result<Offers, Refusal> {
    let session_id = Params::read(uri.query(), &["session_id"], &[])?.id("session_id")?;
    let session_id = session_id.ok_or_else(|| Refusal::Unusable("session_id is missing".into()))?;
    let permit = Arc::clone(&pages.streams).try_acquire_owned();
    let permit = permit.map_err(|_| Refusal::Unavailable("as many listen as http.streams_max allows; try again later".into()))?;
    Ok(Offers { listening: pages.live.listen(session_id), _permit: permit })
}
