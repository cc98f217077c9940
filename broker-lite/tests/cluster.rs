//! Several brokers in one process: leaders, replicas, what survives and what is truncated.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "api/async_peer.rs"]
mod async_peer;
#[path = "cluster/leaders.rs"]
mod leaders;
#[path = "cluster/listeners.rs"]
mod listeners;
#[path = "api/peer.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod peer;
#[path = "cluster/random.rs"]
mod random;
#[path = "cluster/replicas.rs"]
mod replicas;
#[path = "cluster/setup.rs"]
mod setup;
#[path = "cluster/topics.rs"]
mod topics;
