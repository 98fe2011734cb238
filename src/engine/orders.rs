//! Orders: what was bought, what of it is an offer's doing, what went back.
//!
//! Invariant: a line's net value is shared exactly (the parts of a discount add up to it), and no more is
//! refunded than was bought.

use serde::{Deserialize, Serialize};

use super::basket::{BasketRules, evidence_of};
use super::facts::EvidenceLine;
use super::memory::{Heap, block, list, maybe, text};
use super::source::Source;
use crate::event::{Currency, Id, ItemId, Money, Quantity, Timestamp};

/// An order whose lines may still come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The order's id.
    pub id: Id,
    /// When it was placed.
    pub ts: Timestamp,
    /// The currency of its amounts.
    pub currency: Currency,
    /// Who bought, where known.
    pub customer: Option<Id>,
    /// Its lines, one an item.
    pub lines: Vec<OrderLine>,
    /// The weight its evidence was given, in thousandths.
    pub weight_milli: u16,
    /// Its lines past this many make no pairs.
    pub paired_lines: u32,
    /// The distinct categories of its lines, in their order.
    pub categories: Vec<Id>,
    /// When it is to be followed up, if that has not been done.
    pub follow_up_at: Option<Timestamp>,
    /// The earliest time of its events: when it closed the basket.
    pub closed_at: Timestamp,
    /// The shopper it counts for in the experiment.
    pub subject: Option<u64>,
    /// When it was called off, if it was.
    pub cancelled_at: Option<Timestamp>,
    /// What of its revenue was counted as that of an order with an offer, if it is one.
    pub counted_with_offer: Option<i128>,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The item.
    pub item: ItemId,
    /// How many units were bought.
    pub quantity: Quantity,
    /// Their value, net of the order's discount, in millionths.
    pub net_micros: i128,
    /// How many units went back, in thousandths.
    pub refunded_milli: u32,
    /// What of its value was counted as gone back, in millionths.
    pub refunded_micros: i128,
    /// What of it is offers' doing, the units that count as bought first before the others.
    pub credits: Vec<Credit>,
    /// An offer of another session of the customer, which gets what no offer of this one does.
    pub elsewhere: Option<Box<Source>>,
}

/// Units of a line that are an offer's doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credit {
    /// The offer.
    pub source: Source,
    /// From this many thousandths of the line's units on, in the order in which they count as bought,
    pub from_milli: u32,
    /// to this many.
    pub to_milli: u32,
    /// They are the rest of an order that is credited as a whole.
    pub is_spread: bool,
    /// The extra revenue that was counted, in millionths.
    pub gross_micros: i128,
    /// What of it was counted as gone back.
    pub refunded_micros: i128,
}

impl Heap for Order {
    fn heap(&self) -> usize {
        let lines = list::<OrderLine>(self.lines.len()) + self.lines.iter().map(Heap::heap).sum::<usize>();
        let categories = list::<Id>(self.categories.len()) + self.categories.iter().map(|one| text(one)).sum::<usize>();
        lines + categories + text(&self.id) + maybe(self.customer.as_ref())
    }
}

impl Heap for OrderLine {
    fn heap(&self) -> usize {
        let credits = list::<Credit>(self.credits.len()) + self.credits.iter().map(|credit| credit.source.heap()).sum::<usize>();
        let elsewhere = self.elsewhere.as_ref().map_or(0, |source| block(size_of::<Source>()) + source.heap());
        text(&self.item) + credits + elsewhere
    }
}

impl Credit {
    /// Of which nothing was counted yet.
    #[must_use]
    pub fn new(source: Source, from_milli: u32, to_milli: u32) -> Self {
        Self { source, from_milli, to_milli, is_spread: false, gross_micros: 0, refunded_micros: 0 }
    }

    /// Whether it is the same units of the same offer, counted under the same labels.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let of = |credit: &Self| (credit.from_milli, credit.to_milli, credit.is_spread);
        of(self) == of(other) && self.source == other.source
    }
}

impl Order {
    /// When it can be forgotten: after its refund window, and after it was followed up.
    #[must_use]
    pub fn over_at(&self, refund_window_ms: i64) -> Timestamp {
        self.ts.plus_ms(refund_window_ms).max(self.follow_up_at.unwrap_or_default())
    }

    /// The evidence its categories give.
    #[must_use]
    pub fn category_evidence(&self, rules: BasketRules) -> Vec<EvidenceLine> {
        let evidence = evidence_of(self.categories.len(), self.ts, rules);
        self.categories.iter().zip(evidence).map(|(category, evidence)| EvidenceLine { item: category.clone(), evidence }).collect()
    }

    /// The evidence its lines give.
    #[must_use]
    pub fn evidence(&self, rules: BasketRules) -> Vec<EvidenceLine> {
        let rules = BasketRules { weight_milli: self.weight_milli, paired_lines: self.paired_lines as usize, ..rules };
        let evidence = evidence_of(self.lines.len(), self.ts, rules);
        self.lines.iter().zip(evidence).map(|(line, evidence)| EvidenceLine { item: line.item.clone(), evidence }).collect()
    }
}

impl Order {
    /// Whether it was called off.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled_at.is_some()
    }
}

impl OrderLine {
    /// Whether all of it went back.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.refunded_milli >= self.quantity.0
    }

    /// How many units, in thousandths, were not given back.
    #[must_use]
    pub fn kept_milli(&self) -> u32 {
        self.quantity.0.saturating_sub(self.refunded_milli)
    }

    /// What the first of its units are worth, in millionths: all but what is refunded when the others go back.
    #[must_use]
    pub fn value_up_to(&self, milli: u32) -> i128 {
        self.net_micros - self.value_of(self.quantity.0.saturating_sub(milli))
    }

    /// What a unit of it cost, net.
    #[must_use]
    pub fn unit_price(&self) -> Option<Money> {
        let micros = self.net_micros.checked_mul(1_000)? / i128::from(self.quantity.0.max(1));
        i64::try_from(micros).ok().map(Money)
    }

    /// Takes `quantity` units back, as many as there are; returns their net value in millionths, rounded down
    /// until the last unit, which takes the rest.
    pub fn refund(&mut self, quantity: Quantity) -> i128 {
        self.refunded_milli = self.refunded_milli.saturating_add(quantity.0).min(self.quantity.0);
        self.value_back()
    }

    /// More units of it turn out to have been bought, at another price perhaps; returns by how much what went back is
    /// worth more than was counted, in millionths.
    pub fn grow(&mut self, quantity: Quantity, net_micros: i128) -> i128 {
        self.quantity = self.quantity.plus(quantity);
        self.net_micros += net_micros;
        self.value_back()
    }

    fn value_back(&mut self) -> i128 {
        let worth = self.value_of(self.refunded_milli);
        worth - std::mem::replace(&mut self.refunded_micros, worth)
    }

    fn value_of(&self, milli: u32) -> i128 {
        self.net_micros * i128::from(milli) / i128::from(self.quantity.0.max(1))
    }
}

/// Shares `amount` over `values` in proportion, largest remainder first, the first line on ties. The parts add
/// up to the amount, or to all the values if that is less.
#[must_use]
pub fn share(amount: Money, values: &[i128]) -> Vec<i128> {
    let total: i128 = values.iter().sum();
    if total <= 0 {
        return vec![0; values.len()];
    }
    let amount = i128::from(amount.0).min(total);
    let mut parts: Vec<i128> = values.iter().map(|value| amount * value / total).collect();
    let mut left = amount - parts.iter().sum::<i128>();
    let mut by_remainder: Vec<usize> = (0..values.len()).collect();
    by_remainder.sort_by_key(|&at| std::cmp::Reverse(amount * values[at] % total));
    for at in by_remainder {
        if left == 0 {
            break;
        }
        parts[at] += 1;
        left -= 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_discount_is_shared_by_value_and_the_first_line_wins_a_tie() {
        assert_eq!(share(Money(10), &[30, 70]), [3, 7]);
        assert_eq!(share(Money(10), &[1, 1, 1]), [1, 1, 1]);
        assert_eq!(share(Money(2), &[5, 5, 5]), [1, 1, 0]);
        assert_eq!(share(Money(5), &[0, 0]), [0, 0]);
    }

    #[test]
    fn no_more_is_refunded_than_was_bought_and_the_parts_add_up() {
        let quantity = Quantity(3_000);
        let mut line = OrderLine {
            item: "i".into(),
            quantity,
            net_micros: 10,
            refunded_milli: 0,
            refunded_micros: 0,
            credits: Vec::new(),
            elsewhere: None,
        };
        let parts: Vec<i128> = (0..4).map(|_| line.refund(Quantity::ONE)).collect();
        assert_eq!(parts, [3, 3, 4, 0]);
        assert_eq!([3_000, 2_000, 1_000, 0].map(|milli| line.value_up_to(milli)), [10, 7, 4, 0]);
    }

    proptest! {
        #[test]
        fn the_parts_of_a_discount_add_up_to_it(amount in 0..1_000_000_i64, values in proptest::collection::vec(0..1_000_000_i128, 1..50)) {
            let total: i128 = values.iter().sum();
            let parts = share(Money(amount), &values);
            prop_assert_eq!(parts.iter().sum::<i128>(), if total > 0 { i128::from(amount).min(total) } else { 0 });
            prop_assert!(parts.iter().zip(&values).all(|(part, value)| (0..=*value).contains(part)));
        }
    }
}
