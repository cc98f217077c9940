//! Ottla's decisions: an Apache Kafka client's state machines without IO.

pub mod error;
pub mod producer;
pub mod random;
