use super::*;

fn titled(title: &str) -> ProductFacts {
    ProductFacts { title: Some(title.into()), ..ProductFacts::default() }
}

#[test]
fn the_catalogue_overrules_events_field_by_field() {
    let catalogue = Catalogue::new(10);
    let price = Some((Money(5), Currency::USD));
    catalogue.learn(&"a".into(), Timestamp(1), price, &titled("from an event"));
    catalogue.give("a".into(), Product { title: Some("given".into()), ..Product::default() });
    let product = catalogue.get("a");
    assert_eq!((product.title.as_deref(), product.price), (Some("given"), Some(Money(5))));
}

#[test]
fn among_events_the_latest_wins_whatever_the_order() {
    let catalogue = Catalogue::new(10);
    catalogue.learn(&"a".into(), Timestamp(2), None, &titled("new"));
    catalogue.learn(&"a".into(), Timestamp(1), None, &titled("old"));
    assert_eq!(catalogue.get("a").title.as_deref(), Some("new"));
    assert!(!catalogue.would_learn("a", None, &titled("new")) && catalogue.would_learn("a", None, &titled("newer")));
}

#[test]
fn beyond_its_limit_nothing_is_learned_and_that_is_counted() {
    let catalogue = Catalogue::new(1);
    catalogue.learn(&"a".into(), Timestamp(1), None, &titled("a"));
    assert!(!catalogue.learn(&"b".into(), Timestamp(1), None, &titled("b")));
    assert_eq!((catalogue.len(), catalogue.refused()), (1, 1));
    // What was learned makes room, and what is given does not.
    assert!(catalogue.evict(true, |_| 0) && catalogue.learn(&"b".into(), Timestamp(1), None, &titled("b")));
    assert_eq!((catalogue.len(), catalogue.refused(), catalogue.get("a").title), (1, 2, None));
    assert!(catalogue.give("b".into(), Product::default()) && !catalogue.evict(true, |_| 0));
    assert!(catalogue.evict(false, |_| 0) && catalogue.len() == 1 && catalogue.learned_bytes() == 0);
}

fn priced(units: i64) -> Product {
    Product { price: Some(Money(units * 1_000_000)), ..Product::default() }
}

fn upgrade(of: &str, units: i64) -> Product {
    Product { upgrade_of: Some(of.into()), ..priced(units) }
}

fn variant(of: &str) -> Product {
    Product { variant_of: Some(of.into()), ..Product::default() }
}

fn facets(catalogue: &Catalogue, item: &str) -> Facets {
    catalogue.facets(item, Currency::USD)
}

fn said(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn beyond_its_limit_nothing_new_is_given_but_what_is_known_may_change() {
    let catalogue = Catalogue::new(2);
    catalogue.learn(&"a".into(), Timestamp(1), None, &titled("a"));
    assert!(catalogue.give("b".into(), priced(1)));
    assert!(!catalogue.give("c".into(), priced(1)));
    assert!(catalogue.give("a".into(), priced(1)) && catalogue.give("b".into(), priced(2)));
    assert_eq!((catalogue.len(), catalogue.refused()), (2, 1));
    catalogue.withdraw("b");
    assert!(catalogue.give("c".into(), priced(1)));
}

#[test]
fn a_product_taken_out_leaves_what_events_told_of_it() {
    let catalogue = Catalogue::new(10);
    catalogue.give("a".into(), Product { title: Some("given".into()), category: Some("shoes".into()), ..upgrade("b", 5) });
    catalogue.give("gone".into(), variant("a"));
    catalogue.learn(&"a".into(), Timestamp(1), None, &titled("learned"));
    catalogue.withdraw("a");
    catalogue.withdraw("gone");
    catalogue.withdraw("never was");
    assert_eq!(catalogue.get("a"), Product { title: Some("learned".into()), ..Product::default() });
    assert_eq!(catalogue.len(), 1);
    assert!(catalogue.upgrades_of("b").is_empty() && catalogue.variants_of("a").is_empty() && catalogue.newest_of("shoes").is_empty());
}

#[test]
fn an_update_makes_a_product_no_newer_in_its_category() {
    let catalogue = Catalogue::new(10);
    let shoe = |units| Product { category: Some("shoes".into()), ..priced(units) };
    catalogue.give("a".into(), shoe(1));
    catalogue.give("b".into(), shoe(1));
    catalogue.give("a".into(), shoe(2));
    assert_eq!(catalogue.newest_of("shoes"), ["a", "b"]);
}

#[test]
fn a_family_is_the_root_of_a_chain_of_variants() {
    let catalogue = Catalogue::new(10);
    catalogue.give("shirt".into(), Product::default());
    catalogue.give("shirt-red".into(), variant("shirt"));
    catalogue.give("shirt-red-xl".into(), variant("shirt-red"));
    assert_eq!(facets(&catalogue, "shirt-red-xl").family.as_deref(), Some("shirt"));
    assert_eq!(facets(&catalogue, "shirt-red").family.as_deref(), Some("shirt"));
    assert_eq!(facets(&catalogue, "shirt").family, None);
    assert_eq!(catalogue.variants_of("shirt"), ["shirt-red", "shirt-red-xl"]);
    assert!(catalogue.check_relations().is_empty());
}

#[test]
fn an_upgrade_that_is_not_dearer_is_no_upgrade_until_it_is() {
    let catalogue = Catalogue::new(10);
    catalogue.give("base".into(), priced(10));
    catalogue.give("better".into(), upgrade("base", 10));
    catalogue.give("best".into(), upgrade("base", 30));
    let expected = [r#"upgrade_of of "better" is ignored: it costs 10, and "base", which it is to be better than, 10"#];
    assert_eq!(said(&catalogue.check_relations()), expected);
    assert_eq!((catalogue.upgrades_of("base"), facets(&catalogue, "better").upgrade_of), (vec!["best".into()], None));
    // Said once, and in use again as soon as it makes sense.
    catalogue.give("best".into(), upgrade("base", 31));
    assert!(catalogue.check_relations().is_empty());
    catalogue.give("base".into(), priced(9));
    assert!(catalogue.check_relations().is_empty());
    assert_eq!(facets(&catalogue, "better").upgrade_of.as_deref(), Some("base"));
    assert_eq!(catalogue.upgrades_of("base").len(), 2);
}

#[test]
fn prices_of_two_currencies_say_nothing_of_an_upgrade() {
    let catalogue = Catalogue::new(10);
    catalogue.give("base".into(), priced(10));
    catalogue.give("better".into(), Product { currency: Currency::parse("UZS"), ..upgrade("base", 5) });
    catalogue.give("unpriced".into(), Product { price: None, ..upgrade("base", 0) });
    assert!(catalogue.check_relations().is_empty());
    assert_eq!(catalogue.upgrades_of("base").len(), 2);
}

#[test]
fn of_a_circle_the_relation_of_the_last_item_by_id_is_left_out_whatever_the_order() {
    for order in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
        let catalogue = Catalogue::new(10);
        let next = |item: &str| match item {
            "a" => "b",
            "b" => "c",
            _ => "a",
        };
        for item in order {
            catalogue.give(item.into(), variant(next(item)));
        }
        catalogue.give("d".into(), variant("a"));
        let expected = [r#"variant_of of "c" is ignored: it leads back to the item itself (c -> a -> b -> c)"#];
        assert_eq!(said(&catalogue.check_relations()), expected);
        let families = ["a", "b", "c", "d"].map(|item| facets(&catalogue, item).family);
        assert_eq!(families, [Some("c".into()), Some("c".into()), None, Some("c".into())]);
        catalogue.give("b".into(), Product::default());
        assert!(catalogue.check_relations().is_empty());
        assert_eq!(facets(&catalogue, "c").family.as_deref(), Some("b"), "the circle is broken, so it counts again");
    }
}

#[test]
fn before_they_are_looked_at_circles_do_no_harm() {
    let catalogue = Catalogue::new(10);
    catalogue.give("a".into(), variant("b"));
    catalogue.give("b".into(), variant("a"));
    assert!(facets(&catalogue, "a").family.is_some());
    assert_eq!(catalogue.variants_of("a"), ["b"]);
}

#[test]
fn pins_and_exclusions_are_those_of_the_catalogue() {
    let catalogue = Catalogue::new(10);
    let product = Product { pinned: vec!["b".into(), "c".into()], excluded: vec!["d".into()], ..Product::default() };
    catalogue.give("a".into(), product);
    assert_eq!(catalogue.pinned("a"), ["b", "c"]);
    assert_eq!((catalogue.excluded_with("a"), catalogue.excluded_with("d")), (vec![ItemId::from("d")], vec![]));
    assert!(catalogue.has_relations());
    catalogue.withdraw("a");
    assert!(!catalogue.has_relations());
}

proptest::proptest! {
    #[test]
    fn whatever_comes_and_goes_what_is_told_agrees_with_what_is_given(steps in proptest::collection::vec((0..6_u8, 0..7_u8, 0..4_i64), 1..60)) {
        let catalogue = Catalogue::new(100);
        let name = |at: u8| ItemId::from(format!("item-{at}"));
        for (item, other, price) in steps {
            if other == 6 {
                catalogue.withdraw(&name(item));
            } else {
                let other = Some(name(other)).filter(|other| *other != name(item));
                let product = Product { variant_of: other.clone(), upgrade_of: other, ..priced(price) };
                catalogue.give(name(item), product);
            }
        }
        catalogue.check_relations();
        for item in (0..6).map(name) {
            let facets = facets(&catalogue, &item);
            proptest::prop_assert_eq!(facets.family.is_some(), facets.family.as_ref().is_some_and(|root| catalogue.variants_of(root).contains(&item)));
            if let Some(base) = facets.upgrade_of {
                proptest::prop_assert!(catalogue.upgrades_of(&base).contains(&item));
                let (price, base_price) = (catalogue.get(&item).price, catalogue.get(&base).price);
                proptest::prop_assert!(base_price.is_none() || price > base_price);
            }
        }
        proptest::prop_assert_eq!(catalogue.len(), (0..6).filter(|at| catalogue.get(&name(*at)).price.is_some()).count());
    }
}
