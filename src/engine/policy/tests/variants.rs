//! Variants of a placement's policy, and placements that hold themselves back.

use super::*;
use crate::engine::facts::{Fact, TriedStep};
use crate::engine::settings::PolicyVariant;

/// The phone's shop, in which offers of the basket have a variant with one item and one with an upgrade alone.
fn shop() -> World {
    let mut world = phone_shop();
    give(&world, "pro", Product { upgrade_of: Some("phone".into()), ..product(1_200, "phones") });
    let named = |name: &str| PolicyVariant { name: name.into(), ..PolicyVariant::default() };
    cart(&mut world).variants = vec![
        PolicyVariant { items_max: Some(1), ..named("short") },
        PolicyVariant { kinds: Some(vec![OfferKind::Upsell]), ..named("better") },
    ];
    world
}

fn tried(world: &World, variant: &str, step: TriedStep, times: u32) {
    let fact = Fact::Tried { placement: Placement::Cart, variant: variant.into(), step };
    (0..times).for_each(|_| world.shop.fold(&fact));
}

/// The propensity of each variant's offers, in millionths, and how often it was drawn.
fn drawn(world: &mut World, offers: u32) -> std::collections::BTreeMap<String, (u32, u32)> {
    let mut found = std::collections::BTreeMap::new();
    for n in 0..offers {
        let offer = json(&put(world, 0, &format!("s{n}"), "phone"));
        let (variant, propensity) = (offer["variant"].as_str().unwrap(), offer["propensity"].as_str().unwrap());
        let (whole, part) = propensity.split_once('.').unwrap();
        assert_eq!(part.len(), 6, "{propensity}");
        let millionths = whole.parse::<u32>().unwrap() * 1_000_000 + part.parse::<u32>().unwrap();
        let (known, times) = found.entry(variant.to_owned()).or_insert((millionths, 0));
        assert_eq!(*known, millionths, "{variant} has one probability as long as nothing is learned");
        *times += 1;
    }
    found
}

#[test]
fn each_variant_offers_what_its_policy_says() {
    let mut world = shop();
    for n in 0..60 {
        let effects = put(&mut world, 0, &format!("s{n}"), "phone");
        let items = said(&effects).unwrap();
        match json(&effects)["variant"].as_str().unwrap() {
            "default" => assert_eq!(items, ["case", "film", "charger"]),
            "short" => assert_eq!(items, ["case"]),
            "better" => assert_eq!(items, ["pro upsell"]),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn the_probabilities_of_all_variants_add_up_to_one_and_are_true() {
    let mut world = shop();
    world.settings.rules.exploration_ratio = 0.1;
    let found = drawn(&mut world, 1_500);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["better", "better+explore", "default", "explore", "short", "short+explore"]);
    assert_eq!(found.values().map(|(propensity, _)| propensity).sum::<u32>(), 1_000_000);
    for (name, (propensity, times)) in found {
        let expected = 1_500.0 * f64::from(propensity) / 1e6;
        // Six standard deviations of a binomial.
        assert!((f64::from(times) - expected).abs() < 6.0 * expected.sqrt(), "{name}: {times} of {expected}");
    }
}

#[test]
fn what_shoppers_accept_is_offered_more_often() {
    let mut world = shop();
    for (name, accepted) in [("default", 60), ("short", 300), ("better", 30)] {
        tried(&world, name, TriedStep::Shown, 3_000);
        tried(&world, name, TriedStep::Accepted, accepted);
    }
    // The statistics are frozen once more.
    tried(&world, "default", TriedStep::Shown, 200);
    let found = drawn(&mut world, 300);
    assert!(found["short"].0 > 970_000 && found["short"].1 > 280, "{found:?}");
}

#[test]
fn an_offer_says_to_the_optimiser_what_became_of_it() {
    let mut world = shop();
    let effects = put(&mut world, 0, "s", "phone");
    let (variant, offer) = (json(&effects)["variant"].as_str().unwrap().to_owned(), effects.offer.unwrap());
    let item = offer.items[0].item_id.clone();
    world.feedback("offer_shown", 1, "s", &offer);
    put(&mut world, 2, "s", &item);
    buy(&mut world, 3, "s", &["phone", &item]);
    let stats = world.shop.optimiser.stats(Placement::Cart, &variant);
    assert_eq!((stats.shown, stats.accepted), (1, 1));
}

#[test]
fn a_bundle_of_a_variant_has_the_variants_price_unless_a_segment_was_promised_another() {
    let mut world = phone_shop();
    ["case", "film"].iter().for_each(|item| alter(&world, item, |product| product.margin_ppm = Some(400_000)));
    cart(&mut world).kinds = vec![OfferKind::Bundle, OfferKind::CrossSell];
    world.settings.discounts.bundle_ratio_by_segment.insert("vip".into(), 0.1);
    // With nothing explored and the plain policy never drawn: only the variant is left.
    cart(&mut world).variants = vec![PolicyVariant { name: "dear".into(), bundle_ratio: Some(0.2), ..PolicyVariant::default() }];
    world.settings.optimiser.exploration_ratio = 0.0;
    for (name, accepted) in [("default", 1), ("dear", 900)] {
        tried(&world, name, TriedStep::Shown, 1_000);
        tried(&world, name, TriedStep::Accepted, accepted);
    }
    tried(&world, "dear", TriedStep::Shown, 100);
    let prices = |world: &mut World, session: &str| {
        let offer = json(&put(world, 0, session, "phone"));
        assert_eq!(offer["variant"], "dear");
        let item = offer["items"][0].clone();
        (item["price"].as_str().unwrap().parse::<f64>().unwrap(), item["price_before"].as_str().unwrap().parse::<f64>().unwrap())
    };
    let (after, before) = prices(&mut world, "s");
    assert!((after / before - 0.8).abs() < 1e-3, "{after} of {before}");
    tell(&mut world, -1, "v", r#""segment":"vip""#);
    let (after, before) = prices(&mut world, "v");
    assert!((after / before - 0.9).abs() < 1e-3, "{after} of {before}");
}

#[test]
fn a_placement_that_annoys_answers_few_of_its_triggers_until_it_does_not() {
    let mut world = phone_shop();
    let answered = |world: &mut World, prefix: &str| {
        let outcomes: Vec<_> = (0..400).map(|n| said(&put(world, 0, &format!("{prefix}{n}"), "phone"))).collect();
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == Err(Outcome::Throttled)), "{outcomes:?}");
        outcomes.iter().filter(|outcome| outcome.is_ok()).count()
    };
    tried(&world, "default", TriedStep::Shown, 200);
    tried(&world, "default", TriedStep::Dismissed, 60);
    assert_eq!(answered(&mut world, "a"), 400, "30 % is the bound, and not above it");
    tried(&world, "default", TriedStep::Dismissed, 1);
    let few = answered(&mut world, "b");
    assert!((20..70).contains(&few), "{few} of 400");
    assert_eq!(world.triggers(Placement::Cart, Outcome::Throttled), 400 - few as i128);
    world.settings.optimiser.throttled_ratio = 0.0;
    assert_eq!(answered(&mut world, "c"), 0);
    tried(&world, "default", TriedStep::Shown, 60);
    assert_eq!(answered(&mut world, "d"), 400, "61 of 260 is below four fifths of the bound");
}
