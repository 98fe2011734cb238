//! The predictions file: one line for each step of each basket, as the outside scorer reads it.
//!
//! Invariant: a basket's lines are written together once it has ended, in the order of its steps, baskets in the order of
//! their ends: only then is the order's id known. A basket that was never bought has `"order_id":null` and its session's
//! own id.

use std::io::{self, Write};

use serde::Serialize;

use super::items::Items;
use super::steps::Basket;
use crate::engine::vocabulary::Placement;

#[derive(Serialize)]
struct Prediction<'a> {
    order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    step: usize,
    items: Vec<&'a str>,
}

/// Writes the lines of a basket that has ended; the engine's answers are the first.
///
/// # Errors
/// What the writer fails with.
pub fn write(basket: &Basket, items: &Items, out: &mut impl Write) -> io::Result<()> {
    let order_id = basket.order_id.as_deref();
    let session = basket.key.split_once(':').map(|(_, id)| id).filter(|_| order_id.is_none());
    for asked in basket.asked.iter().filter(|asked| asked.placement == Placement::Cart) {
        let engine = asked.answers.first().map(super::steps::Answer::items).unwrap_or_default();
        let items = engine.iter().map(|item| items.name(*item).as_str()).collect();
        serde_json::to_writer(&mut *out, &Prediction { order_id, session, step: asked.arrived, items })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
