use std::sync::Arc;

use super::*;
use crate::engine::facts::{CombinationStep, Fact};
use crate::engine::vocabulary::OfferKind;
use crate::event::ProductFacts;

const UZS: &str = "UZS";

fn settings() -> Settings {
    Settings { currency: Currency::parse(UZS).unwrap(), ..Settings::default() }
}

fn shop(settings: &Settings, totals: &[(TotalKey, i128)]) -> Arc<Shop> {
    let shop = Arc::new(Shop::new(&settings.limits));
    totals.iter().for_each(|(key, sum)| shop.fold(&Fact::Total(key.clone(), *sum)));
    shop
}

fn items(step: ItemStep, count: i128) -> (TotalKey, i128) {
    (TotalKey::OfferItems { step, placement: Placement::Cart, kind: OfferKind::CrossSell, channel: "web".into() }, count)
}

fn at_ten(step: ItemStep, count: i128) -> (TotalKey, i128) {
    (TotalKey::ItemsByHour { step, placement: Placement::Cart, weekday: 3, hour: 10 }, count)
}

/// Ten orders for 250, 5 of them with a case for 50, one of which came back.
fn totals() -> Vec<(TotalKey, i128)> {
    let (own, placement, kind) = (settings().currency, Placement::Cart, OfferKind::CrossSell);
    vec![
        (TotalKey::Orders, 10),
        (TotalKey::OrderRevenue(own), 2_250_000_000),
        (TotalKey::OrderRevenueRefunded(own), 50_000_000),
        (TotalKey::OrdersWithOffer, 5),
        (TotalKey::OrderRevenueWithOffer(own), 1_250_000_000),
        (TotalKey::ExtraRevenue { placement, kind, currency: own }, 250_000_000),
        (TotalKey::ExtraRevenueRefunded { placement, kind, currency: own }, 50_000_000),
        (TotalKey::OrderRevenue(Currency::USD), 7_000_000),
        (TotalKey::ExtraRevenue { placement, kind, currency: Currency::USD }, 1_000_000),
        (TotalKey::RevenueByChannel { placement, channel: "web".into(), currency: own }, 250_000_000),
        (TotalKey::RevenueByHour { placement, weekday: 3, hour: 10, currency: own }, 250_000_000),
        (TotalKey::RevenueByBasketAge { placement, bucket: 2, currency: own }, 250_000_000),
        (TotalKey::ItemsByBasketAge { step: ItemStep::Shown, placement, bucket: 2 }, 40),
        (TotalKey::ItemsByBasketAge { step: ItemStep::Accepted, placement, bucket: 2 }, 6),
        (TotalKey::ShoppersOfferedAnywhere, 20),
        (TotalKey::ShoppersAcceptedAnywhere, 6),
        items(ItemStep::Emitted, 60),
        items(ItemStep::Shown, 40),
        items(ItemStep::Accepted, 6),
        items(ItemStep::Paid, 5),
        at_ten(ItemStep::Emitted, 60),
        at_ten(ItemStep::Shown, 40),
        at_ten(ItemStep::Accepted, 6),
    ]
}

fn read(settings: &Settings, totals: &[(TotalKey, i128)]) -> Insights {
    Insights::of(&shop(settings, totals), settings, None)
}

#[test]
fn a_case_bought_in_every_second_order_is_read_off_as_a_merchant_would() {
    let insights = read(&settings(), &totals());
    assert_eq!(insights.basis, Basis::Feedback);
    let orders = insights.orders;
    assert_eq!(orders.revenue, Sums::of(2_250_000_000, 50_000_000));
    assert_eq!((orders.with_offer.orders, orders.with_offer.revenue_an_order), (5, Some(Amount(250_000_000))));
    assert_eq!((orders.without_offer.orders, orders.without_offer.revenue_an_order), (5, Some(Amount(200_000_000))));
    assert_eq!(orders.difference_ratio, Some(0.25));
    assert_eq!(insights.extra_revenue, Some(Sums::of(250_000_000, 50_000_000)));
    let offers = insights.offers.unwrap();
    assert_eq!((offers.accepted_of_emitted, offers.accepted_of_shown, offers.shoppers.ratio), (Some(0.1), Some(0.15), Some(0.3)));
}

#[test]
fn every_heading_has_its_own_row_and_placements_are_after_refunds() {
    let offers = read(&settings(), &totals()).offers.unwrap();
    let cart = &offers.by_placement;
    assert_eq!((cart.len(), cart[0].name.as_str(), cart[0].extra_revenue), (1, "cart", Amount(200_000_000)));
    assert_eq!((offers.by_kind.len(), offers.by_channel.len()), (1, 1));
    for (rows, at) in [(&offers.by_hour, 10), (&offers.by_weekday, 2), (&offers.by_basket_age, 2), (&offers.by_channel, 0)] {
        let used: Vec<usize> = rows.iter().enumerate().filter(|(_, row)| row.is_used()).map(|(at, _)| at).collect();
        assert_eq!(used, [at]);
        assert_eq!((rows[at].shown, rows[at].accepted, rows[at].acceptance), (40, 6, Some(0.15)));
        assert_eq!(rows[at].extra_revenue, Amount(250_000_000));
    }
    assert_eq!((offers.by_hour.len(), offers.by_weekday.len(), offers.by_basket_age.len()), (24, 7, 11));
    let hours = &offers.by_placement_and_hour;
    assert_eq!((hours.len(), hours[0].hours[10].acceptance, hours[0].hours[11].acceptance), (1, Some(0.15), None));
}

#[test]
fn money_of_another_currency_is_told_apart_and_added_to_nothing() {
    let others = read(&settings(), &totals()).in_other_currencies;
    assert_eq!(others.len(), 1);
    assert_eq!((others[0].currency, others[0].revenue.net), (Currency::USD, Amount(7_000_000)));
    assert_eq!(others[0].extra_revenue, Some(Sums::of(1_000_000, 0)));
}

#[test]
fn without_feedback_there_is_neither_acceptance_nor_revenue_of_offers() {
    let silent: Vec<_> = totals()
        .into_iter()
        .filter(|(key, _)| !matches!(key, TotalKey::OfferItems { step: ItemStep::Shown, .. }))
        .chain([items(ItemStep::Matched, 9)])
        .collect();
    let insights = read(&settings(), &silent);
    assert_eq!((insights.basis, &insights.offers, insights.extra_revenue), (Basis::WouldHaveHit, &None, None));
    assert_eq!(insights.in_other_currencies[0].extra_revenue, None);
    let would = insights.would_have_hit.unwrap();
    assert_eq!((would.emitted, would.matched, would.ratio), (60, 9, Some(0.15)));
    assert_eq!(would.by_placement, [(Placement::Cart, 60, 9)]);
}

#[test]
fn where_sending_is_enough_acceptance_is_of_what_was_sent() {
    let mut settings = settings();
    settings.attribution.trigger = AttributionTrigger::Emitted;
    let insights = read(&settings, &totals());
    assert_eq!((insights.basis, insights.attribution.trigger), (Basis::Emitted, "emitted"));
    assert_eq!(insights.offers.unwrap().by_placement[0].acceptance, Some(0.1));
}

#[test]
fn of_nothing_there_are_no_shares() {
    let insights = read(&settings(), &[items(ItemStep::Shown, 0), items(ItemStep::Clicked, 1)]);
    let offers = insights.offers.unwrap();
    assert_eq!((offers.accepted_of_shown, offers.accepted_of_emitted, offers.shoppers.ratio), (None, None, None));
    assert_eq!((insights.orders.difference_ratio, insights.orders.with_offer.revenue_an_order), (None, None));
}

#[test]
fn combinations_carry_their_titles_and_what_they_earned() {
    let settings = settings();
    let shop = shop(&settings, &totals());
    let step = |step| Fact::Combination { anchor: "phone".into(), companion: "case".into(), step };
    shop.fold(&Fact::Learned {
        item: "case".into(),
        ts: Timestamp(1),
        price: None,
        product: ProductFacts { title: Some("Clear case".into()), ..ProductFacts::default() },
    });
    for fact in [CombinationStep::Shown(40), CombinationStep::Accepted(6), CombinationStep::Earned(settings.currency, 200)] {
        shop.fold(&step(fact));
    }
    let lists = Insights::of(&shop, &settings, None).combinations;
    let best = &lists.best_by_revenue[0];
    assert_eq!((best.anchor_name(), best.companion_name(), best.extra_revenue), ("phone", "Clear case", Amount(200)));
    assert_eq!((best.acceptance, best.acceptance_shrunk), (Some(0.15), 0.15));
    assert_eq!((&lists.best_by_acceptance, lists.worst.len()), (&lists.best_by_revenue, 0));
    shop.fold(&Fact::Combination { anchor: "phone".into(), companion: "film".into(), step: CombinationStep::Shown(40) });
    let lists = Insights::of(&shop, &settings, None).combinations;
    assert_eq!(lists.worst.iter().map(Combination::companion_name).collect::<Vec<_>>(), ["film"]);
}
