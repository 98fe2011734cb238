//! The report as a page for the shop's people.
//!
//! Invariant: it needs no script and asks nobody for anything; each picture stands below a sentence that says what it
//! shows; attributed revenue and what offers caused are never apart.

mod experiment;
mod lists;
mod money;
mod offers;
mod ranking;

use super::Report;
use super::markup::Markup;
use super::words;
use crate::insights::{Insights, WouldHaveHit};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(report: &Report) -> Markup {
    let insights = &report.insights;
    let mut page = Markup::new();
    page.own("<!DOCTYPE html>\n").open("html", &[("lang", "en")]).open("head", &[]);
    page.open("meta", &[("charset", "utf-8")]).open("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    // Whatever a browser might be talked into, it may load nothing.
    page.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", "default-src 'none'; style-src 'unsafe-inline'")]);
    page.element("title", &[], "What the offers did").open("style", &[]).own(STYLE).close("style").close("head").open("body", &[]);
    header(&mut page, insights);
    page.open("main", &[]);
    if insights.offers.is_some() {
        page.add(money::cards(insights)).add(money::earned(insights)).add(experiment::caused(insights)).add(offers::sections(insights));
        page.add(lists::combinations(insights)).add(lists::variants(insights));
    }
    if let Some(would) = &insights.would_have_hit {
        page.add(money::cards_of_orders(insights)).add(would_have_hit(would));
    }
    page.add(lists::triggers(insights));
    if let Some(session) = &report.session {
        page.add(lists::session(session));
    }
    page.add(ranking::ranked(insights)).add(lists::data(insights)).close("main");
    footer(&mut page, insights);
    page.close("body").close("html");
    page
}

/// A section with its heading, and what is in it.
pub(super) fn section(heading: &str, inside: impl FnOnce(&mut Markup)) -> Markup {
    let mut section = Markup::new();
    section.open("section", &[]).element("h2", &[], heading);
    inside(&mut section);
    section.close("section");
    section
}

/// A picture below what it shows.
pub(super) fn figure(heading: &str, sentence: &str, picture: Markup) -> Markup {
    let mut figure = Markup::new();
    figure.open("figure", &[]).element("h3", &[], heading).paragraph(sentence).add(picture).close("figure");
    figure
}

/// Pictures side by side, where the page is wide enough.
pub(super) fn pair(figures: impl IntoIterator<Item = Markup>) -> Markup {
    let mut pair = Markup::new();
    pair.open("div", &[("class", "pair")]);
    figures.into_iter().for_each(|figure| {
        pair.add(figure);
    });
    pair.close("div");
    pair
}

fn header(page: &mut Markup, insights: &Insights) {
    page.open("header", &[]).element("h1", &[], "What the offers did");
    let period = insights.period.map_or_else(
        || "There are no events yet.".to_owned(),
        |period| format!("From {} to {} UTC", words::minute(period.from), words::minute(period.to)),
    );
    let events = words::count(insights.events.used);
    let about = format!("{period}, {events} events. Amounts in {}, hours of {}.", insights.currency, insights.time_zone);
    page.element("p", &[("class", "soft")], &about);
    if let Some(said) = words::basis(insights) {
        page.element("p", &[("class", "notice")], said);
    }
    if let Some(said) = words::offers(insights) {
        page.element("p", &[("class", "lead")], &said);
    }
    page.close("header");
}

fn would_have_hit(would: &WouldHaveHit) -> Markup {
    let share = words::percent(would.ratio);
    let said = format!(
        "{} items would have been offered; {} of them ({share}) entered the basket later in the visit. Nobody had shown them, so this is \
         neither acceptance nor revenue: it says how well offers fit what shoppers wanted anyway.",
        words::count(would.emitted),
        words::count(would.matched)
    );
    section("Would have hit", |page| {
        page.paragraph(&said).add(offers::would_have_hit_by_placement(would));
    })
}

fn footer(page: &mut Markup, insights: &Insights) {
    let rules = &insights.attribution;
    page.open("footer", &[]).element("h2", &[], "How this is counted");
    let credited = if rules.scope == "order" { "the whole order" } else { "the offered items" };
    page.paragraph(&format!(
        "An offered item is accepted if it enters the basket within {} after it was {}, and paid if it is bought within that time. The last \
         offer of an item gets the credit, each unit counts once, and {credited} are credited at what was paid: less discounts, without tax and \
         shipping. Of an upgrade only the difference counts. What comes back within {} is taken off.",
        words::duration(&rules.window), rules.trigger, words::duration(&rules.refund_window)
    ));
    page.paragraph(
        "Acceptance has three denominators: items sent, items shown, and shoppers who got an offer. Where a figure is not known there is a dash. \
         Lists of combinations draw acceptance towards the shop's own, so that one of one does not lead.",
    );
    page.paragraph(&format!("Written by Offerstream {}.", env!("CARGO_PKG_VERSION"))).close("footer");
}
