//! DescribeShareGroupOffsets (API key 90).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of DescribeShareGroupOffsets.
///
/// Version 0 is the initial version (KIP-932).
///
/// Version 1 introduces Lag in the response (KIP-1226).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeShareGroupOffsets", versions = "0-1", flexible = "0+")]
pub struct DescribeShareGroupOffsetsRequest {
    /// The groups to describe offsets for.
    #[field(versions = "0+")]
    pub groups: Vec<DescribeShareGroupOffsetsRequestGroup>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeShareGroupOffsetsRequest: `groups`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeShareGroupOffsetsRequestGroup {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The topics to describe offsets for, or null for all topic-partitions.
    #[field(versions = "0+", nullable = "0+")]
    pub topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeShareGroupOffsetsRequest: `DescribeShareGroupOffsetsRequestGroup.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeShareGroupOffsetsRequestTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeShareGroupOffsets.
///
/// Version 0 is the initial version (KIP-932).
///
/// Version 1 introduces Lag (KIP-1226). Supported errors: \- GROUP_AUTHORIZATION_FAILED (version 0+) \-
/// TOPIC_AUTHORIZATION_FAILED (version 0+) \- NOT_COORDINATOR (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \-
/// COORDINATOR_LOAD_IN_PROGRESS (version 0+) \- GROUP_ID_NOT_FOUND (version 0+) \- INVALID_REQUEST (version 0+) \-
/// UNKNOWN_SERVER_ERROR (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeShareGroupOffsets", versions = "0-1", flexible = "0+")]
pub struct DescribeShareGroupOffsetsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The results for each group.
    #[field(versions = "0+")]
    pub groups: Vec<DescribeShareGroupOffsetsResponseGroup>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeShareGroupOffsetsResponse: `groups`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeShareGroupOffsetsResponseGroup {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The results for each topic.
    #[field(versions = "0+")]
    pub topics: Vec<DescribeShareGroupOffsetsResponseTopic>,
    /// The group-level error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The group-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeShareGroupOffsetsResponse: `DescribeShareGroupOffsetsResponseGroup.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeShareGroupOffsetsResponseTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The unique topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// Not described.
    #[field(versions = "0+")]
    pub partitions: Vec<DescribeShareGroupOffsetsResponsePartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeShareGroupOffsetsResponse: `DescribeShareGroupOffsetsResponseTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeShareGroupOffsetsResponsePartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The share-partition start offset.
    #[field(versions = "0+")]
    pub start_offset: i64,
    /// The leader epoch of the partition.
    #[field(versions = "0+")]
    pub leader_epoch: i32,
    /// The share-partition lag.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub lag: i64,
    /// The partition-level error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The partition-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
