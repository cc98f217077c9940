//! DescribeQuorum (API key 55).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of DescribeQuorum.
///
/// Version 1 adds additional fields in the response. The request is unchanged (KIP-836).
///
/// Version 2 adds additional fields in the response. The request is unchanged (KIP-853).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeQuorum", versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumRequest {
    /// The topics to describe.
    #[field(versions = "0+")]
    pub topics: Vec<TopicData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeQuorumRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TopicData {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The partitions to describe.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeQuorumRequest: `TopicData.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionData {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeQuorum.
///
/// Version 1 adds LastFetchTimeStamp and LastCaughtUpTimestamp in ReplicaState (KIP-836).
///
/// Version 2 adds ErrorMessage, Nodes, ErrorMessage in PartitionData, ReplicaDirectoryId in ReplicaState (KIP-853).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeQuorum", versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumResponse {
    /// The top level error code.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "2+", nullable = "2+", ignorable)]
    pub error_message: Option<Text>,
    /// The response from the describe quorum API.
    #[field(versions = "0+")]
    pub topics: Vec<TopicDataResponse>,
    /// The nodes in the quorum.
    #[field(versions = "2+")]
    pub nodes: Vec<Node>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeQuorumResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TopicDataResponse {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The partition data.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionDataResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeQuorumResponse: `TopicDataResponse.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionDataResponse {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The partition error code.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "2+", nullable = "2+", ignorable)]
    pub error_message: Option<Text>,
    /// The ID of the current leader or -1 if the leader is unknown.
    #[field(versions = "0+")]
    pub leader_id: i32,
    /// The latest known leader epoch.
    #[field(versions = "0+")]
    pub leader_epoch: i32,
    /// The high water mark.
    #[field(versions = "0+")]
    pub high_watermark: i64,
    /// The current voters of the partition.
    #[field(versions = "0+")]
    pub current_voters: Vec<ReplicaState>,
    /// The observers of the partition.
    #[field(versions = "0+")]
    pub observers: Vec<ReplicaState>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeQuorumResponse: `PartitionDataResponse.current_voters`, `PartitionDataResponse.observers`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ReplicaState {
    /// The ID of the replica.
    #[field(versions = "0+")]
    pub replica_id: i32,
    /// The replica directory ID of the replica.
    #[field(versions = "2+")]
    pub replica_directory_id: Uuid,
    /// The last known log end offset of the follower or -1 if it is unknown.
    #[field(versions = "0+")]
    pub log_end_offset: i64,
    /// The last known leader wall clock time time when a follower fetched from the leader. This is reported as -1 both for the
    /// current leader or if it is unknown for a voter.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub last_fetch_timestamp: i64,
    /// The leader wall clock append time of the offset for which the follower made the most recent fetch request. This is
    /// reported as the current time for the leader and -1 if unknown for a voter.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub last_caught_up_timestamp: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeQuorumResponse: `nodes`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "2+", flexible = "0+")]
pub struct Node {
    /// The ID of the associated node.
    #[field(versions = "2+")]
    pub node_id: i32,
    /// The listeners of this controller.
    #[field(versions = "2+")]
    pub listeners: Vec<Listener>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeQuorumResponse: `Node.listeners`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "2+", flexible = "0+")]
pub struct Listener {
    /// The name of the endpoint.
    #[field(versions = "2+")]
    pub name: Text,
    /// The hostname.
    #[field(versions = "2+")]
    pub host: Text,
    /// The port.
    #[field(versions = "2+")]
    pub port: u16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
