//! What an experiment says now: what metrics, reports and people are shown of it.
//!
//! Invariant: no effect is given before there is enough to tell one, nor while the arms are not what was planned, nor
//! where nobody tells whether offers were seen; what is given holds at every look. A pure function of the ledger.

use super::book::Book;
use super::ledger::Ledger;
use super::mixtures;
use super::sequence::{Band, RatioBand, Sums};
use crate::engine::facts::Plan;
use crate::engine::vocabulary::{Arm, ExperimentState};

/// Closed shoppers of each arm below which a difference is not given, however clear.
const SHOPPERS_MIN: u64 = 100;
const DAY_MS: i64 = 86_400_000;
/// Farther ahead than this no date is given.
const AHEAD_MAX_MS: i64 = 3_650 * DAY_MS;
/// How exact the date is: nobody plans by the minute.
const STEP_MS: i64 = 3_600_000;

/// What an experiment says now. Amounts are in millionths of the shop's currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// How far it is.
    pub state: ExperimentState,
    /// Those who get offers.
    pub treatment: ArmReading,
    /// Those who are kept from them.
    pub holdout: ArmReading,
    /// The most that one shopper counts for, once known.
    pub cap_micros: Option<i128>,
    /// By how much offers raise what a shopper spends; when ready.
    pub difference: Option<Band>,
    /// The same, as a share of what the held out spend; when ready.
    pub ratio: Option<RatioBand>,
    /// The difference times the shoppers of the treatment arm: what offers brought in all; when ready.
    pub incremental: Option<Band>,
    /// The smallest effect that could be seen with today's data, as a share of what the held out spend.
    pub detectable_ratio: Option<f64>,
    /// When the effect asked for could be seen, at the present rate, in seconds since 1970; while collecting.
    pub ready_at: Option<i64>,
    /// How likely arms as uneven as these are, where the plan is kept.
    pub sample_ratio_p_value: f64,
    /// The share to be held out.
    pub planned: f64,
    /// The share that was.
    pub seen: Option<f64>,
    /// Shoppers who logged in as a customer of the other arm.
    pub crossovers: u64,
    /// Facts that came too late to be counted.
    pub late: u64,
}

/// One arm of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ArmReading {
    /// Shoppers whose days are over.
    pub shoppers: u64,
    /// Shoppers whose days run.
    pub open: u64,
    /// What the former spent, each up to the cap.
    pub revenue_micros: i128,
    /// That of one shopper; when ready. Who has it of both arms can subtract, so that it belongs to the effect.
    pub per_shopper: Option<Band>,
}

impl Reading {
    /// What the experiment of `plan` says, where an effect of `detectable_ratio` is asked for; `is_heard` where it is
    /// known whether offers reach anybody ([`Shop::is_heard`](crate::engine::shop::Shop::is_heard)).
    #[must_use]
    pub fn of(ledger: &Ledger, plan: &Plan, detectable_ratio: f64, is_heard: bool) -> Self {
        let nobody = Book::new(*plan, 0);
        let book = ledger.book(plan).unwrap_or(&nobody);
        let bands = band(book, Arm::Treatment).zip(band(book, Arm::Holdout));
        let detectable = detectable(book, 1.0).filter(|_| is_heard);
        let state = state(book, is_heard, bands.as_ref().map(difference), detectable, detectable_ratio);
        let bands = bands.filter(|_| state == ExperimentState::Ready);
        let treatment = arm_reading(ledger, book, Arm::Treatment, bands.map(|(treatment, _)| treatment));
        let holdout = arm_reading(ledger, book, Arm::Holdout, bands.map(|(_, holdout)| holdout));
        let difference = bands.as_ref().map(difference);
        let shoppers = treatment.shoppers as f64;
        let times = |band: Band| Band { lower: band.lower * shoppers, estimate: band.estimate * shoppers, upper: band.upper * shoppers };
        let collecting = state == ExperimentState::Collecting;
        Self {
            state,
            treatment,
            holdout,
            cap_micros: Some(book.cap_micros).filter(|cap| *cap > 0),
            difference,
            ratio: bands.map(|(treatment, holdout)| RatioBand::of(&treatment, &holdout)),
            incremental: difference.map(times),
            detectable_ratio: detectable,
            ready_at: if collecting { ready_at(ledger, book, detectable_ratio) } else { None },
            sample_ratio_p_value: book.ratio.p_value(),
            planned: book.planned(),
            seen: book.ratio.seen(),
            crossovers: book.crossovers,
            late: book.late,
        }
    }
}

fn arm_reading(ledger: &Ledger, book: &Book, arm: Arm, per_shopper: Option<Band>) -> ArmReading {
    let sums = book.arms.of(arm);
    ArmReading {
        shoppers: sums.shoppers,
        open: book.open(arm) + ledger.arriving(&book.plan, arm),
        revenue_micros: sums.revenue_micros,
        per_shopper,
    }
}

/// What one shopper of an arm spends; absent while there is nobody, and so no cap.
fn band(book: &Book, arm: Arm) -> Option<Band> {
    let sums = book.arms.of(arm);
    (sums.shoppers > 0).then(|| sums.band(book.cap_micros, mixtures::experiment()))
}

fn difference((treatment, holdout): &(Band, Band)) -> Band {
    Band::difference(treatment, holdout)
}

fn state(book: &Book, is_heard: bool, difference: Option<Band>, detectable: Option<f64>, asked: f64) -> ExperimentState {
    if book.plan.holdout_millionths == 0 {
        return ExperimentState::Off;
    }
    if !is_heard {
        return ExperimentState::NoFeedback;
    }
    if book.ratio.alarms() {
        return ExperimentState::SampleRatio;
    }
    let enough = book.arms.treatment.shoppers.min(book.arms.holdout.shoppers) >= SHOPPERS_MIN;
    let clear = enough && difference.is_some_and(|band| band.excludes_zero());
    if clear || detectable.is_some_and(|ratio| ratio <= asked) { ExperimentState::Ready } else { ExperimentState::Collecting }
}

/// Half the width of the difference's band as a share of what the held out spend, once there is `growth` times as much
/// of the same data.
fn detectable(book: &Book, growth: f64) -> Option<f64> {
    share_of_base(book, |sums| sums.reach_grown(growth, book.cap_micros, mixtures::experiment()))
}

fn share_of_base(book: &Book, reach: impl Fn(&Sums) -> f64) -> Option<f64> {
    let base = book.arms.holdout.mean();
    let ratio = (reach(&book.arms.treatment) + reach(&book.arms.holdout)) / base;
    Some(ratio).filter(|ratio| base > 0.0 && ratio.is_finite())
}

/// When the effect asked for could be seen if shoppers keep coming, and spending, as they did since the first one's
/// days were over.
fn ready_at(ledger: &Ledger, book: &Book, asked: f64) -> Option<i64> {
    let elapsed = ledger.horizon() - book.first_closed_at?;
    if elapsed < DAY_MS {
        return None;
    }
    let growth = |ahead: i64| 1.0 + ahead as f64 / elapsed as f64;
    // Cheaply first: with the least that the bounds can be, would it ever be seen?
    let least = |sums: &Sums| sums.least_reach_grown(growth(AHEAD_MAX_MS), book.cap_micros, mixtures::experiment());
    share_of_base(book, least).filter(|ratio| *ratio <= asked)?;
    let seen_in = |ahead: i64| detectable(book, growth(ahead)).is_some_and(|ratio| ratio <= asked);
    let (mut before, mut after) = (0, DAY_MS);
    while !seen_in(after) {
        if after >= AHEAD_MAX_MS {
            return None;
        }
        (before, after) = (after, (2 * after).min(AHEAD_MAX_MS));
    }
    while after - before > STEP_MS {
        let middle = before + (after - before) / 2;
        if seen_in(middle) {
            after = middle;
        } else {
            before = middle;
        }
    }
    Some(ledger.clock().saturating_add(after).div_euclid(1_000))
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
