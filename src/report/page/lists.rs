//! Tables: combinations, variants, why there was no offer, what the data lacks, and one session's story.

use super::section;
use crate::insights::{Combination, Counts, Insights, ratio};
use crate::report::SessionStory;
use crate::report::markup::Markup;
use crate::report::words::{count, heading, money, percent};

/// A column's heading, and whether it has numbers.
type Column = (&'static str, bool);

const COMBINATION: [Column; 7] = [
    ("In the basket", false),
    ("Offered", false),
    ("Shown", true),
    ("Accepted", true),
    ("Acceptance", true),
    ("Cautious", true),
    ("Extra revenue", true),
];

/// What works beside what.
pub fn combinations(insights: &Insights) -> Markup {
    let lists = &insights.combinations;
    section("Best and worst combinations", |page| {
        page.paragraph(
            "Extra revenue is attributed, not caused, and after refunds. The cautious acceptance is drawn towards the shop's own, so that one of \
             one does not lead. Only what was shown ten times or more, and is accepted less than all together, can be among the worst.",
        );
        for (caption, list) in
            [("Earning most", &lists.best_by_revenue), ("Accepted most", &lists.best_by_acceptance), ("Working worst", &lists.worst)]
        {
            let rows: Vec<Vec<String>> = list.iter().map(|one| combination(one, insights)).collect();
            if rows.is_empty() {
                page.paragraph(&format!("{caption}: none yet."));
            } else {
                page.add(table(caption, &COMBINATION, &rows));
            }
        }
    })
}

fn combination(one: &Combination, insights: &Insights) -> Vec<String> {
    vec![
        one.anchor_name().to_owned(),
        one.companion_name().to_owned(),
        count(one.shown),
        count(one.accepted),
        percent(one.acceptance),
        percent(Some(one.acceptance_shrunk)),
        money(one.extra_revenue, insights.currency),
    ]
}

/// Variants of policies, and placements that hold themselves back; nothing where there are none.
pub fn variants(insights: &Insights) -> Markup {
    if insights.variants.is_empty() && insights.throttles.is_empty() {
        return Markup::new();
    }
    let columns = [
        ("Placement", false),
        ("Variant", false),
        ("Chosen", true),
        ("Shown", true),
        ("Accepted", true),
        ("Acceptance", true),
        ("Extra revenue", true),
    ];
    let row = |one: &crate::insights::Variant| {
        vec![
            heading(one.placement.as_str()),
            one.variant.clone(),
            percent(Some(one.probability)),
            count(one.shown),
            count(one.accepted),
            percent(ratio(one.accepted, one.shown)),
            money(one.extra_revenue, insights.currency),
        ]
    };
    section("Variants of policies", |page| {
        page.paragraph("What works better is chosen more often; every variant keeps a share, so that it can still show what it is worth.");
        if !insights.variants.is_empty() {
            page.add(table("Variants", &columns, &insights.variants.iter().map(row).collect::<Vec<_>>()));
        }
        for throttle in &insights.throttles {
            let (place, why) = (heading(throttle.placement.as_str()), throttle.reason.replace('_', " "));
            page.element("p", &[("class", "notice")], &format!("{place} makes fewer offers than it could, by itself: {why}."));
        }
    })
}

/// Why there was no offer.
pub fn triggers(insights: &Insights) -> Markup {
    let columns =
        [("Placement", false), ("Occasions", true), ("Offered", true), ("Kept back", true), ("Most common reasons for none", false)];
    let rows: Vec<Vec<String>> = insights
        .triggers
        .iter()
        .map(|triggers| {
            let of = |name: &str| triggers.outcomes.0.iter().find(|(outcome, _)| *outcome == name).map_or(0, |(_, sum)| *sum);
            let (offered, withheld) = (of("offered"), of("withheld"));
            let share = format!("{} ({})", count(offered), percent(ratio(offered, triggers.all)));
            vec![heading(triggers.placement.as_str()), count(triggers.all), share, count(withheld), reasons(&triggers.outcomes)]
        })
        .collect();
    section("When there was no offer", |page| {
        page.paragraph("Every occasion to offer something, and how it ended. Kept back: an offer was made and not sent, to compare with.");
        page.add(table("Occasions by placement", &columns, &rows));
    })
}

fn reasons(outcomes: &Counts) -> String {
    let mut reasons: Vec<_> = outcomes.0.iter().filter(|(name, _)| !["offered", "withheld"].contains(name)).collect();
    reasons.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    let said: Vec<String> = reasons.iter().take(4).map(|(name, sum)| format!("{} {}", name.replace('_', " "), count(*sum))).collect();
    if said.is_empty() { "–".into() } else { said.join(", ") }
}

/// What came in, what of it can't be used, and what was learned.
pub fn data(insights: &Insights) -> Markup {
    let (events, learned) = (&insights.events, &insights.learned);
    section("The data behind it", |page| {
        page.paragraph(&format!(
            "{} events were used, {} could not be. Learned: {} baskets, {} items, {} pairs, {} customers.",
            count(events.used),
            count(events.rejected),
            count(learned.baskets),
            count(learned.items),
            count(learned.pairs),
            count(learned.customers)
        ));
        let lists = [
            ("Events", &events.by_type),
            ("Could not be used", &events.rejected_by_reason),
            ("Feedback ignored", &events.feedback_ignored),
            ("Amounts left out", &events.amounts_ignored),
        ];
        for (caption, counts) in lists.into_iter().filter(|(_, counts)| counts.sum() > 0) {
            let rows: Vec<Vec<String>> = counts.0.iter().map(|(name, sum)| vec![heading(name), count(*sum)]).collect();
            page.add(table(caption, &[("What", false), ("How many", true)], &rows));
        }
    })
}

/// Why one session was offered what it was.
pub fn session(story: &SessionStory) -> Markup {
    let columns = [("When", false), ("Placement", false), ("Ended", false), ("Offered", false), ("Left out, and why", false)];
    let rows: Vec<Vec<String>> = story
        .triggers
        .iter()
        .map(|trigger| {
            let offered: Vec<String> =
                trigger.offered.iter().map(|(item, kind)| format!("{} as {}", item.named(), spaced(kind.as_str()))).collect();
            let left_out: Vec<String> =
                trigger.left_out.iter().map(|(item, reason)| format!("{}: {}", item.named(), spaced(reason.as_str()))).collect();
            let at = trigger.at.chars().take(19).collect::<String>().replace('T', " ");
            vec![at, heading(trigger.placement.as_str()), spaced(trigger.outcome.as_str()), offered.join("; "), left_out.join("; ")]
        })
        .collect();
    section(&format!("Session {}", story.session), |page| {
        page.paragraph(&format!("{} occasions to offer something, and what became of each.", rows.len()));
        page.add(table("Occasions in order", &columns, &rows));
    })
}

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

/// A table; the first cell of a row names it.
fn table(caption: &str, columns: &[Column], rows: &[Vec<String>]) -> Markup {
    let class = |is_number: bool| if is_number { "number" } else { "" };
    let mut table = Markup::new();
    table.open("table", &[]).element("caption", &[], caption).open("thead", &[]).open("tr", &[]);
    for (name, is_number) in columns {
        table.element("th", &[("scope", "col"), ("class", class(*is_number))], name);
    }
    table.close("tr").close("thead").open("tbody", &[]);
    for row in rows {
        table.open("tr", &[]);
        for (at, (cell, (_, is_number))) in row.iter().zip(columns).enumerate() {
            if at == 0 {
                table.element("th", &[("scope", "row")], cell);
            } else {
                table.element("td", &[("class", class(*is_number))], cell);
            }
        }
        table.close("tr");
    }
    table.close("tbody").close("table");
    table
}
