//! Which format a record is in, as configured for its topic.
//!
//! Invariant: closed sets, named as in the configuration.

use serde::Deserialize;

/// The format of a topic's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Format {
    /// Found out by record: see [`super::read`].
    #[default]
    Auto,
    /// Native JSON.
    Native,
    /// CloudEvents 1.0, structured or binary; the data inside is found out.
    CloudEvents,
    /// Segment's track calls.
    Segment,
    /// GA4: bodies of the Measurement Protocol and pushes to a dataLayer.
    Ga4,
    /// Webhooks of Shopify; of one topic, where the records themselves do not say of which.
    Shopify(Option<ShopifyTopic>),
}

/// A topic of Shopify's webhooks that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "Shopify's own words")]
pub enum ShopifyTopic {
    OrdersCreate,
    OrdersCancelled,
    RefundsCreate,
    CartsUpdate,
    CheckoutsCreate,
    ProductsUpdate,
    ProductsDelete,
}

impl ShopifyTopic {
    /// The topic of that name; `carts/create` and `products/create` say the same as their updates.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "orders/create" => Self::OrdersCreate,
            "orders/cancelled" => Self::OrdersCancelled,
            "refunds/create" => Self::RefundsCreate,
            "carts/create" | "carts/update" => Self::CartsUpdate,
            "checkouts/create" => Self::CheckoutsCreate,
            "products/create" | "products/update" => Self::ProductsUpdate,
            "products/delete" => Self::ProductsDelete,
            _ => return None,
        })
    }
}

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "native" => Ok(Self::Native),
            "cloudevents" => Ok(Self::CloudEvents),
            "segment" => Ok(Self::Segment),
            "ga4" => Ok(Self::Ga4),
            "shopify" => Ok(Self::Shopify(None)),
            other => {
                let topic = other.strip_prefix("shopify:").and_then(ShopifyTopic::parse);
                let allowed = "auto, native, cloudevents, segment, ga4, shopify and shopify:<topic> are, such as shopify:orders/create";
                topic.map(|topic| Self::Shopify(Some(topic))).ok_or_else(|| format!("{text:?} is not allowed ({allowed})"))
            }
        }
    }
}

/// What Shopify's items go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ShopifyItem {
    /// `product_id`: all variants of a product are one item.
    #[default]
    Product,
    /// `variant_id`.
    Variant,
    /// `sku`.
    Sku,
}

impl TryFrom<String> for ShopifyItem {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "product" => Ok(Self::Product),
            "variant" => Ok(Self::Variant),
            "sku" => Ok(Self::Sku),
            _ => Err(format!("{text:?} is not allowed (product, variant and sku are)")),
        }
    }
}

/// How records are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The format.
    pub format: Format,
    /// What Shopify's items go by.
    pub shopify_item: ShopifyItem,
}
