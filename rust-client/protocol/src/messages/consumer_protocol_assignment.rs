//! What the leader of a group of consumers tells a member, within SyncGroup.
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, Text, UnknownTaggedField};

/// The consumer protocol's assignment.
///
/// Assignment part of the Consumer Protocol.
///
/// The current implementation assumes that future versions will not break compatibility. When it encounters a newer version, it
/// parses it using the current format. This basically means that new versions cannot remove or reorder any of the existing
/// fields.
///
/// Version 2 is to support a new field "GenerationId" in ConsumerProtocolSubscription.
///
/// Version 3 adds rack id to ConsumerProtocolSubscription.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0-3", flexible = "none")]
pub struct ConsumerProtocolAssignment {
    /// The list of topics and partitions assigned to this consumer.
    #[field(versions = "0+")]
    pub assigned_partitions: Vec<TopicPartition>,
    /// User data.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub user_data: Option<Bytes>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ConsumerProtocolAssignment: `assigned_partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "none")]
pub struct TopicPartition {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic: Text,
    /// The list of partitions assigned to this consumer.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
