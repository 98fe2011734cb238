//! What customers bought, saw and sent away.

use super::*;
use crate::engine::facts::SaleLine;

fn bought(customers: &Customers, add: bool, customer: &str, items: &[&str]) {
    let line = |item: &&str| SaleLine { item: ItemId::new(item), units: 1, category: None };
    let lines = items.iter().map(line).collect();
    let sale = Sale { add, first: true, ts: Timestamp(0), customer: None, net_micros: 0, lines };
    customers.sale(&Id::new(customer), &sale);
}

#[test]
fn a_cancelled_order_leaves_no_trace_in_the_history() {
    let customers = Customers::new(10, 10);
    bought(&customers, true, "c", &["a", "b"]);
    bought(&customers, true, "c", &["b"]);
    bought(&customers, false, "c", &["a", "b"]);
    let history = customers.with("c", Clone::clone).unwrap();
    let left: Vec<(&str, u32)> = history.items.iter().map(|(item, bought)| (item.as_str(), bought.orders)).collect();
    assert_eq!((history.baskets, left), (1, vec![("b", 1)]));
}

#[test]
fn the_customer_longest_without_an_order_makes_room() {
    let customers = Customers::new(2, 10);
    for customer in ["a", "b", "a", "c"] {
        bought(&customers, true, customer, &["x"]);
    }
    assert!(customers.with("b", |_| ()).is_none() && customers.with("a", |_| ()).is_some());
    assert_eq!(customers.evicted(), 1);
}

#[test]
fn a_history_keeps_its_limit_by_forgetting_the_rarest() {
    let customers = Customers::new(2, 10);
    let many: Vec<String> = (0..HISTORY_ITEMS_MAX + 5).map(|n| format!("i{n:04}")).collect();
    bought(&customers, true, "c", &["i0000"]);
    bought(&customers, true, "c", &many.iter().map(String::as_str).collect::<Vec<_>>());
    let history = customers.with("c", Clone::clone).unwrap();
    assert_eq!(history.items.len(), HISTORY_ITEMS_MAX);
    assert_eq!(history.items.get("i0000").map(|bought| bought.orders), Some(2));
}

const DAY: i64 = 86_400_000;

fn sale(add: bool, day: i64, lines: &[(&str, u32)]) -> Sale {
    let line = |(item, units): &(&str, u32)| SaleLine { item: ItemId::new(item), units: *units, category: Some("tea".into()) };
    Sale { add, first: true, ts: Timestamp(day * DAY), customer: None, net_micros: 5, lines: lines.iter().map(line).collect() }
}

#[test]
fn a_sale_is_remembered_with_its_times_money_and_stamps_and_a_cancelled_one_is_not() {
    let customers = Customers::new(10, 10);
    let customer = Id::new("c");
    customers.sale(&customer, &sale(true, 10, &[("a", 2)]));
    customers.sale(&customer, &sale(true, 40, &[("a", 1), ("b", 1)]));
    customers.sale(&customer, &sale(false, 40, &[("b", 1)]));
    let history = customers.with("c", Clone::clone).unwrap();
    assert_eq!(
        history.items["a"],
        Bought { orders: 2, first_at: Timestamp(10 * DAY), last_at: Timestamp(40 * DAY), last_basket: 1, baskets: 3 }
    );
    assert_eq!(history.items["a"].gap_ms(), Some(30 * DAY));
    assert_eq!((history.spent_micros, history.baskets, history.stamps["tea"]), (5, 1, 3));
    assert_eq!(history.last_order_at, Timestamp(40 * DAY));
}

#[test]
fn offers_seen_are_counted_by_day_and_placement() {
    let customers = Customers::new(10, 10);
    let customer = Id::new("c");
    for (day, placement) in [(7, Placement::Cart), (7, Placement::Cart), (7, Placement::Checkout), (6, Placement::Cart)] {
        customers.saw(&customer, day, placement);
    }
    let seen = |day, placement| customers.with("c", |history| history.seen_on(day, placement)).unwrap();
    assert_eq!((seen(7, Some(Placement::Cart)), seen(7, None), seen(8, None), seen(6, None)), (2, 3, 0, 0));
    customers.saw(&customer, 8, Placement::Cart);
    assert_eq!((seen(7, None), seen(8, None)), (0, 1));
}

#[test]
fn the_oldest_refusal_makes_room_and_a_repeated_one_is_the_newest() {
    let customers = Customers::new(10, 10);
    let customer = Id::new("c");
    for n in 0..=DECLINED_MAX as i64 {
        customers.declined(&customer, &ItemId::from(format!("i{n}")), Timestamp(n));
    }
    customers.declined(&customer, &"i1".into(), Timestamp(900));
    let at = |item: &str| customers.with("c", |history| history.declined_at(item)).unwrap();
    assert_eq!((at("i0"), at("i1"), at("i2")), (None, Some(Timestamp(900)), Some(Timestamp(2))));
}
