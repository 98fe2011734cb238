//! What makes room, and that nothing is counted that is gone.

use super::*;
use crate::engine::decay::{Decay, Evidence, Stage};
use crate::engine::erased::Erasure;
use crate::engine::facts::{EvidenceLine, Fact, Sale, SaleLine};
use crate::engine::settings::Limits;
use crate::engine::source::Source;
use crate::engine::vocabulary::{OfferKind, Placement};
use crate::event::{Id, ItemId, Money, ProductFacts, Timestamp};

const DAY_MS: i64 = 86_400_000;

fn shop() -> Shop {
    let shop = Shop::new(&Limits::default());
    shop.set_decay(Decay::starting(Timestamp(0), 90 * DAY_MS));
    shop
}

fn id(kind: &str, number: u64, length: usize) -> Id {
    format!("{kind}{number:0length$}").into()
}

/// An order of two items by one customer, who was offered a third; all of them as new as `number`.
fn facts(number: u64, length: usize) -> Vec<Fact> {
    let ts = Timestamp(number as i64 * 60_000);
    let items: Vec<ItemId> = [number, number / 2].map(|item| id("item-", item, length)).into();
    let (customer, category) = (id("customer-", number, length), id("category-", number % 50, length));
    let evidence = |partners| Evidence { ts, weight_milli: 1_000, partners, stage: Stage::Purchase };
    let lines = items.iter().enumerate().map(|(at, item)| EvidenceLine { item: item.clone(), evidence: evidence(at as u32) }).collect();
    let sold = items.iter().map(|item| SaleLine { item: item.clone(), category: Some(category.clone()), units: 1 }).collect();
    let source = Source {
        offer: u128::from(number),
        ts,
        placement: Placement::Cart,
        kind: OfferKind::CrossSell,
        channel: "web".into(),
        anchor: Some(items[0].clone()),
        replaces: None,
        basket_age: 0,
        variant: None,
    };
    vec![
        Fact::Basket { before: Vec::new(), after: lines },
        Fact::Sale(Sale { customer: Some(customer.clone()), add: true, first: true, ts, net_micros: 1, lines: sold }),
        Fact::Learned {
            item: items[0].clone(),
            ts,
            price: Some((Money(1), crate::event::Currency::USD)),
            product: ProductFacts { title: Some(id("title-", number, length)), ..ProductFacts::default() },
        },
        Fact::PassedOver { item: items[0].clone(), instead: vec![items[1].clone()] },
        Fact::Declined { customer: customer.clone(), item: items[1].clone(), ts },
        Fact::Offered { customer, item: items[1].clone(), from: ts, until: ts.plus_ms(DAY_MS), source },
    ]
}

/// Every kind's entries, counted.
fn entries(shop: &Shop) -> Vec<(&'static str, usize, u64, usize)> {
    shop.usage(&Limits::default()).into_iter().map(|(name, usage)| (name, usage.entries, usage.evictions, usage.bytes)).collect()
}

#[test]
fn whatever_comes_the_whole_fits_and_what_is_new_is_known() {
    for length in [4, 60] {
        let (shop, bytes_max, mut known) = (shop(), 600_000, 0);
        for number in 0..4_000 {
            for fact in facts(number, length) {
                shop.fold(&fact);
                keep(&shop, bytes_max);
                assert!(bytes_of(&shop) <= bytes_max, "{number}");
            }
            let newest = id("item-", number, length);
            known += u32::from(shop.weight_of(&newest) > 0);
        }
        // Where hundreds of items fit, one that was bought once may go at once; most stay for a while.
        assert!(known > 2_000, "of 4000 newcomers {known} were known");
        assert!(bytes_of(&shop) > bytes_max * 9 / 10, "what there is, is used");
        let usage = shop.usage(&Limits::default());
        for name in ["items", "customers", "products", "items_of_the_week", "items_bought_again", "items_passed_over", "customer_offers"] {
            assert!(usage[name].evictions > 0 && usage[name].entries > 0, "{name}: {:?}", usage[name]);
        }
    }
}

#[test]
fn two_shops_that_fold_the_same_let_the_same_go() {
    let shops = [shop(), shop()];
    for number in 0..2_000 {
        for (shop, fact) in shops.iter().flat_map(|shop| facts(number, 30).into_iter().map(move |fact| (shop, fact))) {
            shop.fold(&fact);
            keep(shop, 400_000);
        }
    }
    assert_eq!(entries(&shops[0]), entries(&shops[1]));
    assert_eq!(shops[0].counts.items_sorted(), shops[1].counts.items_sorted());
}

#[test]
fn when_all_has_gone_nothing_is_counted_any_more() {
    let shop = shop();
    for number in 0..300 {
        // Twice, so that what is known is changed and told again.
        facts(number, 40).into_iter().chain(facts(number, 40)).for_each(|fact| shop.fold(&fact));
    }
    assert!(KINDS.iter().filter(|kind| (kind.bytes)(&shop) > 0).count() >= 8);
    let erasure = Erasure { at: Timestamp(4_000_000_000_000), until: Timestamp(4_100_000_000_000) };
    (0..300).for_each(|number| shop.fold(&Fact::Erased { customer: id("customer-", number, 40), erasure }));
    assert_eq!((shop.customers.bytes(), shop.offered.bytes()), (0, 0));
    keep(&shop, 0);
    for kind in &KINDS {
        assert_eq!((kind.bytes)(&shop), 0, "{}", kind.name);
    }
}

#[test]
fn what_one_kind_does_not_need_another_may_have() {
    let (only_items, bytes_max) = (shop(), 300_000);
    for number in 0..3_000 {
        only_items.fold(&facts(number, 8).swap_remove(0));
        keep(&only_items, bytes_max);
    }
    assert!(only_items.counts.bytes() > bytes_max * 9 / 10, "{} of {bytes_max}", only_items.counts.bytes());
}

#[test]
fn of_products_those_go_first_that_do_not_sell() {
    let shop = shop();
    for number in 0..200 {
        let facts = facts(number, 8);
        shop.fold(&facts[2]);
        if number == 3 {
            shop.fold(&facts[0]);
        }
    }
    while shop.catalogue.len() > 2 {
        assert!(evict_products(&shop.catalogue, &shop));
    }
    assert_eq!(shop.catalogue.get("item-00000003").title.as_deref(), Some("title-00000003"), "bought, and one of the last two");
}
