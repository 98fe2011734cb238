//! One list of a basket's lines giving way to another: what changes in each item's row.
//!
//! Invariant: in each list a line weighs for its own item, and for its pairs with all lines before it, so a pair
//! weighs what its later line says.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::decay::{Decay, Stage};
use super::facts::EvidenceLine;
use crate::event::ItemId;

/// A change of a row: by how much the pair with one neighbour moves.
#[derive(Clone, Copy, Default)]
pub struct Delta {
    /// In weight.
    pub weight: i128,
    /// In purchased baskets with both.
    pub together: i64,
    /// In how soon the neighbour came after the row's own item in those; see [`FOLLOWS`].
    pub follows: i64,
}

/// What a purchased basket adds to a pair in which the neighbour came so many places after the row's own item, in 64ths:
/// 0.6 to the power of the places between them.
pub const FOLLOWS: [u32; 10] = [64, 38, 23, 14, 8, 5, 3, 2, 1, 1];

/// The lines of a change, with their weights worked out once.
pub struct BasketChange {
    /// All items of both lists, each once.
    pub items: Vec<ItemId>,
    /// Which of them may be in a pair: a basket's lines past its limit are in none, and there may be thousands.
    pub paired: Vec<usize>,
    before: Vec<Option<Placed>>,
    after: Vec<Option<Placed>>,
}

/// A line's place in its list and what it weighs.
#[derive(Clone, Copy)]
struct Placed {
    place: usize,
    item_weight: u64,
    pair_weight: u64,
    pairs: bool,
    bought: bool,
}

impl BasketChange {
    /// Works the weights out.
    #[must_use]
    pub fn new(decay: Decay, before: &[EvidenceLine], after: &[EvidenceLine]) -> Self {
        let mut index: HashMap<&str, usize, FixedState> = HashMap::default();
        let mut items = Vec::new();
        for line in before.iter().chain(after) {
            index.entry(&line.item).or_insert_with(|| {
                items.push(line.item.clone());
                items.len() - 1
            });
        }
        let place = |lines: &[EvidenceLine]| {
            let mut placed = vec![None; items.len()];
            for (place, line) in lines.iter().enumerate() {
                placed[index[line.item.as_str()]] = Some(Placed {
                    place,
                    item_weight: decay.item_weight(&line.evidence),
                    pair_weight: decay.pair_weight(&line.evidence),
                    pairs: line.evidence.partners > 0,
                    bought: line.evidence.stage == Stage::Purchase,
                });
            }
            placed
        };
        let (before, after) = (place(before), place(after));
        let (before_end, after_end) = (paired_end(&before), paired_end(&after));
        let is_in = |placed: Option<Placed>, end: usize| placed.is_some_and(|placed| placed.place < end);
        let paired = (0..items.len()).filter(|at| is_in(before[*at], before_end) || is_in(after[*at], after_end)).collect();
        Self { items, paired, before, after }
    }

    /// What changes in the row of the item `at`, of its own.
    #[must_use]
    pub fn own_delta(&self, at: usize) -> Delta {
        let mut delta = Delta::default();
        for (lines, sign) in [(&self.before, -1), (&self.after, 1)] {
            if let Some(own) = lines[at] {
                delta.weight += i128::from(sign) * i128::from(own.item_weight);
                delta.together += i64::from(sign) * i64::from(own.bought);
            }
        }
        delta
    }

    /// What changes in the row of the item `at`: for each of `paired` its pair, in its own place the item.
    pub fn deltas_of(&self, at: usize, deltas: &mut Vec<Delta>) {
        deltas.clear();
        deltas.resize(self.paired.len(), Delta::default());
        for (lines, sign) in [(&self.before, -1), (&self.after, 1)] {
            let Some(own) = lines[at] else { continue };
            for (other, delta) in self.paired.iter().map(|other| lines[*other]).zip(deltas.iter_mut()) {
                let Some(other) = other else { continue };
                let (weight, counts) = if other.place == own.place {
                    (own.item_weight, own.bought)
                } else {
                    let later = if other.place > own.place { other } else { own };
                    (later.pair_weight, later.bought && later.pairs)
                };
                delta.weight += i128::from(sign) * i128::from(weight);
                delta.together += i64::from(sign) * i64::from(counts);
                if counts && other.place > own.place {
                    let follows = FOLLOWS.get(other.place - own.place - 1).copied().unwrap_or_default();
                    delta.follows += i64::from(sign) * i64::from(follows);
                }
            }
        }
    }
}

/// One past the last place of a list whose line makes pairs with those before it.
fn paired_end(lines: &[Option<Placed>]) -> usize {
    lines.iter().flatten().filter(|line| line.pairs || line.pair_weight > 0).map(|line| line.place + 1).max().unwrap_or_default()
}
