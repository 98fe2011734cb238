//! The only room that talks to Kafka.
//!
//! Invariant: state, offers and offsets move in one transaction (`transaction`), under the assignment they were
//! polled under, and come back from the two state logs alone (`shop_log`, `changelog`). The loop is that of `exact`. Calls of the
//! client that block stay on threads of their own; none is made inside tokio.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `service` | what is started, in which order |
//! | `bus`, `group`, `caught_up` | the loop's bus: the member of the group, its assignments, how far behind it is |
//! | `link`, `transaction`, `delivery` | the thread that commits, and sending records |
//! | `embedded`, `feed` | the demo's broker, and the shop's side of the bus |
//! | `shop_log`, `changelog` | restoring and following the state logs |
//! | `catalogue` | reading and following the shop's catalogue |
//! | `clients` | settings of every client |
//! | `topics`, `admin`, `check` | topics, rights, and what is wrong with them |

pub mod admin;
mod bus;
mod catalogue;
mod caught_up;
mod changelog;
pub mod check;
mod clients;
mod delivery;
mod embedded;
mod feed;
mod group;
mod link;
mod service;
mod shop_log;
mod topics;
mod transaction;

pub use changelog::read_sessions;
pub use clients::check as check_settings;
pub use embedded::{EmbeddedBroker, PARTITIONS, run_embedded};
pub use feed::Feed;
pub use service::{Service, run};
pub use shop_log::read_shop;
