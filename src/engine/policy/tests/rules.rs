//! What every offered item keeps to: a case is all there is to offer beside a phone, until a rule speaks against it.

use super::*;
use crate::engine::settings::DurationMs;

const CASE: Said<'_> = Ok(&["case"]);

#[test]
fn what_is_there_or_was_just_bought_is_not_offered() {
    check(
        pinned_shop,
        put_phone,
        &[
            ("nothing speaks against it", |_| {}, CASE),
            (
                "it is in the basket",
                |w| {
                    put(w, -1, "s", "case");
                },
                Err(Outcome::InBasket),
            ),
            (
                "it is in another's basket",
                |w| {
                    put(w, -1, "t", "case");
                },
                CASE,
            ),
            (
                "it was bought in this visit",
                |w| {
                    buy(w, -DAY_MS, "s", &["case"]);
                },
                Err(Outcome::JustBought),
            ),
            (
                "it was bought in the visit before",
                |w| {
                    buy(w, -DAY_MS - 1, "s", &["case"]);
                },
                CASE,
            ),
            (
                "what was bought was cancelled",
                |w| {
                    buy(w, -2, "s", &["case"]);
                    w.take(&event("order_cancelled", -1, "s", r#""order_id":"s-2""#));
                },
                CASE,
            ),
        ],
    );
}

#[test]
fn what_cannot_be_bought_or_is_excluded_is_not_offered() {
    check(
        pinned_shop,
        put_phone,
        &[
            ("it is out of stock", |w| alter(w, "case", |p| p.in_stock = Some(false)), Err(Outcome::OutOfStock)),
            ("none is left", |w| alter(w, "case", |p| p.stock = Some(0)), Err(Outcome::OutOfStock)),
            ("one is left", |w| alter(w, "case", |p| (p.stock, p.in_stock) = (Some(1), Some(true))), CASE),
            ("the shop excludes it", |w| w.settings.rules.excluded_items = vec!["x".into(), "case".into()], Err(Outcome::Excluded)),
            ("the shop excludes another", |w| w.settings.rules.excluded_items = vec!["x".into()], CASE),
            ("the shop excludes its category", |w| w.settings.rules.excluded_categories = vec!["cases".into()], Err(Outcome::Excluded)),
            ("the shop excludes another category", |w| w.settings.rules.excluded_categories = vec!["phones".into()], CASE),
            ("what is there keeps it away", |w| alter(w, "phone", |p| p.excluded = vec!["case".into()]), Err(Outcome::Excluded)),
            ("it keeps away from what is there", |w| alter(w, "case", |p| p.excluded = vec!["phone".into()]), Err(Outcome::Excluded)),
            (
                "each keeps away from others",
                |w| {
                    alter(w, "phone", |p| p.excluded = vec!["x".into()]);
                    alter(w, "case", |p| p.excluded = vec!["x".into()]);
                },
                CASE,
            ),
        ],
    );
}

#[test]
fn a_variant_of_what_is_there_is_not_offered() {
    fn variant(world: &World, item: &str, of: &str) {
        alter(world, item, |product| product.variant_of = Some(of.into()));
    }
    check(
        pinned_shop,
        put_phone,
        &[
            ("a variant of what is there", |w| variant(w, "case", "phone"), Err(Outcome::VariantThere)),
            ("what is there is a variant of it", |w| variant(w, "phone", "case"), Err(Outcome::VariantThere)),
            (
                "both are variants of one that is not there",
                |w| {
                    variant(w, "phone", "x");
                    variant(w, "case", "x");
                },
                Err(Outcome::VariantThere),
            ),
            (
                "variants of different ones",
                |w| {
                    variant(w, "phone", "x");
                    variant(w, "case", "y");
                },
                CASE,
            ),
        ],
    );
}

#[test]
fn a_better_or_worse_one_of_what_is_there_is_no_companion() {
    fn better(world: &World, item: &str, than: &str) {
        alter(world, item, |product| product.upgrade_of = Some(than.into()));
    }
    check(
        pinned_shop,
        put_phone,
        &[
            ("what is there is better than it", |w| better(w, "phone", "case"), Err(Outcome::VariantThere)),
            ("it is better than what is there", |w| better(w, "case", "phone"), Err(Outcome::VariantThere)),
            (
                "two steps lie between them",
                |w| {
                    give(w, "x", product(500, "phones"));
                    better(w, "phone", "x");
                    better(w, "x", "case");
                },
                Err(Outcome::VariantThere),
            ),
            ("what is there is better than another one", |w| better(w, "phone", "x"), CASE),
        ],
    );
}

#[test]
fn what_was_sent_away_or_put_back_rests() {
    fn dismissed(world: &mut World, at_ms: i64, session: &str) {
        let offer = put(world, at_ms, session, "tv");
        respond(world, "offer_dismissed", at_ms, session, &offer);
        remove(world, at_ms, session, "tv");
    }
    fn dismissed_by(world: &mut World, at_ms: i64, customer: &str) {
        world.settings.rules.item_rest = DurationMs::days(30);
        tell(world, at_ms, "before", &format!(r#""customer_id":"{customer}""#));
        dismissed(world, at_ms, "before");
        tell(world, -1, "s", r#""customer_id":"u""#);
    }
    check(
        pinned_shop,
        put_phone,
        &[
            ("sent away in this visit", |w| dismissed(w, -1, "s"), Err(Outcome::Resting)),
            ("sent away by another", |w| dismissed(w, -1, "t"), CASE),
            ("sent away by nobody known in the visit before", |w| dismissed(w, -DAY_MS - 1, "s"), CASE),
            ("sent away by the customer just within the rest", |w| dismissed_by(w, -30 * DAY_MS + 1, "u"), Err(Outcome::Resting)),
            ("sent away by the customer, the rest over", |w| dismissed_by(w, -30 * DAY_MS, "u"), CASE),
            ("sent away by another customer", |w| dismissed_by(w, -1, "v"), CASE),
            (
                "taken out of the basket",
                |w| {
                    put(w, -2, "s", "case");
                    remove(w, -1, "s", "case");
                },
                Err(Outcome::Resting),
            ),
            (
                "one item of the offer sent away, another one",
                |w| {
                    w.settings.rules.pinned = vec!["film".into(), "case".into()];
                    let offer = put(w, -2, "s", "tv").offer.unwrap();
                    w.take(&event("offer_dismissed", -1, "s", &format!(r#""offer_id":"{}","item_id":"film""#, offer.offer_id)));
                    remove(w, -1, "s", "tv");
                },
                CASE,
            ),
        ],
    );
}

#[test]
fn what_was_shown_is_not_shown_twice_in_a_row_nor_too_often() {
    fn shown(world: &mut World, at_ms: i64, kind: &str) {
        let offer = put(world, at_ms, "s", "tv");
        if !kind.is_empty() {
            respond(world, kind, at_ms, "s", &offer);
        }
        remove(world, at_ms, "s", "tv");
    }
    check(
        pinned_shop,
        put_phone,
        &[
            (
                "shown in the offer before",
                |w| {
                    w.settings.rules.repeat_shown = false;
                    shown(w, -1, "offer_shown");
                },
                Err(Outcome::JustShown),
            ),
            ("shown in the offer before, which may be", |w| shown(w, -1, "offer_shown"), CASE),
            (
                "offered before, not shown",
                |w| {
                    w.settings.rules.repeat_shown = false;
                    shown(w, -1, "");
                },
                CASE,
            ),
            (
                "shown in the offer before the last",
                |w| {
                    w.settings.rules.repeat_shown = false;
                    shown(w, -2, "offer_shown");
                    w.settings.rules.pinned = vec!["film".into()];
                    shown(w, -1, "offer_shown");
                    w.settings.rules.pinned = vec!["case".into()];
                },
                CASE,
            ),
            (
                "shown twice of two times",
                |w| {
                    w.settings.rules.item_session_max = 2;
                    shown(w, -2, "offer_shown");
                    shown(w, -1, "offer_clicked");
                },
                Err(Outcome::SeenTooOften),
            ),
            (
                "shown once of two times",
                |w| {
                    w.settings.rules.item_session_max = 2;
                    shown(w, -2, "offer_shown");
                    shown(w, -1, "");
                },
                CASE,
            ),
            (
                "shown as often as may be",
                |w| {
                    w.settings.rules.item_session_max = 0;
                    (1..9).for_each(|n| shown(w, n - 10, "offer_shown"));
                    cart(w).session_max = 0;
                },
                CASE,
            ),
            (
                "another item was shown too often",
                |w| {
                    w.settings.rules.item_session_max = 1;
                    w.settings.rules.pinned = vec!["film".into()];
                    shown(w, -1, "offer_shown");
                    w.settings.rules.pinned = vec!["case".into()];
                },
                CASE,
            ),
        ],
    );
}

#[test]
fn a_companion_is_no_dearer_than_the_dearest_it_goes_with() {
    fn ratio(world: &mut World, ratio: f64, price: i64) {
        world.settings.rules.companion_price_ratio_max = ratio;
        alter(world, "case", |product| product.price = Some(money(price)));
    }
    check(
        pinned_shop,
        put_phone,
        &[
            ("as dear", |w| ratio(w, 1.0, 800), CASE),
            ("dearer", |w| ratio(w, 1.0, 801), Err(Outcome::TooDear)),
            ("half as dear", |w| ratio(w, 0.5, 400), CASE),
            ("more than half as dear", |w| ratio(w, 0.5, 401), Err(Outcome::TooDear)),
            ("no rule", |w| ratio(w, 0.0, 9_000), CASE),
            (
                "the dearest of the basket is not the newest",
                |w| {
                    ratio(w, 1.0, 900);
                    give(w, "tv", product(900, "tvs"));
                    put(w, -1, "s", "tv");
                },
                CASE,
            ),
            ("its price is not known", |w| alter(w, "case", |product| product.price = None), CASE),
            (
                "the price beside it is not known",
                |w| {
                    ratio(w, 1.0, 9_000);
                    alter(w, "phone", |product| product.price = None);
                },
                CASE,
            ),
            (
                "a price in another currency is not known",
                |w| alter(w, "case", |p| (p.price, p.currency) = (Some(money(9_000)), Some(crate::event::Currency::parse("EUR").unwrap()))),
                CASE,
            ),
        ],
    );
}

#[test]
fn an_add_on_is_a_small_share_of_the_basket() {
    fn add_ons(world: &mut World, price: Option<i64>) {
        cart(world).kinds = vec![OfferKind::AddOn];
        world.settings.rules.add_on_share_max = 0.25;
        alter(world, "case", |product| product.price = price.map(money));
    }
    const SMALL: Said<'_> = Ok(&["case add_on"]);
    check(
        pinned_shop,
        put_phone,
        &[
            ("a quarter", |w| add_ons(w, Some(200)), SMALL),
            ("more than a quarter", |w| add_ons(w, Some(201)), Err(Outcome::NotSmall)),
            ("nobody knows", |w| add_ons(w, None), Err(Outcome::NotSmall)),
            (
                "a quarter of what is there in all",
                |w| {
                    add_ons(w, Some(300));
                    give(w, "tv", product(400, "tvs"));
                    put(w, -1, "s", "tv");
                },
                SMALL,
            ),
            (
                "a quarter of two units",
                |w| {
                    add_ons(w, Some(400));
                    put(w, -1, "s", "phone");
                },
                SMALL,
            ),
            (
                "where it may be either, the first kind that fits is taken",
                |w| {
                    add_ons(w, Some(200));
                    cart(w).kinds = vec![OfferKind::AddOn, OfferKind::CrossSell];
                },
                SMALL,
            ),
            (
                "where it may be either and is not small, it is a companion",
                |w| {
                    add_ons(w, Some(201));
                    cart(w).kinds = vec![OfferKind::AddOn, OfferKind::CrossSell];
                },
                CASE,
            ),
            (
                "where it may be neither, the last kind says why",
                |w| {
                    add_ons(w, Some(801));
                    cart(w).kinds = vec![OfferKind::AddOn, OfferKind::CrossSell];
                },
                Err(Outcome::TooDear),
            ),
        ],
    );
}

#[test]
fn an_order_whose_prices_nobody_told_makes_nothing_too_dear() {
    for (price, expected) in [(Some(800), Err(Outcome::TooDear)), (None, Ok(vec!["case".to_owned()]))] {
        let mut world = pinned_shop();
        policy(&mut world, Placement::PostPurchase).enabled = true;
        alter(&world, "phone", |product| product.price = price.map(money));
        alter(&world, "case", |product| product.price = Some(money(900)));
        assert_eq!(said(&buy(&mut world, 0, "s", &["phone"])), expected, "{price:?}");
    }
}
