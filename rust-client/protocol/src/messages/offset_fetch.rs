//! OffsetFetch (API key 9).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of OffsetFetch.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// In version 0, the request read offsets from ZK.
///
/// Starting in version 1, the broker supports fetching offsets from the internal __consumer_offsets topic.
///
/// Starting in version 2, the request can contain a null topics array to indicate that offsets for all topics should be fetched.
/// It also returns a top level error code for group or coordinator level errors.
///
/// Version 3, 4, and 5 are the same as version 2.
///
/// Version 6 is the first flexible version.
///
/// Version 7 is adding the require stable flag.
///
/// Version 8 is adding support for fetching offsets for multiple groups at a time.
///
/// Version 9 is the first version that can be used with the new consumer group protocol (KIP-848). It adds the MemberId and
/// MemberEpoch fields. Those are filled in and validated when the new consumer protocol is used.
///
/// Version 10 adds support for topic ids and removes support for topic names (KIP-848).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "OffsetFetch", versions = "1-10", flexible = "6+")]
pub struct OffsetFetchRequest {
    /// The group to fetch offsets for.
    #[field(versions = "0-7")]
    pub group_id: Text,
    /// Each topic we would like to fetch offsets for, or null to fetch offsets for all topics.
    #[field(versions = "0-7", nullable = "2-7")]
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// Each group we would like to fetch offsets for.
    #[field(versions = "8+")]
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Whether broker should hold on returning unstable offsets but set a retriable error code for the partitions.
    #[field(versions = "7+")]
    pub require_stable: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetFetchRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0-7", flexible = "6+")]
pub struct OffsetFetchRequestTopic {
    /// The topic name.
    #[field(versions = "0-7")]
    pub name: Text,
    /// The partition indexes we would like to fetch offsets for.
    #[field(versions = "0-7")]
    pub partition_indexes: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetFetchRequest: `groups`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "8+", flexible = "6+")]
pub struct OffsetFetchRequestGroup {
    /// The group ID.
    #[field(versions = "8+")]
    pub group_id: Text,
    /// The member id.
    #[field(versions = "9+", nullable = "9+", default = "null", ignorable)]
    pub member_id: Option<Text>,
    /// The member epoch if using the new consumer protocol (KIP-848).
    #[field(versions = "9+", default = "-1", ignorable)]
    pub member_epoch: i32,
    /// Each topic we would like to fetch offsets for, or null to fetch offsets for all topics.
    #[field(versions = "8+", nullable = "8+")]
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetFetchRequest: `OffsetFetchRequestGroup.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "8+", flexible = "6+")]
pub struct OffsetFetchRequestTopics {
    /// The topic name.
    #[field(versions = "8-9", ignorable)]
    pub name: Text,
    /// The topic ID.
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    /// The partition indexes we would like to fetch offsets for.
    #[field(versions = "8+")]
    pub partition_indexes: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of OffsetFetch.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds a top-level error code.
///
/// Version 3 adds the throttle time.
///
/// Starting in version 4, on quota violation, brokers send out responses before throttling.
///
/// Version 5 adds the leader epoch to the committed offset.
///
/// Version 6 is the first flexible version.
///
/// Version 7 adds pending offset commit as new error response on partition level.
///
/// Version 8 is adding support for fetching offsets for multiple groups
///
/// Version 9 is the first version that can be used with the new consumer group protocol (KIP-848). The response is the same as
/// version 8 but can return STALE_MEMBER_EPOCH and UNKNOWN_MEMBER_ID errors when the new consumer group protocol is used.
///
/// Version 10 adds support for topic ids and removes support for topic names (KIP-848). It can return UNKNOWN_TOPIC_ID if topic
/// IDs used and the topic is not found in metadata. Supported errors: \- GROUP_AUTHORIZATION_FAILED (version 0+) \-
/// NOT_COORDINATOR (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \-
/// GROUP_ID_NOT_FOUND (version 0+) \- UNSTABLE_OFFSET_COMMIT (version 7+) \- UNKNOWN_MEMBER_ID (version 9+) \- STALE_MEMBER_EPOCH
/// (version 9+) \- UNKNOWN_TOPIC_ID (version 10+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "OffsetFetch", versions = "1-10", flexible = "6+")]
pub struct OffsetFetchResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "3+", ignorable)]
    pub throttle_time_ms: i32,
    /// The responses per topic.
    #[field(versions = "0-7")]
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// The top-level error code, or 0 if there was no error.
    #[field(versions = "2-7", ignorable)]
    pub error_code: i16,
    /// The responses per group id.
    #[field(versions = "8+")]
    pub groups: Vec<OffsetFetchResponseGroup>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetFetchResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0-7", flexible = "6+")]
pub struct OffsetFetchResponseTopic {
    /// The topic name.
    #[field(versions = "0-7")]
    pub name: Text,
    /// The responses per partition.
    #[field(versions = "0-7")]
    pub partitions: Vec<OffsetFetchResponsePartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetFetchResponse: `OffsetFetchResponseTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0-7", flexible = "6+")]
pub struct OffsetFetchResponsePartition {
    /// The partition index.
    #[field(versions = "0-7")]
    pub partition_index: i32,
    /// The committed message offset.
    #[field(versions = "0-7")]
    pub committed_offset: i64,
    /// The leader epoch.
    #[field(versions = "5-7", default = "-1", ignorable)]
    pub committed_leader_epoch: i32,
    /// The partition metadata.
    #[field(versions = "0-7", nullable = "0-7")]
    pub metadata: Option<Text>,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0-7")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetFetchResponse: `groups`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "8+", flexible = "6+")]
pub struct OffsetFetchResponseGroup {
    /// The group ID.
    #[field(versions = "8+")]
    pub group_id: Text,
    /// The responses per topic.
    #[field(versions = "8+")]
    pub topics: Vec<OffsetFetchResponseTopics>,
    /// The group-level error code, or 0 if there was no error.
    #[field(versions = "8+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetFetchResponse: `OffsetFetchResponseGroup.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "8+", flexible = "6+")]
pub struct OffsetFetchResponseTopics {
    /// The topic name.
    #[field(versions = "8-9", ignorable)]
    pub name: Text,
    /// The topic ID.
    #[field(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    /// The responses per partition.
    #[field(versions = "8+")]
    pub partitions: Vec<OffsetFetchResponsePartitions>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In OffsetFetchResponse: `OffsetFetchResponseTopics.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "8+", flexible = "6+")]
pub struct OffsetFetchResponsePartitions {
    /// The partition index.
    #[field(versions = "8+")]
    pub partition_index: i32,
    /// The committed message offset.
    #[field(versions = "8+")]
    pub committed_offset: i64,
    /// The leader epoch.
    #[field(versions = "8+", default = "-1", ignorable)]
    pub committed_leader_epoch: i32,
    /// The partition metadata.
    #[field(versions = "8+", nullable = "8+")]
    pub metadata: Option<Text>,
    /// The partition-level error code, or 0 if there was no error.
    #[field(versions = "8+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
