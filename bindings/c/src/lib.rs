//! librdkafka's C ABI over Ottla: what the header `c-include/rdkafka.h` declares, as `librdkafka.so.1`.
//!
//! Types are converted here, and nothing is decided: records, batches, groups and connections are the client's. Handles are opaque
//! pointers; callbacks run on the thread of the application that polls, never on the IO thread; a message lies in a slab that its
//! batch shares, and may be freed on any thread, in any order.
//!
//! What every function keeps: no panic goes into C (`guarded!`), a null pointer where there must be none gets an error or is
//! ignored, and no wait is without a bound that its caller gave or the client has.
#![expect(unsafe_code, reason = "pointers come from C and go there: each block says why it may")]
#![expect(clippy::missing_safety_doc, reason = "the contract of each function is librdkafka's, and stands in the header")]
#![expect(non_camel_case_types, reason = "C's names of opaque types")]

#[macro_use]
mod boundary;

mod asked;

pub mod conf;
pub mod consumer;
mod drive;
pub mod error;
pub mod event;
mod exit;
pub mod groups;
pub mod handle;
pub mod headers;
pub mod list;
mod log;
mod member;
pub mod message;
pub mod metadata;
pub mod misc;
pub mod mock;
pub mod offsets;
mod op;
pub mod partitioner;
pub mod produce;
pub mod properties;
pub mod queue;
pub mod queue_api;
mod report;
mod ring;
mod signals;
pub mod simple;
pub mod topic;
pub mod types;
pub mod variadic;
