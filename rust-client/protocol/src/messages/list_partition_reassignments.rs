//! ListPartitionReassignments (API key 46).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of ListPartitionReassignments.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ListPartitionReassignments", versions = "0", flexible = "0+")]
pub struct ListPartitionReassignmentsRequest {
    /// The time in ms to wait for the request to complete.
    #[field(versions = "0+", default = "60000")]
    pub timeout_ms: i32,
    /// The topics to list partition reassignments for, or null to list everything.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListPartitionReassignmentsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ListPartitionReassignmentsTopics {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The partitions to list partition reassignments for.
    #[field(versions = "0+")]
    pub partition_indexes: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ListPartitionReassignments.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ListPartitionReassignments", versions = "0", flexible = "0+")]
pub struct ListPartitionReassignmentsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The top-level error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The ongoing reassignments for each topic.
    #[field(versions = "0+")]
    pub topics: Vec<OngoingTopicReassignment>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListPartitionReassignmentsResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct OngoingTopicReassignment {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The ongoing reassignments for each partition.
    #[field(versions = "0+")]
    pub partitions: Vec<OngoingPartitionReassignment>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListPartitionReassignmentsResponse: `OngoingTopicReassignment.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct OngoingPartitionReassignment {
    /// The index of the partition.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The current replica set.
    #[field(versions = "0+")]
    pub replicas: Vec<i32>,
    /// The set of replicas we are currently adding.
    #[field(versions = "0+")]
    pub adding_replicas: Vec<i32>,
    /// The set of replicas we are currently removing.
    #[field(versions = "0+")]
    pub removing_replicas: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
