//! ShareAcknowledge (API key 79).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of ShareAcknowledge.
///
/// Version 0 was used for early access of KIP-932 in Apache Kafka 4.0 but removed in Apache Kafka 4.1.
///
/// Version 1 is the initial stable version (KIP-932).
///
/// Version 2 introduces Renew acknowledgements (KIP-1222).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ShareAcknowledge", versions = "1-2", flexible = "0+")]
pub struct ShareAcknowledgeRequest {
    /// The group identifier.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub group_id: Option<Text>,
    /// The member ID.
    #[field(versions = "0+", nullable = "0+")]
    pub member_id: Option<Text>,
    /// The current share session epoch: 0 to open a share session; -1 to close it; otherwise increments for consecutive requests.
    #[field(versions = "0+")]
    pub share_session_epoch: i32,
    /// Whether Renew type acknowledgements present in AcknowledgementBatches.
    #[field(versions = "2+")]
    pub is_renew_ack: bool,
    /// The topics containing records to acknowledge.
    #[field(versions = "0+")]
    pub topics: Vec<AcknowledgeTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareAcknowledgeRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct AcknowledgeTopic {
    /// The unique topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The partitions containing records to acknowledge.
    #[field(versions = "0+")]
    pub partitions: Vec<AcknowledgePartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareAcknowledgeRequest: `AcknowledgeTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct AcknowledgePartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// Record batches to acknowledge.
    #[field(versions = "0+")]
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareAcknowledgeRequest: `AcknowledgePartition.acknowledgement_batches`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct AcknowledgementBatch {
    /// First offset of batch of records to acknowledge.
    #[field(versions = "0+")]
    pub first_offset: i64,
    /// Last offset (inclusive) of batch of records to acknowledge.
    #[field(versions = "0+")]
    pub last_offset: i64,
    /// Array of acknowledge types \- 0:Gap,1:Accept,2:Release,3:Reject,4:Renew.
    #[field(versions = "0+")]
    pub acknowledge_types: Vec<i8>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ShareAcknowledge.
///
/// Version 0 was used for early access of KIP-932 in Apache Kafka 4.0 but removed in Apache Kafka 4.1.
///
/// Version 1 is the initial stable version (KIP-932).
///
/// Version 2 introduces Renew acknowledgements (KIP-1222). Supported errors: \- GROUP_AUTHORIZATION_FAILED (version 0+) \-
/// TOPIC_AUTHORIZATION_FAILED (version 0+) \- UNKNOWN_TOPIC_OR_PARTITION (version 0+) \- SHARE_SESSION_NOT_FOUND (version 0+) \-
/// INVALID_SHARE_SESSION_EPOCH (version 0+) \- NOT_LEADER_OR_FOLLOWER (version 0+) \- UNKNOWN_TOPIC_ID (version 0+) \-
/// INVALID_RECORD_STATE (version 0+) \- KAFKA_STORAGE_ERROR (version 0+) \- INVALID_REQUEST (version 0+) \- UNKNOWN_SERVER_ERROR
/// (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ShareAcknowledge", versions = "1-2", flexible = "0+")]
pub struct ShareAcknowledgeResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The top level response error code.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// The time in milliseconds for which the acquired records are locked.
    #[field(versions = "2+", ignorable)]
    pub acquisition_lock_timeout_ms: i32,
    /// The response topics.
    #[field(versions = "0+")]
    pub responses: Vec<ShareAcknowledgeTopicResponse>,
    /// Endpoints for all current leaders enumerated in PartitionData with error NOT_LEADER_OR_FOLLOWER.
    #[field(versions = "0+")]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareAcknowledgeResponse: `responses`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ShareAcknowledgeTopicResponse {
    /// The unique topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The topic partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareAcknowledgeResponse: `ShareAcknowledgeTopicResponse.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionData {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// The current leader of the partition.
    #[field(versions = "0+")]
    pub current_leader: LeaderIdAndEpoch,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareAcknowledgeResponse: `PartitionData.current_leader`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct LeaderIdAndEpoch {
    /// The ID of the current leader or -1 if the leader is unknown.
    #[field(versions = "0+")]
    pub leader_id: i32,
    /// The latest known leader epoch.
    #[field(versions = "0+")]
    pub leader_epoch: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareAcknowledgeResponse: `node_endpoints`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct NodeEndpoint {
    /// The ID of the associated node.
    #[field(versions = "0+")]
    pub node_id: i32,
    /// The node's hostname.
    #[field(versions = "0+")]
    pub host: Text,
    /// The node's port.
    #[field(versions = "0+")]
    pub port: i32,
    /// The rack of the node, or null if it has not been assigned to a rack.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub rack: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
