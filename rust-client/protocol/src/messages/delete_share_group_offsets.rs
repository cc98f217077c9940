//! DeleteShareGroupOffsets (API key 92).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of DeleteShareGroupOffsets.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DeleteShareGroupOffsets", versions = "0", flexible = "0+")]
pub struct DeleteShareGroupOffsetsRequest {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The topics to delete offsets for.
    #[field(versions = "0+")]
    pub topics: Vec<DeleteShareGroupOffsetsRequestTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteShareGroupOffsetsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DeleteShareGroupOffsetsRequestTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DeleteShareGroupOffsets.
///
/// Supported errors: \- GROUP_AUTHORIZATION_FAILED (version 0+) \- TOPIC_AUTHORIZATION_FAILED (version 0+) \- NOT_COORDINATOR
/// (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \- GROUP_ID_NOT_FOUND
/// (version 0+) \- NON_EMPTY_GROUP (version 0+) \- KAFKA_STORAGE_ERROR (version 0+) \- INVALID_REQUEST (version 0+) \-
/// UNKNOWN_SERVER_ERROR (version 0+) \- UNKNOWN_TOPIC_OR_PARTITION (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DeleteShareGroupOffsets", versions = "0", flexible = "0+")]
pub struct DeleteShareGroupOffsetsResponse {
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
    pub responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteShareGroupOffsetsResponse: `responses`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DeleteShareGroupOffsetsResponseTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The unique topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The topic-level error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The topic-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
