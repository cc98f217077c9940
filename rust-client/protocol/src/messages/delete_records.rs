//! DeleteRecords (API key 21).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DeleteRecords.
///
/// Version 1 is the same as version 0.
///
/// Version 2 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DeleteRecords", versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsRequest {
    /// Each topic that we want to delete records from.
    #[field(versions = "0+")]
    pub topics: Vec<DeleteRecordsTopic>,
    /// How long to wait for the deletion to complete, in milliseconds.
    #[field(versions = "0+")]
    pub timeout_ms: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteRecordsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DeleteRecordsTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// Each partition that we want to delete records from.
    #[field(versions = "0+")]
    pub partitions: Vec<DeleteRecordsPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteRecordsRequest: `DeleteRecordsTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DeleteRecordsPartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The deletion offset. -1 means that records should be truncated to the high watermark.
    #[field(versions = "0+")]
    pub offset: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DeleteRecords.
///
/// Starting in version 1, on quota violation, brokers send out responses before throttling.
///
/// Version 2 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DeleteRecords", versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// Each topic that we wanted to delete records from.
    #[field(versions = "0+")]
    pub topics: Vec<DeleteRecordsTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteRecordsResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DeleteRecordsTopicResult {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// Each partition that we wanted to delete records from.
    #[field(versions = "0+")]
    pub partitions: Vec<DeleteRecordsPartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteRecordsResponse: `DeleteRecordsTopicResult.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DeleteRecordsPartitionResult {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The partition low water mark.
    #[field(versions = "0+")]
    pub low_watermark: i64,
    /// The deletion error code, or 0 if the deletion succeeded.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
