//! DescribeProducers (API key 61).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeProducers.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeProducers", versions = "0", flexible = "0+")]
pub struct DescribeProducersRequest {
    /// The topics to list producers for.
    #[field(versions = "0+")]
    pub topics: Vec<TopicRequest>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeProducersRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TopicRequest {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The indexes of the partitions to list producers for.
    #[field(versions = "0+")]
    pub partition_indexes: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeProducers.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeProducers", versions = "0", flexible = "0+")]
pub struct DescribeProducersResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// Each topic in the response.
    #[field(versions = "0+")]
    pub topics: Vec<TopicResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeProducersResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TopicResponse {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// Each partition in the response.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeProducersResponse: `TopicResponse.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionResponse {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The partition error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The partition error message, which may be null if no additional details are available.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// The active producers for the partition.
    #[field(versions = "0+")]
    pub active_producers: Vec<ProducerState>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeProducersResponse: `PartitionResponse.active_producers`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ProducerState {
    /// The producer id.
    #[field(versions = "0+")]
    pub producer_id: i64,
    /// The producer epoch.
    #[field(versions = "0+")]
    pub producer_epoch: i32,
    /// The last sequence number sent by the producer.
    #[field(versions = "0+", default = "-1")]
    pub last_sequence: i32,
    /// The last timestamp sent by the producer.
    #[field(versions = "0+", default = "-1")]
    pub last_timestamp: i64,
    /// The current epoch of the producer group.
    #[field(versions = "0+")]
    pub coordinator_epoch: i32,
    /// The current transaction start offset of the producer.
    #[field(versions = "0+", default = "-1")]
    pub current_txn_start_offset: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
