//! What a reason says: what it rests on, the figures behind it, and what others think of the item.
//!
//! Invariant: what is not known, or not worth believing, never reaches a text: a count needs `COUNT_MIN` baskets
//! behind it, and one that cannot be true is as good as none.

use super::variable::{Variable, Variables};
use crate::engine::vocabulary::{OfferKind, Placement};
use crate::event::{Currency, Money};

/// Fewer baskets than this are not counted out to a shopper: "1 of 2" convinces nobody.
const COUNT_MIN: u64 = 5;
/// A rating by fewer is an opinion.
const RATINGS_MIN: u32 = 20;
/// A lower one is no recommendation: 4.0, in hundredths.
const RATING_MIN_CENTI: u16 = 400;
/// The best there is: 5.0, in hundredths.
const RATING_MAX_CENTI: u16 = 500;
/// Bought in fewer baskets in a week is not worth a sentence.
const WEEK_MIN: u32 = 10;

/// What a reason rests on; picks the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Bought together with an item.
    Pair,
    /// Its category is bought together with such items.
    Category,
    /// Bought by many of those who buy in its category.
    PopularInCategory,
    /// Bought by many.
    Popular,
    /// Chosen by the shop.
    Pinned,
    /// Bought by this customer before.
    History,
    /// Bought by this customer, and due again.
    Rebuy,
    /// A better one by its price and kind.
    Upgrade,
    /// A better one that others took after looking at this one.
    LearnedUpgrade,
    /// The next one up in the shop's own order of a family.
    Ladder,
    /// Cheaper together.
    Bundle,
    /// Counts towards a reward.
    StampCard,
    /// New in the shop.
    New,
}

impl Basis {
    /// Every basis, in order.
    pub const ALL: [Self; 13] = [
        Self::Pair,
        Self::Category,
        Self::PopularInCategory,
        Self::Popular,
        Self::Pinned,
        Self::History,
        Self::Rebuy,
        Self::Upgrade,
        Self::LearnedUpgrade,
        Self::Ladder,
        Self::Bundle,
        Self::StampCard,
        Self::New,
    ];

    /// The name its messages begin with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Category => "category",
            Self::PopularInCategory => "popular-in-category",
            Self::Popular => "popular",
            Self::Pinned => "pinned",
            Self::History => "history",
            Self::Rebuy => "rebuy",
            Self::Upgrade => "upgrade",
            Self::LearnedUpgrade => "learned-upgrade",
            Self::Ladder => "ladder",
            Self::Bundle => "bundle",
            Self::StampCard => "stamp-card",
            Self::New => "new",
        }
    }
}

/// What is to be said.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Where it is said.
    pub placement: Placement,
    /// What the offered item is to the basket.
    pub kind: OfferKind,
    /// What it rests on.
    pub basis: Basis,
    /// The title of the item it goes with, or takes the place of.
    pub with: Option<&'a str>,
    /// The name of the category the offered item is in.
    pub category: Option<&'a str>,
    /// How many of the baskets (of the shoppers, for a learned upgrade) had it too.
    pub together: u64,
    /// How many there were; for [`Basis::History`], the customer's earlier orders.
    pub baskets: u64,
    /// How much dearer an upgrade is.
    pub difference: Option<(Money, Currency)>,
    /// What a bundle or a stamp card saves.
    pub saving: Option<(Money, Currency)>,
    /// Days since the last purchase, for [`Basis::Rebuy`].
    pub days: Option<u64>,
    /// [`Basis::StampCard`]: which purchase it would be (`6`: "your 6th"). [`Basis::History`]: the orders that had it.
    pub number: Option<u64>,
}

/// Social proof; what is `None` or too small is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The mean rating, of at most 5, in hundredths.
    pub rating_centi: Option<u16>,
    /// How many rated it.
    pub rating_count: Option<u32>,
    /// In how many baskets it was bought in the last seven days.
    pub bought_this_week: Option<u32>,
}

/// The one proof that is said: the stronger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strongest {
    /// A mean rating in hundredths, and of how many.
    Rating(u16, u32),
    /// Baskets of this week.
    Week(u32),
}

impl Said<'_> {
    /// What may be spoken of.
    pub(super) fn known(&self) -> Variables {
        let possible = self.baskets > 0 && self.together <= self.baskets;
        let in_orders = self.basis != Basis::History || self.number.is_some_and(|number| number <= self.baskets);
        Variables::default()
            .with_if(Variable::With, self.with.is_some_and(is_named))
            .with_if(Variable::Category, self.category.is_some_and(is_named))
            .with_if(Variable::Baskets, possible)
            .with_if(Variable::Together, possible && self.together >= COUNT_MIN)
            .with_if(Variable::Bought, self.together > 0)
            .with_if(Variable::Difference, self.difference.is_some_and(is_some))
            .with_if(Variable::Saving, self.saving.is_some_and(is_some))
            .with_if(Variable::Days, self.days.is_some_and(|days| days > 0))
            .with_if(Variable::Number, in_orders && self.number.is_some_and(|number| number > 0))
    }
}

impl Proof {
    /// The stronger proof of those worth a sentence: what many think of it is worth more than that many buy it.
    pub(super) fn strongest(&self) -> Option<Strongest> {
        let rating = self.rating_centi.filter(|centi| (RATING_MIN_CENTI..=RATING_MAX_CENTI).contains(centi));
        let count = self.rating_count.filter(|count| *count >= RATINGS_MIN);
        match (rating.zip(count), self.bought_this_week) {
            (Some((centi, count)), _) => Some(Strongest::Rating(centi, count)),
            (None, Some(baskets)) if baskets >= WEEK_MIN => Some(Strongest::Week(baskets)),
            _ => None,
        }
    }
}

fn is_named(name: &str) -> bool {
    !name.trim().is_empty()
}

fn is_some((amount, _): (Money, Currency)) -> bool {
    amount > Money::ZERO
}
