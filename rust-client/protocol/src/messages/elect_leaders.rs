//! ElectLeaders (API key 43).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of ElectLeaders.
///
/// Version 1 implements multiple leader election types, as described by KIP-460.
///
/// Version 2 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ElectLeaders", versions = "0-2", flexible = "2+")]
pub struct ElectLeadersRequest {
    /// Type of elections to conduct for the partition. A value of '0' elects the preferred replica. A value of '1' elects the
    /// first live replica if there are no in-sync replica.
    #[field(versions = "1+")]
    pub election_type: i8,
    /// The topic partitions to elect leaders.
    #[field(versions = "0+", nullable = "0+")]
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    /// The time in ms to wait for the election to complete.
    #[field(versions = "0+", default = "60000")]
    pub timeout_ms: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ElectLeadersRequest: `topic_partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct TopicPartitions {
    /// The name of a topic.
    #[field(versions = "0+")]
    pub topic: Text,
    /// The partitions of this topic whose leader should be elected.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ElectLeaders.
///
/// Version 1 adds a top-level error code.
///
/// Version 2 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ElectLeaders", versions = "0-2", flexible = "2+")]
pub struct ElectLeadersResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The top level response error code.
    #[field(versions = "1+")]
    pub error_code: i16,
    /// The election results, or an empty array if the requester did not have permission and the request asks for all partitions.
    #[field(versions = "0+")]
    pub replica_election_results: Vec<ReplicaElectionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ElectLeadersResponse: `replica_election_results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct ReplicaElectionResult {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic: Text,
    /// The results for each partition.
    #[field(versions = "0+")]
    pub partition_result: Vec<PartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ElectLeadersResponse: `ReplicaElectionResult.partition_result`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct PartitionResult {
    /// The partition id.
    #[field(versions = "0+")]
    pub partition_id: i32,
    /// The result error, or zero if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The result message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
