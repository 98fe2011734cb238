//! The policy's tests. Every rule is a row of a table: what is the case, and what is offered or why nothing is; the
//! row beside it shows that it is exactly this rule. All go through whole events.

mod bundles;
mod caps;
mod explore;
mod fallback;
mod gates;
mod ladders;
mod law;
mod ledger;
mod merchant;
mod personal;
mod property;
mod rules;
mod sense;
mod shown;
mod similar;
mod stamps;
mod upsells;
mod variants;

use crate::engine::catalogue::Product;
use crate::engine::offer::Offer;
use crate::engine::settings::PlacementPolicy;
use crate::engine::test_support::{DAY_MS, World, event};
use crate::engine::vocabulary::{OfferKind, Outcome, Placement};
use crate::engine::{Effects, tick};
use crate::event::{Money, ShopEvent};

/// What a trigger said: the offered items (with their kind where it is no cross-sell), or why there are none.
type Said<'a> = Result<&'a [&'a str], Outcome>;
/// What is the case, how it came to be, and what is said then.
type Row<'a> = (&'a str, Given, Said<'a>);
/// How a case came to be.
type Given = fn(&mut World);

/// Asks after each row's history in a shop of its own.
fn check(shop: fn() -> World, ask: fn(&mut World) -> Effects, rows: &[Row<'_>]) {
    for (what, given, expected) in rows {
        let mut world = shop();
        given(&mut world);
        assert_eq!(said(&ask(&mut world)), expected.map(|items| items.iter().map(ToString::to_string).collect()), "{what}");
    }
}

fn said(effects: &Effects) -> Result<Vec<String>, Outcome> {
    match effects.ended.map(|ended| ended.outcome) {
        Some(Outcome::Offered | Outcome::Withheld) => Ok(effects.offer.as_ref().map(names).unwrap_or_default()),
        Some(reason) => Err(reason),
        None => panic!("no trigger: {effects:?}"),
    }
}

fn names(offer: &Offer) -> Vec<String> {
    let name = |item: &crate::engine::offer::OfferItem| match item.kind {
        OfferKind::CrossSell => item.item_id.to_string(),
        kind => format!("{} {}", item.item_id, kind.as_str()),
    };
    offer.items.iter().map(name).collect()
}

/// The offer as the shop reads it.
fn json(effects: &Effects) -> serde_json::Value {
    serde_json::to_value(effects.offer.as_ref().expect("an offer")).unwrap()
}

fn product(price: i64, category: &str) -> Product {
    Product { price: Some(money(price)), category: Some(category.into()), ..Product::default() }
}

fn money(whole: i64) -> Money {
    Money(whole * 1_000_000)
}

fn give(world: &World, item: &str, product: Product) {
    world.shop.catalogue.give(item.into(), product);
}

/// Changes what the catalogue says of an item.
fn alter(world: &World, item: &str, change: impl FnOnce(&mut Product)) {
    let mut product = world.shop.catalogue.get(item);
    change(&mut product);
    give(world, item, product);
}

fn policy(world: &mut World, placement: Placement) -> &mut PlacementPolicy {
    world.settings.placements.get_mut(placement)
}

fn cart(world: &mut World) -> &mut PlacementPolicy {
    policy(world, Placement::Cart)
}

/// Puts an item into the basket, at the catalogue's price.
fn put(world: &mut World, at_ms: i64, session: &str, item: &str) -> Effects {
    world.take(&event("cart_add", at_ms, session, &format!(r#""item_id":"{item}""#)))
}

fn remove(world: &mut World, at_ms: i64, session: &str, item: &str) {
    world.take(&event("cart_remove", at_ms, session, &format!(r#""item_id":"{item}""#)));
}

fn view(world: &mut World, at_ms: i64, session: &str, item: &str) -> Effects {
    world.take(&event("product_viewed", at_ms, session, &format!(r#""item_id":"{item}""#)))
}

fn buy(world: &mut World, at_ms: i64, session: &str, items: &[&str]) -> Effects {
    world.take(&purchase(at_ms, session, items, ""))
}

/// A known customer buys, in a session of their own.
fn buy_as(world: &mut World, at_ms: i64, customer: &str, items: &[&str]) {
    world.take(&purchase(at_ms, &format!("{customer}{at_ms}"), items, &format!(r#","customer_id":"{customer}""#)));
}

fn purchase(at_ms: i64, session: &str, items: &[&str], more: &str) -> ShopEvent {
    let lines: Vec<String> = items.iter().map(|item| format!(r#"{{"item_id":"{item}"}}"#)).collect();
    event("purchase", at_ms, session, &format!(r#""order_id":"{session}{at_ms}","items":[{}]{more}"#, lines.join(",")))
}

/// The session says who it is, by which channel it comes, and the like.
fn tell(world: &mut World, at_ms: i64, session: &str, fields: &str) {
    world.take(&event("cart_remove", at_ms, session, &format!(r#""item_id":"nothing",{fields}"#)));
}

/// The shopper does something with the whole offer.
fn respond(world: &mut World, kind: &str, at_ms: i64, session: &str, effects: &Effects) {
    world.feedback(kind, at_ms, session, effects.offer.as_ref().expect("an offer"));
}

/// Time passes; returns what the timers brought.
fn wait(world: &mut World, until_ms: i64) -> Vec<Effects> {
    let until = crate::engine::test_support::START.plus_ms(until_ms);
    let mut all = Vec::new();
    while let Some(effects) = tick(&world.settings, &mut world.sessions, until, &world.shop) {
        effects.facts.iter().for_each(|fact| world.shop.fold(fact));
        all.push(effects);
    }
    all
}

/// A shop where a phone is bought with a case, a film and a charger.
fn phone_shop() -> World {
    let mut world = World::new();
    for (item, price, category) in [("phone", 800, "phones"), ("case", 20, "cases"), ("film", 10, "films"), ("charger", 30, "chargers")] {
        give(&world, item, product(price, category));
    }
    for (times, companion) in [(5, "case"), (4, "film"), (3, "charger")] {
        world.baskets(times, &["phone", companion]);
    }
    world
}

/// A shop of which nothing is known, but that a case is to be offered where nothing else is.
fn pinned_shop() -> World {
    let mut world = World::new();
    give(&world, "phone", product(800, "phones"));
    give(&world, "case", product(20, "cases"));
    world.settings.rules.pinned = vec!["case".into()];
    world
}

fn put_phone(world: &mut World) -> Effects {
    put(world, 0, "s", "phone")
}
