use super::super::test_random::Random;
use super::*;
use crate::engine::facts::Fact;
use crate::engine::vocabulary::Placement;
use crate::event::Timestamp;

const PLAN: Plan = Plan { salt: 1, holdout_millionths: 500_000, window_ms: DAY_MS, cap_micros: 100_000_000 };
const START: i64 = 20_000 * DAY_MS;

/// A shop to which shoppers come at an even pace; those who get offers buy `lift` times as often.
struct Stream {
    ledger: Ledger,
    random: Random,
    plan: Plan,
    /// The share really held out.
    holdout: f64,
    lift: f64,
    shoppers: u64,
}

/// Between two shoppers: 200 a day.
const PACE_MS: i64 = DAY_MS / 200;

impl Stream {
    fn new(plan: Plan, lift: f64) -> Self {
        let holdout = f64::from(plan.holdout_millionths) / 1e6;
        Self { ledger: Ledger::new(1_000_000), random: Random(11), plan, holdout, lift, shoppers: 0 }
    }

    fn until(mut self, days: i64) -> Self {
        while self.now() < START + days * DAY_MS {
            self.shopper();
        }
        self
    }

    fn now(&self) -> i64 {
        START + self.shoppers as i64 * PACE_MS
    }

    fn shopper(&mut self) {
        let ts = Timestamp(self.now());
        let (subject, plan) = (self.shoppers + 1, self.plan);
        let (arm, lift) = if self.random.unit() < self.holdout { (Arm::Holdout, 1.0) } else { (Arm::Treatment, self.lift) };
        self.ledger.fold(&Fact::Eligible { plan, subject, arm, placement: Placement::Cart, ts });
        if self.random.unit() < 0.4 * lift {
            let net_micros = (self.random.unit() * 80.0) as i128 * 1_000_000;
            self.ledger.fold(&Fact::Spent { subject, ts, at: ts, net_micros, first: true });
        }
        self.shoppers += 1;
    }

    fn reading(&self, detectable_ratio: f64) -> Reading {
        Reading::of(&self.ledger, &self.plan, detectable_ratio, true)
    }
}

fn says_nothing_of_an_effect(reading: &Reading) -> bool {
    let arms = [reading.treatment, reading.holdout];
    let tells_nothing = reading.difference.is_none() && reading.ratio.is_none() && reading.incremental.is_none();
    tells_nothing && arms.iter().all(|arm| arm.per_shopper.is_none())
}

#[test]
fn where_nobody_is_held_out_the_experiment_is_off() {
    let reading = Stream::new(Plan { holdout_millionths: 0, ..PLAN }, 1.0).until(5).reading(1_000.0);
    assert_eq!(reading.state, ExperimentState::Off);
    assert!(says_nothing_of_an_effect(&reading));
    assert!(reading.treatment.shoppers > 500);
}

#[test]
fn before_anybody_came_nothing_is_known() {
    let reading = Reading::of(&Ledger::new(10), &PLAN, 0.1, true);
    assert_eq!(reading.state, ExperimentState::Collecting);
    assert!(says_nothing_of_an_effect(&reading));
    assert_eq!((reading.detectable_ratio, reading.ready_at, reading.seen), (None, None, None));
    assert_eq!((reading.treatment, reading.holdout), (ArmReading::default(), ArmReading::default()));
    assert_eq!((reading.planned, reading.sample_ratio_p_value), (0.5, 1.0));
}

#[test]
fn no_date_is_given_before_a_day_of_closings_nor_for_what_takes_ten_years() {
    let stream = Stream::new(PLAN, 1.0).until(2);
    let reading = stream.reading(0.1);
    assert!(reading.holdout.shoppers > 10 && reading.detectable_ratio.is_some());
    assert_eq!(reading.ready_at, None);
    let stream = stream.until(10);
    assert!(stream.reading(0.1).ready_at.is_some());
    assert_eq!(stream.reading(0.001).ready_at, None);
}

#[test]
fn while_collecting_the_date_is_given_and_then_it_is_so() {
    let stream = Stream::new(PLAN, 1.0).until(10);
    let early = stream.reading(0.2);
    assert_eq!(early.state, ExperimentState::Collecting);
    assert!(says_nothing_of_an_effect(&early), "{early:?}");
    assert!(early.detectable_ratio > Some(0.2), "{early:?}");
    let foretold = early.ready_at.unwrap() * 1_000;
    let ahead = foretold - stream.now();
    assert!(ahead > 2 * DAY_MS, "{ahead}");
    // Two thirds of the time later it is not there; a third after the date it is.
    let stream = stream.until((foretold - ahead / 3 - START) / DAY_MS);
    assert_eq!(stream.reading(0.2).state, ExperimentState::Collecting);
    let late = stream.until((foretold + ahead / 3 - START) / DAY_MS + 1).reading(0.2);
    assert_eq!(late.state, ExperimentState::Ready);
    assert_eq!(late.ready_at, None);
    assert!(!late.difference.unwrap().excludes_zero(), "{late:?}");
}

#[test]
fn a_clear_effect_is_told_with_the_bounds_that_hold_it() {
    let reading = Stream::new(PLAN, 2.0).until(40).reading(0.001);
    assert_eq!(reading.state, ExperimentState::Ready);
    let (difference, ratio, incremental) = (reading.difference.unwrap(), reading.ratio.unwrap(), reading.incremental.unwrap());
    // The held out spend 0.4 times 39.5 on the average, the others twice as much.
    assert!(difference.lower > 0.0 && difference.lower < 15.8e6 && difference.upper > 15.8e6, "{difference:?}");
    assert!(ratio.lower > 0.0 && ratio.lower < 1.0 && ratio.upper > Some(1.0), "{ratio:?}");
    assert_eq!(incremental.estimate, difference.estimate * reading.treatment.shoppers as f64);
    let per_shopper = reading.holdout.per_shopper.unwrap();
    assert!(per_shopper.lower < 15.8e6 && per_shopper.upper > 15.8e6, "{per_shopper:?}");
    assert_eq!(per_shopper.estimate, reading.holdout.revenue_micros as f64 / reading.holdout.shoppers as f64);
}

#[test]
fn where_nobody_tells_what_was_seen_no_effect_is_told_however_clear() {
    let stream = Stream::new(PLAN, 2.0).until(40);
    assert_eq!(stream.reading(0.001).state, ExperimentState::Ready);
    let reading = Reading::of(&stream.ledger, &stream.plan, 0.001, false);
    assert_eq!(reading.state, ExperimentState::NoFeedback);
    assert!(says_nothing_of_an_effect(&reading), "{reading:?}");
    assert_eq!((reading.detectable_ratio, reading.ready_at), (None, None));
    let off = Stream::new(Plan { holdout_millionths: 0, ..PLAN }, 1.0);
    assert_eq!(Reading::of(&off.ledger, &off.plan, 0.1, false).state, ExperimentState::Off);
}

#[test]
fn a_clear_effect_of_few_shoppers_is_not_told() {
    let mut stream = Stream::new(PLAN, 1.0);
    // All who get offers reach the cap, nobody else buys.
    for subject in 1..=400 {
        let ts = Timestamp(START + subject as i64);
        let arm = if subject % 5 == 0 { Arm::Holdout } else { Arm::Treatment };
        stream.ledger.fold(&Fact::Eligible { plan: PLAN, subject, arm, placement: Placement::Cart, ts });
        let net_micros = if arm == Arm::Treatment { 100_000_000 } else { 0 };
        stream.ledger.fold(&Fact::Spent { subject, ts, at: ts, net_micros, first: true });
    }
    stream.ledger.fold(&Fact::Spent { subject: 0, ts: Timestamp(START), at: Timestamp(START + 3 * DAY_MS), net_micros: 0, first: false });
    let book = stream.ledger.book(&PLAN).unwrap();
    assert_eq!((book.arms.treatment.shoppers, book.arms.holdout.shoppers), (320, 80));
    let bands = [Arm::Treatment, Arm::Holdout].map(|arm| book.arms.of(arm).band(book.cap_micros, mixtures::experiment()));
    assert!(Band::difference(&bands[0], &bands[1]).excludes_zero(), "{bands:?}");
    let mut book = book.clone();
    book.ratio = Default::default();
    let difference = Some(Band::difference(&bands[0], &bands[1]));
    assert_eq!(state(&book, true, difference, None, 0.1), ExperimentState::Collecting);
    book.arms.holdout.shoppers = SHOPPERS_MIN;
    assert_eq!(state(&book, true, difference, None, 0.1), ExperimentState::Ready);
}

#[test]
fn arms_that_are_not_what_was_planned_turn_the_figures_off() {
    let mut stream = Stream::new(PLAN, 2.0);
    stream.holdout = 0.3;
    let reading = stream.until(40).reading(1_000.0);
    assert_eq!(reading.state, ExperimentState::SampleRatio);
    assert!(says_nothing_of_an_effect(&reading));
    assert!(reading.sample_ratio_p_value < 0.001);
    assert!(reading.seen < Some(0.35) && reading.planned == 0.5, "{reading:?}");
    assert_eq!(reading.ready_at, None);
}
