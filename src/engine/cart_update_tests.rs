use super::*;
use crate::engine::settings::Settings;
use crate::engine::test_support::{HOUR_MS, START, World, event, item, items_of};
use crate::engine::totals::TotalKey;
use crate::engine::vocabulary::{Outcome, Placement};

/// The basket's lines of items `name` or `name*units`.
fn lines(items: &[&str]) -> String {
    let line = |text: &&str| {
        let (name, units) = text.split_once('*').unwrap_or((text, "1"));
        format!("{{{},\"quantity\":{units}}}", item(name))
    };
    format!(r#""items":[{}]"#, items.iter().map(line).collect::<Vec<_>>().join(","))
}

fn basket_of(world: &World, session: &str) -> Vec<String> {
    let basket = &world.sessions.get(&format!("s:{session}")).unwrap().basket;
    basket.lines.iter().map(|line| format!("{}*{}", line.item, line.quantity)).collect()
}

#[test]
fn what_an_update_brings_about_is_what_adds_and_removes_would_have() {
    let (mut told, mut single) = (World::new(), World::new());
    for items in [&["a", "b*2"][..], &["b*3", "c"], &["b*1", "c"], &["b*1", "c"]] {
        told.take(&event("cart_updated", 0, "s", &lines(items)));
    }
    for (kind, fields) in [
        ("cart_add", r#""item_id":"a","price":10"#),
        ("cart_add", r#""item_id":"b","price":10,"quantity":2"#),
        ("cart_remove", r#""item_id":"a""#),
        ("cart_add", r#""item_id":"b","price":10"#),
        ("cart_add", r#""item_id":"c","price":10"#),
        ("cart_remove", r#""item_id":"b","quantity":2"#),
    ] {
        single.take(&event(kind, 0, "s", fields));
    }
    assert_eq!(basket_of(&told, "s"), ["b*1", "c*1"]);
    assert_eq!(basket_of(&told, "s"), basket_of(&single, "s"));
    assert_eq!(told.counts(), single.counts());
    let (told, single) = (told.sessions.get("s:s").unwrap(), single.sessions.get("s:s").unwrap());
    assert_eq!((&told.basket, &told.moves, &told.considered), (&single.basket, &single.moves, &single.considered));
}

#[test]
fn a_line_that_was_added_is_answered_as_a_cart_add_is_and_an_update_that_adds_none_is_no_trigger() {
    let mut world = World::new();
    world.baskets(9, &["a", "b"]);
    world.baskets(9, &["c", "d"]);
    let offered = |world: &mut World, items: &[&str]| world.take(&event("cart_updated", 0, "s", &lines(items))).offer;
    let first = offered(&mut world, &["x", "a"]);
    assert_eq!(items_of(first.as_ref()), ["b"]);
    let json = serde_json::to_value(first.unwrap()).unwrap();
    assert_eq!((&json["cause"]["type"], &json["cause"]["item_id"]), (&"cart_updated".into(), &"a".into()));
    assert!(offered(&mut world, &["a"]).is_none() && offered(&mut world, &["a"]).is_none() && offered(&mut world, &[]).is_none());
    let triggers = world.sum(|key| matches!(key, TotalKey::Triggers(Placement::Cart, _)));
    assert_eq!((triggers, world.triggers(Placement::Cart, Outcome::Offered)), (1, 1));
    assert_eq!(basket_of(&world, "s"), [""; 0]);
}

#[test]
fn an_update_that_comes_late_leaves_what_was_added_since() {
    let mut world = World::new();
    world.take(&event("cart_updated", 0, "s", &lines(&["a"])));
    world.take(&event("cart_add", HOUR_MS / 2, "s", &item("b")));
    world.take(&event("cart_updated", HOUR_MS / 4, "s", &lines(&["c"])));
    assert_eq!(basket_of(&world, "s"), ["b*1", "c*1"]);
}

#[test]
fn one_that_was_heard_before_changes_nothing() {
    let mut world = World::new();
    let update = |items: &[&str], id: &str| event("cart_updated", 0, "s", &format!(r#"{},"event_id":"{id}""#, lines(items)));
    world.take(&update(&["a"], "1"));
    world.take(&update(&["a", "b"], "2"));
    world.take(&update(&["a"], "1"));
    assert_eq!(basket_of(&world, "s"), ["a*1", "b*1"]);
}

#[test]
fn two_lines_of_one_item_are_one_and_a_price_alone_is_taken_over() {
    let mut world = World::new();
    world.take(&event("cart_updated", 0, "s", &lines(&["a", "b", "a*2"])));
    assert_eq!(basket_of(&world, "s"), ["a*3", "b*1"]);
    world.take(&event("cart_updated", 1, "s", r#""items":[{"item_id":"a","quantity":3,"price":"7.50"},{"item_id":"b"}]"#));
    let basket = &world.sessions.get("s:s").unwrap().basket;
    assert_eq!(basket.lines.iter().map(|line| line.price.unwrap().to_string()).collect::<Vec<_>>(), ["7.5", "10"]);
}

#[test]
fn an_update_takes_no_more_lines_than_a_basket_may_have() {
    let mut settings = Settings::default();
    settings.limits.basket_lines = 2;
    let mut world = World::with(settings);
    world.take(&event("cart_updated", 0, "s", &lines(&["a", "b", "c"])));
    assert_eq!(basket_of(&world, "s"), ["a*1", "b*1"]);
    let basket = &world.sessions.get("s:s").unwrap().basket;
    assert!(changes(basket, &[], START).iter().all(|change| matches!(change, Change::Removed(_, None))));
}
