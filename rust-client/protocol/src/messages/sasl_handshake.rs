//! SaslHandshake (API key 17).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of SaslHandshake.
///
/// Version 1 supports SASL_AUTHENTICATE. NOTE: Version cannot be easily bumped due to incorrect client negotiation for clients
/// \<= 2.4. See <https://issues.apache.org/jira/browse/KAFKA-9577>
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "SaslHandshake", versions = "0-1", flexible = "none")]
pub struct SaslHandshakeRequest {
    /// The SASL mechanism chosen by the client.
    #[field(versions = "0+")]
    pub mechanism: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of SaslHandshake.
///
/// Version 1 is the same as version 0. NOTE: Version cannot be easily bumped due to incorrect client negotiation for clients \<=
/// 2.4. See <https://issues.apache.org/jira/browse/KAFKA-9577>
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "SaslHandshake", versions = "0-1", flexible = "none")]
pub struct SaslHandshakeResponse {
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The mechanisms enabled in the server.
    #[field(versions = "0+")]
    pub mechanisms: Vec<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
