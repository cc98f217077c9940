//! What a member of a group of consumers tells the leader, within JoinGroup.
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, Text, UnknownTaggedField};

/// The consumer protocol's subscription.
///
/// Subscription part of the Consumer Protocol.
///
/// The current implementation assumes that future versions will not break compatibility. When it encounters a newer version, it
/// parses it using the current format. This basically means that new versions cannot remove or reorder any of the existing
/// fields.
///
/// Version 1 added the "OwnedPartitions" field to allow assigner know what partitions each member owned
///
/// Version 2 added a new field "GenerationId" to indicate if the member has out-of-date ownedPartitions.
///
/// Version 3 adds rack id to enable rack-aware assignment.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0-3", flexible = "none")]
pub struct ConsumerProtocolSubscription {
    /// The topics that the member wants to consume.
    #[field(versions = "0+")]
    pub topics: Vec<Text>,
    /// User data that will be passed back to the consumer.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub user_data: Option<Bytes>,
    /// The partitions that the member owns.
    #[field(versions = "1+", ignorable)]
    pub owned_partitions: Vec<TopicPartition>,
    /// The generation id of the member.
    #[field(versions = "2+", default = "-1", ignorable)]
    pub generation_id: i32,
    /// The rack id of the member.
    #[field(versions = "3+", nullable = "3+", default = "null", ignorable)]
    pub rack_id: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ConsumerProtocolSubscription: `owned_partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "1+", flexible = "none")]
pub struct TopicPartition {
    /// The topic name.
    #[field(versions = "1+")]
    pub topic: Text,
    /// The partition ids.
    #[field(versions = "1+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
