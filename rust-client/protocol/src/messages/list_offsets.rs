//! ListOffsets (API key 2).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of ListOffsets.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 removes MaxNumOffsets. From this version forward, only a single offset can be returned.
///
/// Version 2 adds the isolation level, which is used for transactional reads.
///
/// Version 3 is the same as version 2.
///
/// Version 4 adds the current leader epoch, which is used for fencing.
///
/// Version 5 is the same as version 4.
///
/// Version 6 enables flexible versions.
///
/// Version 7 enables listing offsets by max timestamp (KIP-734).
///
/// Version 8 enables listing offsets by local log start offset (KIP-405).
///
/// Version 9 enables listing offsets by last tiered offset (KIP-1005).
///
/// Version 10 enables async remote list offsets support (KIP-1075)
///
/// Version 11 enables listing offsets by earliest pending upload offset (KIP-1023)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ListOffsets", versions = "1-11", flexible = "6+")]
pub struct ListOffsetsRequest {
    /// The broker ID of the requester, or -1 if this request is being made by a normal consumer.
    #[field(versions = "0+")]
    pub replica_id: i32,
    /// This setting controls the visibility of transactional records. Using READ_UNCOMMITTED (isolation_level = 0) makes all
    /// records visible. With READ_COMMITTED (isolation_level = 1), non-transactional and COMMITTED transactional records are
    /// visible. To be more concrete, READ_COMMITTED returns all data from offsets smaller than the current LSO (last stable
    /// offset), and enables the inclusion of the list of aborted transactions in the result, which allows consumers to discard
    /// ABORTED transactional records.
    #[field(versions = "2+")]
    pub isolation_level: i8,
    /// Each topic in the request.
    #[field(versions = "0+")]
    pub topics: Vec<ListOffsetsTopic>,
    /// The timeout to await a response in milliseconds for requests that require reading from remote storage for topics enabled
    /// with tiered storage.
    #[field(versions = "10+", ignorable)]
    pub timeout_ms: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListOffsetsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "6+")]
pub struct ListOffsetsTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// Each partition in the request.
    #[field(versions = "0+")]
    pub partitions: Vec<ListOffsetsPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListOffsetsRequest: `ListOffsetsTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "6+")]
pub struct ListOffsetsPartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The current leader epoch.
    #[field(versions = "4+", default = "-1", ignorable)]
    pub current_leader_epoch: i32,
    /// The current timestamp.
    #[field(versions = "0+")]
    pub timestamp: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ListOffsets.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 removes the offsets array in favor of returning a single offset.
///
/// Version 1 also adds the timestamp associated with the returned offset.
///
/// Version 2 adds the throttle time.
///
/// Starting in version 3, on quota violation, brokers send out responses before throttling.
///
/// Version 4 adds the leader epoch, which is used for fencing.
///
/// Version 5 adds a new error code, OFFSET_NOT_AVAILABLE.
///
/// Version 6 enables flexible versions.
///
/// Version 7 is the same as version 6 (KIP-734).
///
/// Version 8 enables listing offsets by local log start offset. This is the earliest log start offset in the local log.
/// (KIP-405).
///
/// Version 9 enables listing offsets by last tiered offset (KIP-1005).
///
/// Version 10 enables async remote list offsets support (KIP-1075)
///
/// Version 11 enables listing offsets by earliest pending upload offset (KIP-1023)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ListOffsets", versions = "1-11", flexible = "6+")]
pub struct ListOffsetsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "2+", ignorable)]
    pub throttle_time_ms: i32,
    /// Each topic in the response.
    #[field(versions = "0+")]
    pub topics: Vec<ListOffsetsTopicResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListOffsetsResponse: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "6+")]
pub struct ListOffsetsTopicResponse {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// Each partition in the response.
    #[field(versions = "0+")]
    pub partitions: Vec<ListOffsetsPartitionResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListOffsetsResponse: `ListOffsetsTopicResponse.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "6+")]
pub struct ListOffsetsPartitionResponse {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The partition error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The timestamp associated with the returned offset.
    #[field(versions = "1+", default = "-1")]
    pub timestamp: i64,
    /// The returned offset.
    #[field(versions = "1+", default = "-1")]
    pub offset: i64,
    /// The leader epoch associated with the returned offset.
    #[field(versions = "4+", default = "-1")]
    pub leader_epoch: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
