//! ListTransactions (API key 66).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of ListTransactions.
///
/// Version 1: adds DurationFilter to list transactions older than specified duration
///
/// Version 2: adds TransactionalIdPattern to list transactions with the same pattern(KIP-1152)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ListTransactions", versions = "0-2", flexible = "0+")]
pub struct ListTransactionsRequest {
    /// The transaction states to filter by: if empty, all transactions are returned; if non-empty, then only transactions
    /// matching one of the filtered states will be returned.
    #[field(versions = "0+")]
    pub state_filters: Vec<Text>,
    /// The producerIds to filter by: if empty, all transactions will be returned; if non-empty, only transactions which match one
    /// of the filtered producerIds will be returned.
    #[field(versions = "0+")]
    pub producer_id_filters: Vec<i64>,
    /// Duration (in millis) to filter by: if \< 0, all transactions will be returned; otherwise, only transactions running longer
    /// than this duration will be returned.
    #[field(versions = "1+", default = "-1")]
    pub duration_filter: i64,
    /// The transactional ID regular expression pattern to filter by: if it is empty or null, all transactions are returned;
    /// Otherwise then only the transactions matching the given regular expression will be returned.
    #[field(versions = "2+", nullable = "2+", default = "null")]
    pub transactional_id_pattern: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ListTransactions.
///
/// Version 1 is the same as version 0 (KIP-994). This API can return InvalidRegularExpression (KIP-1152).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ListTransactions", versions = "0-2", flexible = "0+")]
pub struct ListTransactionsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Set of state filters provided in the request which were unknown to the transaction coordinator.
    #[field(versions = "0+")]
    pub unknown_state_filters: Vec<Text>,
    /// The current state of the transaction for the transactional id.
    #[field(versions = "0+")]
    pub transaction_states: Vec<TransactionState>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListTransactionsResponse: `transaction_states`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct TransactionState {
    /// The transactional id.
    #[field(versions = "0+")]
    pub transactional_id: Text,
    /// The producer id.
    #[field(versions = "0+")]
    pub producer_id: i64,
    /// The current transaction state of the producer.
    #[field(versions = "0+")]
    pub transaction_state: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
