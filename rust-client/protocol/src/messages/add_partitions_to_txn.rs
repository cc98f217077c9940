//! AddPartitionsToTxn (API key 24).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of AddPartitionsToTxn.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds the support for new error code PRODUCER_FENCED.
///
/// Version 3 enables flexible versions.
///
/// Version 4 adds VerifyOnly field to check if partitions are already in transaction and adds support to batch multiple
/// transactions.
///
/// Version 5 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Versions 3 and below will be exclusively used by clients and versions 4 and above will be used by brokers.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "AddPartitionsToTxn", versions = "0-5", flexible = "3+")]
pub struct AddPartitionsToTxnRequest {
    /// List of transactions to add partitions to.
    #[field(versions = "4+")]
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// The transactional id corresponding to the transaction.
    #[field(versions = "0-3")]
    pub v3_and_below_transactional_id: Text,
    /// Current producer id in use by the transactional id.
    #[field(versions = "0-3")]
    pub v3_and_below_producer_id: i64,
    /// Current epoch associated with the producer id.
    #[field(versions = "0-3")]
    pub v3_and_below_producer_epoch: i16,
    /// The partitions to add to the transaction.
    #[field(versions = "0-3")]
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AddPartitionsToTxnRequest: `transactions`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "4+", flexible = "3+")]
pub struct AddPartitionsToTxnTransaction {
    /// The transactional id corresponding to the transaction.
    #[field(versions = "4+")]
    pub transactional_id: Text,
    /// Current producer id in use by the transactional id.
    #[field(versions = "4+")]
    pub producer_id: i64,
    /// Current epoch associated with the producer id.
    #[field(versions = "4+")]
    pub producer_epoch: i16,
    /// Boolean to signify if we want to check if the partition is in the transaction rather than add it.
    #[field(versions = "4+")]
    pub verify_only: bool,
    /// The partitions to add to the transaction.
    #[field(versions = "4+")]
    pub topics: Vec<AddPartitionsToTxnTopic>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AddPartitionsToTxnRequest: `v3_and_below_topics`, `AddPartitionsToTxnTransaction.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct AddPartitionsToTxnTopic {
    /// The name of the topic.
    #[field(versions = "0+")]
    pub name: Text,
    /// The partition indexes to add to the transaction.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of AddPartitionsToTxn.
///
/// Starting in version 1, on quota violation brokers send out responses before throttling.
///
/// Version 2 adds the support for new error code PRODUCER_FENCED.
///
/// Version 3 enables flexible versions.
///
/// Version 4 adds support to batch multiple transactions and a top level error code.
///
/// Version 5 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "AddPartitionsToTxn", versions = "0-5", flexible = "3+")]
pub struct AddPartitionsToTxnResponse {
    /// Duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The response top level error code.
    #[field(versions = "4+", ignorable)]
    pub error_code: i16,
    /// Results categorized by transactional ID.
    #[field(versions = "4+")]
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    /// The results for each topic.
    #[field(versions = "0-3")]
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AddPartitionsToTxnResponse: `results_by_transaction`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "4+", flexible = "3+")]
pub struct AddPartitionsToTxnResult {
    /// The transactional id corresponding to the transaction.
    #[field(versions = "4+")]
    pub transactional_id: Text,
    /// The results for each topic.
    #[field(versions = "4+")]
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AddPartitionsToTxnResponse: `results_by_topic_v3_and_below`, `AddPartitionsToTxnResult.topic_results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct AddPartitionsToTxnTopicResult {
    /// The topic name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The results for each partition.
    #[field(versions = "0+")]
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AddPartitionsToTxnResponse: `AddPartitionsToTxnTopicResult.results_by_partition`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct AddPartitionsToTxnPartitionResult {
    /// The partition indexes.
    #[field(versions = "0+")]
    pub partition_index: i32,
    /// The response error code.
    #[field(versions = "0+")]
    pub partition_error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
