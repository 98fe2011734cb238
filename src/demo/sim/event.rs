//! Purpose: the simulated shop's events as JSON, in the shop's native format.
//!
//! Invariant: every event has a type, a time, an id of its own, its session and the label
//! `"simulated":"true"`; what a kind of event has no value for is left out.

use compact_str::{CompactString, format_compact};
use serde::Serialize;
use serde::ser::{Error, Serializer};

use super::SimEvent;
use super::catalogue::{CURRENCY, Catalogue, ItemIx, Product};
use super::money::Cents;

/// The label on everything that is made up.
#[derive(Debug, Serialize)]
pub(super) struct Attributes {
    simulated: &'static str,
    shop: &'static str,
}

/// The one value of it.
pub(super) const SIMULATED: Attributes = Attributes { simulated: "true", shop: super::SHOP_NAME };

/// One product in a basket.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) item: ItemIx,
    pub(super) price: Cents,
    pub(super) quantity: u32,
}

/// Whose events they are; counts them, so that each gets an id of its own.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) session_id: CompactString,
    pub(super) customer_id: Option<CompactString>,
    pub(super) channel: &'static str,
    pub(super) locale: &'static str,
    /// Whether the shop knows the customer yet.
    pub(super) logged_in: bool,
    pub(super) events: u32,
}

impl Identity {
    /// A new event of this session, with nothing in it yet.
    pub(super) fn event(&mut self, kind: &'static str, ts_ms: i64) -> Event<'_> {
        self.events += 1;
        Event {
            kind,
            ts: Time(ts_ms),
            event_id: format_compact!("{}-e{}", self.session_id, self.events),
            session_id: &self.session_id,
            customer_id: self.customer_id.as_deref().filter(|_| self.logged_in),
            order_id: None,
            offer_id: None,
            item_id: None,
            price: None,
            quantity: None,
            items: None,
            currency: None,
            discount: None,
            tax: None,
            shipping: None,
            coupon: None,
            category: None,
            brand: None,
            title: None,
            locale: self.locale,
            channel: self.channel,
            attributes: &SIMULATED,
        }
    }

    /// The id of the session's one order.
    pub(super) fn order_id(&self) -> CompactString {
        format_compact!("{}-o1", self.session_id)
    }
}

/// One event, borrowed from the session it is about.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    ts: Time,
    event_id: CompactString,
    session_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Items<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) discount: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tax: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shipping: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coupon: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    brand: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    locale: &'static str,
    channel: &'static str,
    attributes: &'static Attributes,
}

impl<'a> Event<'a> {
    /// About this item, named only.
    pub(super) fn naming(mut self, product: &'a Product) -> Self {
        self.item_id = Some(&product.item_id);
        self
    }

    /// About this product, described in full.
    pub(super) fn about(mut self, product: &'a Product, price: Cents) -> Self {
        self.price = Some(price);
        self.currency = Some(CURRENCY);
        self.category = Some(product.category);
        self.brand = Some(product.brand);
        self.title = Some(product.title);
        self.naming(product)
    }

    /// So many of it.
    pub(super) fn counting(mut self, quantity: u32) -> Self {
        self.quantity = Some(quantity);
        self
    }

    /// With these lines.
    pub(super) fn listing(mut self, lines: &'a [Line], catalogue: &'a Catalogue) -> Self {
        self.items = Some(Items { lines, catalogue });
        self.currency = Some(CURRENCY);
        self
    }

    /// Writes the event. A time beyond the year 9999, which no format has room for, ends in silence.
    pub(super) fn write(self, out: &mut Vec<SimEvent>) {
        if let Ok(json) = serde_json::to_string(&self) {
            out.push(SimEvent { ts_ms: self.ts.0, key: self.session_id.into(), json });
        }
    }
}

/// Milliseconds since 1970, written as RFC 3339 in UTC.
struct Time(i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ts = jiff::Timestamp::from_millisecond(self.0).map_err(S::Error::custom)?;
        serializer.collect_str(&format_args!("{ts:.3}"))
    }
}

struct Items<'a> {
    lines: &'a [Line],
    catalogue: &'a Catalogue,
}

#[derive(Serialize)]
struct Item<'a> {
    item_id: &'a str,
    price: Cents,
    quantity: u32,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.lines.iter().map(|line| Item {
            item_id: &self.catalogue.product(line.item).item_id,
            price: line.price,
            quantity: line.quantity,
        }))
    }
}
