//! Orders, refunds, checkouts and carts.
//!
//! Invariant: an order's lines with its discount come to what was paid for them, to the last millionth.

use super::{bare, item_fields, time_of};
use crate::event::around::joined;
use crate::event::object::Object;
use crate::event::{
    Around, EventKind, Id, Line, Money, OrderAmounts, Part, ProductFacts, Quantity, Reject, RejectReason, ShopEvent, ShopifyItem,
};

/// The most discounts that one line may have been given.
const ALLOCATIONS_MAX: usize = 1_000;

/// An order that was placed.
pub(super) fn placed(order: &Object<'_>, around: &Around<'_>, item: ShopifyItem) -> Result<ShopEvent, Reject> {
    let mut allocated = 0;
    let mut lines = Vec::new();
    for object in order.list("line_items", crate::event::ITEMS_MAX)?.unwrap_or_default() {
        if let Some((line, discount_micros)) = ordered_line(&object, item)? {
            allocated += discount_micros;
            lines.push(line);
        }
    }
    if lines.is_empty() {
        return Err(Reject::new(RejectReason::MissingItem, format!("{} has no products", order.name("line_items"))));
    }
    let amounts = amounts(order, allocated, &lines)?;
    let (lines, rounded) = lines.into_iter().map(OrderedLine::net).fold((Vec::new(), 0), |(mut lines, sum), (line, rest)| {
        lines.push(line);
        (lines, sum + rest)
    });
    let amounts = OrderAmounts { discount: plus(amounts.discount, rounded), ..amounts };
    let ts = time_of(order, &["processed_at", "created_at"], around)?;
    of_order(order, bare(EventKind::Purchase { lines, amounts }, ts, around))
}

/// A line as it was ordered: a unit's price before what was taken off the line.
struct OrderedLine {
    line: Line,
    discount_micros: i64,
}

impl OrderedLine {
    /// The line after its discount. A unit's price is rounded up; what that adds to the line goes back with the order.
    fn net(self) -> (Line, i64) {
        let Self { mut line, discount_micros } = self;
        let Some(price) = line.price.filter(|_| discount_micros > 0) else { return (line, 0) };
        let net = (price.times(line.quantity) - i128::from(discount_micros)).max(0);
        let quantity = i128::from(line.quantity.0);
        let unit = Money(i64::try_from((net * 1_000 + quantity - 1) / quantity).unwrap_or(price.0));
        let beyond = i64::try_from(unit.times(line.quantity) - net).unwrap_or_default();
        line.price = Some(unit);
        (line, beyond.max(0))
    }
}

/// What is no product (a tip, an item that was made up at the till) says that it has neither id; nothing could be offered of
/// it, so it is left out.
fn is_made_up(object: &Object<'_>, item: ShopifyItem) -> Result<bool, Reject> {
    Ok(object.has("product_id") && object.has("variant_id") && object.id(item_fields(item))?.is_none())
}

/// A line, with what was taken off it.
fn ordered_line(object: &Object<'_>, item: ShopifyItem) -> Result<Option<(OrderedLine, i64)>, Reject> {
    if is_made_up(object, item)? || is_none(object) {
        return Ok(None);
    }
    let price = object.money("price", RejectReason::BadPrice)?;
    let line = object.line(object.item(item_fields(item))?, price, quantity(object)?, facts(object))?;
    let mut discount_micros: i64 = 0;
    for allocation in object.list("discount_allocations", ALLOCATIONS_MAX)?.unwrap_or_default() {
        let amount = allocation.money("amount", RejectReason::BadAmount)?.unwrap_or_default();
        discount_micros = discount_micros.saturating_add(amount.0);
    }
    Ok(Some((OrderedLine { line, discount_micros }, discount_micros)))
}

/// Lines stay with a quantity of 0 once they were taken out.
fn is_none(object: &Object<'_>) -> bool {
    object.raw("quantity").is_some_and(|raw| matches!(raw.get(), "0" | "\"0\""))
}

fn quantity(object: &Object<'_>) -> Result<Quantity, Reject> {
    Ok(object.quantity("quantity")?.unwrap_or(Quantity::ONE))
}

fn facts(object: &Object<'_>) -> ProductFacts {
    ProductFacts { title: object.text(&["title", "name"]), category: object.text(&["product_type"]), brand: object.text(&["vendor"]) }
}

/// Amounts of the whole order: of its discounts what no line was given, and its tax unless prices are without.
fn amounts(order: &Object<'_>, allocated: i64, lines: &[OrderedLine]) -> Result<OrderAmounts, Reject> {
    let amount = |field| order.money(field, RejectReason::BadAmount);
    let mut of_lines = allocated;
    for shipping in order.list("shipping_lines", ALLOCATIONS_MAX)?.unwrap_or_default() {
        for allocation in shipping.list("discount_allocations", ALLOCATIONS_MAX)?.unwrap_or_default() {
            of_lines = of_lines.saturating_add(allocation.money("amount", RejectReason::BadAmount)?.unwrap_or_default().0);
        }
    }
    let left = amount("total_discounts")?.map(|total| total.0.saturating_sub(of_lines)).filter(|left| *left > 0 && !lines.is_empty());
    let has_tax = order.raw("taxes_included").is_none_or(|raw| raw.get() != "false");
    let shipping = order.object("total_shipping_price_set")?.map(|set| set.object("shop_money")).transpose()?.flatten();
    Ok(OrderAmounts {
        discount: left.map(Money),
        tax: amount("total_tax")?.filter(|_| has_tax),
        shipping: shipping.map(|money| money.money("amount", RejectReason::BadAmount)).transpose()?.flatten(),
    })
}

fn plus(discount: Option<Money>, more: i64) -> Option<Money> {
    let sum = discount.unwrap_or_default().0.saturating_add(more);
    (sum > 0).then_some(Money(sum))
}

/// An order that was cancelled.
pub(super) fn cancelled(order: &Object<'_>, around: &Around<'_>) -> Result<ShopEvent, Reject> {
    let ts = time_of(order, &["cancelled_at", "updated_at"], around)?;
    of_order(order, bare(EventKind::OrderCancelled, ts, around))
}

/// Whose order it is, and what else it says of itself.
fn of_order(order: &Object<'_>, event: ShopEvent) -> Result<ShopEvent, Reject> {
    let missing = || Reject::new(RejectReason::MissingOrder, format!("{} is missing or empty", order.name("id")));
    let order_id = order.id(&["id"])?.ok_or_else(missing)?;
    let channel = match order.label("source_name").as_deref() {
        Some("web") => Some(Id::const_new("web")),
        Some("pos") => Some(Id::const_new("store")),
        Some("iphone" | "android") => Some(Id::const_new("app")),
        _ => None,
    };
    Ok(ShopEvent {
        order_id: Some(order_id),
        cart_id: order.id(&["cart_token"])?,
        customer_id: customer(order)?,
        currency: order.currency("currency")?,
        locale: order.label("customer_locale"),
        channel,
        ..event
    })
}

fn customer(of: &Object<'_>) -> Result<Option<Id>, Reject> {
    of.object("customer")?.map_or(Ok(None), |customer| customer.id(&["id"]))
}

/// Units that came back. A refund of money alone takes no unit back, and the whole order even less.
pub(super) fn refunded(refund: &Object<'_>, around: &Around<'_>, item: ShopifyItem) -> Result<Part, Reject> {
    let missing = || Reject::new(RejectReason::MissingOrder, format!("{} is missing or empty", refund.name("order_id")));
    let order_id = refund.id(&["order_id"])?.ok_or_else(missing)?;
    let line = |object: &Object<'_>| {
        let missing = || Reject::new(RejectReason::MissingItem, format!("{} is missing", object.name("line_item")));
        let sold = object.object("line_item")?.ok_or_else(missing)?;
        if is_made_up(&sold, item)? || is_none(object) {
            return Ok(None);
        }
        let line =
            Line { item_id: sold.item(item_fields(item))?, price: None, quantity: quantity(object)?, product: ProductFacts::default() };
        Ok(Some(line))
    };
    let lines = refund.lines("refund_line_items", line)?.unwrap_or_default();
    if lines.is_empty() {
        return Ok(Part::PassedOver);
    }
    let ts = time_of(refund, &["processed_at", "created_at"], around)?;
    let own_id = refund.id(&["id"])?.map(|id| joined(&id, ":refund"));
    let event = bare(EventKind::Refund(Some(lines)), ts, around);
    Ok(Part::Event(ShopEvent { order_id: Some(order_id), event_id: event.event_id.or(own_id), ..event }))
}

/// A basket as it is now.
pub(super) fn cart(cart: &Object<'_>, around: &Around<'_>, item: ShopifyItem) -> Result<ShopEvent, Reject> {
    let missing = |reason, field| Reject::new(reason, format!("{} is missing or empty", cart.name(field)));
    let cart_id = cart.id(&["token", "id"])?.ok_or_else(|| missing(RejectReason::MissingId, "token"))?;
    let lines = basket(cart, item)?.ok_or_else(|| missing(RejectReason::MissingItem, "line_items"))?;
    let ts = time_of(cart, &["updated_at", "created_at"], around)?;
    let event = bare(EventKind::CartUpdated(lines), ts, around);
    Ok(ShopEvent { cart_id: Some(cart_id), customer_id: customer(cart)?, currency: currency(cart)?, ..event })
}

/// The shopper went to the checkout.
pub(super) fn checkout(checkout: &Object<'_>, around: &Around<'_>, item: ShopifyItem) -> Result<ShopEvent, Reject> {
    let missing = || Reject::new(RejectReason::MissingId, format!("{} is missing or empty", checkout.name("cart_token")));
    let cart_id = checkout.id(&["cart_token", "token"])?.ok_or_else(missing)?;
    let lines = basket(checkout, item)?.unwrap_or_default();
    let ts = time_of(checkout, &["created_at", "updated_at"], around)?;
    let event = bare(EventKind::Checkout(lines), ts, around);
    let locale = checkout.label("customer_locale");
    Ok(ShopEvent { cart_id: Some(cart_id), customer_id: customer(checkout)?, currency: checkout.currency("currency")?, locale, ..event })
}

fn basket(of: &Object<'_>, item: ShopifyItem) -> Result<Option<Vec<Line>>, Reject> {
    of.lines("line_items", |object| {
        if is_made_up(object, item)? || is_none(object) {
            return Ok(None);
        }
        let discounted = object.money("discounted_price", RejectReason::BadPrice)?;
        let price = if discounted.is_some() { discounted } else { object.money("price", RejectReason::BadPrice)? };
        object.line(object.item(item_fields(item))?, price, quantity(object)?, facts(object)).map(Some)
    })
}

/// A cart names its currency in its lines' amounts only.
fn currency(cart: &Object<'_>) -> Result<Option<crate::event::Currency>, Reject> {
    if let Some(currency) = cart.currency("currency")? {
        return Ok(Some(currency));
    }
    let first = cart.list("line_items", crate::event::ITEMS_MAX)?.unwrap_or_default().into_iter().next();
    let set = first.map(|line| line.object("price_set")).transpose()?.flatten();
    let money = set.map(|set| set.object("shop_money")).transpose()?.flatten();
    money.map_or(Ok(None), |money| money.currency("currency_code"))
}
