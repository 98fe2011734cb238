use super::*;
use crate::engine::apply_given;
use crate::engine::ask::{Ask, ask};
use crate::engine::test_support::{HOUR_MS, START, World, event, item, order};
use crate::engine::vocabulary::ItemStep;
use crate::event::{Currency, ShopEvent};

const TOKEN: &str = r#""offer_token":"t""#;

fn shop() -> World {
    let mut world = World::new();
    world.baskets(5, &["phone", "case"]);
    world
}

/// What is given to the session `s` for a phone, an hour after the start of the day.
fn given(world: &World) -> Given {
    let ask_for = Ask {
        placement: Placement::Cart,
        items: vec!["phone".into()],
        session_id: Some("s".into()),
        customer: None,
        channel: None,
        locale: None,
        at: START.plus_ms(HOUR_MS),
        nonce: 7,
    };
    ask(&world.settings, &world.shop, None, &ask_for).made.unwrap().1
}

/// Takes an event so many milliseconds after the offer was given.
fn take(world: &mut World, kind: &str, after_ms: i64, fields: &str, given: &Given) -> Vec<Fact> {
    let event: ShopEvent = event(kind, HOUR_MS + after_ms, "s", fields);
    let effects = apply_given(&world.settings, &mut world.sessions, &event, Some(given), &world.shop).unwrap();
    effects.facts.iter().for_each(|fact| world.shop.fold(fact));
    effects.facts
}

fn steps(world: &World) -> [i128; 4] {
    [ItemStep::Emitted, ItemStep::Shown, ItemStep::Accepted, ItemStep::Paid].map(|step| world.steps(step))
}

#[test]
fn an_offer_that_is_shown_counts_from_then_on_like_any_other_and_once() {
    let mut world = shop();
    let given = given(&world);
    assert_eq!(steps(&world), [0; 4]);
    take(&mut world, "offer_shown", 500, TOKEN, &given);
    take(&mut world, "offer_shown", 600, TOKEN, &given);
    assert_eq!(steps(&world), [1, 1, 0, 0]);
    world.add(HOUR_MS + 1_000, "s", "case");
    world.take(&event("purchase", HOUR_MS + 2_000, "s", &order("o", &["case"])));
    // The basket's own event was answered with an offer, too.
    assert_eq!(steps(&world), [2, 1, 1, 1]);
    let extra = world.sum(|key| matches!(key, TotalKey::ExtraRevenue { currency, .. } if *currency == Currency::USD));
    assert_eq!(extra, 10_000_000);
}

#[test]
fn a_one_click_add_with_its_token_is_one_of_that_offer() {
    let mut world = shop();
    let given = given(&world);
    take(&mut world, "cart_add", 500, &format!("{},{TOKEN}", item("case")), &given);
    assert_eq!(steps(&world), [2, 1, 1, 0], "the basket's own event was answered with an offer, too");
}

#[test]
fn an_offer_that_had_expired_is_not_taken_up() {
    let mut world = shop();
    let given = given(&world);
    let over_ms = given.expires_at.0 - given.ts.0 + 1;
    take(&mut world, "offer_dismissed", over_ms, TOKEN, &given);
    assert_eq!(steps(&world), [0; 4]);
    assert_eq!(world.total(&TotalKey::FeedbackIgnored(FeedbackIgnored::UnknownOffer)), 1);
}

#[test]
fn who_is_held_out_enters_the_experiment_and_is_credited_with_nothing() {
    let mut world = shop();
    world.settings.experiment.holdout_ratio = 1.0;
    let given = given(&world);
    assert_eq!((given.arm, given.items.len()), (Arm::Holdout, 0));
    let facts = take(&mut world, "offer_shown", 500, TOKEN, &given);
    let entered = facts.iter().filter(|fact| matches!(fact, Fact::Eligible { arm: Arm::Holdout, placement: Placement::Cart, .. })).count();
    assert_eq!((entered, steps(&world)), (1, [0; 4]));
    // Later events keep the arm, whatever is drawn then.
    assert_eq!(world.sessions.get("s:s").unwrap().arm, Some(Arm::Holdout));
}

#[test]
fn an_offer_that_was_given_to_the_other_arm_is_not_taken_up() {
    let mut world = shop();
    let given = given(&world);
    world.settings.experiment.holdout_ratio = 1.0;
    // The stream has decided meanwhile.
    world.add(0, "s", "phone");
    assert_eq!(world.sessions.get("s:s").unwrap().arm, Some(Arm::Holdout));
    take(&mut world, "offer_shown", 500, TOKEN, &given);
    assert_eq!((steps(&world), world.total(&TotalKey::FeedbackIgnored(FeedbackIgnored::Withheld))), ([0; 4], 1));
}

#[test]
fn who_was_asked_for_as_a_session_and_logs_in_stays_that_shopper() {
    let mut world = shop();
    world.settings.experiment.holdout_ratio = 0.5;
    // A customer of the other arm than the session's.
    let given = given(&world);
    let of_other_arm = |name: &String| customer_arm(name, &world.settings.experiment) != given.arm;
    let customer = (0..).map(|n| format!("u{n}")).find(of_other_arm).unwrap();
    take(&mut world, "offer_shown", 500, &format!(r#""customer_id":"{customer}",{TOKEN}"#), &given);
    let session = world.sessions.get("s:s").unwrap();
    assert_eq!((session.arm, session.entered.map(|(_, subject)| subject)), (Some(given.arm), Some(subject_of(None, "s:s"))));
}
