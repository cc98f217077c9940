//! The broker over TCP and through memory, one request at a time, without a client.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "api/admin.rs"]
mod admin;
#[path = "api/async_peer.rs"]
mod async_peer;
#[path = "api/connection.rs"]
mod connection;
#[path = "api/fetch.rs"]
mod fetch;
#[path = "api/memory.rs"]
mod memory;
#[path = "api/peer.rs"]
mod peer;
#[path = "api/produce.rs"]
mod produce;
