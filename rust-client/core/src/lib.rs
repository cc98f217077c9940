//! Ottla's decisions: an Apache Kafka client's state machines without IO.
//!
//! No sockets, no clock, no randomness of its own and no runtime: `now` and the random source are passed in, commands come out.

pub mod admin;
pub mod completion;
pub mod config;
pub mod connection;
pub mod consumer;
pub mod error;
pub mod event_queue;
pub mod group;
pub mod metadata;
pub mod metrics;
pub mod mutants;
pub mod offload;
pub mod producer;
pub mod random;
mod sync;
pub mod time;
