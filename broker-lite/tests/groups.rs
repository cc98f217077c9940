//! The coordinators of groups, one request at a time, on paused time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "groups/admin.rs"]
mod admin;
#[path = "groups/answers.rs"]
mod answers;
#[path = "api/async_peer.rs"]
mod async_peer;
#[path = "groups/coordinators.rs"]
mod coordinators;
#[path = "groups/membership.rs"]
mod membership;
#[path = "groups/offsets.rs"]
mod offsets;
#[path = "groups/replay.rs"]
mod replay;
#[path = "groups/setup.rs"]
mod setup;
