//! SaslAuthenticate (API key 36).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, Text, UnknownTaggedField};

/// The request of SaslAuthenticate.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds flexible version support
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "SaslAuthenticate", versions = "0-2", flexible = "2+")]
pub struct SaslAuthenticateRequest {
    /// The SASL authentication bytes from the client, as defined by the SASL mechanism.
    #[field(versions = "0+")]
    pub auth_bytes: Bytes,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of SaslAuthenticate.
///
/// Version 1 adds the session lifetime.
///
/// Version 2 adds flexible version support
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "SaslAuthenticate", versions = "0-2", flexible = "2+")]
pub struct SaslAuthenticateResponse {
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The SASL authentication bytes from the server, as defined by the SASL mechanism.
    #[field(versions = "0+")]
    pub auth_bytes: Bytes,
    /// Number of milliseconds after which only re-authentication over the existing connection to create a new session can occur.
    #[field(versions = "1+", ignorable)]
    pub session_lifetime_ms: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
