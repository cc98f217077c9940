//! AlterReplicaLogDirs (API key 34).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of AlterReplicaLogDirs.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 is the same as version 0.
///
/// Version 2 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "AlterReplicaLogDirs", versions = "1-2", flexible = "2+")]
pub struct AlterReplicaLogDirsRequest {
    /// The alterations to make for each directory.
    #[field(versions = "0+")]
    pub dirs: Vec<AlterReplicaLogDir>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterReplicaLogDirsRequest: `dirs`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct AlterReplicaLogDir {
    /// The absolute directory path.
    #[field(versions = "0+")]
    pub path: Text,
    /// The topics to add to the directory.
    #[field(versions = "0+")]
    pub topics: Vec<AlterReplicaLogDirTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterReplicaLogDirsRequest: `AlterReplicaLogDir.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct AlterReplicaLogDirTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The partition indexes.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of AlterReplicaLogDirs.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline. Starting in version 1, on quota violation brokers
/// send out responses before throttling.
///
/// Version 2 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "AlterReplicaLogDirs", versions = "1-2", flexible = "2+")]
pub struct AlterReplicaLogDirsResponse {
    /// Duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The results for each topic.
    #[field(versions = "0+")]
    pub results: Vec<AlterReplicaLogDirTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterReplicaLogDirsResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct AlterReplicaLogDirTopicResult {
    /// The name of the topic.
    #[field(versions = "0+")]
    pub topic_name: Text,
    /// The results for each partition.
    #[field(versions = "0+")]
    pub partitions: Vec<AlterReplicaLogDirPartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterReplicaLogDirsResponse: `AlterReplicaLogDirTopicResult.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct AlterReplicaLogDirPartitionResult {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
