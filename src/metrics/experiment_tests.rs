use super::tests::{text, value};
use super::*;
use crate::engine::facts::Fact;
use crate::engine::settings::AttributionTrigger;
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::{Arm, ItemStep, OfferKind, Placement};
use crate::event::Timestamp;

const DAY_MS: i64 = 86_400_000;

fn settings(detectable_ratio: f64) -> Settings {
    let mut settings = Settings::default();
    settings.experiment.holdout_ratio = 0.5;
    settings.experiment.detectable_ratio = detectable_ratio;
    settings
}

/// A shop to which 2,000 shoppers came during twenty days, one each arm by turns: of those who get offers three of four
/// spend 40, of the others one of two.
fn shop(settings: &Settings) -> Shop {
    let shop = Shop::new(&settings.limits);
    let plan = settings.experiment.plan();
    for n in 0..2_000 {
        let (subject, ts) = (n as u64 + 1, Timestamp(20_000 * DAY_MS + n * DAY_MS / 100));
        let arm = if n % 2 == 0 { Arm::Treatment } else { Arm::Holdout };
        shop.fold(&Fact::Eligible { plan, subject, arm, placement: Placement::Cart, ts });
        let buys = if arm == Arm::Treatment { n / 2 % 4 != 0 } else { n / 2 % 2 == 0 };
        if buys {
            shop.fold(&Fact::Spent { subject, ts, at: ts, net_micros: 40_000_000, first: true });
        }
    }
    shop.fold(&Fact::Crossover { plan });
    shop.fold(&shown());
    shop
}

/// Somebody tells what shoppers see.
fn shown() -> Fact {
    let key = TotalKey::OfferItems { step: ItemStep::Shown, placement: Placement::Cart, kind: OfferKind::CrossSell, channel: "web".into() };
    Fact::Total(key, 1)
}

fn observed(shop: &Shop, settings: &Settings) -> Metrics {
    let metrics = Metrics::new(settings).unwrap();
    metrics.observe_shop(shop, &settings.limits);
    metrics
}

fn assert_values(metrics: &Metrics, expected: &[(&str, f64)]) {
    for (series, expected) in expected {
        assert_eq!(value(metrics, &format!("offerstream_shop_{series}")), Some(*expected), "{series}");
    }
}

/// The series that tell of an effect.
fn effects(metrics: &Metrics) -> Vec<String> {
    let told = ["experiment_revenue_per_shopper{", "incremental_revenue"];
    let text = text(metrics);
    text.lines().filter(|line| told.iter().any(|name| line.starts_with(&format!("offerstream_shop_{name}")))).map(Into::into).collect()
}

#[test]
fn before_anybody_came_it_collects_and_says_nothing() {
    let settings = settings(0.1);
    let shop = Shop::new(&settings.limits);
    shop.fold(&shown());
    let metrics = observed(&shop, &settings);
    assert_values(
        &metrics,
        &[
            (r#"experiment_state{state="off"}"#, 0.0),
            (r#"experiment_state{state="collecting"}"#, 1.0),
            (r#"experiment_state{state="ready"}"#, 0.0),
            (r#"experiment_state{state="sample_ratio"}"#, 0.0),
            (r#"experiment_state{state="no_feedback"}"#, 0.0),
            (r#"experiment_shoppers{arm="holdout"}"#, 0.0),
            (r#"experiment_holdout_ratio{of="planned"}"#, 0.5),
            ("experiment_sample_ratio_p_value", 1.0),
        ],
    );
    assert_eq!(effects(&metrics), [""; 0]);
    for absent in ["experiment_revenue_cap", "experiment_detectable_ratio", "experiment_ready_at_seconds"] {
        assert!(!text(&metrics).contains(&format!("\nofferstream_shop_{absent}")), "{absent}");
    }
    assert_eq!(value(&metrics, r#"offerstream_shop_experiment_holdout_ratio{of="seen"}"#), None);
}

#[test]
fn while_it_collects_it_says_what_could_be_seen_and_when() {
    let mut settings = settings(0.1);
    // Those held out buy as the others do: no effect is clear.
    let alike = Shop::new(&settings.limits);
    let plan = settings.experiment.plan();
    for n in 0..2_000 {
        let (subject, ts) = (n as u64 + 1, Timestamp(20_000 * DAY_MS + n * DAY_MS / 100));
        let arm = if n % 2 == 0 { Arm::Treatment } else { Arm::Holdout };
        alike.fold(&Fact::Eligible { plan, subject, arm, placement: Placement::Cart, ts });
        if n / 2 % 4 == 0 {
            alike.fold(&Fact::Spent { subject, ts, at: ts, net_micros: 40_000_000, first: true });
        }
    }
    alike.fold(&shown());
    let metrics = observed(&alike, &settings);
    assert_values(&metrics, &[(r#"experiment_state{state="collecting"}"#, 1.0), (r#"experiment_revenue_cap{currency="USD"}"#, 500.0)]);
    let detectable = value(&metrics, "offerstream_shop_experiment_detectable_ratio").unwrap();
    assert!(detectable > 0.1, "{detectable}");
    let ready_at = value(&metrics, "offerstream_shop_experiment_ready_at_seconds").unwrap();
    assert!(ready_at > 20_020.0 * 86_400.0, "{ready_at}");
    assert_eq!(effects(&metrics), [""; 0]);
    // Whoever asks for less gets an answer.
    settings.experiment.detectable_ratio = detectable;
    let metrics = observed(&alike, &settings);
    assert_values(&metrics, &[(r#"experiment_state{state="ready"}"#, 1.0)]);
    assert_eq!(value(&metrics, "offerstream_shop_experiment_ready_at_seconds"), None);
}

#[test]
fn once_it_is_ready_the_effect_stands_between_its_bounds() {
    let settings = settings(1_000.0);
    let metrics = observed(&shop(&settings), &settings);
    // 1,291 have come more than seven days and an hour before the last: those of 12 d 21 h and 36 min.
    assert_values(
        &metrics,
        &[
            (r#"experiment_state{state="ready"}"#, 1.0),
            (r#"experiment_shoppers{arm="treatment"}"#, 648.0),
            (r#"experiment_shoppers{arm="holdout"}"#, 647.0),
            (r#"experiment_open_shoppers{arm="treatment"}"#, 352.0),
            (r#"experiment_open_shoppers{arm="holdout"}"#, 353.0),
            (r#"experiment_revenue{arm="treatment",currency="USD"}"#, 486.0 * 40.0),
            (r#"experiment_revenue{arm="holdout",currency="USD"}"#, 324.0 * 40.0),
            (r#"experiment_revenue_per_shopper{arm="treatment",bound="estimate",currency="USD"}"#, 30.0),
            ("experiment_crossovers", 1.0),
        ],
    );
    assert_eq!(effects(&metrics).len(), 6 + 3 + 3 + 3);
    for family in ["incremental_revenue_per_shopper", "incremental_revenue_lift_ratio", "incremental_revenue"] {
        let bound = |bound| value(&metrics, &format!(r#"offerstream_shop_{family}{{bound="{bound}",currency="USD"}}"#)).unwrap();
        assert!(bound("lower") < bound("estimate") && bound("estimate") < bound("upper"), "{family}");
    }
    let per_shopper = value(&metrics, r#"offerstream_shop_incremental_revenue_per_shopper{bound="estimate",currency="USD"}"#).unwrap();
    assert!((per_shopper - (30.0 - 324.0 * 40.0 / 647.0)).abs() < 1e-9, "{per_shopper}");
    let in_all = value(&metrics, r#"offerstream_shop_incremental_revenue{bound="estimate",currency="USD"}"#).unwrap();
    assert!((in_all - per_shopper * 648.0).abs() < 1e-6, "{in_all}");
}

#[test]
fn where_nobody_tells_what_was_seen_there_is_no_effect_unless_sending_is_enough() {
    let mut settings = settings(1_000.0);
    let unheard = Shop::new(&settings.limits);
    let plan = settings.experiment.plan();
    for n in 0..2_000 {
        let (subject, ts) = (n as u64 + 1, Timestamp(20_000 * DAY_MS + n * DAY_MS / 100));
        let arm = if n % 2 == 0 { Arm::Treatment } else { Arm::Holdout };
        unheard.fold(&Fact::Eligible { plan, subject, arm, placement: Placement::Cart, ts });
        unheard.fold(&Fact::Spent { subject, ts, at: ts, net_micros: 40_000_000, first: true });
    }
    let metrics = observed(&unheard, &settings);
    assert_values(&metrics, &[(r#"experiment_state{state="no_feedback"}"#, 1.0), (r#"experiment_state{state="ready"}"#, 0.0)]);
    assert_eq!(effects(&metrics), [""; 0]);
    settings.attribution.trigger = AttributionTrigger::Emitted;
    assert_values(&observed(&unheard, &settings), &[(r#"experiment_state{state="ready"}"#, 1.0)]);
}

#[test]
fn arms_that_are_not_as_planned_take_the_effect_away() {
    let mut settings = settings(1_000.0);
    settings.experiment.holdout_ratio = 0.3;
    let metrics = observed(&shop(&settings), &settings);
    assert_values(&metrics, &[(r#"experiment_state{state="sample_ratio"}"#, 1.0), (r#"experiment_holdout_ratio{of="planned"}"#, 0.3)]);
    assert!(value(&metrics, "offerstream_shop_experiment_sample_ratio_p_value").unwrap() < 0.001);
    assert_eq!(effects(&metrics), [""; 0]);
}

#[test]
fn another_salt_starts_from_nothing() {
    let before = settings(1_000.0);
    let shop = shop(&before);
    let mut after = before;
    after.experiment.salt = "another".into();
    let metrics = observed(&shop, &after);
    assert_values(&metrics, &[(r#"experiment_state{state="collecting"}"#, 1.0), (r#"experiment_shoppers{arm="treatment"}"#, 0.0)]);
}
