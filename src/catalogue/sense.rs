//! What a product says of itself that makes no sense. What needs other products to be seen, a chain that leads
//! back to its start or an upgrade that is cheaper, is the engine's: [`Catalogue::check_relations`].
//!
//! Invariant: only what makes no sense is left out; the product is kept.
//!
//! [`Catalogue::check_relations`]: crate::engine::catalogue::Catalogue::check_relations

use std::collections::BTreeSet;

use crate::engine::catalogue::{Product, Warning};
use crate::event::ItemId;

/// What separates the steps of a category that is a path.
const PATH_SEPARATOR: &str = " > ";

/// Leaves out what makes no sense, and says what that was.
pub fn leave_out_nonsense(item: &ItemId, product: &mut Product) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |field, detail: String| warnings.push(Warning { item: item.clone(), field, detail });
    for (field, relation) in [("upgrade_of", &mut product.upgrade_of), ("variant_of", &mut product.variant_of)] {
        if relation.take_if(|other| other == item).is_some() {
            warn(field, "it names the item itself".to_owned());
        }
    }
    for (field, list) in [("pinned", &mut product.pinned), ("excluded", &mut product.excluded)] {
        let before = list.len();
        list.retain(|other| other != item);
        if list.len() < before {
            warn(field, "it names the item itself".to_owned());
        }
    }
    let excluded = &product.excluded;
    product.pinned.retain(|other| {
        let is_both = excluded.contains(other);
        if is_both {
            warn("pinned", format!("{other} is excluded as well, and that counts"));
        }
        !is_both
    });
    if let Some(category) = product.category.take_if(|category| goes_in_circles(category)) {
        warn("category", format!("{category:?} names a step of its path twice"));
    }
    warnings
}

fn goes_in_circles(category: &str) -> bool {
    let mut steps = BTreeSet::new();
    category.split(PATH_SEPARATOR).any(|step| !steps.insert(step.trim()))
}
