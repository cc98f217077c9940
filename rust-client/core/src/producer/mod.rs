//! The way of a record out.

pub mod partitioner;
