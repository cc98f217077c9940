//! The broker over TCP, one request at a time, without a client.

#[path = "api/admin.rs"]
mod admin;
#[path = "api/connection.rs"]
mod connection;
#[path = "api/fetch.rs"]
mod fetch;
#[path = "api/peer.rs"]
mod peer;
#[path = "api/produce.rs"]
mod produce;
