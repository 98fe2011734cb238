//! Offerstream learns from a shop's events what is bought together, and answers with offers while the shopper
//! is still there.
//!
//! The way of one event:
//!
//! ```text
//! shop.events -> decode -> session: dedupe, basket -> rank -> policy -> offer -> shop.offers
//!                  |          |                        ^
//!            shop.events.dlq  +-> facts -> offerstream.shop -> fold -> shop state
//! ```
//!
//! | room | what it is for |
//! | --- | --- |
//! | [`event`] | wire formats into events, or a reason why not |
//! | [`catalogue`] | the shop's catalogue, from records and files into products |
//! | [`engine`] | pure decisions: sessions, counts, ranking, policy, offers, attribution |
//! | [`state`] | the record formats that survive |
//! | [`pipeline`] | records in, one batch of all that a commit carries |
//! | [`exact`] | the exact loop: commits, aborts, restoring; over any bus |
//! | [`kafka`] | the only room that talks to Kafka: transactions, restoring, topics |
//! | [`replay`] | the same pipeline over recorded logs |
//! | [`backtest`] | what would have been offered against what shoppers then did |
//! | [`report`] | insights as a page, as JSON, as text |
//! | [`demo`] | a simulated shop |
//! | [`insights`] | what the shop's totals say: figures for people and programs |
//! | [`metrics`], [`http`], [`health`], [`serve`] | what the outside sees of a running process |
//! | [`live`] | what is committed here, for whoever asks now |
//! | [`snapshots`] | where snapshots of the shop are kept, and which of them fits |
//! | [`customer_key`], [`offer_token`] | customers' ids as keyed hashes; tokens of offers given over HTTP |
//! | [`config`], [`dump`], [`clock`], [`panics`] | settings, state as text, the one clock, how a bug ends the process |
//!
//! Invariants:
//! - The engine has no I/O, clock, threads, metrics or randomness: the same events give the same bytes.
//! - Shop state is the fold of the committed facts, and of nothing else.
//! - State, offers and offsets move in one transaction.
//! - Money is never a float; counts are integers.
//! - Everything that grows has a limit; what the shop or a partition holds has a gauge and an eviction counter.
//! - Only [`kafka`] imports rdkafka. A panic in any thread ends the process.

pub mod backtest;
pub mod catalogue;
pub mod clock;
pub mod config;
pub mod customer_key;
pub mod demo;
pub mod dump;
pub mod engine;
pub mod event;
pub mod exact;
pub mod health;
pub mod http;
pub(crate) mod input;
pub mod insights;
pub mod kafka;
pub mod live;
pub mod metrics;
pub mod offer_token;
pub mod panics;
pub mod pipeline;
pub mod replay;
pub mod report;
pub mod serve;
pub mod snapshots;
pub mod state;
