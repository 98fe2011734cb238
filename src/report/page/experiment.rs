//! What offers caused, as a picture of its bounds with its words; or why there is no figure.

use super::{figure, section};
use crate::event::Currency;
use crate::insights::{Arms, Band, ExperimentState, Insights};
use crate::report::charts::{Bar, Bounds, bars, bounds};
use crate::report::markup::Markup;
use crate::report::words::{self, count, number, percent};

/// The comparison with the held-out.
pub fn caused(insights: &Insights) -> Markup {
    let experiment = &insights.experiment;
    section("What they caused", |page| {
        let share = percent(Some(experiment.holdout_planned));
        let window = words::duration(&experiment.window);
        if experiment.state != ExperimentState::Off {
            page.paragraph(&format!(
                "{share} of shoppers, drawn by lot, are kept from offers. What everybody spends in the {window} after the first offer, made or \
                 kept back, is compared; that difference is what offers caused."
            ));
        }
        page.paragraph(&words::experiment(insights).join(" "));
        page.add(picture(insights));
    })
}

fn picture(insights: &Insights) -> Markup {
    let (experiment, currency) = (&insights.experiment, insights.currency);
    if matches!(experiment.state, ExperimentState::Off | ExperimentState::SampleRatio | ExperimentState::NoFeedback) {
        return Markup::new();
    }
    let mut page = Markup::new();
    let arms = [
        arm("With offers", &experiment.treatment, currency, "offerband"),
        arm("Kept from offers", &experiment.holdout, currency, "heldband"),
    ];
    let arms: Vec<Bounds> = arms.into_iter().flatten().collect();
    if arms.len() == 2 {
        let sentence = "What one shopper spends, with its bounds: it is hardly less and hardly more.";
        page.add(figure("Revenue per shopper", sentence, bounds("Revenue per shopper, with bounds", &arms)));
    }
    if let (Some(total), Some(extra)) = (experiment.incremental_revenue, insights.extra_revenue) {
        let caused = banded("Caused", &total, currency, "heldband");
        let net = extra.net.0 as f64;
        let attributed =
            Bounds { label: "Attributed".into(), values: [0.0, net, net], figure: words::money(extra.net, currency), class: "moneyband" };
        let sentence = "Beside each other: what is attributed to offers, and what the comparison says that they caused, with its \
                        bounds, among shoppers whose time to buy is over.";
        page.add(figure("Attributed and caused", sentence, bounds("Attributed and caused revenue", &[attributed, caused])));
    } else {
        page.add(waiting(insights));
    }
    page
}

/// How many shoppers there are already.
fn waiting(insights: &Insights) -> Markup {
    let experiment = &insights.experiment;
    let row = |label: &str, arm: &Arms| Bar {
        label: label.into(),
        value: Some(arm.shoppers as f64),
        figure: format!("{}, and {} whose days run", count(arm.shoppers), count(arm.open_shoppers)),
    };
    let rows = [row("With offers", &experiment.treatment), row("Kept from offers", &experiment.holdout)];
    let sentence = format!("Shoppers who have completed their {}.", words::duration(&experiment.window));
    figure("So far", &sentence, bars("Shoppers in the comparison", &rows, "held"))
}

fn arm(label: &str, arm: &Arms, currency: Currency, class: &'static str) -> Option<Bounds> {
    Some(banded(label, &arm.revenue_per_shopper?, currency, class))
}

fn banded(label: &str, band: &Band, currency: Currency, class: &'static str) -> Bounds {
    let figure = format!("{} ({} to {})", words::money(band.estimate, currency), number(band.lower), number(band.upper));
    Bounds { label: label.into(), values: [band.lower, band.estimate, band.upper].map(|amount| amount.0 as f64), figure, class }
}
