//! DescribeLogDirs (API key 35).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeLogDirs.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 is the same as version 0.
///
/// Version 2 is the first flexible version.
///
/// Version 3 is the same as version 2 (new field in response).
///
/// Version 4 is the same as version 2 (new fields in response).
///
/// Version 5 is the same as version 2 (new fields in response).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeLogDirs", versions = "1-5", flexible = "2+")]
pub struct DescribeLogDirsRequest {
    /// Each topic that we want to describe log directories for, or null for all topics.
    #[field(versions = "0+", nullable = "0+")]
    pub topics: Option<Vec<DescribableLogDirTopic>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeLogDirsRequest: `topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DescribableLogDirTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic: Text,
    /// The partition indexes.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeLogDirs.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline. Starting in version 1, on quota violation, brokers
/// send out responses before throttling.
///
/// Version 2 is the first flexible version.
///
/// Version 3 adds the top-level ErrorCode field
///
/// Version 4 adds the TotalBytes and UsableBytes fields
///
/// Version 5 adds IsCordoned field
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeLogDirs", versions = "1-5", flexible = "2+")]
pub struct DescribeLogDirsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "3+", ignorable)]
    pub error_code: i16,
    /// The log directories.
    #[field(versions = "0+")]
    pub results: Vec<DescribeLogDirsResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeLogDirsResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DescribeLogDirsResult {
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The absolute log directory path.
    #[field(versions = "0+")]
    pub log_dir: Text,
    /// The topics.
    #[field(versions = "0+")]
    pub topics: Vec<DescribeLogDirsTopic>,
    /// The total size in bytes of the volume the log directory is in. This value does not include the size of data stored in
    /// remote storage.
    #[field(versions = "4+", default = "-1", ignorable)]
    pub total_bytes: i64,
    /// The usable size in bytes of the volume the log directory is in. This value does not include the size of data stored in
    /// remote storage.
    #[field(versions = "4+", default = "-1", ignorable)]
    pub usable_bytes: i64,
    /// True if this log directory is cordoned.
    #[field(versions = "5+", ignorable)]
    pub is_cordoned: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeLogDirsResponse: `DescribeLogDirsResult.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DescribeLogDirsTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The partitions.
    #[field(versions = "0+")]
    pub partitions: Vec<DescribeLogDirsPartition>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeLogDirsResponse: `DescribeLogDirsTopic.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DescribeLogDirsPartition {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The size of the log segments in this partition in bytes.
    #[field(versions = "0+")]
    pub partition_size: i64,
    /// The lag of the log's LEO w.r.t. partition's HW (if it is the current log for the partition) or current replica's LEO (if
    /// it is the future log for the partition).
    #[field(versions = "0+")]
    pub offset_lag: i64,
    /// True if this log is created by AlterReplicaLogDirsRequest and will replace the current log of the replica in the future.
    #[field(versions = "0+")]
    pub is_future_key: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
