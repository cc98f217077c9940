//! Consumer groups: who is in the group, who reads which partition, and how far the group has read.

pub mod assignor;
mod consumer_protocol;

pub use consumer_protocol::{
    decode_assignment, decode_subscription, encode_assignment, encode_subscription, partitions_by_topic,
};
