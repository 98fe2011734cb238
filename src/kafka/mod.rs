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
//! | `offers` | offers that do not wait for their commit |
//! | `repartition`, `origins` | events of a bus that is keyed otherwise, republished first; where they came from |
//! | `embedded`, `feed`, `intake` | the demo's broker, the shop's side of the bus, and events that came by HTTP |
//! | `shop_log`, `changelog` | following the shop log; reading the sessions' changelog |
//! | `shop_restore`, `shop_peek` | restoring the shop from a snapshot and the log; looking at the log |
//! | `snapshots`, `freezes` | the thread that takes snapshots, and how it gets at the shop |
//! | `catalogue` | reading and following the shop's catalogue |
//! | `event_range`, `rebuild` | the events topics as the source of a replay |
//! | `clients`, `fenced` | settings of every client; what it means where one has ended |
//! | `topics`, `admin`, `check`, `refused` | topics, rights, and what is wrong with them |

pub mod admin;
mod bus;
mod catalogue;
mod caught_up;
mod changelog;
pub mod check;
mod clients;
mod delivery;
mod embedded;
mod event_range;
mod feed;
mod fenced;
mod freezes;
mod group;
mod headers;
mod intake;
mod link;
mod offers;
mod origins;
mod rebuild;
mod refused;
mod repartition;
mod service;
mod shop_log;
mod shop_peek;
mod shop_restore;
mod snapshots;
mod topics;
mod transaction;

pub use changelog::read_sessions;
pub use clients::check as check_settings;
pub use embedded::{EmbeddedBroker, PARTITIONS, run_embedded};
pub use feed::Feed;
pub use intake::EventsIntake;
pub use rebuild::replay_from_kafka;
pub use service::{Service, run};
pub use shop_restore::read_shop;
