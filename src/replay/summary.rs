//! The summary at the end of a replay: what a person wants to know of a log, on one screen.

use std::io::{self, Write};

use indicatif::HumanCount;

use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::engine::totals::{TotalKey, Totals};
use crate::engine::vocabulary::{ItemStep, Outcome, Placement};
use crate::event::{Currency, EventType, RejectReason, micros_to_text};

const COMBINATIONS_SHOWN: usize = 10;
/// Whether the log tells what shoppers saw decides which figures may be given at all.
const FEEDBACK: [ItemStep; 3] = [ItemStep::Shown, ItemStep::Clicked, ItemStep::Dismissed];

/// Writes the summary.
pub fn write(shop: &Shop, settings: &Settings, out: &mut impl Write) -> io::Result<()> {
    let totals = shop.totals();
    events(&totals, out)?;
    learned(shop, &totals, settings.currency, out)?;
    triggers(&totals, out)?;
    if steps(&totals, |step| FEEDBACK.contains(&step)) > 0 {
        acceptance(&totals, settings.currency, out)?;
    } else {
        would_have_hit(&totals, out)?;
    }
    drop(totals);
    combinations(shop, settings.currency, out)?;
    by_hour(&shop.totals(), out)
}

fn events(totals: &Totals, out: &mut impl Write) -> io::Result<()> {
    let used = totals.sum(|key| matches!(key, TotalKey::Events(_)));
    writeln!(out, "Events               {}", count(used))?;
    for kind in EventType::ALL {
        row(out, kind.as_str(), totals.get(&TotalKey::Events(kind)))?;
    }
    let rejected = totals.sum(|key| matches!(key, TotalKey::Rejected(_)));
    writeln!(out, "Rejected             {}", count(rejected))?;
    RejectReason::ALL.into_iter().try_for_each(|reason| row(out, reason.as_str(), totals.get(&TotalKey::Rejected(reason))))
}

fn learned(shop: &Shop, totals: &Totals, currency: Currency, out: &mut impl Write) -> io::Result<()> {
    let counts = &shop.counts;
    writeln!(out, "\nLearned")?;
    row(out, "baskets", i128::from(counts.baskets()))?;
    row(out, "items", counts.items() as i128)?;
    row(out, "pairs", counts.pairs() as i128)?;
    row(out, "customers", shop.customers.len() as i128)?;
    row(out, "orders", totals.get(&TotalKey::Orders))?;
    let revenue = totals.get(&TotalKey::OrderRevenue(currency));
    writeln!(out, "  {:<20} {} {currency}", "order revenue", micros_to_text(revenue))
}

fn triggers(totals: &Totals, out: &mut impl Write) -> io::Result<()> {
    for placement in Placement::ALL {
        let all = totals.sum(|key| matches!(key, TotalKey::Triggers(at, _) if at == placement));
        if all == 0 {
            continue;
        }
        writeln!(out, "\nTriggers: {:<10} {}", placement.as_str(), count(all))?;
        for outcome in Outcome::ALL {
            let sum = totals.get(&TotalKey::Triggers(*placement, *outcome));
            if sum > 0 {
                writeln!(out, "  {:<20} {:>12}  {}", outcome.as_str(), count(sum), percent(sum, all))?;
            }
        }
    }
    Ok(())
}

fn acceptance(totals: &Totals, currency: Currency, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nOffered items, from the feedback in the log")?;
    let emitted = steps(totals, |step| step == ItemStep::Emitted);
    for step in ItemStep::ALL.iter().filter(|step| **step != ItemStep::Matched) {
        let sum = steps(totals, |other| other == *step);
        writeln!(out, "  {:<20} {:>12}  {} of emitted", step.as_str(), count(sum), percent(sum, emitted))?;
    }
    let (accepted, shown) = (steps(totals, |step| step == ItemStep::Accepted), steps(totals, |step| step == ItemStep::Shown));
    writeln!(out, "  {:<20} {:>12}  accepted of shown", "acceptance", percent(accepted, shown))?;
    let offered = totals.sum(|key| matches!(key, TotalKey::ShoppersOffered(_)));
    let took = totals.sum(|key| matches!(key, TotalKey::ShoppersAccepted(_)));
    writeln!(out, "  {:<20} {:>12}  of {} sessions offered, by placement", "shoppers accepting", count(took), count(offered))?;
    let extra = totals.sum(|key| matches!(key, TotalKey::ExtraRevenue { currency: c, .. } if *c == currency));
    let refunded = totals.sum(|key| matches!(key, TotalKey::ExtraRevenueRefunded { currency: c, .. } if *c == currency));
    writeln!(out, "  {:<20} {} {currency}, of which {} refunded", "extra revenue", micros_to_text(extra), micros_to_text(refunded))?;
    writeln!(out, "  Extra revenue is attributed to offers, which is not to say that they caused it.")
}

fn would_have_hit(totals: &Totals, out: &mut impl Write) -> io::Result<()> {
    let emitted = steps(totals, |step| step == ItemStep::Emitted);
    let matched = steps(totals, |step| step == ItemStep::Matched);
    let unknown = totals.sum(|key| matches!(key, TotalKey::FeedbackIgnored(_)));
    let why = if unknown == 0 { "no feedback on offers".to_owned() } else { format!("{} feedbacks, all on other offers", count(unknown)) };
    writeln!(out, "\nWould have hit (the log has {why}, so nothing can be said of acceptance or revenue)")?;
    writeln!(out, "  {:<20} {:>12}", "items offered", count(emitted))?;
    writeln!(out, "  {:<20} {:>12}  {}", "later in the basket", count(matched), percent(matched, emitted))
}

fn combinations(shop: &Shop, currency: Currency, out: &mut impl Write) -> io::Result<()> {
    let combinations = shop.combinations();
    let best = combinations.by_revenue(currency, COMBINATIONS_SHOWN);
    if best.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nBest combinations, by extra revenue net of refunds")?;
    let name = |item: &str| shop.catalogue.get(item).title.map_or_else(|| item.to_owned(), Into::into);
    for ((anchor, companion), figures) in best {
        let earned = figures.earned.get(&currency).copied().unwrap_or_default();
        let taken = format!("{} of {} shown", figures.accepted, figures.shown);
        writeln!(out, "  {:>14} {currency}  {taken:<18}  {} + {}", micros_to_text(earned), name(anchor), name(companion))?;
    }
    Ok(())
}

/// Offered and accepted items by hour of the day, all weekdays together.
fn by_hour(totals: &Totals, out: &mut impl Write) -> io::Result<()> {
    let sum = |wanted: ItemStep, placement: Placement, at: u8| {
        totals.sum(
            |key| matches!(key, TotalKey::ItemsByHour { step, placement: p, hour, .. } if *step == wanted && *p == placement && *hour == at),
        )
    };
    for placement in Placement::ALL {
        let hours: Vec<(u8, i128)> = (0..24).map(|hour| (hour, sum(ItemStep::Emitted, *placement, hour))).collect();
        let most = hours.iter().map(|(_, emitted)| *emitted).max().unwrap_or(0);
        if most == 0 {
            continue;
        }
        writeln!(out, "\nItems offered by hour: {}", placement.as_str())?;
        for (hour, emitted) in hours.into_iter().filter(|(_, emitted)| *emitted > 0) {
            let bar = "#".repeat(usize::try_from(emitted * 30 / most).unwrap_or(0));
            let accepted = sum(ItemStep::Accepted, *placement, hour);
            let accepted = if accepted > 0 { format!("  {} accepted", count(accepted)) } else { String::new() };
            writeln!(out, "  {hour:>2}:00  {:>12}  {bar}{accepted}", count(emitted))?;
        }
    }
    Ok(())
}

fn steps(totals: &Totals, wanted: impl Fn(ItemStep) -> bool) -> i128 {
    totals.sum(|key| matches!(key, TotalKey::OfferItems { step, .. } if wanted(*step)))
}

fn row(out: &mut impl Write, name: &str, value: i128) -> io::Result<()> {
    if value == 0 { Ok(()) } else { writeln!(out, "  {name:<20} {:>12}", count(value)) }
}

fn count(value: i128) -> String {
    HumanCount(u64::try_from(value).unwrap_or(0)).to_string()
}

fn percent(part: i128, whole: i128) -> String {
    if whole == 0 { "-".into() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}
