//! A catalogue file: JSON lines, one product each.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use compact_str::CompactString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::input::Input;
use crate::engine::catalogue::{Catalogue, Product};
use crate::event::{Currency, Money};

#[derive(Deserialize)]
struct Row<'a> {
    item_id: CompactString,
    title: Option<CompactString>,
    description: Option<CompactString>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    currency: Option<Currency>,
    category: Option<CompactString>,
    brand: Option<CompactString>,
    image_url: Option<CompactString>,
    url: Option<CompactString>,
    add_url: Option<CompactString>,
}

/// Reads a catalogue into the shop.
///
/// # Errors
/// The file, line and field that can't be used.
pub fn load_catalogue(catalogue: &Catalogue, path: &Path) -> Result<()> {
    let name = path.display();
    let mut input = Input::open(path, Arc::default()).with_context(|| format!("catalogue {name} can't be read"))?;
    while let Some(line) = input.next_line().with_context(|| format!("catalogue {name} can't be read"))? {
        let row: Row<'_> = serde_json::from_slice(line.bytes).with_context(|| format!("catalogue {name}, line {}", line.number))?;
        let price = row.price.map(|raw| raw.get().trim_matches('"'));
        let price = match price.map(Money::parse).transpose() {
            Ok(price) => price,
            Err(error) => bail!("catalogue {name}, line {}: price is {}, which {error}", line.number, price.unwrap_or_default()),
        };
        let product = Product {
            title: row.title,
            description: row.description,
            price,
            currency: row.currency,
            category: row.category,
            brand: row.brand,
            image_url: row.image_url,
            url: row.url,
            add_url: row.add_url,
            ..Product::default()
        };
        catalogue.give(row.item_id, product);
    }
    Ok(())
}
