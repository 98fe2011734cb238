//! The only room that talks to Kafka.
//!
//! Invariant: state, offers and offsets move in one transaction (`transaction`), under the assignment they were
//! polled under (`stream`), and come back from the two state logs alone (`shop_log`, `sessions`). Calls of the
//! client that block stay on threads of their own; none is made inside tokio.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `service` | what is started, in which order |
//! | `stream` | the loop: poll, process, hand over to the transaction |
//! | `group`, `idle` | the consumer group: assignments, lag, and time where no events come |
//! | `handover`, `link`, `transaction` | handing a batch over, and the thread that commits it |
//! | `outgoing`, `delivery` | a batch as records, and sending them |
//! | `embedded`, `feed` | the demo's broker, and the shop's side of the bus |
//! | `shop_log`, `sessions` | restoring and following the state logs |
//! | `catalogue` | reading and following the shop's catalogue |
//! | `clients` | settings of every client |
//! | `topics`, `admin`, `check` | topics, rights, and what is wrong with them |

pub mod admin;
mod catalogue;
pub mod check;
mod clients;
mod delivery;
mod embedded;
mod feed;
mod group;
mod handover;
mod idle;
mod link;
mod outgoing;
mod service;
mod sessions;
mod shop_log;
mod stream;
mod topics;
mod transaction;

pub use clients::check as check_settings;
pub use embedded::{EmbeddedBroker, PARTITIONS, run_embedded};
pub use feed::Feed;
pub use service::{Service, run};
pub use sessions::read_sessions;
pub use shop_log::read_shop;
