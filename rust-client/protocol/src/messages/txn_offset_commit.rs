//! TxnOffsetCommit (API key 28).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of TxnOffsetCommit.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds the committed leader epoch.
///
/// Version 3 adds the member.id, group.instance.id and generation.id.
///
/// Version 4 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Version 5 is the same as version 4 (KIP-890). Note when TxnOffsetCommit requests are used in transaction, if transaction V2
/// (KIP_890 part 2) is enabled, the TxnOffsetCommit request will also include the function for a AddOffsetsToTxn call. If V2 is
/// disabled, the client can't use TxnOffsetCommit request version higher than 4 within a transaction.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "TxnOffsetCommit", versions = "0-5", flexible = "3+")]
pub struct TxnOffsetCommitRequest {
    /// The ID of the transaction.
    #[field(versions = "0+")]
    pub transactional_id: Text,
    /// The ID of the group.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The current producer ID in use by the transactional ID.
    #[field(versions = "0+")]
    pub producer_id: i64,
    /// The current epoch associated with the producer ID.
    #[field(versions = "0+")]
    pub producer_epoch: i16,
    /// The generation of the consumer.
    #[field(versions = "3+", default = "-1")]
    pub generation_id: i32,
    /// The member ID assigned by the group coordinator.
    #[field(versions = "3+")]
    pub member_id: Text,
    /// The unique identifier of the consumer instance provided by end user.
    #[field(versions = "3+", nullable = "3+", default = "null")]
    pub group_instance_id: Option<Text>,
    /// Each topic that we want to commit offsets for.
    #[field(versions = "0+")]
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In TxnOffsetCommitRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct TxnOffsetCommitRequestTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The partitions inside the topic that we want to commit offsets for.
    #[field(versions = "0+")]
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In TxnOffsetCommitRequest: `TxnOffsetCommitRequestTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct TxnOffsetCommitRequestPartition {
    /// The index of the partition within the topic.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The message offset to be committed.
    #[field(versions = "0+")]
    pub committed_offset: i64,
    /// The leader epoch of the last consumed record.
    #[field(versions = "2+", default = "-1", ignorable)]
    pub committed_leader_epoch: i32,
    /// Any associated metadata the client wants to keep.
    #[field(versions = "0+", nullable = "0+")]
    pub committed_metadata: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of TxnOffsetCommit.
///
/// Starting in version 1, on quota violation, brokers send out responses before throttling.
///
/// Version 2 is the same as version 1.
///
/// Version 3 adds illegal generation, fenced instance id, and unknown member id errors.
///
/// Version 4 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Version 5 is the same with version 3 (KIP-890).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "TxnOffsetCommit", versions = "0-5", flexible = "3+")]
pub struct TxnOffsetCommitResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The responses for each topic.
    #[field(versions = "0+")]
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In TxnOffsetCommitResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct TxnOffsetCommitResponseTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The responses for each partition in the topic.
    #[field(versions = "0+")]
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In TxnOffsetCommitResponse: `TxnOffsetCommitResponseTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct TxnOffsetCommitResponsePartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
