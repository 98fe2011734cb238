//! The book of one experiment: who is in it, what they spent while their days ran, and the sums of those whose days
//! are over.
//!
//! Invariant: it is told things in the order of their time. A shopper's outcome is what they spent by orders placed
//! between the first would-be offer and the end of the window, less what of it went back by then, held between 0 and
//! the cap; it is entered once, when the window is over, in the order of `(end of the window, shopper)`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::cap::Orders;
use super::mixtures;
use super::remembered::Remembered;
use super::sample_ratio::SampleRatio;
use super::sequence::Sums;
use crate::engine::facts::Plan;
use crate::engine::memory::{list, table, tree};
use crate::engine::vocabulary::{Arm, Placement};

const PLACEMENTS: usize = Placement::ALL.len();
/// Closed shoppers of each arm below which no loss is told, however clear.
const SHOPPERS_MIN: u64 = 100;

/// One experiment's shoppers and figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// The experiment.
    pub plan: Plan,
    /// When a shopper was last told to be in it, in milliseconds.
    pub last_at: i64,
    /// The most that one shopper counts for, in millionths; 0 while it is not known.
    pub cap_micros: i128,
    /// When the first window was over, in milliseconds.
    pub first_closed_at: Option<i64>,
    /// The outcomes of all whose days are over.
    pub arms: Arms,
    /// How the shoppers who came in are spread over the arms.
    pub ratio: SampleRatio,
    /// Shoppers who logged in as a customer of the other arm.
    pub crossovers: u64,
    /// What came of shoppers whose days were over, more than the grace after its time.
    pub late: u64,
    /// Shoppers who found no room.
    pub refused: u64,
    /// Shoppers who were forgotten to make room, and may enter again.
    pub forgotten: u64,
    entries: BTreeMap<u64, Entry>,
    due: BTreeSet<(i64, u64)>,
    closed: Remembered,
    placements: [Arms; PLACEMENTS],
    losing: [bool; PLACEMENTS],
    open: [u64; 2],
}

/// The sums of both arms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Arms {
    /// Those who get offers.
    pub treatment: Sums,
    /// Those who are kept from them.
    pub holdout: Sums,
}

/// A shopper whose days run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    entered: i64,
    arm: Arm,
    /// Where: nothing that an offer did came before. Whether a shopper gets on to another placement may be the doing
    /// of offers, so that there the arms could not be compared.
    placement: Placement,
    net_micros: i128,
}

impl Arms {
    /// The sums of an arm.
    #[must_use]
    pub fn of(&self, arm: Arm) -> &Sums {
        match arm {
            Arm::Treatment => &self.treatment,
            Arm::Holdout => &self.holdout,
        }
    }

    fn add(&mut self, arm: Arm, outcome_micros: i128, cap_micros: i128) {
        let sums = match arm {
            Arm::Treatment => &mut self.treatment,
            Arm::Holdout => &mut self.holdout,
        };
        sums.add(outcome_micros, cap_micros);
    }

    /// Whether the treatment arm is surely below the held-out one.
    fn loses(&self, cap_micros: i128) -> bool {
        if self.treatment.shoppers.min(self.holdout.shoppers) < SHOPPERS_MIN {
            return false;
        }
        let mixture = mixtures::placement();
        // Cheap, and true nearly always: even the least that the bounds can be overlap.
        let least = |sums: &Sums| sums.least_reach_grown(1.0, cap_micros, mixture);
        let overlap = self.holdout.mean() - self.treatment.mean() <= least(&self.treatment) + least(&self.holdout);
        !overlap && self.treatment.band(cap_micros, mixture).upper < self.holdout.band(cap_micros, mixture).lower
    }
}

impl Book {
    /// An experiment nobody is in.
    #[must_use]
    pub fn new(plan: Plan, at: i64) -> Self {
        Self {
            plan,
            last_at: at,
            cap_micros: i128::from(plan.cap_micros),
            first_closed_at: None,
            arms: Arms::default(),
            ratio: SampleRatio::default(),
            crossovers: 0,
            late: 0,
            refused: 0,
            forgotten: 0,
            entries: BTreeMap::new(),
            due: BTreeSet::new(),
            closed: Remembered::default(),
            placements: Default::default(),
            losing: [false; PLACEMENTS],
            open: [0; 2],
        }
    }

    /// The share to be held out.
    #[must_use]
    pub fn planned(&self) -> f64 {
        f64::from(self.plan.holdout_millionths) / 1e6
    }

    /// How many shoppers of an arm are in it whose days run.
    #[must_use]
    pub fn open(&self, arm: Arm) -> u64 {
        self.open[arm as usize]
    }

    /// How many shoppers are held in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        self.entries.len() + self.closed.len()
    }

    /// How many bytes they take: see [`crate::engine::memory`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        let open = tree(self.entries.len(), size_of::<(u64, Entry)>()) + tree(self.due.len(), size_of::<(i64, u64)>());
        open + list::<u64>(self.closed.len()) + table(self.closed.len(), size_of::<u64>())
    }

    /// How many shoppers were forgotten, or found no room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.refused + self.forgotten
    }

    /// Whether the shopper is, or was, in it.
    #[must_use]
    pub fn knows(&self, subject: u64) -> bool {
        self.entries.contains_key(&subject) || self.closed.contains(subject)
    }

    /// Whether offers to those who come in at a placement surely cost more than they bring.
    #[must_use]
    pub fn loses_money(&self, placement: Placement) -> bool {
        self.losing[placement as usize] && !self.ratio.alarms()
    }

    /// Forgets the shopper whose days were over first; `false` if there is none.
    pub fn forget_oldest(&mut self) -> bool {
        let forgot = self.closed.forget_oldest();
        self.forgotten += u64::from(forgot);
        forgot
    }

    /// A shopper who is not known comes in, by the first would-be offer.
    pub fn enter(&mut self, subject: u64, arm: Arm, placement: Placement, at: i64) {
        self.entries.insert(subject, Entry { entered: at, arm, placement, net_micros: 0 });
        self.due.insert((at.saturating_add(self.plan.window_ms), subject));
        self.open[arm as usize] += 1;
        let planned = self.planned();
        if planned > 0.0 && planned < 1.0 {
            self.ratio.count(arm, planned);
        }
    }

    /// A shopper spent, or got back, `net_micros` at `at` of an order placed at `ts`; `late` when that came more than
    /// the grace after its time.
    pub fn spent(&mut self, subject: u64, ts: i64, at: i64, net_micros: i128, late: bool) {
        if let Some(entry) = self.entries.get_mut(&subject) {
            let end = entry.entered.saturating_add(self.plan.window_ms);
            if ts >= entry.entered && at <= end {
                entry.net_micros = entry.net_micros.saturating_add(net_micros);
            }
        } else if late && self.closed.contains(subject) {
            self.late += 1;
        }
    }

    /// Enters the outcomes of all whose windows were over before `before`.
    pub fn close(&mut self, before: i64, orders: &Orders) {
        while let Some((due, subject)) = self.due.first().copied().filter(|(due, _)| *due < before) {
            if self.cap_micros == 0 {
                let Some(cap_micros) = orders.cap_micros() else { return };
                self.cap_micros = cap_micros;
            }
            self.due.pop_first();
            self.first_closed_at.get_or_insert(due);
            self.closed.push(subject);
            if let Some(entry) = self.entries.remove(&subject) {
                self.add(entry);
            }
        }
    }

    fn add(&mut self, entry: Entry) {
        let Entry { arm, net_micros, placement, .. } = entry;
        let at = placement as usize;
        self.open[arm as usize] -= 1;
        self.arms.add(arm, net_micros, self.cap_micros);
        self.placements[at].add(arm, net_micros, self.cap_micros);
        self.losing[at] = self.placements[at].loses(self.cap_micros);
    }
}

#[path = "../frozen/book.rs"]
pub mod frozen;
