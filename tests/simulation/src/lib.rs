//! Clients and brokers in one thread, on virtual time, over a network in memory, from a seed that replays.
//!
//! A seed makes a [`Schedule`]: what the applications do and what befalls brokers and network, and when. [`run`] carries it out and
//! holds the history of what was sent, acknowledged and read against what Kafka promises ([`checker`]). The same schedule gives the
//! same trace, whose hash the tests compare. A schedule is a text file as well, since a bare seed means something else after the
//! next change.

// This crate is for tests, which fail by panicking; what it makes is its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod campaign;
pub mod checker;
mod commit_watch;
mod consumers;
mod faults;
pub mod group_checker;
pub mod group_history;
pub mod history;
mod link;
mod members;
pub mod network;
mod offload;
mod operator;
mod producers;
pub mod random;
mod run;
pub mod schedule;
mod settle;
pub mod strikes;
pub mod trace;
mod watchdog;

pub use run::{Outcome, run, run_traced};
pub use schedule::Schedule;
