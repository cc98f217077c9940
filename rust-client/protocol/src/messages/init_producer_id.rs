//! InitProducerId (API key 22).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of InitProducerId.
///
/// Version 1 is the same as version 0.
///
/// Version 2 is the first flexible version.
///
/// Version 3 adds ProducerId and ProducerEpoch, allowing producers to try to resume after an INVALID_PRODUCER_EPOCH error
///
/// Version 4 adds the support for new error code PRODUCER_FENCED.
///
/// Version 5 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Version 6 adds support for 2PC (KIP-939).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "InitProducerId", versions = "0-6", flexible = "2+")]
pub struct InitProducerIdRequest {
    /// The transactional id, or null if the producer is not transactional.
    #[field(versions = "0+", nullable = "0+")]
    pub transactional_id: Option<Text>,
    /// The time in ms to wait before aborting idle transactions sent by this producer. This is only relevant if a TransactionalId
    /// has been defined.
    #[field(versions = "0+")]
    pub transaction_timeout_ms: i32,
    /// The producer id. This is used to disambiguate requests if a transactional id is reused following its expiration.
    #[field(versions = "3+", default = "-1")]
    pub producer_id: i64,
    /// The producer's current epoch. This will be checked against the producer epoch on the broker, and the request will return
    /// an error if they do not match.
    #[field(versions = "3+", default = "-1")]
    pub producer_epoch: i16,
    /// True if the client wants to enable two-phase commit (2PC) protocol for transactions.
    #[field(versions = "6+")]
    pub enable2_pc: bool,
    /// True if the client wants to keep the currently ongoing transaction instead of aborting it.
    #[field(versions = "6+")]
    pub keep_prepared_txn: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of InitProducerId.
///
/// Starting in version 1, on quota violation, brokers send out responses before throttling.
///
/// Version 2 is the first flexible version.
///
/// Version 3 is the same as version 2.
///
/// Version 4 adds the support for new error code PRODUCER_FENCED.
///
/// Version 5 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Version 6 adds support for 2PC (KIP-939).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "InitProducerId", versions = "0-6", flexible = "2+")]
pub struct InitProducerIdResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+", ignorable)]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The current producer id.
    #[field(versions = "0+", default = "-1")]
    pub producer_id: i64,
    /// The current epoch associated with the producer id.
    #[field(versions = "0+")]
    pub producer_epoch: i16,
    /// The producer id for ongoing transaction when KeepPreparedTxn is used, -1 if there is no transaction ongoing.
    #[field(versions = "6+", default = "-1")]
    pub ongoing_txn_producer_id: i64,
    /// The epoch associated with the producer id for ongoing transaction when KeepPreparedTxn is used, -1 if there is no
    /// transaction ongoing.
    #[field(versions = "6+", default = "-1")]
    pub ongoing_txn_producer_epoch: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
