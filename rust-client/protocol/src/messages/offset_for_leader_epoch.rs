//! OffsetForLeaderEpoch (API key 23).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of OffsetForLeaderEpoch.
///
/// Versions 0-1 were removed in Apache Kafka 4.0, Version 2 is the new baseline.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds the current leader epoch to support fencing.
///
/// Version 3 adds ReplicaId (the default is -2 which conventionally represents a "debug" consumer which is allowed to see offsets
/// beyond the high watermark). Followers will use this replicaId when using an older version of the protocol.
///
/// Version 4 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "OffsetForLeaderEpoch", versions = "2-4", flexible = "4+")]
pub struct OffsetForLeaderEpochRequest {
    /// The broker ID of the follower, of -1 if this request is from a consumer.
    #[field(versions = "3+", default = "-2", ignorable)]
    pub replica_id: i32,
    /// Each topic to get offsets for.
    #[field(versions = "0+")]
    pub topics: Vec<OffsetForLeaderTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetForLeaderEpochRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct OffsetForLeaderTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic: Text,
    /// Each partition to get offsets for.
    #[field(versions = "0+")]
    pub partitions: Vec<OffsetForLeaderPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetForLeaderEpochRequest: `OffsetForLeaderTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct OffsetForLeaderPartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition: i32,
    /// An epoch used to fence consumers/replicas with old metadata. If the epoch provided by the client is larger than the
    /// current epoch known to the broker, then the UNKNOWN_LEADER_EPOCH error code will be returned. If the provided epoch is
    /// smaller, then the FENCED_LEADER_EPOCH error code will be returned.
    #[field(versions = "2+", default = "-1", ignorable)]
    pub current_leader_epoch: i32,
    /// The epoch to look up an offset for.
    #[field(versions = "0+")]
    pub leader_epoch: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of OffsetForLeaderEpoch.
///
/// Versions 0-1 were removed in Apache Kafka 4.0, Version 2 is the new baseline.
///
/// Version 1 added the leader epoch to the response.
///
/// Version 2 added the throttle time.
///
/// Version 3 is the same as version 2.
///
/// Version 4 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "OffsetForLeaderEpoch", versions = "2-4", flexible = "4+")]
pub struct OffsetForLeaderEpochResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "2+", ignorable)]
    pub throttle_time_ms: i32,
    /// Each topic we fetched offsets for.
    #[field(versions = "0+")]
    pub topics: Vec<OffsetForLeaderTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetForLeaderEpochResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct OffsetForLeaderTopicResult {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic: Text,
    /// Each partition in the topic we fetched offsets for.
    #[field(versions = "0+")]
    pub partitions: Vec<EpochEndOffset>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetForLeaderEpochResponse: `OffsetForLeaderTopicResult.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct EpochEndOffset {
    /// The error code 0, or if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The partition index.
    #[field(versions = "0+")]
    pub partition: i32,
    /// The leader epoch of the partition.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub leader_epoch: i32,
    /// The end offset of the epoch.
    #[field(versions = "0+", default = "-1")]
    pub end_offset: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
