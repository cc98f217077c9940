//! AddOffsetsToTxn (API key 25).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of AddOffsetsToTxn.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds the support for new error code PRODUCER_FENCED.
///
/// Version 3 enables flexible versions.
///
/// Version 4 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "AddOffsetsToTxn", versions = "0-4", flexible = "3+")]
pub struct AddOffsetsToTxnRequest {
    /// The transactional id corresponding to the transaction.
    #[field(versions = "0+")]
    pub transactional_id: Text,
    /// Current producer id in use by the transactional id.
    #[field(versions = "0+")]
    pub producer_id: i64,
    /// Current epoch associated with the producer id.
    #[field(versions = "0+")]
    pub producer_epoch: i16,
    /// The unique group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of AddOffsetsToTxn.
///
/// Starting in version 1, on quota violation brokers send out responses before throttling.
///
/// Version 2 adds the support for new error code PRODUCER_FENCED.
///
/// Version 3 enables flexible versions.
///
/// Version 4 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "AddOffsetsToTxn", versions = "0-4", flexible = "3+")]
pub struct AddOffsetsToTxnResponse {
    /// Duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The response error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
