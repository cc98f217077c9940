//! OffsetCommit (API key 8).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of OffsetCommit.
///
/// Versions 0-1 were removed in Apache Kafka 4.0, Version 2 is the new baseline.
///
/// Version 1 adds timestamp and group membership information, as well as the commit timestamp.
///
/// Version 2 adds retention time. It removes the commit timestamp added in version 1.
///
/// Version 3 and 4 are the same as version 2.
///
/// Version 5 removes the retention time, which is now controlled only by a broker configuration.
///
/// Version 6 adds the leader epoch for fencing.
///
/// version 7 adds a new field called groupInstanceId to indicate member identity across restarts.
///
/// Version 8 is the first flexible version.
///
/// Version 9 is the first version that can be used with the new consumer group protocol (KIP-848). The request is the same as
/// version 8.
///
/// Version 10 adds support for topic ids and removes support for topic names (KIP-848).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "OffsetCommit", versions = "2-10", flexible = "8+")]
pub struct OffsetCommitRequest {
    /// The unique group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The generation of the group if using the classic group protocol or the member epoch if using the consumer protocol.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub generation_id_or_member_epoch: i32,
    /// The member ID assigned by the group coordinator.
    #[field(versions = "1+", ignorable)]
    pub member_id: Text,
    /// The unique identifier of the consumer instance provided by end user.
    #[field(versions = "7+", nullable = "7+", default = "null")]
    pub group_instance_id: Option<Text>,
    /// The time period in ms to retain the offset.
    #[field(versions = "2-4", default = "-1", ignorable)]
    pub retention_time_ms: i64,
    /// The topics to commit offsets for.
    #[field(versions = "0+")]
    pub topics: Vec<OffsetCommitRequestTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetCommitRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "8+")]
pub struct OffsetCommitRequestTopic {
    /// The topic name.
    #[field(versions = "0-9", ignorable)]
    pub name: Text,
    /// The topic ID.
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    /// Each partition to commit offsets for.
    #[field(versions = "0+")]
    pub partitions: Vec<OffsetCommitRequestPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetCommitRequest: `OffsetCommitRequestTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "8+")]
pub struct OffsetCommitRequestPartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The message offset to be committed.
    #[field(versions = "0+")]
    pub committed_offset: i64,
    /// The leader epoch of this partition.
    #[field(versions = "6+", default = "-1", ignorable)]
    pub committed_leader_epoch: i32,
    /// Any associated metadata the client wants to keep.
    #[field(versions = "0+", nullable = "0+")]
    pub committed_metadata: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of OffsetCommit.
///
/// Versions 0-1 were removed in Apache Kafka 4.0, Version 2 is the new baseline.
///
/// Versions 1 and 2 are the same as version 0.
///
/// Version 3 adds the throttle time to the response.
///
/// Starting in version 4, on quota violation, brokers send out responses before throttling.
///
/// Versions 5 and 6 are the same as version 4.
///
/// Version 7 offsetCommitRequest supports a new field called groupInstanceId to indicate member identity across restarts.
///
/// Version 8 is the first flexible version.
///
/// Version 9 is the first version that can be used with the new consumer group protocol (KIP-848). The response is the same as
/// version 8 but can return STALE_MEMBER_EPOCH when the new consumer group protocol is used and GROUP_ID_NOT_FOUND when the group
/// does not exist for both protocols.
///
/// Version 10 adds support for topic ids and removes support for topic names (KIP-848). Supported errors: \-
/// GROUP_AUTHORIZATION_FAILED (version 0+) \- NOT_COORDINATOR (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \-
/// COORDINATOR_LOAD_IN_PROGRESS (version 0+) \- ILLEGAL_GENERATION (version 1+) \- UNKNOWN_MEMBER_ID (version 1+) \-
/// INVALID_COMMIT_OFFSET_SIZE (version 0+) \- FENCED_MEMBER_EPOCH (version 7+) \- GROUP_ID_NOT_FOUND (version 9+) \-
/// STALE_MEMBER_EPOCH (version 9+) \- UNKNOWN_TOPIC_ID (version 10+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "OffsetCommit", versions = "2-10", flexible = "8+")]
pub struct OffsetCommitResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "3+", ignorable)]
    pub throttle_time_ms: i32,
    /// The responses for each topic.
    #[field(versions = "0+")]
    pub topics: Vec<OffsetCommitResponseTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetCommitResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "8+")]
pub struct OffsetCommitResponseTopic {
    /// The topic name.
    #[field(versions = "0-9", ignorable)]
    pub name: Text,
    /// The topic ID.
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    /// The responses for each partition in the topic.
    #[field(versions = "0+")]
    pub partitions: Vec<OffsetCommitResponsePartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetCommitResponse: `OffsetCommitResponseTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "8+")]
pub struct OffsetCommitResponsePartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
