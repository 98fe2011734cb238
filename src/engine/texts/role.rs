//! What a message is for, read from its name.
//!
//! Invariant: a name has one meaning, or none. What a name means is decided when a file is added, never when a
//! reason is said.

use super::said::Basis;
use super::variable::Variable;
use crate::engine::vocabulary::{OfferKind, Placement};
use crate::event::Currency;

/// The forms of a reason, the one that says most first. `en.ftl` tells what each is for.
const FORMS: [&str; 9] = ["", "few", "untitled", "few-untitled", "unpriced", "unnamed", "plain", "plain-untitled", "bare"];

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A reason.
    Reason(Occasion),
    /// The second sentence, on its ratings.
    ProofRating,
    /// The second sentence, on the baskets of this week.
    ProofWeek,
    /// An amount of a currency; of any that has no message of its own.
    Money(Option<Currency>),
}

/// When a reason is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    pub basis: Basis,
    /// Only there.
    pub placement: Option<Placement>,
    /// Only for that kind.
    pub kind: Option<OfferKind>,
    /// Its place in [`FORMS`].
    form: u8,
}

impl Role {
    /// What a message of that name is for; `None` when it is for nothing.
    pub fn of(id: &str) -> Option<Self> {
        match id {
            "proof-rating" => return Some(Self::ProofRating),
            "proof-week" => return Some(Self::ProofWeek),
            "currency" => return Some(Self::Money(None)),
            _ => {}
        }
        if let Some(code) = id.strip_prefix("currency-") {
            return Currency::parse(code).map(|currency| Self::Money(Some(currency)));
        }
        Basis::ALL.into_iter().find_map(|basis| Occasion::of(basis, id)).map(Self::Reason)
    }

    /// What such a message may speak of.
    pub fn variables(self) -> &'static [Variable] {
        use Variable::*;
        match self {
            Self::Reason(_) => &[With, Category, Together, Baskets, Difference, Saving, Days, Number],
            Self::ProofRating => &[Rating, Count],
            Self::ProofWeek => &[Count],
            Self::Money(_) => &[Amount, Code],
        }
    }
}

impl Occasion {
    fn of(basis: Basis, id: &str) -> Option<Self> {
        let rest = id.strip_prefix(basis.as_str())?;
        let placements = Placement::ALL.iter().map(|placement| Some(*placement)).chain([None]);
        placements.filter_map(|placement| Some((placement, after(rest, placement.map(Placement::as_str))?))).find_map(
            |(placement, rest)| {
                let kinds = OfferKind::ALL.iter().map(|kind| Some(*kind)).chain([None]);
                kinds.filter_map(|kind| Some((kind, after(rest, kind.map(OfferKind::as_str))?))).find_map(|(kind, rest)| {
                    let form = FORMS.iter().position(|form| after(rest, (!form.is_empty()).then_some(form)) == Some(""))?;
                    Some(Self { basis, placement, kind, form: form as u8 })
                })
            },
        )
    }

    /// Whether it is one for this basis, placement and kind.
    pub fn is_for(self, basis: Basis, placement: Placement, kind: OfferKind) -> bool {
        self.basis == basis && self.placement.is_none_or(|own| own == placement) && self.kind.is_none_or(|own| own == kind)
    }

    /// The smaller, the sooner it is said. A form that says more goes before one that is meant for the very placement.
    pub fn order(self) -> (u8, bool, bool) {
        (self.form, self.placement.is_none(), self.kind.is_none())
    }

    /// Whether it says that the item was bought, without a count.
    pub fn says_bought(self) -> bool {
        FORMS.get(usize::from(self.form)).is_some_and(|form| form.starts_with("few"))
    }
}

/// What follows `-name` (with `_` written as `-`) at the start of the text; all of the text for no name.
fn after<'a>(text: &'a str, name: Option<&str>) -> Option<&'a str> {
    let Some(name) = name else { return Some(text) };
    let rest = text.strip_prefix('-')?;
    let (head, rest) = rest.split_at_checked(name.len())?;
    let is_name = head.bytes().zip(name.bytes()).all(|(ours, theirs)| ours == if theirs == b'_' { b'-' } else { theirs });
    (is_name && (rest.is_empty() || rest.starts_with('-'))).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occasion(id: &str) -> Option<(Basis, Option<Placement>, Option<OfferKind>, &'static str)> {
        match Role::of(id)? {
            Role::Reason(found) => Some((found.basis, found.placement, found.kind, FORMS[usize::from(found.form)])),
            _ => None,
        }
    }

    #[test]
    fn a_name_is_a_basis_with_a_placement_a_kind_and_a_form_or_without() {
        use Basis::*;
        for (id, expected) in [
            ("pair", (Pair, None, None, "")),
            ("pair-few-untitled", (Pair, None, None, "few-untitled")),
            ("pair-cart", (Pair, Some(Placement::Cart), None, "")),
            ("pair-add-on-few", (Pair, None, Some(OfferKind::AddOn), "few")),
            ("pair-follow-up-cross-sell-plain", (Pair, Some(Placement::FollowUp), Some(OfferKind::CrossSell), "plain")),
            ("popular-in-category-bare", (PopularInCategory, None, None, "bare")),
            ("popular-product-page", (Popular, Some(Placement::ProductPage), None, "")),
            ("bundle-bundle", (Bundle, None, Some(OfferKind::Bundle), "")),
            ("learned-upgrade-upsell", (LearnedUpgrade, None, Some(OfferKind::Upsell), "")),
        ] {
            assert_eq!(occasion(id), Some(expected), "{id}");
        }
    }

    #[test]
    fn a_name_that_means_nothing_has_no_role() {
        for id in ["", "pairs", "pair-", "pair-basket", "pair-cart-", "pair-add_on", "pair-few-few", "cart-pair", "currency-XXX", "proof"] {
            assert_eq!(Role::of(id), None, "{id}");
        }
        assert_eq!(Role::of("currency-USD"), Some(Role::Money(Some(Currency::USD))));
    }

    #[test]
    fn every_basis_stands_at_its_own_place() {
        for (at, basis) in Basis::ALL.into_iter().enumerate() {
            assert_eq!(basis as usize, at);
        }
    }
}
