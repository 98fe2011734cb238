//! The engine: pure decisions over events. `apply` turns an event of a session into effects; `Shop::fold`
//! turns facts into what the whole shop knows.
//!
//! Invariant: no I/O, no clock, no threads, no metrics, no source of randomness. Time and events come in,
//! effects go out; the same events in the same order give the same bytes. A test reads this folder's imports.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `apply`, `apply_order`, `apply_refund`, `answer` | one event in, effects out: the way through everything below |
//! | `ask`, `given` | an offer that is asked for without an event, and how it is heard of |
//! | `session`, `basket`, `dedupe`, `outstanding`, `orders`, `pressure` | what one session holds |
//! | `sessions`, `timers` | the sessions of one partition, and what is due of them |
//! | `scrub` | a session without the customers who were erased |
//! | `shop`, `counts`, `row`, `basket_change`, `slot`, `best`, `decay`, `customers`, `rebuys`, `catalogue`, `shelves`, `passed_over`, `weekly`, `totals`, `combinations`, `erased` | what the whole shop knows |
//! | `facts` | what a session tells the shop |
//! | `frozen` | the whole shop at one moment, out and in |
//! | `ranking`, `policy`, `offer`, `reason` | from counts to an offer |
//! | `texts` | what a shopper is told, in the shop's languages |
//! | `attribution`, `experiment` | what offers did, and who is kept from them |
//! | `optimiser` | which variant of a policy is used, and where offers are held back |
//! | `memory`, `budget` | what is held takes how many bytes, and what makes room |
//! | `settings`, `vocabulary`, `hash` | settings, closed sets of words, chance |

mod answer;
pub mod apply;
mod apply_order;
mod apply_refund;
pub mod ask;
pub mod attribution;
pub mod basket;
pub mod basket_change;
pub mod best;
pub mod bounded;
pub mod budget;
pub mod cart_update;
pub mod catalogue;
pub mod combinations;
pub mod counts;
pub mod customers;
pub mod decay;
pub mod dedupe;
pub mod erased;
mod examples;
pub mod experiment;
pub mod facts;
pub mod frozen;
pub mod given;
pub mod hash;
pub mod local_time;
pub mod memory;
pub mod offer;
pub mod offered;
pub mod optimiser;
pub mod orders;
pub mod outstanding;
pub mod passed_over;
pub mod policy;
pub mod pressure;
pub mod ranking;
pub mod ratio;
pub mod reason;
pub mod rebuys;
pub mod rising;
pub mod row;
pub mod scrub;
pub mod segment;
pub mod session;
pub mod sessions;
pub mod settings;
pub mod shelves;
pub mod shop;
pub mod slot;
pub mod source;
pub mod texts;
pub mod timers;
pub mod totals;
pub mod vocabulary;
pub mod weekly;

#[cfg(test)]
mod test_support;

pub use apply::{Effects, Ended, apply, apply_given, check, tick};
