use super::*;
use crate::engine::test_support::{START, World, event, items_of};

fn asking(placement: Placement, items: &[&str]) -> Ask {
    let items = items.iter().map(|item| ItemId::new(item)).collect();
    let at = START.plus_ms(1_000);
    Ask { placement, items, session_id: Some("s".into()), customer: None, channel: None, locale: None, at, nonce: 1 }
}

fn answered(world: &World, wanted: &Ask) -> Asked {
    ask(&world.settings, &world.shop, world.sessions.get(&session_key(wanted)).cloned(), wanted)
}

fn offered(asked: &Asked) -> Vec<&str> {
    items_of(asked.made.as_ref().map(|(offer, _)| offer))
}

fn shop() -> World {
    let mut world = World::new();
    world.baskets(5, &["phone", "case"]);
    world.baskets(3, &["phone", "cable"]);
    world
}

#[test]
fn who_asks_is_offered_what_the_event_would_be() {
    let mut world = shop();
    let asked = answered(&world, &asking(Placement::Cart, &["phone"]));
    assert_eq!((asked.outcome, offered(&asked)), (Some(Outcome::Offered), vec!["case", "cable"]));
    let by_event = world.add(1_000, "s", "phone");
    assert_eq!(items_of(by_event.as_ref()), ["case", "cable"]);
    let given = asked.made.unwrap().1;
    assert_eq!(given.items.iter().map(|item| item.item.as_str()).collect::<Vec<_>>(), ["case", "cable"]);
    assert_eq!(
        (given.propensity.as_str(), given.variant.as_deref(), given.items[0].anchor.as_deref()),
        ("1.000000", Some("default"), Some("phone"))
    );
}

#[test]
fn what_is_not_told_is_taken_from_the_session_and_what_is_told_goes_before_it() {
    let mut world = shop();
    world.add(0, "s", "phone");
    assert_eq!(offered(&answered(&world, &asking(Placement::Cart, &[]))), ["case", "cable"]);
    // More was put in meanwhile, which the session does not know yet.
    let asked = answered(&world, &asking(Placement::Cart, &["phone", "case"]));
    assert_eq!(offered(&asked), ["cable"]);
}

#[test]
fn what_the_shopper_sent_away_is_not_given_to_them_either() {
    let mut world = shop();
    let offer = world.add(0, "s", "phone").unwrap();
    world.feedback("offer_dismissed", 10, "s", &offer);
    let asked = answered(&world, &asking(Placement::Cart, &["phone"]));
    assert_eq!((asked.outcome, asked.made.is_none()), (Some(Outcome::Resting), true));
    let other = Ask { session_id: Some("other".into()), ..asking(Placement::Cart, &["phone"]) };
    assert_eq!(offered(&answered(&world, &other)), ["case", "cable"]);
}

#[test]
fn a_page_has_its_own_item_last_and_the_basket_before_it() {
    let mut world = shop();
    world.settings.placements.get_mut(Placement::ProductPage).enabled = true;
    world.settings.placements.get_mut(Placement::ProductPage).after_decision = false;
    let on_page = answered(&world, &asking(Placement::ProductPage, &["phone"]));
    assert_eq!(offered(&on_page), ["case", "cable"]);
    assert_eq!(offered(&answered(&world, &asking(Placement::ProductPage, &["cable", "phone"]))), ["case"]);
}

#[test]
fn a_shopper_who_is_held_out_is_given_nothing_and_the_same_one_every_time() {
    let mut world = shop();
    world.settings.experiment.holdout_ratio = 0.5;
    for n in 0..20 {
        let wanted = Ask { session_id: Some(format!("s{n}").into()), ..asking(Placement::Cart, &["phone"]) };
        let asked = answered(&world, &wanted);
        let (offer, given) = asked.made.unwrap();
        assert_eq!((given.arm == Arm::Holdout, given.items.is_empty()), (offer.arm == Arm::Holdout, offer.arm == Arm::Holdout));
        assert_eq!(asked.outcome, Some(if given.arm == Arm::Holdout { Outcome::Withheld } else { Outcome::Offered }));
        let by_event = world.take(&event("cart_add", 2_000, &format!("s{n}"), r#""item_id":"phone""#));
        assert_eq!(by_event.offer.unwrap().arm, given.arm, "s{n}");
    }
}

#[test]
fn where_there_is_nothing_to_go_by_there_is_no_offer_and_a_reason() {
    let world = shop();
    assert_eq!(answered(&world, &asking(Placement::Cart, &[])).outcome, Some(Outcome::EmptyBasket));
    assert_eq!(answered(&world, &asking(Placement::FollowUp, &["phone"])).outcome, None);
    assert!(answered(&world, &asking(Placement::Cart, &["nobody knows it"])).made.is_none());
}

#[test]
fn two_asks_that_are_alike_are_two_offers() {
    let world = shop();
    let id = |nonce: u64| answered(&world, &Ask { nonce, ..asking(Placement::Cart, &["phone"]) }).made.unwrap().1.id;
    assert_ne!(id(1), id(2));
    assert_eq!(id(1), id(1));
}
