//! Money at a glance, and orders with an offer and without.
//!
//! Invariant: attributed beside caused, always with the sentence that they are not the same.

use super::{figure, pair, section};
use crate::insights::{Insights, Money, Offers, Sums};
use crate::report::charts::{Bar, bars};
use crate::report::markup::Markup;
use crate::report::words::{self, ATTRIBUTED_IS_NOT_CAUSED, count, money, percent};

/// The figures that are asked for first.
pub fn cards(insights: &Insights) -> Markup {
    let (Some(offers), Some(extra)) = (&insights.offers, insights.extra_revenue) else { return Markup::new() };
    let currency = insights.currency;
    let (caused, bounds) = words::caused_in_short(&insights.experiment, currency);
    let (seen, accepted) = seen(insights, offers);
    let shoppers = &offers.shoppers;
    let orders = &insights.orders;
    let refunded = format!("attributed to offers; {} before refunds", money(extra.gross, currency));
    let share_of_shoppers = format!("{} of {} with an offer", count(shoppers.accepted), count(shoppers.offered));
    let difference = format!(
        "{} an order with an offer, {} without",
        words::money_or_dash(orders.with_offer.revenue_an_order, currency),
        words::money_or_dash(orders.without_offer.revenue_an_order, currency)
    );
    let mut cards = Markup::new();
    cards.open("div", &[("class", "cards")]);
    card(&mut cards, "money", "Extra revenue", &money(extra.net, currency), &refunded);
    card(&mut cards, "held", "Caused by offers", &caused, &bounds);
    card(&mut cards, "offer", "Items accepted", &percent(accepted), &format!("{} of {seen}", count(offers.items.accepted)));
    card(&mut cards, "offer", "Shoppers who accepted", &percent(shoppers.ratio), &share_of_shoppers);
    orders_card(&mut cards, insights);
    card(&mut cards, "money", "Orders with an offer", &count(orders.with_offer.orders), &difference);
    cards.close("div");
    cards
}

/// The same, where nothing can be said of offers.
pub fn cards_of_orders(insights: &Insights) -> Markup {
    let mut cards = Markup::new();
    cards.open("div", &[("class", "cards")]);
    orders_card(&mut cards, insights);
    cards.close("div");
    cards
}

/// What acceptance is of, in words, and the share.
fn seen(insights: &Insights, offers: &Offers) -> (String, Option<f64>) {
    match insights.basis {
        crate::insights::Basis::Emitted => (format!("{} sent", count(offers.items.emitted)), offers.accepted_of_emitted),
        _ => (format!("{} shown", count(offers.items.shown)), offers.accepted_of_shown),
    }
}

fn orders_card(cards: &mut Markup, insights: &Insights) {
    let net = format!("worth {} after refunds", money(insights.orders.revenue.net, insights.currency));
    card(cards, "money", "Orders", &count(insights.orders.orders), &net);
}

fn card(cards: &mut Markup, class: &str, name: &str, value: &str, more: &str) {
    cards.open("div", &[("class", &format!("card {class}"))]).element("div", &[("class", "name")], name);
    cards.element("div", &[("class", "value")], value).element("div", &[("class", "more")], more).close("div");
}

/// Extra revenue, and orders with an offer and without.
pub fn earned(insights: &Insights) -> Markup {
    let Some(extra) = insights.extra_revenue else { return Markup::new() };
    section("What they earned", |page| {
        page.paragraph(ATTRIBUTED_IS_NOT_CAUSED);
        page.add(pair([attributed(insights, &extra), with_and_without(insights)]));
        if !insights.in_other_currencies.is_empty() {
            others(page, insights);
        }
    })
}

fn attributed(insights: &Insights, extra: &Sums) -> Markup {
    let currency = insights.currency;
    let sentence = format!(
        "{} of extra revenue is attributed to offers; {} of it went back, which leaves {}.",
        money(extra.gross, currency),
        money(extra.refunded, currency),
        money(extra.net, currency)
    );
    let rows = [("Before refunds", extra.gross), ("Refunded", extra.refunded), ("After refunds", extra.net)];
    let rows = rows.map(|(label, amount)| Bar { label: label.into(), value: Some(amount.0 as f64), figure: words::number(amount) });
    figure("Attributed to offers", &sentence, bars("Extra revenue, before and after refunds", &rows, "money"))
}

fn with_and_without(insights: &Insights) -> Markup {
    let (orders, currency) = (&insights.orders, insights.currency);
    let row = |label: &str, some: &Money| Bar {
        label: label.into(),
        value: some.revenue_an_order.map(|amount| amount.0 as f64),
        figure: format!("{}, {} orders", words::money_or_dash(some.revenue_an_order, currency), count(some.orders)),
    };
    let rows = [row("With", &orders.with_offer), row("Without", &orders.without_offer)];
    figure(
        "Revenue an order",
        &words::with_and_without(insights),
        bars("Revenue an order, with an accepted offer and without", &rows, "money"),
    )
}

fn others(page: &mut Markup, insights: &Insights) {
    let said = |other: &crate::insights::InOtherCurrency| {
        let extra =
            other.extra_revenue.map_or(String::new(), |extra| format!(", of which {} is attributed to offers", words::number(extra.net)));
        format!("{}{extra}", money(other.revenue.net, other.currency))
    };
    let all: Vec<String> = insights.in_other_currencies.iter().map(said).collect();
    page.paragraph(&format!("Beside that, in other currencies and not added up with it: {}.", all.join("; ")));
}
