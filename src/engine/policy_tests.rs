use proptest::prelude::*;

use super::*;
use crate::engine::ranking::{Query, rank};
use crate::engine::session::Session;
use crate::engine::settings::{DurationMs, Settings};
use crate::engine::test_support::{START, World, event, item, items_of, order};
use crate::event::ItemId;

/// A policy that offers three items at most, pairs from two baskets and favourites from four on.
fn policy() -> PlacementPolicy {
    PlacementPolicy { enabled: true, items_max: 3, baskets_together_min: 2, popular_baskets_min: 4, expires_after: DurationMs(1_000) }
}

/// A session that has these items in its basket.
fn with_basket(items: &[&str]) -> Session {
    let mut world = World::new();
    for name in items {
        world.add(0, "s", name);
    }
    world.sessions.get("s:s").cloned().unwrap_or_default()
}

fn chosen(world: &World, policy: &PlacementPolicy, session: &Session, customer: Option<&str>) -> Result<Vec<Chosen>, Outcome> {
    let basket: Vec<&ItemId> = session.basket.lines.iter().map(|line| &line.item).collect();
    let query = Query { basket: &basket, customer, now: START, together_min: policy.baskets_together_min };
    choose(policy, &rank(&world.shop, &world.settings.ranking, query), session, &world.shop)
}

/// Items with the step of their evidence, or why there are none.
type Named = Result<Vec<(String, EvidenceStep)>, Outcome>;
/// Items that were bought together, and how often.
type Bought<'a> = (usize, &'a [&'a str]);

fn named(chosen: Result<Vec<Chosen>, Outcome>) -> Named {
    chosen.map(|all| all.into_iter().map(|one| (one.item.to_string(), one.evidence.step())).collect())
}

#[test]
fn evidence_decides_what_is_offered_and_why_nothing_is() {
    use EvidenceStep::{Pair, Popular};
    let pairs = |items: &[&str]| Ok(items.iter().map(|item| ((*item).to_owned(), Pair)).collect());
    let cases: [(&str, &[Bought<'_>], Named); 7] = [
        ("nothing is known of the basket", &[(9, &["other"])], Ok(vec![("other".into(), Popular)])),
        ("nothing is known at all", &[], Err(Outcome::NoCandidates)),
        ("a pair too rare is no evidence", &[(1, &["x", "a"])], Err(Outcome::TooLittleEvidence)),
        ("a pair from the least number of baskets on is", &[(2, &["x", "a"])], pairs(&["a"])),
        ("no more than three", &[(2, &["x", "a"]), (2, &["x", "b"]), (2, &["x", "c"]), (3, &["x", "d"])], pairs(&["d", "a", "b"])),
        ("a rare pair makes room for the next", &[(1, &["x", "a"]), (2, &["x", "b"])], pairs(&["b"])),
        (
            "a favourite fills what is left, and none twice",
            &[(2, &["x", "a"]), (4, &["a", "f"]), (3, &["g"])],
            Ok(vec![("a".into(), Pair), ("f".into(), Popular)]),
        ),
    ];
    for (case, baskets, expected) in cases {
        let mut world = World::new();
        baskets.iter().for_each(|(times, items)| world.baskets(*times, items));
        assert_eq!(named(chosen(&world, &policy(), &with_basket(&["x"]), None)), expected, "{case}");
    }
}

#[test]
fn no_more_items_than_the_placement_may_have_whatever_speaks_for_them() {
    let mut world = World::new();
    for companion in ["a", "b", "c"] {
        world.baskets(5, &["x", companion]);
    }
    world.baskets(9, &["favourite"]);
    for items_max in 1..=3 {
        let policy = PlacementPolicy { items_max, ..policy() };
        assert_eq!(chosen(&world, &policy, &with_basket(&["x"]), None).unwrap().len(), items_max);
    }
}

#[test]
fn what_the_session_bought_is_offered_no_more_however_popular() {
    let mut world = World::new();
    world.baskets(5, &["x", "a"]);
    world.baskets(5, &["x", "b"]);
    world.take(&event("purchase", 0, "s", &order("o", &["a"])));
    assert_eq!(items_of(world.add(1, "s", "x").as_ref()), ["b"]);
    assert_eq!(items_of(world.add(1, "t", "x").as_ref()), ["b", "a"]);
}

#[test]
fn what_is_in_the_basket_is_not_offered_however_popular() {
    let mut world = World::new();
    world.baskets(9, &["x", "a"]);
    world.baskets(9, &["b"]);
    assert_eq!(named(chosen(&world, &policy(), &with_basket(&["x", "a", "b"]), None)), Err(Outcome::NoCandidates));
}

#[test]
fn a_customer_is_offered_what_he_had_twice_but_not_what_he_had_once() {
    let mut world = World::new();
    for (n, bought) in [&["milk", "tea"][..], &["milk"]].into_iter().enumerate() {
        let fields = format!(r#"{},"customer_id":"u""#, order(&format!("o{n}"), bought));
        world.take(&event("purchase", 0, &format!("p{n}"), &fields));
    }
    let expected = Chosen { item: "milk".into(), item_baskets: 2, evidence: Ground::History(2, 2) };
    assert_eq!(chosen(&world, &policy(), &with_basket(&["x"]), Some("u")), Ok(vec![expected]));
    assert_eq!(chosen(&world, &policy(), &with_basket(&["x"]), None), Err(Outcome::NoCandidates));
}

#[test]
fn a_trigger_that_ends_without_an_offer_says_why() {
    use crate::engine::vocabulary::Placement::{Cart, Checkout};
    let mut world = World::new();
    world.take(&event("checkout", 0, "empty", ""));
    world.add(1, "s", "x");
    let twice = event("cart_add", 2, "s", &format!(r#"{},"event_id":"e""#, item("y")));
    world.take(&twice);
    world.take(&twice);
    world.baskets(1, &["x", "a"]);
    world.take(&event("checkout", 4, "s", ""));
    for (placement, outcome, times) in [
        (Checkout, Outcome::EmptyBasket, 1),
        (Cart, Outcome::NoCandidates, 2),
        (Cart, Outcome::Duplicate, 1),
        (Checkout, Outcome::TooLittleEvidence, 1),
    ] {
        assert_eq!(world.triggers(placement, outcome), times, "{placement:?} {outcome:?}");
    }
}

#[test]
fn a_placement_that_is_off_has_no_triggers() {
    let mut settings = Settings::default();
    settings.placements.cart.enabled = false;
    let mut world = World::with(settings);
    world.add(0, "s", "x");
    world.take(&event("checkout", 1, "s", ""));
    let at = |placement| world.sum(|key| matches!(key, crate::engine::totals::TotalKey::Triggers(p, _) if *p == placement));
    assert_eq!([crate::engine::vocabulary::Placement::Cart, crate::engine::vocabulary::Placement::Checkout].map(at), [0, 1]);
}

const ITEMS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn some_items(most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(ITEMS.to_vec(), 1..=most).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_offered_item_keeps_all_the_rules(
        baskets in proptest::collection::vec(some_items(4), 0..20),
        bought in proptest::option::of(some_items(2)),
        basket in some_items(3),
        items_max in 1..=3_usize,
        together_min in 1..4_u32,
        popular_min in 1..6_u32,
    ) {
        let mut world = World::new();
        baskets.iter().for_each(|items| world.baskets(1, items));
        if let Some(bought) = &bought {
            world.take(&event("purchase", 0, "s", &order("own", bought)));
        }
        basket.iter().for_each(|name| drop(world.add(1, "s", name)));
        let session = world.sessions.get("s:s").cloned().unwrap_or_default();
        let policy = PlacementPolicy { items_max, baskets_together_min: together_min, popular_baskets_min: popular_min, ..policy() };
        let Ok(offered) = chosen(&world, &policy, &session, None) else { return Ok(()) };

        prop_assert!((1..=items_max).contains(&offered.len()));
        let distinct: BTreeSet<&ItemId> = offered.iter().map(|one| &one.item).collect();
        prop_assert_eq!(distinct.len(), offered.len());
        for one in &offered {
            prop_assert!(!basket.contains(&one.item.as_str()), "{} is in the basket", one.item);
            prop_assert!(!bought.iter().flatten().any(|item| one.item == *item), "{} was just bought", one.item);
            prop_assert_eq!(one.item_baskets, world.own(&one.item).0);
            match &one.evidence {
                Ground::Pair(pair) => {
                    prop_assert!(basket.contains(&pair.with.as_str()) && pair.together >= together_min && pair.together <= pair.baskets);
                }
                Ground::Popular => prop_assert!(one.item_baskets >= popular_min),
                Ground::History(..) => prop_assert!(false, "nobody is known here"),
            }
        }
    }
}
