//! Stamp cards: buy so many of a category, and the next one is cheaper.
//!
//! Invariant: a card is full when the units a customer bought of the category leave, divided by one more than the
//! card asks for, exactly what it asks for. A card is used once a visit. What is cheaper keeps to the margin floor.

use super::companions::has_room;
use super::discount::discounted;
use super::rules::{Role, Rules};
use super::{Chosen, Ground, Situation};
use crate::engine::catalogue::is_within;
use crate::engine::customers::History;
use crate::engine::settings::StampCard;
use crate::engine::vocabulary::Outcome;
use crate::event::ItemId;

/// Items of a category that are looked at.
const LOOKED_AT: usize = 8;

/// Adds the item that each full card makes cheaper.
pub(super) fn add(situation: &Situation<'_>, rules: &mut Rules<'_>, chosen: &mut Vec<Chosen>) {
    let Some(customer) = situation.session.customer.as_deref() else { return };
    for card in &situation.settings.stamp_cards {
        // The card's last units may be those just bought, and the cheaper one is in the basket already: what they leave
        // of the card is known by the next visit.
        let in_basket = situation.session.basket.lines.iter().map(|line| &line.item);
        if situation.session.bought_now().chain(in_basket).any(|item| is_of(situation, card, item)) {
            continue;
        }
        let wanted =
            situation.shop.customers.with(customer, |history| is_full(card, history).then(|| favourites(situation, card, history)));
        let Some(Some(favourites)) = wanted else { continue };
        let shelf = situation.shop.shelves.of(&card.category).into_iter().map(|slot| slot.item.clone());
        for item in favourites.into_iter().chain(shelf).take(LOOKED_AT) {
            if !has_room(situation, chosen) {
                return;
            }
            if let Some(found) = cheaper(situation, rules, card, &item, chosen) {
                chosen.push(found);
                break;
            }
        }
    }
}

fn cheaper(situation: &Situation<'_>, rules: &mut Rules<'_>, card: &StampCard, item: &ItemId, chosen: &[Chosen]) -> Option<Chosen> {
    let ground = Ground::StampCard { category: card.category.clone(), number: card.buy + 1 };
    let found = rules.choose(item, Role::Again, ground, chosen)?;
    let after = discounted(found.facets.price?, card.discount_ratio, found.facets.margin_ppm, &situation.settings.discounts);
    if after.is_none() {
        rules.drop(item, Outcome::NoMargin);
    }
    after.map(|after| Chosen { discounted: Some(after), ..found })
}

fn is_full(card: &StampCard, history: &History) -> bool {
    let of_card = history.stamps.iter().filter(|(category, _)| is_within(category, &card.category));
    let stamps = of_card.fold(0_u32, |sum, (_, units)| sum.saturating_add(*units));
    stamps % (card.buy + 1) == card.buy
}

fn is_of(situation: &Situation<'_>, card: &StampCard, item: &ItemId) -> bool {
    let category = situation.shop.catalogue.facets(item, situation.settings.currency).category;
    category.is_some_and(|category| is_within(&category, &card.category))
}

/// What the customer bought of the category, most often first.
fn favourites(situation: &Situation<'_>, card: &StampCard, history: &History) -> Vec<ItemId> {
    let of_card = history.items.iter().filter(|(item, _)| is_of(situation, card, item));
    let mut items: Vec<(u32, &ItemId)> = of_card.map(|(item, bought)| (bought.orders, item)).collect();
    items.sort_by_key(|(orders, item)| (std::cmp::Reverse(*orders), *item));
    items.into_iter().take(LOOKED_AT).map(|(_, item)| item.clone()).collect()
}
