//! Lying bytes: what a peer may send that is no Kafka, or almost.
//!
//! Each [`Target`] makes inputs from a seed and feeds them to a decoder; [`run`] holds the memory that a decoder takes against
//! what its input justifies, and a failure names the seed and the number of the input that replay it. The tests of this crate
//! run some thousands of them, and the binary `hostile` as many as it is told to.

// This crate is for tests, which fail by panicking; what it makes is its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod allocator;
pub mod batches;
pub mod codecs;
pub mod frames;
pub mod fuzz;
pub mod legacy;
pub mod messages;
pub mod mutation;
pub mod panics;
pub mod proxy;
mod runner;
pub mod seed;

pub use runner::{Input, Target, all_targets, run};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;
