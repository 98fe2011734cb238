//! Offerstream.
pub mod clock;
pub mod config;
pub mod demo;
pub mod dump;
pub mod engine;
pub mod event;
pub mod health;
pub mod http;
pub mod kafka;
pub mod metrics;
pub mod pipeline;
pub mod replay;
pub mod serve;
pub mod state;
