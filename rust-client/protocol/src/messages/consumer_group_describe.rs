//! ConsumerGroupDescribe (API key 69).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of ConsumerGroupDescribe.
///
/// Version 1 adds MemberType field to ConsumerGroupDescribeResponse (KIP-1099). For ConsumerGroupDescribeRequest, version 1 is
/// same as version 0.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ConsumerGroupDescribe", versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupDescribeRequest {
    /// The ids of the groups to describe.
    #[field(versions = "0+")]
    pub group_ids: Vec<Text>,
    /// Whether to include authorized operations.
    #[field(versions = "0+")]
    pub include_authorized_operations: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ConsumerGroupDescribe.
///
/// Version 1 adds MemberType field (KIP-1099). Supported errors: \- GROUP_AUTHORIZATION_FAILED (version 0+) \- NOT_COORDINATOR
/// (version 0+) \- COORDINATOR_NOT_AVAILABLE (version 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \- INVALID_REQUEST
/// (version 0+) \- INVALID_GROUP_ID (version 0+) \- GROUP_ID_NOT_FOUND (version 0+) \- TOPIC_AUTHORIZATION_FAILED (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ConsumerGroupDescribe", versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupDescribeResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// Each described group.
    #[field(versions = "0+")]
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ConsumerGroupDescribeResponse: `groups`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribedGroup {
    /// The describe error, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// The group ID string.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The group state string, or the empty string.
    #[field(versions = "0+")]
    pub group_state: Text,
    /// The group epoch.
    #[field(versions = "0+")]
    pub group_epoch: i32,
    /// The assignment epoch.
    #[field(versions = "0+")]
    pub assignment_epoch: i32,
    /// The selected assignor.
    #[field(versions = "0+")]
    pub assignor_name: Text,
    /// The members.
    #[field(versions = "0+")]
    pub members: Vec<Member>,
    /// 32-bit bitfield to represent authorized operations for this group.
    #[field(versions = "0+", default = "-2147483648")]
    pub authorized_operations: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ConsumerGroupDescribeResponse: `DescribedGroup.members`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Member {
    /// The member ID.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The member instance ID.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub instance_id: Option<Text>,
    /// The member rack ID.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub rack_id: Option<Text>,
    /// The current member epoch.
    #[field(versions = "0+")]
    pub member_epoch: i32,
    /// The client ID.
    #[field(versions = "0+")]
    pub client_id: Text,
    /// The client host.
    #[field(versions = "0+")]
    pub client_host: Text,
    /// The subscribed topic names.
    #[field(versions = "0+")]
    pub subscribed_topic_names: Vec<Text>,
    /// the subscribed topic regex otherwise or null of not provided.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub subscribed_topic_regex: Option<Text>,
    /// The current assignment.
    #[field(versions = "0+")]
    pub assignment: Assignment,
    /// The target assignment.
    #[field(versions = "0+")]
    pub target_assignment: Assignment,
    /// -1 for unknown. 0 for classic member. +1 for consumer member.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub member_type: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ConsumerGroupDescribeResponse: `Member.assignment`, `Member.target_assignment`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Assignment {
    /// The assigned topic-partitions to the member.
    #[field(versions = "0+")]
    pub topic_partitions: Vec<TopicPartitions>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ConsumerGroupDescribeResponse: `Assignment.topic_partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TopicPartitions {
    /// The topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The topic name.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
