//! DeleteShareGroupState (API key 86).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of DeleteShareGroupState.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DeleteShareGroupState", versions = "0", flexible = "0+")]
pub struct DeleteShareGroupStateRequest {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The data for the topics.
    #[field(versions = "0+")]
    pub topics: Vec<DeleteStateData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteShareGroupStateRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DeleteStateData {
    /// The topic identifier.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The data for the partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteShareGroupStateRequest: `DeleteStateData.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionData {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DeleteShareGroupState.
///
/// \- NOT_COORDINATOR (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \-
/// GROUP_ID_NOT_FOUND (version 0+) \- UNKNOWN_TOPIC_OR_PARTITION (version 0+) \- FENCED_STATE_EPOCH (version 0+) \-
/// INVALID_REQUEST (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DeleteShareGroupState", versions = "0", flexible = "0+")]
pub struct DeleteShareGroupStateResponse {
    /// The delete results.
    #[field(versions = "0+")]
    pub results: Vec<DeleteStateResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteShareGroupStateResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DeleteStateResult {
    /// The topic identifier.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The results for the partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteShareGroupStateResponse: `DeleteStateResult.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionResult {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
