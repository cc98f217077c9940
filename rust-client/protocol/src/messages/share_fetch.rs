//! ShareFetch (API key 78).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Records, Text, UnknownTaggedField, Uuid};

/// The request of ShareFetch.
///
/// Version 0 was used for early access of KIP-932 in Apache Kafka 4.0 but removed in Apache Kafka 4.1.
///
/// Version 1 is the initial stable version (KIP-932).
///
/// Version 2 introduces ShareAcquireMode and Renew acknowledgements (KIP-1206 and KIP-1222).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ShareFetch", versions = "1-2", flexible = "0+")]
pub struct ShareFetchRequest {
    /// The group identifier.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub group_id: Option<Text>,
    /// The member ID.
    #[field(versions = "0+", nullable = "0+")]
    pub member_id: Option<Text>,
    /// The current share session epoch: 0 to open a share session; -1 to close it; otherwise increments for consecutive requests.
    #[field(versions = "0+")]
    pub share_session_epoch: i32,
    /// The maximum time in milliseconds to wait for the response.
    #[field(versions = "0+")]
    pub max_wait_ms: i32,
    /// The minimum bytes to accumulate in the response.
    #[field(versions = "0+")]
    pub min_bytes: i32,
    /// The maximum bytes to fetch. See KIP-74 for cases where this limit may not be honored.
    #[field(versions = "0+", default = "0x7fffffff")]
    pub max_bytes: i32,
    /// The maximum number of records to fetch. This limit can be exceeded for alignment of batch boundaries.
    #[field(versions = "1+")]
    pub max_records: i32,
    /// The optimal number of records for batches of acquired records and acknowledgements.
    #[field(versions = "1+")]
    pub batch_size: i32,
    /// The acquire mode to control the fetch behavior \- 0:batch-optimized,1:record-limit.
    #[field(versions = "2+", ignorable)]
    pub share_acquire_mode: i8,
    /// Whether Renew type acknowledgements present in AcknowledgementBatches.
    #[field(versions = "2+")]
    pub is_renew_ack: bool,
    /// The topics to fetch.
    #[field(versions = "0+")]
    pub topics: Vec<FetchTopic>,
    /// The partitions to remove from this share session.
    #[field(versions = "0+")]
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareFetchRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct FetchTopic {
    /// The unique topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The partitions to fetch.
    #[field(versions = "0+")]
    pub partitions: Vec<FetchPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareFetchRequest: `FetchTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct FetchPartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The maximum bytes to fetch from this partition. 0 when only acknowledgement with no fetching is required. See KIP-74 for
    /// cases where this limit may not be honored.
    #[field(versions = "0")]
    pub partition_max_bytes: i32,
    /// Record batches to acknowledge.
    #[field(versions = "0+")]
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareFetchRequest: `FetchPartition.acknowledgement_batches`.
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

/// In ShareFetchRequest: `forgotten_topics_data`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ForgottenTopic {
    /// The unique topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The partitions indexes to forget.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ShareFetch.
///
/// Version 0 was used for early access of KIP-932 in Apache Kafka 4.0 but removed in Apache Kafka 4.1.
///
/// Version 1 is the initial stable version (KIP-932).
///
/// Version 2 introduces ShareAcquireMode and Renew acknowledgements (KIP-1206 and KIP-1222). Supported errors for ErrorCode and
/// AcknowledgeErrorCode: \- GROUP_AUTHORIZATION_FAILED (version 0+) \- TOPIC_AUTHORIZATION_FAILED (version 0+) \-
/// SHARE_SESSION_NOT_FOUND (version 0+) \- INVALID_SHARE_SESSION_EPOCH (version 0+) \- UNKNOWN_TOPIC_OR_PARTITION (version 0+) \-
/// NOT_LEADER_OR_FOLLOWER (version 0+) \- UNKNOWN_TOPIC_ID (version 0+) \- INVALID_RECORD_STATE (version 0+) \- only for
/// AcknowledgeErrorCode \- KAFKA_STORAGE_ERROR (version 0+) \- CORRUPT_MESSAGE (version 0+) \- INVALID_REQUEST (version 0+) \-
/// UNKNOWN_SERVER_ERROR (version 0+)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ShareFetch", versions = "1-2", flexible = "0+")]
pub struct ShareFetchResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The top-level response error code.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// The time in milliseconds for which the acquired records are locked.
    #[field(versions = "1+")]
    pub acquisition_lock_timeout_ms: i32,
    /// The response topics.
    #[field(versions = "0+")]
    pub responses: Vec<ShareFetchableTopicResponse>,
    /// Endpoints for all current leaders enumerated in PartitionData with error NOT_LEADER_OR_FOLLOWER.
    #[field(versions = "0+")]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareFetchResponse: `responses`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ShareFetchableTopicResponse {
    /// The unique topic ID.
    #[field(versions = "0+")]
    pub topic_id: Uuid,
    /// The topic partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<PartitionData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareFetchResponse: `ShareFetchableTopicResponse.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct PartitionData {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The fetch error code, or 0 if there was no fetch error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The fetch error message, or null if there was no fetch error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// The acknowledge error code, or 0 if there was no acknowledge error.
    #[field(versions = "0+")]
    pub acknowledge_error_code: i16,
    /// The acknowledge error message, or null if there was no acknowledge error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub acknowledge_error_message: Option<Text>,
    /// The current leader of the partition.
    #[field(versions = "0+")]
    pub current_leader: LeaderIdAndEpoch,
    /// The record data.
    #[field(versions = "0+", nullable = "0")]
    pub records: Option<Records>,
    /// The acquired records.
    #[field(versions = "0+")]
    pub acquired_records: Vec<AcquiredRecords>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareFetchResponse: `PartitionData.current_leader`.
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

/// In ShareFetchResponse: `PartitionData.acquired_records`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct AcquiredRecords {
    /// The earliest offset in this batch of acquired records.
    #[field(versions = "0+")]
    pub first_offset: i64,
    /// The last offset of this batch of acquired records.
    #[field(versions = "0+")]
    pub last_offset: i64,
    /// The delivery count of this batch of acquired records.
    #[field(versions = "0+")]
    pub delivery_count: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ShareFetchResponse: `node_endpoints`.
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
