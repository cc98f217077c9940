//! ReadShareGroupStateSummary (API key 87).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of ReadShareGroupStateSummary.
///
/// Version 0 is the initial version (KIP-932).
///
/// Version 1 introduces DeliveryCompleteCount in the response (KIP-1226).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ReadShareGroupStateSummary", versions = "0-1", flexible = "0+")]
pub struct ReadShareGroupStateSummaryRequest {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The data for the topics.
    #[field(versions = "0+")]
    pub topics: Vec<ReadStateSummaryData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateSummaryRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReadStateSummaryData {
    /// The topic identifier.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The data for the partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateSummaryRequest: `ReadStateSummaryData.partitions`.
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

/// The response of ReadShareGroupStateSummary.
///
/// Version 0 is the initial version (KIP-932).
///
/// Version 1 introduces DeliveryCompleteCount (KIP-1226). \- NOT_COORDINATOR (version 0+) \- COORDINATOR_NOT_AVAILABLE (version
/// 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \- GROUP_ID_NOT_FOUND (version 0+) \- UNKNOWN_TOPIC_OR_PARTITION (version 0+)
/// \- FENCED_LEADER_EPOCH (version 0+) \- INVALID_REQUEST (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ReadShareGroupStateSummary", versions = "0-1", flexible = "0+")]
pub struct ReadShareGroupStateSummaryResponse {
    /// The read results.
    #[field(versions = "0+")]
    pub results: Vec<ReadStateSummaryResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateSummaryResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReadStateSummaryResult {
    /// The topic identifier.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The results for the partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ReadShareGroupStateSummaryResponse: `ReadStateSummaryResult.partitions`.
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
    /// The leader epoch of the share-partition.
    #[field(versions = "0+")]
    pub leader_epoch: i32,
    /// The share-partition start offset.
    #[field(versions = "0+")]
    pub start_offset: i64,
    /// The number of offsets greater than or equal to share-partition start offset for which delivery has been completed.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub delivery_complete_count: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
