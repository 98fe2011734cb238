//! Caps: so many offers seen, and then no more.

use super::gates::{ALL, shop};
use super::*;
use crate::engine::settings::{AttributionTrigger, Zone};
use crate::engine::test_support::HOUR_MS;

/// The shopper is offered a cable, and `kind` comes back.
fn cable(world: &mut World, at_ms: i64, session: &str, kind: &str) {
    let offer = put(world, at_ms, session, "tv");
    if !kind.is_empty() {
        respond(world, kind, at_ms, session, &offer);
    }
    remove(world, at_ms, session, "tv");
}

#[test]
fn what_was_shown_counts_against_each_cap_and_one_less_does_not_reach_it() {
    check(
        shop,
        put_phone,
        &[
            (
                "one offer seen of two",
                |w| {
                    w.settings.rules.session_max = 2;
                    cable(w, -2, "s", "offer_shown");
                },
                ALL,
            ),
            (
                "two offers seen of two",
                |w| {
                    w.settings.rules.session_max = 2;
                    cable(w, -2, "s", "offer_shown");
                    cable(w, -1, "s", "offer_shown");
                },
                Err(Outcome::SessionCap),
            ),
            (
                "an offer that was opened was seen",
                |w| {
                    w.settings.rules.session_max = 1;
                    cable(w, -1, "s", "offer_clicked");
                },
                Err(Outcome::SessionCap),
            ),
            (
                "an offer that nobody saw",
                |w| {
                    w.settings.rules.session_max = 1;
                    cable(w, -1, "s", "");
                },
                ALL,
            ),
            (
                "no feedback comes, so that what is sent counts",
                |w| {
                    w.settings.rules.session_max = 1;
                    w.settings.attribution.trigger = AttributionTrigger::Emitted;
                    cable(w, -1, "s", "");
                },
                Err(Outcome::SessionCap),
            ),
            (
                "seen in the visit before",
                |w| {
                    w.settings.rules.session_max = 1;
                    cable(w, -DAY_MS - 1, "s", "offer_shown");
                },
                ALL,
            ),
            (
                "seen just in this visit",
                |w| {
                    w.settings.rules.session_max = 1;
                    cable(w, -DAY_MS, "s", "offer_shown");
                },
                Err(Outcome::SessionCap),
            ),
            (
                "seen by another",
                |w| {
                    w.settings.rules.session_max = 1;
                    cable(w, -1, "t", "offer_shown");
                },
                ALL,
            ),
            (
                "no cap",
                |w| {
                    w.settings.rules.session_max = 0;
                    cart(w).session_max = 0;
                    cable(w, -1, "s", "offer_shown");
                },
                ALL,
            ),
            (
                "one seen here of two",
                |w| {
                    cart(w).session_max = 2;
                    cable(w, -1, "s", "offer_shown");
                },
                ALL,
            ),
            (
                "one seen here of one",
                |w| {
                    cart(w).session_max = 1;
                    cable(w, -1, "s", "offer_shown");
                },
                Err(Outcome::PlacementCap),
            ),
            (
                "one seen elsewhere of one",
                |w| {
                    cart(w).session_max = 1;
                    put(w, -2, "s", "tv");
                    let offer = w.take(&event("checkout", -2, "s", ""));
                    respond(w, "offer_shown", -2, "s", &offer);
                    remove(w, -1, "s", "tv");
                },
                ALL,
            ),
            (
                "the session's cap is asked before the placement's",
                |w| {
                    w.settings.rules.session_max = 1;
                    cart(w).session_max = 1;
                    cable(w, -1, "s", "offer_shown");
                },
                Err(Outcome::SessionCap),
            ),
        ],
    );
}

#[test]
fn who_sends_offers_away_often_enough_is_left_alone() {
    fn dismissals_max(world: &mut World, most: u32, times: i64) {
        world.settings.rules.dismissals_max = most;
        for n in 0..times {
            world.baskets(5, &[&format!("tv{n}"), &format!("cable{n}")]);
            let offer = put(world, n - 10, "s", &format!("tv{n}"));
            respond(world, "offer_dismissed", n - 10, "s", &offer);
            respond(world, "offer_dismissed", n - 10, "s", &offer);
            remove(world, n - 10, "s", &format!("tv{n}"));
        }
    }
    check(
        shop,
        put_phone,
        &[
            ("one of three", |w| dismissals_max(w, 3, 1), ALL),
            ("two of three", |w| dismissals_max(w, 3, 2), ALL),
            ("three of three", |w| dismissals_max(w, 3, 3), Err(Outcome::LeftAlone)),
            ("never left alone", |w| dismissals_max(w, 0, 4), ALL),
            (
                "left alone in the visit before",
                |w| {
                    w.settings.rules.dismissals_max = 1;
                    cable(w, -DAY_MS - 1, "s", "offer_dismissed");
                },
                ALL,
            ),
        ],
    );
}

#[test]
fn a_customer_sees_so_many_offers_a_day_across_sessions() {
    fn seen(world: &mut World, session: &str, customer: &str) {
        tell(world, 1, session, &format!(r#""customer_id":"{customer}""#));
        cable(world, 2, session, "offer_shown");
        tell(world, 3, "s", r#""customer_id":"u""#);
    }
    check(
        shop,
        |w| put(w, 10, "s", "phone"),
        &[
            (
                "one of two",
                |w| {
                    w.settings.rules.customer_day_max = 2;
                    seen(w, "a", "u");
                },
                ALL,
            ),
            (
                "two of two",
                |w| {
                    w.settings.rules.customer_day_max = 2;
                    seen(w, "a", "u");
                    seen(w, "b", "u");
                },
                Err(Outcome::CustomerCap),
            ),
            (
                "another's",
                |w| {
                    w.settings.rules.customer_day_max = 1;
                    seen(w, "a", "v");
                },
                ALL,
            ),
            (
                "no cap",
                |w| {
                    w.settings.rules.customer_day_max = 0;
                    cart(w).customer_day_max = 0;
                    seen(w, "a", "u");
                },
                ALL,
            ),
            (
                "of this placement, where the whole day has no cap",
                |w| {
                    w.settings.rules.customer_day_max = 0;
                    cart(w).customer_day_max = 1;
                    seen(w, "a", "u");
                },
                Err(Outcome::CustomerCap),
            ),
            (
                "of the whole day, where this placement has no cap",
                |w| {
                    w.settings.rules.customer_day_max = 1;
                    cart(w).customer_day_max = 0;
                    seen(w, "a", "u");
                },
                Err(Outcome::CustomerCap),
            ),
            (
                "of this placement, one of two, where the whole day has no cap",
                |w| {
                    w.settings.rules.customer_day_max = 0;
                    cart(w).customer_day_max = 2;
                    seen(w, "a", "u");
                },
                ALL,
            ),
            (
                "of this placement, one of two",
                |w| {
                    cart(w).customer_day_max = 2;
                    seen(w, "a", "u");
                },
                ALL,
            ),
            (
                "of another placement",
                |w| {
                    cart(w).customer_day_max = 1;
                    tell(w, 1, "a", r#""customer_id":"u""#);
                    put(w, 1, "a", "tv");
                    let offer = w.take(&event("checkout", -4, "a", ""));
                    respond(w, "offer_shown", -4, "a", &offer);
                    tell(w, 3, "s", r#""customer_id":"u""#);
                },
                ALL,
            ),
            (
                "nobody known has no day",
                |w| {
                    w.settings.rules.customer_day_max = 1;
                    cable(w, 2, "a", "offer_shown");
                },
                ALL,
            ),
        ],
    );
}

#[test]
fn the_customers_day_ends_at_midnight_of_the_shop() {
    // The tests' first midnight in Tashkent is 19 hours after that of UTC.
    let midnight = 19 * HOUR_MS;
    for (zone, at_ms, expected) in [
        ("Asia/Tashkent", midnight - 1, Err(Outcome::CustomerCap)),
        ("Asia/Tashkent", midnight, Ok(())),
        ("UTC", midnight, Err(Outcome::CustomerCap)),
        ("UTC", 24 * HOUR_MS, Ok(())),
    ] {
        let mut world = shop();
        world.settings.time_zone = Zone(jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap());
        world.settings.rules.customer_day_max = 1;
        for session in ["a", "s"] {
            tell(&mut world, 18 * HOUR_MS, session, r#""customer_id":"u""#);
        }
        cable(&mut world, 18 * HOUR_MS, "a", "offer_shown");
        let effects = put(&mut world, at_ms, "s", "phone");
        assert_eq!(said(&effects).map(|_| ()), expected, "{zone} {at_ms}");
    }
}
