//! Which steps of its basket a session tells ranking of, and what became of them.
//!
//! Invariant: a step is told of before it is learned from, by a number that nothing else has; what is told of a basket that is
//! left behind is never answered.

use super::facts::{BoughtItem, Fact};
use super::hash::hash_128;
use super::ranking::learner::is_example;
use super::session::{Session, SessionKey};
use super::shop::Shop;
use crate::event::Timestamp;

/// The item added last makes a step that ranking learns from, if it does.
pub(super) fn asked(session: &mut Session, key: &SessionKey, personal: bool, ts: Timestamp, shop: &Shop) -> Option<Fact> {
    let step = session.basket.lines.len();
    let opened_ms = session.basket.opened_at.unwrap_or(ts).0.to_le_bytes();
    let whose = hash_128("example", &[key.as_bytes(), &opened_ms]).to_le_bytes();
    if !is_example(&whose, step, shop.weekly.baskets(ts), shop.learner.is_crowded()) {
        return None;
    }
    let number = hash_128("example", &[&whose, &(step as u64).to_le_bytes()]) as u64;
    // What is taken out and put in again makes the same step a second time.
    if session.examples.contains(&number) {
        return None;
    }
    session.examples.push(number);
    let basket = session.basket.lines.iter().map(|line| line.item.clone()).collect();
    Some(Fact::Example { number, basket, customer: session.customer.clone().filter(|_| personal), ts })
}

/// The basket was bought.
pub(super) fn answered(session: &mut Session, ts: Timestamp, bought: impl Iterator<Item = BoughtItem>) -> Option<Fact> {
    let numbers = std::mem::take(&mut session.examples);
    (!numbers.is_empty()).then(|| Fact::Outcome { numbers, bought: bought.collect(), ts })
}

#[cfg(test)]
mod tests {
    use crate::engine::facts::{BoughtItem, Fact};
    use crate::engine::test_support::{World, event, item};

    fn examples(facts: &[Fact]) -> Vec<(u64, Vec<&str>)> {
        let mut examples = Vec::new();
        for fact in facts {
            if let Fact::Example { number, basket, .. } = fact {
                examples.push((*number, basket.iter().map(|item| item.as_str()).collect()));
            }
        }
        examples
    }

    #[test]
    fn steps_of_a_basket_are_asked_about_as_they_come_and_answered_when_it_is_bought() {
        let mut world = World::new();
        let add = |at, name: &str| event("cart_add", at, "s", &item(name));
        let (one, two) = (world.take(&add(0, "a")).facts, world.take(&add(1, "b")).facts);
        let (one, two) = (examples(&one), examples(&two));
        assert_eq!((&one[0].1, &two[0].1), (&vec!["a"], &vec!["a", "b"]));
        // The same step again is no other example.
        world.take(&event("cart_remove", 2, "s", &item("b")));
        assert!(examples(&world.take(&add(3, "c")).facts).is_empty());
        let bought = event("purchase", 4, "s", r#""order_id":"o","items":[{"item_id":"a","price":1},{"item_id":"c","price":1}]"#);
        let facts = world.take(&bought).facts;
        let outcome =
            facts.iter().find_map(|fact| if let Fact::Outcome { numbers, bought, .. } = fact { Some((numbers, bought)) } else { None });
        let bought = ["a", "c"].map(|item| BoughtItem { item: item.into(), net_micros: 1_000_000, margin_micros: 0 });
        assert_eq!(outcome, Some((&vec![one[0].0, two[0].0], &bought.to_vec())));
        // The next basket asks anew.
        let next = world.take(&add(5, "a")).facts;
        assert!(examples(&next)[0].0 != one[0].0);
    }

    #[test]
    fn where_nothing_is_learned_nothing_is_asked_and_where_customers_are_not_to_count_none_is_named() {
        let mut settings = World::new().settings;
        (settings.ranking.learned, settings.ranking.tuned) = (false, false);
        let add = event("cart_add", 0, "s", &format!(r#""customer_id":"u",{}"#, item("a")));
        assert!(examples(&World::with(settings.clone()).take(&add).facts).is_empty());
        settings.ranking.learned = true;
        for personal in [true, false] {
            settings.ranking.personal = personal;
            let facts = World::with(settings.clone()).take(&add).facts;
            let is_named = facts.iter().any(|fact| matches!(fact, Fact::Example { customer: Some(_), .. }));
            assert_eq!(is_named, personal);
        }
    }
}
