//! The figures as text and as JSON.
//!
//! Invariant: both say the same; text rounds, JSON does not. Whatever rests on too little says so.

use std::io::{self, Write};

use serde::Serialize;

use super::figures::{Estimate, PlacementFigures, RankerFigures, Scope};
use super::logged::OffPolicy;
use super::off_policy::Said;
use super::rankers::ENGINE;
use crate::insights::{Chances, WorthGain};

/// The metrics of the table, as the outside scorer and as people call them; JSON has all.
const SHOWN: [(&str, &str); 5] =
    [("HR@3", "HR@3"), ("R@3", "recall"), ("MRR@3", "MRR@3"), ("LOO_HR@3", "last item"), ("REV@3", "value hit")];

/// Everything that a backtest found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The log.
    pub log: LogFigures,
    /// Which baskets and steps are scored.
    pub scope: Scope,
    /// The figures of each placement that the log has.
    pub placements: Vec<PlacementFigures>,
    /// What other policies would have done, where offers are logged.
    pub off_policy: Vec<OffPolicy>,
    /// How true the chances of offered items were: of those ranking learned from, each told before its outcome was known.
    pub chances: Option<Chances>,
    /// What ranking for worth earned more on those.
    pub worth: Vec<WorthGain>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LogFigures {
    /// Events used.
    pub events: u64,
    /// Lines that could not be used.
    pub rejected: u64,
    /// Baskets that began with a cart add.
    pub baskets: u32,
    /// Distinct items that came into baskets.
    pub items: usize,
    /// The rank of the first basket that is reported.
    pub first_basket: u32,
    /// Lines of the predictions file without an order: their baskets were never bought.
    pub predictions_without_order: u64,
    /// Offers in the log or beside it that could not be used.
    pub offers_rejected: u64,
}

impl Report {
    /// Writes it as one JSON object.
    ///
    /// # Errors
    /// What the writer fails with.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }

    /// Writes it as text.
    ///
    /// # Errors
    /// What the writer fails with.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let LogFigures { events, rejected, baskets, items, first_basket, .. } = &self.log;
        let Scope { stride, cap, .. } = self.scope;
        let every = if stride > 1 { format!(", one in {stride}") } else { String::new() };
        writeln!(out, "{events} events ({rejected} rejected), {baskets} baskets, {items} items")?;
        writeln!(out, "Each step was answered before it was learned from. Scored: baskets from number {} on{every};", first_basket + 1)?;
        writeln!(out, "of each the first {cap} steps with something still to come. Under each figure its 95 % interval, and that of")?;
        writeln!(out, "the engine less this one, paired by basket.")?;
        self.placements.iter().try_for_each(|placement| write_placement(placement, out))?;
        self.off_policy.iter().try_for_each(|placement| write_off_policy(placement, out))?;
        self.chances.iter().try_for_each(|chances| write_chances(chances, out))?;
        self.worth.iter().try_for_each(|worth| write_worth(worth, out))
    }
}

/// A plot in text: bars of what was bought, beside what was told.
fn write_chances(chances: &Chances, out: &mut impl Write) -> io::Result<()> {
    const WIDE: f64 = 40.0;
    writeln!(out, "\nChances of offered items, told before the outcome: off by {:.2} % on average", chances.error * 100.0)?;
    writeln!(out, "  {:>8}{:>9}{:>11}", "told", "bought", "of offers")?;
    for bin in &chances.bins {
        let (told, bought) = ((bin.told * WIDE).round() as usize, (bin.bought * WIDE).round() as usize);
        let bar: String = (0..WIDE as usize)
            .map(|at| {
                if at == told {
                    '|'
                } else if at < bought {
                    '='
                } else {
                    ' '
                }
            })
            .collect();
        let figures = format!("  {:>6.1} %{:>7.1} %{:>9.1} %", bin.told * 100.0, bin.bought * 100.0, bin.share * 100.0);
        writeln!(out, "{figures}  {}", bar.trim_end())?;
    }
    Ok(())
}

fn write_worth(worth: &WorthGain, out: &mut impl Write) -> io::Result<()> {
    let WorthGain { objective, power, gain, is_used } = worth;
    let used = if *is_used { ", used where that is the objective" } else { "" };
    writeln!(out, "  by worth to the power of {power}, {objective} of hits: {:+.2} %{used}", gain * 100.0)
}

fn write_placement(figures: &PlacementFigures, out: &mut impl Write) -> io::Result<()> {
    let PlacementFigures { placement, baskets, predictions, rankers, .. } = figures;
    writeln!(out, "\n{}: {predictions} predictions in {baskets} baskets", placement.as_str())?;
    write!(out, "  {:<18}", "")?;
    SHOWN.iter().try_for_each(|(_, shown)| write!(out, "{shown:>17}"))?;
    writeln!(out, "{:>10}{:>12}{:>7}", "coverage", "popularity", "days")?;
    rankers.iter().try_for_each(|ranker| write_ranker(ranker, out))?;
    let (popularity, days) = (figures.popularity_of_what_came * 100.0, figures.stale_days_of_what_came);
    writeln!(out, "  {:<18}{:>85}{:>10}{:>10.2} %{:>7.1}", "what came", "", "", popularity, days)
}

fn write_ranker(ranker: &RankerFigures, out: &mut impl Write) -> io::Result<()> {
    write!(out, "  {:<18}", ranker.name)?;
    let estimate = |metric: &str| ranker.metrics.get(metric);
    let value = |metric: &str| estimate(metric).map_or("-".to_owned(), |known| format!("{:.4}", known.estimate));
    SHOWN.iter().try_for_each(|(metric, _)| write!(out, "{:>17}", value(metric)))?;
    writeln!(out, "{:>10.4}{:>10.2} %{:>7.1}", ranker.coverage, ranker.popularity * 100.0, ranker.stale_days)?;
    intervals(out, "", |metric| estimate(metric).copied(), |bound| format!("{bound:.4}"))?;
    if ranker.name == ENGINE {
        return Ok(());
    }
    intervals(out, &format!("  {ENGINE} less this"), |metric| ranker.engine_minus_this.get(metric).copied(), |bound| format!("{bound:+.4}"))
}

fn intervals(out: &mut impl Write, title: &str, of: impl Fn(&str) -> Option<Estimate>, text: impl Fn(f64) -> String) -> io::Result<()> {
    write!(out, "  {title:<18}")?;
    for (metric, _) in SHOWN {
        let interval = of(metric).and_then(|known| known.ci95).map(|(low, high)| format!("{}..{}", text(low), text(high)));
        write!(out, "{:>17}", interval.unwrap_or_default())?;
    }
    writeln!(out)
}

fn write_off_policy(figures: &OffPolicy, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nOff-policy at {}: accepted offers, had this variant always made them (SNIPS)", figures.placement.as_str())?;
    for variant in &figures.variants {
        let said = match &variant.said {
            Said::Acceptance { acceptance, ci95: (low, high) } => format!("{acceptance:.4}  {low:.4}..{high:.4}"),
            Said::Refused { refused } => format!("refused: {refused}"),
        };
        let (name, offers, size) = (&variant.variant, variant.offers, variant.effective_sample_size);
        writeln!(out, "  {name:<24}{offers:>9} offers, effective sample size {size:>8.1}   {said}")?;
    }
    Ok(())
}
