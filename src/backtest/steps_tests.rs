use std::sync::Arc;

use super::*;
use crate::engine::settings::Settings;
use crate::engine::shop::Shop;
use crate::pipeline::{Envelope, Learning, Processor, Record};

/// A shop, its open baskets, and every question that was put.
struct World {
    processor: Processor,
    baskets: Baskets,
    items: Items,
    asked: Vec<(Placement, Option<u32>)>,
}

impl World {
    fn new(open_max: usize) -> Self {
        let settings = Arc::new(Settings::default());
        let shop = Arc::new(Shop::new(&settings.limits));
        let baskets = Baskets::new(settings.session.idle.0, open_max, 2, settings.currency);
        Self { processor: Processor::new(settings, shop, Learning::AtOnce), baskets, items: Items::default(), asked: Vec::new() }
    }

    /// An event so many minutes after the start.
    fn take(&mut self, kind: &str, minute: i64, fields: &str) {
        let ts = Timestamp(1_767_225_600_000).plus_ms(minute * 60_000);
        let event = format!(r#"{{"type":"{kind}","ts":"{ts}",{fields}}}"#);
        let record = Record { partition: 0, key: None, payload: event.as_bytes(), payload_bytes: event.len(), record_time: None };
        let Self { processor, baskets, items, asked } = self;
        processor
            .process_observed(&record, Envelope::default(), |applied| {
                if let Some(question) = baskets.take(applied, items) {
                    asked.push((question.placement, question.index));
                    baskets.keep(applied.key, &question, items, Vec::new());
                }
            })
            .unwrap();
    }

    fn add(&mut self, minute: i64, session: &str, item: &str) {
        self.take("cart_add", minute, &format!(r#""session_id":"{session}","item_id":"{item}","price":"2.5","quantity":2"#));
    }

    fn buy(&mut self, minute: i64, session: &str, items: &[&str]) {
        let lines: Vec<String> = items.iter().map(|item| format!(r#"{{"item_id":"{item}","price":"9"}}"#)).collect();
        let fields = format!(r#""session_id":"{session}","order_id":"order-{session}","items":[{}]"#, lines.join(","));
        self.take("purchase", minute, &fields);
    }

    /// Baskets that ended: rank, order, items with their value, and after how many of them the cart was asked about.
    fn over(&mut self) -> Vec<String> {
        let over = self.baskets.take_over();
        over.iter()
            .map(|basket| {
                let items: Vec<String> =
                    basket.arrivals.iter().map(|one| format!("{}={}", self.items.name(one.item), one.micros / 100_000)).collect();
                let steps: Vec<usize> =
                    basket.asked.iter().filter(|asked| asked.placement == Placement::Cart).map(|asked| asked.arrived).collect();
                let (index, order) = (basket.index.unwrap(), basket.order_id.as_deref().unwrap_or("-"));
                format!("{index} {order} {} {steps:?}", items.join(","))
            })
            .collect()
    }
}

#[test]
fn interleaved_baskets_are_kept_apart_and_named_once_they_are_bought() {
    let mut world = World::new(100);
    world.add(0, "one", "a");
    world.add(1, "two", "x");
    world.add(2, "one", "b");
    world.add(3, "one", "a");
    world.add(4, "two", "y");
    world.buy(5, "two", &["x", "y", "z"]);
    world.buy(6, "one", &["a", "b"]);
    assert_eq!(world.over(), ["1 order-two x=50,y=50,z=90 [1, 2]", "0 order-one a=50,b=50 [1, 2]"]);
    assert_eq!(world.baskets.counted(), 2);
}

#[test]
fn an_item_that_comes_back_has_arrived_once() {
    let mut world = World::new(100);
    world.add(0, "s", "a");
    world.add(1, "s", "b");
    world.take("cart_remove", 2, r#""session_id":"s","item_id":"a""#);
    world.add(3, "s", "a");
    world.add(4, "s", "c");
    world.baskets.end_all();
    assert_eq!(world.over(), ["0 - a=50,b=50,c=50 [1, 2, 3]"]);
}

#[test]
fn a_session_that_comes_back_after_its_idle_time_has_another_basket() {
    let mut world = World::new(100);
    world.add(0, "s", "a");
    world.add(24 * 60 + 1, "s", "b");
    assert_eq!(world.over(), ["0 - a=50 [1]"]);
    world.add(60 * 60, "other", "c");
    world.baskets.sweep();
    assert_eq!(world.over(), ["1 - b=50 [1]"]);
}

#[test]
fn too_many_open_baskets_end_with_the_ones_idle_for_longest() {
    let mut world = World::new(1);
    world.add(0, "one", "a");
    world.add(1, "two", "b");
    world.add(2, "one", "c");
    world.baskets.sweep();
    assert_eq!(world.over(), ["1 - b=50 [1]"]);
}

#[test]
fn questions_are_put_at_the_placements_the_log_has_and_a_basket_keeps_so_many_of_each() {
    let mut world = World::new(100);
    for minute in 0..4 {
        world.take("product_viewed", minute, r#""session_id":"s","item_id":"v""#);
    }
    world.add(5, "s", "a");
    world.take("checkout", 6, r#""session_id":"s""#);
    world.buy(7, "s", &["a"]);
    world.buy(8, "s", &["b"]);
    world.add(9, "s", "c");
    use Placement::{Cart, Checkout, PostPurchase, ProductPage};
    let expected = [(ProductPage, None), (ProductPage, None), (Cart, Some(0)), (Checkout, Some(0)), (PostPurchase, None), (Cart, Some(1))];
    assert_eq!(world.asked, expected);
    world.baskets.end_all();
    assert_eq!(world.over(), ["0 order-s a=50 [1]", "1 - c=50 [1]"], "a further part of an order is no basket");
}

#[test]
fn an_event_is_answered_before_the_shop_learns_of_it() {
    let mut world = World::new(100);
    let seen = std::cell::Cell::new(None);
    for order in ["one", "two"] {
        let event = format!(
            r#"{{"type":"purchase","ts":"2026-01-01T00:00:00Z","order_id":"{order}","items":[{{"item_id":"a"}},{{"item_id":"b"}}]}}"#
        );
        let record = Record { partition: 0, key: None, payload: event.as_bytes(), payload_bytes: event.len(), record_time: None };
        world
            .processor
            .process_observed(&record, Envelope::default(), |applied| {
                seen.set(Some((applied.shop.counts.baskets(), applied.session.orders.len())))
            })
            .unwrap();
    }
    assert_eq!(seen.get(), Some((1, 1)), "of the two baskets the shop knows the first, and the session has its own order");
}
