//! What a customer owns, and buys again.

use super::*;
use crate::engine::settings::Settings;

const CASE: Said<'_> = Ok(&["case"]);

pub(super) fn known(world: &mut World) -> Effects {
    tell(world, -1, "s", r#""customer_id":"u""#);
    put_phone(world)
}

#[test]
fn what_a_customer_owns_is_offered_again_only_where_it_is_bought_again_and_due() {
    fn lasts(world: &World, days: u16) {
        alter(world, "case", |product| product.replenish_days = Some(days));
    }
    /// Of `buyers` others, `again` came back for a case after ten days.
    fn others(world: &mut World, buyers: usize, again: usize) {
        for n in 0..buyers {
            buy_as(world, -90 * DAY_MS, &format!("v{n}"), &["case"]);
        }
        for n in 0..again {
            buy_as(world, -80 * DAY_MS, &format!("v{n}"), &["case"]);
        }
    }
    check(
        pinned_shop,
        known,
        &[
            ("not owned", |w| buy_as(w, -9 * DAY_MS, "v", &["case"]), CASE),
            ("owned, and bought once", |w| buy_as(w, -300 * DAY_MS, "u", &["case"]), Err(Outcome::Owned)),
            (
                "used up, by the catalogue",
                |w| {
                    lasts(w, 30);
                    buy_as(w, -21 * DAY_MS, "u", &["case"]);
                },
                CASE,
            ),
            (
                "not yet used up, by the catalogue",
                |w| {
                    lasts(w, 30);
                    buy_as(w, -21 * DAY_MS + 1, "u", &["case"]);
                },
                Err(Outcome::NotDue),
            ),
            ("the customer's own gap has passed", |w| [-17, -7].iter().for_each(|day| buy_as(w, day * DAY_MS, "u", &["case"])), CASE),
            (
                "the customer's own gap has passed, though nobody else comes back for it",
                |w| {
                    others(w, 9, 0);
                    [-17, -7].iter().for_each(|day| buy_as(w, day * DAY_MS, "u", &["case"]));
                },
                CASE,
            ),
            (
                "the customer's own gap has not passed",
                |w| [-16, -6].iter().for_each(|day| buy_as(w, day * DAY_MS, "u", &["case"])),
                Err(Outcome::NotDue),
            ),
            (
                "the catalogue's gap comes before the customer's own",
                |w| {
                    lasts(w, 30);
                    [-17, -7].iter().for_each(|day| buy_as(w, day * DAY_MS, "u", &["case"]));
                },
                Err(Outcome::NotDue),
            ),
            (
                "a fifth of all come back for it, and their gap has passed",
                |w| {
                    others(w, 4, 1);
                    buy_as(w, -7 * DAY_MS, "u", &["case"]);
                },
                CASE,
            ),
            (
                "a fifth of all come back for it, and their gap has not passed",
                |w| {
                    others(w, 4, 1);
                    buy_as(w, -7 * DAY_MS + 1, "u", &["case"]);
                },
                Err(Outcome::NotDue),
            ),
            (
                "less than a fifth come back for it",
                |w| {
                    others(w, 5, 1);
                    buy_as(w, -7 * DAY_MS, "u", &["case"]);
                },
                Err(Outcome::Owned),
            ),
            (
                "offered at any time after",
                |w| {
                    w.settings.rules.rebuy_gap_share = 0.0;
                    lasts(w, 30);
                    buy_as(w, -2 * DAY_MS, "u", &["case"]);
                },
                CASE,
            ),
        ],
    );
}

#[test]
fn who_has_bought_an_item_twice_is_reminded_of_it() {
    let step = |world: &mut World| json(&known(world))["items"][0]["evidence"]["step"].clone();
    for (days, expected) in [(&[-50, -10][..], Some("history")), (&[-50], None)] {
        let mut world = World::new();
        give(&world, "phone", product(800, "phones"));
        give(&world, "tea", product(5, "teas"));
        world.settings.rules.rebuy_gap_share = 0.1;
        days.iter().for_each(|day| buy_as(&mut world, day * DAY_MS, "u", &["tea"]));
        match expected {
            Some(expected) => assert_eq!(step(&mut world), expected),
            None => assert_eq!(said(&known(&mut world)), Err(Outcome::TooLittleEvidence)),
        }
    }
}

/// A shop that follows orders up after a week and has the items `tea` and `cup`.
fn follow_up_shop() -> World {
    let mut settings = Settings::default();
    settings.experiment.holdout_ratio = 0.0;
    settings.rules.exploration_ratio = 0.0;
    for placement in Placement::ALL {
        settings.placements.get_mut(*placement).enabled = *placement == Placement::FollowUp;
    }
    let follow_up = settings.placements.get_mut(Placement::FollowUp);
    (follow_up.kinds, follow_up.after) = (vec![OfferKind::CrossSell], crate::engine::settings::DurationMs::days(7));
    let world = World::with(settings);
    give(&world, "tea", product(5, "teas"));
    give(&world, "cup", product(9, "cups"));
    world
}

/// What the follow-up of a purchase of tea said, and when.
fn followed_up(given: impl FnOnce(&mut World)) -> Vec<(i64, Result<Vec<String>, Outcome>)> {
    let mut world = follow_up_shop();
    given(&mut world);
    let at = |effects: &Effects| effects.offer.as_ref().map_or(0, |offer| (offer.ts.0 - crate::engine::test_support::START.0) / DAY_MS);
    let days: Vec<Effects> = (0..100).flat_map(|day| wait(&mut world, day * DAY_MS)).collect();
    days.iter().map(|effects| (at(effects), said(effects))).collect()
}

fn lasts(world: &World, item: &str, days: u16) {
    alter(world, item, |product| product.replenish_days = Some(days));
}

#[test]
fn what_runs_out_is_offered_again_when_it_does() {
    let tea = |day| vec![(day, Ok(vec!["tea".to_owned()]))];
    let none = |reason| vec![(0, Err(reason))];
    assert_eq!(
        followed_up(|w| {
            lasts(w, "tea", 20);
            buy(w, 0, "s", &["tea", "cup"]);
        }),
        tea(20),
        "by the catalogue"
    );
    assert_eq!(
        followed_up(|w| {
            buy(w, 0, "s", &["tea", "cup"]);
        }),
        none(Outcome::NoCandidates),
        "nothing is known to run out"
    );
    assert_eq!(
        followed_up(|w| {
            for n in 0..4 {
                buy_as(w, -40 * DAY_MS, &format!("v{n}"), &["tea"]);
            }
            buy_as(w, -30 * DAY_MS, "v1", &["tea"]);
            wait(w, -1);
            buy(w, 0, "s", &["tea", "cup"]);
        }),
        tea(7),
        "by what buyers do: ten days, of which seven have passed"
    );
    assert_eq!(
        followed_up(|w| {
            for n in 0..6 {
                buy_as(w, -40 * DAY_MS, &format!("v{n}"), &["tea"]);
            }
            buy_as(w, -30 * DAY_MS, "v1", &["tea"]);
            wait(w, -1);
            buy(w, 0, "s", &["tea", "cup"]);
        }),
        none(Outcome::NoCandidates),
        "less than a fifth come back for it"
    );
    assert_eq!(
        followed_up(|w| {
            lasts(w, "tea", 20);
            buy(w, 0, "s", &["tea"]);
            w.take(&event("refund", 5, "s", r#""order_id":"s0""#));
        }),
        none(Outcome::EmptyBasket),
        "it went back"
    );
}

#[test]
fn what_runs_out_is_not_offered_once_it_was_bought_again_or_is_in_the_basket() {
    assert_eq!(
        followed_up(|w| {
            lasts(w, "tea", 20);
            buy(w, 0, "s", &["tea"]);
            buy(w, 19 * DAY_MS, "s", &["tea"]);
        }),
        [(0, Err(Outcome::NotDue)), (39, Ok(vec!["tea".to_owned()]))],
    );
    assert_eq!(
        followed_up(|w| {
            lasts(w, "tea", 20);
            buy(w, 0, "s", &["tea"]);
            put(w, 20 * DAY_MS - 1, "s", "tea");
        }),
        [(0, Err(Outcome::InBasket))],
    );
    assert_eq!(
        followed_up(|w| {
            lasts(w, "tea", 20);
            buy(w, 0, "s", &["tea"]);
            put(w, 20 * DAY_MS - 1, "s", "mint");
            ["tea", "mint"].iter().for_each(|item| alter(w, item, |product| product.variant_of = Some("leaves".into())));
        }),
        [(0, Err(Outcome::VariantThere))],
    );
    assert_eq!(
        followed_up(|w| {
            lasts(w, "tea", 20);
            buy(w, 0, "s", &["tea"]);
            put(w, DAY_MS, "s", "tea");
        }),
        [(20, Ok(vec!["tea".to_owned()]))],
        "that basket is long over"
    );
}

#[test]
fn what_runs_out_says_how_long_ago_it_was_bought() {
    let mut world = follow_up_shop();
    lasts(&world, "tea", 23);
    buy(&mut world, 0, "s", &["tea"]);
    let reason = json(&wait(&mut world, 23 * DAY_MS)[0])["items"][0]["reason"].clone();
    assert!(reason.as_str().unwrap().contains("23"), "{reason}");
}

#[test]
fn two_variants_that_run_out_do_not_stand_in_each_others_way() {
    let said = followed_up(|w| {
        give(w, "mint", product(6, "herbs"));
        for variant in ["mint", "tea"] {
            alter(w, variant, |product| (product.variant_of, product.replenish_days) = (Some("leaves".into()), Some(20)));
        }
        buy(w, 0, "s", &["tea", "mint"]);
    });
    assert_eq!(said, [(20, Ok(vec!["tea".to_owned()]))], "one of them, since they are nearly the same");
}
