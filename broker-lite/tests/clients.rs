//! Other people's clients. They are looked for, and their absence fails the test: `apt-get install kcat`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "clients/kcat.rs"]
mod kcat;
