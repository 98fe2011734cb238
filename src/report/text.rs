//! The report as text: what a person wants to know of a log, on one screen.

use std::io::{self, Write};

use super::words::{self, count, exact, percent};
use crate::engine::vocabulary::Placement;
use crate::insights::{Counts, Insights, Offers, SentByHour, WouldHaveHit};

const COMBINATIONS_SHOWN: usize = 10;

/// Writes the report.
///
/// # Errors
/// What the writer fails with.
pub fn write(insights: &Insights, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Events               {}", count(insights.events.used))?;
    rows(out, &insights.events.by_type)?;
    writeln!(out, "Rejected             {}", count(insights.events.rejected))?;
    rows(out, &insights.events.rejected_by_reason)?;
    learned(insights, out)?;
    triggers(insights, out)?;
    if let Some(offers) = &insights.offers {
        acceptance(insights, offers, out)?;
    }
    if let Some(would) = &insights.would_have_hit {
        would_have_hit(insights, would, out)?;
    }
    ignored(insights, out)?;
    if insights.offers.is_some() {
        writeln!(out, "\nWhat offers caused")?;
        words::experiment(insights).iter().try_for_each(|sentence| writeln!(out, "  {sentence}"))?;
    }
    combinations(insights, out)?;
    insights.sent_by_hour.iter().try_for_each(|sent| by_hour(insights, sent, out))
}

fn learned(insights: &Insights, out: &mut impl Write) -> io::Result<()> {
    let learned = &insights.learned;
    writeln!(out, "\nLearned")?;
    row(out, "baskets", learned.baskets)?;
    row(out, "items", learned.items)?;
    row(out, "pairs", learned.pairs)?;
    row(out, "customers", learned.customers)?;
    if learned.hit_ratio.is_some() {
        let (hits, examples) = (percent(learned.hit_ratio), count(learned.examples));
        writeln!(out, "  {:<20} {} (a hit in {hits} of {examples} examples)", "ranked by", learned.ranked_by)?;
    }
    if let Some(chances) = &learned.chances {
        writeln!(out, "  {:<20} off by {} on average", "chances told", percent(Some(chances.error)))?;
    }
    row(out, "orders", insights.orders.orders)?;
    writeln!(out, "  {:<20} {}", "order revenue", exact(insights.orders.revenue.gross, insights.currency))?;
    refunded(insights.orders.revenue.refunded, insights, out)?;
    insights
        .in_other_currencies
        .iter()
        .try_for_each(|other| writeln!(out, "  {:<20} {}", "in another currency", exact(other.revenue.gross, other.currency)))
}

fn refunded(amount: crate::insights::Amount, insights: &Insights, out: &mut impl Write) -> io::Result<()> {
    if amount.0 == 0 { Ok(()) } else { writeln!(out, "  {:<20} {}", "of which refunded", exact(amount, insights.currency)) }
}

fn triggers(insights: &Insights, out: &mut impl Write) -> io::Result<()> {
    for triggers in &insights.triggers {
        writeln!(out, "\nTriggers: {:<10} {}", triggers.placement.as_str(), count(triggers.all))?;
        for (outcome, sum) in &triggers.outcomes.0 {
            writeln!(out, "  {outcome:<20} {:>12}  {}", count(*sum), part(*sum, triggers.all))?;
        }
    }
    Ok(())
}

fn acceptance(insights: &Insights, offers: &Offers, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nOffered items, from the feedback in the log")?;
    if let Some(said) = words::basis(insights) {
        writeln!(out, "  {said}")?;
    }
    let items = &offers.items;
    let steps = [
        ("emitted", items.emitted),
        ("shown", items.shown),
        ("clicked", items.clicked),
        ("dismissed", items.dismissed),
        ("accepted", items.accepted),
        ("paid", items.paid),
    ];
    for (name, sum) in steps {
        writeln!(out, "  {name:<20} {:>12}  {} of emitted", count(sum), part(sum, items.emitted))?;
    }
    writeln!(out, "  {:<20} {:>12}  accepted of shown", "acceptance", percent(offers.accepted_of_shown))?;
    let shoppers = &offers.shoppers;
    writeln!(out, "  {:<20} {:>12}  of {} sessions offered", "shoppers accepting", count(shoppers.accepted), count(shoppers.offered))?;
    if let Some(extra) = insights.extra_revenue {
        writeln!(out, "  {:<20} {} after refunds", "extra revenue", exact(extra.net, insights.currency))?;
        refunded(extra.refunded, insights, out)?;
    }
    let orders = &insights.orders;
    for (name, orders) in [("orders with an offer", &orders.with_offer), ("orders without", &orders.without_offer)] {
        let each = words::money_or_dash(orders.revenue_an_order, insights.currency);
        writeln!(out, "  {name:<20} {:>12}  {each} an order", count(orders.orders))?;
    }
    writeln!(out, "  {}", words::with_and_without(insights))?;
    writeln!(out, "  {}", words::ATTRIBUTED_IS_NOT_CAUSED)
}

fn would_have_hit(insights: &Insights, would: &WouldHaveHit, out: &mut impl Write) -> io::Result<()> {
    let unknown = insights.events.feedback_ignored.sum();
    let why = if unknown == 0 { "no feedback on offers".to_owned() } else { format!("{} feedbacks, all on other offers", count(unknown)) };
    writeln!(out, "\nWould have hit (the log has {why}, so nothing can be said of acceptance or revenue)")?;
    writeln!(out, "  {:<20} {:>12}", "items offered", count(would.emitted))?;
    writeln!(out, "  {:<20} {:>12}  {}", "later in the basket", count(would.matched), percent(would.ratio))
}

fn ignored(insights: &Insights, out: &mut impl Write) -> io::Result<()> {
    for (name, counts) in [("Feedback ignored", &insights.events.feedback_ignored), ("Amounts ignored", &insights.events.amounts_ignored)] {
        if counts.sum() > 0 {
            writeln!(out, "\n{name:<20} {}", count(counts.sum()))?;
            rows(out, counts)?;
        }
    }
    Ok(())
}

fn combinations(insights: &Insights, out: &mut impl Write) -> io::Result<()> {
    let best = &insights.combinations.best_by_revenue;
    if best.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nBest combinations, by extra revenue after refunds")?;
    for one in best.iter().take(COMBINATIONS_SHOWN) {
        let taken = format!("{} of {} shown", one.accepted, one.shown);
        let earned = exact(one.extra_revenue, insights.currency);
        writeln!(out, "  {earned:>18}  {taken:<18}  {} + {}", one.anchor_name(), one.companion_name())?;
    }
    Ok(())
}

/// Offered and accepted items by hour of the day, all weekdays together.
fn by_hour(insights: &Insights, sent: &SentByHour, out: &mut impl Write) -> io::Result<()> {
    let most = sent.hours.iter().copied().max().unwrap_or(0).max(1);
    writeln!(out, "\nItems offered by hour: {}", sent.placement.as_str())?;
    for (hour, emitted) in sent.hours.iter().enumerate().filter(|(_, emitted)| **emitted > 0) {
        let bar = "#".repeat(usize::try_from(emitted * 30 / most).unwrap_or(0));
        let accepted = accepted_at(insights, sent.placement, hour);
        let accepted = if accepted > 0 { format!("  {} accepted", count(accepted)) } else { String::new() };
        writeln!(out, "  {hour:>2}:00  {:>12}  {bar}{accepted}", count(*emitted))?;
    }
    Ok(())
}

fn accepted_at(insights: &Insights, placement: Placement, hour: usize) -> u64 {
    let rows = insights.offers.iter().flat_map(|offers| &offers.by_placement_and_hour).find(|rows| rows.placement == placement);
    rows.and_then(|rows| rows.hours.get(hour)).map_or(0, |row| row.accepted)
}

fn rows(out: &mut impl Write, counts: &Counts) -> io::Result<()> {
    counts.0.iter().try_for_each(|(name, sum)| row(out, name, *sum))
}

fn row(out: &mut impl Write, name: &str, sum: u64) -> io::Result<()> {
    if sum == 0 { Ok(()) } else { writeln!(out, "  {name:<20} {:>12}", count(sum)) }
}

fn part(part: u64, whole: u64) -> String {
    percent(crate::insights::ratio(part, whole))
}
