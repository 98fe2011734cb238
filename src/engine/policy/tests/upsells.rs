//! A better one in the place of an item.

use super::*;

pub(super) const PRO: Said<'_> = Ok(&["pro upsell"]);

/// A shop that offers upgrades in the basket; `pro` is one of the phone by what a row says.
pub(super) fn shop() -> World {
    let mut world = World::new();
    cart(&mut world).kinds = vec![OfferKind::Upsell];
    give(&world, "phone", product(800, "phones"));
    give(&world, "pro", product(1_200, "phones"));
    world
}

pub(super) fn upgrade_of(world: &World, item: &str, of: &str) {
    alter(world, item, |product| product.upgrade_of = Some(of.into()));
}

pub(super) fn variant_of(world: &World, item: &str, of: &str) {
    alter(world, item, |product| product.variant_of = Some(of.into()));
}

/// So many shoppers look at a phone and buy `instead`.
fn passed_over(world: &mut World, times: i64, instead: &str) {
    for n in 0..times {
        let session = format!("{instead}{n}");
        view(world, n - 100, &session, "phone");
        buy(world, n - 99, &session, &[instead]);
    }
}

#[test]
fn an_upgrade_is_said_learned_or_what_sells_best_of_the_category() {
    check(
        shop,
        put_phone,
        &[
            ("nothing speaks for it", |_| {}, Err(Outcome::NoCandidates)),
            ("the catalogue calls it better", |w| upgrade_of(w, "pro", "phone"), PRO),
            ("the catalogue calls it better than another", |w| upgrade_of(w, "pro", "x"), Err(Outcome::NoCandidates)),
            (
                "the catalogue calls it better, though it is of another category",
                |w| {
                    give(w, "pro", product(1_200, "tablets"));
                    upgrade_of(w, "pro", "phone");
                },
                PRO,
            ),
            ("a dearer variant", |w| variant_of(w, "pro", "phone"), PRO),
            (
                "a dearer variant of the same",
                |w| {
                    variant_of(w, "pro", "x");
                    variant_of(w, "phone", "x");
                },
                PRO,
            ),
            ("what it is a variant of is dearer", |w| variant_of(w, "phone", "pro"), PRO),
            ("two shoppers bought it instead", |w| passed_over(w, 2, "pro"), PRO),
            ("one shopper bought it instead", |w| passed_over(w, 1, "pro"), Err(Outcome::TooLittleEvidence)),
            (
                "it was bought instead while it was of the same category",
                |w| {
                    passed_over(w, 2, "pro");
                    alter(w, "pro", |product| product.category = Some("tablets".into()));
                },
                Err(Outcome::TooLittleEvidence),
            ),
            (
                "it was bought instead while its category was known",
                |w| {
                    passed_over(w, 2, "pro");
                    ["pro", "phone"].iter().for_each(|item| alter(w, item, |product| product.category = None));
                },
                Err(Outcome::TooLittleEvidence),
            ),
            ("it sells well", |w| w.baskets(20, &["pro"]), PRO),
            ("it sells not so well", |w| w.baskets(19, &["pro"]), Err(Outcome::TooLittleEvidence)),
            (
                "it sells well, in another category",
                |w| {
                    give(w, "pro", product(1_200, "tablets"));
                    w.baskets(20, &["pro"]);
                },
                Err(Outcome::TooLittleEvidence),
            ),
            (
                "nobody knows of which category it is",
                |w| {
                    alter(w, "pro", |product| product.category = None);
                    alter(w, "phone", |product| product.category = None);
                    w.baskets(20, &["pro"]);
                },
                Err(Outcome::TooLittleEvidence),
            ),
        ],
    );
}

#[test]
fn an_upgrades_price_is_within_the_band() {
    fn band(world: &mut World, price: Option<i64>) {
        (world.settings.rules.upsell_price_ratio_min, world.settings.rules.upsell_price_ratio_max) = (1.5, 2.0);
        alter(world, "pro", |product| product.price = price.map(money));
        upgrade_of(world, "pro", "phone");
    }
    check(
        shop,
        put_phone,
        &[
            ("the least", |w| band(w, Some(1_200)), PRO),
            ("less", |w| band(w, Some(1_199)), Err(Outcome::NoCandidates)),
            ("the most", |w| band(w, Some(1_600)), PRO),
            ("more", |w| band(w, Some(1_601)), Err(Outcome::NoCandidates)),
            ("not known", |w| band(w, None), Err(Outcome::NoCandidates)),
            (
                "that of what it replaces is not known",
                |w| {
                    band(w, Some(1_200));
                    alter(w, "phone", |product| product.price = None);
                },
                Err(Outcome::NoCandidates),
            ),
        ],
    );
}

#[test]
fn an_upgrade_is_that_of_the_item_in_view_then_of_the_dearest() {
    fn tablet(world: &mut World, price: i64) {
        give(world, "tablet", product(price, "tablets"));
        give(world, "slate", product(price * 3 / 2, "tablets"));
        upgrade_of(world, "slate", "tablet");
        put(world, -1, "s", "tablet");
    }
    check(
        shop,
        put_phone,
        &[
            (
                "the one just added has one",
                |w| {
                    upgrade_of(w, "pro", "phone");
                    tablet(w, 900);
                },
                PRO,
            ),
            ("the one just added has none", |w| tablet(w, 100), Ok(&["slate upsell"])),
            (
                "the dearest of the others",
                |w| {
                    tablet(w, 900);
                    give(w, "lamp", product(1_000, "lamps"));
                    give(w, "sun", product(1_500, "lamps"));
                    upgrade_of(w, "sun", "lamp");
                    put(w, -1, "s", "lamp");
                },
                Ok(&["sun upsell"]),
            ),
            (
                "three are looked at",
                |w| {
                    tablet(w, 100);
                    give(w, "lamp", product(1_000, "lamps"));
                    put(w, -1, "s", "lamp");
                },
                Ok(&["slate upsell"]),
            ),
            (
                "the fourth is not",
                |w| {
                    tablet(w, 100);
                    for lamp in ["lamp", "lantern"] {
                        give(w, lamp, product(1_000, "lamps"));
                        put(w, -1, "s", lamp);
                    }
                },
                Err(Outcome::NoCandidates),
            ),
        ],
    );
}

#[test]
fn the_strongest_word_for_an_upgrade_comes_first_and_the_nearest_price_then() {
    fn others(world: &World) {
        for (item, price) in [("max", 1_100), ("ultra", 1_300), ("best", 1_000)] {
            give(world, item, product(price, "phones"));
        }
    }
    check(
        shop,
        put_phone,
        &[
            (
                "bought instead before said",
                |w| {
                    others(w);
                    passed_over(w, 2, "ultra");
                    upgrade_of(w, "max", "phone");
                },
                Ok(&["ultra upsell"]),
            ),
            (
                "most often bought instead first",
                |w| {
                    others(w);
                    passed_over(w, 3, "ultra");
                    passed_over(w, 2, "max");
                },
                Ok(&["ultra upsell"]),
            ),
            (
                "said before variants",
                |w| {
                    others(w);
                    upgrade_of(w, "ultra", "phone");
                    variant_of(w, "max", "phone");
                },
                Ok(&["ultra upsell"]),
            ),
            (
                "of those said, the nearest price",
                |w| {
                    others(w);
                    ["ultra", "max"].iter().for_each(|item| upgrade_of(w, item, "phone"));
                },
                Ok(&["max upsell"]),
            ),
            (
                "variants before what sells best",
                |w| {
                    others(w);
                    variant_of(w, "ultra", "phone");
                    w.baskets(30, &["max"]);
                },
                Ok(&["ultra upsell"]),
            ),
            (
                "what sells best first",
                |w| {
                    others(w);
                    w.baskets(20, &["best"]);
                    w.baskets(30, &["max"]);
                },
                Ok(&["max upsell"]),
            ),
            (
                "the next where a rule speaks against the first",
                |w| {
                    others(w);
                    passed_over(w, 2, "ultra");
                    upgrade_of(w, "max", "phone");
                    alter(w, "ultra", |product| product.in_stock = Some(false));
                },
                Ok(&["max upsell"]),
            ),
            (
                "the reason where none is left",
                |w| {
                    upgrade_of(w, "pro", "phone");
                    alter(w, "pro", |product| product.in_stock = Some(false));
                },
                Err(Outcome::OutOfStock),
            ),
            (
                "another variant of it is there already",
                |w| {
                    others(w);
                    ["pro", "max", "phone"].iter().for_each(|item| variant_of(w, item, "x"));
                    put(w, -1, "s", "max");
                },
                Err(Outcome::InBasket),
            ),
        ],
    );
}

#[test]
fn an_upgrade_says_what_it_replaces_and_stands_in_the_place_of_its_kind() {
    let mut world = shop();
    upgrade_of(&world, "pro", "phone");
    world.baskets(3, &["phone", "case"]);
    give(&world, "case", product(20, "cases"));
    for (kinds, expected) in [
        (vec![OfferKind::Upsell, OfferKind::CrossSell], ["pro upsell", "case"]),
        (vec![OfferKind::CrossSell, OfferKind::Upsell], ["case", "pro upsell"]),
    ] {
        cart(&mut world).kinds = kinds;
        let effects = put_phone(&mut world);
        assert_eq!(said(&effects).unwrap(), expected);
        let offer = json(&effects);
        let upgrade = offer["items"].as_array().unwrap().iter().find(|item| item["kind"] == "upsell").unwrap();
        assert_eq!((&upgrade["replaces"], &upgrade["evidence"]["with"]), (&"phone".into(), &"phone".into()));
        remove(&mut world, 1, "s", "phone");
    }
}

#[test]
fn there_is_one_upgrade_at_most_and_none_without_a_place() {
    check(
        shop,
        put_phone,
        &[
            (
                "two items that have one each",
                |w| {
                    upgrade_of(w, "pro", "phone");
                    give(w, "tv", product(900, "tvs"));
                    give(w, "cinema", product(1_000, "tvs"));
                    upgrade_of(w, "cinema", "tv");
                    put(w, -1, "s", "tv");
                },
                PRO,
            ),
            (
                "the pinned companion has the only place",
                |w| {
                    upgrade_of(w, "pro", "phone");
                    alter(w, "phone", |product| product.pinned = vec!["case".into()]);
                    cart(w).kinds = vec![OfferKind::Upsell, OfferKind::CrossSell];
                    cart(w).items_max = 1;
                },
                Ok(&["case"]),
            ),
        ],
    );
}

#[test]
fn after_a_purchase_the_upgrade_of_what_is_owned_is_offered() {
    let mut world = shop();
    let after = policy(&mut world, Placement::PostPurchase);
    (after.enabled, after.kinds) = (true, vec![OfferKind::Upsell]);
    upgrade_of(&world, "pro", "phone");
    assert_eq!(said(&buy(&mut world, 0, "s", &["phone"])).unwrap(), ["pro upsell"]);
    assert_eq!(said(&buy(&mut world, 0, "t", &["phone", "pro"])), Err(Outcome::InBasket));
}
