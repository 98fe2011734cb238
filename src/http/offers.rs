//! `GET /v1/offers`: an offer for whoever asks, now; and why there is none, or not another.
//!
//! Invariant: it changes nothing. The answer is the engine's own, from the shop as it is folded and the session as it is
//! committed here; it is heard of by the event that its token is sent with.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;

use super::params::{self, Params};
use super::problem::{Problem, Refusal};
use super::{Pages, segment};
use crate::clock;
use crate::engine::ask::{Ask, Asked, ask, session_key};
use crate::engine::offer::Offer;
use crate::engine::vocabulary::{Arm, Outcome, Placement};
use crate::event::{Id, Timestamp};
use crate::metrics::PLACEMENT_OFF;

/// What an ask may say.
const PARAMS: [&str; 6] = ["placement", "item", "session_id", "customer_id", "channel", "locale"];

/// Tells asks apart.
#[derive(Debug)]
pub struct Nonces(AtomicU64);

impl Default for Nonces {
    /// Begins elsewhere at every start.
    fn default() -> Self {
        Self(AtomicU64::new(clock::unix_ms().unsigned_abs() << 20))
    }
}

/// The answer to an ask.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum OfferAnswer {
    /// An offer.
    Made(Box<OfferMade>),
    /// None.
    None(OfferNone),
}

/// An offer that is given.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OfferMade {
    #[serde(flatten)]
    offer: Offer,
    /// How the ask ended: `offered`.
    outcome: Outcome,
    /// What is sent with `offer_shown` and whatever the shopper does with it, in place of `offer_id`.
    offer_token: String,
}

/// No offer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OfferNone {
    /// Always `offer`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Where it was asked for.
    placement: Placement,
    /// When.
    ts: String,
    /// Always empty.
    #[schema(max_items = 0)]
    items: [u8; 0],
    /// Why there is none: `withheld` where the shopper is held out; `placement_off` where none is ever made there.
    outcome: &'static str,
    /// `holdout`, where the shopper is held out.
    #[serde(skip_serializing_if = "Option::is_none")]
    arm: Option<Arm>,
    /// Of a shopper who is held out: to be sent with `offer_shown` where an offer would have been on the screen, so that both
    /// arms of the experiment are counted alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    offer_token: Option<String>,
}

/// Why a session is offered what it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Why {
    /// Whether the session is known here; else the answer rests on what was told alone.
    is_known: bool,
    /// Where.
    placement: Placement,
    /// How an ask ends now.
    outcome: &'static str,
    /// What would be offered; of a shopper who is held out, what is kept back.
    items: Vec<Looked>,
    /// What was looked at and left out, and by which rule, in the order of looking.
    left_out: Vec<LeftOut>,
}

/// An item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Looked {
    #[schema(value_type = String)]
    item_id: Id,
    /// Its title, where known.
    title: Option<String>,
}

/// An item that was left out.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LeftOut {
    #[serde(flatten)]
    item: Looked,
    /// The rule that did it.
    reason: Outcome,
}

/// An offer for a basket
///
/// The same engine answers as on the stream: ranking, rules, reasons, variants and the held-out arm. Give `session_id`, so
/// that a shopper is always the same one.
#[utoipa::path(get, path = "/v1/offers", operation_id = "getOffer", tag = "offers", params(
    ("placement" = Placement, Query, description = "Where it is to be shown."),
    ("item" = Option<Vec<String>>, Query, explode = true, max_items = 100,
     description = "The basket's items, or an order's, the newest last; on a product page its own item comes after those. Again for each. None: what the session holds."),
    ("session_id" = Option<String>, Query, min_length = 1, max_length = 256, description = "The shopper's session."),
    ("customer_id" = Option<String>, Query, min_length = 1, max_length = 256, description = "The customer, where known."),
    ("channel" = Option<String>, Query, min_length = 1, max_length = 256, description = "web, app, store, mail …"),
    ("locale" = Option<String>, Query, min_length = 1, max_length = 35, description = "The shopper's language, as BCP 47."),
), responses(
    (status = 200, body = OfferAnswer, description = "An offer, or none with the reason."),
    (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter can't be used."),
    (status = 503, body = Problem, content_type = "application/problem+json", description = "The shop is not restored yet."),
))]
pub async fn offers(State(pages): State<Pages>, uri: Uri) -> Result<Json<OfferAnswer>, Refusal> {
    pages.guard.counting(answer(&pages, &uri)).map(Json)
}

fn answer(pages: &Pages, uri: &Uri) -> Result<OfferAnswer, Refusal> {
    let params = Params::read(uri.query(), &PARAMS, &["item"])?;
    let ask = ask_of(pages, &params, params.id("session_id")?)?;
    pages.is_restored()?;
    let (asked, _) = asked(pages, &ask);
    let outcome = named(asked.outcome);
    pages.metrics.http_offer(ask.placement, outcome);
    Ok(match asked.made {
        Some((offer, given)) if given.arm == Arm::Treatment => {
            let offer_token = pages.token_key.seal(&given);
            OfferAnswer::Made(Box::new(OfferMade { offer, outcome: Outcome::Offered, offer_token }))
        }
        made => {
            let token = made.map(|(_, given)| pages.token_key.seal(&given));
            OfferAnswer::None(OfferNone {
                kind: "offer",
                placement: ask.placement,
                ts: ask.at.to_string(),
                items: [],
                outcome,
                arm: token.is_some().then_some(Arm::Holdout),
                offer_token: token,
            })
        }
    })
}

/// Why one basket is offered what it is
///
/// Which items would be offered to the session now, and which were passed over, by which rule.
#[utoipa::path(get, path = "/v1/sessions/{session_id}/why", operation_id = "getWhy", tag = "offers", params(
    ("session_id" = String, Path, min_length = 1, max_length = 256, description = "The shopper's session."),
    ("placement" = Placement, Query, description = "Where."),
    ("item" = Option<Vec<String>>, Query, explode = true, max_items = 100, description = "As of /v1/offers."),
    ("customer_id" = Option<String>, Query, min_length = 1, max_length = 256, description = "The customer, where known."),
    ("channel" = Option<String>, Query, min_length = 1, max_length = 256, description = "web, app, store, mail …"),
    ("locale" = Option<String>, Query, min_length = 1, max_length = 35, description = "The shopper's language, as BCP 47."),
), responses(
    (status = 200, body = Why, description = "What is offered and what is not."),
    (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter can't be used."),
    (status = 503, body = Problem, content_type = "application/problem+json", description = "The shop is not restored yet."),
))]
pub async fn why(State(pages): State<Pages>, path: Result<Path<String>, PathRejection>, uri: Uri) -> Result<Json<Why>, Refusal> {
    pages.guard.counting(segment(path).and_then(|session_id| explain(&pages, &session_id, &uri))).map(Json)
}

fn explain(pages: &Pages, session_id: &str, uri: &Uri) -> Result<Why, Refusal> {
    let known: Vec<&'static str> = PARAMS.into_iter().filter(|name| *name != "session_id").collect();
    let params = Params::read(uri.query(), &known, &["item"])?;
    let ask = ask_of(pages, &params, Some(params::id("session_id", session_id)?))?;
    pages.is_restored()?;
    let (asked, is_known) = asked(pages, &ask);
    let looked = |item_id: Id| {
        let title = pages.shop.catalogue.get(&item_id).title.map(|title| title.to_string());
        Looked { item_id, title }
    };
    Ok(Why {
        is_known,
        placement: ask.placement,
        outcome: named(asked.outcome),
        items: asked.made.into_iter().flat_map(|(offer, _)| offer.items).map(|item| looked(item.item_id)).collect(),
        left_out: asked.dropped.into_iter().map(|(item, reason)| LeftOut { item: looked(item), reason }).collect(),
    })
}

fn ask_of(pages: &Pages, params: &Params, session_id: Option<Id>) -> Result<Ask, Refusal> {
    let customer = params.id("customer_id")?;
    Ok(Ask {
        placement: params.placement()?,
        items: params.ids("item")?,
        // The session may go by the customer's own id, which is kept to the shop, too.
        session_id: session_id.map(|id| if Some(&id) == customer.as_ref() { pages.hidden(id) } else { id }),
        customer: customer.map(|id| pages.hidden(id)),
        channel: params.id("channel")?,
        locale: params.locale()?,
        at: Timestamp(clock::unix_ms()),
        nonce: pages.nonces.0.fetch_add(1, Ordering::Relaxed),
    })
}

fn asked(pages: &Pages, wanted: &Ask) -> (Asked, bool) {
    let session = pages.live.session(&session_key(wanted));
    let is_known = session.is_some();
    (ask(&pages.settings, &pages.shop, session, wanted), is_known)
}

fn named(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or(PLACEMENT_OFF, Outcome::as_str)
}
