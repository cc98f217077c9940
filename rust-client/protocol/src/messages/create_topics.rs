//! CreateTopics (API key 19).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of CreateTopics.
///
/// Versions 0-1 were removed in Apache Kafka 4.0, Version 2 is the new baseline.
///
/// Version 1 adds validateOnly.
///
/// Version 4 makes partitions/replicationFactor optional even when assignments are not present (KIP-464)
///
/// Version 5 is the first flexible version.
///
/// Version 5 also returns topic configs in the response (KIP-525).
///
/// Version 6 is identical to version 5 but may return a THROTTLING_QUOTA_EXCEEDED error in the response if the topics creation is
/// throttled (KIP-599).
///
/// Version 7 is the same as version 6.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "CreateTopics", versions = "2-7", flexible = "5+")]
pub struct CreateTopicsRequest {
    /// The topics to create.
    #[field(versions = "0+")]
    pub topics: Vec<CreatableTopic>,
    /// How long to wait in milliseconds before timing out the request.
    #[field(versions = "0+", default = "60000")]
    pub timeout_ms: i32,
    /// If true, check that the topics can be created as specified, but don't create anything.
    #[field(versions = "1+")]
    pub validate_only: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreateTopicsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "5+")]
pub struct CreatableTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The number of partitions to create in the topic, or -1 if we are either specifying a manual partition assignment or using
    /// the default partitions.
    #[field(versions = "0+")]
    pub num_partitions: i32,
    /// The number of replicas to create for each partition in the topic, or -1 if we are either specifying a manual partition
    /// assignment or using the default replication factor.
    #[field(versions = "0+")]
    pub replication_factor: i16,
    /// The manual partition assignment, or the empty array if we are using automatic assignment.
    #[field(versions = "0+")]
    pub assignments: Vec<CreatableReplicaAssignment>,
    /// The custom topic configurations to set.
    #[field(versions = "0+")]
    pub configs: Vec<CreatableTopicConfig>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreateTopicsRequest: `CreatableTopic.assignments`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "5+")]
pub struct CreatableReplicaAssignment {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The brokers to place the partition on.
    #[field(versions = "0+")]
    pub broker_ids: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreateTopicsRequest: `CreatableTopic.configs`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "5+")]
pub struct CreatableTopicConfig {
    /// The configuration name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The configuration value.
    #[field(versions = "0+", nullable = "0+")]
    pub value: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of CreateTopics.
///
/// Versions 0-1 were removed in Apache Kafka 4.0, Version 2 is the new baseline.
///
/// Version 1 adds a per-topic error message string.
///
/// Version 2 adds the throttle time.
///
/// Starting in version 3, on quota violation, brokers send out responses before throttling.
///
/// Version 4 makes partitions/replicationFactor optional even when assignments are not present (KIP-464).
///
/// Version 5 is the first flexible version.
///
/// Version 5 also returns topic configs in the response (KIP-525).
///
/// Version 6 is identical to version 5 but may return a THROTTLING_QUOTA_EXCEEDED error in the response if the topics creation is
/// throttled (KIP-599).
///
/// Version 7 returns the topic ID of the newly created topic if creation is successful.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "CreateTopics", versions = "2-7", flexible = "5+")]
pub struct CreateTopicsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "2+", ignorable)]
    pub throttle_time_ms: i32,
    /// Results for each topic we tried to create.
    #[field(versions = "0+")]
    pub topics: Vec<CreatableTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreateTopicsResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "5+")]
pub struct CreatableTopicResult {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The unique topic ID.
    #[field(versions = "7+", ignorable)]
    pub topic_id: Uuid,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "1+", nullable = "0+", ignorable)]
    pub error_message: Option<Text>,
    /// Optional topic config error returned if configs are not returned in the response.
    #[field(versions = "5+", tag = 0, tagged = "5+", ignorable)]
    pub topic_config_error_code: i16,
    /// Number of partitions of the topic.
    #[field(versions = "5+", default = "-1", ignorable)]
    pub num_partitions: i32,
    /// Replication factor of the topic.
    #[field(versions = "5+", default = "-1", ignorable)]
    pub replication_factor: i16,
    /// Configuration of the topic.
    #[field(versions = "5+", nullable = "5+", ignorable)]
    pub configs: Option<Vec<CreatableTopicConfigs>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreateTopicsResponse: `CreatableTopicResult.configs`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "5+", flexible = "5+")]
pub struct CreatableTopicConfigs {
    /// The configuration name.
    #[field(versions = "5+")]
    pub name: Text,
    /// The configuration value.
    #[field(versions = "5+", nullable = "5+")]
    pub value: Option<Text>,
    /// True if the configuration is read-only.
    #[field(versions = "5+")]
    pub read_only: bool,
    /// The configuration source.
    #[field(versions = "5+", default = "-1", ignorable)]
    pub config_source: i8,
    /// True if this configuration is sensitive.
    #[field(versions = "5+")]
    pub is_sensitive: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
