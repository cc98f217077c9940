//! InitializeShareGroupState (API key 83).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of InitializeShareGroupState.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "InitializeShareGroupState", versions = "0", flexible = "0+")]
pub struct InitializeShareGroupStateRequest {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The data for the topics.
    #[field(versions = "0+")]
    pub topics: Vec<InitializeStateData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In InitializeShareGroupStateRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct InitializeStateData {
    /// The topic identifier.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The data for the partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In InitializeShareGroupStateRequest: `InitializeStateData.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionData {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition: i32,
    /// The state epoch for this share-partition.
    #[field(versions = "0+")]
    pub state_epoch: i32,
    /// The share-partition start offset, or -1 if the start offset is not being initialized.
    #[field(versions = "0+")]
    pub start_offset: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of InitializeShareGroupState.
///
/// \- NOT_COORDINATOR (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \-
/// FENCED_STATE_EPOCH (version 0+) \- INVALID_REQUEST (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "InitializeShareGroupState", versions = "0", flexible = "0+")]
pub struct InitializeShareGroupStateResponse {
    /// The initialization results.
    #[field(versions = "0+")]
    pub results: Vec<InitializeStateResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In InitializeShareGroupStateResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct InitializeStateResult {
    /// The topic identifier.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The results for the partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In InitializeShareGroupStateResponse: `InitializeStateResult.partitions`.
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
