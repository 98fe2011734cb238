//! Cold start: from counted pairs down to what the shop pins, step by step, each named by its evidence.

use super::*;

/// What is offered beside a phone, with the step of its evidence.
fn steps(given: impl FnOnce(&mut World)) -> Vec<(String, String)> {
    let mut world = World::new();
    give(&world, "phone", product(800, "phones"));
    given(&mut world);
    let effects = put_phone(&mut world);
    if effects.offer.is_none() {
        return vec![(said(&effects).unwrap_err().as_str().to_owned(), String::new())];
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    json(&effects)["items"].as_array().unwrap().iter().map(|item| (text(&item["item_id"]), text(&item["evidence"]["step"]))).collect()
}

/// Items with the step of their evidence, or the reason why there are none.
type Steps<'a> = &'a [(&'a str, &'a str)];

pub(super) fn check_steps(rows: &[(&str, Given, Steps<'_>)]) {
    for (what, given, expected) in rows {
        let expected: Vec<_> = expected.iter().map(|(item, step)| ((*item).to_owned(), (*step).to_owned())).collect();
        assert_eq!(steps(given), expected, "{what}");
    }
}

/// Other phones are bought with cases: the pair of their categories is known.
fn categories(world: &mut World, times: usize) {
    for (item, price, category) in [("old", 300, "phones"), ("case", 20, "cases"), ("sleeve", 25, "cases")] {
        give(world, item, product(price, category));
    }
    world.baskets(times, &["old", "case"]);
}

#[test]
fn the_strongest_evidence_there_is_is_what_an_offer_stands_on() {
    check_steps(&[
        ("nothing is known", |_| {}, &[("no_candidates", "")]),
        ("one basket is no evidence", |w| w.baskets(1, &["phone", "film"]), &[("too_little_evidence", "")]),
        ("two baskets are", |w| w.baskets(2, &["phone", "film"]), &[("film", "pair")]),
        (
            "the least number of baskets is a setting",
            |w| {
                w.baskets(2, &["phone", "film"]);
                cart(w).baskets_together_min = 3;
            },
            &[("too_little_evidence", "")],
        ),
        ("categories bought together twice", |w| categories(w, 2), &[("case", "category")]),
        ("categories bought together once", |w| categories(w, 1), &[("too_little_evidence", "")]),
        (
            "an item of its own category, sold often enough, at a like price",
            |w| {
                give(w, "other", product(400, "phones"));
                w.baskets(20, &["other"]);
                cart(w).popular_share_min = 1.0;
                w.baskets(1, &["x"]);
            },
            &[("other", "popular")],
        ),
        (
            "an item of its own category, not sold often enough",
            |w| {
                give(w, "other", product(400, "phones"));
                w.baskets(19, &["other"]);
            },
            &[("too_little_evidence", "")],
        ),
        ("itself, however well it sells", |w| w.baskets(50, &["phone"]), &[("no_candidates", "")]),
        (
            "an item of its own category, too cheap to be like it",
            |w| {
                give(w, "other", product(399, "phones"));
                w.baskets(20, &["other"]);
                cart(w).popular_share_min = 1.0;
                w.baskets(1, &["x"]);
            },
            &[("too_little_evidence", "")],
        ),
        ("popular everywhere", |w| w.baskets(20, &["bag"]), &[("bag", "popular")]),
        ("not popular enough", |w| w.baskets(19, &["bag"]), &[("too_little_evidence", "")]),
        (
            "popular, in the least share of all baskets",
            |w| {
                cart(w).popular_share_min = 0.5;
                w.baskets(20, &["bag"]);
                (0..20).for_each(|n| w.baskets(1, &[&format!("x{n}")]));
            },
            &[("bag", "popular")],
        ),
        (
            "popular, in less than that share",
            |w| {
                cart(w).popular_share_min = 0.5;
                w.baskets(20, &["bag"]);
                (0..21).for_each(|n| w.baskets(1, &[&format!("x{n}")]));
            },
            &[("too_little_evidence", "")],
        ),
        ("pinned by the shop", |w| w.settings.rules.pinned = vec!["gift".into()], &[("gift", "pinned")]),
    ]);
}

/// Sells items of a category so often that they are popular there, but not in the whole shop.
fn shelf(world: &mut World, item: &str, price: i64, category: &str) {
    give(world, item, product(price, category));
    world.baskets(20, &[item]);
    world.baskets(1, &["x"]);
    cart(world).popular_share_min = 1.0;
}

#[test]
fn categories_are_asked_from_the_newest_of_four_each_once() {
    const NONE: &[(&str, &str)] = &[("too_little_evidence", "")];
    /// Further items come before the phone, each of a category of its own.
    fn before(world: &mut World, items: &[&str]) {
        for item in items {
            give(world, item, product(100, &format!("{item}s")));
            put(world, -1, "s", item);
        }
    }
    check_steps(&[
        (
            "as dear as may be",
            |w| {
                w.settings.rules.companion_price_ratio_max = 0.0;
                shelf(w, "other", 1_600, "phones");
            },
            &[("other", "popular")],
        ),
        (
            "dearer",
            |w| {
                w.settings.rules.companion_price_ratio_max = 0.0;
                shelf(w, "other", 1_601, "phones");
            },
            NONE,
        ),
        (
            "the fourth newest",
            |w| {
                shelf(w, "lamp", 90, "as");
                before(w, &["a", "b", "c"]);
            },
            &[("lamp", "popular")],
        ),
        (
            "the fifth newest",
            |w| {
                shelf(w, "lamp", 90, "as");
                before(w, &["a", "b", "c", "d"]);
            },
            NONE,
        ),
        (
            "ten items of which nothing is known do not stand in the way",
            |w| {
                shelf(w, "lamp", 90, "as");
                before(w, &["a"]);
                (0..10).for_each(|n| drop(put(w, -1, "s", &format!("n{n}"))));
            },
            &[("lamp", "popular")],
        ),
        (
            "of two items of one category the newest tells the price",
            |w| {
                shelf(w, "other", 200, "phones");
                give(w, "old", product(300, "phones"));
                put(w, -1, "s", "old");
            },
            NONE,
        ),
        (
            "two categories that go with one",
            |w| {
                categories(w, 2);
                give(w, "film", product(9, "films"));
                w.baskets(2, &["old", "film"]);
            },
            &[("case", "category"), ("film", "category")],
        ),
        (
            "one that goes with two is asked once, and not where it is there",
            |w| {
                categories(w, 2);
                put(w, -1, "s", "sleeve");
            },
            NONE,
        ),
    ]);
}

#[test]
fn so_many_items_left_out_are_remembered() {
    let mut world = World::new();
    world.settings.rules.pinned = (0..70).map(|n| format!("p{n}").into()).collect();
    world.settings.rules.excluded_items = world.settings.rules.pinned.clone();
    let effects = put_phone(&mut world);
    assert_eq!((said(&effects), effects.dropped.len()), (Err(Outcome::Excluded), 64));
}

#[test]
fn a_weaker_step_takes_only_the_places_that_the_stronger_ones_leave() {
    fn all(world: &mut World) {
        world.baskets(2, &["phone", "film"]);
        categories(world, 2);
        world.baskets(20, &["bag"]);
        world.settings.rules.pinned = vec!["gift".into()];
    }
    check_steps(&[
        ("three places", all, &[("film", "pair"), ("case", "category"), ("bag", "popular")]),
        (
            "two places",
            |w| {
                all(w);
                cart(w).items_max = 2;
            },
            &[("film", "pair"), ("case", "category")],
        ),
        (
            "one place",
            |w| {
                all(w);
                cart(w).items_max = 1;
            },
            &[("film", "pair")],
        ),
        (
            "a place for the pinned, where nothing is popular",
            |w| {
                all(w);
                cart(w).popular_baskets_min = 21;
            },
            &[("film", "pair"), ("case", "category"), ("gift", "pinned")],
        ),
        (
            "the next of a category, where a rule speaks against the first",
            |w| {
                categories(w, 2);
                w.baskets(3, &["old", "sleeve"]);
                alter(w, "sleeve", |product| product.in_stock = Some(false));
            },
            &[("case", "category")],
        ),
        (
            "pins one by one, past those that can't be had",
            |w| {
                w.settings.rules.pinned = vec!["phone".into(), "gift".into(), "card".into(), "bow".into(), "ribbon".into()];
                give(w, "card", Product { in_stock: Some(false), ..Product::default() });
            },
            &[("gift", "pinned"), ("bow", "pinned"), ("ribbon", "pinned")],
        ),
    ]);
}

#[test]
fn the_evidence_of_a_step_has_the_figures_counted() {
    let evidence = |given: fn(&mut World)| {
        let mut world = World::new();
        give(&world, "phone", product(800, "phones"));
        given(&mut world);
        json(&put_phone(&mut world))["items"][0]["evidence"].clone()
    };
    let figures = |evidence: &serde_json::Value| (evidence["baskets"].as_u64(), evidence["together"].as_u64(), evidence["with"].clone());
    let none = serde_json::Value::Null;
    assert_eq!(
        figures(&evidence(|w| {
            categories(w, 3);
            w.baskets(1, &["old"]);
        })),
        (Some(4), Some(3), none.clone())
    );
    assert_eq!(
        figures(&evidence(|w| {
            w.baskets(20, &["bag"]);
            w.baskets(2, &["x"]);
        })),
        (Some(22), Some(20), none)
    );
    assert_eq!(
        figures(&evidence(|w| {
            w.baskets(3, &["phone", "film"]);
            w.baskets(1, &["phone"]);
        })),
        (Some(4), Some(3), "phone".into())
    );
}

#[test]
fn what_the_catalogue_pins_to_an_item_comes_first_of_all() {
    check_steps(&[
        (
            "before what is counted",
            |w| {
                w.baskets(9, &["phone", "film"]);
                alter(w, "phone", |product| product.pinned = vec!["strap".into()]);
            },
            &[("strap", "pinned"), ("film", "pair")],
        ),
        (
            "as many as there is room for, in their order",
            |w| {
                w.baskets(9, &["phone", "film"]);
                alter(w, "phone", |product| product.pinned = ["d", "c", "b", "a"].map(Into::into).into());
            },
            &[("d", "pinned"), ("c", "pinned"), ("b", "pinned")],
        ),
        (
            "of what was added last first",
            |w| {
                give(w, "tv", Product { pinned: vec!["mount".into()], ..product(900, "tvs") });
                alter(w, "phone", |product| product.pinned = vec!["strap".into()]);
                put(w, -1, "s", "tv");
            },
            &[("strap", "pinned"), ("mount", "pinned")],
        ),
        (
            "a rule speaks against it",
            |w| alter(w, "phone", |product| product.pinned = vec!["phone".into(), "strap".into()]),
            &[("strap", "pinned")],
        ),
    ]);
}

#[test]
fn what_is_pinned_says_beside_what() {
    for (beside, expected) in [(true, serde_json::Value::from("phone")), (false, serde_json::Value::Null)] {
        let mut world = pinned_shop();
        if beside {
            world.settings.rules.pinned.clear();
            alter(&world, "phone", |product| product.pinned = vec!["case".into()]);
        }
        assert_eq!(json(&put_phone(&mut world))["items"][0]["evidence"]["with"], expected);
    }
}
