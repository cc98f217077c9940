//! AlterShareGroupOffsets (API key 91).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of AlterShareGroupOffsets.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "AlterShareGroupOffsets", versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsRequest {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The topics to alter offsets for.
    #[field(versions = "0+")]
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterShareGroupOffsetsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct AlterShareGroupOffsetsRequestTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// Each partition to alter offsets for.
    #[field(versions = "0+")]
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterShareGroupOffsetsRequest: `AlterShareGroupOffsetsRequestTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct AlterShareGroupOffsetsRequestPartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The share-partition start offset.
    #[field(versions = "0+")]
    pub start_offset: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of AlterShareGroupOffsets.
///
/// Supported errors: \- GROUP_AUTHORIZATION_FAILED (version 0+) \- TOPIC_AUTHORIZATION_FAILED (version 0+) \- NOT_COORDINATOR
/// (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \- GROUP_ID_NOT_FOUND
/// (version 0+) \- NON_EMPTY_GROUP (version 0+) \- KAFKA_STORAGE_ERROR (version 0+) \- INVALID_REQUEST (version 0+) \-
/// UNKNOWN_SERVER_ERROR (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "AlterShareGroupOffsets", versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The top-level error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// The results for each topic.
    #[field(versions = "0+")]
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterShareGroupOffsetsResponse: `responses`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct AlterShareGroupOffsetsResponseTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The unique topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// Not described.
    #[field(versions = "0+")]
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterShareGroupOffsetsResponse: `AlterShareGroupOffsetsResponseTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct AlterShareGroupOffsetsResponsePartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
