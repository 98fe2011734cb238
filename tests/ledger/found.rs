//! Histories in which the two ledgers once differed, as small as they get.

use super::history::Event;
use super::slow::Rules;
use super::world::Taught;
use super::{EXPIRES_MS, RULES, ledgers, told};

const CASE: &str = r#""item_id":"case","customer_id":"kim""#;
const PHONE: &str = r#""item_id":"phone","customer_id":"kim""#;
const KIM: &str = r#""customer_id":"kim""#;

/// An event: minute, session, type, fields, and the offer it names by the place of its cause.
type Told<'a> = (i64, usize, &'static str, &'a str, Option<(usize, Option<usize>)>);

fn order(id: &str, fields: &str) -> String {
    format!(r#""order_id":"{id}",{fields}"#)
}

/// Both ledgers of a history have these figures.
fn both_have(rules: &Rules, history: &[Told<'_>], figures: &[(&str, i128)]) {
    let told_by_hand =
        |(tag, (minute, session, kind, fields, named)): (usize, &Told<'_>)| Event::told(tag, *minute, *session, kind, fields, *named);
    let history: Vec<Event> = history.iter().enumerate().map(told_by_hand).collect();
    let (played, slow) = ledgers(&Taught::new(rules, EXPIRES_MS), rules, &history);
    assert_eq!(played.figures, slow, "{}", told("the history", &played, &slow));
    for (name, figure) in figures {
        assert_eq!(slow.get(*name), Some(figure), "{name}: {}", told("the history", &played, &slow));
    }
}

#[test]
fn an_order_that_turns_out_to_be_older_earned_in_the_hour_it_was_placed_in() {
    let (late, early) = (order("o", CASE), order("o", r#""item_id":"cover""#));
    let history: [Told<'_>; 4] = [
        (0, 0, "product_viewed", PHONE, None),
        (1, 0, "offer_shown", "", Some((0, None))),
        (31, 0, "purchase", &late, None),
        // 14:59 in Kolkata; the one before is of 15:01.
        (29, 0, "purchase", &early, None),
    ];
    both_have(&RULES, &history, &[("extra by hour product_page 1/14 USD", 29_990_000)]);
}

#[test]
fn the_rest_of_an_order_is_counted_as_what_the_newest_offer_turns_out_to_have_of_it() {
    let rules = Rules { whole_order: true, ..RULES };
    let (first, second) = (order("o", r#""items":[{"item_id":"gum"},{"item_id":"case"}]"#), order("o", r#""item_id":"phone-plus""#));
    let history: [Told<'_>; 5] = [
        (0, 0, "product_viewed", PHONE, None),
        (1, 0, "offer_shown", "", Some((0, None))),
        (2, 0, "purchase", &first, None),
        (2, 0, "purchase", &second, None),
        (3, 0, "refund", r#""order_id":"o","items":[{"item_id":"gum"}]"#, None),
    ];
    let expected = [("extra product_page upsell USD", 400_700_000), ("extra refunded product_page upsell USD", 700_000)];
    both_have(&rules, &history, &expected);
}

#[test]
fn what_is_heard_to_be_shown_after_it_was_bought_is_taken_and_not_credited_in_the_next_visit() {
    let (one, two) = (order("o", CASE), order("p", CASE));
    let history: [Told<'_>; 4] = [
        (0, 0, "product_viewed", PHONE, None),
        (5, 0, "purchase", &one, None),
        (3, 0, "offer_shown", KIM, Some((0, None))),
        (20, 1, "purchase", &two, None),
    ];
    both_have(&RULES, &history, &[("items accepted product_page cross_sell other", 1), ("extra product_page cross_sell USD", 20_000_000)]);
}

#[test]
fn what_turns_out_to_be_another_offers_doing_can_be_accepted_in_the_next_visit() {
    let bought = order("o", CASE);
    let history: [Told<'_>; 6] = [
        (0, 0, "product_viewed", PHONE, None),
        (1, 0, "offer_shown", KIM, Some((0, None))),
        (2, 0, "cart_add", PHONE, None),
        (4, 0, "cart_add", CASE, None),
        // The case was the later offer's doing: the earlier one is open again.
        (3, 0, "offer_shown", KIM, Some((2, None))),
        (20, 1, "purchase", &bought, None),
    ];
    let expected = [("items accepted cart cross_sell other", 1), ("items accepted product_page cross_sell other", 1)];
    both_have(&RULES, &history, &expected);
}

#[test]
fn an_offer_of_the_same_visit_hides_none_of_another() {
    let bought = order("o", r#""item_id":"case","quantity":"2.500","customer_id":"kim""#);
    let history: [Told<'_>; 6] = [
        (0, 0, "product_viewed", PHONE, None),
        (1, 0, "offer_shown", KIM, Some((0, None))),
        (10, 1, "cart_add", PHONE, None),
        (12, 1, "cart_add", r#""item_id":"case","quantity":"0.500","customer_id":"kim""#, None),
        (13, 1, "offer_shown", KIM, Some((2, None))),
        (20, 1, "purchase", &bought, None),
    ];
    let expected = [("extra product_page cross_sell USD", 10_000_000), ("extra cart cross_sell USD", 40_000_000)];
    both_have(&RULES, &history, &expected);
}

#[test]
fn an_offer_that_is_made_late_has_what_came_after_it() {
    let rules = Rules { trigger: "emitted", ..RULES };
    let bought = order("o", PHONE);
    let history: [Told<'_>; 3] = [
        (0, 0, "cart_add", PHONE, None),
        (10, 0, "cart_add", CASE, None),
        // Heard late, it brings an offer that is older than the add.
        (8, 0, "purchase", &bought, None),
    ];
    both_have(&rules, &history, &[("items accepted post_purchase cross_sell other", 1)]);
}
