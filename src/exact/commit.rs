//! One commit, step by step: a transaction over its records and the offsets it covers.
//!
//! Invariant: a batch is committed whole or not at all, and its sender is told which, or told to look. A step that failed
//! is repeated, or the transaction is aborted, or the process ends. A call whose answer did not come is repeated until
//! there is one; but copies of it may still be on their way to a broker that was stopped or cut off. So the next
//! transaction is a new producer's, which makes the brokers refuse them. A producer that was put out of use is replaced
//! *before* its sender is told to restore: whatever it left is decided by then.

use std::time::Duration;

use super::bus::{Commit, Outcome};

/// So many producers in a row may be put out of use, without a commit between: then somebody else wants the id.
const RENEWALS_IN_A_ROW_MAX: u32 = 3;

/// What to do about a step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Make the same call again: it goes on where it was.
    Repeat,
    /// Abort, and start again from what is committed.
    Abort,
    /// The producer is of no use any more, since the broker ended its transaction or gave its id away: take another, and
    /// start again from what is committed.
    Renew,
    /// End the process.
    End,
}

/// Why a step failed, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    /// What to do.
    pub remedy: Remedy,
    /// Why, for people.
    pub error: anyhow::Error,
}

/// The calls that a commit consists of; each may block.
pub trait Wire<M> {
    /// Waits until what was sent at once for this commit is there.
    ///
    /// # Errors
    /// As all the calls below: why, and what to do.
    fn offers_delivered(&mut self, commit: &Commit<M>) -> Result<(), Failure>;
    /// Takes another producer in place of this one: what is still on its way from it is refused from then on.
    ///
    /// # Errors
    /// It can't be had, or there was no answer.
    fn renew(&mut self) -> Result<(), Failure>;
    /// Opens a transaction.
    ///
    /// # Errors
    /// There can't be one.
    fn begin(&mut self) -> Result<(), Failure>;
    /// Sends all records.
    ///
    /// # Errors
    /// One of them can't be sent.
    fn send(&mut self, commit: &Commit<M>) -> Result<(), Failure>;
    /// Waits until each of them is written.
    ///
    /// # Errors
    /// One of them was not.
    fn delivered(&mut self) -> Result<(), Failure>;
    /// Adds the offsets, under the membership.
    ///
    /// # Errors
    /// They are refused, or there was no answer.
    fn send_offsets(&mut self, commit: &Commit<M>) -> Result<(), Failure>;
    /// Ends the transaction: all of it is there.
    ///
    /// # Errors
    /// It can't be committed, or there was no answer.
    fn commit(&mut self) -> Result<(), Failure>;
    /// Ends the transaction: none of it is there.
    ///
    /// # Errors
    /// It can't be aborted, or there was no answer.
    fn abort(&mut self) -> Result<(), Failure>;
}

/// One commit after the other, and how far the one at hand is.
#[derive(Debug)]
pub struct Committing {
    at: At,
    patience: Duration,
    /// Whether copies of a request may still be on their way.
    is_doubtful: bool,
    renewals_in_a_row: u32,
}

#[derive(Debug, Default)]
enum At {
    #[default]
    Offers,
    Begin,
    Send,
    Delivered,
    Offsets,
    Commit,
    /// Why it is aborted.
    Abort(anyhow::Error),
    /// Why its producer is replaced.
    Renew(anyhow::Error),
}

/// What a step came to.
#[derive(Debug)]
pub enum Stepped {
    /// The next step is to be made.
    On,
    /// There was no answer: the same step is to be made again, after a while.
    Waits(anyhow::Error),
    /// It has ended; the next step is the next commit's.
    Ended(Outcome),
}

impl Committing {
    /// No commit yet. A call without an answer is repeated until a commit has taken longer than `patience`; by then the
    /// broker has ended the transaction, and a client that still has not heard of it never may.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { at: At::default(), patience, is_doubtful: false, renewals_in_a_row: 0 }
    }

    /// Makes the next step of a commit that has taken `took` so far.
    pub fn step<M>(&mut self, wire: &mut impl Wire<M>, commit: &Commit<M>, took: Duration) -> Stepped {
        let called = match &self.at {
            At::Offers => wire.offers_delivered(commit),
            At::Begin if self.is_doubtful => return self.renew_first(wire, took),
            At::Begin => wire.begin(),
            At::Send => wire.send(commit),
            // `commit` would wait for the records too, but in slices of up to 100 ms.
            At::Delivered => wire.delivered(),
            At::Offsets => wire.send_offsets(commit),
            At::Commit => wire.commit(),
            At::Abort(_) => wire.abort(),
            At::Renew(_) => wire.renew(),
        };
        match called {
            Ok(()) => self.next(took),
            Err(failure) => self.failed(failure, took),
        }
    }

    fn renew_first<M>(&mut self, wire: &mut impl Wire<M>, took: Duration) -> Stepped {
        match wire.renew() {
            Ok(()) => {
                self.is_doubtful = false;
                Stepped::On
            }
            Err(Failure { remedy: Remedy::Repeat | Remedy::Abort, error }) => Stepped::Waits(error),
            Err(failure) => self.failed(failure, took),
        }
    }

    fn next(&mut self, took: Duration) -> Stepped {
        self.at = match std::mem::take(&mut self.at) {
            At::Offers => At::Begin,
            At::Begin => At::Send,
            At::Send => At::Delivered,
            At::Delivered => At::Offsets,
            At::Offsets => At::Commit,
            At::Commit => {
                self.renewals_in_a_row = 0;
                return Stepped::Ended(Outcome::Committed(took));
            }
            At::Renew(cause) => {
                self.is_doubtful = false;
                return Stepped::Ended(Outcome::Aborted(format!("{cause:#}")));
            }
            At::Abort(cause) => return Stepped::Ended(Outcome::Aborted(format!("{cause:#}"))),
        };
        Stepped::On
    }

    fn failed(&mut self, Failure { remedy, error }: Failure, took: Duration) -> Stepped {
        match (remedy, &self.at) {
            (Remedy::Repeat, At::Offers | At::Delivered | At::Renew(_)) => Stepped::Waits(error),
            (Remedy::Repeat, At::Offsets | At::Commit | At::Abort(_)) if took > self.patience => self.replace(error),
            (Remedy::Repeat, At::Offsets | At::Commit | At::Abort(_)) => {
                self.is_doubtful = true;
                Stepped::Waits(error)
            }
            (Remedy::Renew, _) => self.replace(error),
            (_, At::Renew(cause)) => {
                Stepped::Ended(Outcome::Fatal(error.context(format!("transactions ended ({cause:#}) and can't be started again"))))
            }
            (_, At::Abort(cause)) => {
                Stepped::Ended(Outcome::Fatal(error.context(format!("a commit failed ({cause:#}) and can't be aborted"))))
            }
            // Nothing has begun that could be aborted.
            (Remedy::Abort, At::Offers) => Stepped::Ended(Outcome::Aborted(format!("an offer was not delivered: {error:#}"))),
            (Remedy::Repeat | Remedy::Abort, _) => {
                self.at = At::Abort(error);
                Stepped::On
            }
            (Remedy::End, _) => Stepped::Ended(Outcome::Fatal(error)),
        }
    }

    fn replace(&mut self, error: anyhow::Error) -> Stepped {
        self.renewals_in_a_row += 1;
        if self.renewals_in_a_row > RENEWALS_IN_A_ROW_MAX {
            return Stepped::Ended(Outcome::Fatal(error.context(format!(
                "{RENEWALS_IN_A_ROW_MAX} producers in a row lost their transactions: either another process runs with the same \
                 kafka.instance_id, or brokers answer later than kafka.transaction_timeout_ms; end the one, or see to the other, and \
                 start again"
            ))));
        }
        // Of an abort that could not be made, the reason for it says more.
        self.at = match std::mem::take(&mut self.at) {
            At::Abort(cause) | At::Renew(cause) => At::Renew(cause),
            _ => At::Renew(error),
        };
        Stepped::On
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use anyhow::anyhow;

    use super::*;

    /// Answers each call as it was told to, with success where it was told nothing, and notes the calls.
    #[derive(Default)]
    struct Scripted {
        answers: VecDeque<(&'static str, Remedy)>,
        calls: Vec<&'static str>,
    }

    impl Scripted {
        fn of<const N: usize>(answers: [(&'static str, Remedy); N]) -> Self {
            Self { answers: answers.into(), calls: Vec::new() }
        }

        fn call(&mut self, name: &'static str) -> Result<(), Failure> {
            self.calls.push(name);
            if self.answers.front().is_none_or(|(of, _)| *of != name) {
                return Ok(());
            }
            self.answers.pop_front().map_or(Ok(()), |(_, remedy)| Err(Failure { remedy, error: anyhow!("{name} failed") }))
        }
    }

    impl Wire<()> for Scripted {
        fn offers_delivered(&mut self, _: &Commit<()>) -> Result<(), Failure> {
            Ok(())
        }
        fn renew(&mut self) -> Result<(), Failure> {
            self.call("renew")
        }
        fn begin(&mut self) -> Result<(), Failure> {
            self.call("begin")
        }
        fn send(&mut self, _: &Commit<()>) -> Result<(), Failure> {
            self.call("send")
        }
        fn delivered(&mut self) -> Result<(), Failure> {
            self.call("delivered")
        }
        fn send_offsets(&mut self, _: &Commit<()>) -> Result<(), Failure> {
            self.call("offsets")
        }
        fn commit(&mut self) -> Result<(), Failure> {
            self.call("commit")
        }
        fn abort(&mut self) -> Result<(), Failure> {
            self.call("abort")
        }
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Makes all steps of a commit that has taken `took` at each; returns how it ended, in a word.
    fn run(committing: &mut Committing, wire: &mut Scripted, took: Duration) -> &'static str {
        let commit = Commit { number: 1, records: Vec::new(), offsets: Vec::new(), membership: () };
        loop {
            match committing.step(wire, &commit, took) {
                Stepped::On | Stepped::Waits(_) => {}
                Stepped::Ended(Outcome::Committed(_)) => return "committed",
                Stepped::Ended(Outcome::Aborted(_)) => return "aborted",
                Stepped::Ended(Outcome::Fatal(_)) => return "fatal",
            }
        }
    }

    #[test]
    fn a_producer_out_of_use_is_replaced_before_its_sender_hears_of_it() {
        for at in ["begin", "send", "delivered", "offsets", "commit"] {
            let mut wire = Scripted::of([(at, Remedy::Renew)]);
            assert_eq!(run(&mut Committing::new(PATIENCE), &mut wire, Duration::ZERO), "aborted");
            assert_eq!(wire.calls[wire.calls.len() - 2..], [at, "renew"]);
        }
        let mut wire = Scripted::of([("send", Remedy::Abort), ("abort", Remedy::Renew)]);
        assert_eq!(run(&mut Committing::new(PATIENCE), &mut wire, Duration::ZERO), "aborted");
        assert_eq!(wire.calls, ["begin", "send", "abort", "renew"]);
    }

    #[test]
    fn three_producers_in_a_row_may_be_put_out_of_use_and_a_commit_forgives_them() {
        let mut committing = Committing::new(PATIENCE);
        let lost = |committing: &mut Committing| run(committing, &mut Scripted::of([("commit", Remedy::Renew)]), Duration::ZERO);
        assert_eq!([lost(&mut committing), lost(&mut committing), lost(&mut committing)], ["aborted"; 3]);
        assert_eq!(run(&mut committing, &mut Scripted::default(), Duration::ZERO), "committed");
        assert_eq!([lost(&mut committing), lost(&mut committing), lost(&mut committing)], ["aborted"; 3]);
        assert_eq!(lost(&mut committing), "fatal");
    }

    #[test]
    fn a_call_without_an_answer_is_repeated_until_patience_ends_and_the_next_producer_is_another() {
        for at in ["offsets", "commit"] {
            let mut committing = Committing::new(PATIENCE);
            let mut wire = Scripted::of([(at, Remedy::Repeat), (at, Remedy::Repeat)]);
            assert_eq!(run(&mut committing, &mut wire, PATIENCE), "committed");
            assert_eq!(wire.calls.iter().filter(|call| **call == at).count(), 3);
            assert_eq!(run(&mut committing, &mut wire, PATIENCE), "committed");
            assert!(wire.calls.contains(&"renew"), "copies of the call may still be on their way");
            let mut wire = Scripted::of([(at, Remedy::Repeat)]);
            assert_eq!(run(&mut Committing::new(PATIENCE), &mut wire, PATIENCE * 2), "aborted");
            assert_eq!(wire.calls[wire.calls.len() - 2..], [at, "renew"]);
        }
    }
}
