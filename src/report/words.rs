//! Figures as people read them, and the sentences that every report says.
//!
//! Invariant: a figure that is not known is a dash, never a nought.

use indicatif::HumanCount;

use crate::event::{Currency, Timestamp, micros_to_text};
use crate::insights::{Amount, Basis, Experiment, ExperimentState, Insights};

/// A row with fewer shown items is too little to be called best or worst.
pub const SHOWN_TO_COMPARE: u64 = 30;

/// Said wherever extra revenue is.
pub const ATTRIBUTED_IS_NOT_CAUSED: &str = "Attributed is not caused: it is what shoppers bought of what they had been offered, and some of it \
they would have bought anyway.";
/// Said wherever orders with and without an offer are compared.
pub const NOT_A_CAUSE: &str = "That describes the orders, it is not a cause: who buys much is also offered more.";

/// A count, in groups of three digits.
pub fn count(count: u64) -> String {
    HumanCount(count).to_string()
}

/// A share in percent; two decimals where one would hide it.
pub fn percent(ratio: Option<f64>) -> String {
    match ratio {
        None => "–".into(),
        Some(ratio) if ratio != 0.0 && ratio.abs() < 0.01 => format!("{:.2} %", ratio * 100.0),
        Some(ratio) => format!("{:.1} %", ratio * 100.0),
    }
}

/// A change in percent, with its sign.
pub fn change(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "–".into(), |ratio| format!("{:+.1} %", ratio * 100.0))
}

/// An amount with its currency, to the hundredth, in groups of three digits.
pub fn money(amount: Amount, currency: Currency) -> String {
    format!("{} {currency}", number(amount))
}

/// An amount to the hundredth, in groups of three digits.
pub fn number(amount: Amount) -> String {
    let cents = (amount.0.unsigned_abs() + 5_000) / 10_000;
    let sign = if amount.0 < 0 && cents > 0 { "-" } else { "" };
    let whole = count(u64::try_from(cents / 100).unwrap_or(u64::MAX));
    if cents.is_multiple_of(100) { format!("{sign}{whole}") } else { format!("{sign}{whole}.{:02}", cents % 100) }
}

/// An amount as exactly as it is known.
pub fn exact(amount: Amount, currency: Currency) -> String {
    format!("{} {currency}", micros_to_text(amount.0))
}

/// An amount that may be absent.
pub fn money_or_dash(amount: Option<Amount>, currency: Currency) -> String {
    amount.map_or_else(|| "–".into(), |amount| money(amount, currency))
}

/// The name of a member of a closed set as a heading: `product_page` is "Product page".
pub fn heading(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A length of time as people say it: `7d` is "7 days".
pub fn duration(setting: &str) -> String {
    let digits = setting.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &setting[digits.len()..] {
        "d" => "day",
        "h" => "hour",
        "m" => "minute",
        "s" => "second",
        other => other,
    };
    let plural = if digits == "1" || unit == "ms" { "" } else { "s" };
    format!("{digits} {unit}{plural}")
}

/// How orders with an offer compare with those without, and that it is no cause.
pub fn with_and_without(insights: &Insights) -> String {
    insights.orders.difference_ratio.map_or_else(
        || "There are not orders of both kinds yet to compare.".to_owned(),
        |ratio| {
            let than = if ratio < 0.0 { "less" } else { "more" };
            format!("An order with an accepted offer is worth {} {than} than one without. {NOT_A_CAUSE}", percent(Some(ratio.abs())))
        },
    )
}

/// The day of a time, in UTC.
pub fn day(ts: Timestamp) -> String {
    ts.to_string().chars().take(10).collect()
}

/// A day and minute, in UTC.
pub fn minute(ts: Timestamp) -> String {
    ts.to_string().chars().take(16).collect::<String>().replace('T', " ")
}

/// What the figures of offers rest on, where that has to be said.
pub fn basis(insights: &Insights) -> Option<&'static str> {
    match insights.basis {
        Basis::Feedback => None,
        Basis::Emitted => Some(
            "Nobody tells this shop's system what shoppers saw (attribution.trigger is \"emitted\"): every item that was sent counts as seen. \
             Acceptance and extra revenue are of offers sent, whether or not anybody looked at them.",
        ),
        Basis::WouldHaveHit => Some(
            "The log tells nothing of what shoppers saw of these offers, so nothing can be said of acceptance or of extra revenue: only how \
             often an item that would have been offered entered the basket later by itself.",
        ),
    }
}

/// How offers did, in one sentence.
pub fn offers(insights: &Insights) -> Option<String> {
    let offers = insights.offers.as_ref()?;
    let extra = insights.extra_revenue?;
    let (seen, share, verb) = match insights.basis {
        Basis::Emitted => (offers.items.emitted, offers.accepted_of_emitted, "sent"),
        _ => (offers.items.shown, offers.accepted_of_shown, "shown"),
    };
    Some(format!(
        "Offered items were {verb} {} times; {} were accepted, and {} were paid for, worth {} after refunds.",
        count(seen),
        percent(share),
        count(offers.items.paid),
        money(extra.net, insights.currency)
    ))
}

/// What the comparison with the held-out says, in sentences.
pub fn experiment(insights: &Insights) -> Vec<String> {
    let Experiment { state, treatment, holdout, window, .. } = &insights.experiment;
    let window = duration(window);
    let closed = format!(
        "{} shoppers with offers and {} without have completed their {window}.",
        count(treatment.shoppers),
        count(holdout.shoppers)
    );
    match state {
        ExperimentState::Off => vec![
            "Nobody is kept from offers (experiment.holdout_ratio is 0), so there is nothing to compare with: what offers caused is not known."
                .into(),
        ],
        ExperimentState::Collecting => vec!["There is not enough data yet to say what offers caused.".into(), closed, visible(insights)],
        ExperimentState::SampleRatio => vec![
            "No figure is given of what offers caused: the two groups are not as large as they should be, so something keeps shoppers of one \
             of them from being counted, and a comparison would mislead."
                .into(),
            uneven(insights),
        ],
        ExperimentState::NoFeedback => {
            vec!["Nobody tells what shoppers saw of these offers, so what they caused cannot be said.".into()]
        }
        ExperimentState::Ready => caused(insights).into_iter().chain([closed]).collect(),
    }
}

/// What offers caused, in a few words, or why it is not known.
pub fn caused_in_short(experiment: &Experiment, currency: Currency) -> (String, String) {
    match (experiment.state, experiment.incremental_revenue) {
        (ExperimentState::Ready, Some(band)) if band.includes_zero() => {
            let said = format!("between {} and {}: it could be nothing", number(band.lower), money(band.upper, currency));
            ("Not clear".into(), said)
        }
        (ExperimentState::Ready, Some(band)) => {
            (money(band.estimate, currency), format!("between {} and {}", number(band.lower), money(band.upper, currency)))
        }
        (ExperimentState::Off, _) => ("Not known".into(), "nobody is kept from offers to compare with".into()),
        (ExperimentState::NoFeedback, _) => ("Not known".into(), "nobody tells what shoppers saw of the offers".into()),
        (ExperimentState::SampleRatio, _) => ("No figure".into(), "the groups are not as large as they should be".into()),
        _ => {
            let when = experiment.ready_at.map_or_else(|| "not enough data".into(), |at| format!("enough on {}", day(at.0)));
            ("Not yet known".into(), when)
        }
    }
}

fn visible(insights: &Insights) -> String {
    let experiment = &insights.experiment;
    let asked = percent(Some(experiment.asked_ratio));
    let today = experiment.detectable_ratio.map_or_else(
        || "It is too early to say how small an effect could be seen.".into(),
        |ratio| match ratio {
            ..=1.0 => format!("With today's data an effect of {} or more could be seen; {asked} is asked for.", percent(Some(ratio))),
            _ => format!("With today's data not even a doubling could be seen; an effect of {asked} is asked for."),
        },
    );
    let when = experiment.ready_at.map_or_else(
        || "It is too early to say when there will be enough.".into(),
        |at| format!("At the present rate there will be enough on {}.", day(at.0)),
    );
    format!("{today} {when}")
}

fn uneven(insights: &Insights) -> String {
    let experiment = &insights.experiment;
    let odds = experiment.sample_ratio_p_value.map(|p| format!(" Chance alone does that, at any time, in {} of cases.", percent(Some(p))));
    let seen = percent(experiment.holdout_seen);
    format!("{} were to be kept from offers, and {seen} were.{}", percent(Some(experiment.holdout_planned)), odds.unwrap_or_default())
}

fn caused(insights: &Insights) -> Vec<String> {
    let (experiment, currency) = (&insights.experiment, insights.currency);
    let mut said = Vec::new();
    if let Some(band) = experiment.incremental_per_shopper {
        let (lower, upper) = (number(band.lower), money(band.upper, currency));
        said.push(format!(
            "A shopper who may get offers spends {} more than one who gets none (between {lower} and {upper}).",
            money(band.estimate, currency)
        ));
        if band.includes_zero() {
            said.push("It could be nothing: the bounds include zero.".into());
        }
    }
    if let Some(band) = experiment.incremental_ratio {
        said.push(format!("That is {} ({} to {}).", change(band.estimate), change(band.lower), change(band.upper)));
    }
    if let Some(band) = experiment.incremental_revenue {
        let (lower, upper) = (number(band.lower), money(band.upper, currency));
        said.push(format!("For all shoppers together it makes {} (between {lower} and {upper}).", money(band.estimate, currency)));
    }
    said.push("However often somebody looks, bounds like these miss the truth in at most 5 of 100 experiments.".into());
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_rounded_and_absent_where_not_known() {
        assert_eq!(money(Amount(15_000_000_000_000), Currency::USD), "15,000,000 USD");
        assert_eq!((number(Amount(-1_005_000)), number(Amount(-1_000))), ("-1.01".into(), "0".into()));
        assert_eq!(
            (percent(Some(0.081)), percent(Some(0.0042)), percent(Some(0.0)), percent(None)),
            ("8.1 %".into(), "0.42 %".into(), "0.0 %".into(), "–".into())
        );
        assert_eq!((heading("product_page"), heading("")), ("Product page".into(), String::new()));
        assert_eq!((day(Timestamp(0)), minute(Timestamp(60_000))), ("1970-01-01".into(), "1970-01-01 00:01".into()));
    }
}
