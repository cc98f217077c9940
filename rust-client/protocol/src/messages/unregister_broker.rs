//! UnregisterBroker (API key 64).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of UnregisterBroker.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "UnregisterBroker", versions = "0", flexible = "0+")]
pub struct UnregisterBrokerRequest {
    /// The broker ID to unregister.
    #[field(versions = "0+")]
    pub broker_id: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of UnregisterBroker.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "UnregisterBroker", versions = "0", flexible = "0+")]
pub struct UnregisterBrokerResponse {
    /// Duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or `null` if there was no top-level error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
