//! The exact loop: events in, one commit after the other out, and how to start again where one failed.
//!
//! Invariant: nothing here names Kafka's client, a thread or a socket. All that is outside goes by the traits of
//! `bus`, so the very same code runs over Kafka and, in `tests/simulation`, over logs in memory, where every step
//! can be the last one before a crash. One way for the data to flow: `bus` → `stream` → `handover` → `commit`.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `bus` | what the loop asks of a bus, in plain types |
//! | `stream` | the loop: poll, process, hand over; restore whenever the assignment changes |
//! | `assignment` | from an assignment to events: restore, find out where to read on |
//! | `handover` | a batch on its way to a commit, and what became of it |
//! | `commit` | one commit, step by step, and what to do where a step fails |
//! | `restore` | sessions out of their changelog |
//! | `idle` | time where no events come |
//! | `outgoing` | a batch as records |

mod assignment;
mod bus;
mod commit;
mod handover;
mod idle;
mod outgoing;
mod restore;
mod stream;

pub use bus::{Bus, Changelog, Commit, Incoming, Logged, Outcome, Place, Polled, Rebalanced};
pub use commit::{Committing, Failure, Remedy, Stepped, Wire};
pub use outgoing::{Outgoing, Target};
pub use restore::Restore;
pub use stream::{Durability, Next, Parts, Stream};
