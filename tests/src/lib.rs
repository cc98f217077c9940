//! What crosses Ottla's crates: a live Kafka, interop, hostile bytes, the demo, benchmarks.

pub mod kafka;
pub mod licences;

/// The README's programs are compiled with the tests, and so stay true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
