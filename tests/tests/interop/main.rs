//! The client from outside, against a live Apache Kafka and against broker-lite: the same tests on both wherever both can.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod admin_groups;
mod bad_input;
mod c_shaped;
mod consumer;
mod dropped_waiters;
mod executors;
mod gone;
mod groups;
mod groups_live;
mod helper;
mod kafka_tools;
mod line;
mod live_faults;
mod nearby;
mod paused_time;
mod round_trip;
mod three_brokers;
mod truncation;
