//! DeleteTopics (API key 20).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of DeleteTopics.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Versions 0, 1, 2, and 3 are the same.
///
/// Version 4 is the first flexible version.
///
/// Version 5 adds ErrorMessage in the response and may return a THROTTLING_QUOTA_EXCEEDED error in the response if the topics
/// deletion is throttled (KIP-599).
///
/// Version 6 reorganizes topics, adds topic IDs and allows topic names to be null.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DeleteTopics", versions = "1-6", flexible = "4+")]
pub struct DeleteTopicsRequest {
    /// The name or topic ID of the topic.
    #[field(versions = "6+")]
    pub topics: Vec<DeleteTopicState>,
    /// The names of the topics to delete.
    #[field(versions = "0-5", ignorable)]
    pub topic_names: Vec<Text>,
    /// The length of time in milliseconds to wait for the deletions to complete.
    #[field(versions = "0+")]
    pub timeout_ms: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteTopicsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "6+", flexible = "4+")]
pub struct DeleteTopicState {
    /// The topic name.
    #[field(versions = "6+", nullable = "6+", default = "null")]
    pub name: Option<Text>,
    /// The unique topic ID.
    #[field(versions = "6+")]
    pub topic_id: Uuid,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DeleteTopics.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 adds the throttle time.
///
/// Starting in version 2, on quota violation, brokers send out responses before throttling.
///
/// Starting in version 3, a TOPIC_DELETION_DISABLED error code may be returned.
///
/// Version 4 is the first flexible version.
///
/// Version 5 adds ErrorMessage in the response and may return a THROTTLING_QUOTA_EXCEEDED error in the response if the topics
/// deletion is throttled (KIP-599).
///
/// Version 6 adds topic ID to responses. An UNSUPPORTED_VERSION error code will be returned when attempting to delete using topic
/// IDs when IBP \< 2.8. UNKNOWN_TOPIC_ID error code will be returned when IBP is at least 2.8, but the topic ID was not found.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DeleteTopics", versions = "1-6", flexible = "4+")]
pub struct DeleteTopicsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// The results for each topic we tried to delete.
    #[field(versions = "0+")]
    pub responses: Vec<DeletableTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteTopicsResponse: `responses`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct DeletableTopicResult {
    /// The topic name.
    #[field(versions = "0+", nullable = "6+")]
    pub name: Option<Text>,
    /// The unique topic ID.
    #[field(versions = "6+", ignorable)]
    pub topic_id: Uuid,
    /// The deletion error, or 0 if the deletion succeeded.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "5+", nullable = "5+", default = "null", ignorable)]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
