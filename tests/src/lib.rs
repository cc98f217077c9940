//! What crosses Ottla's crates: a live Kafka, interop, hostile bytes, the demo, benchmarks.

pub mod kafka;
pub mod licences;
