//! How ranking did: which way is in use, and how true its chances were.
//!
//! Invariant: shown once there is something to show; figures are those of the sentence above.

use super::{figure, section};
use crate::insights::{Chances, Insights};
use crate::report::charts::{Dot, agreement};
use crate::report::markup::Markup;
use crate::report::words::{count, percent};

/// The section; nothing while nothing was judged.
pub fn ranked(insights: &Insights) -> Markup {
    let learned = &insights.learned;
    let Some(chances) = &learned.chances else { return Markup::new() };
    section("How offers are ranked", |page| {
        page.paragraph(&format!(
            "By {}, which would have offered something that was bought in {} of the {} steps of baskets that were learned from, lately.",
            learned.ranked_by,
            percent(learned.hit_ratio),
            count(learned.examples)
        ));
        page.add(figure("How true its chances are", &sentence(chances), picture(chances)));
    })
}

fn sentence(chances: &Chances) -> String {
    let error = percent(Some(chances.error));
    format!(
        "Each dot is offered items of a like chance to be bought; on the dashed line just as many were. Chances were off by {error} on average."
    )
}

fn picture(chances: &Chances) -> Markup {
    let dots = chances.bins.iter().map(|bin| Dot {
        shares: (bin.told, bin.bought),
        weight: bin.share,
        figure: format!("of a chance of {} {} were bought", percent(Some(bin.told)), percent(Some(bin.bought))),
    });
    agreement("Chances against what was bought", "chance told", "bought", &dots.collect::<Vec<_>>())
}
