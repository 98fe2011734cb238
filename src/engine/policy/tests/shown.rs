//! Evidence of few baskets: an offer stands on coarser evidence, or is not made; no count of them is shown.

use super::fallback::check_steps;
use super::*;

#[test]
fn evidence_of_fewer_baskets_than_may_be_shown_gives_way_to_coarser_or_to_none() {
    check_steps(&[
        ("as many baskets as may be shown", |w| few(w, 3, 3), &[("film", "pair")]),
        ("one fewer", |w| few(w, 3, 2), &[("too_little_evidence", "")]),
        ("enough for the policy alone", |w| few(w, 9, 8), &[("too_little_evidence", "")]),
        ("1 shows all that the policy takes", |w| few(w, 1, 2), &[("film", "pair")]),
        (
            "one fewer, of an item that is popular",
            |w| {
                few(w, 3, 2);
                w.baskets(20, &["film"]);
            },
            &[("film", "popular")],
        ),
        (
            "popular, of fewer than may be shown",
            |w| {
                few(w, 30, 2);
                w.baskets(20, &["film"]);
            },
            &[("too_little_evidence", "")],
        ),
        (
            "pairs of categories",
            |w| {
                few(w, 3, 0);
                for (item, category) in [("old", "phones"), ("case", "cases")] {
                    give(w, item, product(20, category));
                }
                w.baskets(2, &["old", "case"]);
            },
            &[("too_little_evidence", "")],
        ),
    ]);
}

/// Evidence of fewer than `least` is not shown, and a film was bought with a phone so often.
fn few(world: &mut World, least: u32, times: usize) {
    world.settings.evidence_baskets_min = least;
    world.baskets(times, &["phone", "film"]);
}

#[test]
fn what_the_shop_pins_is_offered_without_a_count_of_few() {
    for (least, times, together) in [(2, 1, 0), (1, 1, 1), (2, 2, 2), (5, 4, 0)] {
        let mut world = World::new();
        world.settings.evidence_baskets_min = least;
        world.settings.rules.pinned = vec!["film".into()];
        give(&world, "phone", product(800, "phones"));
        world.baskets(times, &["film"]);
        let offer = json(&world.take(&event("cart_add", 9 * DAY_MS, "s", r#""item_id":"phone""#)));
        let item = &offer["items"][0];
        assert_eq!((&item["item_id"], &item["evidence"]["step"]), (&"film".into(), &"pinned".into()), "{offer}");
        assert_eq!(item["evidence"]["together"], together, "{least} of {times}");
    }
}
