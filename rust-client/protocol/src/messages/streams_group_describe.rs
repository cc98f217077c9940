//! StreamsGroupDescribe (API key 89).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of StreamsGroupDescribe.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "StreamsGroupDescribe", versions = "0", flexible = "0+")]
pub struct StreamsGroupDescribeRequest {
    /// The ids of the groups to describe
    #[field(versions = "0+")]
    pub group_ids: Vec<Text>,
    /// Whether to include authorized operations.
    #[field(versions = "0+")]
    pub include_authorized_operations: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of StreamsGroupDescribe.
///
/// Supported errors: \- GROUP_AUTHORIZATION_FAILED (version 0+) \- NOT_COORDINATOR (version 0+) \- COORDINATOR_NOT_AVAILABLE
/// (version 0+) \- COORDINATOR_LOAD_IN_PROGRESS (version 0+) \- INVALID_REQUEST (version 0+) \- INVALID_GROUP_ID (version 0+) \-
/// GROUP_ID_NOT_FOUND (version 0+) \- TOPIC_AUTHORIZATION_FAILED (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "StreamsGroupDescribe", versions = "0", flexible = "0+")]
pub struct StreamsGroupDescribeResponse {
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

/// In StreamsGroupDescribeResponse: `groups`.
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
    /// The topology metadata currently initialized for the streams application. Can be null in case of a describe error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub topology: Option<Topology>,
    /// The members.
    #[field(versions = "0+")]
    pub members: Vec<Member>,
    /// 32-bit bitfield to represent authorized operations for this group.
    #[field(versions = "0+", default = "-2147483648")]
    pub authorized_operations: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `DescribedGroup.topology`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Topology {
    /// The epoch of the currently initialized topology for this group.
    #[field(versions = "0+")]
    pub epoch: i32,
    /// The subtopologies of the streams application. This contains the configured subtopologies, where the number of partitions
    /// are set and any regular expressions are resolved to actual topics. Null if the group is uninitialized, source topics are
    /// missing or incorrectly partitioned.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub subtopologies: Option<Vec<Subtopology>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `Topology.subtopologies`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Subtopology {
    /// String to uniquely identify the subtopology.
    #[field(versions = "0+")]
    pub subtopology_id: Text,
    /// The topics the subtopology reads from.
    #[field(versions = "0+")]
    pub source_topics: Vec<Text>,
    /// The repartition topics the subtopology writes to.
    #[field(versions = "0+")]
    pub repartition_sink_topics: Vec<Text>,
    /// The set of state changelog topics associated with this subtopology. Created automatically.
    #[field(versions = "0+")]
    pub state_changelog_topics: Vec<TopicInfo>,
    /// The set of source topics that are internally created repartition topics. Created automatically.
    #[field(versions = "0+")]
    pub repartition_source_topics: Vec<TopicInfo>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `Subtopology.state_changelog_topics`, `Subtopology.repartition_source_topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TopicInfo {
    /// The name of the topic.
    #[field(versions = "0+")]
    pub name: Text,
    /// The number of partitions in the topic. Can be 0 if no specific number of partitions is enforced. Always 0 for changelog
    /// topics.
    #[field(versions = "0+")]
    pub partitions: i32,
    /// The replication factor of the topic. Can be 0 if the default replication factor should be used.
    #[field(versions = "0+")]
    pub replication_factor: i16,
    /// Topic-level configurations as key-value pairs.
    #[field(versions = "0+")]
    pub topic_configs: Vec<KeyValue>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `TopicInfo.topic_configs`, `Member.client_tags`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct KeyValue {
    /// key of the config
    #[field(versions = "0+")]
    pub key: Text,
    /// value of the config
    #[field(versions = "0+")]
    pub value: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `DescribedGroup.members`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Member {
    /// The member ID.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The member epoch.
    #[field(versions = "0+")]
    pub member_epoch: i32,
    /// The member instance ID for static membership.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub instance_id: Option<Text>,
    /// The rack ID.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub rack_id: Option<Text>,
    /// The client ID.
    #[field(versions = "0+")]
    pub client_id: Text,
    /// The client host.
    #[field(versions = "0+")]
    pub client_host: Text,
    /// The epoch of the topology on the client.
    #[field(versions = "0+")]
    pub topology_epoch: i32,
    /// Identity of the streams instance that may have multiple clients.
    #[field(versions = "0+")]
    pub process_id: Text,
    /// User-defined endpoint for Interactive Queries. Null if not defined for this client.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub user_endpoint: Option<Endpoint>,
    /// Used for rack-aware assignment algorithm.
    #[field(versions = "0+")]
    pub client_tags: Vec<KeyValue>,
    /// Cumulative changelog offsets for tasks.
    #[field(versions = "0+")]
    pub task_offsets: Vec<TaskOffset>,
    /// Cumulative changelog end offsets for tasks.
    #[field(versions = "0+")]
    pub task_end_offsets: Vec<TaskOffset>,
    /// The current assignment.
    #[field(versions = "0+")]
    pub assignment: Assignment,
    /// The target assignment.
    #[field(versions = "0+")]
    pub target_assignment: Assignment,
    /// True for classic members that have not been upgraded yet.
    #[field(versions = "0+")]
    pub is_classic: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `Member.user_endpoint`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Endpoint {
    /// host of the endpoint
    #[field(versions = "0+")]
    pub host: Text,
    /// port of the endpoint
    #[field(versions = "0+")]
    pub port: u16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `Member.task_offsets`, `Member.task_end_offsets`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TaskOffset {
    /// The subtopology identifier.
    #[field(versions = "0+")]
    pub subtopology_id: Text,
    /// The partition.
    #[field(versions = "0+")]
    pub partition: i32,
    /// The offset.
    #[field(versions = "0+")]
    pub offset: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `Member.assignment`, `Member.target_assignment`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Assignment {
    /// Active tasks for this client.
    #[field(versions = "0+")]
    pub active_tasks: Vec<TaskIds>,
    /// Standby tasks for this client.
    #[field(versions = "0+")]
    pub standby_tasks: Vec<TaskIds>,
    /// Warm-up tasks for this client.
    #[field(versions = "0+")]
    pub warmup_tasks: Vec<TaskIds>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In StreamsGroupDescribeResponse: `Assignment.active_tasks`, `Assignment.standby_tasks`, `Assignment.warmup_tasks`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TaskIds {
    /// The subtopology identifier.
    #[field(versions = "0+")]
    pub subtopology_id: Text,
    /// The partitions of the input topics processed by this member.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
