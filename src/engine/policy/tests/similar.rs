//! Diversity: what may stand beside what in one offer.

use super::fallback::check_steps;
use super::*;

#[test]
fn no_offer_has_three_near_identical_items_nor_two_variants() {
    fn cases(world: &mut World, facts: [(i64, &str, &str); 3]) {
        for (item, (price, category, brand)) in ["a", "b", "c"].into_iter().zip(facts) {
            give(world, item, Product { brand: Some(brand.into()), ..product(price, category) });
            world.baskets(2, &["phone", item]);
        }
    }
    const TWO: &[(&str, &str)] = &[("a", "pair"), ("b", "pair")];
    const THREE: &[(&str, &str)] = &[("a", "pair"), ("b", "pair"), ("c", "pair")];
    check_steps(&[
        ("of one category, brand and price", |w| cases(w, [(20, "x", "y"), (20, "x", "y"), (20, "x", "y")]), TWO),
        ("a quarter dearer", |w| cases(w, [(20, "x", "y"), (20, "x", "y"), (25, "x", "y")]), TWO),
        ("more than a quarter dearer", |w| cases(w, [(20, "x", "y"), (20, "x", "y"), (26, "x", "y")]), THREE),
        ("a quarter cheaper", |w| cases(w, [(25, "x", "y"), (25, "x", "y"), (20, "x", "y")]), TWO),
        ("more than a quarter cheaper", |w| cases(w, [(25, "x", "y"), (25, "x", "y"), (19, "x", "y")]), THREE),
        ("of another category", |w| cases(w, [(20, "x", "y"), (20, "x", "y"), (20, "z", "y")]), THREE),
        ("of another brand", |w| cases(w, [(20, "x", "y"), (20, "x", "y"), (20, "x", "z")]), THREE),
        (
            "three may be, where the setting says so",
            |w| {
                cases(w, [(20, "x", "y"), (20, "x", "y"), (20, "x", "y")]);
                w.settings.rules.similar_max = 3;
            },
            THREE,
        ),
        (
            "one may be, where the setting says so",
            |w| {
                cases(w, [(20, "x", "y"), (20, "x", "y"), (20, "x", "y")]);
                w.settings.rules.similar_max = 1;
            },
            &[("a", "pair")],
        ),
        (
            "variants of one item",
            |w| {
                cases(w, [(20, "x", "y"), (90, "x", "y"), (300, "x", "y")]);
                alter(w, "b", |product| product.variant_of = Some("a".into()));
                alter(w, "c", |product| product.variant_of = Some("a".into()));
            },
            &[("a", "pair")],
        ),
        (
            "two that keep away from each other",
            |w| {
                cases(w, [(20, "x", "y"), (90, "x", "y"), (300, "x", "y")]);
                alter(w, "c", |product| product.excluded = vec!["a".into()]);
            },
            TWO,
        ),
        (
            "one that keeps the other away",
            |w| {
                cases(w, [(20, "x", "y"), (90, "x", "y"), (300, "x", "y")]);
                alter(w, "a", |product| product.excluded = vec!["b".into()]);
            },
            &[("a", "pair"), ("c", "pair")],
        ),
    ]);
    let mut world = pinned_shop();
    world.settings.rules.similar_max = 1;
    world.settings.rules.pinned = vec!["case".into(), "cover".into()];
    give(&world, "cover", product(20, "cases"));
    let effects = put_phone(&mut world);
    assert_eq!((said(&effects).unwrap(), effects.dropped), (vec!["case".to_owned()], vec![("cover".into(), Outcome::TooSimilar)]));
}
