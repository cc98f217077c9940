//! OffsetDelete (API key 47).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of OffsetDelete.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "OffsetDelete", versions = "0", flexible = "none")]
pub struct OffsetDeleteRequest {
    /// The unique group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The topics to delete offsets for.
    #[field(versions = "0+")]
    pub topics: Vec<OffsetDeleteRequestTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetDeleteRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "none")]
pub struct OffsetDeleteRequestTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// Each partition to delete offsets for.
    #[field(versions = "0+")]
    pub partitions: Vec<OffsetDeleteRequestPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetDeleteRequest: `OffsetDeleteRequestTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "none")]
pub struct OffsetDeleteRequestPartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of OffsetDelete.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "OffsetDelete", versions = "0", flexible = "none")]
pub struct OffsetDeleteResponse {
    /// The top-level error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+", ignorable)]
    pub throttle_time_ms: i32,
    /// The responses for each topic.
    #[field(versions = "0+")]
    pub topics: Vec<OffsetDeleteResponseTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetDeleteResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "none")]
pub struct OffsetDeleteResponseTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The responses for each partition in the topic.
    #[field(versions = "0+")]
    pub partitions: Vec<OffsetDeleteResponsePartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetDeleteResponse: `OffsetDeleteResponseTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "none")]
pub struct OffsetDeleteResponsePartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
