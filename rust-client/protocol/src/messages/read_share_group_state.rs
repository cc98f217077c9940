//! ReadShareGroupState (API key 84).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of ReadShareGroupState.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ReadShareGroupState", versions = "0", flexible = "0+")]
pub struct ReadShareGroupStateRequest {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The data for the topics.
    #[field(versions = "0+")]
    pub topics: Vec<ReadStateData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReadStateData {
    /// The topic identifier.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The data for the partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateRequest: `ReadStateData.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionData {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition: i32,
    /// The leader epoch of the share-partition.
    #[field(versions = "0+")]
    pub leader_epoch: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ReadShareGroupState.
///
/// \- NOT_COORDINATOR (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \-
/// GROUP_ID_NOT_FOUND (version 0+) \- UNKNOWN_TOPIC_OR_PARTITION (version 0+) \- FENCED_LEADER_EPOCH (version 0+) \-
/// INVALID_REQUEST (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ReadShareGroupState", versions = "0", flexible = "0+")]
pub struct ReadShareGroupStateResponse {
    /// The read results.
    #[field(versions = "0+")]
    pub results: Vec<ReadStateResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReadStateResult {
    /// The topic identifier.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The results for the partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateResponse: `ReadStateResult.partitions`.
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
    /// The state epoch of the share-partition.
    #[field(versions = "0+")]
    pub state_epoch: i32,
    /// The share-partition start offset, which can be -1 if it is not yet initialized.
    #[field(versions = "0+")]
    pub start_offset: i64,
    /// The state batches for this share-partition.
    #[field(versions = "0+")]
    pub state_batches: Vec<StateBatch>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateResponse: `PartitionResult.state_batches`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct StateBatch {
    /// The first offset of this state batch.
    #[field(versions = "0+")]
    pub first_offset: i64,
    /// The last offset of this state batch.
    #[field(versions = "0+")]
    pub last_offset: i64,
    /// The delivery state \- 0:Available,2:Acked,4:Archived.
    #[field(versions = "0+")]
    pub delivery_state: i8,
    /// The delivery count.
    #[field(versions = "0+")]
    pub delivery_count: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
