//! What threads share, under a scheduler that decides from a seed after which atomic operation or lock which thread goes on:
//! completions, the queue of events, the accumulator with its quota and what a flush waits for.
//!
//! `cargo test -p ottla-core --features shuttle --test threads`. A wake-up that is lost leaves nobody who could go on, and that
//! the scheduler reports as a deadlock; so it does a lock that its holder takes again. It knows no weak memory: that each atomic
//! operation's `Ordering` is strong enough is not shown here.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod completions;
mod driver;
mod events;
mod producers;
mod schedules;
