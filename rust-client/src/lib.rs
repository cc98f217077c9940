//! An Apache Kafka client in Rust.
