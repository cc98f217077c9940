//! What stands before each request and response.
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request header.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 0 of the RequestHeader is only used by v0 of ControlledShutdownRequest.
///
/// Version 1 is the first version with ClientId.
///
/// Version 2 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "1-2", flexible = "2+")]
pub struct RequestHeader {
    /// The API key of this request.
    #[field(versions = "0+")]
    pub request_api_key: i16,
    /// The API version of this request.
    #[field(versions = "0+")]
    pub request_api_version: i16,
    /// The correlation ID of this request.
    #[field(versions = "0+")]
    pub correlation_id: i32,
    /// The client ID string.
    #[field(versions = "1+", nullable = "1+", flexible = "none")]
    pub client_id: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response header.
///
/// Version 1 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0-1", flexible = "1+")]
pub struct ResponseHeader {
    /// The correlation ID of this response.
    #[field(versions = "0+")]
    pub correlation_id: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
