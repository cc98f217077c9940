//! ExpireDelegationToken (API key 40).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, UnknownTaggedField};

/// The request of ExpireDelegationToken.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds flexible version support
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ExpireDelegationToken", versions = "1-2", flexible = "2+")]
pub struct ExpireDelegationTokenRequest {
    /// The HMAC of the delegation token to be expired.
    #[field(versions = "0+")]
    pub hmac: Bytes,
    /// The expiry time period in milliseconds.
    #[field(versions = "0+")]
    pub expiry_time_period_ms: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ExpireDelegationToken.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline. Starting in version 1, on quota violation, brokers
/// send out responses before throttling.
///
/// Version 2 adds flexible version support
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ExpireDelegationToken", versions = "1-2", flexible = "2+")]
pub struct ExpireDelegationTokenResponse {
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The timestamp in milliseconds at which this token expires.
    #[field(versions = "0+")]
    pub expiry_timestamp_ms: i64,
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
