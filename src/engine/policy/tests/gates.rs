//! Whether a shopper gets an offer here and now.

use super::*;
use crate::engine::settings::DurationMs;

pub(super) const ALL: Said<'_> = Ok(&["case", "film", "charger"]);

/// The phone's shop, which has a TV with its cable, too, to see other offers of.
pub(super) fn shop() -> World {
    let mut world = phone_shop();
    world.baskets(5, &["tv", "cable"]);
    world
}

#[test]
fn an_offer_is_made_on_the_channels_and_to_the_segments_of_its_placement() {
    check(
        shop,
        put_phone,
        &[
            ("nothing is asked", |_| {}, ALL),
            (
                "the channel is one of those allowed",
                |w| {
                    cart(w).channels = vec!["mail".into(), "app".into()];
                    tell(w, -1, "s", r#""channel":"app""#);
                },
                ALL,
            ),
            (
                "the channel is another",
                |w| {
                    cart(w).channels = vec!["mail".into(), "app".into()];
                    tell(w, -1, "s", r#""channel":"web""#);
                },
                Err(Outcome::ChannelOff),
            ),
            ("no channel is told", |w| cart(w).channels = vec!["app".into()], Err(Outcome::ChannelOff)),
            ("no channel is told, which is another one", |w| cart(w).channels = vec!["other".into()], ALL),
            ("nobody known is new", |w| cart(w).segments = vec!["new".into()], ALL),
            ("new is not loyal", |w| cart(w).segments = vec!["loyal".into(), "lapsed".into()], Err(Outcome::SegmentOff)),
            (
                "the shop's own segment",
                |w| {
                    cart(w).segments = vec!["vip".into()];
                    tell(w, -1, "s", r#""segment":"vip""#);
                },
                ALL,
            ),
            (
                "the shop's own segment wins",
                |w| {
                    cart(w).segments = vec!["new".into()];
                    tell(w, -1, "s", r#""segment":"vip""#);
                },
                Err(Outcome::SegmentOff),
            ),
            (
                "who bought once comes back",
                |w| {
                    cart(w).segments = vec!["returning".into()];
                    buy_as(w, -10 * DAY_MS, "u", &["tv"]);
                    tell(w, -1, "s", r#""customer_id":"u""#);
                },
                ALL,
            ),
            (
                "who bought long ago has lapsed",
                |w| {
                    cart(w).segments = vec!["lapsed".into()];
                    buy_as(w, -180 * DAY_MS - 1, "u", &["tv"]);
                    tell(w, -1, "s", r#""customer_id":"u""#);
                },
                ALL,
            ),
        ],
    );
}

#[test]
fn where_the_shopper_must_have_decided_a_page_alone_is_not_enough() {
    fn page_shop() -> World {
        let mut world = shop();
        let page = policy(&mut world, Placement::ProductPage);
        (page.enabled, page.after_decision) = (true, true);
        world
    }
    check(
        page_shop,
        |w| view(w, 0, "s", "phone"),
        &[
            ("a first look", |_| {}, Err(Outcome::NotDecided)),
            ("it need not be", |w| policy(w, Placement::ProductPage).after_decision = false, ALL),
            (
                "a second look",
                |w| {
                    view(w, -1, "s", "phone");
                },
                Err(Outcome::NotDecided),
            ),
            (
                "something is in the basket",
                |w| {
                    put(w, -1, "s", "tv");
                },
                Ok(&["case", "film", "cable"]),
            ),
            (
                "it was taken out again",
                |w| {
                    put(w, -2, "s", "tv");
                    remove(w, -1, "s", "tv");
                },
                Err(Outcome::NotDecided),
            ),
            (
                "something was bought",
                |w| {
                    buy(w, -1, "s", &["tv"]);
                },
                ALL,
            ),
            (
                "something was bought in the visit before",
                |w| {
                    buy(w, -DAY_MS - 1, "s", &["tv"]);
                },
                Err(Outcome::NotDecided),
            ),
        ],
    );
}

#[test]
fn an_offer_that_would_have_expired_is_none() {
    for (late_ms, expected) in [(1_000, Ok(())), (1_001, Err(Outcome::TooLate))] {
        let mut world = shop();
        cart(&mut world).expires_after = DurationMs(1_000);
        put(&mut world, late_ms, "t", "radio");
        assert_eq!(said(&put_phone(&mut world)).map(|_| ()), expected, "{late_ms} ms late");
    }
}
