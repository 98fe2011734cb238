//! Ladders: three price levels of the page's item: good, better, best.
//!
//! Invariant: a ladder is whole or not there: three items, each dearer than the one before, the first one the page's
//! own, which the others replace.

use super::rules::{Role, Rules};
use super::{Chosen, Ground, Situation, upsell};

/// The three levels, where the policy asks for them and they are there.
pub(super) fn choose(situation: &Situation<'_>, rules: &mut Rules<'_>) -> Option<Vec<Chosen>> {
    let page = situation.focus.filter(|_| situation.policy.ladder)?;
    let good = rules.choose(page, Role::Level(page), Ground::Level(page.clone()), &[])?;
    let page_price = good.facets.price;
    let mut levels = vec![good];
    while levels.len() < 3 {
        let last = levels.last()?;
        let (item, price) = (last.item.clone(), last.facets.price);
        let next = upsell::best_for(situation, rules, &item, price, Role::Level(page), &levels)?;
        // Whatever level is taken, it is in the place of what the shopper looked at.
        levels.push(Chosen { replaces: Some((page.clone(), page_price)), ..next });
    }
    Some(levels)
}
