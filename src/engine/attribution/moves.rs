//! Moves of offered items in and out of the basket: what attribution has to know of them.
//!
//! Invariant: of items that are offered, and no more than the limit; the oldest are forgotten first.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::settle::Happened;
use crate::engine::memory::{Heap, list, text};
use crate::event::{ItemId, Quantity, Timestamp};

/// Moves remembered of one session.
pub const MOVES_MAX: usize = 256;

/// The moves of one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moves(VecDeque<Move>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Move {
    item: ItemId,
    ts: Timestamp,
    what: What,
}

/// What was done with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// So many units were put into the basket.
    Added(Quantity),
    /// So many were taken out; all without a number.
    Removed(Option<Quantity>),
    /// The basket has so many now.
    Set(Quantity),
}

impl Heap for Moves {
    fn heap(&self) -> usize {
        list::<Move>(self.0.len()) + self.0.iter().map(|one| text(&one.item)).sum::<usize>()
    }
}

impl Moves {
    /// Remembers a move.
    pub fn add(&mut self, item: &ItemId, ts: Timestamp, what: What) {
        if self.0.len() >= MOVES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Move { item: item.clone(), ts, what });
    }

    /// Forgets what is not of these items.
    pub fn keep(&mut self, is_offered: impl Fn(&str) -> bool) {
        self.0.retain(|one| is_offered(&one.item));
    }

    /// What happened to an item.
    pub(super) fn of<'a>(&'a self, item: &'a str) -> impl Iterator<Item = (Timestamp, Happened)> + 'a {
        self.0.iter().filter(move |one| one.item == item).map(|one| {
            let what = match one.what {
                What::Added(quantity) => Happened::Added(quantity.0.into()),
                What::Removed(Some(quantity)) => Happened::Removed(quantity.0.into()),
                What::Removed(None) => Happened::Removed(u64::MAX),
                What::Set(quantity) => Happened::Set(quantity.0.into()),
            };
            (one.ts, what)
        })
    }
}
