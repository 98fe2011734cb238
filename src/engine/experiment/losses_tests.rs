//! Whether a placement loses money: who is compared, and when nothing is said.

use super::tests::*;
use super::*;
use crate::engine::experiment::test_random::Random;
use crate::event::Timestamp;

fn eligible_at(placement: Placement, subject: u64, arm: Arm, ts: i64) -> Fact {
    Fact::Eligible { plan: PLAN, subject, arm, placement, ts: Timestamp(ts) }
}

#[test]
fn a_placement_whose_offers_cost_more_than_they_bring_is_found_and_no_other() {
    let mut ledger = Ledger::new(10_000);
    let mut random = Random(3);
    for subject in 1..=2_000 {
        let ts = START + subject as i64;
        let arm = if subject % 2 == 0 { Arm::Treatment } else { Arm::Holdout };
        // Those whose first offer is at the checkout are another half, and spend alike.
        let checkout = random.unit() < 0.5;
        ledger.fold(&eligible_at(if checkout { Placement::Checkout } else { Placement::Cart }, subject, arm, ts));
        let spends = if checkout || arm == Arm::Holdout { 60 } else { 5 };
        ledger.fold(&spent_by(subject, ts, if random.unit() < 0.5 { spends } else { 0 }));
    }
    assert!(!ledger.loses_money(&PLAN, Placement::Cart));
    ledger.fold(&now(END + DAY));
    assert_eq!(losing(&ledger), [Placement::Cart]);
    assert!(!ledger.loses_money(&AUTO, Placement::Cart));
}

fn losing(ledger: &Ledger) -> Vec<Placement> {
    Placement::ALL.iter().copied().filter(|placement| ledger.loses_money(&PLAN, *placement)).collect()
}

#[test]
fn a_placement_that_offers_lead_poor_shoppers_to_does_not_lose_money_by_that() {
    let mut ledger = Ledger::new(10_000);
    for subject in 1..=2_000 {
        let ts = START + subject as i64;
        let (arm, is_rich) = (if subject % 2 == 0 { Arm::Treatment } else { Arm::Holdout }, subject % 4 < 2);
        ledger.fold(&eligible_at(Placement::Cart, subject, arm, ts));
        // Both arms spend alike; an offer brings everybody to the checkout, and without one only the rich get there.
        if is_rich || arm == Arm::Treatment {
            ledger.fold(&eligible_at(Placement::Checkout, subject, arm, ts + HOUR));
        }
        ledger.fold(&spent_by(subject, ts + 2 * HOUR, if is_rich { 90 } else { 0 }));
    }
    ledger.fold(&now(END + DAY));
    assert_eq!(figures(&ledger, &PLAN, Arm::Treatment), (1_000, 45_000, 0));
    assert_eq!(losing(&ledger), []);
}

/// Shoppers of whom the first so many are held out and buy up to the cap, and the others get offers and buy nothing.
fn offers_that_cost_all(held_out: u64, treated: u64) -> Ledger {
    let mut ledger = Ledger::new(10_000);
    for subject in 1..=held_out + treated {
        let (ts, is_held_out) = (START + subject as i64, subject <= held_out);
        ledger.fold(&eligible_at(Placement::Cart, subject, if is_held_out { Arm::Holdout } else { Arm::Treatment }, ts));
        ledger.fold(&spent_by(subject, ts, if is_held_out { 100 } else { 0 }));
    }
    ledger.fold(&now(END + DAY));
    ledger
}

#[test]
fn no_loss_is_told_of_fewer_than_a_hundred_shoppers_of_an_arm() {
    assert_eq!(losing(&offers_that_cost_all(99, 100)), []);
    assert_eq!(losing(&offers_that_cost_all(100, 99)), []);
    assert_eq!(losing(&offers_that_cost_all(100, 100)), [Placement::Cart]);
}

#[test]
fn no_loss_is_told_where_the_arms_are_not_what_was_planned() {
    let ledger = offers_that_cost_all(3_000, 1_000);
    assert!(ledger.book(&PLAN).unwrap().ratio.alarms());
    assert_eq!(losing(&ledger), []);
}
