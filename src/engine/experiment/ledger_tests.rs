use super::super::test_random::Random;
use super::*;
use crate::engine::facts::Sale;
use crate::engine::source::Source;
use crate::engine::vocabulary::OfferKind;
use crate::event::{ProductFacts, Timestamp};

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;
/// One unit of money.
const ONE: i128 = 1_000_000;
/// When the shopper of most tests comes in.
pub(super) const START: i64 = 1_000 * DAY;
pub(super) const END: i64 = START + 7 * DAY;
pub(super) const PLAN: Plan = Plan { salt: 1, holdout_millionths: 500_000, window_ms: 7 * DAY, cap_micros: 100_000_000 };
pub(super) const AUTO: Plan = Plan { cap_micros: 0, ..PLAN };
const SHOPPER: u64 = 7;

fn eligible_of(plan: Plan, subject: u64, arm: Arm, ts: i64) -> Fact {
    Fact::Eligible { plan, subject, arm, placement: Placement::Cart, ts: Timestamp(ts) }
}

fn eligible(ts: i64) -> Fact {
    eligible_of(PLAN, SHOPPER, Arm::Treatment, ts)
}

pub(super) fn spent_by(subject: u64, ts: i64, units: i128) -> Fact {
    Fact::Spent { subject, ts: Timestamp(ts), at: Timestamp(ts), net_micros: units * ONE, first: true }
}

fn spent(ts: i64, units: i128) -> Fact {
    spent_by(SHOPPER, ts, units)
}

/// Something further of an order: a part, or what went back.
fn changed(ts: i64, at: i64, units: i128) -> Fact {
    Fact::Spent { subject: SHOPPER, ts: Timestamp(ts), at: Timestamp(at), net_micros: units * ONE, first: false }
}

/// Nothing but the time.
pub(super) fn now(at: i64) -> Fact {
    Fact::Spent { subject: 0, ts: Timestamp(at), at: Timestamp(at), net_micros: 0, first: false }
}

fn folded(facts: &[Fact]) -> Ledger {
    let mut ledger = Ledger::new(1_000);
    facts.iter().for_each(|fact| ledger.fold(fact));
    ledger
}

/// Closed shoppers, what they spent in whole units, and those whose days run.
pub(super) fn figures(ledger: &Ledger, plan: &Plan, arm: Arm) -> (u64, i128, u64) {
    let book = ledger.book(plan).unwrap();
    (book.arms.of(arm).shoppers, book.arms.of(arm).revenue_micros / ONE, book.open(arm))
}

#[test]
fn the_outcome_is_what_was_spent_in_the_window_between_nothing_and_the_cap() {
    let table: [(&str, Vec<Fact>, i128); 14] = [
        ("nothing", vec![], 0),
        ("an order at the very beginning", vec![spent(START, 30)], 30),
        ("an order just before", vec![spent(START - 1, 30)], 0),
        ("an order at the very end", vec![spent(END, 30)], 30),
        ("an order just after", vec![spent(END + 1, 30)], 0),
        ("two orders", vec![spent(START + DAY, 30), spent(START + 2 * DAY, 40)], 70),
        ("a further part of an order", vec![spent(START, 30), changed(START, START + HOUR, 5)], 35),
        ("what went back by the end", vec![spent(START, 30), changed(START, END, -10)], 20),
        ("what went back after the end", vec![spent(START, 30), changed(START, END + 1, -10)], 30),
        ("what went back of an order before", vec![spent(START + 1, 30), changed(START - 1, START + DAY, -10)], 30),
        ("more went back than was spent", vec![spent(START, 30), changed(START, START + 1, -50)], 0),
        ("more than the cap", vec![spent(START, 90), spent(START + 1, 90)], 100),
        ("above the cap and back below", vec![spent(START, 150), changed(START, START + 1, -70)], 80),
        ("another shopper's order", vec![spent_by(8, START, 30)], 0),
    ];
    for (name, facts, outcome) in table {
        let ledger = folded(&[&[eligible(START)], facts.as_slice(), &[now(END + HOUR + 1)]].concat());
        assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, outcome, 0), "{name}");
        assert_eq!(figures(&ledger, &PLAN, Arm::Holdout), (0, 0, 0), "{name}");
    }
}

#[test]
fn days_are_over_an_hour_after_the_window() {
    let mut ledger = folded(&[eligible(START), now(END + HOUR)]);
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (0, 0, 1));
    ledger.fold(&now(END + HOUR + 1));
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, 0, 0));
}

#[test]
fn days_are_over_in_a_shop_that_goes_on_without_offers() {
    let late = Timestamp(END + HOUR + 1);
    let sale = Sale { add: true, first: true, ts: late, customer: None, net_micros: 0, lines: Vec::new() };
    let source = Source {
        offer: 1,
        ts: late,
        placement: Placement::Cart,
        kind: OfferKind::CrossSell,
        channel: "web".into(),
        anchor: None,
        replaces: None,
        basket_age: 0,
        variant: None,
    };
    let told = [
        Fact::Learned { item: "a".into(), ts: late, price: None, product: ProductFacts::default() },
        Fact::Declined { customer: "c".into(), item: "a".into(), ts: late },
        Fact::Offered { customer: "c".into(), item: "a".into(), from: late, until: Timestamp(END + DAY), source },
        Fact::Sale(sale),
    ];
    for fact in told {
        let mut ledger = folded(&[eligible(START), fact.clone()]);
        assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, 0, 0), "{fact:?}");
        // Only forwards.
        ledger.fold(&Fact::Declined { customer: "c".into(), item: "a".into(), ts: Timestamp(START) });
        assert_eq!((ledger.clock(), ledger.horizon()), (late.0, END + 1), "{fact:?}");
    }
}

#[test]
fn nobody_enters_twice_and_a_second_offer_moves_no_window() {
    let ledger = folded(&[eligible(START), eligible(START + 6 * DAY), spent(START + 10 * DAY, 30), now(START + 20 * DAY)]);
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, 0, 0));
    let ledger = folded(&[eligible(START), now(START + 20 * DAY), eligible(START + 20 * DAY), now(START + 40 * DAY)]);
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, 0, 0));
}

#[test]
fn what_comes_after_the_days_are_over_is_dropped_and_what_should_have_come_before_is_counted() {
    let mut ledger = folded(&[eligible(START), now(END + 3 * HOUR)]);
    ledger.fold(&spent(END - HOUR, 30));
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, 0, 0));
    assert_eq!(ledger.book(&PLAN).unwrap().late, 1);
    // The next order of a shopper whose days are over is nothing unusual.
    ledger.fold(&spent(END + 3 * HOUR, 30));
    ledger.fold(&now(END + 9 * HOUR));
    assert_eq!(ledger.book(&PLAN).unwrap().late, 1);
}

#[test]
fn what_is_late_still_counts_for_a_shopper_whose_days_run() {
    let ledger = folded(&[eligible(START), now(START + 5 * DAY), spent(START + DAY, 30), now(END + DAY)]);
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, 30, 0));
}

#[test]
fn shoppers_who_have_just_come_are_seen_before_they_are_booked() {
    let ledger = folded(&[eligible(START), eligible(START + 1), eligible_of(PLAN, 8, Arm::Holdout, START + 2)]);
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (0, 0, 0));
    assert_eq!((ledger.arriving(&PLAN, Arm::Treatment), ledger.arriving(&PLAN, Arm::Holdout)), (1, 1));
    let ledger = folded(&[eligible(START), now(START + 2 * HOUR)]);
    assert_eq!((figures(&ledger, &PLAN, Arm::Treatment).2, ledger.arriving(&PLAN, Arm::Treatment)), (1, 0));
}

#[test]
fn another_plan_is_another_experiment_and_each_gets_its_own() {
    let other = Plan { salt: 2, ..PLAN };
    let mut ledger = folded(&[eligible(START), eligible_of(other, SHOPPER, Arm::Holdout, START + DAY), spent(START + 2 * DAY, 30)]);
    // An instance that has not heard of the change yet.
    ledger.fold(&eligible_of(PLAN, 8, Arm::Treatment, START + 2 * DAY));
    ledger.fold(&now(START + 20 * DAY));
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (2, 30, 0));
    assert_eq!(figures(&ledger, &other, Arm::Holdout), (1, 30, 0));
}

#[test]
fn the_four_experiments_that_shoppers_came_to_last_are_kept() {
    let plan = |salt| Plan { salt, ..PLAN };
    let mut ledger = Ledger::new(1_000);
    for (at, salt) in [1, 2, 3, 4, 1, 5].into_iter().enumerate() {
        ledger.fold(&eligible_of(plan(salt), at as u64, Arm::Treatment, START + at as i64 * HOUR));
    }
    let kept = (0..7).filter(|salt| ledger.book(&plan(*salt)).is_some()).collect::<Vec<_>>();
    assert_eq!(kept, [1, 3, 4, 5]);
    // One that is out of date does not come back.
    ledger.fold(&eligible_of(plan(6), 99, Arm::Treatment, START));
    assert!(ledger.book(&plan(6)).is_none());
}

#[test]
fn the_cap_is_fixed_at_the_first_closing_from_orders_of_both_arms() {
    let mut ledger = folded(&[eligible_of(AUTO, 1, Arm::Treatment, START), eligible_of(AUTO, 2, Arm::Holdout, START)]);
    // 30 on the average; what comes after the first window does not count.
    [spent_by(1, START + 1, 50), spent_by(2, START + 1, 10), spent_by(2, END + 1, 9_000)].iter().for_each(|fact| ledger.fold(fact));
    ledger.fold(&now(END + HOUR));
    assert_eq!(ledger.book(&AUTO).unwrap().cap_micros, 0);
    ledger.fold(&now(END + HOUR + 1));
    assert_eq!(ledger.book(&AUTO).unwrap().cap_micros, 500 * ONE);
    ledger.fold(&eligible_of(AUTO, 3, Arm::Holdout, END + DAY));
    ledger.fold(&spent_by(3, END + DAY, 9_000));
    ledger.fold(&now(END + 9 * DAY));
    assert_eq!(ledger.book(&AUTO).unwrap().cap_micros, 500 * ONE);
    assert_eq!(figures(&ledger, &AUTO, Arm::Treatment), (1, 50, 0));
    assert_eq!(figures(&ledger, &AUTO, Arm::Holdout), (2, 510, 0));
}

#[test]
fn without_an_order_closings_wait_for_the_cap() {
    let mut ledger = folded(&[eligible_of(AUTO, 1, Arm::Treatment, START), now(START + 30 * DAY)]);
    assert_eq!(figures(&ledger, &AUTO, Arm::Treatment), (0, 0, 1));
    ledger.fold(&spent_by(1, START + 30 * DAY, 20));
    ledger.fold(&now(START + 31 * DAY));
    // The order is after the window: it tells the cap and nothing more.
    assert_eq!(figures(&ledger, &AUTO, Arm::Treatment), (1, 0, 0));
    assert_eq!(ledger.book(&AUTO).unwrap().cap_micros, 200 * ONE);
}

#[test]
fn who_is_remembered_for_longest_makes_room_and_else_newcomers_stay_out() {
    let mut ledger = Ledger::new(3);
    let come = |ledger: &mut Ledger, subject: u64, ts: i64| {
        ledger.fold(&eligible_of(PLAN, subject, Arm::Treatment, ts));
        ledger.fold(&now(ts + 2 * HOUR));
    };
    (1..=4).for_each(|subject| come(&mut ledger, subject, START + subject as i64 * DAY));
    assert_eq!((ledger.shoppers(), ledger.evicted()), (3, 1));
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (0, 0, 3));
    // The days of 1 are over: 5 takes its place, and 2, 3 and 5 are left.
    come(&mut ledger, 5, START + 8 * DAY + 4 * HOUR);
    assert_eq!((ledger.shoppers(), ledger.evicted()), (3, 2));
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, 0, 3));
    let book = ledger.book(&PLAN).unwrap();
    assert_eq!([1, 2, 3, 4, 5].map(|subject| book.knows(subject)), [false, true, true, false, true]);
}

#[test]
fn where_too_much_waits_the_first_of_it_is_booked_and_what_comes_before_that_still_counts() {
    let mut ledger = Ledger::new(2);
    [eligible(START), spent(START + 10, 30), spent(START + 20, 30)].iter().for_each(|fact| ledger.fold(fact));
    assert_eq!((ledger.waiting(), ledger.booked_early(), ledger.horizon()), (2, 1, START));
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (0, 0, 1));
    ledger.fold(&spent(START + 30, 30));
    ledger.fold(&spent(START + 5, 5));
    ledger.fold(&now(END + 2 * HOUR));
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1, 95, 0));
}

#[test]
fn crossovers_are_counted_by_experiment() {
    let ledger = folded(&[eligible(START), Fact::Crossover { plan: PLAN }, Fact::Crossover { plan: PLAN }]);
    assert_eq!(ledger.book(&PLAN).unwrap().crossovers, 2);
}

/// Facts of a few shoppers over a month, with what an order brings or takes back.
fn history(seed: u64) -> Vec<Fact> {
    let mut random = Random(seed);
    let mut facts = Vec::new();
    let plans = [PLAN, Plan { salt: 2, window_ms: 3 * DAY, ..AUTO }];
    for _ in 0..200 {
        let (subject, ts) = (1 + random.below(30) as u64, START + random.below(30 * 24 * 60) as i64 * 60_000);
        let at = ts + random.below(3 * 24 * 60) as i64 * 60_000;
        let placement = Placement::ALL[random.below(6)];
        let plan = plans[random.below(2)];
        let arm = if subject % 3 == 0 { Arm::Holdout } else { Arm::Treatment };
        facts.push(match random.below(4) {
            0 => Fact::Eligible { plan, subject, arm, placement, ts: Timestamp(ts) },
            1 => changed(ts, at, -(random.below(20) as i128)),
            _ => spent_by(subject, ts, random.below(60) as i128),
        });
    }
    facts
}

fn time_of(fact: &Fact) -> i64 {
    match fact {
        Fact::Eligible { ts, .. } => ts.0,
        Fact::Spent { at, .. } => at.0,
        _ => unreachable!(),
    }
}

/// The revenue of both arms, worked out the slow way: shopper by shopper, with all facts at hand.
fn slowly(facts: &[Fact], plan: &Plan, cap_micros: i128) -> [i128; 2] {
    let mut revenue = [0, 0];
    for shopper in 0..=30 {
        let entries = facts.iter().filter_map(|fact| match fact {
            Fact::Eligible { plan: of, subject, arm, ts, .. } if of == plan && *subject == shopper => Some((ts.0, *arm)),
            _ => None,
        });
        let Some((entered, arm)) = entries.min() else { continue };
        let window = entered..=entered + plan.window_ms;
        let net: i128 = facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::Spent { subject, ts, at, net_micros, .. } if *subject == shopper => Some((ts.0, at.0, *net_micros)),
                _ => None,
            })
            .filter(|(ts, at, _)| window.contains(ts) && window.contains(at))
            .map(|(.., net)| net)
            .sum();
        revenue[arm as usize] += net.clamp(0, cap_micros);
    }
    revenue
}

#[test]
fn the_order_of_facts_within_the_grace_changes_nothing_and_the_slow_way_gives_the_same() {
    let mut with_revenue = 0;
    for seed in 0..60 {
        let facts = history(seed);
        let shuffled = |seed: u64| {
            let mut random = Random(seed);
            // Each comes up to an hour after its time.
            let mut facts: Vec<(i64, &Fact)> =
                facts.iter().map(|fact| (time_of(fact) + random.below(GRACE_MS as usize) as i64, fact)).collect();
            facts.sort_by_key(|(comes_at, _)| *comes_at);
            let facts: Vec<Fact> = facts.into_iter().map(|(_, fact)| fact.clone()).chain([now(START + 60 * DAY)]).collect();
            folded(&facts)
        };
        let (one, other) = (shuffled(1_000 + seed), shuffled(2_000 + seed));
        for plan in [PLAN, Plan { salt: 2, window_ms: 3 * DAY, ..AUTO }] {
            let book = one.book(&plan).unwrap();
            assert_eq!(Some(book), other.book(&plan), "seed {seed}");
            let revenue = [Arm::Treatment, Arm::Holdout].map(|arm| book.arms.of(arm).revenue_micros);
            assert_eq!(revenue, slowly(&facts, &plan, book.cap_micros), "seed {seed}");
            assert_eq!(book.late, 0, "seed {seed}");
            with_revenue += usize::from(revenue.iter().all(|revenue| *revenue > 0));
        }
    }
    // Of 120: in some nothing was kept in the end.
    assert!(with_revenue > 90, "{with_revenue}");
}

#[test]
fn a_ledger_that_was_written_and_read_goes_on_as_if_nothing_had_been() {
    let facts = history(5);
    let mut ledger = folded(&facts[..120]);
    let mut read: Ledger = postcard::from_bytes(&postcard::to_allocvec(&ledger).unwrap()).unwrap();
    assert_eq!(read, ledger);
    for fact in &facts[120..] {
        ledger.fold(fact);
        read.fold(fact);
    }
    assert_eq!(read, ledger);
    assert_eq!(postcard::to_allocvec(&read).unwrap(), postcard::to_allocvec(&ledger).unwrap());
}
