//! Backtest: the engine's own ranking against what shoppers then did; test, then learn.
//!
//! Invariant: what is measured is what runs: the same decoding, sessions, fold and ranking as `replay`, learning at once; a
//! question is answered with the shop as it was before the event was learned from. One pass over the log asks the
//! engine, another configuration and the baselines alike, so that differences are paired.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `steps` | baskets as they fill, and what came afterwards |
//! | `rankers`, `baselines` | who is asked |
//! | `metrics`, `bootstrap`, `figures` | sums, intervals, figures; no file and no clock |
//! | `logged`, `off_policy` | offers that were sent, and what other variants would have done |
//! | `predictions`, `report` | what is written |

pub mod baselines;
pub mod bootstrap;
pub mod figures;
pub mod items;
pub mod logged;
pub mod metrics;
pub mod off_policy;
pub mod predictions;
pub mod rankers;
pub mod report;
mod run;
pub mod steps;

pub use run::{Backtest, run};
