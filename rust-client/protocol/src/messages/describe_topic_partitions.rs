//! DescribeTopicPartitions (API key 75).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of DescribeTopicPartitions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeTopicPartitions", versions = "0", flexible = "0+")]
pub struct DescribeTopicPartitionsRequest {
    /// The topics to fetch details for.
    #[field(versions = "0+")]
    pub topics: Vec<TopicRequest>,
    /// The maximum number of partitions included in the response.
    #[field(versions = "0+", default = "2000")]
    pub response_partition_limit: i32,
    /// The first topic and partition index to fetch details for.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub cursor: Option<Cursor>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeTopicPartitionsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TopicRequest {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeTopicPartitionsRequest: `cursor`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Cursor {
    /// The name for the first topic to process.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The partition index to start with.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeTopicPartitions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeTopicPartitions", versions = "0", flexible = "0+")]
pub struct DescribeTopicPartitionsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+", ignorable)]
    pub throttle_time_ms: i32,
    /// Each topic in the response.
    #[field(versions = "0+")]
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// The next topic and partition index to fetch details for.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub next_cursor: Option<Cursor>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeTopicPartitionsResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeTopicPartitionsResponseTopic {
    /// The topic error, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The topic name.
    #[field(versions = "0+", nullable = "0+")]
    pub name: Option<Text>,
    /// The topic id.
    #[field(versions = "0+", ignorable)]
    pub topic_id: Uuid,
    /// True if the topic is internal.
    #[field(versions = "0+", ignorable)]
    pub is_internal: bool,
    /// Each partition in the topic.
    #[field(versions = "0+")]
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// 32-bit bitfield to represent authorized operations for this topic.
    #[field(versions = "0+", default = "-2147483648")]
    pub topic_authorized_operations: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeTopicPartitionsResponse: `DescribeTopicPartitionsResponseTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeTopicPartitionsResponsePartition {
    /// The partition error, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The ID of the leader broker.
    #[field(versions = "0+")]
    pub leader_id: i32,
    /// The leader epoch of this partition.
    #[field(versions = "0+", default = "-1", ignorable)]
    pub leader_epoch: i32,
    /// The set of all nodes that host this partition.
    #[field(versions = "0+")]
    pub replica_nodes: Vec<i32>,
    /// The set of nodes that are in sync with the leader for this partition.
    #[field(versions = "0+")]
    pub isr_nodes: Vec<i32>,
    /// The new eligible leader replicas otherwise.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// The last known ELR.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub last_known_elr: Option<Vec<i32>>,
    /// The set of offline replicas of this partition.
    #[field(versions = "0+", ignorable)]
    pub offline_replicas: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
