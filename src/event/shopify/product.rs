//! Products, as rows of the catalogue.
//!
//! Invariant: a row says all that Shopify says of the item; it takes the place of the row that was there.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::SHOP_DOMAIN;
use crate::event::object::Object;
use crate::event::{Around, CatalogueRow, Id, ItemId, Money, Part, Reject, RejectReason, ShopifyItem, shown};

/// The most variants a product has.
const VARIANTS_MAX: usize = 2_048;
const DESCRIPTION_CHARS_MAX: usize = 1_000;

/// A product that is new or was changed: a row for it, or for each of its variants, where items go by these.
pub(super) fn updated(product: &Object<'_>, around: &Around<'_>, item: ShopifyItem) -> Result<Vec<Part>, Reject> {
    let product_id = product_id(product)?;
    let variants = product.list("variants", VARIANTS_MAX)?.unwrap_or_default();
    let shared = shared(product, around)?;
    let variants = variants.iter().map(|variant| Variant::of(variant, item)).collect::<Result<Vec<_>, _>>()?;
    if item == ShopifyItem::Product {
        let mut row = shared;
        row.insert("item_id".into(), json!(product_id));
        if let Some(price) = variants.iter().filter_map(|variant| variant.price).min() {
            row.insert("price".into(), json!(price.to_string()));
        }
        let is_sold = is_published(product) && (variants.is_empty() || variants.iter().any(|variant| variant.is_sold));
        row.insert("in_stock".into(), json!(is_sold));
        return Ok(vec![part(product_id, &row)]);
    }
    let row_of = |variant: Variant| {
        let mut row = shared.clone();
        row.insert("item_id".into(), json!(variant.item_id));
        if let (Some(Value::String(title)), Some(own)) = (row.get("title"), &variant.title) {
            let title = format!("{title} - {own}");
            row.insert("title".into(), json!(title));
        }
        row.extend(variant.price.map(|price| ("price".to_owned(), json!(price.to_string()))));
        row.insert("in_stock".into(), json!(is_published(product) && variant.is_sold));
        // Variants of one product are told by the product, which is no item of its own.
        row.insert("variant_of".into(), json!(product_id));
        part(variant.item_id, &row)
    };
    Ok(variants.into_iter().map(row_of).collect())
}

/// A product that is gone. Of its variants nothing is said, so they can't be taken out: their rows have to be deleted otherwise.
pub(super) fn deleted(product: &Object<'_>, item: ShopifyItem) -> Result<Vec<Part>, Reject> {
    let item_id = product_id(product)?;
    Ok(vec![if item == ShopifyItem::Product { Part::Product(CatalogueRow { item_id, json: None }) } else { Part::PassedOver }])
}

fn product_id(product: &Object<'_>) -> Result<ItemId, Reject> {
    product.item(&["id"])
}

fn part(item_id: ItemId, row: &Map<String, Value>) -> Part {
    // A map of texts has no way to fail.
    Part::Product(CatalogueRow { item_id, json: serde_json::to_vec(row).ok() })
}

struct Variant {
    item_id: ItemId,
    title: Option<Id>,
    price: Option<Money>,
    is_sold: bool,
}

impl Variant {
    fn of(variant: &Object<'_>, item: ShopifyItem) -> Result<Self, Reject> {
        let fields: &[&'static str] = if item == ShopifyItem::Sku { &["sku", "id"] } else { &["id"] };
        Ok(Self {
            item_id: variant.item(fields)?,
            // What a product without variants calls its only one.
            title: variant.text(&["title"]).filter(|title| title != "Default Title"),
            price: variant.money("price", RejectReason::BadPrice)?,
            is_sold: is_sold(variant),
        })
    }
}

/// Whether it can be bought: it is not counted, or some are left, or it is sold without.
fn is_sold(variant: &Object<'_>) -> bool {
    let is_counted = variant.raw("inventory_management").is_some();
    let goes_on = variant.label("inventory_policy").as_deref() == Some("continue");
    let left = variant.raw("inventory_quantity").is_none_or(|raw| raw.get().trim_matches('"').parse::<i64>().is_ok_and(|left| left > 0));
    !is_counted || goes_on || left
}

fn is_published(product: &Object<'_>) -> bool {
    product.label("status").is_none_or(|status| status == "active")
}

/// What the product's rows have in common.
fn shared(product: &Object<'_>, around: &Around<'_>) -> Result<Map<String, Value>, Reject> {
    let mut row = Map::new();
    for (field, text) in [
        ("title", product.text(&["title"])),
        ("brand", product.text(&["vendor"])),
        ("category", product.text(&["product_type"])),
        ("description", product.word("body_html").ok().flatten().map(|html| plain(&html))),
    ] {
        row.extend(text.filter(|text| !text.is_empty()).map(|text| (field.to_owned(), json!(text))));
    }
    row.extend(image(product)?.map(|link| ("image_url".to_owned(), json!(link))));
    if let (Some(domain), Some(handle)) = (around.header(SHOP_DOMAIN), product.label("handle")) {
        row.insert("url".into(), json!(format!("https://{domain}/products/{handle}")));
    }
    Ok(row)
}

/// The picture: the product's own, else the first of all.
fn image<'a>(product: &Object<'a>) -> Result<Option<Cow<'a, str>>, Reject> {
    if let Some(image) = product.object("image")? {
        return Ok(image.link("src"));
    }
    let first = product.list("images", VARIANTS_MAX)?.unwrap_or_default().into_iter().next();
    Ok(first.and_then(|image| image.link("src")))
}

/// The text of a description that is HTML: without its tags, the five entities that every text has to escape undone.
fn plain(html: &str) -> Id {
    let (mut text, mut is_tag) = (String::new(), false);
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                text.push(' ');
            }
            c if !is_tag => text.push(c),
            _ => {}
        }
        if text.len() > DESCRIPTION_CHARS_MAX * 4 {
            break;
        }
    }
    for (entity, c) in [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
        text = text.replace(entity, c);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter_map(shown).take(DESCRIPTION_CHARS_MAX).collect()
}
