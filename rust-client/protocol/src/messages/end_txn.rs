//! EndTxn (API key 26).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of EndTxn.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds the support for new error code PRODUCER_FENCED.
///
/// Version 3 enables flexible versions.
///
/// Version 4 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Version 5 enables bumping epoch on every transaction (KIP-890 Part 2)
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "EndTxn", versions = "0-5", flexible = "3+")]
pub struct EndTxnRequest {
    /// The ID of the transaction to end.
    #[field(versions = "0+")]
    pub transactional_id: Text,
    /// The producer ID.
    #[field(versions = "0+")]
    pub producer_id: i64,
    /// The current epoch associated with the producer.
    #[field(versions = "0+")]
    pub producer_epoch: i16,
    /// True if the transaction was committed, false if it was aborted.
    #[field(versions = "0+")]
    pub committed: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of EndTxn.
///
/// Starting in version 1, on quota violation, brokers send out responses before throttling.
///
/// Version 2 adds the support for new error code PRODUCER_FENCED.
///
/// Version 3 enables flexible versions.
///
/// Version 4 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Version 5 enables bumping epoch on every transaction (KIP-890 Part 2), so producer ID and epoch are included in the response.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "EndTxn", versions = "0-5", flexible = "3+")]
pub struct EndTxnResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The producer ID.
    #[field(versions = "5+", default = "-1", ignorable)]
    pub producer_id: i64,
    /// The current epoch associated with the producer.
    #[field(versions = "5+", default = "-1", ignorable)]
    pub producer_epoch: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
