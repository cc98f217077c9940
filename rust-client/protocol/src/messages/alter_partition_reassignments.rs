//! AlterPartitionReassignments (API key 45).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of AlterPartitionReassignments.
///
/// Version 1 adds the ability to allow/disallow changing the replication factor as part of the request.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "AlterPartitionReassignments", versions = "0-1", flexible = "0+")]
pub struct AlterPartitionReassignmentsRequest {
    /// The time in ms to wait for the request to complete.
    #[field(versions = "0+", default = "60000")]
    pub timeout_ms: i32,
    /// The option indicating whether changing the replication factor of any given partition as part of this request is a valid
    /// move.
    #[field(versions = "1+", default = "true")]
    pub allow_replication_factor_change: bool,
    /// The topics to reassign.
    #[field(versions = "0+")]
    pub topics: Vec<ReassignableTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterPartitionReassignmentsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReassignableTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The partitions to reassign.
    #[field(versions = "0+")]
    pub partitions: Vec<ReassignablePartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterPartitionReassignmentsRequest: `ReassignableTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReassignablePartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The replicas to place the partitions on, or null to cancel a pending reassignment for this partition.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub replicas: Option<Vec<i32>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of AlterPartitionReassignments.
///
/// Version 1 adds the ability to allow/disallow changing the replication factor as part of the request.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "AlterPartitionReassignments", versions = "0-1", flexible = "0+")]
pub struct AlterPartitionReassignmentsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The option indicating whether changing the replication factor of any given partition as part of the request was allowed.
    #[field(versions = "1+", default = "true", ignorable)]
    pub allow_replication_factor_change: bool,
    /// The top-level error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The responses to topics to reassign.
    #[field(versions = "0+")]
    pub responses: Vec<ReassignableTopicResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterPartitionReassignmentsResponse: `responses`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReassignableTopicResponse {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The responses to partitions to reassign.
    #[field(versions = "0+")]
    pub partitions: Vec<ReassignablePartitionResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterPartitionReassignmentsResponse: `ReassignableTopicResponse.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReassignablePartitionResponse {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The error code for this partition, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message for this partition, or null if there was no error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
