//! WriteTxnMarkers (API key 27).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of WriteTxnMarkers.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 enables flexible versions.
///
/// Version 2 adds TransactionVersion field to the WritableTxnMarker (KIP-1228).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "WriteTxnMarkers", versions = "1-2", flexible = "1+")]
pub struct WriteTxnMarkersRequest {
    /// The transaction markers to be written.
    #[field(versions = "0+")]
    pub markers: Vec<WritableTxnMarker>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In WriteTxnMarkersRequest: `markers`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct WritableTxnMarker {
    /// The current producer ID.
    #[field(versions = "0+")]
    pub producer_id: i64,
    /// The current epoch associated with the producer ID.
    #[field(versions = "0+")]
    pub producer_epoch: i16,
    /// The result of the transaction to write to the partitions (false = ABORT, true = COMMIT).
    #[field(versions = "0+")]
    pub transaction_result: bool,
    /// Each topic that we want to write transaction marker(s) for.
    #[field(versions = "0+")]
    pub topics: Vec<WritableTxnMarkerTopic>,
    /// Epoch associated with the transaction state partition hosted by this transaction coordinator.
    #[field(versions = "0+")]
    pub coordinator_epoch: i32,
    /// Transaction version of the marker. Ex: 0/1 = legacy (TV0/TV1), 2 = TV2 etc.
    #[field(versions = "2+", ignorable)]
    pub transaction_version: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In WriteTxnMarkersRequest: `WritableTxnMarker.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct WritableTxnMarkerTopic {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The indexes of the partitions to write transaction markers for.
    #[field(versions = "0+")]
    pub partition_indexes: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of WriteTxnMarkers.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 enables flexible versions.
///
/// Version 2 matches WriteTxnMarkersRequest version 2 (KIP-1228).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "WriteTxnMarkers", versions = "1-2", flexible = "1+")]
pub struct WriteTxnMarkersResponse {
    /// The results for writing makers.
    #[field(versions = "0+")]
    pub markers: Vec<WritableTxnMarkerResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In WriteTxnMarkersResponse: `markers`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct WritableTxnMarkerResult {
    /// The current producer ID in use by the transactional ID.
    #[field(versions = "0+")]
    pub producer_id: i64,
    /// The results by topic.
    #[field(versions = "0+")]
    pub topics: Vec<WritableTxnMarkerTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In WriteTxnMarkersResponse: `WritableTxnMarkerResult.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct WritableTxnMarkerTopicResult {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The results by partition.
    #[field(versions = "0+")]
    pub partitions: Vec<WritableTxnMarkerPartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In WriteTxnMarkersResponse: `WritableTxnMarkerTopicResult.partitions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct WritableTxnMarkerPartitionResult {
    /// The partition index.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
