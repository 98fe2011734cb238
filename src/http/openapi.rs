//! `GET /openapi.json`: every route, as its handler describes it (OpenAPI 3.1).
//!
//! Invariant: what is not taken is not in it, and what is in it is taken: a test holds the routes against it.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::params::{ID_PATTERN, LOCALE_PATTERN};
use super::{Pages, events, insights, items, offers, stream};
use crate::event::ID_BYTES_MAX;

#[derive(OpenApi)]
#[openapi(
    info(title = "Offerstream", description = "Offers for a shop's baskets, and what they bring."),
    paths(
        super::metrics,
        super::alive,
        super::ready,
        openapi,
        offers::offers,
        offers::why,
        items::companions,
        insights::insights,
        stream::stream,
        events::post
    )
)]
struct Documented;

/// This document
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "process", responses(
    (status = 200, body = Object, content_type = "application/json", description = "It."),
))]
pub async fn openapi(State(pages): State<Pages>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document(pages.intake.is_some(), !pages.guard.config().token.is_empty()).to_string())
}

/// The document of a process that takes events or does not, and needs a token or does not.
#[must_use]
pub fn document(takes_events: bool, needs_token: bool) -> Value {
    let mut document = serde_json::to_value(Documented::openapi()).unwrap_or_default();
    let refused = |why: &str| {
        let content = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        json!({"description": why, "content": content})
    };
    if let Some(paths) = document["paths"].as_object_mut() {
        if !takes_events {
            paths.remove("/v1/events");
        }
        for (_, operation) in
            paths.iter_mut().filter(|(path, _)| path.starts_with("/v1")).flat_map(|(_, path)| path.as_object_mut().into_iter().flatten())
        {
            // What the guard says, whatever the route is.
            operation["responses"]["429"] = refused("Too many requests; Retry-After says when there is room.");
            operation["responses"]["403"] = refused("The key may not do that, or not from this origin.");
            if needs_token {
                operation["responses"]["401"] = refused("The secret token is missing, or wrong.");
                operation["security"] = json!([{"token": []}]);
            }
            operation["parameters"].as_array_mut().into_iter().flatten().for_each(make_exact);
        }
    }
    if needs_token {
        document["components"]["securitySchemes"] = json!({"token": {"type": "http", "scheme": "bearer"}});
    }
    document
}

/// Says of a parameter all that is asked of it: one that is left out is not null, and an id has no hidden characters.
fn make_exact(parameter: &mut Value) {
    let schema = &mut parameter["schema"];
    if let Some(types) = schema["type"].as_array().cloned() {
        schema["type"] = types.into_iter().find(|name| name != "null").unwrap_or_default();
    }
    let id = json!({"type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX, "pattern": ID_PATTERN});
    match parameter["name"].as_str() {
        Some("item") => parameter["schema"]["items"] = id,
        Some("session_id" | "customer_id" | "item_id" | "channel") => parameter["schema"] = id,
        Some("locale") => parameter["schema"]["pattern"] = LOCALE_PATTERN.into(),
        _ => {}
    }
}
