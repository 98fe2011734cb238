//! `GET /v1/items/{item_id}/companions`: what goes with an item, with the evidence.
//!
//! Invariant: nothing is shown that rests on fewer baskets than evidence needs to be shown (`privacy.evidence_baskets_min`).

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;

use super::params::{self, Params};
use super::problem::{Problem, Refusal};
use super::{Pages, segment};
use crate::clock;
use crate::engine::ranking::{CANDIDATES_MAX, Candidate, Query, rank};
use crate::event::{ItemId, Timestamp};
use crate::insights::ratio;

/// How many are shown unless told.
const SHOWN: usize = 20;

/// What goes with an item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Companions {
    #[schema(value_type = String)]
    item_id: ItemId,
    /// Its title, where known.
    title: Option<String>,
    /// Purchased baskets with it.
    baskets: u32,
    /// What goes with it, best first as ranking has it for a basket with nothing else.
    companions: Vec<Companion>,
}

/// An item that goes with it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Companion {
    #[schema(value_type = String)]
    item_id: ItemId,
    /// Its title, where known.
    title: Option<String>,
    /// Its category, where known.
    category: Option<String>,
    /// Purchased baskets with both.
    together: u32,
    /// The share of all baskets that had both.
    support: Option<f64>,
    /// The share of the item's baskets that had this one, too.
    confidence: Option<f64>,
    /// How many times more often than in any basket.
    lift: Option<f64>,
}

/// What goes with an item
///
/// As the shop's purchases have it, with the counts behind it.
#[utoipa::path(get, path = "/v1/items/{item_id}/companions", operation_id = "getCompanions", tag = "items", params(
    ("item_id" = String, Path, min_length = 1, max_length = 256, description = "The item."),
    ("limit" = Option<u32>, Query, minimum = 1, maximum = 64, description = "So many at most; 20 unless told."),
), responses(
    (status = 200, body = Companions, description = "The companions, best first."),
    (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter can't be used."),
    (status = 404, body = Problem, content_type = "application/problem+json", description = "Nothing is known of the item."),
    (status = 503, body = Problem, content_type = "application/problem+json", description = "The shop is not restored yet."),
))]
pub async fn companions(
    State(pages): State<Pages>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Companions>, Refusal> {
    pages.guard.counting(segment(path).and_then(|item_id| of(&pages, &item_id, &uri))).map(Json)
}

fn of(pages: &Pages, item_id: &str, uri: &Uri) -> Result<Companions, Refusal> {
    let item_id = params::id("item_id", item_id)?;
    let limit = Params::read(uri.query(), &["limit"], &[])?.number("limit", (1, CANDIDATES_MAX), SHOWN)?;
    pages.is_restored()?;
    let (shop, settings) = (&pages.shop, &pages.settings);
    let baskets = shop.counts.with_row(&item_id, |row| row.slot.baskets());
    let product = shop.catalogue.get(&item_id);
    if baskets.is_none() && product.title.is_none() && product.price.is_none() {
        return Err(Refusal::Unknown(format!("nothing is known of item {item_id:.60?}")));
    }
    let together_min = settings.shown_from(1);
    let query = Query { basket: &[&item_id], customer: None, now: Timestamp(clock::unix_ms()), together_min };
    let all = shop.counts.baskets();
    let shown = |candidate: Candidate| {
        let pair = candidate.pair.filter(|pair| pair.together >= together_min)?;
        let item_id = candidate.slot.item.clone();
        let product = shop.catalogue.get(&item_id);
        let (confidence, share) = (ratio(pair.together.into(), pair.baskets.into()), ratio(candidate.slot.baskets().into(), all));
        let lift = confidence.zip(share.filter(|share| *share > 0.0)).map(|(confidence, share)| confidence / share);
        Some(Companion {
            item_id,
            title: product.title.map(|title| title.to_string()),
            category: product.category.map(|category| category.to_string()),
            together: pair.together,
            support: ratio(pair.together.into(), all),
            confidence,
            lift: lift.map(|lift| (lift * 1e6).round() / 1e6),
        })
    };
    let companions = rank(shop, &settings.ranking, query).into_iter().filter_map(shown).take(limit).collect();
    Ok(Companions {
        title: product.title.map(|title| title.to_string()),
        baskets: settings.shown(baskets.unwrap_or_default()),
        companions,
        item_id,
    })
}
