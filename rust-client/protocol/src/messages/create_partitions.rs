//! CreatePartitions (API key 37).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of CreatePartitions.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds flexible version support
///
/// Version 3 is identical to version 2 but may return a THROTTLING_QUOTA_EXCEEDED error in the response if the partitions
/// creation is throttled (KIP-599).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "CreatePartitions", versions = "0-3", flexible = "2+")]
pub struct CreatePartitionsRequest {
    /// Each topic that we want to create new partitions inside.
    #[field(versions = "0+")]
    pub topics: Vec<CreatePartitionsTopic>,
    /// The time in ms to wait for the partitions to be created.
    #[field(versions = "0+")]
    pub timeout_ms: i32,
    /// If true, then validate the request, but don't actually increase the number of partitions.
    #[field(versions = "0+")]
    pub validate_only: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreatePartitionsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct CreatePartitionsTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The new partition count.
    #[field(versions = "0+")]
    pub count: i32,
    /// The new partition assignments.
    #[field(versions = "0+", nullable = "0+")]
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreatePartitionsRequest: `CreatePartitionsTopic.assignments`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct CreatePartitionsAssignment {
    /// The assigned broker IDs.
    #[field(versions = "0+")]
    pub broker_ids: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of CreatePartitions.
///
/// Starting in version 1, on quota violation, brokers send out responses before throttling.
///
/// Version 2 adds flexible version support
///
/// Version 3 is identical to version 2 but may return a THROTTLING_QUOTA_EXCEEDED error in the response if the partitions
/// creation is throttled (KIP-599).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "CreatePartitions", versions = "0-3", flexible = "2+")]
pub struct CreatePartitionsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The partition creation results for each topic.
    #[field(versions = "0+")]
    pub results: Vec<CreatePartitionsTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreatePartitionsResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct CreatePartitionsTopicResult {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The result error, or zero if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The result message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
