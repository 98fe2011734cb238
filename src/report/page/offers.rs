//! The way from offer to payment, where offers work, and when.

use super::{figure, pair, section};
use crate::insights::{Basis, Insights, Offers, Row, Steps, WouldHaveHit, ratio};
use crate::report::charts::{Bar, Field, bars, columns, funnel, heat_map};
use crate::report::markup::Markup;
use crate::report::svg::WIDE;
use crate::report::words::{self, SHOWN_TO_COMPARE, count, heading, number, percent};

/// All that is said of offers.
pub fn sections(insights: &Insights) -> Markup {
    let Some(offers) = &insights.offers else { return Markup::new() };
    let mut page = Markup::new();
    page.add(way(insights, offers)).add(places(insights, offers)).add(times(insights, offers));
    page
}

fn way(insights: &Insights, offers: &Offers) -> Markup {
    let items = &offers.items;
    let of = |part, whole| percent(ratio(part, whole));
    let sentence = format!(
        "Of {} items sent, {} were shown. {} of those shown were opened, {} accepted, and {} sent away; {} were paid for.",
        count(items.emitted),
        count(items.shown),
        of(items.clicked, items.shown),
        of(items.accepted, items.shown),
        of(items.dismissed, items.shown),
        count(items.paid)
    );
    let denominators = format!(
        "Accepted: {} of the items sent, {} of the items shown, and by {} of the shoppers who got an offer ({} of {}).",
        percent(offers.accepted_of_emitted),
        percent(offers.accepted_of_shown),
        percent(offers.shoppers.ratio),
        count(offers.shoppers.accepted),
        count(offers.shoppers.offered)
    );
    section("From offer to payment", |page| {
        page.add(figure("The way", &sentence, funnel("Offered items, from sent to paid", &steps(items, insights.basis))));
        page.paragraph(&denominators);
    })
}

fn steps(items: &Steps, basis: Basis) -> Vec<Bar> {
    let whole = if basis == Basis::Emitted { ("sent", items.emitted) } else { ("shown", items.shown) };
    let steps =
        [("Sent", items.emitted), ("Shown", items.shown), ("Opened", items.clicked), ("Accepted", items.accepted), ("Paid", items.paid)];
    let figure = |at: usize, number: u64| match at {
        0 => count(number),
        1 => format!("{} ({} of sent)", count(number), percent(ratio(number, items.emitted))),
        _ => format!("{} ({} of {})", count(number), percent(ratio(number, whole.1)), whole.0),
    };
    let bar =
        |(at, (label, number)): (usize, (&str, u64))| Bar { label: label.into(), value: Some(number as f64), figure: figure(at, number) };
    steps.into_iter().enumerate().map(bar).collect()
}

fn places(insights: &Insights, offers: &Offers) -> Markup {
    section("Where offers work", |page| {
        for (name, rows, refunds) in [
            ("placement", &offers.by_placement, "after refunds"),
            ("kind", &offers.by_kind, "after refunds"),
            ("channel", &offers.by_channel, "before refunds"),
        ] {
            let acceptance = figure(
                &format!("Acceptance by {name}"),
                &compared(rows, insights.basis),
                bars(&format!("Acceptance by {name}"), &acceptance_bars(rows, true), "offer"),
            );
            let money = figure(
                &format!("Extra revenue by {name}"),
                &earned(rows, refunds, insights),
                bars(&format!("Extra revenue by {name}"), &money_bars(rows), "money"),
            );
            page.add(pair([acceptance, money]));
        }
    })
}

fn times(insights: &Insights, offers: &Offers) -> Markup {
    section("When offers work", |page| {
        page.paragraph(&format!("Hours and weekdays are those of {}.", insights.time_zone));
        let by = |name: &str, rows: &[Row]| {
            let title = format!("Acceptance by {name}");
            figure(&title, &compared(rows, insights.basis), columns(&title, &acceptance_bars(rows, false), WIDE, "offer"))
        };
        let money_by = |name: &str, rows: &[Row]| {
            let title = format!("Extra revenue by {name}");
            figure(&title, &earned(rows, "before refunds", insights), columns(&title, &money_bars(rows), WIDE, "money"))
        };
        page.add(by("hour of the day", &offers.by_hour)).add(money_by("hour of the day", &offers.by_hour));
        page.add(by("weekday", &offers.by_weekday)).add(money_by("weekday", &offers.by_weekday));
        page.add(heat(offers, insights.basis));
        if offers.by_basket_age.iter().any(Row::is_used) {
            let ages = aged(&offers.by_basket_age);
            page.add(by("the basket's age", &ages)).add(money_by("the basket's age", &ages));
        }
    })
}

fn heat(offers: &Offers, basis: Basis) -> Markup {
    let row = |placement: &crate::insights::PlacementHours| {
        (heading(placement.placement.as_str()), placement.hours.iter().map(|hour| field(hour, basis)).collect())
    };
    let rows: Vec<_> = offers.by_placement_and_hour.iter().map(row).collect();
    let sentence = format!(
        "Percent accepted at a place and hour; the darker the better. No figure: there was nothing to accept. Grey: of fewer than \
         {SHOWN_TO_COMPARE}, which may be luck."
    );
    figure("Acceptance by placement and hour", &sentence, heat_map("Acceptance by placement and hour", &rows))
}

fn field(row: &Row, basis: Basis) -> Option<Field> {
    row.acceptance.map(|value| Field { value, is_enough: seen(row, basis) >= SHOWN_TO_COMPARE })
}

/// What acceptance is of.
fn seen(row: &Row, basis: Basis) -> u64 {
    if basis == Basis::Emitted { row.emitted } else { row.shown }
}

/// A row as a sentence names it: an hour is told from a number.
fn named(row: &Row) -> String {
    let hour = row.name.parse::<u8>().ok().filter(|_| row.name.len() == 2);
    hour.map_or_else(|| heading(&row.name), |hour| format!("{hour:02}:00 to {:02}:00", (hour + 1) % 24))
}

/// The ages as people say them.
fn aged(rows: &[Row]) -> Vec<Row> {
    let name = |label: &str| match label {
        "older" => "older".to_owned(),
        label => format!("to {label}"),
    };
    rows.iter().map(|row| Row { name: name(&row.name), ..row.clone() }).collect()
}

/// Where an item would have been offered that came to the basket by itself.
pub fn would_have_hit_by_placement(would: &WouldHaveHit) -> Markup {
    let bar = |(placement, emitted, matched): &(crate::engine::vocabulary::Placement, u64, u64)| Bar {
        label: heading(placement.as_str()),
        value: ratio(*matched, *emitted),
        figure: format!("{} ({} of {})", percent(ratio(*matched, *emitted)), count(*matched), count(*emitted)),
    };
    let rows: Vec<Bar> = would.by_placement.iter().map(bar).collect();
    let sentence = "Share of the items that would have been offered which entered the basket later.";
    figure("Would have hit, by placement", sentence, bars("Would have hit, by placement", &rows, "soft"))
}

fn acceptance_bars(rows: &[Row], with_counts: bool) -> Vec<Bar> {
    let figure = |row: &Row| {
        if with_counts && row.acceptance.is_some() {
            format!("{} ({})", percent(row.acceptance), count(row.accepted))
        } else {
            percent(row.acceptance)
        }
    };
    rows.iter().map(|row| Bar { label: heading(&row.name), value: row.acceptance, figure: figure(row) }).collect()
}

fn money_bars(rows: &[Row]) -> Vec<Bar> {
    let bar = |row: &Row| Bar { label: heading(&row.name), value: Some(row.extra_revenue.0 as f64), figure: number(row.extra_revenue) };
    rows.iter().map(bar).collect()
}

/// Which row does best, and which worst, of those that had their chance.
fn compared(rows: &[Row], basis: Basis) -> String {
    let mut known: Vec<(&Row, f64)> =
        rows.iter().filter(|row| seen(row, basis) >= SHOWN_TO_COMPARE).filter_map(|row| Some((row, row.acceptance?))).collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    match known.as_slice() {
        [] => "Too little was shown yet to compare.".into(),
        [(only, share)] => {
            format!("{}: {} accepted; nothing else was shown often enough to compare.", named(only), percent(Some(*share)))
        }
        // Rows that look alike are alike: none is called best for what the figures do not show.
        [(_, most), .., (_, least)] if percent(Some(*most)) == percent(Some(*least)) => {
            format!("All alike: {} accepted.", percent(Some(*most)))
        }
        [(best, most), .., (worst, least)] => {
            format!("Best: {}, {} accepted. Least: {}, {}.", named(best), percent(Some(*most)), named(worst), percent(Some(*least)))
        }
    }
}

fn earned(rows: &[Row], refunds: &str, insights: &Insights) -> String {
    let best = rows.iter().max_by_key(|row| row.extra_revenue).filter(|row| row.extra_revenue.0 > 0);
    best.map_or_else(
        || "Nothing was earned yet.".into(),
        |row| format!("Most: {}, {} ({refunds}).", named(row), words::money(row.extra_revenue, insights.currency)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, accepted: u64, shown: u64) -> Row {
        Row { name: name.into(), shown, accepted, acceptance: ratio(accepted, shown), ..Row::default() }
    }

    #[test]
    fn rows_that_are_alike_are_not_called_best_and_least() {
        let compared = |rows: &[Row]| compared(rows, Basis::Feedback);
        assert_eq!(compared(&[row("cart", 10, 100), row("checkout", 5, 50)]), "All alike: 10.0 % accepted.");
        assert_eq!(compared(&[row("cart", 10, 100), row("checkout", 6, 50)]), "Best: Checkout, 12.0 % accepted. Least: Cart, 10.0 %.");
        assert_eq!(
            compared(&[row("cart", 10, 100), row("checkout", 3, 29)]),
            "Cart: 10.0 % accepted; nothing else was shown often enough to compare."
        );
    }
}
