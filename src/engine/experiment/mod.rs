//! The held-out arm: who gets offers and who is kept from them, to compare with; and what the comparison says.
//!
//! Invariant: a shopper's arm is drawn once, at the first offer that would be made, by a hash of the salt and
//! the customer if known then, else the session; a later login keeps it.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `ledger` | all experiments, folded from facts in the order of their time |
//! | `book`, `remembered`, `cap` | one experiment: who is in it, who was, the most that one counts for |
//! | `sequence`, `gamma`, `mixtures` | bounds that hold however often somebody looks |
//! | `sample_ratio` | whether the arms are what was planned |
//! | `reading` | what is shown of it |

pub mod book;
pub mod cap;
pub mod gamma;
pub mod ledger;
pub mod mixtures;
pub mod reading;
pub mod remembered;
pub mod sample_ratio;
pub mod sequence;
#[cfg(test)]
mod test_random;

use super::hash::{hash_128, unit_interval};
use super::session::Session;
use super::settings::Experiment;
use super::vocabulary::Arm;
use crate::event::Id;

/// The session's arm; drawn if it has none yet.
pub fn arm_of(session: &mut Session, session_key: &str, experiment: &Experiment) -> Arm {
    if let Some(arm) = session.arm {
        return arm;
    }
    let arm =
        session.customer.as_ref().map_or_else(|| draw("session", session_key, experiment), |customer| customer_arm(customer, experiment));
    session.arm = Some(arm);
    arm
}

/// The arm of a customer who is known from the start.
#[must_use]
pub fn customer_arm(customer: &str, experiment: &Experiment) -> Arm {
    draw("customer", customer, experiment)
}

fn draw(kind: &str, id: &str, experiment: &Experiment) -> Arm {
    let draw = unit_interval(&experiment.salt, &[kind.as_bytes(), id.as_bytes()]);
    if draw < experiment.holdout_ratio { Arm::Holdout } else { Arm::Treatment }
}

/// The shopper whose orders are the outcome: the customer if known, else the session; a hash, so that nobody is named.
#[must_use]
pub fn subject_of(customer: Option<&Id>, session_key: &str) -> u64 {
    let subject = customer.map_or(("session", session_key), |customer| ("customer", customer.as_str()));
    hash_128("subject", &[subject.0.as_bytes(), subject.1.as_bytes()]) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_customer(customer: Option<&str>) -> Session {
        Session { customer: customer.map(Into::into), ..Session::default() }
    }

    #[test]
    fn the_share_held_out_is_the_one_configured() {
        let experiment = Experiment { holdout_ratio: 0.2, salt: "x".into(), ..Experiment::default() };
        let held_out = (0..10_000).filter(|n| arm_of(&mut with_customer(None), &format!("s:{n}"), &experiment) == Arm::Holdout).count();
        assert!((1_850..2_150).contains(&held_out), "{held_out} of 10,000");
    }

    #[test]
    fn a_customer_keeps_the_arm_across_sessions_and_a_session_keeps_it_through_a_login() {
        let experiment = Experiment { holdout_ratio: 0.5, salt: "x".into(), ..Experiment::default() };
        for n in 0..50 {
            let customer = n.to_string();
            let one = arm_of(&mut with_customer(Some(&customer)), "s:1", &experiment);
            assert_eq!(arm_of(&mut with_customer(Some(&customer)), "s:2", &experiment), one);
            let mut session = with_customer(None);
            let before = arm_of(&mut session, &format!("s:{n}"), &experiment);
            session.customer = Some(customer.into());
            assert_eq!(arm_of(&mut session, &format!("s:{n}"), &experiment), before);
        }
    }

    #[test]
    fn with_nobody_held_out_nobody_is() {
        let experiment = Experiment { holdout_ratio: 0.0, salt: "x".into(), ..Experiment::default() };
        assert!((0..1_000).all(|n| arm_of(&mut with_customer(None), &format!("s:{n}"), &experiment) == Arm::Treatment));
    }
    #[test]
    fn a_shopper_is_the_customer_or_else_the_session_and_never_mistaken_for_the_other() {
        let customer = Id::from("7");
        assert_eq!(subject_of(Some(&customer), "s:1"), subject_of(Some(&customer), "s:2"));
        assert_ne!(subject_of(None, "s:1"), subject_of(None, "s:2"));
        assert_ne!(subject_of(Some(&customer), "s:1"), subject_of(None, "7"));
    }
}
