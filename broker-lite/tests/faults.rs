//! Faults on purpose, and the journal of what was asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "api/async_peer.rs"]
mod async_peer;
#[path = "faults/connections.rs"]
mod connections;
#[path = "faults/errors.rs"]
mod errors;
#[path = "groups/setup.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod group_setup;
#[path = "faults/groups.rs"]
mod groups;
#[path = "faults/journal.rs"]
mod journal;
#[path = "api/peer.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod peer;
#[path = "faults/rules.rs"]
mod rules;
#[path = "cluster/setup.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod setup;
#[path = "faults/stale_metadata.rs"]
mod stale_metadata;
