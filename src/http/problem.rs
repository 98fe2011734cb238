//! What is refused, as a problem document (RFC 9457).
//!
//! Invariant: a refusal tells the one who asked what to mend, never what was asked for by others, and no key.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// What kind of problem: the status says it all.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status, in words.
    title: &'static str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, and how to mend it.
    detail: String,
}

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It can't be used.
    Unusable(String),
    /// No key, or a wrong one.
    NoKey,
    /// The key may not do that, or not from there.
    Forbidden(String),
    /// There is no such thing,
    Unknown(String),
    /// or no such path.
    NoPath,
    /// The path is not asked that way.
    NoMethod,
    /// It did not come in time.
    TooSlow(u64),
    /// It is larger than is taken.
    TooLarge(String),
    /// It is not JSON, by its own words.
    NotJson,
    /// There were too many; when there will be room, in seconds.
    TooMany(u64),
    /// Too many connections are open.
    NoRoom,
    /// The broker does not have it.
    Unavailable(String),
}

impl Refusal {
    /// The reasons, as labels.
    pub const REASONS: [&str; 12] = [
        "unusable",
        "no_key",
        "forbidden",
        "too_slow",
        "too_large",
        "not_json",
        "too_many",
        "no_room",
        "unavailable",
        "unknown",
        "no_path",
        "no_method",
    ];

    /// Its label.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        let at = match self {
            Self::Unusable(_) => 0,
            Self::NoKey => 1,
            Self::Forbidden(_) => 2,
            Self::TooSlow(_) => 3,
            Self::TooLarge(_) => 4,
            Self::NotJson => 5,
            Self::TooMany(_) => 6,
            Self::NoRoom => 7,
            Self::Unavailable(_) => 8,
            Self::Unknown(_) => 9,
            Self::NoPath => 10,
            Self::NoMethod => 11,
        };
        Self::REASONS[at]
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unusable(_) => StatusCode::BAD_REQUEST,
            Self::NoKey => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Unknown(_) | Self::NoPath => StatusCode::NOT_FOUND,
            Self::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NoRoom | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Unusable(why) | Self::Forbidden(why) | Self::TooLarge(why) | Self::Unavailable(why) | Self::Unknown(why) => why.clone(),
            Self::NoPath => "there is nothing at this path; /openapi.json says what there is".into(),
            Self::NoMethod => "this path is not asked by this method; the header Allow says by which".into(),
            Self::NoKey => "a key is needed, as Authorization: Bearer …, and the one given, if any, is not known".into(),
            Self::TooSlow(ms) => format!("the request did not come whole within {ms} ms"),
            Self::NotJson => "Content-Type: application/json is needed".into(),
            Self::TooMany(seconds) => format!("too many events; try again in {seconds} s"),
            Self::NoRoom => "too many connections are open; try again later".into(),
        }
    }

    /// The document.
    #[must_use]
    pub fn body(&self) -> String {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        serde_json::to_string(&Problem { kind: "about:blank", title, status: status.as_u16(), detail: self.detail() }).unwrap_or_default()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), [(header::CONTENT_TYPE, "application/problem+json")], self.body()).into_response();
        let headers = response.headers_mut();
        match self {
            Self::NoKey => _ = headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Self::TooMany(seconds) => _ = headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds)),
            // What is left of the request is not read.
            Self::TooLarge(_) | Self::TooSlow(_) => _ = headers.insert(header::CONNECTION, HeaderValue::from_static("close")),
            _ => {}
        }
        response
    }
}
