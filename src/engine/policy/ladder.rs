//! Ladders: three price levels of the page's item: good, better, best.
//!
//! Invariant: a ladder is whole or not there: three items, each dearer than the one before, the first one the page's
//! own.

use super::rules::{Role, Rules};
use super::{Chosen, Ground, Situation, upsell};

/// The three levels, where the policy asks for them and they are there.
pub(super) fn choose(situation: &Situation<'_>, rules: &mut Rules<'_>) -> Option<Vec<Chosen>> {
    let page = situation.focus.filter(|_| situation.policy.ladder)?;
    let good = rules.choose(page, Role::Level(page), Ground::Level(page.clone()), &[])?;
    let mut levels = vec![good];
    while levels.len() < 3 {
        let last = levels.last()?;
        let (item, price) = (last.item.clone(), last.facets.price);
        let next = upsell::best_for(situation, rules, Role::Level(page), &item, price, &levels)?;
        levels.push(next);
    }
    Some(levels)
}
