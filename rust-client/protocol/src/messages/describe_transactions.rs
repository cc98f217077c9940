//! DescribeTransactions (API key 65).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeTransactions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeTransactions", versions = "0", flexible = "0+")]
pub struct DescribeTransactionsRequest {
    /// Array of transactionalIds to include in describe results. If empty, then no results will be returned.
    #[field(versions = "0+")]
    pub transactional_ids: Vec<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeTransactions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeTransactions", versions = "0", flexible = "0+")]
pub struct DescribeTransactionsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The current state of the transaction.
    #[field(versions = "0+")]
    pub transaction_states: Vec<TransactionState>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeTransactionsResponse: `transaction_states`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TransactionState {
    /// The error code.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The transactional id.
    #[field(versions = "0+")]
    pub transactional_id: Text,
    /// The current transaction state of the producer.
    #[field(versions = "0+")]
    pub transaction_state: Text,
    /// The timeout in milliseconds for the transaction.
    #[field(versions = "0+")]
    pub transaction_timeout_ms: i32,
    /// The start time of the transaction in milliseconds.
    #[field(versions = "0+")]
    pub transaction_start_time_ms: i64,
    /// The current producer id associated with the transaction.
    #[field(versions = "0+")]
    pub producer_id: i64,
    /// The current epoch associated with the producer id.
    #[field(versions = "0+")]
    pub producer_epoch: i16,
    /// The set of partitions included in the current transaction (if active). When a transaction is preparing to commit or abort,
    /// this will include only partitions which do not have markers.
    #[field(versions = "0+")]
    pub topics: Vec<TopicData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeTransactionsResponse: `TransactionState.topics`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TopicData {
    /// The topic name.
    #[field(versions = "0+")]
    pub topic: Text,
    /// The partition ids included in the current transaction.
    #[field(versions = "0+")]
    pub partitions: Vec<i32>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
